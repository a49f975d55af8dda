"""Names of versions, and what stood where at a moment."""

from dataclasses import dataclass
from datetime import datetime

from app.store.queries.rows import as_flags, made, time_text
from app.store.reader import Reader


@dataclass(frozen=True)
class AliasRow:
    """An alias and the version it points at."""

    model: str
    alias: str
    version: int
    protected: bool
    changed_at: str


@dataclass(frozen=True)
class MoveRow:
    """One row of the ledger: where an alias, or production, moved; None stands for no version."""

    id: int
    model: str
    alias: str
    before: int | None
    after: int | None
    actor: str
    reason: str
    created_at: str


@dataclass(frozen=True)
class ServedRow:
    """What an alias pointed at in a moment, since when, and who had moved it there."""

    model: str
    alias: str
    version: int | None
    digest: str | None
    since: str
    actor: str
    reason: str


_LEDGER = """(
  SELECT a.id, a.model_id, a.alias, a.from_id, a.to_id, a.actor, a.reason, a.created_at FROM alias_move a
  UNION ALL
  SELECT t.id - 1000000000, v.model_id, 'champion', NULL, t.version_id, t.actor, t.reason, t.created_at
  FROM stage_transition t JOIN model_version v ON v.id = t.version_id
  WHERE t.to_stage = 'production' AND NOT EXISTS (SELECT 1 FROM alias_move e WHERE e.model_id = v.model_id
    AND e.alias = 'champion' AND e.created_at <= t.created_at)
)"""
"""The ledger of aliases; promotions from before there was one are read from the history of stages, which grows too."""


def aliases_of(reader: Reader, model: str) -> list[AliasRow]:
    """The aliases of a model, by name."""
    sql = """SELECT m.name AS model, a.alias, v.version, a.protected, a.changed_at FROM model_alias a
        JOIN model m ON m.id = a.model_id JOIN model_version v ON v.id = a.version_id
        WHERE m.name = :model ORDER BY a.alias"""
    return made(AliasRow, (as_flags(row, "protected") for row in reader.rows(sql, {"model": model})))


def served_at(reader: Reader, model: str, moment: datetime, alias: str = "champion") -> ServedRow | None:
    """The version that an alias (by default: production) pointed at in a moment; None before the first one."""
    sql = f"""SELECT m.name AS model, l.alias, v.version, v.digest, l.created_at AS since, l.actor, l.reason
        FROM {_LEDGER} l JOIN model m ON m.id = l.model_id LEFT JOIN model_version v ON v.id = l.to_id
        WHERE m.name = :model AND l.alias = :alias AND l.created_at <= :moment ORDER BY l.id DESC LIMIT 1"""  # noqa: S608
    row = reader.one(sql, {"model": model, "alias": alias, "moment": time_text(moment)})
    return ServedRow(**row) if row is not None else None


def moves_of(
    reader: Reader, model: str, *, alias: str | None = None, until: datetime | None = None, limit: int = 100
) -> list[MoveRow]:
    """The ledger of a model, newest first, up to a moment."""
    sql = f"""SELECT l.id, m.name AS model, l.alias, b.version AS before, v.version AS after, l.actor, l.reason,
        l.created_at FROM {_LEDGER} l JOIN model m ON m.id = l.model_id
        LEFT JOIN model_version v ON v.id = l.to_id LEFT JOIN model_version b ON b.id = l.from_id
        WHERE m.name = :model AND (:alias = '' OR l.alias = :alias) AND (:until = '' OR l.created_at <= :until)
        ORDER BY l.id DESC LIMIT :limit"""  # noqa: S608 - no value from outside
    bound = {"model": model, "alias": alias or "", "until": time_text(until) if until else "", "limit": limit}
    return made(MoveRow, reader.rows(sql, bound))


__all__ = ["AliasRow", "MoveRow", "ServedRow", "aliases_of", "moves_of", "served_at"]
