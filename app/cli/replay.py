"""`trainmaster replay`: the sample year arrives month by month, in front of a person or headless for CI."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.render import Bar, emit, say, table
from app.cli.session import Json, ProjectName, WorkspaceDir, chosen_project, opened, single
from app.domain.errors import Refused, Usage
from app.domain.states import CauseKind
from app.domain.workspace import Workspace

if TYPE_CHECKING:
    from app.store.engine import Store

replay = single()


@dataclass(frozen=True)
class Turn:
    """One month: what production did in it, and what its end brought."""

    month: str
    production: int
    metrics: dict[str, float]
    alerts: tuple[str, ...]
    decisions: tuple[str, ...]
    retrained: str
    seconds: float


@replay.command()
def replay_command(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    months: Annotated[int, typer.Option("--months", "-n", min=1, max=11, help="So many months.")] = 1,
    every: Annotated[
        float, typer.Option("--every", min=0, max=3600, help="Seconds between two months; the services follow each.")
    ] = 60,
    headless: Annotated[
        bool, typer.Option("--headless", help="All months here, without services, then the back-test's table.")
    ] = False,
    backtest: Annotated[bool, typer.Option("--backtest/--no-backtest", help="With --headless: the table.")] = True,
    json: Json = False,
) -> None:
    """Let the next month of the sample year arrive in the watched folder; starts the services when they are not up.

    Headless, each month is followed to the end of the loop in this process: data, features, predictions, report,
    alerts, decisions, a retrain where one was decided, and the promotion of a challenger that passed every gate.
    """
    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        if headless:
            _headless(place, store, name, as_json=json, with_backtest=backtest)
            return
        from app.services import infrastructure
        from app.services import replay as service

        if not infrastructure.is_up(store):
            from app.cli.infrastructure import start_services

            start_services(place.root)
        arrived = []
        for at in range(months):
            if at:
                time.sleep(every)
            arrived.append(service.next_month(place, name))
            if not json:
                print(f"{arrived[-1].month} arrived: {', '.join(arrived[-1].files)}", flush=True)
    emit(arrived[0] if months == 1 else arrived, as_json=json, human=lambda: None)
    if not json:
        say("  next: trainmaster runs ls, trainmaster alerts ls")


def _headless(place: Workspace, store: "Store", name: str, *, as_json: bool, with_backtest: bool) -> None:
    from app.services import infrastructure

    if infrastructure.is_up(store):
        raise Usage("the services follow what arrives themselves", next_step="trainmaster down")
    began = time.monotonic()
    turns: list[Turn] = []
    while True:
        turn = _turn(place, store, name, quiet=as_json)
        if turn is None:
            break
        turns.append(turn)
    found = None
    if with_backtest:
        from app.services.backtest import backtest
        from app.services.workspaces import open_project

        found = backtest(store, open_project(place, name), told=(lambda _: None) if as_json else say)
    seconds = round(time.monotonic() - began, 1)

    def human() -> None:
        table(
            ["month", "production", "auc", "log-loss", "alerts", "retrain", "seconds"],
            [
                (one.month, f"v{one.production}", _number(one, "auc"), _number(one, "log_loss"),
                 ", ".join(one.alerts), one.retrained or "; ".join(one.decisions), one.seconds)
                for one in turns
            ],
            empty="the whole year has arrived already",
        )  # fmt: skip
        if found is not None:
            from app.cli.backtest import show

            print()
            show(found, months=False)
        say(f"the year in {seconds:g} s")

    emit({"months": turns, "backtest": found, "seconds": seconds}, as_json=as_json, human=human)


def _turn(place: Workspace, store: "Store", name: str, *, quiet: bool) -> Turn | None:
    """One month to the end of the loop; None when the year is over."""
    from app.services import replay as service
    from app.store.queries import monitoring, registry
    from app.store.queries.feedback import verdicts

    began = time.monotonic()
    try:
        arrived = service.next_month(place, name)
    except Refused:
        return None
    before = {one.key for one in verdicts(store.reader, project=name, limit=1000)}
    serving = registry.production_of(store.reader, name)
    if serving is None:
        raise Refused(f"{name} has nothing in production to watch", next_step="trainmaster demo")
    _run(place, store, name, "arrival", {}, CauseKind.NEW_DATA, arrived.month, quiet)
    report = monitoring.latest_report(store.reader, name)
    signals = {} if report is None else {one.name: one.value for one in monitoring.signals_of(store.reader, report.key)}
    alerts = tuple(one.signal for one in monitoring.alerts(store.reader, project=name, unresolved_only=True))
    decided = [one for one in verdicts(store.reader, project=name, limit=1000) if one.key not in before]
    retrained = ""
    for one in decided:
        if one.retrain:
            parameters: dict[str, object] = {"decision": one.key}
            if one.alert:
                parameters["alert"] = one.alert
            cause = CauseKind.ALERT if one.alert else CauseKind.NEW_DATA
            _run(place, store, name, "train", parameters, cause, one.alert or one.key, quiet)
            retrained = _settle(place, store, name)
    return Turn(
        arrived.month,
        report.version if report is not None else serving.version,
        {key: value for key, value in signals.items() if key in ("auc", "log_loss", "skill", "rmse", "mae")},
        alerts,
        tuple(f"{one.trigger}: {'yes' if one.retrain else 'no'}, {one.reason}" for one in decided),
        retrained,
        round(time.monotonic() - began, 1),
    )  # fmt: skip


def _run(
    place: Workspace,
    store: "Store",
    name: str,
    flow: str,
    parameters: dict[str, object],
    cause: CauseKind,
    cause_key: str,
    quiet: bool,
) -> None:
    from app.cli.waiting import finished, says_of, share_of
    from app.services import runs

    bar = None if quiet else Bar()
    key = runs.run_here(
        store,
        place,
        name,
        flow,
        parameters,
        (lambda row: bar.show(share_of(row), says_of(row), row.eta_s)) if bar is not None else (lambda _: None),
        cause=cause,
        cause_key=cause_key,
    )
    if bar is not None:
        bar.done()
    finished(store, key)


def _settle(place: Workspace, store: "Store", name: str) -> str:
    """Judge the challenger; a winner goes up here, as the policy, without an orchestrator."""
    from app.services import feedback, registry
    from app.services.workspaces import open_project

    says = []
    for one in feedback.settle(store, place, ask=False):
        if one.won and one.model is not None and one.version is not None:
            reason = f"decision {one.decision}: {one.says}"[:500]
            registry.promote_here(
                store, open_project(place, name), one.model, one.version,
                by="policy", reason=reason, typed_name=one.model,
            )  # fmt: skip
            says.append(f"v{one.version} promoted: {one.says}")
        else:
            says.append(f"v{one.version} refused: {one.says}" if one.version else one.says)
    return "; ".join(says)


def _number(turn: Turn, name: str) -> str:
    value = turn.metrics.get(name)
    return f"{value:.4f}" if value is not None else "–"
