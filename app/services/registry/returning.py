"""Going back: the previous version is proven on its canary in a child, then answers again, in under two seconds."""

import time
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import Refused
from app.domain.states import DeploymentState, Stage
from app.learning.canary import check_in_child
from app.services.registry.packages import find_project, package_of, production_version
from app.services.registry.switching import Switch, Switched, active_deployment, move_production
from app.services.workspaces import now
from app.store.engine import Store
from app.store.tables import Deployment, ModelVersion, StageTransition

Choice = Callable[[Session, int], Deployment | None]


def rollback(store: Store, project: str, *, by: str, reason: str) -> Switched:
    """Put the version that served before the active one back, proven exactly equal on its stored sample.

    Raises Refused when nothing served before, without a reason, when the proof fails, or when somebody was faster;
    production stays as it was then. A second rollback goes one version further back; `undo` takes a rollback back.
    """
    return _return(store, project, by, reason, "model.rolled_back", _before)


def undo(store: Store, project: str, *, by: str, reason: str = "undo") -> Switched:
    """Take the last change of production back, whether it was a promotion or a rollback; raises as `rollback`."""
    return _return(store, project, by, reason, "model.change_undone", _replaced_last)


def _return(store: Store, project: str, by: str, reason: str, action: str, chosen: Choice) -> Switched:
    begun = time.monotonic()
    if not reason.strip() or not by.strip():
        raise Refused(
            "a rollback needs a reason",
            next_step=f"trainmaster models rollback {project} --reason REASON --confirm {project}",
        )
    with store.read() as session:
        row = find_project(session, project)
        current = production_version(session, project)
        back = chosen(session, row.id or 0)
        if current is None or back is None:
            raise Refused(
                f"no other version of {project} was in production before",
                next_step=f"trainmaster models promote {project} VERSION --reason REASON --confirm {project}",
            )
        target = session.get_one(ModelVersion, back.version_id)
        package = package_of(session, target)
    verdict = check_in_child(package)
    if not verdict.ok:
        raise Refused(
            f"{project} v{target.version} failed its canary: {verdict.says}",
            next_step=f"trainmaster models show {project} {target.version}",
        )
    with store.write(durable=True) as session:
        wish = Switch(
            project_id=row.id or 0,
            model=project,
            expected=current.version,
            by=by,
            reason=reason,
            action=action,
            verdict=verdict.says + (", to the last bit" if verdict.exact else ", to 1e-12"),
            gated=False,
            previous=back.previous_id,
            undoes=_entry(session, current),
        )
        done = move_production(session, session.get_one(ModelVersion, back.version_id), wish, now=now())
    return replace(done, seconds=time.monotonic() - begun)


def _before(session: Session, project_id: int) -> Deployment | None:
    active = active_deployment(session, project_id)
    return session.get(Deployment, active.previous_id) if active and active.previous_id is not None else None


def _replaced_last(session: Session, project_id: int) -> Deployment | None:
    statement = (
        select(Deployment)
        .where(col(Deployment.project_id) == project_id, col(Deployment.state) == DeploymentState.REPLACED)
        .order_by(col(Deployment.changed_at).desc(), col(Deployment.id).desc())
        .limit(1)
    )
    found: Deployment | None = session.execute(statement).scalars().first()
    return found


def _entry(session: Session, version: ModelVersion) -> int | None:
    """The transition by which a version came into production, which is what going back undoes."""
    statement = (
        select(col(StageTransition.id))
        .where(col(StageTransition.version_id) == version.id, col(StageTransition.to_stage) == Stage.PRODUCTION)
        .order_by(col(StageTransition.id).desc())
        .limit(1)
    )
    return session.execute(statement).scalar()
