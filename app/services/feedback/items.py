"""Items of feedback: what one alert asks of experiment, data engineering and scheduler, and how each is answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import NotFound, Refused, Usage
from app.domain.ids import Ref, new_key
from app.domain.roles import Role
from app.domain.states import FeedbackState, Receiver
from app.services.workspaces import now
from app.store import audit
from app.store.engine import Store
from app.store.lineage import link
from app.store.tables import Alert, FeedbackItem

ROLES = {
    Receiver.EXPERIMENT: (Role.DATA_SCIENTIST, Role.ML_ENGINEER),
    Receiver.DATA_ENGINEERING: (Role.DATA_ENGINEER, Role.ML_ENGINEER),
    Receiver.SCHEDULER: (Role.DEVOPS, Role.ML_ENGINEER),
}
"""Who answers for a receiver; the first one is meant when nobody says."""


@dataclass(frozen=True)
class ItemMoved:
    """An item after somebody acted on it."""

    key: str
    receiver: str
    state: str
    says: str


def open_items(session: Session, alert: Alert, moment: datetime) -> tuple[FeedbackItem, ...]:
    """Write the three items of a new alert, in its transaction; an alert without a project asks nobody."""
    if alert.project_id is None or alert.id is None:
        return ()
    made = []
    for receiver in Receiver:
        key = new_key()
        says, next_step = _wish(receiver, alert, key)
        item = FeedbackItem(
            key=key,
            project_id=alert.project_id,
            alert_id=alert.id,
            receiver=receiver,
            says=says,
            next_step=next_step,
            opened_at=moment,
        )
        session.add(item)
        made.append(item)
    session.flush()
    link(session, [(Ref("alert", alert.key), Ref("feedback", item.key), "asks") for item in made], now=moment)
    return tuple(made)


def lapse(session: Session, alert: Alert, moment: datetime) -> int:
    """Close the items of a resolved alert that nobody has taken on; gives how many."""
    waiting = session.execute(
        select(FeedbackItem).where(
            col(FeedbackItem.alert_id) == alert.id, col(FeedbackItem.state) == FeedbackState.OPEN
        )
    ).scalars()
    count = 0
    for item in waiting:
        _close(session, item, "policy", "the alert was resolved before anybody took this on", moment)
        count += 1
    return count


def answer_scheduler(session: Session, alert: Alert | None, run: str, moment: datetime) -> None:
    """The scheduler has answered: a run carries out the decision about `alert`."""
    if alert is None:
        return
    item = session.execute(
        select(FeedbackItem).where(
            col(FeedbackItem.alert_id) == alert.id,
            col(FeedbackItem.receiver) == Receiver.SCHEDULER,
            col(FeedbackItem.state) != FeedbackState.RESOLVED,
        )
    ).scalar()
    if item is not None:
        _close(session, item, "policy", f"run {run} was started", moment)
        link(session, [(Ref("feedback", item.key), Ref("run", run), "caused_by")], now=moment)


def acknowledge_item(store: Store, key: str, *, by: str, role: Role | None = None) -> ItemMoved:
    """Take an item on, as a role that answers for its receiver.

    Errors: NotFound, Refused for a role that does not answer for it, or when it is not open any more.
    """
    moment = now()
    with store.write(durable=True) as session:
        item = find_item(session, key)
        acts_as = _require_role(item, role)
        if item.state is not FeedbackState.OPEN:
            raise Refused(f"item {item.key} is {item.state} already", next_step=f"trainmaster feedback show {item.key}")
        item.state, item.acknowledged_by, item.acknowledged_at = FeedbackState.ACKNOWLEDGED, by, moment
        session.add(item)
        _record(session, item, "feedback.acknowledged", by, "", acts_as, moment)
        return ItemMoved(item.key, item.receiver, item.state, f"{by} ({acts_as.words}) has item {item.key}")


def resolve_item(store: Store, key: str, *, by: str, answer: str, role: Role | None = None) -> ItemMoved:
    """Answer an item in words: what was done, or why nothing is.

    Errors: NotFound, Usage for no answer, Refused for a role that does not answer for it, or when it is resolved.
    """
    moment = now()
    if not answer.strip():
        raise Usage("an answer needs words", next_step=f"trainmaster feedback resolve {key} ANSWER")
    with store.write(durable=True) as session:
        item = find_item(session, key)
        acts_as = _require_role(item, role)
        if item.state is FeedbackState.RESOLVED:
            raise Refused(f"item {item.key} is resolved already", next_step=f"trainmaster feedback show {item.key}")
        _close(session, item, by, answer, moment)
        _record(session, item, "feedback.resolved", by, answer, acts_as, moment)
        return ItemMoved(item.key, item.receiver, item.state, f"item {item.key} is resolved: {answer}")


def cite(session: Session, key: str, made: Ref, moment: datetime) -> Ref:
    """Say that something was made because of an item; the item counts as taken on. Raises NotFound."""
    item = find_item(session, key)
    cause = Ref("feedback", item.key)
    link(session, [(cause, made, "caused_by")], now=moment)
    if item.state is FeedbackState.OPEN:
        item.state, item.acknowledged_at = FeedbackState.ACKNOWLEDGED, moment
        item.acknowledged_by = str(made)
        session.add(item)
    return cause


def find_item(session: Session, key: str) -> FeedbackItem:
    """The item with a key or an unambiguous beginning of one; raises NotFound."""
    found = session.execute(select(FeedbackItem).where(col(FeedbackItem.key).startswith(key)).limit(2)).scalars().all()
    if len(found) != 1:
        what = "no item of feedback" if not found else "more than one item of feedback"
        raise NotFound(f"{what} begins with {key!r}", next_step="trainmaster feedback ls")
    row: FeedbackItem = found[0]
    return row


def _wish(receiver: Receiver, alert: Alert, key: str) -> tuple[str, str]:
    """What is asked of a receiver, and the command that answers it."""
    about = f" of {alert.feature}" if alert.feature else ""
    match receiver:
        case Receiver.EXPERIMENT:
            return (
                f"does another window, learner or feature do better? {alert.says}",
                f"trainmaster train run --because {key}",
            )
        case Receiver.DATA_ENGINEERING:
            return (
                f"are the data{about} what they were, or is a rule to be changed? {alert.says}",
                f"trainmaster alerts explain {alert.key}",
            )
        case Receiver.SCHEDULER:
            return (
                f"is a retrain due, or the schedule to be changed? {alert.says}",
                "trainmaster feedback decisions",
            )


def _require_role(item: FeedbackItem, role: Role | None) -> Role:
    allowed = ROLES[item.receiver]
    if role is None:
        return allowed[0]
    if role not in allowed:
        raise Refused(
            f"item {item.key} is for {item.receiver.words}: "
            f"{' or '.join(f'{one} ({one.words})' for one in allowed)} answers, not {role} ({role.words})",
            next_step=f"trainmaster feedback ack {item.key} --role {allowed[0]}",
        )
    return role


def _close(session: Session, item: FeedbackItem, by: str, answer: str, moment: datetime) -> None:
    item.state, item.resolved_by, item.resolved_at, item.answer = FeedbackState.RESOLVED, by, moment, answer
    session.add(item)
    session.flush()


def _record(
    session: Session, item: FeedbackItem, action: str, by: str, reason: str, role: Role, moment: datetime
) -> None:
    audit.record(
        session,
        actor=by,
        action=action,
        subject=f"feedback:{item.key}",
        now=moment,
        reason=reason,
        details={"receiver": str(item.receiver), "role": str(role)},
    )


__all__ = [
    "ItemMoved", "acknowledge_item", "answer_scheduler", "cite", "find_item", "lapse", "open_items", "resolve_item",
]  # fmt: skip
