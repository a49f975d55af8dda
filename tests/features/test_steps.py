"""Windowed history online: at every moment after a publish it says what the offline computation says."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.features import history
from app.features.history import Aggregate
from app.features.online import EPOCH, OnlineView, RowSet
from app.features.online_sqlite import SqliteOnline
from app.features.steps import empty_values, step_rows

MINUTE_US = 60_000_000
TAKES: tuple[Any, ...] = ("count", "sum", "mean", "min", "max", "last", "age")
WINDOWS = tuple(
    Aggregate(f"{take}{minutes}", take, None if take in ("count", "age") else "late", pd.Timedelta(minutes=minutes))
    for take in TAKES
    for minutes in (3, 7)
)
FACTS = st.lists(
    st.tuples(
        st.sampled_from(["JFK", "LGA", None]),
        st.sampled_from([1, 2]),
        st.one_of(st.none(), st.integers(0, 15)),
        st.one_of(st.none(), st.integers(0, 20)),
        st.one_of(st.none(), st.floats(-4, 4, width=16)),
    ),
    max_size=20,
)


def table_of(rows: list[tuple[Any, ...]]) -> pa.Table:
    """Facts of (airport, runway, event minute, known minute, value)."""
    airports, runways, events, known, late = zip(*rows, strict=True) if rows else [()] * 5
    moments = [[None if m is None else m * MINUTE_US for m in part] for part in (events, known)]
    return pa.table(
        {
            "airport": pa.array(airports, type=pa.string()),
            "runway": pa.array(runways, type=pa.int64()),
            "at": pa.array(moments[0], type=pa.timestamp("us", tz="UTC")),
            "known": pa.array(moments[1], type=pa.timestamp("us", tz="UTC")),
            "late": pa.array(late, type=pa.float64()),
        }
    )


@settings(max_examples=60, deadline=None)
@given(rows=FACTS, published=st.integers(0, 16))
def test_every_moment_after_a_publish_reads_as_the_offline_windows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]], published: int
) -> None:
    entity, stored = ["airport", "runway"], table_of(rows)
    found = step_rows(
        stored, entity=entity, event_time="at", created_time="known", aggregates=WINDOWS,
        from_us=published * MINUTE_US,
    )  # fmt: skip
    now = EPOCH + pd.Timedelta(minutes=published).to_pytimedelta()
    view = OnlineView(
        "p", "v", False, tuple(entity), found.key_kinds, tuple(one.name for one in WINDOWS), ("number",) * len(WINDOWS),
        "at", "known", None, 1, "", found.count, 0, now.isoformat(),
        empty=empty_values({one.name: {"take": one.take} for one in WINDOWS}),
        ages=tuple(at for at, one in enumerate(WINDOWS) if one.take == "age"),
    )  # fmt: skip
    online = SqliteOnline(tmp_path_factory.mktemp("online") / "online.db")
    online.publish("p", [RowSet(view, found.rows)], now=now)
    pairs = [(airport, runway) for airport in ("JFK", "LGA", "EWR") for runway in (1, 2)]
    keys = [view.key_of({"airport": airport, "runway": runway}) for airport, runway in pairs]
    offsets = [*range(30), *(minute + 1e-6 / 60 for minute in range(30))]
    asked = [published * MINUTE_US + round(minute * MINUTE_US) for minute in offsets]

    read = [[row and row.values for row in online.read("p", "v", keys, moment)[1]] for moment in asked]
    one_by_one = [online.read("p", "v", [key], asked[3])[1][0] for key in keys]
    before = online.read("p", "v", keys, published * MINUTE_US - 1)[1]
    online.close()

    spine = pd.DataFrame([(*pair, moment) for moment in asked for pair in pairs], columns=[*entity, "now"])
    spine["now"] = pd.to_datetime(spine["now"], unit="us", utc=True)
    expected = history.over_windows(
        spine.astype({"airport": "str"}), stored.to_pandas(), entity=entity, spine_time="now", event_time="at",
        created_time="known", aggregates=WINDOWS,
    )  # fmt: skip
    got = pd.DataFrame([values for each in read for values in each], columns=expected.columns).astype("float64")
    np.testing.assert_allclose(got.to_numpy(), expected.to_numpy(), rtol=1e-12, atol=1e-12)
    assert [row and row.values for row in one_by_one] == read[3]
    assert {row and row.state for row in before} == {"early"}


def test_an_old_history_takes_no_room_and_still_says_that_nothing_counts(tmp_path: Path) -> None:
    stored = table_of([("JFK", 1, 0, 0, 1.0)])

    found = step_rows(
        stored, entity=["airport"], event_time="at", created_time=None, aggregates=WINDOWS, from_us=999 * MINUTE_US
    )

    assert (found.count, list(found.rows)) == (0, [])
