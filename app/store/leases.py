"""Leases: a process is alive while its lease is fresh, or while the very same process still runs here."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlmodel import Session, col

from app.domain.errors import Busy
from app.store.holders import Holder, boot_id, process_lives
from app.store.tables import Lease

LEASE_S = 15.0


def take(session: Session, kind: str, key: str, now: datetime, *, holder: Holder, seconds: float = LEASE_S) -> None:
    """Take or renew a lease; raises Busy when another living process holds it."""
    lease = find(session, kind, key)
    until = now + timedelta(seconds=seconds)
    if lease is None:
        session.add(
            Lease(
                kind=kind,
                key=key,
                boot_id=holder.boot_id,
                pid=holder.pid,
                process_started=holder.process_started,
                expires_at=until,
            )
        )
        session.flush()
        return
    if _holder(lease) != holder and is_live(lease, now):
        raise Busy(f"{kind} {key} is held by process {lease.pid}", next_step="trainmaster status")
    lease.boot_id, lease.pid, lease.process_started = holder.boot_id, holder.pid, holder.process_started
    lease.expires_at = until
    session.add(lease)
    session.flush()


def renew(session: Session, kind: str, key: str, now: datetime, *, holder: Holder, seconds: float = LEASE_S) -> bool:
    """Extend an own lease; False when it is no longer ours."""
    changed = session.connection().execute(
        update(Lease)
        .where(
            col(Lease.kind) == kind,
            col(Lease.key) == key,
            col(Lease.pid) == holder.pid,
            col(Lease.boot_id) == holder.boot_id,
            col(Lease.process_started) == holder.process_started,
        )
        .values(expires_at=now + timedelta(seconds=seconds))
    )
    return bool(changed.rowcount)


def drop(session: Session, kind: str, key: str) -> None:
    """Give a lease up."""
    session.connection().execute(delete(Lease).where(col(Lease.kind) == kind, col(Lease.key) == key))


def find(session: Session, kind: str, key: str) -> Lease | None:
    """The lease of a thing, live or not."""
    return session.execute(select(Lease).where(col(Lease.kind) == kind, col(Lease.key) == key)).scalars().first()


def is_live(lease: Lease, now: datetime) -> bool:
    """Whether the holder still lives: on this boot its process decides alone, elsewhere the expiry does.

    A process that was stopped, or a machine that slept, is late with its heartbeat and not dead.
    """
    if lease.boot_id == boot_id():
        return process_lives(_holder(lease))
    return lease.expires_at > now


def _holder(lease: Lease) -> Holder:
    return Holder(lease.boot_id, lease.pid, lease.process_started)
