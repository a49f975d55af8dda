"""LightGBM's own predictor through its C interface: no numpy, pandas or scikit-learn, so a child is ready in 0.1 s.

The library is the one of the installed `lightgbm` package; predictions are bit-identical to `Booster.predict`.
Only ever give it text whose digest was checked: the parser aborts or hangs on damaged text.
"""

import ctypes
import functools
import importlib.util
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.domain.errors import BadInput, Unavailable
from app.learning.openmp import usable_threads, wait_passively

if TYPE_CHECKING:
    import numpy as np

FLOAT64 = 1
ROW_MAJOR = 1
NORMAL = 0
CONTRIBUTIONS = 3
GAIN = 1
SPLITS = 0
LIBRARIES = ("lib_lightgbm.so", "lib_lightgbm.dylib", "lib_lightgbm.dll")


def library_file() -> Path:
    """The shared library of the installed lightgbm, found without importing the package; raises Unavailable."""
    spec = importlib.util.find_spec("lightgbm")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for place in (Path(folder) / "lib", Path(folder) / "bin", Path(folder), Path(folder).parent):
            for name in LIBRARIES:
                if (place / name).is_file():
                    return place / name
    raise Unavailable("lightgbm is not installed", next_step="pip install 'trainmaster'")


@functools.cache
def opened_library(file: str) -> Any:
    """LightGBM's library, opened once, silent, and told before that its threads wait without spinning."""
    wait_passively()
    library = ctypes.CDLL(file)
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    library.LGBM_RegisterLogCallback(_SILENCE)
    return library


_SILENCE = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(lambda _text: None)


class Trees:
    """A parsed model; it can be used from several threads at once."""

    def __init__(self, text: bytes, *, library: str | None = None) -> None:
        self._library = opened_library(library or str(library_file()))
        self._handle = ctypes.c_void_p()
        rounds = ctypes.c_int()
        self._call("LGBM_BoosterLoadModelFromString", text, ctypes.byref(rounds), ctypes.byref(self._handle))
        self.rounds = rounds.value
        self.inputs = self._count("LGBM_BoosterGetNumFeature")
        self.outputs = self._count("LGBM_BoosterGetNumClasses")

    @property
    def handle(self) -> ctypes.c_void_p:
        """The booster, for other calls of the same library; it ends with this object."""
        return self._handle

    def predict(self, flat: Sequence[float], rows: int, *, threads: int = 1) -> list[float]:
        """Predictions of a flat row-major list of `rows` x `inputs` numbers; `outputs` numbers a row.

        Raises BadInput when the list has another size.
        """
        numbers = flat if isinstance(flat, array) else array("d", flat)
        if len(numbers) != rows * self.inputs:
            raise BadInput(f"the model takes {self.inputs} features a row", next_step="trainmaster models show MODEL")
        out = array("d", bytes(8 * rows * self.outputs))
        if rows:
            self.predict_at(numbers.buffer_info()[0], out.buffer_info()[0], rows, threads=threads)
        return out.tolist()

    def predict_matrix(self, matrix: "np.ndarray[Any, Any]", *, threads: int | None = None) -> "np.ndarray[Any, Any]":
        """Predictions of a float64 matrix (rows, inputs), in either memory order without a copy, as (rows, outputs)."""
        return self._ask(matrix, NORMAL, self.outputs, threads)

    def contributions(self, matrix: "np.ndarray[Any, Any]", *, threads: int | None = None) -> "np.ndarray[Any, Any]":
        """SHAP values as (rows, outputs, inputs + 1), the last column the expectation; a row sums to its raw score.

        LightGBM computes them exactly by TreeSHAP (Lundberg, Erion and Lee 2018, arXiv 1802.03888).
        """
        width = self.inputs + 1
        return self._ask(matrix, CONTRIBUTIONS, self.outputs * width, threads).reshape(len(matrix), self.outputs, width)

    def importance(self, kind: int = GAIN) -> list[float]:
        """The total gain of each input's splits (or with SPLITS their number)."""
        out = array("d", bytes(8 * self.inputs))
        address = ctypes.c_void_p(out.buffer_info()[0])
        self._call("LGBM_BoosterFeatureImportance", self._handle, ctypes.c_int(-1), ctypes.c_int(kind), address)
        return out.tolist()

    def _ask(
        self, matrix: "np.ndarray[Any, Any]", kind: int, width: int, threads: int | None
    ) -> "np.ndarray[Any, Any]":
        import numpy as np

        row_major = bool(matrix.flags.c_contiguous)
        if matrix.dtype != np.float64 or not (row_major or matrix.flags.f_contiguous):
            matrix, row_major = np.ascontiguousarray(matrix, dtype=np.float64), True
        out = np.zeros((len(matrix), width), dtype=np.float64)
        if len(matrix):
            self.predict_at(
                matrix.ctypes.data,
                out.ctypes.data,
                len(matrix),
                threads=threads or usable_threads(),
                row_major=row_major,
                kind=kind,
            )
        return out

    def predict_at(
        self,
        source: int,
        target: int,
        rows: int,
        *,
        threads: int = 1,
        row_major: bool = True,
        kind: int = NORMAL,
    ) -> None:
        """Predict from the float64 matrix at address `source` into float64 numbers at address `target`."""
        written = ctypes.c_int64()
        self._call(
            "LGBM_BoosterPredictForMat",
            self._handle,
            ctypes.c_void_p(source),
            ctypes.c_int(FLOAT64),
            ctypes.c_int32(rows),
            ctypes.c_int32(self.inputs),
            ctypes.c_int(ROW_MAJOR if row_major else 0),
            ctypes.c_int(kind),
            ctypes.c_int(0),
            ctypes.c_int(-1),
            f"num_threads={threads} verbosity=-1".encode(),
            ctypes.byref(written),
            ctypes.c_void_p(target),
        )

    def _count(self, name: str) -> int:
        number = ctypes.c_int()
        self._call(name, self._handle, ctypes.byref(number))
        return number.value

    def _call(self, name: str, *arguments: object) -> None:
        if getattr(self._library, name)(*arguments) != 0:
            says = self._library.LGBM_GetLastError().decode("utf-8", "replace")
            raise BadInput(f"lightgbm: {says}", next_step="trainmaster store fsck")

    def __del__(self) -> None:
        handle, self._handle = getattr(self, "_handle", None), ctypes.c_void_p()
        if handle:
            self._library.LGBM_BoosterFree(handle)
