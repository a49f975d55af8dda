"""Realised quality agrees with scikit-learn and says NaN where labels do not define it."""

import math

import numpy as np
import pytest

from app.domain.problem import MetricName, Task
from app.monitoring.quality import realised


def test_binary_metrics_agree_with_scikit_learn_also_with_ties() -> None:
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

    random = np.random.default_rng(3)
    labels = (random.random(5000) < 0.2).astype(float)
    scores = np.round(random.random(5000) * 0.7 + labels * 0.2, 2)

    found = realised(Task.BINARY, labels, scores)

    assert found[MetricName.AUC] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert found[MetricName.LOG_LOSS] == pytest.approx(log_loss(labels, scores), abs=1e-9)
    assert found[MetricName.ACCURACY] == accuracy_score(labels, scores >= 0.5)


def test_multiclass_and_regression_agree_with_scikit_learn() -> None:
    from sklearn.metrics import log_loss, mean_absolute_error, r2_score, root_mean_squared_error

    random = np.random.default_rng(4)
    probabilities = random.dirichlet(np.ones(3), 500)
    labels = random.integers(0, 3, 500).astype(float)
    answers = probabilities.argmax(axis=1).astype(float)
    truth, guess = random.normal(size=500), random.normal(size=500)

    classes = realised(Task.MULTICLASS, labels, answers, probabilities=probabilities)
    numbers = realised(Task.REGRESSION, truth, guess)

    assert classes[MetricName.LOG_LOSS] == pytest.approx(log_loss(labels, probabilities), abs=1e-9)
    assert numbers[MetricName.RMSE] == pytest.approx(root_mean_squared_error(truth, guess))
    assert numbers[MetricName.MAE] == pytest.approx(mean_absolute_error(truth, guess))
    assert numbers[MetricName.R2] == pytest.approx(r2_score(truth, guess))


@pytest.mark.parametrize("labels", [[], [1.0, 1.0], [0.0]])
def test_auc_of_one_class_is_nan_and_not_a_number_that_alarms(labels: list[float]) -> None:
    found = realised(Task.BINARY, np.array(labels), np.full(len(labels), 0.3))

    assert math.isnan(found[MetricName.AUC])


def test_a_certain_wrong_answer_has_a_large_but_finite_loss() -> None:
    found = realised(Task.BINARY, np.array([1.0, 0.0]), np.array([0.0, 1.0]))

    assert 30 < found[MetricName.LOG_LOSS] < 40


def test_constant_truth_has_no_r2() -> None:
    assert math.isnan(realised(Task.REGRESSION, np.ones(5), np.zeros(5))[MetricName.R2])
