"""Two snapshots side by side."""

import numpy as np
import pyarrow as pa

from app.data.comparing import compare


def test_a_shift_a_new_type_and_a_new_value_are_seen() -> None:
    random = np.random.default_rng(7)
    before = pa.table({"x": random.normal(0, 1, 500), "n": [1] * 500, "w": ["a"] * 500, "gone": [1] * 500})
    after = pa.table(
        {"x": random.normal(2, 1, 500), "n": ["1"] * 500, "w": ["a"] * 250 + ["b"] * 250, "new": [1] * 500}
    )

    found = {one.name: one for one in compare(before, after)}

    assert found["x"].psi is not None
    assert found["x"].psi > 0.25
    assert found["x"].ks is not None
    assert 0.6 < found["x"].ks < 0.8
    assert found["n"].change == "retyped"
    assert found["w"].new_values == ("b",)
    assert (found["gone"].change, found["new"].change) == ("removed", "added")
    assert all(one.has_moved for one in found.values())


def test_a_column_of_one_value_that_becomes_another_has_moved() -> None:
    before = pa.table({"month": [1] * 100, "hour": [1, 2, 3, 4] * 25, "same": [7] * 100})
    after = pa.table({"month": [3] * 100, "hour": [1, 2, 3, 9] * 25, "same": [7] * 100})

    found = {one.name: one for one in compare(before, after)}

    assert {name: one.has_moved for name, one in found.items()} == {"month": True, "hour": True, "same": False}


def test_the_same_rows_have_not_moved_and_private_values_are_not_shown() -> None:
    before, after = pa.table({"w": ["a", "b", None]}), pa.table({"w": ["a", "c", None]})

    same = compare(before, before)
    private = compare(before, after, private=frozenset({"w"}))

    assert not same[0].has_moved
    assert private[0].new_values == ()
