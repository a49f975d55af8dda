"""Bytes of any format to something that predicts; only ever called with bytes whose digest was checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from app.learning.formats import Format
from app.learning.native import Trees
from app.learning.signature import Signature

if TYPE_CHECKING:
    import numpy as np


class Parsed(Protocol):
    """A model in memory: flat numbers or a matrix in, raw predictions out."""

    inputs: int
    outputs: int

    def predict(self, flat: Sequence[float], rows: int, *, threads: int = 1) -> list[float]:
        """Predictions of a flat row-major list."""

    def predict_matrix(self, matrix: np.ndarray[Any, Any], *, threads: int | None = None) -> np.ndarray[Any, Any]:
        """Predictions of a float64 matrix as (rows, outputs)."""


def parse(form: Format, content: bytes, signature: Signature, *, library: str | None = None) -> Parsed:
    """The model of some bytes; raises BadInput or Damaged. LightGBM text needs no package to be imported."""
    if form is Format.LIGHTGBM_TEXT:
        return Trees(content, library=library)
    from app.learning.estimator import Estimator

    return Estimator(content, signature)
