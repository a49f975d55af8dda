"""Trials side by side: differences, folds, and the gain fold by fold in the metric's own direction."""

from dataclasses import replace

import pytest

from app.domain.errors import Usage
from app.store.queries.trial_comparison import compare_trials, trial_curves
from app.store.queries.trials import ExperimentRow, TrialRow, gain_over_folds

SEARCH = ExperimentRow(
    1, "abc", "late", "completed", "log_loss", "lower", 5, 5, 5, 0, 0, 4, 0.38, "lightgbm", 0.4, 1, "", "", "", "abc"
)  # fmt: skip
PLAIN = TrialRow(
    2, "completed", "lightgbm", {"num_leaves": 31, "seed": 7}, 0.40, 0.01, (0.39, 0.41), 100, 1.0, "", "abc", "", 3.0,
    1 << 20, ((0.5, 0.42), (1.0, 0.40)),
)  # fmt: skip
TUNED = replace(PLAIN, number=4, parameters={"num_leaves": 15, "seed": 7}, value=0.38, fold_values=(0.38, 0.38))


def test_the_untuned_trial_is_the_baseline_and_only_differences_are_marked() -> None:
    found = compare_trials(SEARCH, [TUNED, PLAIN])

    lines = {line.name: line for section in found.sections for line in section.lines}
    assert found.keys == ("t2", "t4")
    assert found.baseline == 0
    assert lines["num_leaves"].differs == (False, True)
    assert lines["seed"].same
    assert lines["fold 2"].values == (0.41, 0.38)
    assert found.verdicts == ("t4 beats t2: +0.0200 ± 0.0100 (standard error over 2 folds, better in 2)",)
    assert [curve.points[-1][0] for curve in trial_curves(found, 40).curves] == [39, 39]


def test_a_named_baseline_turns_the_verdict_around() -> None:
    found = compare_trials(SEARCH, [PLAIN, TUNED], baseline=4)

    assert found.verdicts[0].startswith("t2 is behind t4: -0.0200")


def test_a_trial_that_lacks_a_fold_has_no_gain_and_thirteen_are_too_many() -> None:
    assert gain_over_folds(replace(TUNED, fold_values=(0.38,)), PLAIN, "lower") is None
    assert gain_over_folds(replace(TUNED, fold_values=(0.38, float("nan"))), PLAIN, "lower") is None
    for many in (1, 13):
        with pytest.raises(Usage, match=f"{many} trials are not 2 to 12"):
            compare_trials(SEARCH, [replace(PLAIN, number=at) for at in range(many)])
