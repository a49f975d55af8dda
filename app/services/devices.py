"""A fit on the device that the project asks for: tried first, recorded on the run, tried again when memory fails."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import update
from sqlmodel import col

from app.domain.project import Learner
from app.machine.gpu import read_gpus
from app.services.running import RunContext
from app.store import ledger
from app.store.tables import Run

T = TypeVar("T")
POOL_MB = 64


def on_device(run: RunContext, learner: Learner, fit: Callable[[Learner], T]) -> T:
    """Call `fit` with the learner on the device that can be used; out of memory is tried once more, and recorded.

    A fit that runs out of a GPU's memory is tried on the CPU (by the policy `fall-back`), one that runs out of this
    machine's memory with a small pool of histograms, which gives the same trees. Raises Unavailable by the policy
    `fail`, and whatever the second try raises.
    """
    from app.learning.device import choose, is_out_of_memory

    chosen = choose(learner.device, learner.device_policy, has_gpu=bool(read_gpus()), learner=learner.kind)
    _record(run, chosen.device)
    run.log(
        f"device {chosen.device} (asked: {chosen.asked}): {chosen.says}",
        level="warning" if chosen.fell_back else "info",
    )
    notes = {"device": chosen.device, "device.asked": chosen.asked, "device.why": chosen.says}
    settled = learner.model_copy(update={"device": chosen.device})
    try:
        fitted = fit(settled)
    except Exception as error:
        if (
            not is_out_of_memory(error)
            or learner.kind != "lightgbm"
            or (chosen.device != "cpu" and learner.device_policy == "fail")
        ):
            raise
        why = f"out of memory on {chosen.device}: {str(error)[:200]}"
        notes["device.retry"] = why
    else:
        _note(run, notes)
        return fitted
    if chosen.device == "cpu":
        again = settled.model_copy(
            update={"parameters": {**settled.parameters, "histogram_pool_size": POOL_MB, "num_threads": 1}}
        )
        run.log(f"{why}; once more with {POOL_MB} MB of histograms on 1 thread", level="warning")
    else:
        again = settled.model_copy(update={"device": "cpu"})
        notes["device"] = "cpu"
        _record(run, "cpu")
        run.log(f"{why}; once more on the CPU", level="warning")
    try:
        return fit(again)
    finally:
        _note(run, notes)


def _record(run: RunContext, device: str) -> None:
    with run.store.write() as session:
        session.connection().execute(update(Run).where(col(Run.id) == run.run_id).values(device=device))


def _note(run: RunContext, notes: dict[str, str]) -> None:
    with run.store.write() as session:
        ledger.log_parameters(session, run.run_id, notes)
