"""The newest known row of each entity, held to the point-in-time join on random histories."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.errors import BadInput
from app.features import as_of
from app.features.newest import newest_rows
from app.features.online import EPOCH, OnlineView, RowSet
from app.features.online_sqlite import SqliteOnline

ENTITY = ["airport", "runway"]
MINUTE = timedelta(minutes=1)


def history(rows: list[tuple[Any, ...]]) -> pa.Table:
    """A table of (airport, runway, event minute, created minute, value, text)."""
    names = (*ENTITY, "at", "known", "wind", "sky")
    moments = [tuple(None if m is None else EPOCH + m * MINUTE for m in row[2:4]) for row in rows]
    kinds = [pa.string(), pa.int64(), *[pa.timestamp("us", tz="UTC")] * 2, pa.float64(), pa.string()]
    columns = list(zip(*[(*row[:2], *times, *row[4:]) for row, times in zip(rows, moments, strict=True)], strict=True))
    return pa.table({n: pa.array(list(c), type=k) for n, c, k in zip(names, columns or [()] * 6, kinds, strict=True)})


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["JFK", "LGA", "a,b", None]),
        st.sampled_from([1, 2, None]),
        st.one_of(st.none(), st.integers(0, 12)),
        st.one_of(st.none(), st.integers(0, 12)),
        st.one_of(st.none(), st.floats(-5, 5, width=16)),
        st.sampled_from(["clear", "", None]),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, published=st.integers(0, 14), ttl=st.sampled_from([None, 0, 3]))
def test_an_online_read_is_the_join_at_that_moment(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]], published: int, ttl: int | None
) -> None:
    stored = history(rows)
    now = EPOCH + published * MINUTE
    found = newest_rows(
        stored, entity=ENTITY, columns=["wind", "sky"], kinds=["number", "category"],
        known_until_us=published * 60_000_000, event_time="at", created_time="known",
    )  # fmt: skip
    view = OnlineView(
        "p", "v", False, tuple(ENTITY), found.key_kinds, ("wind", "sky"), ("number", "category"), "at", "known",
        None if ttl is None else ttl * 60_000_000, 1, "d", found.count, found.waiting, now.isoformat(),
    )  # fmt: skip
    online = SqliteOnline(tmp_path_factory.mktemp("online") / "online.db")
    online.publish("p", [RowSet(view, found.rows)], now=now)
    spine = pd.DataFrame([(a, r, now) for a in ("JFK", "LGA", "a,b") for r in (1, 2)], columns=[*ENTITY, "now"]).astype(
        {"airport": "str"}
    )

    keys = [view.key_of({"airport": a, "runway": r}) for a, r in zip(spine["airport"], spine["runway"], strict=True)]
    _, read = online.read("p", "v", keys, published * 60_000_000)
    online.close()

    history_frame = stored.to_pandas().astype({"runway": "float64"})
    expected = as_of.positions(
        spine, history_frame, entity=ENTITY, spine_time="now", event_time="at", created_time="known",
        ttl=None if ttl is None else pd.Timedelta(minutes=ttl),
    )  # fmt: skip
    for row, at in zip(read, expected, strict=True):
        if at < 0:
            assert row is None or row.state == "expired"
        else:
            assert row is not None
            wind, sky = rows[at][4:]
            assert row.values == (None if wind is None or math.isnan(wind) else wind, sky)
            assert row.event_us == rows[at][2] * 60_000_000


def test_rows_that_are_not_known_yet_wait() -> None:
    stored = history([("JFK", 1, 0, 5, 1.0, ""), ("JFK", 1, 2, 9, 2.0, ""), ("LGA", 1, 9, 9, 3.0, "")])

    found = newest_rows(
        stored, entity=ENTITY, columns=["wind"], kinds=["number"], known_until_us=5 * 60_000_000,
        event_time="at", created_time="known",
    )  # fmt: skip

    assert (list(found.rows), found.count, found.waiting) == ([('["JFK",1]', 0, 300_000_000, 1.0)], 1, 2)


def test_keys_of_every_kind_are_found_again(tmp_path: Path) -> None:
    moment = datetime(2013, 1, 1, tzinfo=UTC)
    for kind, values in (
        ("integer", [3, -1]), ("number", [1.5, 2.0]), ("time", [moment, moment + MINUTE]), ("text", ["", "a\x00b"])
    ):  # fmt: skip
        stored = pa.table({"k": values, "n": [1.0, 2.0]})
        found = newest_rows(stored, entity=["k"], columns=["n"], kinds=["number"], known_until_us=0)
        view = OnlineView(
            "p", kind, False, ("k",), found.key_kinds, ("n",), ("number",), None, None, None, 1, "", 2, 0, ""
        )
        online = SqliteOnline(tmp_path / f"{kind}.db")
        online.publish("p", [RowSet(view, found.rows)], now=moment)

        _, read = online.read("p", kind, [view.key_of({"k": value}) for value in values], 0)
        online.close()

        assert (found.key_kinds, [row.values for row in read if row]) == ((kind,), [(1.0,), (2.0,)])


def test_a_key_of_another_kind_is_refused_by_name() -> None:
    view = OnlineView("p", "v", False, ("k",), ("integer",), (), (), None, None, None, 1, "", 0, 0, "")

    with pytest.raises(BadInput, match="the key 'k' of view 'v' is a integer, not 'x'"):
        view.key_of({"k": "x"})
    with pytest.raises(BadInput, match="the entity has no 'k'"):
        view.key_of({"k": None})
