"""Splits: newest months, gap, seeds, strata, overlap."""

import numpy as np
import pandas as pd
import pytest

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.domain.project import Problem, Split
from app.learning.split import refuse_leaks, split
from tests.learning.made import make_frame

PROBLEM = Problem(task=Task.BINARY, target="late", entity=("id",), event_time="at")


def test_a_time_split_tests_on_the_newest_month_after_a_gap() -> None:
    frame = make_frame(2000)

    parts = split(frame, Split(kind="time", gap_hours=48), PROBLEM)

    times = frame["at"]
    cutoff = times.max() - pd.DateOffset(months=1)
    assert times.iloc[parts.test].min() > cutoff
    assert times.iloc[parts.train].max() <= cutoff - pd.Timedelta(hours=48)
    assert parts.purged == len(frame) - len(parts.train) - len(parts.test) > 0


def test_the_last_evening_of_a_local_month_does_not_become_a_test_window_of_its_own() -> None:
    frame = make_frame(2000)
    frame.loc[0, "at"] = pd.Timestamp("2013-04-01 03:59", tz="UTC")  # 31 March, 23:59 in New York

    parts = split(frame[frame["at"] <= "2013-04-01 03:59"], Split(kind="time"), PROBLEM)

    assert len(parts.test) > 400


def test_training_labels_that_were_not_known_before_the_test_window_are_left_out() -> None:
    frame = make_frame(500)
    frame["known"] = frame["at"] + pd.Timedelta(days=20)
    problem = Problem(task=Task.BINARY, target="late", event_time="at", label_time="known")

    parts = split(frame, Split(kind="time"), problem)

    assert frame["known"].iloc[parts.train].max() <= frame["at"].max() - pd.DateOffset(months=1)


def test_train_months_bound_how_far_back_training_looks() -> None:
    frame = make_frame(2000)

    parts = split(frame, Split(kind="time", train_months=1), PROBLEM)

    oldest = frame["at"].max() - pd.DateOffset(months=1) - pd.DateOffset(months=1)
    assert frame["at"].iloc[parts.train].min() >= oldest


def test_a_random_split_is_seeded_and_stratified() -> None:
    frame = make_frame(1000)
    codes = (np.arange(1000) % 20 == 0).astype(float)
    rule = Split(kind="random", test_share=0.2)

    first, second = split(frame, rule, PROBLEM, codes=codes), split(frame, rule, PROBLEM, codes=codes)
    other = split(frame, Split(kind="random", test_share=0.2, seed=8), PROBLEM, codes=codes)

    assert first.digest == second.digest != other.digest
    assert codes[first.test].sum() == 10
    assert len(first.test) == 200


@pytest.mark.parametrize("kind", ["str", "object", "category"])
def test_the_same_entity_on_both_sides_is_refused_by_name(kind: str) -> None:
    frame = make_frame(500)
    frame.loc[frame["at"].idxmax(), "id"] = "twice"
    frame.loc[frame["at"].idxmin(), "id"] = "twice"
    frame = frame.astype({"id": kind})

    with pytest.raises(BadInput, match="'twice' stands in the training and in the test rows"):
        split(frame, Split(kind="time"), PROBLEM)


@pytest.mark.parametrize("kind", ["str", "object", "category"])
def test_missing_entities_are_not_the_same_one(kind: str) -> None:
    frame = make_frame(500).assign(id=lambda f: f["id"].where(f.index % 2 == 0)).astype({"id": kind})

    assert len(split(frame, Split(kind="time"), PROBLEM).test)


def test_two_entity_columns_are_judged_together() -> None:
    frame = make_frame(500)
    frame["part"] = "a"
    both = Problem(task=Task.BINARY, target="late", entity=("id", "part"), event_time="at")

    assert len(split(frame, Split(kind="time"), both).test)
    with pytest.raises(BadInput, match="id, part"):
        split(frame.assign(id="same"), Split(kind="time"), both)


@pytest.mark.parametrize("months", [1])
def test_one_month_of_data_cannot_be_split_by_time(months: int) -> None:
    with pytest.raises(BadInput, match="newest month") as caught:
        split(make_frame(50, months=months), Split(kind="time"), PROBLEM)

    assert "data ingest" in (caught.value.next_step or "")


def test_a_row_without_an_event_time_is_refused() -> None:
    frame = make_frame(50)
    frame.loc[3, "at"] = pd.NaT

    with pytest.raises(BadInput, match="1 rows have no event time"):
        split(frame, Split(kind="time"), PROBLEM)


def test_an_empty_frame_is_refused() -> None:
    with pytest.raises(BadInput, match="0 labelled rows"):
        split(make_frame(50).iloc[:0], Split(kind="time"), PROBLEM)


def test_groups_stand_on_one_side_and_are_seeded() -> None:
    frame = make_frame(1000).assign(plane=lambda f: [f"N{at % 40}" for at in f.index])
    frame.loc[:9, "plane"] = None
    rule = Split(kind="group", group=("plane",), test_share=0.3)

    first, second = split(frame, rule, PROBLEM), split(frame, rule, PROBLEM)
    other = split(frame, rule.model_copy(update={"seed": 8}), PROBLEM)

    train, test = (set(frame["plane"].iloc[places].dropna()) for places in (first.train, first.test))
    assert not train & test
    assert first.digest == second.digest != other.digest
    assert 200 < len(first.test) < 400
    assert first.purged == 0


def test_one_group_cannot_be_split() -> None:
    frame = make_frame(50).assign(plane="N1")

    with pytest.raises(BadInput, match="all rows belong to one group of plane"):
        split(frame, Split(kind="group", group=("plane",)), PROBLEM)


def test_strata_keep_their_shares_on_both_sides() -> None:
    frame = make_frame(1000)
    frame["plane"] = pd.Series("rare", index=frame.index).where(frame.index % 10 == 0)
    codes = (np.arange(1000) % 5 == 0).astype(float)

    parts = split(frame, Split(kind="stratified", strata=("plane",), test_share=0.2), PROBLEM, codes=codes)

    tested = frame.iloc[parts.test]
    assert (tested["plane"] == "rare").sum() == 20
    assert codes[parts.test].sum() == 40
    assert len(parts.test) == 200


def test_a_split_names_the_columns_that_it_needs() -> None:
    with pytest.raises(ValueError, match=r"split.kind = 'group' needs split.group"):
        Split(kind="group")
    with pytest.raises(ValueError, match=r"split.strata needs split.kind = 'stratified'"):
        Split(kind="random", strata=("x",))
    with pytest.raises(BadInput, match="the column plane is not in the training frame"):
        split(make_frame(50), Split(kind="group", group=("plane",)), PROBLEM)


@pytest.mark.parametrize(
    ("moved", "says"), [("inside the gap", "lies less than 24 h before"), ("known late", "became known in the test")]
)
def test_a_stored_split_that_leaks_is_refused(moved: str, says: str) -> None:
    frame = make_frame(500)
    frame["known"] = frame["at"] + pd.Timedelta(hours=1)
    problem = Problem(task=Task.BINARY, target="late", entity=("id",), event_time="at", label_time="known")
    rule = Split(kind="time", gap_hours=24)
    parts = split(frame, rule, problem)
    begins = frame["at"].iloc[parts.test].min()
    column = "at" if moved == "inside the gap" else "known"
    frame.loc[parts.train[0], column] = begins + pd.Timedelta(hours=-3 if column == "at" else 3)

    with pytest.raises(BadInput, match=says):
        refuse_leaks(frame, parts, rule, problem)
