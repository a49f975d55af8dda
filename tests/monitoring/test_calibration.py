"""Limits learned from the reference's own time, the joint signal, and windows that are odd."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from app.domain.problem import MetricName, Task
from app.domain.project import Monitoring
from app.monitoring.observed import Observed
from app.monitoring.profiling import Column, Judged, exam_profile, features_profile
from app.monitoring.reference import Profile, parse_profile
from app.monitoring.report import Report, drift_report, measure, report

HOUR_NS = 3_600 * 10**9


def year(rows: int, seed: int, *, days: int = 90) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(seed)
    times = np.sort(random.integers(0, days * 24, rows)) * HOUR_NS
    season = np.sin(times / (365 * 24 * HOUR_NS) * 2 * np.pi)
    frame = pd.DataFrame({f"n{at}": random.normal(size=rows) for at in range(8)})
    frame["temp"] = season * 3 + random.normal(size=rows)
    frame["colour"] = random.choice(["red", "green", "blue"], rows, p=[0.6, 0.3, 0.1])
    return frame, times


def profile_of(frame: pd.DataFrame, times: np.ndarray) -> Profile:
    words = ("red", "green", "blue")
    codes = np.asarray(frame["colour"].map({word: place for place, word in enumerate(words)}), dtype=np.float64)
    columns = [Column(str(name), np.asarray(frame[name], dtype=np.float64)) for name in frame if name != "colour"]
    random = np.random.default_rng(1)
    score = random.random(2_000)
    labels = (random.random(2_000) < score).astype(float)
    judged = Judged(labels, score, score, times=np.arange(2_000) + times.max(), out_of_time=True)
    document = {
        **features_profile([*columns, Column("colour", codes, words)], times),
        **exam_profile(Task.BINARY, judged, naive=[0.5, 0.5]),
    }
    return parse_profile(json.dumps(document).encode())


@pytest.fixture(scope="module")
def quarter() -> Profile:
    return profile_of(*year(24_000, 1))


@pytest.fixture(scope="module")
def whole_year() -> Profile:
    return profile_of(*year(40_000, 2, days=365))


def watched(profile: Profile, frame: pd.DataFrame, *, month: int | None = None, keys: tuple[str, ...] = ()) -> Report:
    random = np.random.default_rng(5)
    scores = random.random(len(frame))
    labels = (random.random(len(frame)) < scores).astype(float)
    return report(Task.BINARY, profile, Observed(frame, scores, labels, keys=keys), Monitoring(), month=month)


def breached(found: Report) -> set[str]:
    return {signal.name for signal in found.breached}


def test_windows_without_drift_stay_within_the_stated_rate(quarter: Profile) -> None:
    frame, _ = year(60_000, 3)
    windows = [frame.sample(1_500, random_state=at) for at in range(30)]

    signals = [drift_report(quarter, measure(quarter, rows), None, Monitoring(), len(rows)) for rows in windows]

    assert sum(any(signal.breached for signal in found) for found in signals) <= 2


def test_a_column_that_moved_alone_is_the_one_that_alarms(quarter: Profile) -> None:
    frame, _ = year(60_000, 4)
    window = frame.sample(4_000, random_state=1).assign(n3=lambda rows: rows["n3"] + 0.5)

    found = breached(watched(quarter, window))

    assert "psi.n3" in found
    assert {name for name in found if name.startswith("psi.")} == {"psi.n3"}


def test_what_swings_by_itself_has_a_wider_limit(quarter: Profile) -> None:
    found = watched(quarter, year(3_000, 6)[0])
    limits = {signal.name: signal.limit or math.nan for signal in found.signals}

    assert limits["psi.temp"] > 3 * limits["psi.n0"]


def test_a_year_of_reference_knows_its_seasons(whole_year: Profile) -> None:
    random = np.random.default_rng(8)
    frame, _ = year(3_000, 7)
    april = frame.assign(temp=3 * np.sin(2 * np.pi * 105 / 365) + random.normal(size=3_000))
    swapped = april.assign(temp=-april["temp"])

    assert whole_year.calibration is not None
    assert whole_year.calibration.seasons
    limits = [
        next(signal.limit for signal in watched(whole_year, april, month=month).signals if signal.name == "psi.temp")
        for month in (None, 7)
    ]

    assert limits[1] is not None
    assert limits[0] is not None
    assert limits[1] <= limits[0]
    assert "psi.temp" in breached(watched(whole_year, swapped.assign(temp=-9.0), month=4))


def test_features_that_moved_only_together_are_seen_by_the_joint_signal(quarter: Profile) -> None:
    frame, _ = year(4_000, 9)
    together = frame.assign(n1=frame["n0"] + 0.05 * frame["n1"])

    found = breached(watched(quarter, together.assign(temp=frame["temp"])))

    assert "domain_classifier.auc" in found
    assert "psi.n0" not in found


def test_the_order_of_the_rows_changes_no_number(quarter: Profile) -> None:
    frame, _ = year(2_000, 10)
    one = watched(quarter, frame)
    other = watched(quarter, frame.sample(frac=1, random_state=3))

    for before, after in zip(one.signals, other.signals, strict=True):
        if before.kind == "drift" and before.feature is not None:
            assert before == after


@pytest.mark.parametrize(
    "what", ["constant", "all null", "one category", "one category of three", "infinite", "duplicated", "text"]
)
def test_an_odd_window_says_what_it_is(quarter: Profile, what: str) -> None:
    frame = year(2_000, 11)[0].assign(id=range(2_000))
    words = {
        "constant": "every value of the window is 7",
        "all null": "every value of the window is missing",
        "one category": "every value of the window is red",
        "one category of three": "every value of the window is red",
        "infinite": "infinite values count as missing",
        "duplicated": "rows that repeat id",
        "text": "every value of the window is missing",
    }[what]
    match what:
        case "constant":
            frame["n0"] = 7.0
        case "all null":
            frame["n0"] = np.nan
        case "one category":
            frame["colour"] = "red"
        case "one category of three":
            frame["colour"] = pd.Categorical(["red"] * len(frame), categories=["blue", "green", "red"])
        case "infinite":
            frame.loc[:5, "n0"] = np.inf
        case "duplicated":
            frame = pd.concat([frame, frame[:300]], ignore_index=True)
        case "text":
            frame["n0"] = "abc"

    found = watched(quarter, frame, keys=("id",))

    assert any(words in signal.says for signal in found.signals)
    assert all(math.isfinite(signal.value) or signal.says for signal in found.signals)


def test_skill_coverage_and_estimates_stand_beside_the_realised_metric(quarter: Profile) -> None:
    found = {signal.name: signal for signal in watched(quarter, year(2_000, 12)[0]).signals}

    assert found["label_coverage"].value == 1.0
    assert found["skill"].value > 0
    assert found["estimated.auc"].low is not None
    assert found["constant.auc"].value == pytest.approx(quarter.estimate.constant["auc"])  # type: ignore[union-attr]
    assert "no change" in found["estimate_error.auc"].says


def test_a_limit_that_is_set_by_hand_counts(quarter: Profile) -> None:
    frame, _ = year(3_000, 13)
    scores = np.full(3_000, 0.5)
    rules = Monitoring(limits={"psi.n0": 0.9, "skill": 0.5, "ks.n1": 0.001, MetricName.AUC: 0.4})

    found = report(Task.BINARY, quarter, Observed(frame, scores, (scores > 0.4).astype(float)), rules)
    limits = {signal.name: signal.limit for signal in found.signals}

    assert limits["psi.n0"] == 0.9
    assert limits["skill"] == 0.5
    assert "ks.n1" in breached(found)
