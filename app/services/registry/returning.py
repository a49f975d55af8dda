"""Going back: the version before is proven on its canary, then answers again, in under two seconds.

A person says so, or the gateway does when the version that was just switched to is beyond a limit of its watch.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import Refused
from app.domain.ids import Ref
from app.domain.project import Alerts
from app.domain.states import DeploymentState, RolloutState, Severity, Stage
from app.domain.workspace import Workspace
from app.learning.canary import check_in_child
from app.services.registry.packages import find_project, package_of, production_version
from app.services.registry.switching import Switch, Switched, active_deployment, move_production
from app.services.serving import rollouts
from app.services.workspaces import now
from app.store import permits
from app.store.engine import Store
from app.store.tables import Deployment, Model, ModelVersion, Project, Rollout, StageTransition

GATEWAY, SIGNAL = "gateway", "serving.returned"
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


def fall_back(store: Store, workspace: Workspace, rollout_id: int, why: str, *, by: str = GATEWAY) -> Switched | None:
    """End a watch that is beyond a limit: the version before is in production again, and an alert says why.

    The gateway asks for it, where that version stood by, proven on its stored answers when it was loaded. Nothing
    happens (None) when the watch has ended or production has moved meanwhile.
    """
    from app.services.monitoring.rules import rules_of

    begun, moment = time.monotonic(), now()
    with store.read() as session:
        project = session.get_one(Project, session.get_one(Rollout, rollout_id).project_id)
    rules = rules_of(workspace, project.name)
    with store.write(durable=True) as session:
        watch = session.get_one(Rollout, rollout_id)
        active = active_deployment(session, watch.project_id)
        if watch.state is not RolloutState.WATCH or active is None or active.version_id != watch.version_id:
            return None
        back = session.get(Deployment, active.previous_id) if active.previous_id is not None else None
        failed = session.get_one(ModelVersion, watch.version_id)
        model = session.get_one(Model, failed.model_id).name
        rollouts.close(session, watch, RolloutState.FAILED, f"watch: {why}", by=by)
        wish = Switch(
            project_id=watch.project_id,
            model=model,
            expected=failed.version,
            by=by,
            reason=why,
            action="model.returned",
            verdict="it stood by in the gateway, proven on its stored answers when it was loaded",
            gated=False,
            previous=back.previous_id if back is not None else None,
            undoes=_entry(session, failed),
        )
        done = move_production(session, session.get_one(ModelVersion, watch.baseline_id), wish, now=moment)
        _alert(session, watch, done, why, rules, moment)
    return replace(done, seconds=time.monotonic() - begun)


def _alert(session: Session, watch: Rollout, done: Switched, why: str, rules: Alerts, moment: datetime) -> None:
    from app.services.monitoring import alerting

    breach = alerting.Breach(
        signal=SIGNAL,
        kind="serving",
        severity=Severity.CRITICAL,
        says=f"{done.model} v{done.replaced} was let go of after its switch ({why}): v{done.version} answers again",
        version_id=watch.version_id,
        run_id=watch.run_id,
        next_step=f"trainmaster models history {done.model}",
    )
    standing = alerting.unresolved(session, watch.project_id, reported=False).get(SIGNAL)
    evidence = Ref("deployment", done.deployment)
    if standing is None:
        alerting.open_alert(session, watch.project_id, breach, rules, moment, evidence=evidence)
    else:
        alerting.see_again(session, standing, breach, rules, moment, evidence=evidence)


def _return(store: Store, project: str, by: str, reason: str, action: str, chosen: Choice) -> Switched:
    begun = time.monotonic()
    if not reason.strip() or not by.strip():
        raise Refused(
            "a rollback needs a reason",
            next_step=f"trainmaster models rollback {project} --reason REASON --confirm {project}",
        )
    with store.read() as session:
        permits.require(session, by, action)
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
