"""What runs were expected to need and needed, what was decided about them, and whether they were made again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.store.queries.rows import made
from app.store.reader import Reader


@dataclass(frozen=True)
class EstimateRow:
    """A run's estimate beside what it needed; the actual figures are None while it runs."""

    run: str
    basis: str
    seconds: float
    seconds_low: float
    seconds_high: float
    rss_bytes: int
    actual_seconds: float | None
    actual_rss_bytes: int | None


@dataclass(frozen=True)
class AdmissionRow:
    """A decision about letting a run begin."""

    run: str
    decision: str
    says: str
    decided_at: str


@dataclass(frozen=True)
class VerdictRow:
    """The newest verdict about a run that was made again."""

    run: str
    verdict: str
    step: str
    says: str
    created_at: str


@dataclass(frozen=True)
class UsageRow:
    """What a whole run used."""

    device: str
    peak_rss_bytes: int | None
    peak_gpu_memory_bytes: int | None
    energy_j: float | None
    read_bytes: int | None
    written_bytes: int | None


def estimate_of(reader: Reader, run: str) -> EstimateRow | None:
    """The estimate of a run, or None."""
    sql = """SELECT r.key AS run, e.basis, e.seconds, e.seconds_low, e.seconds_high, e.rss_bytes, e.actual_seconds,
        e.actual_rss_bytes FROM estimate e JOIN run r ON r.id = e.run_id WHERE r.key = :key
        ORDER BY e.id DESC LIMIT 1"""
    return next(iter(made(EstimateRow, reader.rows(sql, {"key": run}))), None)


def admissions_of(reader: Reader, run: str) -> list[AdmissionRow]:
    """The decisions about a run, oldest first."""
    sql = """SELECT r.key AS run, a.decision, a.says, a.decided_at FROM admission a JOIN run r ON r.id = a.run_id
        WHERE r.key = :key ORDER BY a.id"""
    return made(AdmissionRow, reader.rows(sql, {"key": run}))


def verdict_of(reader: Reader, run: str) -> VerdictRow | None:
    """The newest verdict of `runs reproduce` about a run, or None."""
    sql = """SELECT r.key AS run, v.verdict, v.step, v.says, v.created_at FROM reproduction v
        JOIN run r ON r.id = v.run_id WHERE r.key = :key ORDER BY v.id DESC LIMIT 1"""
    return next(iter(made(VerdictRow, reader.rows(sql, {"key": run}))), None)


def usage_of(reader: Reader, run: str) -> UsageRow | None:
    """Device, peaks, disk and energy of a run, or None for an unknown one."""
    sql = """SELECT r.device, r.peak_rss_bytes, r.peak_gpu_memory_bytes, r.energy_j, s.read_bytes, s.written_bytes
        FROM run r LEFT JOIN resource_sample s ON s.run_id = r.id AND s.seq =
        (SELECT max(seq) FROM resource_sample WHERE run_id = r.id) WHERE r.key = :key"""
    return next(iter(made(UsageRow, reader.rows(sql, {"key": run}))), None)


def written_per_day(reader: Reader, *, looked_at: int = 200) -> float:
    """Bytes a day that the newest runs wrote, as far as their samples know; 0 before the first run."""
    sql = """SELECT coalesce(sum(s.written_bytes), 0) AS written, min(r.started_at) AS first, max(r.started_at) AS last
        FROM (SELECT id, started_at FROM run WHERE started_at IS NOT NULL ORDER BY id DESC LIMIT :looked_at) r
        JOIN resource_sample s ON s.run_id = r.id AND s.seq =
        (SELECT max(seq) FROM resource_sample WHERE run_id = r.id)"""
    row = reader.rows(sql, {"looked_at": looked_at})[0]
    if row["first"] is None:
        return 0.0
    lasted = datetime.fromisoformat(row["last"]) - datetime.fromisoformat(row["first"])
    return float(row["written"]) / max(lasted / timedelta(days=1), 1.0)
