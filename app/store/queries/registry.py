"""Models, their versions, gates and the history of stages."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app.domain.errors import NotFound
from app.domain.gate_order import rank
from app.store.queries.rows import as_flags, made, number, time_text
from app.store.reader import Reader


@dataclass(frozen=True)
class ModelRow:
    """A model with its production and newest versions."""

    name: str
    project: str
    versions: int
    production_version: int | None
    production_since: str | None
    newest_version: int | None
    newest_stage: str | None
    newest_at: str | None
    open_alerts: int
    created_at: str


@dataclass(frozen=True)
class VersionRow:
    """A version with its numbers; `metrics` are those of its run without the slices."""

    id: int
    model: str
    project: str
    version: int
    stage: str
    run: str
    digest: str
    commit: str | None
    dirty: bool
    features_version: int
    gates_passed: int
    gates_waived: int
    gates_total: int
    created_at: str
    model_bytes: str
    size_bytes: int
    manifest: str
    canary: str
    profile: str
    metrics: dict[str, float] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class GateRow:
    """The last verdict of one gate; `waived` says who lets it go, until when and why."""

    gate: str
    passed: bool
    value: float | None
    limit_value: float | None
    says: str
    evaluated_at: str
    low: float | None = None
    high: float | None = None
    evidence: str = ""
    against: str = ""
    attempt: int | None = None
    attempts: int = 1
    """How often it was judged."""
    waived: str = ""

    @property
    def holds(self) -> bool:
        """Whether it stands in nobody's way."""
        return self.passed or bool(self.waived)


@dataclass(frozen=True)
class TransitionRow:
    """One change of a version's stage."""

    id: int
    model: str
    version: int
    from_stage: str
    to_stage: str
    actor: str
    reason: str
    undoes_id: int | None
    created_at: str


_GREEN = """COALESCE((SELECT c.verdict = 'green' FROM ci_verdict c
  WHERE c."commit" = v."commit" AND c.project_id = m.project_id ORDER BY c.id DESC LIMIT 1), FALSE)"""
_PASSED = f"(CASE WHEN g.gate = 'ci' AND NOT v.dirty THEN {_GREEN} ELSE g.passed END)"
_WAIVED = f"""(NOT {_PASSED} AND EXISTS (SELECT 1 FROM waiver w
  WHERE w.version_id = v.id AND w.gate = g.gate AND w.until > :now))"""  # noqa: S608 - no value from outside
_HOLDS = f"({_PASSED} OR {_WAIVED})"
_VERSIONS = f"""
SELECT v.id, m.name AS model, p.name AS project, v.version, v.stage, r.key AS run, v.digest, v."commit", v.dirty,
  f.version AS features_version, v.created_at, v.model_bytes, a.size_bytes, v.manifest, v.canary, v.profile, v.run_id,
  (SELECT count(*) FROM gate_result g WHERE g.version_id = v.id AND {_HOLDS}) AS gates_passed,
  (SELECT count(*) FROM gate_result g WHERE g.version_id = v.id AND {_WAIVED}) AS gates_waived,
  (SELECT count(*) FROM gate_result g WHERE g.version_id = v.id) AS gates_total
FROM model_version v JOIN model m ON m.id = v.model_id JOIN project p ON p.id = m.project_id
JOIN run r ON r.id = v.run_id JOIN feature_set f ON f.id = v.feature_set_id JOIN artifact a ON a.digest = v.model_bytes
"""  # noqa: S608 - no value from outside


def models(reader: Reader) -> list[ModelRow]:
    """Every model, by name."""
    sql = """
    SELECT m.name, p.name AS project, m.created_at,
      (SELECT count(*) FROM model_version v WHERE v.model_id = m.id) AS versions,
      prod.version AS production_version,
      (SELECT max(t.created_at) FROM stage_transition t
       WHERE t.version_id = prod.id AND t.to_stage = 'production') AS production_since,
      newest.version AS newest_version, newest.stage AS newest_stage, newest.created_at AS newest_at,
      (SELECT count(*) FROM alert a WHERE a.project_id = p.id AND a.state <> 'resolved') AS open_alerts
    FROM model m JOIN project p ON p.id = m.project_id
    LEFT JOIN model_version prod ON prod.model_id = m.id AND prod.stage = 'production'
    LEFT JOIN model_version newest ON newest.model_id = m.id
      AND newest.version = (SELECT max(version) FROM model_version WHERE model_id = m.id)
    ORDER BY m.name"""
    return made(ModelRow, reader.rows(sql))


def versions(reader: Reader, *, limit: int = 200) -> list[VersionRow]:
    """The versions of all models, newest first."""
    return _versions(reader, "ORDER BY v.id DESC LIMIT :limit", {"limit": limit})


def versions_of(reader: Reader, model: str, *, limit: int = 200) -> list[VersionRow]:
    """The versions of a model, newest first."""
    tail = "WHERE m.name = :model ORDER BY v.version DESC LIMIT :limit"
    return _versions(reader, tail, {"model": model, "limit": limit})


def version_of(reader: Reader, model: str, version: int) -> VersionRow:
    """One version of a model, its metrics with the slices; raises NotFound."""
    tail = "WHERE m.name = :model AND v.version = :version"
    found = _versions(reader, tail, {"model": model, "version": version}, slices=True)
    if not found:
        raise NotFound(f"there is no version {version} of model {model!r}", next_step="trainmaster models ls")
    return found[0]


def production_of(reader: Reader, project: str) -> VersionRow | None:
    """The version of a project's model that is in production, or None."""
    found = _versions(reader, "WHERE p.name = :project AND v.stage = 'production'", {"project": project})
    return found[0] if found else None


def versions_at(reader: Reader, stage: str) -> list[VersionRow]:
    """All versions at a stage, newest first."""
    return _versions(reader, "WHERE v.stage = :stage ORDER BY v.created_at DESC", {"stage": stage})


def gates_of(reader: Reader, version_id: int) -> list[GateRow]:
    """The verdicts of the gates about a version as they stand now, in the order of reading."""
    sql = f"""SELECT g.gate, CASE WHEN g.gate = 'ci' AND NOT v.dirty THEN {_GREEN} ELSE g.passed END AS passed, g.value,
        g.limit_value, g.says, g.evaluated_at, g.low, g.high, g.evidence, g.against, g.attempt,
        (SELECT count(*) FROM gate_verdict h WHERE h.version_id = g.version_id AND h.gate = g.gate) AS attempts,
        w.actor, w.until, w.reason
        FROM gate_result g JOIN model_version v ON v.id = g.version_id JOIN model m ON m.id = v.model_id
        LEFT JOIN waiver w ON w.id = (SELECT max(id) FROM waiver x WHERE x.version_id = g.version_id AND x.gate = g.gate
          AND x.until > :now)
        WHERE g.version_id = :version_id"""  # noqa: S608 - no value from outside
    found = []
    for row in reader.rows(sql, {"version_id": version_id, "now": time_text(datetime.now(UTC))}):
        fields = as_flags(row, "passed")
        actor, until, reason = (fields.pop(name) for name in ("actor", "until", "reason"))
        if fields["gate"] == "ci" and fields["passed"]:
            fields["says"] = "the commit is green"
        waived = f"{actor} until {str(until)[:10]}: {reason}" if actor and not fields["passed"] else ""
        found.append(GateRow(**{**fields, "attempts": max(int(fields["attempts"]), 1)}, waived=waived))
    return sorted(found, key=lambda gate: rank(gate.gate))


def transitions_of(reader: Reader, model: str, *, limit: int = 100) -> list[TransitionRow]:
    """What happened to the stages of a model's versions, newest first."""
    sql = """SELECT t.id, m.name AS model, v.version, t.from_stage, t.to_stage, t.actor, t.reason, t.undoes_id,
        t.created_at FROM stage_transition t JOIN model_version v ON v.id = t.version_id
        JOIN model m ON m.id = v.model_id WHERE m.name = :model ORDER BY t.id DESC LIMIT :limit"""
    return made(TransitionRow, reader.rows(sql, {"model": model, "limit": limit}))


def _versions(reader: Reader, tail: str, bound: dict[str, Any], *, slices: bool = False) -> list[VersionRow]:
    rows = reader.rows(_VERSIONS + tail, {**bound, "now": time_text(datetime.now(UTC))})
    named = _aliases(reader, [int(row["id"]) for row in rows])
    metrics: dict[int, dict[str, float]] = {}
    if rows:
        ids = ", ".join(str(int(row["run_id"])) for row in rows)
        without = "" if slices else "AND key NOT LIKE 'slice.%'"
        sql = f"SELECT run_id, key, value, special FROM metric WHERE run_id IN ({ids}) {without} ORDER BY key"  # noqa: S608
        for row in reader.rows(sql):
            metrics.setdefault(row["run_id"], {})[row["key"]] = number(row["value"], row["special"])
    shown = []
    for row in rows:
        fields = as_flags(row, "dirty")
        run_id = fields.pop("run_id")
        shown.append(VersionRow(**fields, metrics=metrics.get(run_id, {}), aliases=named.get(fields["id"], ())))
    return shown


def _aliases(reader: Reader, ids: list[int]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    if ids:
        among = ", ".join(map(str, ids))
        sql = f"SELECT version_id, alias FROM model_alias WHERE version_id IN ({among}) ORDER BY alias"  # noqa: S608
        for row in reader.rows(sql):
            found[row["version_id"]] = (*found.get(row["version_id"], ()), row["alias"])
    return found
