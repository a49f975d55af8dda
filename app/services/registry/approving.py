"""What people say of a version: approvals, and waivers of single gates."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import NotFound, Refused
from app.domain.gates import GateVerdict
from app.domain.ids import Ref
from app.domain.states import Stage
from app.domain.waivers import require_waivable
from app.services.registry.living import approvals_of, as_of_now
from app.services.registry.packages import find_version
from app.services.registry.standing import standing
from app.services.workspaces import now
from app.store import audit, permits, verdicts
from app.store.engine import Store
from app.store.tables import Approval, GateResult, ModelVersion, Waiver


@dataclass(frozen=True)
class Approved:
    """A person's yes; `gate` is what the gate `approvals` says now, None when the charter asks for none."""

    model: str
    version: int
    by: str
    gate: GateVerdict | None

    @property
    def says(self) -> str:
        """One line for a person."""
        return f"{self.model} v{self.version} approved by {self.by}" + (f" ({self.gate.says})" if self.gate else "")


@dataclass(frozen=True)
class Waived:
    """A gate that somebody lets go until a moment."""

    model: str
    version: int
    gate: str
    by: str
    until: datetime

    @property
    def says(self) -> str:
        """One line for a person."""
        return f"{self.model} v{self.version}: {self.by} lets {self.gate} go until {self.until:%Y-%m-%d %H:%M} UTC"


def approve(store: Store, model: str, version: int, *, by: str, reason: str = "") -> Approved:
    """Say yes to a version; raises NotFound, or Refused for one that serves, or when this person said so already."""
    if not by.strip():
        raise Refused("an approval needs a person", next_step="set TRAINMASTER_ACTOR")
    moment = now()
    with store.write(durable=True) as session:
        permits.require(session, by, "model.approved")
        row = find_version(session, model, version)
        assert row.id is not None
        if row.stage is Stage.PRODUCTION:
            raise Refused(f"{model} v{version} is in production already", next_step=f"trainmaster models show {model}")
        if by in [one.actor for one in approvals_of(session, row)]:
            raise Refused(
                f"{by} has approved {model} v{version} already: another person must",
                next_step=f"trainmaster models show {model} {version}",
            )
        session.add(Approval(version_id=row.id, actor=by, reason=reason, created_at=moment))
        session.flush()
        gate = _write_gate(session, row, by, moment)
        audit.record(
            session,
            actor=by,
            action="model.approved",
            subject=str(Ref("model", f"{model}/{version}")),
            now=moment,
            reason=reason,
        )
    return Approved(model, version, by, gate)


def waive(store: Store, model: str, version: int, gate: str, *, by: str, reason: str, until: datetime) -> Waived:
    """Let a gate that does not pass go until a moment.

    Raises Refused for a gate that is never waived, that passes, or without name and reason; BadInput for an end in the
    past or more than 90 days away; NotFound for a gate that was not judged.
    """
    moment = now()
    require_waivable(gate, by=by, reason=reason, until=until, now=moment)
    with store.write(durable=True) as session:
        permits.require(session, by, "gate.waived")
        row = find_version(session, model, version)
        assert row.id is not None
        found = next((one for one in standing(session, row, now=moment) if one.gate == gate), None)
        if found is None:
            raise NotFound(
                f"{model} v{version} was not judged by a gate {gate!r}",
                next_step=f"trainmaster models gates {model} {version}",
            )
        if found.passed:
            raise Refused(
                f"{gate} passes: there is nothing to waive", next_step=f"trainmaster models gates {model} {version}"
            )
        session.add(
            Waiver(version_id=row.id, gate=gate, actor=by, reason=reason.strip(), until=until, created_at=moment)
        )
        audit.record(
            session,
            actor=by,
            action="gate.waived",
            subject=str(Ref("model", f"{model}/{version}")),
            now=moment,
            reason=reason,
            details={"gate": gate, "until": until.isoformat(), "says": found.says},
        )
    return Waived(model, version, gate, by, until)


def _write_gate(session: Session, row: ModelVersion, by: str, moment: datetime) -> GateVerdict | None:
    """The gate `approvals` as it is now, kept, when the charter asks for approvals."""
    asked = session.execute(
        select(GateResult).where(col(GateResult.version_id) == row.id, col(GateResult.gate) == "approvals")
    ).scalar()
    if asked is None or row.id is None:
        return None
    before = next(one for one in verdicts.last_of(session, row.id) if one.gate == "approvals")
    gate = as_of_now(session, row, before)
    verdicts.keep(session, row.id, [gate], by=by, now=moment)
    return gate


__all__ = ["Approved", "Waived", "approve", "waive"]
