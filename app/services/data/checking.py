"""One extracted batch: contract, quarantine, profile, and the bytes of its snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.domain.errors import BadInput, Refused
from app.domain.project import Source
from app.domain.text import visible
from app.services.data.profiles import batch_profile
from app.services.workspaces import OpenProject, now

if TYPE_CHECKING:
    from app.data.quarantine import QuarantineRecord
    from app.data.readers import Raw
    from app.data.snapshots import Packed


@dataclass(frozen=True)
class Batch:
    path: str
    name: str
    digest: str
    size_bytes: int
    rows_in: int
    packed: "Packed"
    snapshot_digest: str
    profile: bytes
    quarantined: "list[QuarantineRecord]"


def check_rows(raw: "Raw", path: str, source: str, declared: Source, project: OpenProject) -> Batch:
    """Check the rows of one piece of a source; raises Refused when too many of them break the contract."""
    from app.data import contract, quarantine, snapshots

    name = raw.file
    checked = contract.check(raw.frame, declared, name=source, where=name)
    if checked.batch:
        raise Refused(
            f"the batch breaks the contract: {'; '.join(checked.batch)}; nothing was taken in",
            where=name,
            next_step=f"correct the file, or [sources.{source}] in projects/{project.name}/project.toml",
        )
    rejected = quarantine.records(raw, checked.rejected)
    rows_in, broken = len(raw.frame), len(checked.rejected)
    if broken > declared.max_quarantined_share * rows_in:  # lines that are no rows never stop a stream
        first = quarantine.records(replace(raw, unread=()), checked.rejected[:1])[0]
        raise Refused(
            f"{broken:,} of {rows_in:,} rows break the contract ({broken / rows_in:.1%}; "
            f"the limit is {declared.max_quarantined_share:.1%}); nothing was taken in. "
            f"First: {visible(first.reason, longest=200)}",
            where=name,
            next_step=f"correct the file, or [sources.{source}] in projects/{project.name}/project.toml",
        )
    packed = snapshots.pack(checked.accepted, time=declared.time)
    return Batch(
        path,
        name,
        raw.digest,
        raw.size_bytes,
        rows_in + len(raw.unread),
        packed,
        snapshots.digest_of(packed.content, raw.digest),
        batch_profile(project, source, checked, packed),
        rejected,
    )


def require_enough_rows(batches: Sequence[Batch], source: str, declared: Source, *, known_before: bool) -> None:
    """Raise BadInput when the batches of one ingest bring too few rows to begin with, Refused when all are too old."""
    from app.data.contract import stale

    newest = max((batch.packed.time_to for batch in batches if batch.packed.time_to is not None), default=None)
    old = stale(newest, declared, now=now())
    if old:
        raise Refused(
            f"the batch breaks the contract: {old}; nothing was taken in",
            where=batches[0].name,
            next_step=f"deliver newer rows, or raise max_age_hours of [sources.{source}] in project.toml",
        )
    accepted = sum(batch.packed.rows for batch in batches)
    if batches and not known_before and accepted < declared.minimum_rows:
        raise BadInput(
            f"{accepted:,} rows keep the contract; [sources.{source}] asks for {declared.minimum_rows:,}",
            where=batches[0].name,
            next_step="deliver more rows, or lower minimum_rows in project.toml",
        )
