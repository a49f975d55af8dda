"""Where a version stands before its gates now: stored verdicts, living ones as of now, and waivers that still hold."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import Refused
from app.domain.gates import GateVerdict, declared, failing
from app.domain.project import Gates
from app.domain.waivers import NEVER
from app.services.registry.living import as_of_now
from app.store import verdicts
from app.store.tables import ModelVersion, Waiver

COMPARED = ("production", "schema")
"""Gates that compare with the version in production."""


def standing(session: Session, version: ModelVersion, *, now: datetime) -> tuple[GateVerdict, ...]:
    """Every gate of a version as it stands at `now`, in the order of reading."""
    assert version.id is not None
    waivers = _waivers(session, version.id, now)
    found = []
    for stored in verdicts.last_of(session, version.id):
        verdict = as_of_now(session, version, stored)
        waiver = waivers.get(verdict.gate) if verdict.gate not in NEVER else None
        if waiver is not None and not verdict.passed:
            verdict = replace(verdict, waived=f"{waiver.actor} until {waiver.until:%Y-%m-%d}: {waiver.reason}")
        found.append(verdict)
    return tuple(found)


def is_stale(gates: Sequence[GateVerdict], production: str) -> bool:
    """Whether production (`MODEL/VERSION`, or nothing) is another one than the gates were judged against.

    >>> gate = GateVerdict("production", True, 0.1, 0.0, "", against="late/1")
    >>> is_stale([gate], "late/1"), is_stale([gate], "late/2")
    (False, True)
    """
    return any(gate.gate in COMPARED and gate.against != production for gate in gates)


def differs(gates: Sequence[GateVerdict], charter: Gates) -> bool:
    """Whether the charter declares other gates or limits now than were judged."""
    limits, wanted = {gate.gate: gate.limit for gate in gates}, declared(charter)
    if set(limits) != set(wanted):
        return True
    return any(limit is not None and limits[name] != limit for name, limit in wanted.items())


def require_gates(session: Session, version: ModelVersion, model: str, production: str, *, now: datetime) -> None:
    """Raise Refused naming the gates that do not hold, or when there are none or another version was judged against."""
    gates = standing(session, version, now=now)
    next_step = f"trainmaster models show {model} {version.version}"
    if not gates:
        raise Refused(f"{model} v{version.version} has no gate report", next_step=next_step)
    failed = failing(gates)
    if failed:
        raise Refused(f"{model} v{version.version} did not pass: {', '.join(failed)}", next_step=next_step)
    if version.judged_on is not None and is_stale(gates, production):
        raise Refused(
            f"{model} v{version.version} was judged against another version than {production or 'none'}",
            next_step=f"trainmaster models test {model} {version.version}",
        )


def _waivers(session: Session, version_id: int, now: datetime) -> dict[str, Waiver]:
    """The newest waiver of each gate, of those whose end is still to come."""
    statement = select(Waiver).where(col(Waiver.version_id) == version_id).order_by(col(Waiver.id))
    return {row.gate: row for row in session.execute(statement).scalars() if row.until > now}


__all__ = ["differs", "is_stale", "require_gates", "standing"]
