"""The decision about each retrain, "no" included: a row with its reason, in the transaction of what asked."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.ids import Ref, new_key
from app.domain.policy import Trigger, Verdict, decide
from app.domain.states import AlertState
from app.services.feedback.standing import retrain_state
from app.services.running import RunContext
from app.store import audit
from app.store.lineage import link
from app.store.tables import Alert, Decision, FeatureSet, MonitorReport

SAME_NO = timedelta(days=1)
"""A "no" with the same reason is written again after this time."""


def decide_about(
    session: Session,
    run: RunContext,
    alert: Alert,
    features: FeatureSet,
    moment: datetime,
    *,
    report: MonitorReport | None = None,
) -> tuple[str, bool, str]:
    """Decide whether `alert` starts a retrain, in the transaction of `session`: its key, yes or no, why.

    A no that says what the alert's last decision said is not written again.
    """
    verdict = decide(
        alert.signal,
        run.project.file.feedback,
        retrain_state(session, run.project, run.project_id, features, moment, report=report),
        now=moment,
        acknowledged_until=alert.acknowledged_until if alert.state is AlertState.ACKNOWLEDGED else None,
    )
    return write_decision(session, run.project_id, Trigger.ALERT, verdict, moment, actor=run.actor, alert=alert)


def decide_growth(
    session: Session, run: RunContext, features: FeatureSet, moment: datetime, report: MonitorReport
) -> tuple[tuple[str, bool, str], ...]:
    """Decide whether new rows alone start a retrain; nothing where `[feedback]` asks for no growth."""
    feedback = run.project.file.feedback
    if feedback.growth is None:
        return ()
    state = retrain_state(session, run.project, run.project_id, features, moment, report=report)
    verdict = decide("growth", feedback, state, now=moment, trigger=Trigger.GROWTH)
    return (
        write_decision(
            session, run.project_id, Trigger.GROWTH, verdict, moment, actor=run.actor, about=Ref("report", report.key)
        ),
    )


def write_decision(
    session: Session,
    project_id: int,
    trigger: Trigger,
    verdict: Verdict,
    moment: datetime,
    *,
    actor: str,
    alert: Alert | None = None,
    about: Ref | None = None,
) -> tuple[str, bool, str]:
    """Write a decision and its lineage; a no that repeats the last one of the same trigger is not written again."""
    before = (
        select(Decision)
        .where(col(Decision.project_id) == project_id, col(Decision.trigger) == trigger)
        .where(col(Decision.alert_id) == (alert.id if alert is not None else None))
        .order_by(col(Decision.id).desc())
    )
    last = session.execute(before).scalars().first()
    same = last is not None and not verdict.retrain and not last.retrain and last.reason == verdict.reason
    if last is not None and same and (alert is not None or moment - last.decided_at < SAME_NO):
        return last.key, False, last.reason
    key = new_key()
    session.add(
        Decision(
            key=key,
            project_id=project_id,
            alert_id=alert.id if alert is not None else None,
            trigger=trigger,
            retrain=verdict.retrain,
            reason=verdict.reason,
            decided_at=moment,
        )
    )
    session.flush()
    source = Ref("alert", alert.key) if alert is not None else about
    if source is not None:
        link(session, [(source, Ref("decision", key), "decided")], now=moment)
    if verdict.retrain:
        audit.record(
            session,
            actor=actor,
            action="retrain.decided",
            subject=f"decision:{key}",
            now=moment,
            reason=verdict.reason,
            details={"trigger": str(trigger)} | ({"alert": alert.key, "signal": alert.signal} if alert else {}),
        )
    return key, verdict.retrain, verdict.reason


__all__ = ["decide_about", "decide_growth", "write_decision"]
