"""Triggers that no report pulls: a person's wish, and the schedule; and mending a broken loop."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import NotFound, Refused, TrainmasterError, Usage
from app.domain.ids import Ref
from app.domain.policy import Trigger, decide
from app.domain.states import CauseKind
from app.domain.workspace import Workspace
from app.services import predictions, runs
from app.services.feedback.deciding import write_decision
from app.services.feedback.items import find_item
from app.services.feedback.standing import RESET, failed_in_row, retrain_state
from app.services.running import register_project
from app.services.workspaces import OpenProject, actor, now, open_project, project_names
from app.store import audit
from app.store.engine import Store
from app.store.lineage import link
from app.store.tables import Decision, Run


@dataclass(frozen=True)
class Asked:
    """A retrain that a person asked for: the decision and its run."""

    decision: str
    run: str
    says: str


@dataclass(frozen=True)
class Reset:
    """A loop that may go on."""

    project: str
    failed: int
    says: str


def ask_retrain(
    store: Store, workspace: Workspace, project: str, *, by: str, reason: str = "", because: str | None = None
) -> Asked:
    """Retrain because a person says so; `because` is the item of feedback that it answers.

    The decision is a row, no or yes. Errors: NotFound without features, or for an unknown item; Refused while a
    retrain is under way.
    """
    opened = open_project(workspace, project)
    project_id, moment = register_project(store, opened), now()
    with store.write(durable=True) as session:
        item = find_item(session, because).key if because is not None else None
        features = predictions.newest_features(session, project_id, project)
        state = retrain_state(session, opened, project_id, features, moment)
        verdict = decide("", opened.file.feedback, state, now=moment, trigger=Trigger.HAND)
        key, yes, says = write_decision(
            session, project_id, Trigger.HAND, verdict, moment,
            actor=by, about=Ref("feedback", item) if item else None,
        )  # fmt: skip
        if yes:
            _mark_sent(session, key, moment)
    if not yes:
        raise Refused(f"no retrain: {says}", next_step="trainmaster runs ls")
    parameters: dict[str, object] = {"decision": key}
    if item is not None:
        parameters["because"] = item
    run = runs.request(store, workspace, project, "train", parameters, cause=CauseKind.PERSON, cause_key=reason or by)
    with store.write() as session:
        decision = session.execute(select(Decision).where(col(Decision.key) == key)).scalar_one()
        decision.run_id = session.execute(select(col(Run.id)).where(col(Run.key) == run)).scalar_one()
        session.add(decision)
        link(session, [(Ref("decision", key), Ref("run", run), "caused")], now=now())
    return Asked(key, run, f"retrain of {project} requested: run {run}")


def _mark_sent(session: Session, key: str, moment: datetime) -> None:
    """A wish by hand asks for its run itself: no event has to be sent."""
    decision = session.execute(select(Decision).where(col(Decision.key) == key)).scalar_one()
    decision.emitted_at = moment
    session.add(decision)


def ask_by_schedule(store: Store, workspace: Workspace) -> list[str]:
    """Let the schedule of each project ask, when it is due; gives the keys of the decisions to retrain.

    What is not due, and a project that cannot be opened, leaves no row.
    """
    found = []
    for name in project_names(workspace):
        try:
            opened = open_project(workspace, name)
        except TrainmasterError:
            continue
        if opened.file.feedback.every_days is not None:
            key = _scheduled(store, opened)
            found += [key] if key else []
    return found


def _scheduled(store: Store, opened: OpenProject) -> str | None:
    project_id, moment = register_project(store, opened), now()
    feedback = opened.file.feedback
    with store.write() as session:
        try:
            features = predictions.newest_features(session, project_id, opened.name)
        except NotFound:
            return None
        state = retrain_state(session, opened, project_id, features, moment)
        verdict = decide("schedule", feedback, state, now=moment, trigger=Trigger.SCHEDULE)
        if not verdict.retrain and verdict.reason.startswith("every "):
            return None  # it is not time
        key, yes, _ = write_decision(session, project_id, Trigger.SCHEDULE, verdict, moment, actor=actor())
        return key if yes else None


def reset_loop(store: Store, workspace: Workspace, project: str, *, by: str, reason: str) -> Reset:
    """Let a loop that failed challengers have broken go on. Raises Usage without a reason."""
    if not reason.strip():
        raise Usage("a reset needs a reason", next_step="trainmaster feedback reset --reason REASON")
    project_id = register_project(store, open_project(workspace, project))
    with store.write(durable=True) as session:
        failed = failed_in_row(session, project_id)
        audit.record(
            session, actor=by, action=RESET, subject=f"project:{project_id}", now=now(), reason=reason,
            details={"project": project, "failed_in_row": failed},
        )  # fmt: skip
    return Reset(project, failed, f"{project}: the loop goes on after {failed} failed challengers")


__all__ = ["Asked", "Reset", "ask_by_schedule", "ask_retrain", "reset_loop"]
