"""The profile of a snapshot: small, finite, and right."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from app.data.distributions import spread
from app.data.profile import profile
from app.data.snapshots import pack
from app.data.target import Target
from app.domain.problem import Task
from app.domain.project import ColumnRule


def test_every_kind_of_column_has_its_profile() -> None:
    table = pa.table(
        {
            "n": [1.0, None, 3.0, 1.0],
            "w": ["b", "a", "b", None],
            "f": [True, False, True, True],
            "t": pd.to_datetime(pd.Series(["2013-01-02", None, "2013-01-01", "2013-01-02"]), utc=True),
            "e": pa.array([None] * 4, pa.string()),
        }
    )

    number, word, flag, moment, empty = profile(table).columns

    assert (number.kind, number.missing, number.distinct, number.minimum, number.maximum) == ("number", 1, 2, 1.0, 3.0)
    assert (word.kind, word.distinct, word.top) == ("text", 2, (("b", 2), ("a", 1)))
    assert (flag.kind, flag.top) == ("boolean", (("True", 3), ("False", 1)))
    assert (moment.kind, moment.minimum, moment.missing) == ("time", "2013-01-01T00:00:00+00:00", 1)
    assert (empty.kind, empty.missing, empty.distinct) == ("text", 4, 0)


def test_the_profile_is_json_without_nan_and_says_what_was_quarantined() -> None:
    packed = pack(pd.DataFrame({"x": [np.nan, np.nan], "y": [1, 2]}), time=None)

    document = json.loads(profile(packed.table, quarantined={"x.type": 1}).as_json())

    assert (document["rows_in"], document["rows"], document["quarantined"]) == (3, 2, {"x.type": 1})
    assert document["columns"][0]["mean"] is None


def test_the_same_rows_have_the_same_bytes_and_profile_in_any_process() -> None:
    frame = pd.DataFrame({"a": ["x", "y", "z"] * 50, "b": range(150)})

    one, two = pack(frame, time=None), pack(frame.copy(), time=None)

    assert one.content == two.content
    assert profile(one.table).as_json() == profile(two.table).as_json()


def flights(rows: int = 400) -> tuple[pd.DataFrame, pd.Series]:
    """A little airport: the arrival's delay makes the label, the departure's comes near, a tenth never arrives."""
    random = np.random.default_rng(7)
    departure = random.normal(10, 30, rows)
    arrival = departure + random.normal(0, 8, rows)
    frame = pd.DataFrame(
        {
            "dep_delay": departure,
            "air_time": random.normal(100, 10, rows),
            "arr_delay": arrival,
            "hour": random.integers(0, 24, rows).astype("float64"),
        }
    )
    frame.loc[::10, ["air_time", "arr_delay"]] = np.nan
    return frame, (frame["arr_delay"] >= 30).astype("int8")


def test_columns_that_know_the_answer_are_hinted_and_others_are_not() -> None:
    whole, late = flights()
    accepted = whole["arr_delay"].notna().to_numpy()
    table = pack(whole[accepted].reset_index(drop=True), time=None).table
    target = Target("late", Task.BINARY, late, "arr_delay >= 30")

    found = profile(table, target=target, whole=whole, accepted=accepted)

    assert {hint.column: hint.kind for hint in found.hints} == {
        "dep_delay": "strong",
        "air_time": "together",
        "arr_delay": "answer",
    }
    assert (found.target.labelled, found.target.rows) == (360, 400)


def test_a_private_column_shows_counts_and_no_value() -> None:
    table = pa.table({"mail": ["ana@example.org", "ana@example.org", None], "age": [31, 32, 33]})
    rules = {"mail": ColumnRule(privacy="personal"), "age": ColumnRule(privacy="protected")}

    found = profile(table, rules)

    assert (found.columns[0].missing, found.columns[0].distinct) == (1, 1)
    assert b"example" not in found.as_json()
    assert found.columns[1].minimum is None
    assert found.columns[1].histogram is None


def test_duplicate_rows_are_counted() -> None:
    table = pa.table({"a": [1, 1, 2, 1], "b": ["x", "x", "x", None]})

    assert profile(table).duplicates == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=40))
def test_a_spread_agrees_with_numpy_for_any_numbers(values: list[float]) -> None:
    numbers = np.array(values, dtype="float64")
    finite = numbers[np.isfinite(numbers)]

    found = spread(numbers)

    assert found.distinct == len(np.unique(finite))
    assert (found.minimum, found.maximum) == ((finite.min(), finite.max()) if len(finite) else (None, None))
    assert found.histogram is None or sum(found.histogram.counts) == len(finite)
