"""Encoded rows to LightGBM's bins: through Arrow without a copy, or from a matrix; the trees are the same.

Measured: an Arrow table of float64 numbers and int32 codes, its matrix with NaN for missing, and codes of -1 for
missing all give the same trees, to the byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from app.learning.boosting import Bins

if TYPE_CHECKING:
    import pyarrow as pa

Floats = np.ndarray[Any, np.dtype[np.float64]]


def make_dataset(
    rows: Floats | pa.Table,
    target: Floats | None = None,
    *,
    parameters: Mapping[str, object],
    categories: Sequence[int] = (),
    weight: Floats | None = None,
    reference: Bins | None = None,
) -> Bins:
    """Bins; `rows` are (rows, features), `categories` the places of category columns.

    Give `Encoded.table` (no copy) or `Encoded.matrix`. `parameters` decide the bins (`max_bin`, `min_data_in_bin`,
    `min_data_in_leaf`, ...); several fits on the same bins give the same ones, and `reference` bins other
    rows as the training rows were. Raises LightGbmRefused for what LightGBM refuses.

    >>> quiet = {"verbosity": -1, "num_threads": 1}
    >>> make_dataset(np.arange(200.0).reshape(100, 2), np.arange(100.0), parameters=quiet).num_data()
    100
    """
    settings = dict(parameters)
    if categories:
        settings["categorical_column"] = sorted({int(place) for place in categories})
    made = Bins(rows, settings, reference)
    made.put("label", np.zeros(rows.shape[0]) if target is None else target)
    if weight is not None:
        made.put("weight", weight)
    made.name([f"f{place}" for place in range(rows.shape[1])])  # a column's name may hold anything, LightGBM's may not
    return made


__all__ = ["make_dataset"]
