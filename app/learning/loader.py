"""A model that answers in this process: digest and magic bytes first, then the parser of its format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.learning.canary import ChildVerdict, check_in_child
from app.learning.package import Package
from app.learning.parser import parse
from app.learning.signature import RecordEncoder, Signature

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class LoadedModel:
    """A verified model with its preprocessing; safe to share between threads.

    A binary prediction is the probability of the positive class, a multiclass one a list with a probability a class,
    a regression one a number.
    """

    def __init__(self, package: Package) -> None:
        """Verify and parse; raises Damaged before the parser sees anything that does not match its digest."""
        package.verify()
        self.package = package
        self.signature = Signature.of_json(package.manifest["signature"])
        self.digest = str(package.manifest["digest"])
        self.calibration = package.calibration
        self.parsed = parse(package.format, package.model, self.signature)
        if self.parsed.inputs != len(self.signature.features) or self.parsed.outputs != self.signature.outputs:
            raise BadInput("the model and its signature differ", next_step="trainmaster store fsck")
        self._encoder = RecordEncoder(self.signature)

    def predict(self, rows: Sequence[Mapping[str, object]] | pd.DataFrame, *, threads: int | None = None) -> list[Any]:
        """Predictions of records or of a frame, in order; raises BadInput naming the field that is wrong."""
        if isinstance(rows, Sequence):
            numbers = self.parsed.predict(self._encoder.rows(rows), len(rows), threads=threads or 1)
            if self.calibration is not None:
                numbers = self.calibration.apply(numbers)
            if self.signature.task is not Task.MULTICLASS:
                return numbers
            width = self.signature.outputs
            return [numbers[start : start + width] for start in range(0, len(numbers), width)]
        return list(self.predict_frame(rows, threads=threads).tolist())

    def predict_frame(self, frame: pd.DataFrame, *, threads: int | None = None) -> np.ndarray[Any, Any]:
        """Predictions of a frame as float64: (rows,), or (rows, classes) for a multiclass model."""
        from app.learning.encode import encode

        return self.predict_matrix(encode(frame, self.signature).matrix, threads=threads)

    def predict_matrix(self, matrix: np.ndarray[Any, Any], *, threads: int | None = None) -> np.ndarray[Any, Any]:
        """Predictions of an encoded float64 matrix of (rows, features), in either memory order."""
        out = self.parsed.predict_matrix(matrix, threads=threads)
        if self.calibration is not None and len(out):
            out = self.calibration.apply_matrix(out)
        return out if self.signature.task is Task.MULTICLASS else out[:, 0]

    def matrix_of(self, records: Sequence[Mapping[str, object]]) -> np.ndarray[Any, Any]:
        """Records as the encoded float64 matrix of (rows, features) that the model sees."""
        import numpy as np

        flat = np.asarray(self._encoder.rows(records), dtype=np.float64)
        return flat.reshape(len(records), len(self.signature.features))


__all__ = ["ChildVerdict", "LoadedModel", "Package", "check_in_child"]
