"""A report never crashes on an odd window and never invents an alarm."""

import math

import numpy as np
import pandas as pd
import pytest

from app.domain.problem import MetricName, Task
from app.domain.project import Monitoring
from app.monitoring.observed import Observed
from app.monitoring.reference import CategoryBins, NumberBins, Profile
from app.monitoring.report import Report, report

RULES = Monitoring(limits={MetricName.AUC: 0.70, MetricName.LOG_LOSS: 0.5})
PROFILE = Profile(
    features={
        "temp": NumberBins(tuple(np.linspace(-1.28, 1.28, 9)), (0.1,) * 10),
        "origin": CategoryBins(("EWR", "JFK", "LGA"), (0.35, 0.33, 0.32)),
    },
    score=NumberBins((0.1, 0.2, 0.3), (0.4, 0.3, 0.2, 0.1)),
    rows=50_000,
    score_rows=20_000,
    window=(None, None),
    metrics={},
)


def window(rows: int, *, seed: int = 1, signal: float = 1.0) -> Observed:
    random = np.random.default_rng(seed)
    labels = (random.random(rows) < 0.2).astype(float)
    scores = np.clip(0.15 + 0.1 * signal * labels + random.normal(0, 0.08, rows), 0.001, 0.999)
    frame = pd.DataFrame(
        {"temp": random.normal(size=rows), "origin": random.choice(["EWR", "JFK", "LGA"], rows, p=[0.35, 0.33, 0.32])}
    )
    return Observed(frame, scores, labels)


def signal_of(found: Report, name: str) -> float:
    return next(signal.value for signal in found.signals if signal.name == name)


def test_a_quiet_window_has_every_signal_and_no_feature_alarm() -> None:
    found = report(Task.BINARY, PROFILE, window(20_000), RULES)

    names = [signal.name for signal in found.signals]
    assert len(names) == len(set(names))
    assert {"psi.temp", "psi.origin", "psi.score", "drift", "auc", "log_loss", "accuracy", "label_coverage"} <= set(
        names
    )
    assert not {signal.name for signal in found.breached} & {"psi.temp", "psi.origin", "auc", "log_loss"}
    assert sum(found.shares["temp"]) == pytest.approx(1.0)


def test_a_shifted_feature_and_a_lost_ranking_are_both_seen() -> None:
    observed = window(5_000, signal=0.1)
    observed.frame["temp"] += 1.5

    found = report(Task.BINARY, PROFILE, observed, RULES)

    assert {"psi.temp", "auc"} <= {signal.name for signal in found.breached}
    assert signal_of(found, "auc") < 0.70


@pytest.mark.parametrize("rows", [0, 1, 199])
def test_empty_and_tiny_windows_say_why_and_never_alarm(rows: int) -> None:
    found = report(Task.BINARY, PROFILE, window(rows), RULES)

    assert found.breached == ()
    assert all(math.isnan(signal.value) and signal.says for signal in found.signals if signal.kind != "labels")


@pytest.mark.parametrize("what", ["constant", "all null", "one category", "infinite"])
def test_degenerate_windows_give_finite_drift_and_no_crash(what: str) -> None:
    observed = window(2_000)
    match what:
        case "constant":
            observed.frame["temp"] = 0.0
        case "all null":
            observed.frame["temp"] = np.nan
            observed.frame["origin"] = None
        case "one category":
            observed.frame["origin"] = "NEW"
        case "infinite":
            observed.frame["temp"] = np.inf

    found = report(Task.BINARY, PROFILE, observed, RULES)

    assert all(math.isfinite(signal.value) or signal.says for signal in found.signals)
    assert any(signal.breached and signal.kind == "drift" for signal in found.signals)


def test_labels_that_are_not_there_yet_leave_quality_unknown() -> None:
    observed = window(5_000)
    late = Observed(observed.frame, observed.scores, np.full(5_000, np.nan))

    found = report(Task.BINARY, PROFILE, late, RULES)

    assert found.labelled_rows == 0
    assert math.isnan(signal_of(found, "auc"))
    assert "0 labelled rows" in next(signal.says for signal in found.signals if signal.name == "auc")
    assert "auc" not in {signal.name for signal in found.breached}


def test_labels_of_one_class_do_not_alarm() -> None:
    observed = window(5_000)

    found = report(Task.BINARY, PROFILE, Observed(observed.frame, observed.scores, np.zeros(5_000)), RULES)

    assert math.isnan(signal_of(found, "auc"))
    assert "auc" not in {signal.name for signal in found.breached}


def test_a_column_that_is_gone_is_named() -> None:
    observed = window(5_000)
    del observed.frame["temp"]

    found = report(Task.BINARY, PROFILE, observed, RULES)

    assert "no such column" in next(signal.says for signal in found.signals if signal.name == "psi.temp")


def test_many_rare_categories_do_not_alarm_in_a_small_window() -> None:
    values = tuple(f"N{number}" for number in range(500))
    profile = Profile({"tailnum": CategoryBins(values, (1 / 500,) * 500)}, None, 50_000, 0, (None, None), {})
    random = np.random.default_rng(5)
    frame = pd.DataFrame({"tailnum": random.choice(values, 600)})

    found = report(Task.REGRESSION, profile, Observed(frame, np.zeros(600), np.full(600, np.nan)), Monitoring())

    assert found.signals[0].value > 0.25
    assert not found.signals[0].breached
