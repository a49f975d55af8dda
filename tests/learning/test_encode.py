"""Encoding: the same numbers for frames and for records, whatever the types."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.learning.encode import as_numbers, encode, encode_target, learn_classes, learn_signature, records_of
from app.learning.signature import Feature, RecordEncoder, Signature, category_text

NUMBER, CATEGORY = Feature("n", "number"), Feature("c", "category")


def learned(frame: pd.DataFrame, *features: Feature) -> Signature:
    """The signature of a frame."""
    return learn_signature(frame, features or (NUMBER, CATEGORY), task=Task.REGRESSION, target="y")


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(-(2**60), 2**60), st.floats()),
            st.one_of(st.none(), st.text(max_size=5), st.integers(-5, 5), st.booleans()),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_records_and_frames_give_the_same_numbers(rows: list[tuple[object, object]]) -> None:
    frame = pd.DataFrame({"n": pd.Series([n for n, _ in rows], dtype=object), "c": [c for _, c in rows]}, dtype=object)

    signature = learned(frame)
    matrix = encode(frame, signature).matrix
    flat = RecordEncoder(signature).rows(records_of(frame, signature))

    assert np.array_equal(matrix.ravel(order="C"), np.asarray(flat), equal_nan=True)


@pytest.mark.parametrize("kind", ["object", "str", "category", "string[pyarrow]"])
def test_a_category_means_the_same_in_every_text_type(kind: str) -> None:
    signature = learned(pd.DataFrame({"c": ["b", "a", None]}), CATEGORY)

    matrix = encode(pd.DataFrame({"c": pd.Series(["a", "b", None, "new"], dtype=kind)}), signature).matrix

    assert np.array_equal(matrix[:, 0], [0, 1, np.nan, np.nan], equal_nan=True)


def test_integers_and_the_floats_that_missing_values_make_of_them_are_one_category() -> None:
    whole, with_missing = pd.DataFrame({"c": [1, 2]}), pd.DataFrame({"c": [2.0, np.nan, 1.0]})

    matrix = encode(with_missing, learned(whole, CATEGORY)).matrix

    assert np.array_equal(matrix[:, 0], [1, np.nan, 0], equal_nan=True)


def test_infinities_count_as_missing_and_are_counted() -> None:
    frame = pd.DataFrame({"n": [1.0, math.inf, -math.inf]})

    encoded = encode(frame, learned(frame, NUMBER))

    assert np.isnan(encoded.matrix[1:, 0]).all()
    assert encoded.infinities == {"n": 2}


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (pd.Series(["7", "x"], dtype=object), "row 0"),
        (pd.Series(pd.to_datetime(["2013-01-01"], utc=True)), "times"),
    ],
)
def test_what_is_no_number_is_refused_with_its_name_and_row(column: "pd.Series[Any]", says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        encode(pd.DataFrame({"n": column}), Signature(Task.REGRESSION, "y", (NUMBER,)))

    assert caught.value.where == "n"
    assert caught.value.next_step


@pytest.mark.parametrize("kind", ["Int64", "Float64", "boolean", "bool", "int8", "float32", "int64[pyarrow]"])
def test_every_numeric_type_becomes_float64(kind: str) -> None:
    assert as_numbers(pd.Series([1, 0], dtype=kind), "n").tolist() == [1.0, 0.0]


def test_a_column_that_vanished_or_is_there_twice_is_named() -> None:
    signature = Signature(Task.REGRESSION, "y", (NUMBER,))

    with pytest.raises(BadInput, match="no feature n"):
        encode(pd.DataFrame({"m": [1]}), signature)
    with pytest.raises(BadInput, match="there twice"):
        encode(pd.DataFrame([[1, 2]], columns=["n", "n"]), signature)


def test_fifty_thousand_categories_keep_the_most_frequent_and_a_megabyte_of_text_is_none() -> None:
    values = ["often"] * 10 + [f"v{at}" for at in range(50_000)] + ["x" * 1_000_000]

    table = learned(pd.DataFrame({"c": values}), CATEGORY).features[0].categories

    assert len(table) == 4096
    assert "often" in table
    assert max(map(len, table)) < 10


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        ([True, False], Task.BINARY, ("false", "true")),
        ([1, 0, 1], Task.BINARY, ("0", "1")),
        (["yes", "no"], Task.BINARY, ("no", "yes")),
        ([10, 9, 2], Task.MULTICLASS, ("2", "9", "10")),
        ([1.5, 2.5], Task.REGRESSION, ()),
    ],
)
def test_classes_have_a_stated_order(values: list[object], task: Task, classes: tuple[str, ...]) -> None:
    assert learn_classes(pd.Series(values, name="y"), task) == classes


@pytest.mark.parametrize(
    ("values", "task", "says"),
    [
        ([1, 1], Task.BINARY, "always '1'"),
        ([None, None], Task.BINARY, "always missing"),
        ([0, 1, 2], Task.BINARY, "3 classes"),
        (list(range(200)), Task.MULTICLASS, "at most 100"),
    ],
)
def test_targets_that_teach_nothing_are_refused(values: list[object], task: Task, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        learn_classes(pd.Series(values, name="y"), task)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_target_that_is_missing_or_infinite_is_refused_with_its_row(bad: float) -> None:
    with pytest.raises(BadInput, match="row 1"):
        encode_target(pd.Series([1.0, bad], name="y"), Task.REGRESSION, ())


@pytest.mark.parametrize("value", ["7", [1], {"a": 1}])
def test_a_record_with_text_for_a_number_is_refused_by_field(value: object) -> None:
    with pytest.raises(BadInput) as caught:
        RecordEncoder(Signature(Task.REGRESSION, "y", (NUMBER,))).rows([{"n": value}])

    assert caught.value.where == "n"


def test_hostile_texts_are_categories_like_any_other() -> None:
    hostile = ["\x1b]52;c;AAAA\a", "[/x]", "[@click=app.quit]", "nan", "None", ""]
    frame = pd.DataFrame({"c": hostile})

    signature = Signature.of_json(learned(frame, CATEGORY).as_json())

    assert sorted(encode(frame, signature).matrix[:, 0].tolist()) == [0, 1, 2, 3, 4, 5]
    assert category_text("nan") == "nan"
