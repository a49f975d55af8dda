"""The prediction log as a window: its parts are read one after the other, and only their counts are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.monitoring.reference import CategoryBins, Profile
from app.monitoring.tally import Measured, add, tally_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

CHUNK_ROWS = 100_000


@dataclass(frozen=True)
class LogWindow:
    """What the log's parts say of one version: rows, the statistics of each feature and of the score.

    `other_rows` were answered by other versions; `unreadable` are parts that could not be read, by name, and
    `broken_rows` rows whose inputs are no record: both are left out and told.
    """

    rows: int
    measured: Mapping[str, Measured]
    score: Measured | None
    other_rows: int = 0
    broken_rows: int = 0
    unreadable: tuple[str, ...] = field(default=())


def read_log(profile: Profile, parts: Sequence[Path], *, version: int) -> LogWindow:
    """Count the rows of one version in the parts; memory is that of 100,000 rows, however many there are."""
    tallies = {name: tally_of(bins) for name, bins in profile.features.items()}
    score = tally_of(profile.score) if profile.score is not None else None
    seen = dict.fromkeys(tallies, False)
    rows = other = broken = 0
    unreadable: list[str] = []
    for table in _chunks(parts, unreadable):
        chosen, more = _of_version(table, version)
        other += more
        frame, lost = _records(profile, chosen)
        broken += lost
        rows += len(frame)
        for name, tally in tallies.items():
            if name in frame:
                add(tally, frame[name])
                seen[name] = True
        if score is not None and chosen.num_rows:
            add(score, chosen["score"].to_pandas())
    measured = {name: tally.measured(profile.rows) for name, tally in tallies.items() if seen[name]}
    watched = score.measured(profile.score_rows) if score is not None else None
    return LogWindow(rows, measured, watched, other, broken, tuple(unreadable))


def _chunks(parts: Sequence[Path], unreadable: list[str]) -> Iterator[pa.Table]:
    import pyarrow as pa
    from pyarrow import parquet

    waiting: list[pa.Table] = []
    for part in parts:
        try:
            waiting.append(parquet.read_table(part, columns=["version", "inputs", "score"], use_threads=False))
        except (OSError, pa.ArrowException, KeyError):
            unreadable.append(part.name)
            continue
        if sum(table.num_rows for table in waiting) >= CHUNK_ROWS:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _of_version(table: pa.Table, version: int) -> tuple[pa.Table, int]:
    import pyarrow.compute as pc

    chosen = table.filter(pc.equal(table["version"], version))
    return chosen, table.num_rows - chosen.num_rows


def _records(profile: Profile, table: pa.Table) -> tuple[pd.DataFrame, int]:
    """The inputs as columns, by Arrow's reader of JSON lines; a chunk that it refuses is read record by record."""
    import pandas as pd
    import pyarrow as pa
    from pyarrow import json as arrow_json

    texts = table["inputs"].to_pylist()
    if not texts:
        return pd.DataFrame(), 0
    kinds = [
        (name, pa.string() if isinstance(bins, CategoryBins) else pa.float64())
        for name, bins in profile.features.items()
    ]
    options = arrow_json.ParseOptions(explicit_schema=pa.schema(kinds), unexpected_field_behavior="ignore")
    lines = "\n".join(text if isinstance(text, str) else "{}" for text in texts).encode()
    reading = arrow_json.ReadOptions(use_threads=False, block_size=max(len(lines) + 1, 1 << 20))
    try:
        found = arrow_json.read_json(pa.BufferReader(lines), read_options=reading, parse_options=options)
        if found.num_rows == len(texts):
            there = [name for name in found.column_names if found[name].null_count < found.num_rows]
            return pd.DataFrame({name: _column(found[name]) for name in there}, copy=False), 0
    except (pa.ArrowException, OverflowError):
        pass
    return _one_by_one(profile, texts)


def _column(values: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_floating(values.type):
        return values.to_numpy()
    return values.combine_chunks().dictionary_encode().to_pandas()


def _one_by_one(profile: Profile, texts: Sequence[Any]) -> tuple[pd.DataFrame, int]:
    import orjson
    import pandas as pd

    records = []
    for text in texts:
        try:
            record = orjson.loads(text)
        except (orjson.JSONDecodeError, TypeError):
            continue
        if isinstance(record, dict):
            records.append(record)
    columns: dict[str, Any] = {}
    for name, bins in profile.features.items():
        values = [record.get(name) for record in records]
        if any(value is not None for value in values):
            category = isinstance(bins, CategoryBins)
            columns[name] = pd.Series(values, dtype=object) if category else _numbers(values)
    return pd.DataFrame(columns, index=range(len(records))), len(texts) - len(records)


def _numbers(values: Sequence[Any]) -> Any:
    plain = [float(value) if isinstance(value, int | float) and abs(value) < 1e300 else np.nan for value in values]
    return np.asarray(plain, dtype=float)


@dataclass(frozen=True)
class Skew:
    """One feature as it was logged and as it is computed now, over the rows that both have."""

    feature: str
    rows: int
    different: int
    largest: float
    example: str = ""

    @property
    def share(self) -> float:
        """The share of rows that differ; NaN without a row."""
        return self.different / self.rows if self.rows else float("nan")


def skew(
    logged: pd.DataFrame,
    computed: pd.DataFrame,
    keys: Sequence[str],
    features: Sequence[str],
    *,
    tolerance: float = 1e-9,
) -> list[Skew]:
    """Compare features of the same keys, as they were when the answer was given and as the offline store has them now.

    Numbers differ by more than `tolerance` of their size, words when they are not the same; missing on both sides is
    the same. Keys that appear twice on a side are left out.

    >>> import pandas as pd
    >>> one = skew(pd.DataFrame({"id": [1, 2], "x": [1.0, 2.0]}), pd.DataFrame({"id": [1, 2], "x": [1.0, 3.0]}),
    ...            ["id"], ["x"])
    >>> one[0].rows, one[0].different, one[0].largest
    (2, 1, 1.0)
    """
    from app.monitoring.numbers import numbers_of

    sides = [side.drop_duplicates(list(keys), keep=False) for side in (logged, computed)]
    names = [name for name in features if name in logged and name in computed]
    both = sides[0][[*keys, *names]].merge(sides[1][[*keys, *names]], on=list(keys), suffixes=(" logged", " now"))
    found = []
    for name in names:
        one, other = both[f"{name} logged"], both[f"{name} now"]
        missing = one.isna() & other.isna()
        largest = 0.0
        if _is_number(one) and _is_number(other):
            before, after = numbers_of(one), numbers_of(other)
            apart = np.abs(before - after)
            same = apart <= tolerance * np.maximum(np.maximum(np.abs(before), np.abs(after)), 1.0)
            known = apart[np.isfinite(apart)]
            largest = float(known.max()) if len(known) else 0.0
        else:
            same = (one.astype(str) == other.astype(str)).to_numpy()
        different = np.flatnonzero(~(same | missing.to_numpy()))
        example = f"{one.iloc[different[0]]} logged, {other.iloc[different[0]]} now" if len(different) else ""
        found.append(Skew(name, len(both), len(different), largest, example[:200]))
    return found


def _is_number(values: pd.Series[Any]) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(values)) and not pd.api.types.is_bool_dtype(values)


__all__ = ["LogWindow", "Skew", "read_log", "skew"]
