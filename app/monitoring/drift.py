"""Drift: the shares of a window over the bins of the training profile, and their population stability index."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.monitoring.reference import CategoryBins, NumberBins

Counts = NDArray[np.float64]


def psi(reference: Sequence[float] | Counts, current: Sequence[float] | Counts, *, floor: float = 1e-4) -> float:
    """Population stability index of two binned shares (Siddiqi 2006); 0 means identical, symmetric, never negative.

    Smoothing rule: a share below `floor` counts as `floor` on both sides, so that an empty bin is a large change, not
    an infinite one. Raises ValueError for sides of different length or without rows.

    >>> round(psi([.5, .5], [.5, .5]), 3)
    0.0
    >>> round(psi([.5, .5], [.25, .75]), 4)
    0.2747
    """
    before, after = np.asarray(reference, dtype=float), np.asarray(current, dtype=float)
    if before.shape != after.shape or before.ndim != 1:
        raise ValueError(f"{before.size} reference bins and {after.size} current bins")
    if not (before.sum() > 0 and after.sum() > 0):
        raise ValueError("a side has no rows")
    before, after = np.maximum(before, floor), np.maximum(after, floor)
    return float(np.sum((after - before) * np.log(after / before)))


def half_a_row(rows: int) -> float:
    """The floor of `psi` for a window of so many rows: an empty bin counts as half a row, within 1e-6 and 0.5.

    >>> half_a_row(200), half_a_row(0)
    (0.0025, 0.5)
    """
    return min(max(0.5 / max(rows, 1), 1e-6), 0.5)


def chance(bins: int, reference_rows: int, rows: int) -> float:
    """What PSI reaches by chance alone in one of a thousand windows without any change.

    Without change PSI / (1/n + 1/m) follows chi-square with bins - 1 degrees of freedom; its 99.9 % quantile is taken
    by Wilson and Hilferty (1931), good to 2 % from two bins on. Without rows it is infinite.

    >>> round(chance(11, 80_000, 28_000), 4), round(chance(11, 80_000, 50), 2)
    (0.0014, 0.6)
    """
    if reference_rows <= 0 or rows <= 0:
        return float("inf")
    freedom = max(bins - 1, 1)
    spread = 2 / (9 * freedom)
    quantile = freedom * (1 - spread + 3.0902 * spread**0.5) ** 3
    return float(quantile * (1 / rows + 1 / reference_rows))


def number_shares(values: "pd.Series[Any]", bins: NumberBins) -> Counts:
    """Shares of a window in the bins of a number, the missing last; infinity is no measurement, so it is missing."""
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    missing = ~np.isfinite(numbers)
    places = np.searchsorted(np.asarray(bins.edges, dtype=float), numbers[~missing], side=bins.side)
    counts = np.bincount(places, minlength=len(bins.shares)).astype(float)
    return _to_shares(np.append(counts, float(missing.sum())), len(numbers))


def category_shares(values: "pd.Series[Any]", bins: CategoryBins) -> Counts:
    """Shares of a window in the known values, then all other values (new ones too), then the missing."""
    missing = int(values.isna().sum())
    totals: dict[str, float] = {}
    for value, count in values.value_counts(dropna=True, sort=False).items():
        word = word_of(value)
        totals[word] = totals.get(word, 0.0) + float(count)
    known = np.asarray([totals.get(value, 0.0) for value in bins.values], dtype=float)
    other = float(len(values) - missing) - float(known.sum())
    return _to_shares(np.append(known, [other, float(missing)]), len(values))


def word_of(value: object) -> str:
    """The word by which a category value is counted, the same for a text, a number and a boolean of any library.

    >>> word_of("AA"), word_of(7.0), word_of(np.int8(7)), word_of(np.True_)
    ('AA', '7', '7', 'true')
    """
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if isinstance(plain, float):
        return str(int(plain)) if plain.is_integer() and abs(plain) < 2**53 else repr(plain)
    return str(plain)


def new_category_share(values: "pd.Series[Any]", bins: CategoryBins) -> float:
    """The share of rows whose value the training rows did not name; 0 for no rows."""
    return float(category_shares(values, bins)[-2]) if len(values) else 0.0


def _to_shares(counts: Counts, rows: int) -> Counts:
    return counts / rows if rows else counts


__all__ = ["category_shares", "chance", "half_a_row", "new_category_share", "number_shares", "psi", "word_of"]
