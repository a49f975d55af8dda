"""One run: what it was made with, its tasks, log, parameters, metrics and resources."""

from dataclasses import dataclass

from app.domain.errors import NotFound
from app.store.queries.filter import Filter
from app.store.queries.rows import as_flags, made, number
from app.store.queries.runs.pages import RunRow, page_of_runs
from app.store.reader import Reader


@dataclass(frozen=True)
class RunDetail:
    """Everything the ledger says about one run itself."""

    row: RunRow
    parameters: str
    seed: int | None
    charter_digest: str | None
    commit: str | None
    dirty: bool | None
    lock_digest: str | None
    environment: str
    prefect_id: str | None
    peak_rss_bytes: int | None


@dataclass(frozen=True)
class TaskRow:
    """One task of a run."""

    id: int
    name: str
    ordinal: int
    state: str
    says: str
    share: float | None
    eta_s: float | None
    started_at: str
    finished_at: str | None
    duration_s: float | None
    inputs: str
    outputs: str
    error: str


@dataclass(frozen=True)
class LogRow:
    """One line of a run's log."""

    seq: int
    at: str
    level: str
    says: str


@dataclass(frozen=True)
class MetricRow:
    """The latest value of a metric; NaN and infinity come as such."""

    key: str
    value: float


@dataclass(frozen=True)
class PointRow:
    """One point of a metric's history."""

    step: int
    value: float


@dataclass(frozen=True)
class SampleRow:
    """What a run's process used at one moment."""

    seq: int
    at: str
    cpu_percent: float | None
    rss_bytes: int | None
    gpu_percent: float | None
    gpu_memory_bytes: int | None


def run_detail(reader: Reader, key: str) -> RunDetail:
    """The run whose key begins so; raises NotFound when there is none, or more than one."""
    found = reader.rows(
        """SELECT r.id, r.key, r.parameters, r.seed, r.charter_digest, r."commit", r.dirty, r.lock_digest,
        r.environment, r.prefect_id, r.peak_rss_bytes FROM run r WHERE r.key >= :low AND r.key < :high LIMIT 2""",
        {"low": key, "high": key + "~"},
    )
    if len(found) != 1:
        what = "no run" if not found else "more than one run"
        raise NotFound(f"{what} begins with {key!r}", next_step="trainmaster runs ls")
    detail = as_flags(found[0], "dirty")
    run_id = detail.pop("id")
    exact = Filter("", "r.id = :run_id", {"run_id": run_id}, keys=frozenset({"archived"}))
    del detail["key"]
    return RunDetail(row=page_of_runs(reader, where=exact, limit=1).rows[0], **detail)


def tasks_of(reader: Reader, key: str) -> list[TaskRow]:
    """The tasks of a run, in order."""
    sql = """SELECT t.id, t.name, t.ordinal, t.state, t.says, t.share, t.eta_s, t.started_at, t.finished_at,
        t.duration_s, t.inputs, t.outputs, t.error FROM task t JOIN run r ON r.id = t.run_id
        WHERE r.key = :key ORDER BY t.ordinal"""
    return made(TaskRow, reader.rows(sql, {"key": key}))


def log_lines_of(reader: Reader, key: str, *, after_seq: int = -1, limit: int = 1000) -> list[LogRow]:
    """The lines of a run's log after a sequence number, oldest first."""
    sql = """SELECT l.seq, l.at, l.level, l.says FROM log_line l
        WHERE l.run_id = (SELECT id FROM run WHERE key = :key) AND l.seq > :seq ORDER BY l.seq LIMIT :limit"""
    return made(LogRow, reader.rows(sql, {"key": key, "seq": after_seq, "limit": limit}))


def last_log_lines_of(reader: Reader, key: str, *, limit: int = 20) -> list[LogRow]:
    """The newest lines of a run's log, oldest first."""
    sql = """SELECT l.seq, l.at, l.level, l.says FROM log_line l
        WHERE l.run_id = (SELECT id FROM run WHERE key = :key) ORDER BY l.seq DESC LIMIT :limit"""
    return made(LogRow, reader.rows(sql, {"key": key, "limit": limit}))[::-1]


def parameters_of(reader: Reader, key: str) -> dict[str, str]:
    """The parameters of a run, as text."""
    sql = "SELECT key, value FROM parameter WHERE run_id = (SELECT id FROM run WHERE key = :key) ORDER BY key"
    return {row["key"]: row["value"] for row in reader.rows(sql, {"key": key})}


def metrics_of(reader: Reader, key: str) -> dict[str, float]:
    """The latest metrics of a run."""
    sql = "SELECT key, value, special FROM metric WHERE run_id = (SELECT id FROM run WHERE key = :key) ORDER BY key"
    return {row["key"]: number(row["value"], row["special"]) for row in reader.rows(sql, {"key": key})}


def point_keys_of(reader: Reader, key: str) -> list[str]:
    """The metrics of a run that have a history."""
    sql = "SELECT DISTINCT key FROM metric_point WHERE run_id = (SELECT id FROM run WHERE key = :key) ORDER BY key"
    return [row["key"] for row in reader.rows(sql, {"key": key})]


def points_of(reader: Reader, key: str, metric: str, *, after_step: int | None = None) -> list[PointRow]:
    """The history of one metric of a run, by step."""
    sql = """SELECT step, value, special FROM metric_point
        WHERE run_id = (SELECT id FROM run WHERE key = :key) AND key = :metric AND step > :step ORDER BY step"""
    bound = {"key": key, "metric": metric, "step": -(2**62) if after_step is None else after_step}
    return [PointRow(row["step"], number(row["value"], row["special"])) for row in reader.rows(sql, bound)]


def resources_of(reader: Reader, key: str, *, after_seq: int = -1) -> list[SampleRow]:
    """What a run's process used over time."""
    sql = """SELECT s.seq, s.at, s.cpu_percent, s.rss_bytes, s.gpu_percent, s.gpu_memory_bytes FROM resource_sample s
        WHERE s.run_id = (SELECT id FROM run WHERE key = :key) AND s.seq > :seq ORDER BY s.seq"""
    return made(SampleRow, reader.rows(sql, {"key": key, "seq": after_seq}))
