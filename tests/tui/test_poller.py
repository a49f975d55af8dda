"""The poller of a screen: what was asked for while it loads is loaded after."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from app.tui.poller import Poller


async def test_a_reload_asked_for_during_a_load_is_done_after_it() -> None:
    begun, may_end, loads = threading.Event(), threading.Event(), []

    def load(_wish: str) -> int:
        loads.append(1)
        begun.set()
        may_end.wait(5)
        return len(loads)

    with ThreadPoolExecutor(1) as executor:
        poller = Poller(
            load=load, wish=lambda: "all", show=lambda _: None, version=lambda: 1, tick=lambda _: None,
            executor=executor, interval_s=0.01,
        )  # fmt: skip
        poller.start()
        await asyncio.to_thread(begun.wait, 5)

        poller.nudge(reload=True)
        may_end.set()
        for _ in range(200):
            await asyncio.sleep(0.01)
            if poller.settled and len(loads) > 1:
                break
        poller.stop()

    assert len(loads) == 2
