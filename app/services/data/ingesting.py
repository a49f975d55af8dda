"""Ingest: what is new of a source becomes immutable snapshots; rows that break the contract go to quarantine."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import insert
from sqlmodel import Session

from app.domain.errors import Unavailable
from app.domain.ids import Ref, new_key
from app.domain.project.connections import SourceKind
from app.domain.states import QuarantineState
from app.services.data.agreeing import require_agreement
from app.services.data.checking import Batch, check_rows, require_enough_rows
from app.services.data.evolving import changed, columns_now
from app.services.data.extracting import known_of, source_place
from app.services.data.reading import declared_source
from app.services.data.results import PARQUET, Ingested
from app.services.running import RunContext, TaskContext
from app.services.workspaces import now
from app.store import artifacts, audit, lineage
from app.store.tables import QuarantinedRow, Snapshot, SourceFile

if TYPE_CHECKING:
    from app.data.connectors import Piece


def plan_ingest(run: RunContext) -> list[str]:
    """The sources that a run will take in, one stage each: all, or the one that its parameter `source` names."""
    wanted = run.parameters.get("source")
    if wanted is not None:
        declared_source(run.project, str(wanted))
    sources = [str(wanted)] if wanted is not None else list(run.project.file.sources)
    run.plan(len(sources))
    return sources


def ingest(task: TaskContext, source: str) -> Ingested:
    """Take in what is new of one source: one immutable snapshot for each file, object or extract.

    The same bytes are never taken twice. Files and objects go in all or none; of a source with a watermark, and of a
    stream, each piece is kept as soon as it is there, and a run after a kill goes on behind the last one. Raises
    BadInput (with file, line and column) for what cannot be read or lacks a required column, Refused when more than the
    allowed share of rows breaks the contract, NotFound when nothing is there at all, Unavailable after the last try.
    """
    from app.data import connectors, readers

    run = task.run
    require_agreement(run.store, run.project, source)
    place = source_place(run.project, source)
    connector = connectors.connector(place)
    with connectors.opened_spool(run.project.workspace.spool(run.project.name, source)) as spool:
        with run.store.read() as session:
            known = began = known_of(session, run.project_id, source)
        columns = columns_now(run.store, run.project_id, source)
        taking = _Taking(task, source)
        pieces = connectors.extracted(
            connector, known.past, spool, log=lambda says: run.log(place.secrets.masked(says), level="warning")
        )
        for at, piece in enumerate(pieces):
            digest = known.standing(piece)
            if digest is None:
                connector.taken(piece)
                continue
            task.progress(at, at + 1, f"{source}: {piece.shown}")
            if place.source.kind is SourceKind.STREAM:
                raw = readers.read_stream(piece.file, piece.shown, place.source)
            else:
                raw = readers.read(piece.file, piece.shown)
            if place.source.kind is SourceKind.FILES and raw.digest != piece.digest:
                raise Unavailable("the file changed while it was read", where=piece.shown, next_step="try again")
            batch = check_rows(replace(raw, digest=digest), piece.path, source, place.source, run.project)
            if other := changed(columns, batch.packed.columns):
                run.log(f"source {source}: {batch.name} has other columns than before: {other}", level="warning")
            columns = batch.packed.columns if batch.packed.rows else columns
            known = known.after(piece, digest)
            taking.add(piece, batch)
            if connector.is_incremental:
                taking.keep()
                connector.taken(piece)
        if not connector.is_incremental:
            require_enough_rows(taking.batches, source, place.source, known_before=began.past.has_begun)
        return taking.finish()


class _Taking:
    """The pieces that were checked and wait for a transaction, and the books of those that are in the store."""

    def __init__(self, task: TaskContext, source: str) -> None:
        self._task, self._source = task, source
        self._waiting: list[tuple[Piece, Batch]] = []
        self._kept: list[tuple[Batch, str]] = []

    @property
    def batches(self) -> list[Batch]:
        """What waits."""
        return [batch for _, batch in self._waiting]

    def add(self, piece: "Piece", batch: Batch) -> None:
        """A piece more that waits."""
        self._waiting.append((piece, batch))

    def keep(self) -> None:
        """Write what waits."""
        with self._task.run.store.write() as session:
            fresh = self._write(session)
        self._kept += fresh
        self._waiting.clear()

    def finish(self) -> Ingested:
        """Write what waits, and end the task in the same transaction."""
        task, source = self._task, Ref("source", f"{self._task.run.project.name}/{self._source}")
        with task.run.store.write() as session:
            kept = [*self._kept, *self._write(session)]
            result = _books(self._source, kept)
            outputs = [Ref("snapshot", key) for _, key in kept]
            task.complete(session, says=result.says, inputs=[source], outputs=outputs)
        return result

    def _write(self, session: Session) -> list[tuple[Batch, str]]:
        run, moment = self._task.run, now()
        source = Ref("source", f"{run.project.name}/{self._source}")
        known = known_of(session, run.project_id, self._source)
        written: list[tuple[Batch, str]] = []
        for piece, batch in self._waiting:
            if batch.digest not in known.digests:  # another process may have been faster
                written.append((batch, _write_one(session, run, self._source, piece, batch, moment)))
                known = known.after(piece, batch.digest)
        outputs = [Ref("snapshot", key) for _, key in written]
        lineage.link(session, [(source, output, "extracted") for output in outputs], now=moment)
        if written:
            books = _books(self._source, written)
            audit.record(
                session,
                actor=run.actor,
                action="data.ingested",
                subject=str(source),
                now=moment,
                details={
                    "run": run.key,
                    "rows": books.accepted,
                    "quarantined": books.quarantined,
                    "snapshots": list(books.snapshots),
                },
            )
        return written


def _books(source: str, kept: Sequence[tuple[Batch, str]]) -> Ingested:
    batches = [batch for batch, _ in kept]
    return Ingested(
        source,
        tuple(batch.name for batch in batches),
        tuple(key for _, key in kept),
        sum(batch.rows_in for batch in batches),
        sum(batch.packed.rows for batch in batches),
        sum(len(batch.quarantined) for batch in batches),
        dict(sorted(Counter(record.rule for batch in batches for record in batch.quarantined).items())),
    )


def _write_one(session: Session, run: RunContext, source: str, piece: "Piece", batch: Batch, moment: datetime) -> str:
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
        watermark=piece.watermark or packed.watermark,
        time_from=packed.time_from,
        time_to=packed.time_to,
        created_at=moment,
    )
    session.add(row)
    session.flush()
    assert row.id is not None
    lineage.link(session, [(Ref("snapshot", row.key), Ref("profile", profile), "profiled")], now=moment)
    session.add(
        SourceFile(
            project_id=run.project_id,
            snapshot_id=row.id,
            source=source,
            path=batch.path,
            digest=batch.digest,
            version=piece.version,
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
