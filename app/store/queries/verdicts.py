"""The history of gates: every verdict that was given, and the people behind a version."""

from dataclasses import dataclass

from app.store.queries.rows import as_flags, made
from app.store.reader import Reader


@dataclass(frozen=True)
class VerdictRow:
    """One verdict of one gate, as it was given."""

    id: int
    gate: str
    passed: bool
    value: float | None
    limit_value: float | None
    low: float | None
    high: float | None
    evidence: str
    against: str
    attempt: int | None
    says: str
    actor: str
    evaluated_at: str


@dataclass(frozen=True)
class SayRow:
    """What a person said of a version: an approval (`gate` is empty), or a waiver of a gate until a moment."""

    gate: str
    actor: str
    reason: str
    until: str | None
    created_at: str


def verdicts_of(reader: Reader, version_id: int, *, gate: str | None = None, limit: int = 200) -> list[VerdictRow]:
    """The verdicts about a version, newest first."""
    sql = """SELECT id, gate, passed, value, limit_value, low, high, evidence, against, attempt, says, actor,
        evaluated_at FROM gate_verdict WHERE version_id = :version AND (:gate = '' OR gate = :gate)
        ORDER BY id DESC LIMIT :limit"""
    rows = reader.rows(sql, {"version": version_id, "gate": gate or "", "limit": limit})
    return made(VerdictRow, (as_flags(row, "passed") for row in rows))


def approvals_of(reader: Reader, version_id: int) -> list[SayRow]:
    """The approvals of a version, in order."""
    sql = """SELECT '' AS gate, actor, reason, NULL AS until, created_at FROM approval
        WHERE version_id = :version ORDER BY id"""
    return made(SayRow, reader.rows(sql, {"version": version_id}))


def waivers_of(reader: Reader, version_id: int) -> list[SayRow]:
    """The waivers of a version, expired ones too, in order."""
    sql = """SELECT gate, actor, reason, until, created_at FROM waiver WHERE version_id = :version ORDER BY id"""
    return made(SayRow, reader.rows(sql, {"version": version_id}))


__all__ = ["SayRow", "VerdictRow", "approvals_of", "verdicts_of", "waivers_of"]
