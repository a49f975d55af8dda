"""The outbox: decisions are rows first, then events; a decision is carried out by one run at most."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from app.domain.errors import NotFound, Refused, TrainmasterError
from app.domain.ids import Ref
from app.domain.policy import Trigger
from app.domain.states import CauseKind, RunState
from app.domain.workspace import Workspace
from app.services.feedback.items import answer_scheduler
from app.services.running import Cancelled
from app.services.workspaces import now
from app.store.engine import Store
from app.store.lineage import link
from app.store.tables import Alert, Decision, LineageEdge, Project, Run

RESEND_AFTER = timedelta(minutes=5)
RESEND_UNTIL = timedelta(hours=24)
MOST_RETRIES = 2
CAUSES = {
    Trigger.ALERT: CauseKind.ALERT,
    Trigger.GROWTH: CauseKind.NEW_DATA,
    Trigger.SCHEDULE: CauseKind.SCHEDULE,
    Trigger.HAND: CauseKind.PERSON,
}
"""What a run that carries out a decision gives as its cause; its key is the alert's, or the decision's."""
log = logging.getLogger(__name__)


class Emit(Protocol):
    """Sends one event to the orchestrator; raises Unavailable when it does not accept it."""

    def __call__(
        self, workspace: Workspace, event: str, resource: str, payload: Mapping[str, object], *, key: str = ""
    ) -> None: ...


def claim_decision(session: Session, decision: str, run_id: int) -> None:
    """Bind a decision to the run that carries it out, in the transaction of `session`.

    Errors: NotFound for an unknown decision, Refused for one that said no, Cancelled when another run has it already.
    """
    row = session.execute(select(Decision).where(col(Decision.key) == decision)).scalars().first()
    if row is None:
        raise NotFound(f"there is no decision {decision}", next_step="trainmaster alerts ls")
    if not row.retrain:
        raise Refused(f"decision {decision} says no: {row.reason}", next_step="trainmaster alerts ls")
    if row.run_id == run_id:
        return
    taken = session.connection().execute(
        update(Decision).where(col(Decision.id) == row.id, col(Decision.run_id).is_(None)).values(run_id=run_id)
    )
    if taken.rowcount != 1:
        other = session.get(Run, row.run_id)
        raise Cancelled(
            f"decision {decision} has run {other.key if other else '?'} already",
            next_step=f"trainmaster runs show {other.key}" if other else None,
        )
    run = session.get(Run, run_id)
    if run is not None:
        link(session, [(Ref("decision", decision), Ref("run", run.key), "caused")], now=now())
        answer_scheduler(session, session.get(Alert, row.alert_id) if row.alert_id else None, run.key, now())


def emit_waiting(store: Store, workspace: Workspace, *, emit: Emit | None = None) -> int:
    """Send every decision to retrain that was not sent yet; gives how many were. What fails waits for the next call.

    A decision that was sent and that no run has taken within five minutes is sent once more: it may have been lost in
    the orchestrator. That is harmless, for only one run can claim it. A decision whose run crashed (its process died;
    it neither failed nor was cancelled) is free again, twice at most.
    """
    _release_crashed(store)
    waiting = _waiting(store)
    if not waiting:
        return 0
    if emit is None:
        from app.orchestration.events import emit as send

        emit = send
    sent = 0
    for decision in waiting:
        payload = {
            "project": decision.project, "decision": decision.key, "alert": decision.alert,
            "cause": decision.cause, "cause_key": decision.cause_key,
        }  # fmt: skip
        try:
            emit(
                workspace,
                "trainmaster.retrain.wanted",
                f"trainmaster.project.{decision.project}",
                payload,
                key=decision.event_key,
            )
        except TrainmasterError as error:
            log.debug("decision %s waits for the orchestrator: %s", decision.key, error.message)
            break
        with store.write() as session:
            session.connection().execute(
                update(Decision).where(col(Decision.key) == decision.key).values(emitted_at=now())
            )
        sent += 1
    return sent


def count_waiting(store: Store) -> int:
    """How many decisions to retrain are still to be sent."""
    return len(_waiting(store))


def announce(
    workspace: Workspace, project: str, opened: Iterable[tuple[str, str, str, str]], *, emit: Emit | None = None
) -> None:
    """Tell the orchestrator of alerts (key, signal, severity, words) that were opened; a failure is only logged."""
    lines = list(opened)
    if lines and emit is None:
        from app.orchestration.events import emit as send

        emit = send
    for key, signal, severity, says in lines:
        payload = {"project": project, "alert": key, "signal": signal, "severity": severity, "says": says}
        try:
            assert emit is not None
            emit(workspace, "trainmaster.alert.opened", f"trainmaster.project.{project}", payload, key=key)
        except TrainmasterError as error:
            log.warning("alert %s was not announced: %s", key, error.message)
            return


@dataclass(frozen=True)
class _Waiting:
    key: str
    project: str
    alert: str
    cause: str
    cause_key: str
    event_key: str


def _release_crashed(store: Store) -> None:
    crashed = (
        select(Decision, Run)
        .join(Run, col(Run.id) == col(Decision.run_id))
        .where(
            col(Decision.retrain),
            col(Run.state) == RunState.CRASHED,
            col(Decision.decided_at) > now() - RESEND_UNTIL,
        )
    )
    with store.read() as session:
        if not session.execute(crashed).first():
            return
    with store.write() as session:
        for decision, run in session.execute(crashed).all():
            if _tries(session, decision.key) <= MOST_RETRIES:
                log.warning("run %s of decision %s crashed: the decision is sent again", run.key, decision.key)
                decision.run_id, decision.emitted_at = None, None
                session.add(decision)


def _tries(session: Session, decision: str) -> int:
    """How many runs a decision has had."""
    return int(
        session.execute(
            select(func.count())
            .select_from(LineageEdge)
            .where(
                col(LineageEdge.from_kind) == "decision",
                col(LineageEdge.from_key) == decision,
                col(LineageEdge.kind) == "caused",
            )
        ).scalar_one()
    )


def _waiting(store: Store) -> list[_Waiting]:
    moment = now()
    with store.read() as session:
        rows = session.execute(
            select(Decision, col(Alert.key), col(Project.name))
            .outerjoin(Alert, col(Alert.id) == col(Decision.alert_id))
            .join(Project, col(Project.id) == col(Decision.project_id))
            .where(col(Decision.retrain), col(Decision.run_id).is_(None))
            .order_by(col(Decision.id))
        ).all()
        underway = set(
            session.execute(
                select(col(Run.cause_key)).where(col(Run.state).in_((RunState.REQUESTED, RunState.RUNNING)))
            ).scalars()
        )
        found = []
        for row, alert, project in rows:
            tries = _tries(session, row.key)
            first = row.key if tries == 0 else f"{row.key}/{tries}"
            cause = CAUSES[row.trigger]
            cause_key = alert or row.key
            if row.emitted_at is None:
                found.append(_Waiting(row.key, project, alert or "", cause, cause_key, first))
            elif _seems_lost(row, moment) and cause_key not in underway:
                event_key = f"{first}/{moment:%Y%m%d%H%M}"
                found.append(_Waiting(row.key, project, alert or "", cause, cause_key, event_key))
    return found


def _seems_lost(row: Decision, moment: datetime) -> bool:
    """Sent a while ago (or, when the clock was set back since, later than now) and taken by no run."""
    assert row.emitted_at is not None
    waited = abs(moment - row.emitted_at) > RESEND_AFTER  # a clock that was set back is no reason to wait
    return waited and moment < row.decided_at + RESEND_UNTIL


__all__ = ["Emit", "announce", "claim_decision", "count_waiting", "emit_waiting"]
