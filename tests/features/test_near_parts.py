"""A part is left out of a look for keys only when none of its rows can have one of them."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.features.near_parts import near_parts
from app.features.offline import publish_parts, storable

MOMENTS = st.datetimes(pd.Timestamp("2013-01-01"), pd.Timestamp("2013-01-03"))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "number": st.integers(-5, 5),
    "text": st.text("aäz\U0001f600", max_size=3) | st.text("b", min_size=60, max_size=70),
    "time": MOMENTS.map(lambda moment: pd.Timestamp(moment.replace(microsecond=moment.microsecond % 3), tz="UTC")),
    "half": st.floats(allow_nan=False),
}
ROWS = st.lists(st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()}), min_size=1)


def rows_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(VALUES))
    return frame.astype({"number": "Int64", "text": "str", "time": "datetime64[us, UTC]", "half": "float64"})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts")


@settings(max_examples=30)
@given(parts=st.lists(ROWS, min_size=1, max_size=3), wanted=ROWS, names=st.sets(st.sampled_from([*VALUES]), min_size=1))
def test_every_part_that_holds_a_key_is_found(
    place: Path, parts: list[list[dict[str, Any]]], wanted: list[dict[str, Any]], names: set[str]
) -> None:
    keys = sorted(names)
    frames = {f"p{at}": rows_of(rows) for at, rows in enumerate(parts)}
    folder = place / str(len(list(place.iterdir())))
    version = publish_parts(folder, {part: storable(frame) for part, frame in frames.items()}, list(frames), digest="1")
    asked = rows_of(wanted)[keys]

    found = near_parts(folder, version, list(frames), storable(asked))

    shared = [part for part, frame in frames.items() if len(frame[keys].dropna().merge(asked.dropna(), on=keys))]
    assert set(shared) <= set(found)


@pytest.mark.parametrize(
    ("name", "early", "late"),
    [
        ("number", [1, 2], [3, 4]),
        ("text", ["2013-01 a", "2013-01 z"], ["2013-02 a", "2013-02 b"]),
        (
            "time",
            pd.date_range("2013-01-01", "2013-01-31", tz="UTC"),
            pd.date_range("2013-02-01", "2013-02-28", tz="UTC"),
        ),
    ],
)
def test_a_part_whose_keys_lie_beside_is_left_out(tmp_path: Path, name: str, early: Any, late: Any) -> None:
    frames = {"early": pd.DataFrame({name: early}), "late": pd.DataFrame({name: late})}
    version = publish_parts(tmp_path, {part: storable(one) for part, one in frames.items()}, [*frames], digest="1")
    asked = pa.table({name: storable(frames["late"])[name]})

    assert near_parts(tmp_path, version, ["early", "late"], asked) == ["late"]
    assert near_parts(tmp_path, version, ["early"], asked) == []
