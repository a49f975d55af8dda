"""What the columns of an unknown file seem to be: kind, identity, time, constant, free text."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.data.readers import Raw
from app.data.types import guessed, is_text, quoted

Places = npt.NDArray[np.intp]
Kind = Literal["number", "text", "boolean", "time"]
MOSTLY = 0.9
ID_WORDS = ("id", "uuid", "guid", "key", "index", "row", "rowid", "unnamed_1", "nr", "number", "no")


@dataclass(frozen=True)
class Column:
    """One column of a file: its values in its kind; `odd` tells of values that are not of it, with the first place."""

    name: str
    kind: Kind
    values: pd.Series
    missing: int
    distinct: int
    odd: str = ""

    @property
    def present(self) -> int:
        """How many values there are."""
        return len(self.values) - self.missing

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers only."""
        if self.kind != "number" or not self.present:
            return False
        numbers = self.values.dropna().to_numpy(dtype="float64")
        return bool(np.isfinite(numbers).all() and (numbers == np.floor(numbers)).all())

    @property
    def is_unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.missing == 0 and self.distinct == len(self.values)

    @property
    def is_named_like_id(self) -> bool:
        """Whether the name says identity: `id`, `customer_id`, `flightId`, `uuid`."""
        name = self.name.strip().lower()
        return name in ID_WORDS or name.endswith(("_id", " id", "-id", "_key", "uuid")) or self.name.endswith("Id")

    @property
    def counts_up(self) -> bool:
        """Whether it numbers the rows."""
        if not (self.is_unique and self.is_whole):
            return False
        numbers = self.values.to_numpy(dtype="float64")
        return bool((np.diff(numbers) == 1).all())


def columns_of(raw: Raw) -> list[Column]:
    """Every column of a file with its kind."""
    return [_column(str(name), raw.frame[name], raw) for name in raw.frame.columns]


def _column(name: str, values: pd.Series, raw: Raw) -> Column:
    kind, converted, odd = _kind(values, raw)
    present = converted.dropna()
    return Column(name, kind, converted, len(values) - len(present), int(present.nunique()), odd)


def _kind(values: pd.Series, raw: Raw) -> tuple[Kind, pd.Series, str]:
    if pd.api.types.is_bool_dtype(values.dtype):
        return "boolean", values, ""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        aware = values.dt.tz_localize("UTC") if values.dt.tz is None else values.dt.tz_convert("UTC")
        return "time", aware, ""
    simple = guessed(values) if is_text(values) else values
    if not is_text(simple):
        infinite = np.flatnonzero(np.isinf(simple.to_numpy(dtype="float64", na_value=np.nan)))
        return "number", simple.mask(np.isin(np.arange(len(simple)), infinite)), _odd(raw, values, infinite, "number")
    present = values.dropna()
    if present.empty:
        return "text", values, ""
    if present.str.lower().isin(["true", "false"]).all():
        return "boolean", values.str.lower().map({"true": True, "false": False}).astype("boolean"), ""
    if present.str.match(r"\s*[+-]?0[0-9]|\s*\+").any():
        return "text", values, ""
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().sum() >= MOSTLY * len(present):
        wrong = np.flatnonzero((values.notna() & ~np.isfinite(numbers)).to_numpy())
        return "number", numbers.where(np.isfinite(numbers)), _odd(raw, values, wrong, "number")
    if not present.head(50).str.match(r"\s*\d{4}-\d\d?-\d\d?").all():
        return "text", values, ""
    moments = pd.to_datetime(values, utc=True, errors="coerce", format="ISO8601")
    if moments.notna().sum() >= MOSTLY * len(present):
        wrong = np.flatnonzero((values.notna() & moments.isna()).to_numpy())
        return "time", moments, _odd(raw, values, wrong, "time")
    return "text", values, ""


def _odd(raw: Raw, values: pd.Series, wrong: Places, kind: str) -> str:
    if not len(wrong):
        return ""
    first = int(wrong[0])
    place = raw.places([first])[0]
    many = "s" if len(wrong) > 1 else ""
    return f"{len(wrong):,} value{many} not a {kind}, first {quoted(values.iloc[first])} at {place}"
