"""Following a run from outside: its row now, and waiting for its end."""

import time
from collections.abc import Callable

from app.domain.errors import Unavailable
from app.domain.states import RunState
from app.store.engine import Store
from app.store.queries.runs import RunRow, run_detail

POLL_S = 0.1


def row_of(store: Store, key: str) -> RunRow:
    """The row of a run, with its current task; raises NotFound."""
    return run_detail(store.reader, key).row


def wait_for(
    store: Store, key: str, on_progress: Callable[[RunRow], None] | None = None, *, timeout_s: float | None = None
) -> RunRow:
    """Wait until a run has ended and give its row; tells of every change on the way.

    Raises Unavailable when `timeout_s` passes; the run goes on.
    """
    begun, told, version = time.monotonic(), None, -1
    while True:
        current = store.reader.version()
        if current != version or current == 0:
            version = current
            row = row_of(store, key)
            if row != told and on_progress is not None:
                on_progress(row)
            told = row
            if RunState(row.state).ended:
                return row
        if timeout_s is not None and time.monotonic() - begun > timeout_s:
            raise Unavailable(
                f"run {key} has not ended after {timeout_s:.0f} s", next_step=f"trainmaster runs show {key}"
            )
        time.sleep(POLL_S)
