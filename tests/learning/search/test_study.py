"""The rules of a search: what is next, what is given up, what is best, when it ends."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.problem import Direction
from app.domain.project import Learner, Range, Search
from app.domain.states import TrialState
from app.learning.learners import BASELINES
from app.learning.search.space import edges, space_of
from app.learning.search.study import (
    Candidate,
    Tried,
    best_of,
    first_candidates,
    hopeless,
    reason_to_stop,
    suggest,
)

UP, DOWN = Direction.HIGHER, Direction.LOWER
SEARCH = Search(learners=("lightgbm", "logistic"), trials=8)
LEARNER = Learner(parameters={"num_leaves": 15})


def tried(number: int, value: float | None, learner: Any = "lightgbm", **changes: Any) -> Tried:
    """A trial with a value, or a failed one without."""
    candidate = Candidate(learner, changes.pop("parameters", {}), 100, 7)
    state = changes.pop("state", TrialState.FAILED if value is None else TrialState.COMPLETED)
    return replace(Tried(number, candidate, state, value, 0.01, 10), **changes)


def walked(search: Search, count: int, stop_at: int = 10**6) -> list[Tried]:
    """A history in which the value is a function of the candidate; begun anew at `stop_at`, as after a kill."""
    history: list[Tried] = []
    for number in range(count):
        candidate = suggest(list(history), search, LEARNER, UP)
        value = sum(float(v) for v in candidate.parameters.values() if isinstance(v, int | float)) % 1
        history.append(Tried(number, candidate, TrialState.COMPLETED, value, 0.01, 10))
        if number == stop_at:
            history = [replace(t) for t in history]
    return history


def test_baselines_and_untuned_learners_come_first_and_the_projects_own_values_are_among_them() -> None:
    first = first_candidates(SEARCH, LEARNER)

    assert [candidate.learner for candidate in first] == [*BASELINES, "lightgbm", "logistic"]
    assert first[2].parameters == {"num_leaves": 15}


def test_what_is_suggested_depends_on_seed_number_and_history_alone_so_a_resumed_search_goes_on_alike() -> None:
    whole, resumed, other = walked(SEARCH, 14), walked(SEARCH, 14, stop_at=9), walked(Search(seed=8), 8)

    assert [t.candidate for t in whole] == [t.candidate for t in resumed]
    assert whole[6].candidate != other[6].candidate
    assert len({str(t.candidate.parameters) for t in whole[4:]}) == 10


def test_every_suggestion_lies_in_the_space_of_the_project() -> None:
    search = Search(spaces={"lightgbm": {"learning_rate": Range(low=0.1, high=0.2), "max_bin": (63, 127), "cat_l2": 5}})

    for trial in walked(search, 12)[3:]:
        assert 0.1 <= trial.candidate.parameters["learning_rate"] <= 0.2
        assert trial.candidate.parameters["max_bin"] in (63, 127)
        assert trial.candidate.parameters["cat_l2"] == 5


@pytest.mark.parametrize(("direction", "best"), [(UP, 2), (DOWN, 1)])
def test_a_nan_a_failed_and_a_pruned_trial_are_never_best(direction: Direction, best: int) -> None:
    extreme = 99.0 if direction is UP else -99.0
    history = [
        tried(0, float("nan")),
        tried(1, 0.5),
        tried(2, 0.7),
        tried(3, None),
        tried(4, extreme, state=TrialState.PRUNED),
        tried(5, float("inf") if direction is UP else float("-inf")),
        tried(6, 0.7 if direction is UP else 0.5),
    ]

    found = best_of(history, SEARCH, direction, 4)

    assert found is not None
    assert found.number == best
    assert best_of([tried(0, float("nan")), tried(1, None)], SEARCH, direction, 4) is None


def test_the_rule_of_one_standard_error_takes_the_smallest_model_that_is_near_the_best() -> None:
    history = [
        tried(0, 0.70, "logistic"),
        tried(1, 0.745, "lightgbm", parameters={"num_leaves": 7}, rounds=10),
        tried(2, 0.75, "lightgbm", parameters={"num_leaves": 127}, rounds=300),
    ]

    best = best_of(history, SEARCH, UP, 4)
    small = best_of(history, SEARCH.model_copy(update={"rule": "one_standard_error"}), UP, 4)

    assert best is not None
    assert small is not None
    assert (best.number, small.number) == (2, 1)


def test_a_trial_below_half_of_its_learners_trials_is_given_up_but_not_early_and_not_for_others() -> None:
    curve = ((0.25, 0.6), (0.5, 0.7), (1.0, 0.8))
    history = [tried(number, 0.8, curve=curve) for number in range(5)]

    assert hopeless(history, "lightgbm", [(0.5, 0.65)], UP)
    assert not hopeless(history, "lightgbm", [(0.5, 0.55)], DOWN)
    assert not hopeless(history, "lightgbm", [(0.5, 0.75)], UP)
    assert not hopeless(history, "lightgbm", [(0.1, 0.1)], UP)
    assert not hopeless(history, "logistic", [(0.5, 0.65)], UP)
    assert not hopeless(history[:4], "lightgbm", [(0.5, 0.65)], UP)


@pytest.mark.parametrize(
    ("changes", "values", "elapsed_s", "says"),
    [
        ({"trials": 3}, [0.1, 0.2, 0.3], 0, "3 trials are done"),
        ({"trials": 4}, [0.1, 0.2, 0.3], 0, ""),
        ({"trials": 3}, [0.1, None, 0.3], 0, "3 trials are done"),
        ({"minutes": 2.0}, [0.1], 121, "2 minutes are over"),
        ({"good": 0.3}, [0.1, 0.31], 0, "good enough"),
        ({"patience": 2}, [0.5, 0.4, 0.5], 0, "a plateau"),
        ({"patience": 2}, [0.5, 0.4, 0.6], 0, ""),
        ({"patience": 2, "minimum_gain": 0.2}, [0.5, 0.55, 0.6], 0, "a plateau"),
    ],
)
def test_a_search_ends_by_trials_minutes_a_good_value_or_a_plateau(
    changes: dict[str, Any], values: list[float | None], elapsed_s: float, says: str
) -> None:
    search = SEARCH.model_copy(update={"trials": 50, **changes})
    history = [tried(0, 0.9, "dummy"), *(tried(at + 1, value) for at, value in enumerate(values))]

    found = reason_to_stop(history, search, UP, elapsed_s)

    assert found.startswith(says)
    assert bool(found) == bool(says)


def test_values_at_both_edges_are_said_and_others_are_not() -> None:
    space = space_of("lightgbm", SEARCH)

    found = edges({"learning_rate": 0.2, "num_leaves": 7, "lambda_l2": 0.5, "bagging_freq": 1, "unknown": 3}, space)

    assert [says.split()[0] for says in found] == ["learning_rate", "num_leaves"]
    assert "upper" in found[0]
    assert "lower" in found[1]
