"""Services with their leases, and all leases."""

from dataclasses import dataclass

from app.store.queries.rows import made
from app.store.reader import Reader


@dataclass(frozen=True)
class ServiceRow:
    """A supervised process and the lease that proves it alive."""

    name: str
    state: str
    pid: int | None
    since: str
    detail: str
    restarts: int
    lease_pid: int | None
    lease_until: str | None


@dataclass(frozen=True)
class LeaseRow:
    """A promise to be alive."""

    kind: str
    key: str
    boot_id: str
    pid: int
    process_started: float
    expires_at: str


def services(reader: Reader) -> list[ServiceRow]:
    """The supervised processes, by name."""
    sql = """SELECT s.name, s.state, s.pid, s.since, s.detail, s.restarts, l.pid AS lease_pid,
        l.expires_at AS lease_until FROM service s LEFT JOIN lease l ON l.kind = 'service' AND l.key = s.name
        ORDER BY s.name"""
    return made(ServiceRow, reader.rows(sql))


def leases(reader: Reader, *, kind: str | None = None) -> list[LeaseRow]:
    """All leases (or those of a kind), live or not."""
    condition = "WHERE kind = :kind" if kind is not None else ""
    sql = f"SELECT kind, key, boot_id, pid, process_started, expires_at FROM lease {condition} ORDER BY kind, key"  # noqa: S608
    return made(LeaseRow, reader.rows(sql, {"kind": kind} if kind is not None else {}))
