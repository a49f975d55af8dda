"""One row at a time through LightGBM's fast call: buffers made once, no settings parsed, the same bits as `predict`.

https://lightgbm.readthedocs.io/en/latest/C-API.html#c.LGBM_BoosterPredictForMatSingleRowFast
"""

import ctypes
import struct
from array import array
from collections.abc import Sequence

from app.domain.errors import BadInput
from app.learning.native import FLOAT64, NORMAL, Trees, library_file


class SingleRow:
    """A caller of one model for one thread at a time; it keeps the interpreter, as a row takes some microseconds.

    >>> SingleRow.__call__.__doc__
    'Predictions of one row of `inputs` numbers: a list of `outputs` numbers.'
    """

    def __init__(self, trees: Trees) -> None:
        self._trees = trees  # the handle lives as long as its model
        self._row, self._out = array("d", bytes(8 * trees.inputs)), array("d", bytes(8 * trees.outputs))
        self._pack = struct.Struct(f"{trees.inputs}d").pack_into
        library = ctypes.PyDLL(str(library_file()))
        self._config, self._free = ctypes.c_void_p(), library.LGBM_FastConfigFree
        done = library.LGBM_BoosterPredictForMatSingleRowFastInit(
            trees.handle,
            ctypes.c_int(NORMAL),
            ctypes.c_int(0),
            ctypes.c_int(-1),
            ctypes.c_int(FLOAT64),
            ctypes.c_int32(trees.inputs),
            b"num_threads=1 verbosity=-1",
            ctypes.byref(self._config),
        )
        if done != 0:
            raise BadInput("lightgbm refuses its single-row call", next_step="trainmaster store fsck")
        self._written = ctypes.c_int64()
        self._predict = library.LGBM_BoosterPredictForMatSingleRowFast
        self._given = (
            self._config,
            ctypes.c_void_p(self._row.buffer_info()[0]),
            ctypes.byref(self._written),
            ctypes.c_void_p(self._out.buffer_info()[0]),
        )

    def __call__(self, row: Sequence[float]) -> list[float]:
        """Predictions of one row of `inputs` numbers: a list of `outputs` numbers."""
        self._pack(self._row, 0, *row)
        if self._predict(*self._given) != 0:
            raise BadInput("lightgbm could not answer", next_step="trainmaster store fsck")
        return self._out.tolist()

    def __del__(self) -> None:
        config, self._config = getattr(self, "_config", None), ctypes.c_void_p()
        if config:
            self._free(config)


__all__ = ["SingleRow"]
