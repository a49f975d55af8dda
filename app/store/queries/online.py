"""What was published online, and what the comparisons with the offline store found."""

import json
from dataclasses import dataclass

from app.store.queries.rows import made
from app.store.reader import Reader


@dataclass(frozen=True)
class OnlineViewRow:
    """One view of a publish; `waiting` rows were not known yet, `is_new` says that its rows were written."""

    view: str
    rows: int
    waiting: int
    is_new: bool


@dataclass(frozen=True)
class OnlinePublishRow:
    """One publish to the online store."""

    project: str
    version: int
    run: str
    rows: int
    views: tuple[OnlineViewRow, ...]
    known_until: str
    created_at: str


@dataclass(frozen=True)
class SkewRow:
    """One comparison of online with offline; `report` is the digest of a JSON artifact."""

    project: str
    version: int
    entities: int
    compared: int
    differences: int
    report: str
    actor: str
    created_at: str


def newest_publish(reader: Reader, project: str) -> OnlinePublishRow | None:
    """The last publish of a project, or None."""
    row = reader.one(
        """SELECT p.name AS project, f.version, r.key AS run, o.rows, o.views, o.known_until, o.created_at
        FROM online_publish o JOIN project p ON p.id = o.project_id JOIN feature_set f ON f.id = o.feature_set_id
        JOIN run r ON r.id = o.run_id WHERE p.name = :project ORDER BY o.id DESC LIMIT 1""",
        {"project": project},
    )
    if row is None:
        return None
    views = tuple(OnlineViewRow(**view) for view in json.loads(row["views"]))
    return OnlinePublishRow(**{**row, "views": views})


def skew_checks(reader: Reader, *, project: str | None = None, limit: int = 20) -> list[SkewRow]:
    """Comparisons of both stores, newest first."""
    condition = "WHERE p.name = :project" if project is not None else ""
    bound: dict[str, object] = {"limit": limit} | ({"project": project} if project is not None else {})
    sql = f"""SELECT p.name AS project, f.version, s.entities, s.compared, s.differences, s.report, s.actor,
        s.created_at FROM skew_check s JOIN project p ON p.id = s.project_id
        JOIN feature_set f ON f.id = s.feature_set_id {condition} ORDER BY s.id DESC LIMIT :limit"""  # noqa: S608
    return made(SkewRow, reader.rows(sql, bound))
