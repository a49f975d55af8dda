"""Windowed history against a naive reference: ties, gaps, late rows, clocks that run backwards, nulls, any order."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadInput
from app.features.history import Aggregate, Take, over_windows

START = pd.Timestamp("2013-01-01T00:00Z")
TIME = st.one_of(st.none(), st.integers(0, 14))
KEY = st.one_of(st.none(), st.sampled_from(["a", "b", "c"]))
VALUE = st.one_of(
    st.none(),
    st.integers(-5, 5).map(float),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: 0.0 if abs(value) < 1e-6 else value),
)
TAKES: tuple[Take, ...] = ("count", "sum", "mean", "min", "max", "last", "age")
Fact = tuple[str | None, int | None, int | None, float | None]


def moments(hours: list[int | None]) -> pd.Series:
    texts = [None if hour is None else START + pd.Timedelta(hours=hour) for hour in hours]
    return pd.Series(pd.to_datetime(pd.Series(texts, dtype="object"), utc=True))


def naive(spine: list[tuple[str | None, int | None]], facts: list[Fact], take: Take, hours: int) -> list[float]:
    """One spine row after the other, one fact after the other."""
    found = []
    for key, moment in spine:
        counted = [
            (event, created, at, value)
            for at, (other, event, created, value) in enumerate(facts)
            if key is not None and key == other
            if moment is not None and event is not None and created is not None and value is not None
            if event <= moment and created <= moment and moment - event <= hours
        ]
        values = [value for *_, value in counted]
        match take:
            case "count":
                found.append(float(len(values)))
            case _ if not values:
                found.append(math.nan)
            case "sum":
                found.append(math.fsum(values))
            case "mean":
                found.append(math.fsum(values) / len(values))
            case "min":
                found.append(min(values))
            case "max":
                found.append(max(values))
            case "last":
                found.append(max(counted)[3])
            case "age":
                assert moment is not None
                found.append(float(moment - max(counted)[0]))
    return found


def frames(spine: list[tuple[str | None, int | None]], facts: list[Fact]) -> tuple[pd.DataFrame, pd.DataFrame]:
    left = pd.DataFrame({"k": pd.Series([key for key, _ in spine], dtype="str"), "t": moments([at for _, at in spine])})
    right = pd.DataFrame(
        {
            "k": pd.Series([fact[0] for fact in facts], dtype="str"),
            "at": moments([fact[1] for fact in facts]),
            "known": moments([fact[2] for fact in facts]),
            "v": pd.Series([fact[3] for fact in facts], dtype="float64"),
        }
    )
    return left, right


@given(
    spine=st.lists(st.tuples(KEY, TIME), max_size=15),
    facts=st.lists(st.tuples(KEY, TIME, TIME, VALUE), max_size=25),
    hours=st.lists(st.integers(1, 8), min_size=1, max_size=2, unique=True),
)
def test_every_aggregate_is_the_naive_one(
    spine: list[tuple[str | None, int | None]], facts: list[Fact], hours: list[int]
) -> None:
    left, right = frames(spine, facts)
    wanted = [Aggregate(f"{take}_{width}", take, "v", pd.Timedelta(hours=width)) for take in TAKES for width in hours]

    found = over_windows(
        left, right, entity=["k"], spine_time="t", event_time="at", created_time="known", aggregates=wanted
    )

    for take in TAKES:
        for width in hours:
            expected = np.array(naive(spine, facts, take, width))
            np.testing.assert_allclose(found[f"{take}_{width}"], expected, rtol=1e-12, atol=1e-15, err_msg=take)


def test_what_leaves_a_window_leaves_nothing_of_itself_behind() -> None:
    left, right = frames([("a", 1), ("a", 9)], [("a", 0, 0, 1e16), ("a", 8, 8, 0.1)])

    found = over_windows(
        left,
        right,
        entity=["k"],
        spine_time="t",
        event_time="at",
        aggregates=[Aggregate("total", "sum", "v", pd.Timedelta(hours=2))],
    )

    assert found["total"].tolist() == [1e16, 0.1]


def test_only_what_was_known_by_then_counts() -> None:
    left, right = frames([("a", 5), ("a", 8)], [("a", 4, 7, 1.0)])

    found = over_windows(
        left,
        right,
        entity=["k"],
        spine_time="t",
        event_time="at",
        created_time="known",
        aggregates=[Aggregate("n", "count", "v", pd.Timedelta(hours=24))],
    )

    assert found["n"].tolist() == [0.0, 1.0]


def test_times_too_far_apart_for_one_number_are_ranked() -> None:
    random = np.random.default_rng(7)
    keys = random.integers(0, 10**6, 2_000).astype(str)
    hours = random.integers(0, 24 * 365 * 40, 2_000)
    left = pd.DataFrame({"k": keys, "t": START + pd.to_timedelta(hours, unit="h")})
    right = left.rename(columns={"t": "at"}).assign(v=1.0)
    more = pd.concat([right, right.assign(at=right["at"] - pd.Timedelta(hours=3))], ignore_index=True)
    near = Aggregate("n", "count", "v", pd.Timedelta(hours=3))

    found = over_windows(left, more, entity=["k"], spine_time="t", event_time="at", aggregates=[near])

    assert (found["n"] >= 2).all()
    assert found["n"].sum() == sum(
        ((more["k"] == key) & (more["at"] <= at) & (at - more["at"] <= near.window)).sum()
        for key, at in zip(left["k"], left["t"], strict=True)
    )


def test_an_infinite_fact_and_a_text_are_refused() -> None:
    left, right = frames([("a", 1)], [("a", 0, 0, 1.0)])
    total = [Aggregate("total", "sum", "v", pd.Timedelta(hours=2))]

    with pytest.raises(BadInput, match="'v' of the facts is infinite in row 1"):
        over_windows(left, right.assign(v=np.inf), entity=["k"], spine_time="t", event_time="at", aggregates=total)
    with pytest.raises(BadInput, match="holds no numbers"):
        over_windows(left, right.assign(v="x"), entity=["k"], spine_time="t", event_time="at", aggregates=total)
