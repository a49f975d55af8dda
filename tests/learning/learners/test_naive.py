"""The naive baselines by hand."""

import numpy as np
import pytest

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.domain.project import Learner
from app.learning.learners import fit
from app.learning.learners.stored import answers, load
from app.learning.learners.table import Table

ROWS = np.array([[0.0], [0.0], [1.0], [1.0], [1.0]])
TARGET = np.array([1.0, 3.0, 10.0, 20.0, 30.0])


def test_the_rate_of_a_group_is_its_mean_and_an_unknown_group_gets_the_mean_of_all() -> None:
    model = Table(by=0, smoothing=0.0).fit(ROWS, TARGET)

    assert model.predict(np.array([[0.0], [1.0], [9.0], [np.nan]])).tolist() == [2.0, 20.0, 12.8, 12.8]


def test_the_last_values_are_the_newest_of_each_group() -> None:
    model = Table(by=0, window=1, smoothing=0.0).fit(ROWS, TARGET)

    assert model.predict(np.array([[0.0], [1.0]])).tolist() == [3.0, 30.0]


def test_small_groups_are_drawn_to_the_mean_of_all() -> None:
    model = Table(by=0, smoothing=2.0).fit(ROWS, TARGET)

    assert model.predict(np.array([[0.0]]))[0] == pytest.approx((2 * 2.0 + 2 * 12.8) / 4)


def test_a_quantile_of_a_group_is_its_quantile() -> None:
    model = Table(by=0, smoothing=0.0, quantile=0.5).fit(ROWS, TARGET)

    assert model.predict(np.array([[1.0]]))[0] == 20.0


def test_it_chooses_the_column_whose_groups_differ_most_and_a_named_one_is_taken() -> None:
    generator = np.random.default_rng(3)
    codes = generator.integers(0, 4, size=(1000, 2)).astype(float)
    rows = np.column_stack([codes, np.tile(np.arange(10.0), 100)])
    target = (codes[:, 1] > 1).astype(float)
    names = ("noise", "signal", "season")

    def by(**parameters: str) -> int:
        learner = Learner(kind="naive", parameters=dict(parameters))
        fitted = fit(Task.BINARY, rows, target, learner=learner, categories=[0, 1], names=names, classes=2)
        model = load(fitted.content)
        assert answers(model, rows, Task.BINARY, 2).shape == (1000,)
        return int(model[-1].by)

    assert by() == 1
    assert by(by="noise") == 0
    assert by(method="seasonal") == 2
    with pytest.raises(BadInput, match="no feature 'gone'"):
        by(by="gone")
    with pytest.raises(BadInput, match="method"):
        by(method="magic")
