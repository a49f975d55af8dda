"""The contract: which rows keep it, and why the others do not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.data.contract import check
from app.data.schema import schema_of
from app.domain.errors import BadInput
from app.domain.project import ColumnRule, Source


def source(*, unique_key: tuple[str, ...] = (), **columns: ColumnRule) -> Source:
    return Source(path="*.csv", columns=columns, unique_key=unique_key)


def reasons(frame: pd.DataFrame, declared: Source) -> dict[int, str]:
    checked = check(frame, declared, name="rows", where="a.csv")
    assert len(checked.accepted) + len(checked.rejected) == len(frame)
    return {bad.row: bad.reason for bad in checked.rejected}


def test_a_missing_required_column_names_the_requirement() -> None:
    declared = source(age=ColumnRule(type="number", required=True, reason="needed for the price"))

    with pytest.raises(BadInput) as found:
        check(pd.DataFrame({"size": [1]}), declared, name="people", where="a.csv")

    assert "[sources.people.columns.age]" in found.value.message
    assert "needed for the price" in found.value.message
    assert found.value.where == "a.csv"


def test_every_rule_has_its_words() -> None:
    declared = source(
        number=ColumnRule(type="number", minimum=0, maximum=9),
        whole=ColumnRule(type="integer"),
        word=ColumnRule(type="text", allowed=("a", "b")),
        flag=ColumnRule(type="boolean"),
        moment=ColumnRule(type="time"),
    )
    good = {"number": "1", "whole": "2", "word": "a", "flag": "true", "moment": "2013-01-01T00:00:00Z"}
    rows = [
        good,
        {**good, "number": "x"},
        {**good, "number": "-1"},
        {**good, "number": "10"},
        {**good, "number": "inf"},
        {**good, "whole": "2.5"},
        {**good, "word": "c"},
        {**good, "flag": "maybe"},
        {**good, "moment": "yesterday"},
        dict.fromkeys(good),
    ]

    found = reasons(pd.DataFrame(rows), declared)

    assert found == {
        1: "number: 'x' is not a number",
        2: "number: '-1' is below 0",
        3: "number: '10' is above 9",
        4: "number: 'inf' is not a finite number; number: 'inf' is above 9",
        5: "whole: '2.5' is not a whole number",
        6: "word: 'c' is not one of 'a', 'b'",
        7: "flag: 'maybe' is not true or false",
        8: "moment: 'yesterday' is not a time (ISO 8601)",
    }


def test_a_required_value_that_is_missing_says_why_it_matters() -> None:
    declared = source(arr_delay=ColumnRule(type="number", required=True, reason="cancelled"))

    found = reasons(pd.DataFrame({"arr_delay": [1.0, np.nan]}), declared)

    assert found == {1: "arr_delay is missing (cancelled)"}


def test_a_repeated_key_keeps_the_first_row() -> None:
    declared = source(unique_key=("a", "b"), a=ColumnRule(type="integer"), c=ColumnRule(unique=True))

    found = reasons(pd.DataFrame({"a": [1, 1, 1], "b": ["x", "x", "y"], "c": ["p", "q", "p"]}), declared)

    assert found == {1: "the same a, b were there before", 2: "c: 'p' was there before"}


def test_a_value_of_a_megabyte_is_turned_away_and_cut_in_the_message() -> None:
    found = reasons(pd.DataFrame({"word": ["a", "x" * 1_000_000]}), source(word=ColumnRule(type="text")))

    assert found[1].startswith("word: a value of more than 65,536 characters: 'xxx")
    assert len(found[1]) < 200


def test_hostile_values_keep_the_contract_as_text() -> None:
    hostile = "\x1b]52;c;x\x07[/x]"

    checked = check(pd.DataFrame({"word": [hostile]}), source(word=ColumnRule(type="text")), name="r", where="a")

    assert checked.accepted["word"].tolist() == [hostile]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.none(), st.floats(allow_nan=True, allow_infinity=True), st.integers(-(2**70), 2**70), st.text(max_size=5)
        ).map(lambda value: value if value is None else str(value)),
        max_size=30,
    )
)
def test_the_books_balance_for_any_text(values: list[str | None]) -> None:
    frame = pd.DataFrame({"x": pd.Series(values, dtype="str")})
    declared = source(x=ColumnRule(type="number", required=True, minimum=-100, maximum=100))

    checked = check(frame, declared, name="rows", where="a.csv")

    assert len(checked.accepted) + len(checked.rejected) == len(values)
    numbers = checked.accepted["x"].astype("float64")
    assert np.isfinite(numbers).all()
    assert numbers.between(-100, 100).all()


RULES = st.builds(
    ColumnRule,
    minimum=st.one_of(st.none(), st.integers(-3, 0).map(float)),
    maximum=st.one_of(st.none(), st.integers(0, 3).map(float)),
    allowed=st.one_of(st.none(), st.lists(st.integers(-2, 2), min_size=1, max_size=3).map(tuple)),
    required=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.one_of(st.none(), st.integers(-5, 5).map(float)), min_size=1, max_size=12), rule=RULES)
def test_what_the_contract_accepts_pandera_accepts_and_what_it_rejects_pandera_rejects(
    values: list[float | None], rule: ColumnRule
) -> None:
    import pandera.errors

    declared = source(x=rule)
    frame = pd.DataFrame({"x": pd.Series(values, dtype="float64")})

    checked = check(frame, declared, name="rows", where="a.csv")

    schema = schema_of(declared)
    if len(checked.accepted):
        schema.validate(checked.accepted)
    if checked.rejected:
        with pytest.raises(pandera.errors.SchemaError):
            schema.validate(frame)
