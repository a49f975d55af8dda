"""The naive baseline as an estimator of scikit-learn: the form in which it is stored, under this name."""

from sklearn.base import BaseEstimator

from app.learning.learners.table import Table


class Naive(Table, BaseEstimator):  # type: ignore[misc]
    """A table that skops keeps and a Pipeline takes."""


__all__ = ["Naive"]
