"""Finished pieces of a batch: kept in the store one by one, and put together as one file at the end."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import col

from app.services.predictions.answering import to_parquet
from app.services.workspaces import now
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import PredictionPart

if TYPE_CHECKING:
    import pandas as pd


LEFT_BEHIND = "batch-"
LEFT_BEHIND_S = 24 * 3600.0


@dataclass(frozen=True)
class Part:
    """One finished piece: its Parquet artifact, rows, and event times from (included) to (excluded)."""

    artifact: str
    rows: int
    window_from: datetime | None
    window_to: datetime | None


def kept_parts(store: Store, plan: str) -> dict[int, Part]:
    """The pieces that an earlier run of the same plan has finished, by their place."""
    with store.read() as session:
        rows = session.execute(select(PredictionPart).where(col(PredictionPart.plan) == plan)).scalars()
        return {row.ordinal: Part(row.artifact, row.rows, row.window_from, row.window_to) for row in rows}


def keep_part(
    store: Store,
    project_id: int,
    plan: str,
    ordinal: int,
    table: pd.DataFrame,
    window: tuple[datetime | None, datetime | None],
) -> Part:
    """Keep a piece; when another run was quicker, its piece stands."""
    content = to_parquet(table)
    with store.write() as session:
        known: PredictionPart | None = (
            session.execute(
                select(PredictionPart).where(col(PredictionPart.plan) == plan, col(PredictionPart.ordinal) == ordinal)
            )
            .scalars()
            .first()
        )
        if known is not None:
            return Part(known.artifact, known.rows, known.window_from, known.window_to)
        digest = artifacts.put(
            session, content, kind="predictions", media_type="application/vnd.apache.parquet", now=now()
        )
        row = PredictionPart(
            project_id=project_id,
            plan=plan,
            ordinal=ordinal,
            artifact=digest,
            rows=len(table),
            window_from=window[0],
            window_to=window[1],
            created_at=now(),
        )
        session.add(row)
    return Part(digest, len(table), window[0], window[1])


def whole_file(store: Store, parts: Sequence[Part], path: Path) -> Path:
    """All pieces one after the other as one Parquet file (zstd), a group of rows each; the same pieces, the same bytes.

    What a run that was killed has left of such a file in the same folder goes after a day.
    """
    for left in path.parent.glob(f"{LEFT_BEHIND}*"):
        if time.time() - left.stat().st_mtime > LEFT_BEHIND_S:
            left.unlink(missing_ok=True)
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.unify_schemas(
        [parquet.read_schema(io.BytesIO(_content(store, part))).remove_metadata() for part in parts],
        promote_options="permissive",
    )
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for part in parts:
            table = parquet.read_table(io.BytesIO(_content(store, part)))
            writer.write_table(table.cast(schema), row_group_size=max(table.num_rows, 1))
    return path


def _content(store: Store, part: Part) -> bytes:
    with store.read() as session:
        return artifacts.get(session, part.artifact)


__all__ = ["LEFT_BEHIND", "Part", "keep_part", "kept_parts", "whole_file"]
