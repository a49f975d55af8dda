"""A trial in a child: its answer is the one of this process, and whatever it does to itself, we go on."""

import os
import re
import signal
import time
from typing import Any

import pytest

from app.domain.project import Search
from app.learning.search.folds import at_random
from app.learning.search.study import Candidate
from app.learning.search.trial import Material, run_trial
from tests.learning.search.made import COLUMNS, FOLDS, QUESTION, ROWS, TARGET, bench

pytestmark = pytest.mark.faults

PLAIN = Candidate("lightgbm", {"num_leaves": 7}, 20, 7)


def test_the_childs_outcome_is_the_one_of_this_process_and_of_every_repetition() -> None:
    material = Material(QUESTION, "auc", COLUMNS, ROWS, TARGET, FOLDS)
    here = run_trial(material, PLAIN, lambda *_: True)

    with bench() as made:
        first, second = (made.run(PLAIN, lambda *_: True).outcome for _ in range(2))

    assert first == second == here
    assert here.value > 0.8
    assert len(here.values) == 3
    assert made.starts == 1


@pytest.mark.parametrize(
    ("kind", "parameters", "says"),
    [
        ("lightgbm", {"num_leaves": 1}, "num_leaves"),
        ("mlp", {"learning_rate": 1e300, "epochs": 3}, "NaN|non-finite"),
        ("linear", {}, "answers no classes"),
        ("forest", {"trees": -3}, "n_estimators"),
        ("mlp", {"epochs": 10**7}, "not done after 2 s"),
        ("mlp", {"units": 30_000, "layers": 2, "epochs": 1}, "memory|not done"),
    ],
)
def test_a_trial_that_raises_is_nan_hangs_or_eats_memory_has_no_outcome_and_the_next_one_has(
    kind: Any, parameters: dict[str, Any], says: str
) -> None:
    with bench(seconds=60) as made:
        assert made.run(PLAIN, lambda *_: True).outcome is not None
        hangs = parameters.get("epochs") in (1, 10**7)
        made._limits = type(made._limits)(2.0 if hangs else 60.0, made._limits.memory_bytes, 1)

        answer = made.run(Candidate(kind, parameters, 5, 7), lambda *_: True)

        made._limits = type(made._limits)(60.0, None, 1)
        again = made.run(PLAIN, lambda *_: True)
    assert answer.outcome is None
    assert re.search(says, answer.says), answer.says
    assert again.outcome is not None


def test_memory_beyond_the_limit_ends_the_trial_and_says_so() -> None:
    with bench(memory_bytes=200 << 20) as made:
        answer = made.run(Candidate("mlp", {"units": 20_000, "layers": 2}, 1, 7), lambda *_: True)
        again = made.run(PLAIN, lambda *_: True)

    assert answer.outcome is None
    assert "memory" in answer.says.lower()
    assert again.outcome is not None


def test_a_child_that_is_killed_is_an_answer_and_one_that_had_served_is_replaced_once() -> None:
    def die(*_: object) -> bool:
        assert made._child is not None
        os.kill(made._child.pid, signal.SIGKILL)
        return True

    with bench() as made:
        fresh = made.run(PLAIN, die)
        well = made.run(PLAIN, lambda *_: True)
        used = made.run(PLAIN, die)

    assert fresh.outcome is None
    assert used.outcome is None
    assert "SIGKILL" in fresh.says
    assert well.outcome is not None
    assert made.starts == 3


def test_a_trial_that_is_given_up_ends_at_that_point_with_what_it_had() -> None:
    seen: list[float] = []

    def give_up(share: float, _value: float | None) -> bool:
        seen.append(share)
        return len(seen) < 3

    with bench() as made:
        outcome = made.run(PLAIN, give_up).outcome

    assert outcome is not None
    assert outcome.pruned
    assert len(outcome.curve) == len(seen) == 3


def test_an_interruption_while_waiting_ends_the_child_at_once() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with bench() as made:
        made.run(PLAIN, lambda *_: True)
        child = made._child
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            made.run(Candidate("mlp", {"epochs": 10**6}, 1, 7), lambda *_: True, stop)

    assert child is not None
    assert child.returncode is not None
    assert time.monotonic() - begun < 10


def test_rows_are_binned_once_for_all_trials_and_again_for_other_bins_only() -> None:
    material = Material(QUESTION, "auc", COLUMNS, ROWS, TARGET, at_random(len(TARGET), Search(folds=3), TARGET))
    first = material.prepared(PLAIN, 0)

    assert material.prepared(Candidate("lightgbm", {"num_leaves": 31, "lambda_l2": 3.0}, 9, 1), 0) is first
    assert material.prepared(Candidate("lightgbm", {"max_bin": 63}, 9, 1), 0) is not first
    for leaves in (3, 60):
        outcome = run_trial(material, Candidate("lightgbm", {"min_data_in_leaf": leaves}, 5, 1), lambda *_: True)
        assert outcome.value > 0.5
