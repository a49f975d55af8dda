"""A feature set in pieces says exactly what the whole join says."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.features import history, join, offline, slices
from app.features.views import ViewColumn

ROWS = 3_000
START = pd.Timestamp("2013-01-01", tz="UTC")


@pytest.fixture
def tables(tmp_path: Path) -> tuple[join.Pinned, list[join.Pinned], join.Labels]:
    """Homes that are asked for, their facts, rates with and without a time to live, sales as history, and streets."""
    chance = np.random.default_rng(7)
    asked = START + pd.to_timedelta(chance.integers(0, 90 * 24 * 3600, ROWS), unit="s")
    towns = chance.choice(np.array(["ulm", "bonn", "köln", None], dtype=object), ROWS)
    homes = pd.DataFrame({"home": [f"h{at}" for at in range(ROWS)], "town": towns, "at": asked, "late": 1})
    homes.loc[5, "at"] = pd.NaT
    facts = homes[["home"]].assign(size=chance.normal(90, 30, ROWS), kind=chance.choice(["a", "b"], ROWS))
    moments = START + pd.to_timedelta(np.arange(-30 * 24, 100 * 24, 7), unit="h")
    rates = pd.DataFrame({"town": np.resize(["ulm", "bonn"], len(moments)), "since": moments})
    rates = rates.assign(rate=chance.normal(4, 1, len(moments)), lasting=chance.normal(4, 1, len(moments)))
    sold = rates[["town", "since"]].assign(price=chance.normal(400, 100, len(moments)))
    for name, frame in (("homes", homes), ("facts", facts), ("rates", rates), ("sold", sold)):
        offline.publish(tmp_path / name, frame, digest=name)

    def pinned(name: str, table: str, *columns: ViewColumn, **more: object) -> join.Pinned:
        facts_of = {"entity": ("town",), "event_time": "since", "created_time": None, "ttl": None, **more}
        return join.Pinned(name, tmp_path / table, 0, columns, **facts_of)  # type: ignore[arg-type]

    window = history.Aggregate("price_30d", "mean", "price", pd.Timedelta(days=30))
    short = history.Aggregate("sales_2d", "count", None, pd.Timedelta(days=2))
    numbers = {name: ViewColumn(name, "number") for name in ("size", "rate", "lasting", "price_30d", "sales_2d")}
    kind, of_home = ViewColumn("kind", "category"), {"entity": ("home",), "event_time": None}
    views = [
        pinned("facts", "facts", numbers["size"], kind, **of_home),
        pinned("rates", "rates", numbers["rate"], ttl=pd.Timedelta(hours=20)),
        pinned("lasting", "rates", numbers["lasting"]),
        pinned("sold", "sold", numbers["price_30d"], numbers["sales_2d"], windows=(window, short)),
    ]
    return (
        pinned("homes", "homes", entity=("home",), event_time="at"),
        views,
        join.Labels(("home",), "at", None, "late"),
    )


@pytest.mark.parametrize("rows", [100, 1_000_000])
def test_pieces_put_together_are_the_whole_join(
    tables: tuple[join.Pinned, list[join.Pinned], join.Labels], rows: int
) -> None:
    spine, views, labels = tables
    whole, _ = join.with_features(join.spine_rows(spine, labels, None), views, labels)

    planned = slices.plan(spine, labels, rows=rows)
    parts = [slices.frame_of(piece, spine, views, labels) for piece in planned]

    together = pd.concat([part.astype({"kind": "str"}) for part in parts], ignore_index=True)
    assert [len(part) for part in parts] == [piece.rows for piece in planned]
    assert (len(planned) > 20) == (rows == 100)
    pd.testing.assert_frame_equal(
        together, whole.astype({"kind": "str"})[list(together.columns)], check_exact=True, check_dtype=False
    )


def test_a_window_keeps_its_rows_and_no_other(tables: tuple[join.Pinned, list[join.Pinned], join.Labels]) -> None:
    spine, views, labels = tables
    window = (START.to_pydatetime() + pd.Timedelta(days=3, minutes=30), START.to_pydatetime() + pd.Timedelta(days=9))

    planned = slices.plan(spine, labels, window, rows=50)
    parts = [slices.frame_of(piece, spine, views, labels) for piece in planned]

    whole = join.spine_rows(spine, labels, window).frame
    assert pd.concat(parts)["home"].tolist() == whole["home"].tolist()


def test_without_times_the_rows_are_taken_in_stored_order(
    tables: tuple[join.Pinned, list[join.Pinned], join.Labels],
) -> None:
    spine, views, _ = tables
    labels = join.Labels(("home",), None, None, "late")

    parts = [slices.frame_of(piece, spine, views[:1], labels) for piece in slices.plan(spine, labels, rows=700)]

    together = pd.concat(parts)
    assert [len(part) for part in parts] == [700, 700, 700, 700, 200]
    assert together["home"].is_unique
    assert together["size"].notna().all()
