"""How far stretches of the reference's own time are from the rest of it: what a calibration is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.monitoring.calibration import SEASONS_FROM_DAYS, Calibration, Level, Spread, share_spread_of, spread_of
from app.monitoring.distances import divergence
from app.monitoring.reference import NumberBins
from app.monitoring.sketch import Sketch
from app.monitoring.tally import Statistic

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]
BLOCKS = (12, 48)
SMALLEST_BLOCK = 60
MOST_ROWS = 200_000
DAY_NS = 86_400 * 10**9


@dataclass(frozen=True)
class Column:
    """One column of the reference: float64 numbers, or places in `words` (NaN for missing)."""

    name: str
    values: Numbers
    words: tuple[str, ...] | None = None


def calibrate(columns: Sequence[tuple[Column, NumberBins | None]], times: Whole) -> Calibration | None:
    """The calibration of columns whose rows happened at `times` (nanoseconds since 1970); None for too few rows.

    Blocks are equal in rows, one after the other in time. Each is compared with all other rows, as a new window is with
    the reference. More than 200,000 rows are thinned evenly.
    """
    step = max(1, -(-len(times) // MOST_ROWS))
    order = np.argsort(times, kind="stable")[::step]
    rows = len(order)
    placed = [_placed(column.values[order], column, bins) for column, bins in columns]
    names = [column.name for column, _ in columns]
    levels = []
    for blocks in BLOCKS:
        if rows // blocks < SMALLEST_BLOCK:
            break
        block = np.arange(rows) * blocks // rows
        found = _distances(placed, names, block, blocks)
        levels.append(
            Level(
                blocks,
                rows * step // blocks,
                {
                    str(name): _spread(name, [names[at] for at in which], values)
                    for name, (which, values) in found.items()
                },
            )
        )
    if not levels:
        return None
    return Calibration(tuple(levels), _seasons(placed, names, times[order]))


def _spread(statistic: Statistic, names: Sequence[str], values: Numbers) -> Spread:
    shares = (Statistic.MISSING, Statistic.NEW, Statistic.RANGE)
    return (share_spread_of if statistic in shares else spread_of)(names, values)


@dataclass(frozen=True)
class _Placed:
    """A column in the order of time: the bin of each row (missing last), and its place among the sketch's points."""

    bin: Whole
    bins: int
    values: Numbers
    sketch: Sketch | None
    point: Whole | None
    words: int


def _placed(values: Numbers, column: Column, bins: NumberBins | None) -> _Placed:
    known = np.isfinite(values)
    if bins is None:
        many = len(column.words or ())
        place = np.where(known, np.nan_to_num(values, nan=0.0), many).astype(np.int64)
        return _Placed(place, many + 1, values, None, None, many)
    edges = np.asarray(bins.edges)
    place = np.where(known, np.searchsorted(edges, values, side=bins.side), len(edges) + 1)
    sketch = bins.sketch
    point = np.searchsorted(sketch.points, values, side="left") if sketch is not None and sketch.rows else None
    return _Placed(place, len(edges) + 2, values, sketch, point, 0)


def _distances(
    placed: Sequence[_Placed], names: Sequence[str], block: Whole, blocks: int
) -> dict[Statistic, tuple[list[int], Numbers]]:
    """By statistic: which columns have it, and its values of (blocks, those columns)."""
    gathered: dict[Statistic, tuple[list[int], list[Numbers]]] = {}
    for at in range(len(names)):
        for statistic, values in _of_column(placed[at], block, blocks).items():
            which, kept = gathered.setdefault(statistic, ([], []))
            which.append(at)
            kept.append(values)
    return {statistic: (which, np.stack(kept, axis=1)) for statistic, (which, kept) in gathered.items()}


def _of_column(column: _Placed, block: Whole, blocks: int) -> dict[Statistic, Numbers]:
    counts = _crossed(block, column.bin, blocks, column.bins).astype(float)
    own, rest = counts, counts.sum(axis=0) - counts
    rows, others = own.sum(axis=1, keepdims=True), rest.sum(axis=1, keepdims=True)
    one, other = own / rows, rest / np.maximum(others, 1)
    small = 0.5 / rows
    before, after = np.maximum(other, small), np.maximum(one, small)
    middle = (one + other) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.where(middle > 0, (one - other) ** 2 / (own + rest) * (rows + others), 0.0)
    found = {
        Statistic.PSI: np.sum((after - before) * np.log(after / before), axis=1),
        Statistic.JS: np.sqrt(divergence(one, other)),
        Statistic.CHI2: squares.sum(axis=1),
        Statistic.MISSING: one[:, -1],
    }
    if column.words:
        only = (own > 0) & (rest == 0)
        found[Statistic.NEW] = np.where(only, one, 0.0)[:, :-1].sum(axis=1)
    if column.sketch is not None and column.point is not None:
        found |= _of_points(column, block, blocks)
    return found


def _of_points(column: _Placed, block: Whole, blocks: int) -> dict[Statistic, Numbers]:
    sketch, point = column.sketch, column.point
    assert sketch is not None
    assert point is not None
    known = np.isfinite(column.values)
    upto = np.cumsum(_crossed(block[known], point[known], blocks, len(sketch.points) + 1), axis=1)[:, :-1]
    rows = np.maximum(upto[:, -1:], 1)
    every = upto.sum(axis=0)
    others = np.maximum(every[-1] - rows, 1)
    apart = np.abs(upto / rows - (every - upto) / others)
    found = {Statistic.KS: apart.max(axis=1)}
    if sketch.deviation > 0:
        found[Statistic.WASSERSTEIN] = (apart[:, :-1] * np.diff(sketch.points)).sum(axis=1) / sketch.deviation
    lows, highs = _extremes(column.values, block, blocks)
    found[Statistic.RANGE] = np.array(
        [
            np.mean((mine < np.delete(lows, at).min()) | (mine > np.delete(highs, at).max()))
            for at, mine in enumerate(np.split(column.values, np.searchsorted(block, np.arange(1, blocks))))
        ]
    )
    return found


def _extremes(values: Numbers, block: Whole, blocks: int) -> tuple[Numbers, Numbers]:
    lows, highs = np.full(blocks, np.inf), np.full(blocks, -np.inf)
    known = np.isfinite(values)
    np.minimum.at(lows, block[known], values[known])
    np.maximum.at(highs, block[known], values[known])
    return lows, highs


def _seasons(
    placed: Sequence[_Placed], names: Sequence[str], times: Whole
) -> dict[str, dict[str, tuple[float | None, ...]]]:
    """What each calendar month is like, where the reference has a year."""
    if len(times) == 0 or (times[-1] - times[0]) / DAY_NS < SEASONS_FROM_DAYS:
        return {}
    month = times.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64) % 12
    there, rank = np.unique(month, return_inverse=True)
    order = np.argsort(rank, kind="stable")
    sort: Callable[[_Placed], _Placed] = lambda one: _Placed(  # noqa: E731
        one.bin[order],
        one.bins,
        one.values[order],
        one.sketch,
        one.point[order] if one.point is not None else None,
        one.words,
    )
    found = _distances([sort(one) for one in placed], names, rank[order], len(there))
    seasons: dict[str, dict[str, tuple[float | None, ...]]] = {}
    for statistic, (which, values) in found.items():
        for column, at in enumerate(which):
            known = dict(zip(there.tolist(), values[:, column].tolist(), strict=True))
            seasons.setdefault(str(statistic), {})[names[at]] = tuple(known.get(place) for place in range(12))
    return seasons


def _crossed(block: Whole, place: Whole, blocks: int, places: int) -> Whole:
    """How often each place occurs in each block: (blocks, places)."""
    found: Whole = np.bincount(block * places + place, minlength=blocks * places).reshape(blocks, places)
    return found


__all__ = ["Column", "calibrate"]
