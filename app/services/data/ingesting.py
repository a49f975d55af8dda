"""Ingest: new raw files of a source become immutable snapshots; rows that break the contract go to quarantine."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import insert, update
from sqlmodel import Session, col

from app.domain.errors import NotFound
from app.domain.ids import Ref, new_key
from app.domain.states import QuarantineState
from app.domain.text import visible
from app.services.running import RunContext, TaskContext
from app.services.workspaces import now
from app.store import artifacts, audit, lineage
from app.store.tables import QuarantinedRow, Run, Snapshot, SourceFile

if TYPE_CHECKING:
    pass

from app.services.data.agreeing import require_agreement
from app.services.data.checking import Batch, check_file, require_enough_rows
from app.services.data.extracting import known_digests, known_digests_in, new_files
from app.services.data.reading import declared_source, source_files
from app.services.data.results import PARQUET, Ingested


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
    require_agreement(run.store, run.project, source)
    files = source_files(run.project, source)
    known = known_digests(run, source)
    new = new_files(run.project, files, known)
    if not files and not known:
        raise NotFound(
            f"source {source}: no file matches {visible(declared.path)} in projects/{run.project.name}",
            next_step=f"put a file there, or correct [sources.{source}] path in project.toml",
        )
    batches = []
    for at, (path, name, _) in enumerate(new):
        task.progress(at, len(new), f"{source}: {name}")
        batches.append(check_file(path, name, source, declared, run.project))
    require_enough_rows(batches, source, declared, known_before=bool(known))
    return _write(task, source, batches)


def _write(task: TaskContext, source: str, batches: Sequence[Batch]) -> Ingested:
    run, moment = task.run, now()
    project_source = Ref("source", f"{run.project.name}/{source}")
    with run.store.write() as session:
        known = known_digests_in(session, run.project_id, source)
        fresh = [batch for batch in batches if batch.digest not in known]
        keyed = [_write_one(session, run, source, batch, moment) for batch in fresh]
        keys = [key for key, _ in keyed]
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
        lineage.link(
            session, [(Ref("snapshot", key), Ref("profile", digest), "profiled") for key, digest in keyed], now=moment
        )
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


def _write_one(session: Session, run: RunContext, source: str, batch: Batch, moment: datetime) -> tuple[str, str]:
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
    return row.key, profile
