"""Calibration makes honest probabilities, on both paths alike, and elsewhere too."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from app.domain.errors import BadInput, Damaged
from app.domain.problem import Task
from app.learning.calibration import Calibration, Curve, fit_calibration
from app.learning.metrics import scorer
from app.learning.reliability import reliability
from app.learning.standalone import curve_at

GENERATOR = np.random.default_rng(6)
HONEST = GENERATOR.random(6000)
TRUTH = (GENERATOR.random(6000) < HONEST).astype(float)
BOASTS = HONEST**3 / (HONEST**3 + (1 - HONEST) ** 3)


def error(scores: Any) -> float:
    """The calibration error on the second half, which no curve was fitted on."""
    return float(scorer(Task.BINARY, TRUTH[3000:], np.asarray(scores), only="ece")(np.ones((1, 3000)))["ece"][0])


@pytest.mark.parametrize("method", ["isotonic", "sigmoid"])
def test_a_boaster_becomes_honest_on_rows_that_the_curve_has_not_seen(method: Any) -> None:
    found = fit_calibration(Task.BINARY, method, TRUTH[:3000], BOASTS[:3000])

    after = found.apply_matrix(BOASTS[3000:, None])[:, 0]

    assert error(after) < 0.04 < 0.1 < error(BOASTS[3000:])


def test_the_sigmoid_is_the_logistic_regression_of_the_log_odds() -> None:
    odds = np.log(BOASTS / (1 - BOASTS))

    found = fit_calibration(Task.BINARY, "sigmoid", TRUTH, BOASTS).curves[0]

    fitted = LogisticRegression(C=np.inf).fit(odds[:, None], TRUTH)
    assert found.slope == pytest.approx(float(fitted.coef_[0, 0]), rel=0.01)
    assert found.intercept == pytest.approx(float(fitted.intercept_[0]), abs=0.01)


@pytest.mark.parametrize("method", ["isotonic", "sigmoid"])
@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS])
def test_lists_matrices_stored_forms_and_exported_scripts_calibrate_alike(method: Any, task: Task) -> None:
    shares = BOASTS[:400, None] if task is Task.BINARY else GENERATOR.dirichlet(np.ones(3), 400)
    truth = TRUTH[:400] if task is Task.BINARY else GENERATOR.integers(0, 3, 400).astype(float)
    found = fit_calibration(task, method, truth, shares)

    again = Calibration.of_json(found.as_json())

    flat = again.apply(shares.ravel().tolist())
    assert again == found
    assert np.abs(np.reshape(flat, shares.shape) - found.apply_matrix(shares)).max() < 1e-12
    curves: Any = found.as_json()["curves"]
    assert curve_at(curves[0], 0.3) == pytest.approx(found.curves[0].at(0.3), abs=1e-15)
    if task is Task.MULTICLASS:
        assert np.allclose(found.apply_matrix(shares).sum(axis=1), 1)


def test_a_regression_and_one_class_cannot_be_calibrated() -> None:
    with pytest.raises(BadInput, match="no probabilities"):
        fit_calibration(Task.REGRESSION, "sigmoid", TRUTH, BOASTS)
    with pytest.raises(BadInput, match="one class"):
        fit_calibration(Task.BINARY, "sigmoid", np.ones(5), np.full(5, 0.5))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"method": "pickle", "rows": 1, "curves": [{"slope": 1, "intercept": 0}]},
        {"method": "isotonic", "rows": 1, "curves": [{"x": [1, 0], "y": [0, 1]}]},
        {"method": "sigmoid", "rows": 1, "curves": [{"slope": float("nan"), "intercept": 0}]},
        {"method": "sigmoid", "rows": 1, "curves": []},
    ],
)
def test_a_calibration_that_is_none_is_damaged(document: dict[str, Any]) -> None:
    with pytest.raises(Damaged):
        Calibration.of_json(document)


def test_the_reliability_curve_of_honest_scores_lies_in_its_intervals() -> None:
    bins = reliability(Task.BINARY, TRUTH, HONEST)

    inside = [one.low <= one.confidence <= one.high for one in bins]

    assert sum(one.rows for one in bins) == 6000
    assert sum(inside) >= len(bins) - 2
    assert reliability(Task.REGRESSION, TRUTH, HONEST) == ()
    assert Curve(slope=1.0).at(0.0) > 0
