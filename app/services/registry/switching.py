"""The switch: the one short durable transaction in which production changes; rules are checked again inside it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import Refused
from app.domain.ids import Ref, new_key
from app.domain.states import DeploymentState, Stage
from app.services.registry import aliases
from app.services.registry.packages import production_version
from app.services.registry.standing import require_gates
from app.services.serving import rollouts
from app.store import audit, lineage
from app.store.tables import Deployment, ModelVersion, StageTransition


@dataclass(frozen=True)
class Switched:
    """What changed: `replaced` is the version that was in production before."""

    model: str
    version: int
    replaced: int | None
    deployment: str
    by: str
    reason: str
    seconds: float = 0.0
    proof: str = ""
    """What proved that it gives the stored answers."""


@dataclass(frozen=True)
class Switch:
    """A wish to change production, with what its author believed to be true."""

    project_id: int
    model: str
    expected: int | None
    by: str
    reason: str
    action: str
    verdict: str
    run_id: int | None = None
    gated: bool = True
    previous: int | None = None
    undoes: int | None = None


def require_expected(current: ModelVersion | None, expected: int | None, model: str) -> None:
    """Raise Refused when another version is in production than the author of the wish believed."""
    serving = current.version if current else None
    if serving != expected:
        was = f"v{expected}" if expected is not None else "nothing"
        now = f"v{serving}" if serving is not None else "nothing"
        raise Refused(
            f"{now} is in production of {model} now, it was {was} when this was asked: somebody else was faster",
            next_step=f"trainmaster models show {model}",
        )


def active_deployment(session: Session, project_id: int) -> Deployment | None:
    """The deployment that requests are answered by, or None."""
    statement = select(Deployment).where(
        col(Deployment.project_id) == project_id, col(Deployment.state) == DeploymentState.ACTIVE
    )
    found: Deployment | None = session.execute(statement).scalars().first()
    return found


def move_production(session: Session, target: ModelVersion, wish: Switch, *, now: datetime) -> Switched:
    """Put `target` into production in the transaction of `session`: stages, history, pointer, audit and lineage.

    Raises Refused when production is not what the wish expected, when the target serves already, or by a gate.
    """
    current = production_version(session, wish.model)
    require_expected(current, wish.expected, wish.model)
    if target.stage is Stage.PRODUCTION:
        raise Refused(
            f"{wish.model} v{target.version} is in production already",
            next_step=f"trainmaster models show {wish.model}",
        )
    if wish.gated:
        serving = f"{wish.model}/{current.version}" if current is not None else ""
        require_gates(session, target, wish.model, serving, now=now)
    if current is not None:
        _restage(session, current, Stage.ARCHIVED, wish, now, None)
    _restage(session, target, Stage.PRODUCTION, wish, now, wish.undoes)
    rollouts.end_watch(session, wish.project_id, f"v{target.version} took its place", by=wish.by)
    deployment = _point(session, target, wish, now)
    aliases.follow(session, target, deployment, by=wish.by, reason=wish.reason, now=now)
    model = Ref("model", f"{wish.model}/{target.version}")
    lineage.link(session, [(model, Ref("deployment", deployment.key), "deployed")], now=now)
    audit.record(
        session,
        actor=wish.by,
        action=wish.action,
        subject=str(model),
        now=now,
        reason=wish.reason,
        details={
            "from": current.version if current else None,
            "to": target.version,
            "deployment": deployment.key,
            "digest": target.digest,
            "verdict": wish.verdict,
        },
    )
    replaced = current.version if current else None
    return Switched(wish.model, target.version, replaced, deployment.key, wish.by, wish.reason, proof=wish.verdict)


def _restage(
    session: Session, version: ModelVersion, stage: Stage, wish: Switch, now: datetime, undoes: int | None
) -> None:
    assert version.id is not None
    session.add(
        StageTransition(
            version_id=version.id,
            from_stage=version.stage,
            to_stage=stage,
            actor=wish.by,
            reason=wish.reason,
            undoes_id=undoes,
            created_at=now,
        )
    )
    version.stage = stage
    session.add(version)
    session.flush()


def _point(session: Session, target: ModelVersion, wish: Switch, now: datetime) -> Deployment:
    assert target.id is not None
    active = active_deployment(session, wish.project_id)
    if active is not None:
        active.state, active.changed_at = DeploymentState.REPLACED, now
        session.add(active)
        session.flush()
    returning = not wish.gated
    deployment = Deployment(
        key=new_key(),
        project_id=wish.project_id,
        version_id=target.id,
        previous_id=wish.previous if returning else (active.id if active else None),
        run_id=wish.run_id,
        state=DeploymentState.ACTIVE,
        verdict=wish.verdict,
        created_at=now,
        changed_at=now,
    )
    session.add(deployment)
    session.flush()
    return deployment
