"""What is known now about the retrains of a project: the facts that the policy decides on."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlmodel import Session, col

from app.domain.policy import WEEK, RetrainState, Trigger
from app.domain.states import CauseKind, DeploymentState, RunState
from app.services.workspaces import OpenProject
from app.store.tables import (
    AuditEvent,
    Decision,
    Deployment,
    FeatureSet,
    LineageEdge,
    ModelVersion,
    MonitorReport,
    Parameter,
    Run,
)

RETRAIN_FLOW = "train"
RESET = "feedback.reset"
LOST_AFTER = timedelta(hours=24)
MOST_LOOKED_AT = 50
UNFINISHED = (RunState.REQUESTED, RunState.RUNNING)


def retrain_state(
    session: Session,
    project: OpenProject,
    project_id: int,
    features: FeatureSet,
    moment: datetime,
    *,
    report: MonitorReport | None = None,
) -> RetrainState:
    """What is known now about a project's retrains.

    Under way are runs of the train flow, whoever asked, and decisions to retrain of the last 24 hours that no run has
    taken. Cool-down and budget count the runs that the loop asked for. Rows to learn from are counted where the
    report's window is the exam that the project's split will hold back.
    """
    runs = session.execute(
        select(col(Run.key)).where(
            col(Run.project_id) == project_id, col(Run.flow) == RETRAIN_FLOW, col(Run.state).in_(UNFINISHED)
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
    learned = _rows_learned(session, project_id)
    return RetrainState(
        last_began=session.execute(
            select(col(Run.requested_at)).where(*_asked_by_the_loop(project_id)).order_by(col(Run.id).desc()).limit(1)
        ).scalar_one_or_none(),
        under_way=(*(f"run {key}" for key in runs), *(f"decision {key}" for key in decisions)),
        new_labels=max(0, features.rows - _rows_trained_on(session, project_id)),
        began_this_week=session.execute(
            select(func.count())
            .select_from(Run)
            .where(*_asked_by_the_loop(project_id), col(Run.requested_at).between(moment - WEEK, moment + WEEK))
        ).scalar_one(),
        failed_in_row=failed_in_row(session, project_id),
        learned_rows=learned,
        teachable_rows=_teachable(project, features, learned, report),
    )


def _asked_by_the_loop(project_id: int) -> tuple[ColumnElement[bool], ...]:
    decided = select(col(Decision.run_id)).where(
        col(Decision.project_id) == project_id, col(Decision.trigger) != Trigger.HAND, col(Decision.run_id).is_not(None)
    )
    return (
        col(Run.project_id) == project_id,
        col(Run.flow) == RETRAIN_FLOW,
        or_(col(Run.cause) == CauseKind.ALERT, col(Run.id).in_(decided)),
    )


def failed_in_row(session: Session, project_id: int) -> int:
    """Challengers that failed since one won, since a person asked for a retrain, or since the loop was reset."""
    rows = session.execute(
        select(col(Decision.won), col(Decision.trigger), col(Decision.decided_at))
        .where(col(Decision.project_id) == project_id, col(Decision.retrain))
        .order_by(col(Decision.id).desc())
        .limit(MOST_LOOKED_AT)
    ).all()
    reset = session.execute(
        select(func.max(col(AuditEvent.at))).where(
            col(AuditEvent.action) == RESET, col(AuditEvent.subject) == f"project:{project_id}"
        )
    ).scalar_one_or_none()
    count = 0
    for won, trigger, decided_at in rows:
        if won or trigger == Trigger.HAND or (reset is not None and decided_at <= reset):
            break
        count += won is False
    return count


def _teachable(
    project: OpenProject, features: FeatureSet, learned: int | None, report: MonitorReport | None
) -> int | None:
    """Rows that a challenger would learn from and production has not; None where the exam's size is not known."""
    by_month = project.file.split.kind == "time" and project.file.monitoring.window == "month"
    if learned is None or report is None or not by_month or project.file.split.test_months != 1:
        return None
    return max(0, features.rows - report.rows - learned)


def _rows_learned(session: Session, project_id: int) -> int | None:
    """The rows that the production version learned from, those of its second fit included."""
    run_id = session.execute(
        select(col(ModelVersion.run_id))
        .join(Deployment, col(Deployment.version_id) == col(ModelVersion.id))
        .where(col(Deployment.project_id) == project_id, col(Deployment.state) == DeploymentState.ACTIVE)
        .order_by(col(Deployment.id).desc())
        .limit(1)
    ).scalar_one_or_none()
    if run_id is None:
        return None
    found = {
        row.key: row.number
        for row in session.execute(
            select(Parameter).where(
                col(Parameter.run_id) == run_id, col(Parameter.key).in_(("rows.learned", "rows.train"))
            )
        ).scalars()
    }
    rows = found.get("rows.learned", found.get("rows.train"))
    return int(rows) if rows is not None and rows > 0 else None


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


__all__ = ["RESET", "RETRAIN_FLOW", "failed_in_row", "retrain_state"]
