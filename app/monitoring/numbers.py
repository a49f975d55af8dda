"""A column as the numbers that are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


def numbers_of(values: pd.Series[Any]) -> NDArray[np.float64]:
    """A column as float64, NaN for what is no number."""
    import pandas as pd

    if values.dtype == np.float64 and isinstance(values.dtype, np.dtype):
        return np.asarray(values)
    return np.asarray(pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan))


__all__ = ["numbers_of"]
