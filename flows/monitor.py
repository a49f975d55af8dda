"""The monitor flow: report on the newest window, then tell the orchestrator what was decided."""

from typing import TYPE_CHECKING

from app.services import monitoring
from app.services.running import RunContext, TaskContext
from flows.harness import flow, main, stage

if TYPE_CHECKING:
    from app.monitoring.windows import Window


@stage("report")
def report(task: TaskContext, month: str | None, owed: "Window | None" = None) -> dict[str, object]:
    """Signals, alerts and decisions, in one transaction."""
    return monitoring.monitor(task, month=month, owed=owed)


@stage("tell")
def tell(task: TaskContext, summary: dict[str, object]) -> int:
    """Send the events of what was written; what cannot be sent waits for the watcher."""
    run = task.run
    opened = summary["opened"]
    assert isinstance(opened, list)
    if opened:
        monitoring.announce(run.project.workspace, run.project.name, [(a, b, c, d) for a, b, c, d in opened])
    sent = monitoring.emit_waiting(run.store, run.project.workspace)
    waiting = monitoring.count_waiting(run.store)
    says = f"{sent} decisions sent" if sent else "nothing to send"
    with run.store.write() as session:
        task.complete(session, says=f"{waiting} decisions wait for the orchestrator" if waiting else says)
    return sent


@flow("monitor", stages=2)
def monitor(run: RunContext) -> dict[str, object]:
    """Watch the newest complete window, or the one of the parameter `month` (such as 2013-04).

    Windows before it that came late, were passed over, or have more labels now are looked at first.
    """
    month = run.parameters.get("month")
    owed = monitoring.owed_windows(run) if month is None else ()
    run.plan(2 + len(owed))
    before = [report(run, None, window) for window in owed]
    summary = report(run, str(month) if month is not None else None)
    for name in ("opened", "resolved", "decisions"):
        summary[name] = [one for each in (*before, summary) for one in _listed(each[name])]
    summary["looked_back"] = [str(window) for window in owed]
    return {**summary, "events_sent": tell(run, summary)}


def _listed(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


if __name__ == "__main__":
    main(monitor)
