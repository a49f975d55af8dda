"""The requirement as a pandera schema: rows, and batches as a whole."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from app.data.contract import check, stale
from app.data.schema import schema_of
from app.domain.project import ColumnRule, Source


def test_every_check_of_the_schema_is_named_after_its_rule() -> None:
    rule = ColumnRule(type="number", minimum=0, maximum=1, allowed=(0, 1), unique=True, max_missing_share=0.5)

    schema = schema_of(Source(path="*", columns={"x": rule}, unique_key=("x",), maximum_batch_rows=5))

    named = [check.error for check in schema.columns["x"].checks]
    assert named == ["type", "minimum", "maximum", "allowed", "unique", "max_missing_share"]
    assert [check.error for check in schema.checks] == ["unique_key", "batch_rows"]


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        (Source(path="*", maximum_batch_rows=2), "it has 4 rows, at most 2 are asked for"),
        (Source(path="*", minimum_batch_rows=5), "it has 4 rows, at least 5 are asked for"),
        (
            Source(path="*", columns={"x": ColumnRule(max_missing_share=0.25)}),
            "x: 50.0% of the values are missing, at most 25.0% may be",
        ),
    ],
)
def test_a_batch_that_breaks_a_rule_as_a_whole_says_which(declared: Source, says: str) -> None:
    checked = check(pd.DataFrame({"x": [1.0, None, None, 2.0]}), declared, name="rows", where="a.csv")

    assert checked.batch == (says,)
    assert len(checked.accepted) == 4


def test_missing_values_do_not_repeat_each_other() -> None:
    declared = Source(path="*", columns={"x": ColumnRule(unique=True)})

    checked = check(pd.DataFrame({"x": [None, None, 1.0, 1.0]}), declared, name="rows", where="a.csv")

    assert [bad.row for bad in checked.rejected] == [3]


def test_a_private_value_is_in_no_reason() -> None:
    declared = Source(path="*", columns={"mail": ColumnRule(allowed=("a",), privacy="personal")})

    checked = check(pd.DataFrame({"mail": ["ana@example.org"]}), declared, name="rows", where="a.csv")

    assert checked.rejected[0].reason == "mail: a value is not one of 'a'"


def test_freshness_needs_a_limit_and_a_time() -> None:
    now, old = datetime(2013, 1, 3, tzinfo=UTC), datetime(2013, 1, 1, tzinfo=UTC)

    assert stale(old, Source(path="*"), now=now) == ""
    assert stale(None, Source(path="*", max_age_hours=1), now=now) == ""
    assert stale(old, Source(path="*", max_age_hours=48), now=now) == ""
    assert "48 h old" in stale(old, Source(path="*", max_age_hours=47), now=now)
