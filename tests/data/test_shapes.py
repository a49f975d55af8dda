"""One snapshot read under the shape of all of them: the same rows and types as when all are read as one."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.data.shapes import read_as, shape_of, whole_shape
from app.data.snapshots import pack, unpack
from app.domain.errors import BadInput

CELLS = {
    "whole": st.one_of(st.none(), st.integers(-5, 5)),
    "number": st.one_of(st.none(), st.floats(-5, 5)),
    "truth": st.one_of(st.none(), st.booleans()),
    "text": st.one_of(st.none(), st.sampled_from(["a", "ß"])),
}


@st.composite
def snapshots(draw: st.DrawFn) -> list[bytes]:
    packed = []
    for _ in range(draw(st.integers(1, 4))):
        names = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=4, unique=True))
        size = draw(st.integers(1, 4))
        columns = {name: draw(st.lists(CELLS[name], min_size=size, max_size=size)) for name in names}
        types = {"whole": "Int64", "number": "float64", "truth": "boolean", "text": "str"}
        frame = pd.DataFrame({name: pd.Series(values, dtype=types[name]) for name, values in columns.items()})
        packed.append(pack(frame, time=None).content)
    return packed


@settings(max_examples=100, deadline=None)
@given(snapshots())
def test_snapshots_read_one_by_one_are_the_snapshots_read_together(contents: list[bytes]) -> None:
    together = unpack(contents, [str(at) for at in range(len(contents))], source="rows")

    whole = whole_shape([shape_of(content) for content in contents])
    apart = [read_as(content, whole) for content in contents]

    assert [list(frame.columns) for frame in apart] == [list(together.columns)] * len(apart)
    assert [frame.dtypes.tolist() for frame in apart] == [together.dtypes.tolist()] * len(apart)
    pd.testing.assert_frame_equal(pd.concat(apart, ignore_index=True), together)


def test_text_in_one_and_numbers_in_another_do_not_fit() -> None:
    contents = [pack(pd.DataFrame({"x": values}), time=None).content for values in ([1], ["a"])]

    with pytest.raises(BadInput, match="do not fit together"):
        whole_shape([shape_of(content) for content in contents])


def test_a_column_without_any_value_takes_the_type_that_it_has_elsewhere() -> None:
    text, whole = (
        pack(pd.DataFrame({"a": pd.Series(values, dtype=kind)}), time=None).content
        for values, kind in (([None, None], "str"), ([1, 2], "int64"))
    )

    shape = whole_shape([shape_of(text), shape_of(whole)])

    assert shape.as_text() == "a:int64?"
    assert read_as(text, shape)["a"].isna().all()
    assert whole_shape([shape_of(text)]).as_text() == "a:string"
