"""Drift: the population stability index of two rows of shares, and the word by which a value is counted."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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


__all__ = ["half_a_row", "psi", "word_of"]
