"""Pages of runs, by keyset: filtered, sorted, each with what it does now and its headline metric."""

from dataclasses import dataclass
from typing import Any

from app.domain.errors import Usage
from app.store.queries.charter import headline_metrics
from app.store.queries.filter import Field, Filter, Kind, Language, compile_filter
from app.store.queries.rows import made, number, where
from app.store.reader import Reader

RunFilter = Filter
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
"""Columns to sort by; `metric:NAME` sorts by a metric."""

_METRIC_SORT = "metric:"

LANGUAGE = Language(
    fields={
        "run": Field("r.key", Kind.PREFIX),
        "flow": Field("r.flow", Kind.WORD),
        "project": Field("(SELECT name FROM project WHERE id = r.project_id)", Kind.WORD),
        "state": Field("r.state", Kind.WORD),
        "cause": Field("r.cause", Kind.WORD),
        "by": Field("r.requested_by"),
        "commit": Field('r."commit"', Kind.PREFIX),
        "error": Field("r.error"),
        "duration": Field("r.duration_s", Kind.SECONDS),
        "seed": Field("r.seed", Kind.NUMBER),
        "requested": Field("r.requested_at", Kind.TIME),
        "started": Field("r.started_at", Kind.TIME),
        "finished": Field("r.finished_at", Kind.TIME),
    },
    words=(
        "r.key",
        "r.flow",
        "(SELECT name FROM project WHERE id = r.project_id)",
        "r.state",
        "r.requested_by",
        "r.cause",
        "r.cause_key",
        "r.error",
    ),
    number_sql="r.id IN (SELECT run_id FROM metric WHERE key = {name} AND {test})",
    text_prefix="p.",
    text_sql="r.id IN (SELECT run_id FROM parameter WHERE key = {name} AND {test})",
)


def run_filter(text: str) -> RunFilter:
    """Compile a filter over runs: `flow:train state:failed`, `auc>0.7`, `p.seed:7`; raises Usage with a position."""
    return compile_filter(text, LANGUAGE)


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
    metric: str | None = None
    value: float | None = None


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


_LIST = """
SELECT r.id, r.key, r.flow, p.name AS project, r.state, r.cause, r.cause_key, r.requested_by, r.requested_at,
  r.started_at, r.finished_at, r.duration_s, r.stages, r.stages_done, r.error, r.next_step,
  t.name AS task, t.says, t.share, t.eta_s, {value} AS sort_value
FROM {source} JOIN project p ON p.id = r.project_id
LEFT JOIN task t ON t.id = (SELECT id FROM task WHERE run_id = r.id ORDER BY ordinal DESC LIMIT 1)
{where} ORDER BY {order} LIMIT :limit
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
    parameters |= bound
    rows: list[dict[str, Any]] = []
    if after is None or after[0] is not None:
        rows += _part(reader, column, source, conditions, parameters, descending, after, limit + 1)
    if column != "r.id" and len(rows) <= limit:
        rest = after if after is not None and after[0] is None else None
        rows += _part_without(reader, column, sort, conditions, parameters, descending, rest, limit + 1 - len(rows))
    more, rows = len(rows) > limit, rows[:limit]
    cursor: Cursor | None = (rows[-1]["sort_value"], rows[-1]["id"]) if more else None
    return RunPage(tuple(_with_headline(reader, rows)), cursor)


def count_of_runs(
    reader: Reader, *, project: str | None = None, flow: str | None = None, where: RunFilter | None = None
) -> int:
    """How many runs a page would go through."""
    conditions, parameters = _conditions(project, flow, where)
    return int(reader.value(f"SELECT count(*) AS n FROM run r {_where(conditions)}", parameters) or 0)  # noqa: S608


def _sorting(sort: str) -> tuple[str, str, dict[str, Any]]:
    if sort.startswith(_METRIC_SORT) and len(sort) > len(_METRIC_SORT):
        source = "metric m JOIN run r ON r.id = m.run_id AND m.key = :sort_metric"
        return "m.value", source, {"sort_metric": sort[len(_METRIC_SORT) :]}
    if sort not in SORTS:
        raise Usage(f"runs cannot be sorted by {sort!r}; choose from {', '.join(SORTS)}, metric:NAME")
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
    return conditions, parameters


def _part(
    reader: Reader,
    column: str,
    source: str,
    conditions: list[str],
    parameters: dict[str, Any],
    descending: bool,
    after: Cursor | None,
    limit: int,
) -> list[dict[str, Any]]:
    way, than = ("DESC", "<") if descending else ("ASC", ">")
    here, bound = [*conditions], {**parameters, "limit": limit}
    if column == "r.id":
        order = f"r.id {way}"
        if after is not None:
            here.append(f"r.id {than} :after_id")
    else:
        tie = "m.run_id" if column == "m.value" else "r.id"
        order = f"{column} {way}, {tie} {way}"
        here.append(f"{column} IS NOT NULL")
        if after is not None:
            here.append(f"({column}, {tie}) {than} (:after_value, :after_id)")
            bound["after_value"] = after[0]
    if after is not None:
        bound["after_id"] = after[1]
    return reader.rows(_LIST.format(value=column, source=source, where=_where(here), order=order), bound)


def _part_without(
    reader: Reader,
    column: str,
    sort: str,
    conditions: list[str],
    parameters: dict[str, Any],
    descending: bool,
    after: Cursor | None,
    limit: int,
) -> list[dict[str, Any]]:
    way, than = ("DESC", "<") if descending else ("ASC", ">")
    missing = f"{column} IS NULL"
    if sort.startswith(_METRIC_SORT):
        missing = (
            "NOT EXISTS (SELECT 1 FROM metric m WHERE m.run_id = r.id AND m.key = :sort_metric AND m.value IS NOT NULL)"
        )
    here, bound = [*conditions, missing], {**parameters, "limit": limit}
    if after is not None:
        here.append(f"r.id {than} :after_id")
        bound["after_id"] = after[1]
    return reader.rows(_LIST.format(value="NULL", source="run r", where=_where(here), order=f"r.id {way}"), bound)


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
    shown = []
    for row in rows:
        fields = {name: value for name, value in row.items() if name != "sort_value"}
        key = wanted.get(row["id"])
        value = values.get((row["id"], key)) if key else None
        shown.append(RunRow(**fields, metric=key if value is not None else None, value=value))
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
