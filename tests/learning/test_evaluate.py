"""Metrics against scikit-learn's, and what is refused."""

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.learning.evaluate import auc, baseline, evaluate, slices
from tests.learning.made import make_frame

GENERATOR = np.random.default_rng(3)
TRUTH = GENERATOR.integers(0, 2, 500).astype(float)
SCORE = np.asarray(np.round(np.clip(TRUTH * 0.3 + GENERATOR.random(500) * 0.7, 0.001, 0.999), 2), dtype=np.float64)


def test_binary_metrics_equal_scikit_learn() -> None:
    metrics = evaluate(Task.BINARY, TRUTH, SCORE)

    assert metrics["auc"] == pytest.approx(sk.roc_auc_score(TRUTH, SCORE), abs=1e-12)
    assert metrics["log_loss"] == pytest.approx(sk.log_loss(TRUTH, SCORE), abs=1e-12)
    assert metrics["accuracy"] == sk.accuracy_score(TRUTH, SCORE >= 0.5)


def test_multiclass_metrics_equal_scikit_learn() -> None:
    truth = GENERATOR.integers(0, 3, 200).astype(float)
    shares = GENERATOR.dirichlet([1, 1, 1], 200)

    metrics = evaluate(Task.MULTICLASS, truth, shares)

    assert metrics["log_loss"] == pytest.approx(sk.log_loss(truth, shares), abs=1e-12)
    assert metrics["accuracy"] == sk.accuracy_score(truth, shares.argmax(axis=1))


def test_regression_metrics_equal_scikit_learn() -> None:
    metrics = evaluate(Task.REGRESSION, SCORE, TRUTH)

    assert metrics["rmse"] == pytest.approx(sk.root_mean_squared_error(SCORE, TRUTH))
    assert metrics["mae"] == pytest.approx(sk.mean_absolute_error(SCORE, TRUTH))
    assert metrics["r2"] == pytest.approx(sk.r2_score(SCORE, TRUTH))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[bool, int]]) -> None:
    truth, score = np.array([float(t) for t, _ in rows]), np.array([float(s) for _, s in rows])
    pairs = [(a > b) + (a == b) / 2 for t, a in rows for f, b in rows if t and not f]

    assert auc(truth, score) == pytest.approx(np.mean(pairs)) if pairs else np.isnan(auc(truth, score))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_prediction_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(BadInput, match="NaN or infinity"):
        evaluate(Task.REGRESSION, np.array([1.0, 2.0]), np.array([1.0, bad]))


def test_one_class_and_no_rows_are_refused() -> None:
    with pytest.raises(BadInput, match="one class"):
        evaluate(Task.BINARY, np.ones(5), np.full(5, 0.5))
    with pytest.raises(BadInput, match="no rows"):
        evaluate(Task.BINARY, np.empty(0), np.empty(0))


def test_the_dummy_predicts_shares_or_the_mean() -> None:
    train = np.array([0.0, 1.0, 1.0, 2.0])

    assert baseline(Task.BINARY, train, 2, 2).tolist() == [0.5, 0.5]
    assert baseline(Task.MULTICLASS, train, 1, 3).tolist() == [[0.25, 0.5, 0.25]]
    assert baseline(Task.REGRESSION, train, 1, 0).tolist() == [1.0]


def test_small_slices_say_why_they_have_no_metrics_and_a_column_that_is_not_there_is_named() -> None:
    frame = make_frame(2000).assign(rare=lambda f: np.where(f.index < 50, "rare", "common"))
    truth, score = frame["late"].to_numpy(dtype=float), np.full(2000, 0.4)

    found = slices(Task.BINARY, frame, ["carrier", "rare"], truth, score)

    assert {(part.column, part.value) for part in found} == {
        ("carrier", "AA"),
        ("carrier", "UA"),
        ("carrier", "DL"),
        ("rare", "common"),
        ("rare", "rare"),
    }
    assert [(part.value, part.unknown, part.metrics) for part in found if not part.metrics] == [
        ("rare", "unknown: 50 rows, fewer than 200", {})
    ]
    with pytest.raises(BadInput, match="slice column gone"):
        slices(Task.BINARY, frame, ["gone"], truth, score)
