"""Encoded rows to LightGBM's binned Dataset: through Arrow without a copy, or from a matrix; the trees are the same.

Measured: an Arrow table of float64 numbers and int32 codes, its matrix with NaN for missing, and codes of -1 for
missing all give the same trees, to the byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from app.learning.openmp import wait_passively

if TYPE_CHECKING:
    import lightgbm
    import pyarrow as pa

Floats = np.ndarray[Any, np.dtype[np.float64]]


def make_dataset(
    rows: Floats | pa.Table,
    target: Floats | None = None,
    *,
    parameters: Mapping[str, object],
    categories: Sequence[int] = (),
    weight: Floats | None = None,
    reference: lightgbm.Dataset | None = None,
) -> lightgbm.Dataset:
    """A Dataset that is binned already; `rows` are (rows, features), `categories` the places of category columns.

    Give `Encoded.table` (no copy) or `Encoded.matrix`. `parameters` decide the bins (`max_bin`, `min_data_in_bin`,
    `min_data_in_leaf`, ...); whoever fits several times on one Dataset gives the same ones, and `reference` bins other
    rows as the training rows were. Raises LightGBMError for what LightGBM refuses.

    >>> quiet = {"verbosity": -1, "num_threads": 1}
    >>> make_dataset(np.arange(200.0).reshape(100, 2), np.arange(100.0), parameters=quiet).num_data()
    100
    """
    wait_passively()
    import lightgbm

    width = rows.shape[1]
    made = lightgbm.Dataset(
        rows,
        target,
        weight=weight,
        reference=reference,
        feature_name=[f"f{place}" for place in range(width)],  # a column's name may hold anything, LightGBM's may not
        categorical_feature=list(categories),
        params=dict(parameters),
    )
    return made.construct()


__all__ = ["make_dataset"]
