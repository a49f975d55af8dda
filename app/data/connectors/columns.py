"""Columns of Python values, as a database driver gives them, in types that a file can hold."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa


def column_of(values: Sequence[Any]) -> pa.Array:
    """One column; decimals become numbers, aware times UTC, everything that is no plain value text.

    >>> column_of([Decimal("1.5"), None]).to_pylist(), column_of([{"a": 1}]).to_pylist()
    ([1.5, None], ['{"a": 1}'])
    """
    kinds = {type(value) for value in values if value is not None}
    if kinds & {dict, list, tuple, bytes, bytearray, memoryview} or not kinds <= {int, float, str, bool, datetime}:
        values = [plain_value(value) for value in values]
        kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        values = [None if value is None else float(value) for value in values]
    if kinds == {datetime}:
        aware = any(value is not None and value.tzinfo is not None for value in values)
        return pa.array(values, pa.timestamp("us", tz="UTC" if aware else None))
    if len(kinds) > 1 and kinds != {int, float}:
        values = [None if value is None else str(value) for value in values]
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, OverflowError):  # a whole number of more than 64 bits
        return pa.array([None if value is None else float(value) for value in values], pa.float64())


def plain_value(value: Any) -> Any:
    """A value as the plain one that a file holds: numbers, text, truth values and times."""
    match value:
        case None | bool() | int() | float() | str() | datetime():
            return value
        case Decimal():
            return float(value)
        case timedelta():
            return value.total_seconds()
        case dict() | list() | tuple():
            return json.dumps(value, default=str, ensure_ascii=False)
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case _:
            return str(value)
