"""Stages that a person sets; production is not among them: promotion and rollback are the only ways there and away."""

from dataclasses import dataclass

from app.domain.errors import Refused
from app.domain.ids import Ref
from app.domain.states import Stage
from app.services.registry.packages import find_version
from app.services.workspaces import now
from app.store import audit
from app.store.engine import Store
from app.store.tables import StageTransition


@dataclass(frozen=True)
class Staged:
    """A version whose stage changed."""

    model: str
    version: int
    before: Stage
    after: Stage

    @property
    def says(self) -> str:
        """One line for a person."""
        return f"{self.model} v{self.version}: {self.before} → {self.after}"


def stage(store: Store, model: str, version: int, to: Stage, *, by: str, reason: str) -> Staged:
    """Move a version between none, staging and archived; raises Refused for production, NotFound for no version."""
    moment = now()
    if to is Stage.PRODUCTION:
        raise Refused(
            "production is reached by a promotion",
            next_step=f"trainmaster models promote {model} {version} --reason REASON --confirm {model}",
        )
    with store.write(durable=True) as session:
        row = find_version(session, model, version)
        assert row.id is not None
        before = row.stage
        if before is Stage.PRODUCTION:
            raise Refused(
                f"{model} v{version} serves: another version takes its place first",
                next_step=f"trainmaster models rollback {model} --reason REASON --confirm {model}",
            )
        if before is to:
            raise Refused(f"{model} v{version} is in {to} already", next_step=f"trainmaster models show {model}")
        session.add(
            StageTransition(
                version_id=row.id, from_stage=before, to_stage=to, actor=by, reason=reason, created_at=moment
            )
        )
        row.stage = to
        session.add(row)
        audit.record(
            session,
            actor=by,
            action="model.staged",
            subject=str(Ref("model", f"{model}/{version}")),
            now=moment,
            reason=reason,
            details={"from": str(before), "to": str(to)},
        )
    return Staged(model, version, before, to)


__all__ = ["Staged", "stage"]
