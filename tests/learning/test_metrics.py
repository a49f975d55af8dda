"""Metrics for any weights agree with scikit-learn's, for one weighting and for many at once."""

from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.problem import METRICS_OF, Direction, MetricName, Task
from app.learning.metrics import BINS, Ranks, scorer

CLOSE = 1e-12


@st.composite
def weighted(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """Truths of two classes, scores with ties, and weights that leave both classes there."""
    count = draw(st.integers(2, 60))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels = draw(st.sampled_from([2, 5, 1000]))
    truth = generator.integers(0, 2, count).astype(float)
    truth[:2] = 0.0, 1.0
    weights = generator.integers(0, 4, count).astype(float)
    weights[:2] = 1.0
    return truth, generator.integers(0, levels, count) / levels, weights


@settings(max_examples=120, deadline=None)
@given(weighted())
def test_binary_metrics_of_weighted_rows_are_scikit_learns(rows: tuple[Any, Any, Any]) -> None:
    truth, score, weights = rows

    found = scorer(Task.BINARY, truth, score)(weights[None])

    held = np.clip(score, 1e-15, 1)
    expected = {
        "auc": sk.roc_auc_score(truth, score, sample_weight=weights),
        "average_precision": sk.average_precision_score(truth, score, sample_weight=weights),
        "brier": sk.brier_score_loss(truth, score, sample_weight=weights),
        "accuracy": sk.accuracy_score(truth, score >= 0.5, sample_weight=weights),
    }
    assert {name: float(found[name][0]) for name in expected} == pytest.approx(expected, abs=CLOSE)
    chosen = np.where(truth == 1, held, np.clip(1 - score, 1e-15, 1))
    assert found["log_loss"][0] == pytest.approx(np.average(-np.log(chosen), weights=weights), abs=CLOSE)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 50))
def test_regression_metrics_of_weighted_rows_are_scikit_learns(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    truth, predicted = generator.normal(1e6, 3, count), generator.normal(1e6, 3, count)
    weights = generator.integers(0, 4, count).astype(float)
    weights[:3] = 1.0

    found = scorer(Task.REGRESSION, truth, predicted, quantile=0.9)(weights[None])

    assert found["rmse"][0] == pytest.approx(sk.root_mean_squared_error(truth, predicted, sample_weight=weights))
    assert found["mae"][0] == pytest.approx(sk.mean_absolute_error(truth, predicted, sample_weight=weights), abs=1e-9)
    assert found["r2"][0] == pytest.approx(sk.r2_score(truth, predicted, sample_weight=weights), rel=1e-9, abs=1e-9)
    pinball = sk.mean_pinball_loss(truth, predicted, sample_weight=weights, alpha=0.9)
    assert found["pinball"][0] == pytest.approx(pinball, abs=1e-9)


def test_multiclass_metrics_are_scikit_learns() -> None:
    generator = np.random.default_rng(2)
    truth, shares = generator.integers(0, 4, 300).astype(float), generator.dirichlet(np.ones(4), 300)

    found = scorer(Task.MULTICLASS, truth, shares)(np.ones((1, 300)))

    assert found["log_loss"][0] == pytest.approx(sk.log_loss(truth, shares), abs=CLOSE)
    assert found["accuracy"][0] == pytest.approx(sk.accuracy_score(truth, shares.argmax(axis=1)), abs=CLOSE)
    assert found["brier"][0] == pytest.approx(
        ((np.eye(4)[truth.astype(int)] - shares) ** 2).sum(axis=1).mean(), abs=CLOSE
    )


def test_the_calibration_error_is_the_formula_of_guo_et_al() -> None:
    generator = np.random.default_rng(3)
    score = generator.random(500)
    truth = (generator.random(500) < score**2).astype(float)
    wanted = 0.0
    for low in np.arange(BINS) / BINS:
        rows = (score >= low) & (score < low + 1 / BINS)
        wanted += rows.sum() / 500 * abs(truth[rows].mean() - score[rows].mean()) if rows.any() else 0.0

    found = scorer(Task.BINARY, truth, score, only="ece")(np.ones((1, 500)))

    assert found["ece"][0] == pytest.approx(wanted, abs=CLOSE)


@given(weighted())
@settings(max_examples=40, deadline=None)
def test_many_weightings_at_once_in_bytes_give_what_each_gives_alone(rows: tuple[Any, Any, Any]) -> None:
    truth, score, weights = rows
    several = np.stack([weights, np.ones_like(weights), 2 * weights])

    at_once = scorer(Task.BINARY, truth, score)(several.astype(np.uint8))

    for place, one in enumerate(several):
        alone = scorer(Task.BINARY, truth, score)(one[None])
        for name, values in at_once.items():
            assert values[place] == pytest.approx(alone[name][0], rel=2e-5, abs=2e-6)


def test_a_draw_of_equal_truths_has_no_r2() -> None:
    truth, predicted = 1e6 + np.array([0.0, 1, 1, 1, 1, 1, 1]), 1e6 + np.array([0.0, 1, 0, 1, 0, 0, 1]) / 2
    counts = np.array([[0, 0, 0, 2, 1, 2, 0], [1, 1, 1, 1, 1, 1, 1]], dtype=np.uint8)
    ask = scorer(Task.REGRESSION, truth, predicted)

    for found in (ask(counts), ask(counts.astype(float)), ask.of_blocks(np.arange(7), 7)(counts)):
        assert np.isnan(found["r2"]).tolist() == [True, False]


@settings(max_examples=300, deadline=None)
@given(weighted(), st.integers(1, 9))
def test_blocks_of_rows_give_what_their_rows_give(rows: tuple[Any, Any, Any], blocks: int) -> None:
    truth, score, _ = rows
    generator = np.random.default_rng(len(truth))
    codes = generator.integers(0, blocks, len(truth))
    counts = generator.integers(0, 3, (4, blocks)).astype(np.uint8)
    asks = [
        scorer(Task.BINARY, truth, score),
        scorer(Task.MULTICLASS, truth, np.column_stack([1 - score, score])),
        scorer(Task.REGRESSION, 1e6 + truth, 1e6 + score, quantile=0.9),
    ]

    for ask in asks:
        of_rows, of_blocks = ask(counts[:, codes].astype(np.float64)), ask.of_blocks(codes, blocks)(counts)
        for name, values in of_rows.items():
            assert of_blocks[name] == pytest.approx(values, rel=1e-9, abs=1e-9, nan_ok=True)


def test_an_absent_class_has_no_auc_and_no_precision() -> None:
    ranks = Ranks(np.zeros(3), np.array([0.1, 0.2, 0.3]))

    assert np.isnan(ranks.auc(np.ones((2, 3)))).all()
    assert np.isnan(ranks.average_precision(np.ones((2, 3)))).all()


def test_every_metric_of_a_task_has_a_direction_and_is_computed() -> None:
    truth, quantile = np.array([0.0, 1.0, 1.0]), 0.5
    shapes = {Task.BINARY: truth / 2, Task.MULTICLASS: np.eye(2)[[0, 1, 1]], Task.REGRESSION: truth / 2}

    for task, predicted in shapes.items():
        found = scorer(task, truth, predicted, quantile=quantile if task is Task.REGRESSION else None)
        assert set(METRICS_OF[task]) <= set(found(np.ones((1, 3))))
    assert all(isinstance(name.direction, Direction) for name in MetricName)
