"""One trial: folds grow side by side, the best mean chooses the rounds, and what is no number ends it."""

import numpy as np
import pytest

from app.domain.errors import BadInput
from app.domain.project import LearnerKind
from app.learning.learners import quick_auc
from app.learning.metrics import auc
from app.learning.search import trial as trials
from app.learning.search.study import Candidate
from app.learning.search.trial import Material, run_trial
from tests.learning.search.made import COLUMNS, COUNT, FOLDS, QUESTION, ROWS, TARGET


def material(target: "np.ndarray[tuple[int], np.dtype[np.float64]]" = TARGET) -> Material:
    return Material(QUESTION, "auc", COLUMNS, ROWS, target, FOLDS)


def test_rounds_that_make_it_worse_end_the_trial_early_and_the_best_round_is_kept() -> None:
    noise = np.random.default_rng(2).integers(0, 2, COUNT).astype(float)  # nothing to learn: every round overfits

    outcome = run_trial(material(noise), Candidate("lightgbm", {"min_data_in_leaf": 5}, 400, 7), lambda *_: True)

    shares = [share for share, _ in outcome.curve]
    best = max(outcome.curve, key=lambda point: point[1])
    assert shares[-1] < 1.0
    assert outcome.rounds == round(best[0] * 400)
    assert outcome.value == best[1] == pytest.approx(np.mean(outcome.values))
    assert len(outcome.curve) <= shares.index(best[0]) + 1 + trials.PATIENCE


@pytest.mark.parametrize("kind", ["lightgbm", "logistic"])
def test_a_metric_that_is_no_number_ends_the_trial_in_words(kind: LearnerKind, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = material()
    monkeypatch.setattr(type(rows), "score", lambda *_: trials.score("auc", QUESTION, TARGET, np.full(COUNT, np.nan)))

    with pytest.raises(BadInput, match="NaN or infinity"):
        run_trial(rows, Candidate(kind, {}, 20, 7), lambda *_: True)


def test_balanced_classes_are_weighed_and_share_no_preparation_with_others() -> None:
    rare = (ROWS[:, 0] > 1.5).astype(float)
    rows = material(rare)
    plain, even = (Candidate("lightgbm", {}, 10, 7, balance=balance) for balance in (False, True))

    means = []
    for candidate in (plain, even):
        fit = rows.prepared(candidate, 0).begin(candidate.as_learner(), 1)
        fit.grow(10)
        means.append(fit.watched().mean())

    assert rows.prepared(plain, 0) is not rows.prepared(even, 0)
    assert means[0] == pytest.approx(rare.mean(), abs=0.03)
    assert means[1] > 2 * means[0]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_quick_area_is_the_exact_one_with_ties_and_negative_scores(share: float) -> None:
    generator = np.random.default_rng(4)
    truth = (generator.random(500) < share).astype(float)
    score = np.round(generator.normal(size=500) + truth, 1)

    assert quick_auc(truth, score) == pytest.approx(auc(truth, score), abs=1e-12)
    assert np.isnan(quick_auc(np.ones(3), score[:3]))
    assert np.isnan(quick_auc(np.zeros(3), score[:3]))
