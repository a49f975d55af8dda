"""Rows that broke the contract, as records that can be looked at and released later."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from app.data.contract import Rejected
from app.data.readers import Raw


@dataclass(frozen=True)
class QuarantineRecord:
    """One rejected row: its number (from 1), the file, the rule, the reason with its line, and the row as JSON."""

    row_number: int
    file: str
    rule: str
    reason: str
    content: str


def records(raw: Raw, rejected: Sequence[Rejected]) -> list[QuarantineRecord]:
    """The records of rejected rows and of lines that are none, in order; values stay as they were delivered."""
    broken = [*_unread(raw), *_rejected(raw, rejected)]
    return sorted(broken, key=lambda record: record.row_number) if raw.unread else broken


def _unread(raw: Raw) -> Iterator[QuarantineRecord]:
    import orjson

    for one in raw.unread:
        reason = f"{raw.file} line {one.line}: {one.reason}"
        yield QuarantineRecord(one.ordinal + 1, raw.file, one.rule, reason, orjson.dumps(one.content).decode())


def _rejected(raw: Raw, rejected: Sequence[Rejected]) -> Iterator[QuarantineRecord]:
    import orjson

    if not rejected:
        return
    rows = raw.frame.iloc[[bad.row for bad in rejected]]
    columns = [str(column) for column in rows.columns]
    values = [_plain(rows[column]) for column in rows.columns]
    lines = raw.places([bad.row for bad in rejected])
    for bad, where, *cells in zip(rejected, lines, *values, strict=True):
        content = orjson.dumps(dict(zip(columns, cells, strict=True)), default=str).decode()
        yield QuarantineRecord(raw.number_of(bad.row), raw.file, bad.rule, f"{where}: {bad.reason}", content)


def _plain(values: pd.Series) -> list[object]:
    """Python values; missing ones as None, infinities as text (JSON has no number for them)."""
    plain = values.astype(object).where(values.notna(), None).tolist()
    return [str(value) if isinstance(value, float) and math.isinf(value) else value for value in plain]
