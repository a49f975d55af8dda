"""A digest of rows: names, kinds, values and order; how pandas or Arrow keep them in memory does not count."""

import hashlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from app.domain.errors import BadInput
from app.domain.text import visible


def row_digest(frame: pd.DataFrame) -> str:
    """SHA-256 of a frame's columns in order.

    >>> one = pd.DataFrame({"a": [1.0, None], "c": ["x", None]})
    >>> row_digest(one) == row_digest(one.astype({"c": "category"})) == row_digest(one.iloc[[0, 1]])
    True
    >>> row_digest(one) == row_digest(one.iloc[[1, 0]])
    False
    """
    found = hashlib.sha256(f"{len(frame)} rows".encode())
    for name in frame.columns:
        values = frame[name]
        found.update(f"\n{str(name)!r} ".encode())
        dtype = values.dtype
        if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(dtype):
            _add_texts(found, values)
        elif pd.api.types.is_datetime64_any_dtype(dtype):
            stamps = pa.array(values, from_pandas=True).cast(pa.timestamp("us"), safe=False).cast(pa.int64())
            found.update(b"time")
            found.update(np.ascontiguousarray(stamps.fill_null(-(2**63)).to_numpy(zero_copy_only=False)).data)
        elif pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
            numbers = values.to_numpy(dtype="float64", na_value=np.nan).copy()
            numbers[np.isnan(numbers)] = np.nan  # one NaN of the many
            found.update(b"number")
            found.update(np.ascontiguousarray(numbers).data)
        else:
            raise BadInput(
                f"column {visible(name)!r} has values of type {visible(dtype)}, of which no digest is known",
                next_step="make numbers, text or times of them in features.py",
            )
    return found.hexdigest()


def _add_texts(found: "hashlib._Hash", values: pd.Series) -> None:
    """Codes in the order of first appearance, and the texts that they stand for."""
    array = pa.array(values, from_pandas=True)
    whole = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_decode()
    coded = whole.cast(pa.string()).dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    texts = coded.dictionary
    found.update(f"text {len(texts)} ".encode())
    found.update(np.ascontiguousarray(codes).data)
    found.update(np.ascontiguousarray(pc.binary_length(texts).to_numpy(zero_copy_only=False).astype(np.int64)).data)
    found.update("".join(texts.to_pylist()).encode(errors="surrogatepass"))
