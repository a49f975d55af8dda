"""Pages of runs, by keyset: filtered, sorted, each with what it does now and its headline metric."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.errors import Usage
from app.store.queries.charter import headline_metrics
from app.store.queries.rows import made, number, where
from app.store.queries.runs.language import RunFilter
from app.store.queries.runs.notes import tags_of_runs
from app.store.reader import Reader

Cursor = tuple[str | float | int | None, int]
"""Value of the sort column and id of the last row of a page."""

SORTS = {
    "requested": "r.id",
    "started": "r.started_at",
    "finished": "r.finished_at",
    "duration": "r.duration_s",
    "flow": "r.flow",
    "state": "r.state",
    "by": "r.requested_by",
}
"""Columns to sort by; `metrics.NAME` sorts by a metric."""

_METRIC_SORT = "metrics."
FEW = 2_000
"""A filter that an index says leaves fewer rows than this begins with these rows, whatever the order."""


@dataclass(frozen=True)
class RunRow:
    """A run as a list shows it; `task`, `says`, `share`, `eta_s` are those of its last task."""

    id: int
    key: str
    flow: str
    project: str
    state: str
    cause: str
    cause_key: str | None
    requested_by: str
    requested_at: str
    started_at: str | None
    finished_at: str | None
    duration_s: float | None
    stages: int | None
    stages_done: int
    task: str | None
    says: str | None
    share: float | None
    eta_s: float | None
    error: str
    next_step: str
    archived_at: str | None = None
    metric: str | None = None
    value: float | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunPage:
    """Some runs in order, and the cursor of the next page (None when this is the last)."""

    rows: tuple[RunRow, ...]
    after: Cursor | None


@dataclass(frozen=True)
class TopRun:
    """A run in the order of a metric."""

    key: str
    flow: str
    project: str
    state: str
    value: float
    started_at: str | None
    duration_s: float | None


_HERE = "r.archived_at IS NULL"
_KEYS = "SELECT r.id AS id, {value} AS sort_value FROM {source} {where}"
_LIST = """
SELECT r.id, r.key, r.flow, p.name AS project, r.state, r.cause, r.cause_key, r.requested_by, r.requested_at,
  r.started_at, r.finished_at, r.duration_s, r.stages, r.stages_done, r.error, r.next_step, r.archived_at,
  t.name AS task, t.says, t.share, t.eta_s, k.sort_value
FROM ({keys}) k JOIN run r ON r.id = k.id JOIN project p ON p.id = r.project_id
LEFT JOIN task t ON t.id = (SELECT id FROM task WHERE run_id = r.id ORDER BY ordinal DESC LIMIT 1)
ORDER BY k.sort_value {way}, k.id {way}
"""


def page_of_runs(
    reader: Reader,
    *,
    project: str | None = None,
    flow: str | None = None,
    where: RunFilter | None = None,
    sort: str = "requested",
    descending: bool = True,
    after: Cursor | None = None,
    limit: int = 50,
) -> RunPage:
    """One page of runs, by keyset; runs without the sorted value come last. Raises Usage for an unknown sort."""
    column, source, bound = _sorting(sort)
    conditions, parameters = _conditions(project, flow, where)
    few = _few(reader, where)
    if few == ():
        return RunPage((), None)
    if few is not None:
        conditions.append(_among(few))
    order = _Order(reader, column, source, tuple(conditions), parameters | bound, descending, few is not None)
    rows: list[dict[str, Any]] = []
    # a filter that asks for a number of what sorts leaves no row without one
    bounds = where.ranges.get(sort[len(_METRIC_SORT) :] if column == "m.value" else column, ()) if where else ()
    if after is None or after[0] is not None:
        rows += order.with_value(after, limit + 1, [f"m.{b}" for b in bounds] if column == "m.value" else bounds)
    if column != "r.id" and len(rows) <= limit and not bounds:
        rest = after if after is not None and after[0] is None else None
        rows += order.without_value(rest, limit + 1 - len(rows))
    more, rows = len(rows) > limit, rows[:limit]
    cursor: Cursor | None = (rows[-1]["sort_value"], rows[-1]["id"]) if more else None
    return RunPage(tuple(_with_headline(reader, rows)), cursor)


def count_of_runs(
    reader: Reader,
    *,
    project: str | None = None,
    flow: str | None = None,
    where: RunFilter | None = None,
    most: int | None = None,
) -> int:
    """How many runs a page would go through; counts no further than `most`."""
    conditions, parameters = _conditions(project, flow, where)
    if conditions == [_HERE]:  # both counts are of an index: no row is read
        counts = """SELECT (SELECT count(*) FROM run)
            - (SELECT count(*) FROM run WHERE archived_at IS NOT NULL) AS n"""
        return int(reader.value(counts) or 0)
    few = _few(reader, where)
    if few is not None:
        conditions.append(_among(few))
    sql = f"SELECT count(*) AS n FROM run r {_where(conditions)}"  # noqa: S608
    if most is not None:
        sql = f"SELECT count(*) AS n FROM (SELECT 1 AS one FROM run r {_where(conditions)} LIMIT :most) c"  # noqa: S608
        parameters["most"] = most
    return int(reader.value(sql, parameters) or 0)


def _among(ids: Iterable[int]) -> str:
    """A condition that these runs keep; PostgreSQL knows no empty list."""
    listed = ", ".join(map(str, ids))
    return f"r.id IN ({listed})" if listed else "1 = 0"


def _sorting(sort: str) -> tuple[str, str, dict[str, Any]]:
    if sort.startswith(_METRIC_SORT) and len(sort) > len(_METRIC_SORT):
        source = "metric m JOIN run r ON r.id = m.run_id AND m.key = :sort_metric"
        return "m.value", source, {"sort_metric": sort[len(_METRIC_SORT) :]}
    if sort not in SORTS:
        raise Usage(
            f"runs cannot be sorted by {sort!r}; choose from {', '.join(SORTS)}, metrics.NAME",
            next_step="trainmaster runs ls --sort -metrics.auc",
        )
    return SORTS[sort], "run r", {}


def _conditions(project: str | None, flow: str | None, where: RunFilter | None) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    parameters: dict[str, Any] = {}
    if project is not None:
        conditions.append("r.project_id = (SELECT id FROM project WHERE name = :project)")
        parameters["project"] = project
    if flow is not None:
        conditions.append("r.flow = :flow")
        parameters["flow"] = flow
    if where is not None and where.sql:
        conditions.append(where.sql)
        parameters |= dict(where.parameters)
    if where is None or "archived" not in where.keys:
        conditions.append(_HERE)
    return conditions, parameters


def _few(reader: Reader, where: RunFilter | None) -> tuple[int, ...] | None:
    """The ids of the runs that pass the narrowest test which an index serves; None when they are not few."""
    best: tuple[int, ...] | None = None
    for ids in where.narrow if where is not None else ():
        limit = FEW if best is None else len(best)
        sql = f"SELECT d.id FROM ({ids}) d LIMIT {limit}"  # noqa: S608
        found = [int(row["id"]) for row in reader.rows(sql, where.parameters if where is not None else {})]
        if len(found) < limit:
            best = tuple(dict.fromkeys(found))
        if best == ():
            break
    return best


@dataclass(frozen=True)
class _Order:
    """One way through the runs: first those with a value in the sorted column, then those without one."""

    reader: Reader
    column: str
    source: str
    conditions: tuple[str, ...]
    parameters: Mapping[str, Any]
    descending: bool
    few: bool
    """Whether the conditions leave so few rows that all of them are read and sorted."""

    @property
    def way(self) -> tuple[str, str]:
        return ("DESC", "<") if self.descending else ("ASC", ">")

    def with_value(self, after: Cursor | None, limit: int, bounds: Iterable[str]) -> list[dict[str, Any]]:
        if self.few:
            return self.sorted_here(after, limit)
        way, than = self.way
        here, bound = [*self.conditions, *bounds], {**self.parameters, "limit": limit}
        order, tie = f"r.id {way}", "r.id"
        if self.column != "r.id":
            tie = "m.run_id" if self.column == "m.value" else "r.id"
            order = f"{self.column} {way}, {tie} {way}"
            here.append(f"{self.column} IS NOT NULL")
        if after is not None:
            bound |= {"after_value": after[0], "after_id": after[1]}
            seek = f"({self.column}, {tie}) {than} (:after_value, :after_id)"
            here.append(f"r.id {than} :after_id" if self.column == "r.id" else seek)
        keys = _KEYS.format(value=self.column, source=self.source, where=_where(here))
        return self.reader.rows(_LIST.format(keys=f"{keys} ORDER BY {order} LIMIT :limit", way=way), bound)

    def sorted_here(self, after: Cursor | None, limit: int) -> list[dict[str, Any]]:
        """All of the few, then sorted: no index of the order is walked to find them."""
        way, than = self.way
        value = self.column
        if value == "m.value":
            value = "(SELECT value FROM metric WHERE run_id = r.id AND key = :sort_metric)"
        here, bound = ["q.sort_value IS NOT NULL"], {**self.parameters, "limit": limit}
        if after is not None:
            here.append(f"(q.sort_value, q.id) {than} (:after_value, :after_id)")
            bound |= {"after_value": after[0], "after_id": after[1]}
        keys = _KEYS.format(value=value, source="run r", where=_where(list(self.conditions)))
        order = f"q.sort_value {way}, q.id {way}"
        keys = f"SELECT * FROM ({keys} LIMIT {FEW}) q {_where(here)} ORDER BY {order} LIMIT :limit"  # noqa: S608
        return self.reader.rows(_LIST.format(keys=keys, way=way), bound)

    def without_value(self, after: Cursor | None, limit: int) -> list[dict[str, Any]]:
        way, than = self.way
        missing = f"{self.column} IS NULL"
        if self.column == "m.value":
            missing = "NOT EXISTS (SELECT 1 FROM metric m WHERE m.run_id = r.id AND m.key = :sort_metric AND m.value IS NOT NULL)"  # noqa: E501
        here, bound = [*self.conditions, missing], {**self.parameters, "limit": limit}
        if after is not None:
            here.append(f"r.id {than} :after_id")
            bound["after_id"] = after[1]
        keys = _KEYS.format(value="NULL", source="run r", where=_where(here)) + f" ORDER BY r.id {way} LIMIT :limit"
        return self.reader.rows(_LIST.format(keys=keys, way=way), bound)


def _with_headline(reader: Reader, rows: list[dict[str, Any]]) -> list[RunRow]:
    headlines = headline_metrics(reader) if rows else {}
    wanted = {row["id"]: headlines[row["project"]] for row in rows if row["project"] in headlines}
    values: dict[tuple[int, str], float] = {}
    if wanted:
        ids = ", ".join(str(int(run_id)) for run_id in wanted)
        keys = {f"k{at}": key for at, key in enumerate(sorted(set(wanted.values())))}
        names = ", ".join(f":{name}" for name in keys)
        sql = f"SELECT run_id, key, value, special FROM metric WHERE run_id IN ({ids}) AND key IN ({names})"  # noqa: S608
        values = {
            (row["run_id"], row["key"]): number(row["value"], row["special"]) for row in reader.rows(sql, dict(keys))
        }
    tags = tags_of_runs(reader, [row["id"] for row in rows])
    shown = []
    for row in rows:
        fields = {name: value for name, value in row.items() if name != "sort_value"}
        key = wanted.get(row["id"])
        value = values.get((row["id"], key)) if key else None
        shown.append(
            RunRow(**fields, metric=key if value is not None else None, value=value, tags=tags.get(row["id"], ()))
        )
    return shown


def _where(conditions: list[str]) -> str:
    return where(conditions)


def top_runs_by_metric(reader: Reader, key: str, *, limit: int = 50, descending: bool = True) -> list[TopRun]:
    """The runs with the highest (or lowest) finite value of a metric; reads `limit` entries of an index."""
    way = "DESC" if descending else "ASC"
    sql = f"""SELECT r.key, r.flow, p.name AS project, r.state, m.value, r.started_at, r.duration_s
        FROM (SELECT run_id, value FROM metric WHERE key = :key AND value IS NOT NULL
              ORDER BY value {way}, run_id {way} LIMIT :limit) m
        JOIN run r ON r.id = m.run_id JOIN project p ON p.id = r.project_id
        ORDER BY m.value {way}, m.run_id {way}"""  # noqa: S608
    return made(TopRun, reader.rows(sql, {"key": key, "limit": limit}))
