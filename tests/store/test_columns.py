"""Numbers and moments survive the columns, or are refused."""

import math
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from app.store.columns import join_number, split_number
from app.store.moments import parse_utc, utc_text

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(min_value=datetime(1000, 1, 3), max_value=datetime(9999, 12, 29), timezones=ZONES)  # noqa: DTZ001


@given(st.floats())
def test_a_number_that_is_split_joins_to_itself(number: float) -> None:
    value, special = split_number(number)

    joined = join_number(value, special)

    assert (value is None) != (special is None)
    assert joined == number or (math.isnan(joined) and math.isnan(number))
    assert math.copysign(1, joined) == math.copysign(1, number) or math.isnan(number)


@given(MOMENTS)
def test_a_moment_comes_back_in_utc(moment: datetime) -> None:
    back = parse_utc(utc_text(moment))

    assert back == moment
    assert back.tzinfo is UTC


@given(MOMENTS, MOMENTS)
def test_the_order_of_texts_is_the_order_of_time(one: datetime, other: datetime) -> None:
    assert (utc_text(one) < utc_text(other)) == (one < other)
