"""Training sets, and what refers to a version of the features."""

from dataclasses import dataclass
from datetime import datetime

from app.store.queries.rows import made
from app.store.reader import Reader


@dataclass(frozen=True)
class TrainingSetRow:
    """One version of a training set; `split` is the rule as JSON, `sides` the digest of the stored split."""

    id: int
    project: str
    name: str
    version: int
    feature_set_id: int
    features: int
    run: str | None
    window_from: str | None
    window_to: str | None
    rows: int
    train_rows: int
    test_rows: int
    purged_rows: int
    digest: str
    split: str
    split_digest: str
    sides: str
    actor: str
    created_at: str
    used_by: int
    """How many runs have learned from it."""

    @property
    def window(self) -> tuple[datetime | None, datetime | None]:
        """From (included) and to (not included) which event time its rows reach; None is open."""
        first, last = (
            None if text is None else datetime.fromisoformat(text) for text in (self.window_from, self.window_to)
        )
        return first, last


@dataclass(frozen=True)
class ReferenceRow:
    """A thing that needs a version of the features."""

    kind: str
    key: str


_SETS = """
SELECT t.id, p.name AS project, t.name, t.version, t.feature_set_id, f.version AS features, r.key AS run,
  t.window_from, t.window_to, t.rows, t.train_rows, t.test_rows, t.purged_rows, t.digest, t.split, t.split_digest,
  t.sides, t.actor, t.created_at,
  (SELECT count(*) FROM lineage_edge e WHERE e.from_kind = 'training_set'
    AND e.from_key = p.name || '/' || t.name || '/' || t.version AND e.to_kind = 'run') AS used_by
FROM training_set t JOIN project p ON p.id = t.project_id JOIN feature_set f ON f.id = t.feature_set_id
LEFT JOIN run r ON r.id = t.run_id
"""


def training_sets(reader: Reader, *, project: str | None = None, limit: int = 100) -> list[TrainingSetRow]:
    """Training sets, newest first."""
    condition = "WHERE p.name = :project" if project is not None else ""
    bound: dict[str, object] = {"limit": limit} | ({"project": project} if project is not None else {})
    return made(TrainingSetRow, reader.rows(f"{_SETS} {condition} ORDER BY t.id DESC LIMIT :limit", bound))


def training_set(reader: Reader, project: str, name: str, version: int | None = None) -> TrainingSetRow | None:
    """One version of a training set (None: the newest), or None."""
    bound: dict[str, object] = {"project": project, "name": name}
    condition = ""
    if version is not None:
        condition, bound["version"] = "AND t.version = :version", version
    sql = f"{_SETS} WHERE p.name = :project AND t.name = :name {condition} ORDER BY t.version DESC LIMIT 1"
    found = made(TrainingSetRow, reader.rows(sql, bound))
    return found[0] if found else None


def references(reader: Reader, feature_set_id: int) -> list[ReferenceRow]:
    """Models, training sets, runs and predictions that came from a version of the features, and the rows online now."""
    sql = """
    SELECT 'model' AS kind, m.name || '/' || v.version AS key FROM model_version v JOIN model m ON m.id = v.model_id
      WHERE v.feature_set_id = :id
    UNION SELECT 'training_set', p.name || '/' || t.name || '/' || t.version FROM training_set t
      JOIN project p ON p.id = t.project_id WHERE t.feature_set_id = :id
    UNION SELECT e.to_kind, e.to_key FROM lineage_edge e JOIN feature_set f ON f.id = :id
      JOIN project p ON p.id = f.project_id
      WHERE e.from_kind = 'features' AND e.from_key = p.name || '/v' || f.version
        AND e.to_kind IN ('run', 'predictions', 'report')
    UNION SELECT 'online', p.name FROM online_publish o JOIN project p ON p.id = o.project_id
      WHERE o.feature_set_id = :id AND o.id = (SELECT max(id) FROM online_publish WHERE project_id = o.project_id)
    ORDER BY kind, key"""
    return made(ReferenceRow, reader.rows(sql, {"id": feature_set_id}))
