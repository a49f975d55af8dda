"""The decision about each retrain, "no" included: a row with its reason, in the transaction of the report."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import Session, col

from app.domain.ids import Ref, new_key
from app.domain.policy import RetrainState, Verdict, decide
from app.domain.states import AlertState, CauseKind, RunState
from app.services.running import RunContext
from app.store import audit
from app.store.lineage import link
from app.store.tables import Alert, Decision, FeatureSet, LineageEdge, Run

RETRAIN_FLOW = "train"
LOST_AFTER = timedelta(hours=24)


def decide_about(
    session: Session, run: RunContext, alert: Alert, features: FeatureSet, moment: datetime
) -> tuple[str, bool, str]:
    """Decide whether `alert` starts a retrain, in the transaction of `session`: its key, yes or no, why.

    A no that says what the alert's last decision said is not written again.
    """
    feedback = run.project.file.feedback
    verdict = decide(
        alert.signal,
        feedback,
        retrain_state(session, run.project_id, features, moment),
        now=moment,
        acknowledged_until=alert.acknowledged_until if alert.state is AlertState.ACKNOWLEDGED else None,
    )
    last = (
        session.execute(select(Decision).where(col(Decision.alert_id) == alert.id).order_by(col(Decision.id).desc()))
        .scalars()
        .first()
    )
    if last is not None and not verdict.retrain and not last.retrain and last.reason == verdict.reason:
        return last.key, False, last.reason  # nothing has changed since
    return _write_decision(session, run, alert, verdict, moment)


def _write_decision(
    session: Session, run: RunContext, alert: Alert, verdict: Verdict, moment: datetime
) -> tuple[str, bool, str]:
    key = new_key()
    session.add(
        Decision(
            key=key,
            project_id=run.project_id,
            alert_id=alert.id or 0,
            retrain=verdict.retrain,
            reason=verdict.reason,
            decided_at=moment,
        )
    )
    session.flush()
    link(session, [(Ref("alert", alert.key), Ref("decision", key), "decided")], now=moment)
    if verdict.retrain:
        audit.record(
            session,
            actor=run.actor,
            action="retrain.decided",
            subject=f"decision:{key}",
            now=moment,
            reason=verdict.reason,
            details={"alert": alert.key, "signal": alert.signal},
        )
    return key, verdict.retrain, verdict.reason


def retrain_state(session: Session, project_id: int, features: FeatureSet, moment: datetime) -> RetrainState:
    """What is known now about a project's retrains.

    Under way are runs of the train flow, whoever asked, and decisions to retrain of the last 24 hours that no run has
    taken. The cool-down counts from the last run that an alert asked for.
    """
    runs = session.execute(
        select(col(Run.key)).where(
            col(Run.project_id) == project_id,
            col(Run.flow) == RETRAIN_FLOW,
            col(Run.state).in_((RunState.REQUESTED, RunState.RUNNING)),
        )
    ).scalars()
    decisions = session.execute(
        select(col(Decision.key)).where(
            col(Decision.project_id) == project_id,
            col(Decision.retrain),
            col(Decision.run_id).is_(None),
            col(Decision.decided_at) > moment - LOST_AFTER,
        )
    ).scalars()
    began = session.execute(
        select(func.max(col(Run.requested_at))).where(
            col(Run.project_id) == project_id, col(Run.flow) == RETRAIN_FLOW, col(Run.cause) == CauseKind.ALERT
        )
    ).scalar_one_or_none()
    return RetrainState(
        last_began=began,
        under_way=(*(f"run {key}" for key in runs), *(f"decision {key}" for key in decisions)),
        new_labels=max(0, features.rows - _rows_trained_on(session, project_id)),
    )


def _rows_trained_on(session: Session, project_id: int) -> int:
    """The rows of the features that the last completed training read; 0 when there was none."""
    used = session.execute(
        select(col(LineageEdge.from_key))
        .join(Run, col(Run.key) == col(LineageEdge.to_key))
        .where(
            col(LineageEdge.kind) == "trained_on",
            col(LineageEdge.from_kind) == "features",
            col(Run.project_id) == project_id,
            col(Run.state) == RunState.COMPLETED,
        )
        .order_by(col(Run.id).desc())
        .limit(1)
    ).scalar_one_or_none()
    version = str(used).rpartition("/v")[2] if used else ""
    if not version.isdigit():
        return 0
    rows = session.execute(
        select(col(FeatureSet.rows)).where(
            col(FeatureSet.project_id) == project_id, col(FeatureSet.version) == int(version)
        )
    ).scalar_one_or_none()
    return int(rows or 0)


__all__ = ["decide_about", "retrain_state"]
