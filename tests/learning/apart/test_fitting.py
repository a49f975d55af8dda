"""A fit in a child: the same model as here, and whatever a learner does to itself, we go on and know why."""

import os
import re
import signal
from typing import Any

import psutil
import pytest

from app.domain.errors import BadInput, Refused
from app.domain.problem import Task
from app.domain.project import Learner, LearnerKind
from app.learning import learners
from app.learning.apart.fitting import CHILD, fit_apart
from app.learning.apart.process import Limits
from app.learning.learners import Fitted
from tests.learning.search.made import COLUMNS, ROWS, TARGET

PLAIN = Learner(rounds=8, parameters={"num_leaves": 7})
WITHIN = Limits(60.0, threads=1)
ASKED: dict[str, Any] = {"categories": COLUMNS.categories, "names": COLUMNS.names, "classes": 2}


def fitted_apart(learner: Learner, limits: Limits = WITHIN, **asked: Any) -> Fitted:
    return fit_apart(Task.BINARY, ROWS, TARGET, learner=learner, limits=limits, **ASKED, **asked)


@pytest.mark.parametrize("kind", ["lightgbm", pytest.param("logistic", marks=pytest.mark.faults)])
def test_a_fit_apart_is_the_fit_of_this_process_to_the_byte_with_its_curve(kind: LearnerKind) -> None:
    learner, watch, seen = Learner(kind=kind, rounds=8), (ROWS[:300], TARGET[:300]), []

    here = learners.fit(Task.BINARY, ROWS, TARGET, learner=learner, watch=watch, threads=1, **ASKED)
    apart = fitted_apart(learner, watch=watch, progress=lambda step, total, _: seen.append((step, total)))

    assert apart == here
    assert here.points
    assert seen[-1] == (here.rounds, here.rounds)


@pytest.mark.parametrize(
    ("kind", "parameters", "limits", "error", "says"),
    [
        ("lightgbm", {"num_leaves": 1}, WITHIN, BadInput, "num_leaves"),
        ("mlp", {"epochs": 10**7}, Limits(0.5, threads=1), Refused, "not done after 0.5 s"),
        ("mlp", {"units": 20_000, "layers": 2}, Limits(60.0, 200 << 20, 1), MemoryError, "out of memory"),
    ],
)
def test_a_learner_that_is_refused_hangs_or_eats_memory_is_an_error_in_words_and_the_next_fit_is_whole(
    kind: LearnerKind, parameters: dict[str, Any], limits: Limits, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=re.escape(says)):
        fitted_apart(Learner(kind=kind, parameters=parameters), limits)

    assert fitted_apart(PLAIN).rounds == 8


def of_fits() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if any(CHILD in word for word in one.cmdline())]


def test_a_fit_whose_process_is_killed_says_so_and_one_that_is_interrupted_leaves_no_process() -> None:
    endless = Learner(kind="mlp", parameters={"epochs": 10**7})

    def kill() -> None:
        for child in of_fits():
            os.kill(child.pid, signal.SIGKILL)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(Refused, match="signal SIGKILL"):
        fitted_apart(endless, on_wait=kill)
    with pytest.raises(KeyboardInterrupt):
        fitted_apart(endless, on_wait=interrupt)

    assert of_fits() == []


def test_the_process_of_a_lightgbm_fit_loads_neither_pandas_nor_scikit_learn() -> None:
    for earlier in of_fits():
        earlier.kill()
        earlier.wait(10)

    fitted_apart(PLAIN)

    loaded = [found.path for child in of_fits() for found in child.memory_maps()]
    assert any("lib_lightgbm" in path for path in loaded)
    assert not [path for path in loaded if "/pandas/" in path or "/sklearn/" in path]
