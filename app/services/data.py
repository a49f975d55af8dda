"""Ingest: new raw files of a source become immutable snapshots; rows that break the contract go to quarantine."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, update
from sqlmodel import Session, col

from app.domain.errors import BadInput, NotFound, Refused, Usage
from app.domain.ids import Ref, new_key
from app.domain.project import Source
from app.domain.states import QuarantineState
from app.domain.text import visible
from app.services.running import RunContext, TaskContext
from app.services.workspaces import OpenProject, now
from app.store import artifacts, audit, lineage
from app.store.engine import Store
from app.store.tables import QuarantinedRow, Run, Snapshot, SourceFile

if TYPE_CHECKING:
    from app.data.quarantine import QuarantineRecord
    from app.data.snapshots import Packed

PARQUET = "application/vnd.apache.parquet"


@dataclass(frozen=True)
class Ingested:
    """What one ingest of one source took in; rows in = accepted + quarantined."""

    source: str
    files: tuple[str, ...]
    snapshots: tuple[str, ...]
    rows_in: int
    accepted: int
    quarantined: int
    reasons: dict[str, int]

    @property
    def says(self) -> str:
        """One line for people."""
        if not self.files:
            return f"{self.source}: no new file"
        cut = f", {self.quarantined:,} quarantined" if self.quarantined else ""
        many = "s" if len(self.files) > 1 else ""
        return f"{self.source}: {len(self.files)} new file{many}, {self.accepted:,} rows{cut}"


@dataclass(frozen=True)
class SnapshotInfo:
    """A snapshot as the services above need it; times are UTC."""

    key: str
    source: str
    path: str
    digest: str
    artifact: str
    rows: int
    created_at: datetime
    time_from: datetime | None
    time_to: datetime | None


@dataclass(frozen=True)
class _Batch:
    path: str
    name: str
    digest: str
    size_bytes: int
    rows_in: int
    packed: "Packed"
    snapshot_digest: str
    profile: bytes
    quarantined: "list[QuarantineRecord]"


def plan_ingest(run: RunContext) -> list[str]:
    """The sources that a run will take in, one stage each; the run's row says so."""
    sources = list(run.project.file.sources)
    run.stages = len(sources)
    with run.store.write() as session:
        session.connection().execute(update(Run).where(col(Run.id) == run.run_id).values(stages=len(sources)))
    return sources


def ingest(task: TaskContext, source: str) -> Ingested:
    """Take in the new files of one source: one immutable snapshot a file, all of them or none.

    The same bytes are never taken twice. Raises BadInput (with file and line) for a file that cannot be read or lacks a
    required column, Refused when more than the allowed share of rows breaks the contract, NotFound when no file is
    there at all.
    """
    run = task.run
    declared = declared_source(run.project, source)
    files = source_files(run.project, source)
    known = _known_digests(run, source)
    new = _new_files(run.project, files, known)
    if not files and not known:
        raise NotFound(
            f"source {source}: no file matches {visible(declared.path)} in projects/{run.project.name}",
            next_step=f"put a file there, or correct [sources.{source}] path in project.toml",
        )
    batches = []
    for at, (path, name, _) in enumerate(new):
        task.progress(at, len(new), f"{source}: {name}")
        batches.append(_read_one(path, name, source, declared, run.project))
    _require_enough_rows(batches, source, declared, known_before=bool(known))
    return _write(task, source, batches)


def newest_snapshots(store: Store, project_id: int, sources: Sequence[str] | None = None) -> list[SnapshotInfo]:
    """The snapshots that make up each source now, in the order of their files' names.

    A file that was written again replaces its older snapshot.
    """
    query = (
        select(Snapshot, col(SourceFile.path))
        .join(SourceFile, col(SourceFile.snapshot_id) == col(Snapshot.id))
        .where(col(Snapshot.project_id) == project_id)
        .order_by(col(Snapshot.id))
    )
    newest: dict[tuple[str, str], SnapshotInfo] = {}
    with store.read() as session:
        for row, path in session.execute(query).all():
            if sources is None or row.source in sources:
                newest[row.source, path] = SnapshotInfo(
                    row.key,
                    row.source,
                    path,
                    row.digest,
                    row.artifact,
                    row.rows,
                    row.created_at,
                    row.time_from,
                    row.time_to,
                )
    return [newest[key] for key in sorted(newest)]


def snapshot_bytes(store: Store, snapshot: SnapshotInfo) -> bytes:
    """The Parquet bytes of a snapshot, checked against their digest."""
    with store.read() as session:
        return artifacts.get(session, snapshot.artifact)


def declared_source(project: OpenProject, source: str) -> Source:
    """The source of that name in project.toml; raises Usage."""
    declared = project.file.sources.get(source)
    if declared is None:
        names = ", ".join(project.file.sources)
        raise Usage(f"project {project.name} has no source {visible(source)!r}", next_step=f"choose one of: {names}")
    return declared


def source_files(project: OpenProject, source: str) -> list[Path]:
    """The files that match a source's path now, in order; raises Refused for a path that leaves the folder."""
    pattern = declared_source(project, source).path
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise Refused(
            f"[sources.{source}] path {visible(pattern)!r} leaves the project's folder",
            next_step="use a path below projects/" + project.name,
        )
    found = sorted(project.folder.glob(pattern))
    return [path for path in found if path.is_file() and not path.name.startswith((".", "_"))]


def _known_digests(run: RunContext, source: str) -> set[str]:
    with run.store.read() as session:
        return _known(session, run.project_id, source)


def _known(session: Session, project_id: int, source: str) -> set[str]:
    query = select(col(SourceFile.digest)).where(
        col(SourceFile.project_id) == project_id, col(SourceFile.source) == source
    )
    return set(session.execute(query).scalars())


def _new_files(project: OpenProject, files: Sequence[Path], known: set[str]) -> list[tuple[Path, str, str]]:
    from app.data.readers import fingerprint

    new: list[tuple[Path, str, str]] = []
    seen = set(known)
    for path in files:
        name = visible(path.relative_to(project.folder).as_posix(), longest=200)
        digest, _ = fingerprint(path, name)
        if digest not in seen:
            seen.add(digest)
            new.append((path, name, digest))
    return new


def _read_one(path: Path, name: str, source: str, declared: Source, project: OpenProject) -> _Batch:
    from app.data import contract, profile, quarantine, readers, snapshots

    raw = readers.read(path, name)
    checked = contract.check(raw.frame, declared, name=source, where=name)
    rejected = list(quarantine.records(raw, checked.rejected))
    rows_in = len(raw.frame)
    if len(rejected) > declared.max_quarantined_share * rows_in:
        raise Refused(
            f"{len(rejected):,} of {rows_in:,} rows break the contract ({len(rejected) / rows_in:.1%}; "
            f"the limit is {declared.max_quarantined_share:.1%}); nothing was taken in. "
            f"First: {visible(rejected[0].reason, longest=200)}",
            where=name,
            next_step=f"correct the file, or [sources.{source}] in projects/{project.name}/project.toml",
        )
    reasons = Counter(record.rule for record in rejected)
    packed = snapshots.pack(checked.accepted, time=declared.time)
    relative = path.relative_to(project.folder).as_posix()
    return _Batch(
        relative.encode(errors="backslashreplace").decode(),  # a file's name may hold bytes that are no text
        name,
        raw.digest,
        raw.size_bytes,
        rows_in,
        packed,
        snapshots.digest_of(packed.content, raw.digest),
        profile.as_json(packed.table, rows_in=rows_in, reasons=reasons),
        rejected,
    )


def _require_enough_rows(batches: Sequence[_Batch], source: str, declared: Source, *, known_before: bool) -> None:
    accepted = sum(batch.packed.rows for batch in batches)
    if batches and not known_before and accepted < declared.minimum_rows:
        raise BadInput(
            f"{accepted:,} rows keep the contract; [sources.{source}] asks for {declared.minimum_rows:,}",
            where=batches[0].name,
            next_step="deliver more rows, or lower minimum_rows in project.toml",
        )


def _write(task: TaskContext, source: str, batches: Sequence[_Batch]) -> Ingested:
    run, moment = task.run, now()
    project_source = Ref("source", f"{run.project.name}/{source}")
    with run.store.write() as session:
        known = _known(session, run.project_id, source)
        fresh = [batch for batch in batches if batch.digest not in known]
        keys = [_write_one(session, run, source, batch, moment) for batch in fresh]
        result = Ingested(
            source,
            tuple(batch.name for batch in fresh),
            tuple(keys),
            sum(batch.rows_in for batch in fresh),
            sum(batch.packed.rows for batch in fresh),
            sum(len(batch.quarantined) for batch in fresh),
            dict(sorted(Counter(record.rule for batch in fresh for record in batch.quarantined).items())),
        )
        outputs = [Ref("snapshot", key) for key in keys]
        lineage.link(session, [(project_source, output, "extracted") for output in outputs], now=moment)
        if fresh:
            audit.record(
                session,
                actor=run.actor,
                action="data.ingested",
                subject=str(project_source),
                now=moment,
                details={"run": run.key, "rows": result.accepted, "quarantined": result.quarantined, "snapshots": keys},
            )
        task.complete(session, says=result.says, inputs=[project_source], outputs=outputs)
    return result


def _write_one(session: Session, run: RunContext, source: str, batch: _Batch, moment: datetime) -> str:
    packed = batch.packed
    content = artifacts.put(session, packed.content, kind="snapshot", media_type=PARQUET, now=moment)
    profile = artifacts.put(session, batch.profile, kind="profile", media_type="application/json", now=moment)
    row = Snapshot(
        key=new_key(),
        project_id=run.project_id,
        run_id=run.run_id,
        source=source,
        digest=batch.snapshot_digest,
        artifact=content,
        profile=profile,
        rows_in=batch.rows_in,
        rows=packed.rows,
        quarantined=len(batch.quarantined),
        columns=json.dumps([{"name": name, "type": kind} for name, kind in packed.columns]),
        watermark=packed.watermark,
        time_from=packed.time_from,
        time_to=packed.time_to,
        created_at=moment,
    )
    session.add(row)
    session.flush()
    assert row.id is not None
    session.add(
        SourceFile(
            project_id=run.project_id,
            snapshot_id=row.id,
            source=source,
            path=batch.path,
            digest=batch.digest,
            size_bytes=batch.size_bytes,
            rows=batch.rows_in,
        )
    )
    if batch.quarantined:
        session.connection().execute(
            insert(QuarantinedRow),
            [
                {
                    "snapshot_id": row.id,
                    "row_number": record.row_number,
                    "file": record.file,
                    "rule": record.rule,
                    "reason": record.reason,
                    "content": record.content,
                    "state": QuarantineState.OPEN,
                }
                for record in batch.quarantined
            ],
        )
    return row.key


def quarantined_count(store: Store, project_id: int) -> int:
    """How many rows of a project wait in quarantine."""
    query = (
        select(func.count())
        .select_from(QuarantinedRow)
        .join(Snapshot, col(QuarantinedRow.snapshot_id) == col(Snapshot.id))
        .where(col(Snapshot.project_id) == project_id, col(QuarantinedRow.state) == QuarantineState.OPEN)
    )
    with store.read() as session:
        return int(session.execute(query).scalar_one())


__all__ = [
    "Ingested",
    "SnapshotInfo",
    "declared_source",
    "ingest",
    "newest_snapshots",
    "plan_ingest",
    "quarantined_count",
    "snapshot_bytes",
    "source_files",
]
