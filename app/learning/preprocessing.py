"""Preprocessing that is part of a scikit-learn model: what is missing gets a value, numbers one scale, codes columns.

It works on the encoded matrix (`app.learning.encode`): NaN is missing, infinite or never seen.
"""

from typing import TYPE_CHECKING, Any

from app.learning.learners.method import Columns

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

MOST_CATEGORIES = 64
"""Columns that one category feature becomes at most; the rarer categories share the last one."""


def scaled_and_one_hot(columns: Columns) -> "ColumnTransformer":
    """Numbers: median for missing, an indicator of it, then mean 0 and deviation 1. Categories: one column each.

    A missing category is a category; one that training has not seen counts as a rare one.

    >>> import numpy as np
    >>> rows = np.array([[1.0, 0.0], [3.0, 1.0], [np.nan, 1.0]])
    >>> scaled_and_one_hot(Columns(("n", "c"), (1,))).fit_transform(rows).shape
    (3, 4)
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    numbers = Pipeline([("impute", imputer), ("scale", StandardScaler())])
    codes = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES)
    parts: list[tuple[str, Any, list[int]]] = []
    if columns.numbers:
        parts.append(("numbers", numbers, list(columns.numbers)))
    if columns.categories:
        parts.append(("categories", codes, list(columns.categories)))
    return ColumnTransformer(parts)


__all__ = ["scaled_and_one_hot"]
