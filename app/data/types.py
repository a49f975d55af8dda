"""Bringing a column to the type that its contract names; what cannot be converted is reported row by row."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from app.domain.project import ColumnRule
from app.domain.text import visible

LONGEST_VALUE = 65_536
WITH_ZONE = r"[tT ]\d\d.*(?:[zZ]|[+-]\d\d(?::?\d\d)?)\s*$"
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
_NAME = r"^\s*(?:[+-]?0[0-9]|\+)"
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Broken:
    """The rows (True in `rows`) of one column that broke one rule, and the words for it with `{value}` in them."""

    column: str
    rule: str
    rows: Mask
    says: str


def typed(frame: pd.DataFrame, rules: Mapping[str, ColumnRule], zone: str = "UTC") -> tuple[pd.DataFrame, list[Broken]]:
    """The frame with every declared column in its type, text that holds only numbers as numbers, and what broke.

    A time without a zone is one of `zone`; one that a change of clocks makes twice, or never, is no time.

    >>> rules = {"age": ColumnRule(type="number")}
    >>> converted, broken = typed(pd.DataFrame({"age": ["7", "x", None], "zip": ["007", "1", "2"]}), rules)
    >>> converted["age"].tolist(), broken[0].rows.tolist(), converted["zip"].tolist()
    ([7.0, nan, nan], [False, True, False], ['007', '1', '2'])
    """
    columns: dict[str, pd.Series] = {}
    broken: list[Broken] = []
    for name in map(str, frame.columns):
        rule = rules.get(name)
        values = frame[name]
        if rule is None or rule.type is None:
            columns[name] = guessed(values)
        else:
            columns[name], failed, says = _converted(values, rule.type, zone)
            if failed.any():
                broken.append(Broken(name, "type", failed, says))
        _add_unusual(name, columns[name], broken)
    return pd.DataFrame(columns, index=frame.index), broken


def guessed(values: pd.Series) -> pd.Series:
    """Text that holds only numbers as numbers, unless a leading zero or a plus shows that they are names.

    >>> guessed(pd.Series(["1", None, "2.5"])).tolist(), guessed(pd.Series(["01", "2"])).tolist()
    ([1.0, nan, 2.5], ['01', '2'])
    """
    if not is_text(values):
        return values
    numbers = _numbers(values)
    return values if numbers is None else numbers


def is_text(values: pd.Series) -> bool:
    """Whether a column holds text."""
    return bool(pd.api.types.is_string_dtype(values.dtype) or pd.api.types.is_object_dtype(values.dtype))


def _numbers(values: pd.Series, *, also_names: bool = False) -> pd.Series | None:
    """A column of text as numbers, None when one of its values is none; read by Arrow, no object for any value.

    Text with a leading zero or a plus is a name, unless `also_names`.
    """
    try:
        text = pa.chunked_array(pa.array(values, pa.large_string()))
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None
    first = pc.drop_null(text.slice(0, 1000)) if text.null_count < len(text) else text.slice(0, 0)
    if len(first) == 0:
        first = pc.drop_null(text)
    if len(first) == 0 or not (also_names or _looks_like_number(first[0].as_py())):
        return None
    if not also_names and pc.any(pc.match_substring_regex(text, _NAME)).as_py():
        return None
    numbers = _cast(text) or _cast(pc.utf8_trim_whitespace(text))
    return None if numbers is None else pd.Series(numbers.to_numpy(), index=values.index, name=values.name)


def _cast(text: pa.ChunkedArray) -> pa.ChunkedArray | None:
    for kind in [pa.int64()] * (text.null_count == 0) + [pa.float64()]:
        try:
            return pc.cast(text, kind)
        except pa.ArrowInvalid:
            continue
    return None


def _looks_like_number(text: str) -> bool:
    return text.strip()[:1] in set("0123456789.+-") and text.strip() != ""


def _converted(values: pd.Series, kind: str, zone: str) -> tuple[pd.Series, Mask, str]:
    present = values.notna().to_numpy()
    match kind:
        case "number" | "integer":
            numbers = values
            if not pd.api.types.is_numeric_dtype(values.dtype):
                read = _numbers(values, also_names=True) if is_text(values) else None
                numbers = pd.to_numeric(values, errors="coerce") if read is None else read
            failed = present & numbers.isna().to_numpy()
            if kind == "integer" and pd.api.types.is_float_dtype(numbers.dtype):
                array = numbers.to_numpy(dtype="float64", na_value=np.nan)
                with np.errstate(invalid="ignore"):
                    failed |= np.isfinite(array) & (array != np.floor(array))
            return numbers, failed, "{value} is not a " + ("whole number" if kind == "integer" else "number")
        case "boolean":
            if pd.api.types.is_bool_dtype(values.dtype):
                return values, np.zeros(len(values), bool), ""
            words = values.astype("string").str.strip().str.lower().str.removesuffix(".0")
            truth = words.map({**dict.fromkeys(TRUE, True), **dict.fromkeys(FALSE, False)})
            flags = truth.astype("boolean")
            return flags, present & flags.isna().to_numpy(), "{value} is not true or false"
        case "time":
            if pd.api.types.is_datetime64_any_dtype(values.dtype):
                aware = (_in_zone(values, zone) if values.dt.tz is None else values).dt.tz_convert("UTC")
                return aware.astype("datetime64[us, UTC]"), present & aware.isna().to_numpy(), _no_moment(zone)
            if not is_text(values):
                return values, present, "{value} is not a time"
            moments = _moments(values, zone)
            return moments, present & moments.isna().to_numpy(), _no_moment(zone)
        case _:
            text = values if is_text(values) else values.astype("string").astype(str).where(values.notna())
            return text, np.zeros(len(values), bool), ""


def _no_moment(zone: str) -> str:
    twice = "" if zone == "UTC" else f", or no one moment in {zone}: clocks change there"
    return "{value} is not a time (ISO 8601)" + twice


def _in_zone(naive: pd.Series, zone: str) -> pd.Series:
    local: pd.Series = naive.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    return local


def _moments(values: pd.Series, zone: str) -> pd.Series:
    """Text to moments in UTC; many rows share a moment, so each text is parsed once."""
    codes, texts = pd.factorize(values)
    parsed = pd.to_datetime(pd.Series(texts), utc=True, errors="coerce", format="ISO8601").astype("datetime64[us, UTC]")
    if zone != "UTC" and len(parsed):
        naive = ~pd.Series(texts).astype("string").str.contains(WITH_ZONE).fillna(False).to_numpy(dtype=bool)
        local = _in_zone(parsed[naive].dt.tz_localize(None), zone)
        parsed[naive] = local.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
    return pd.Series(parsed.array.take(codes, allow_fill=True), index=values.index)


def _add_unusual(name: str, values: pd.Series, broken: list[Broken]) -> None:
    if pd.api.types.is_float_dtype(values.dtype):
        infinite = np.isinf(values.to_numpy(dtype="float64", na_value=np.nan))
        if infinite.any():
            broken.append(Broken(name, "finite", infinite, "{value} is not a finite number"))
    elif is_text(values):
        long = (values.str.len() > LONGEST_VALUE).fillna(False).to_numpy(dtype=bool)
        if long.any():
            broken.append(Broken(name, "length", long, f"a value of more than {LONGEST_VALUE:,} characters: {{value}}"))


def quoted(value: object) -> str:
    """A value for a message: visible, short, in quotes when it is text.

    >>> quoted("a\\x1b[31m"), quoted(7.0)
    ("'a\\\\e[31m'", '7')
    """
    if isinstance(value, str):
        return f"'{visible(value, longest=40)}'"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return visible(value, longest=40)
