"""Estimates of quality: right when the scores are calibrated, honest about how sure, refused without later rows."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.problem import MetricName, Task
from app.monitoring.estimate import EstimateReference, estimate_reference, estimated, expected_auc, isotonic
from app.monitoring.quality import auc, realised


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=2, max_size=80))
def test_certain_probabilities_give_the_realised_auc(rows: list[tuple[int, bool]]) -> None:
    scores = np.array([score / 20 for score, _ in rows])
    labels = np.array([float(label) for _, label in rows])

    found, truth = expected_auc(scores, labels), auc(labels, scores)

    assert found == pytest.approx(truth, abs=1e-12, nan_ok=True)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_the_calibrator_agrees_with_scikit_learn(rows: list[tuple[float, bool]]) -> None:
    from sklearn.isotonic import IsotonicRegression

    scores = np.array([round(score, 3) for score, _ in rows])
    labels = np.array([float(label) for _, label in rows])

    ours = isotonic(scores, labels)(scores)

    assert ours == pytest.approx(IsotonicRegression(out_of_bounds="clip").fit(scores, labels).predict(scores), abs=1e-9)


def test_a_shift_of_calibrated_scores_is_followed_by_the_estimate() -> None:
    random = np.random.default_rng(3)
    before, now = random.beta(1, 3, 40_000), random.beta(2, 6, 20_000)
    labels, truth = ((random.random(len(each)) < each).astype(float) for each in (before, now))
    reference = estimate_reference(Task.BINARY, labels, before, before, {})
    reference = EstimateReference.of_json(json.loads(json.dumps(reference.as_json())))

    found = estimated(reference, now)
    actual = realised(Task.BINARY, truth, now)

    for name in (MetricName.AUC, MetricName.LOG_LOSS, MetricName.ACCURACY):
        one = found[name]
        assert one.low <= actual[name] <= one.high
        assert abs(one.value - actual[name]) < abs(reference.constant[name] - actual[name])


def test_the_loss_of_a_regression_is_estimated_from_its_features() -> None:
    random = np.random.default_rng(4)
    wide = (random.random(20_000) < 0.2).astype(float)
    guess = random.normal(size=20_000)
    labels = guess + random.normal(size=20_000) * (0.5 + 2 * wide)
    reference = estimate_reference(Task.REGRESSION, labels, guess, guess, {"wide": wide})

    found = estimated(reference, guess[:5000], {"wide": np.ones(5000)})

    assert found[MetricName.MAE].value == pytest.approx(2.5 * np.sqrt(2 / np.pi), rel=0.1)
    assert found[MetricName.RMSE].value >= found[MetricName.MAE].value


@pytest.mark.parametrize(("rows", "positive"), [(50, 10), (1000, 0)])
def test_a_reference_that_cannot_teach_an_estimate_says_why(rows: int, positive: int) -> None:
    labels, scores = np.zeros(rows), np.linspace(0.1, 0.9, rows)
    labels[:positive] = 1.0

    reference = estimate_reference(Task.BINARY, labels, scores, scores, {})

    assert reference.refusal
    assert estimated(reference, scores) == {}
