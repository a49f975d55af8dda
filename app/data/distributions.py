"""How the values of one column lie: range, quantiles, histogram, top values, and how they go with a target."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

TOP, BINS = 10, 20
NEAR = 1000
LONGEST_TOP_VALUE = 200
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Histogram:
    """Counts in bins of the same width; bin i holds edges[i] <= value < edges[i + 1], the last one its end too."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Spread:
    """A column of numbers without its missing and infinite values; None and nothing where there are none."""

    distinct: int
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] = ()
    histogram: Histogram | None = None
    top: tuple[tuple[str, int], ...] = ()


def spread(values: Numbers) -> Spread:
    """Range, mean, standard deviation, quantiles (`QUANTILES`, nearest value below), histogram and top values.

    >>> found = spread(np.array([3.0, 1.0, 1.0, np.nan]))
    >>> found.distinct, found.minimum, found.maximum, found.quantiles[3], found.top[0]
    (2, 1.0, 3.0, 1.0, ('1', 2))
    """
    finite = np.sort(values[np.isfinite(values)])
    if not len(finite):
        return Spread(0)
    first = np.flatnonzero(np.r_[True, finite[1:] != finite[:-1]])
    counts = np.diff(np.r_[first, len(finite)])
    most = np.argsort(-counts, kind="stable")[:TOP] if len(counts) < len(finite) else np.empty(0, dtype=np.intp)
    low, high = float(finite[0]), float(finite[-1])
    return Spread(
        len(first),
        low,
        high,
        *_moments(finite),
        tuple(float(finite[int(share * (len(finite) - 1))]) for share in QUANTILES),
        _histogram(finite, _edges(low, high, finite[first])),
        tuple((number_word(float(finite[first[at]])), int(counts[at])) for at in most),
    )


def _moments(finite: Numbers) -> tuple[float | None, float | None]:
    with np.errstate(over="ignore", invalid="ignore"):
        return _finite(float(finite.mean())), _finite(float(finite.std()))


def _edges(low: float, high: float, distinct: Numbers) -> list[float]:
    """The edges of equal bins between the ends; of whole numbers that lie near each other each bin holds as many.

    >>> _edges(1.0, 31.0, np.arange(1.0, 32.0))[:3], len(_edges(0.0, 1.0, np.array([0.0, 0.5, 1.0])))
    ([1.0, 3.0, 5.0], 21)
    """
    width = (high - low) / BINS
    if not (width > 0 and math.isfinite(width)):
        return [low, high]
    if high - low < NEAR and (distinct == np.floor(distinct)).all():
        whole = math.ceil((high - low + 1) / BINS)
        return [low + whole * at for at in range(math.ceil((high - low + 1) / whole) + 1)]
    return [low + width * at for at in range(BINS)] + [high]


def _histogram(in_order: Numbers, edges: Sequence[float]) -> Histogram:
    """The values are sorted, so counting is one search for each edge."""
    inner = np.searchsorted(in_order, edges[1:-1], side="left")
    counts = np.diff(np.r_[0, inner, len(in_order)])
    return Histogram(tuple(edges), tuple(int(count) for count in counts))


def most_frequent(values: pa.ChunkedArray) -> tuple[int, tuple[tuple[str, int], ...]]:
    """How many different values there are, and those that are there most often; missing ones are not counted."""
    counts = pc.value_counts(values.combine_chunks().drop_null())
    order = pc.select_k_unstable(counts.field("counts"), k=min(TOP, len(counts)), sort_keys=[("x", "descending")])
    found = sorted(((one["counts"], str(one["values"])) for one in counts.take(order).to_pylist()), key=_rank)
    return len(counts), tuple((value[:LONGEST_TOP_VALUE], count) for count, value in found)


def correlation(values: Numbers, target: Numbers) -> float | None:
    """Pearson's correlation over the rows where both are finite; None when one of them does not vary.

    >>> correlation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    1.0
    """
    both = np.isfinite(values) & np.isfinite(target)
    own, answer = (values, target) if both.all() else (values[both], target[both])
    if len(own) < 2:
        return None
    own, answer = own - own.mean(), answer - answer.mean()
    size = math.sqrt(float(own @ own)) * math.sqrt(float(answer @ answer))
    return _finite(round(float(own @ answer) / size, 6)) if size > 0 else None


def area(values: Numbers, positive: npt.NDArray[np.bool_]) -> float | None:
    """Area under the ROC curve of the values as a score, ties as half (Mann and Whitney 1947); None with one class.

    >>> area(np.array([1.0, 2.0, 3.0]), np.array([False, False, True]))
    1.0
    """
    ones, zeros = np.sort(values[positive]), np.sort(values[~positive])
    if not len(ones) or not len(zeros):
        return None
    below = np.searchsorted(zeros, ones, side="left").sum()
    tied = np.searchsorted(zeros, ones, side="right").sum() - below
    return float((below + tied / 2) / (len(ones) * len(zeros)))


def correlation_ratio(codes: Codes, target: Numbers) -> float | None:
    """How much of the target's variance groups explain, as a root (eta), less what so many groups explain by chance.

    `codes` number the groups from 0; -1 is missing. None when the target does not vary or there are too few rows.

    >>> round(correlation_ratio(np.array([0, 0, 1, 1] * 5), np.array([0.0, 0.0, 1.0, 1.0] * 5)), 3)
    1.0
    """
    kept = (codes >= 0) & np.isfinite(target)
    groups, answer = codes[kept], target[kept]
    if not len(answer):
        return None
    counts = np.bincount(groups)
    used = int((counts > 0).sum())
    whole = float(((answer - answer.mean()) ** 2).sum())
    if whole <= 0 or len(answer) <= used:
        return None
    sums = np.bincount(groups, weights=answer)
    means = np.divide(sums, counts, out=np.zeros(len(sums)), where=counts > 0)
    explained = float((counts * (means - answer.mean()) ** 2).sum()) / whole
    adjusted = 1 - (1 - explained) * (len(answer) - 1) / (len(answer) - used)
    return round(math.sqrt(min(max(adjusted, 0.0), 1.0)), 6)


def duplicate_rows(columns: Sequence[Codes], rows: int) -> int:
    """How many rows are the same as one before them; columns are numbered values, equal numbers for equal values.

    >>> duplicate_rows([np.array([1, 1, 2]), np.array([5, 5, 5])], 3)
    1
    """
    mixed = np.zeros(rows, dtype=np.uint64)
    for codes in columns:
        mixed ^= (
            codes.view(np.uint64) + np.uint64(0x9E3779B97F4A7C15) + (mixed << np.uint64(6)) + (mixed >> np.uint64(2))
        )
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(31)
    mixed.sort()
    return int((mixed[1:] == mixed[:-1]).sum())


def number_word(value: float) -> str:
    """A number as a short text.

    >>> number_word(7.0), number_word(0.1)
    ('7', '0.1')
    """
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _rank(found: tuple[int, str]) -> tuple[int, str]:
    return -found[0], found[1]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
