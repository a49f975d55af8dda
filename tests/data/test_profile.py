"""The profile of a snapshot: small, finite, and right."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa

from app.data.profile import profile
from app.data.snapshots import pack


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
