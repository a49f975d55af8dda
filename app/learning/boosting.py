"""LightGBM's training through its C interface: rows in bins, and trees that grow on them, round after round.

The `lightgbm` package does the same but loads scikit-learn and scipy first, which costs as much as a small fit. The
model text is the same to the byte. Errors are LightGbmRefused, with LightGBM's own words.
"""

import ctypes
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from app.learning.native import FLOAT64, ROW_MAJOR, SPLITS, Trees, library_file, opened_library

if TYPE_CHECKING:
    import pyarrow as pa

Floats = np.ndarray[Any, np.dtype[np.float64]]
FLOAT32 = 0
OF_THE_BINS = ("max_bin", "min_data_in_bin", "feature_pre_filter", "categorical_column")
FIRST_BUFFER = 1 << 20
END = "\npandas_categorical:null\n"
"""What the `lightgbm` package writes after a model that was not trained on a pandas frame."""


class LightGbmRefused(Exception):
    """LightGBM does not take these rows or parameters; the text is its own."""


class Bins:
    """Rows that are binned already; they serve any number of fits."""

    def __init__(
        self, rows: "Floats | pa.Table", parameters: Mapping[str, object], reference: "Bins | None" = None
    ) -> None:
        """Bin a float64 matrix in either memory order, or an Arrow table without a copy; as `reference` was."""
        self._library = opened_library(str(library_file()))
        self._handle = ctypes.c_void_p()
        self.parameters = dict(parameters)
        other = reference._handle if reference is not None else None
        stream = None if isinstance(rows, np.ndarray) else getattr(rows, "__arrow_c_stream__", None)
        if stream is not None and hasattr(self._library, "LGBM_DatasetCreateFromArrowStream"):
            capsule = stream()
            at = _pointer(capsule)
            _call(
                self._library,
                "LGBM_DatasetCreateFromArrowStream",
                at,
                _text(parameters),
                other,
                ctypes.byref(self._handle),
            )
            return
        matrix = _matrix(rows)
        row_major = bool(matrix.flags.c_contiguous)
        _call(
            self._library,
            "LGBM_DatasetCreateFromMat",
            ctypes.c_void_p(matrix.ctypes.data),
            ctypes.c_int(FLOAT64),
            ctypes.c_int32(matrix.shape[0]),
            ctypes.c_int32(matrix.shape[1]),
            ctypes.c_int(ROW_MAJOR if row_major else 0),
            _text(parameters),
            other,
            ctypes.byref(self._handle),
        )

    def name(self, names: Sequence[str]) -> None:
        """Name the columns."""
        texts = (ctypes.c_char_p * len(names))(*(name.encode() for name in names))
        _call(self._library, "LGBM_DatasetSetFeatureNames", self._handle, texts, ctypes.c_int(len(names)))

    def put(self, field: str, numbers: Floats) -> None:
        """Set the `label` or the `weight` of every row."""
        values = np.ascontiguousarray(numbers, dtype=np.float32)
        _call(
            self._library,
            "LGBM_DatasetSetField",
            self._handle,
            field.encode(),
            ctypes.c_void_p(values.ctypes.data),
            ctypes.c_int(len(values)),
            ctypes.c_int(FLOAT32),
        )

    def num_data(self) -> int:
        """How many rows there are."""
        count = ctypes.c_int()
        _call(self._library, "LGBM_DatasetGetNumData", self._handle, ctypes.byref(count))
        return count.value

    def __del__(self) -> None:
        handle, self._handle = getattr(self, "_handle", None), ctypes.c_void_p()
        if handle:
            self._library.LGBM_DatasetFree(handle)


class Ensemble:
    """Trees that grow on bins; `watch` are rows whose predictions LightGBM keeps up to date meanwhile."""

    def __init__(self, rows: Bins, watch: Bins | None, parameters: Mapping[str, object]) -> None:
        self._library, self._rows, self._watch = rows._library, rows, watch  # a booster does not keep its rows alive
        self._handle = ctypes.c_void_p()
        binned = {name: rows.parameters[name] for name in OF_THE_BINS if name in rows.parameters}
        settings = _text({**parameters, **binned})
        _call(self._library, "LGBM_BoosterCreate", rows._handle, settings, ctypes.byref(self._handle))
        if watch is not None:
            _call(self._library, "LGBM_BoosterAddValidData", self._handle, watch._handle)
        classes = ctypes.c_int()
        _call(self._library, "LGBM_BoosterGetNumClasses", self._handle, ctypes.byref(classes))
        self._outputs = classes.value

    def update(self) -> bool:
        """One round more; True when no split was left that improves anything."""
        finished = ctypes.c_int()
        _call(self._library, "LGBM_BoosterUpdateOneIter", self._handle, ctypes.byref(finished))
        return finished.value == 1

    def watched(self) -> Floats:
        """Predictions of the watched rows: (rows,), or (rows, classes)."""
        assert self._watch is not None
        rows, written = self._watch.num_data(), ctypes.c_int64()
        out = np.empty(rows * self._outputs, dtype=np.float64)
        at = ctypes.c_void_p(out.ctypes.data)
        _call(self._library, "LGBM_BoosterGetPredict", self._handle, ctypes.c_int(1), ctypes.byref(written), at)
        return out.reshape(rows, self._outputs, order="F") if self._outputs > 1 else out

    def text(self) -> bytes:
        """LightGBM's text, as the `lightgbm` package writes it."""
        size, length = FIRST_BUFFER, ctypes.c_int64()
        while True:
            buffer = ctypes.create_string_buffer(size)
            _call(
                self._library,
                "LGBM_BoosterSaveModelToString",
                self._handle,
                ctypes.c_int(0),
                ctypes.c_int(-1),
                ctypes.c_int(SPLITS),
                ctypes.c_int64(size),
                ctypes.byref(length),
                ctypes.c_void_p(ctypes.addressof(buffer)),
            )
            if length.value <= size:
                return buffer.value + END.encode()
            size = length.value

    def __del__(self) -> None:
        handle, self._handle = getattr(self, "_handle", None), ctypes.c_void_p()
        if handle:
            self._library.LGBM_BoosterFree(handle)


def fit_and_ask(parameters: Mapping[str, object], rows: Floats, labels: Floats, ask: Floats, rounds: int) -> Floats:
    """Grow a few trees on (rows, features) and numbers, and give what they say of the rows of `ask`, on one thread.

    >>> rows = np.linspace(0.0, 1.0, 100).reshape(-1, 1)
    >>> quiet = {"objective": "binary", "num_threads": 1, "verbosity": -1, "min_data_in_leaf": 5}
    >>> bool(fit_and_ask(quiet, rows, (rows[:, 0] > 0.5).astype(float), np.array([[0.9]]), 5)[0] > 0.5)
    True
    """
    bins = Bins(rows, parameters)
    bins.put("label", labels)
    grown = Ensemble(bins, None, parameters)
    for _ in range(rounds):
        if grown.update():
            break
    answers: Floats = Trees(grown.text()).predict_matrix(ask, threads=1)[:, 0]
    return answers


def _call(library: Any, name: str, *arguments: object) -> None:
    if getattr(library, name)(*arguments) != 0:
        raise LightGbmRefused(library.LGBM_GetLastError().decode("utf-8", "replace"))


def _text(parameters: Mapping[str, object]) -> bytes:
    """Parameters as LightGBM reads them.

    >>> _text({"metric": ["None"], "categorical_column": [3, 5], "deterministic": True, "alpha": None})
    b'metric=None categorical_column=3,5 deterministic=True'
    """
    pairs = (
        f"{name}={','.join(str(one) for one in value) if isinstance(value, list | tuple) else value}"
        for name, value in parameters.items()
        if value is not None
    )
    return " ".join(pairs).encode()


def _pointer(capsule: object) -> ctypes.c_void_p:
    """Where the Arrow stream of a capsule lies; the capsule has to outlive the call that reads it."""
    of = ctypes.pythonapi.PyCapsule_GetPointer
    of.restype, of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return ctypes.c_void_p(of(capsule, b"arrow_array_stream"))


def _matrix(rows: "Floats | pa.Table") -> Floats:
    """Rows as float64 in one piece of memory, NaN for missing."""
    if not isinstance(rows, np.ndarray):
        filled = np.empty(rows.shape, dtype=np.float64, order="F")
        for place, column in enumerate(rows.columns):
            filled[:, place] = column.to_numpy()
        return filled
    if rows.dtype == np.float64 and (rows.flags.c_contiguous or rows.flags.f_contiguous):
        return rows
    return np.ascontiguousarray(rows, dtype=np.float64)


__all__ = ["Bins", "Ensemble", "LightGbmRefused", "fit_and_ask"]
