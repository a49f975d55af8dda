"""The point-in-time join against a naive reference: ties, gaps, late rows, nulls, any order."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadInput
from app.features.as_of import NEVER, _Steps, by_entity, positions

START = pd.Timestamp("2013-01-01T00:00Z")
TIME = st.one_of(st.none(), st.integers(0, 12))
KEY = st.one_of(st.none(), st.sampled_from(["a", "b", "c"]))


def moments(hours: list[int | None]) -> pd.Series:
    texts = [None if hour is None else START + pd.Timedelta(hours=hour) for hour in hours]
    return pd.Series(pd.to_datetime(pd.Series(texts, dtype="object"), utc=True))


def naive(
    spine: list[tuple[str | None, int, int | None]],
    view: list[tuple[str | None, int, int | None, int | None]],
    ttl: int | None,
) -> list[int]:
    """One spine row after the other, one view row after the other."""
    found = []
    for key, more, moment in spine:
        best, best_rank = -1, (-1, -1, -1)
        for at, (other, other_more, event, created) in enumerate(view):
            if key is None or other is None or (key, more) != (other, other_more):
                continue
            if moment is None or event is None or created is None or event > moment or created > moment:
                continue
            if ttl is not None and moment - event > ttl:
                continue
            if (event, created, at) > best_rank:
                best, best_rank = at, (event, created, at)
        found.append(best)
    return found


@given(
    spine=st.lists(st.tuples(KEY, st.integers(0, 1), TIME), max_size=15),
    view=st.lists(st.tuples(KEY, st.integers(0, 1), TIME, TIME), max_size=25),
    ttl=st.one_of(st.none(), st.integers(1, 6)),
    two_keys=st.booleans(),
)
def test_the_join_is_the_naive_one(
    spine: list[tuple[str | None, int, int | None]],
    view: list[tuple[str | None, int, int | None, int | None]],
    ttl: int | None,
    two_keys: bool,
) -> None:
    if not two_keys:
        spine = [(key, 0, moment) for key, _, moment in spine]
        view = [(key, 0, event, created) for key, _, event, created in view]
    left = pd.DataFrame(
        {
            "k": pd.Series([row[0] for row in spine], dtype="str"),
            "n": pd.Series([row[1] for row in spine], dtype="int64"),
            "t": moments([row[2] for row in spine]),
        }
    )
    right = pd.DataFrame(
        {
            "k": pd.Series([row[0] for row in view], dtype="str"),
            "n": pd.Series([row[1] for row in view], dtype="int64"),
            "at": moments([row[2] for row in view]),
            "known": moments([row[3] for row in view]),
        }
    )

    found = positions(
        left,
        right,
        entity=["k", "n"] if two_keys else ["k"],
        spine_time="t",
        event_time="at",
        created_time="known",
        ttl=pd.Timedelta(hours=ttl) if ttl is not None else None,
    )

    assert found.tolist() == naive(spine, view, ttl)


@given(
    moments=st.lists(
        st.one_of(st.integers(0, 60), st.integers(-(10**15), 10**15)), min_size=1, max_size=80, unique=True
    ),
    times=st.lists(st.one_of(st.integers(-5, 70), st.integers(-(10**16), 10**16), st.just(NEVER)), max_size=40),
)
def test_a_look_up_of_steps_is_a_binary_search(moments: list[int], times: list[int]) -> None:
    steps, asked = np.array(sorted(moments)), np.array(times, np.int64)

    found = _Steps.of(steps).until(asked)

    assert found.tolist() == np.searchsorted(steps, asked, side="right").tolist()


def test_a_late_row_counts_only_from_when_it_was_known() -> None:
    spine = pd.DataFrame({"k": ["a", "a"], "t": moments([5, 8])})
    view = pd.DataFrame({"k": ["a", "a"], "at": moments([2, 4]), "known": moments([2, 7])})

    found = positions(spine, view, entity=["k"], spine_time="t", event_time="at", created_time="known")

    assert found.tolist() == [0, 1]


def test_an_old_event_that_becomes_known_late_does_not_replace_a_newer_one() -> None:
    spine = pd.DataFrame({"k": ["a"], "t": moments([9])})
    view = pd.DataFrame({"k": ["a", "a"], "at": moments([4, 2]), "known": moments([5, 8])})

    found = positions(spine, view, entity=["k"], spine_time="t", event_time="at", created_time="known")

    assert found.tolist() == [0]


def test_an_age_of_exactly_the_time_to_live_is_allowed() -> None:
    spine = pd.DataFrame({"k": ["a", "a"], "t": moments([6, 7])})
    view = pd.DataFrame({"k": ["a"], "at": moments([3])})

    found = positions(spine, view, entity=["k"], spine_time="t", event_time="at", ttl=pd.Timedelta(hours=3))

    assert found.tolist() == [0, -1]


def test_keys_of_two_kinds_are_refused() -> None:
    spine = pd.DataFrame({"k": [1], "t": moments([1])})
    view = pd.DataFrame({"k": ["1"], "at": moments([1])})

    with pytest.raises(BadInput, match="a number in the spine and text in the view"):
        positions(spine, view, entity=["k"], spine_time="t", event_time="at")


@given(st.lists(KEY, max_size=20), st.sets(st.sampled_from(["a", "b", "c", "d"])))
def test_the_join_by_entity_loses_and_doubles_nothing(keys: list[str | None], known: set[str]) -> None:
    view = pd.DataFrame({"k": pd.Series([*sorted(known), None], dtype="str")})
    spine = pd.DataFrame({"k": pd.Series(keys, dtype="str")})

    found = by_entity(spine, view, entity=["k"])

    expected = [sorted(known).index(key) if key in known else -1 for key in keys]
    assert found.tolist() == expected


def test_a_hundred_thousand_rows_agree_with_pandas() -> None:
    random = np.random.default_rng(7)
    spine = pd.DataFrame(
        {
            "k": random.integers(0, 50, 100_000),
            "t": START + pd.to_timedelta(random.integers(0, 10**6, 100_000), unit="s"),
        }
    )
    view = pd.DataFrame(
        {"k": random.integers(0, 50, 5_000), "at": START + pd.to_timedelta(random.permutation(10**6)[:5_000], unit="s")}
    )

    found = positions(spine, view, entity=["k"], spine_time="t", event_time="at")

    left = spine.assign(row=range(len(spine))).sort_values("t")
    right = view.assign(place=range(len(view))).sort_values("at")
    theirs = pd.merge_asof(left, right, left_on="t", right_on="at", by="k").sort_values("row")["place"]
    assert np.array_equal(found, theirs.fillna(-1).astype(int).to_numpy())
