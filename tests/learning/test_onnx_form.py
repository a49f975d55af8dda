"""Models as ONNX: the runtime gives the stored predictions, and what float32 would change is refused."""

from typing import Any

import numpy as np
import pytest

from app.domain.errors import Refused
from app.domain.problem import Task
from app.domain.project import Learner
from app.learning.calibration import Calibration, fit_calibration
from app.learning.estimator import dump_estimator
from app.learning.formats import Format
from app.learning.learners import fit
from app.learning.loader import LoadedModel
from app.learning.onnx_form import TOLERANCE, convert
from app.learning.package import Package, make_package
from app.learning.signature import Feature, Signature
from tests.learning.test_estimator import ESTIMATORS
from tests.learning.test_package import EMPTY

GENERATOR = np.random.default_rng(8)
ROWS = np.column_stack([np.round(GENERATOR.normal(size=600), 2), GENERATOR.integers(0, 2, 600)])
ROWS[::9, 0] = np.nan
SCORE = np.nan_to_num(ROWS[:, 0]) + ROWS[:, 1] + GENERATOR.normal(size=600)
RECORDS: list[dict[str, object]] = [{"n": None, "c": None}, {"n": 0.0, "c": "never seen"}]
RECORDS += [{"n": None if np.isnan(n) else float(n), "c": "ab"[int(c)]} for n, c in ROWS[:40].tolist()]
pytestmark = pytest.mark.filterwarnings("ignore")


def packed(content: bytes, form: Format, task: Task, calibration: Calibration | None = None) -> Package:
    """A package with true answers."""
    classes = {Task.BINARY: ("0", "1"), Task.MULTICLASS: ("0", "1", "2"), Task.REGRESSION: ()}[task]
    features = (Feature("n", "number"), Feature("c", "category", categories=("a", "b")))
    facts: dict[str, Any] = {"signature": Signature(task, "y", features, classes).as_json(), **EMPTY}
    draft = make_package(
        model=content, inputs=RECORDS, predictions=[0.0], facts=facts, form=form, calibration=calibration
    )
    answers = LoadedModel(draft).predict(RECORDS)
    return make_package(
        model=content, inputs=RECORDS, predictions=answers, facts=facts, form=form, calibration=calibration
    )


def target_of(task: Task) -> Any:
    """The target of a task."""
    return {
        Task.BINARY: (SCORE > 0.5).astype(float),
        Task.MULTICLASS: np.digitize(SCORE, [0.0, 1.0]).astype(float),
        Task.REGRESSION: SCORE,
    }[task]


def trees(task: Task) -> bytes:
    """A LightGBM model of a task."""
    classes = {Task.BINARY: 2, Task.MULTICLASS: 3, Task.REGRESSION: 0}[task]
    learner = Learner(rounds=12)
    return fit(task, ROWS, target_of(task), learner=learner, categories=[1], classes=classes, threads=1).content


@pytest.mark.parametrize("task", list(Task))
def test_trees_as_onnx_give_the_stored_predictions(task: Task) -> None:
    done = convert(packed(trees(task), Format.LIGHTGBM_TEXT, task))

    assert done.largest <= TOLERANCE
    assert done.rows == len(RECORDS)
    assert "float32" in done.says


@pytest.mark.parametrize("name", ["forest", "network"])
def test_estimators_as_onnx_give_the_stored_predictions(name: str) -> None:
    estimator = ESTIMATORS[name]().fit(ROWS, target_of(Task.BINARY))

    done = convert(packed(dump_estimator(estimator), Format.SKOPS, Task.BINARY))

    assert done.largest <= TOLERANCE


@pytest.mark.parametrize("method", ["isotonic", "sigmoid"])
@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS])
def test_calibration_is_a_part_of_the_graph(method: Any, task: Task) -> None:
    content = trees(task)
    raw = LoadedModel(packed(content, Format.LIGHTGBM_TEXT, task)).predict_matrix(ROWS)
    calibration = fit_calibration(task, method, target_of(task), raw)

    done = convert(packed(content, Format.LIGHTGBM_TEXT, task, calibration))

    assert done.largest <= TOLERANCE


def test_an_input_that_float32_moves_over_a_threshold_is_refused() -> None:
    column = 1e8 + np.arange(600.0) % 2  # float32 cannot tell 100,000,000 from 100,000,001
    rows = np.column_stack([column, np.zeros(600)])
    fitted = fit(Task.REGRESSION, rows, column - 1e8, learner=Learner(rounds=5), threads=1)
    features = (Feature("n", "number"), Feature("c", "number"))
    facts: dict[str, Any] = {"signature": Signature(Task.REGRESSION, "y", features, ()).as_json(), **EMPTY}
    inputs: list[dict[str, object]] = [{"n": 1e8, "c": 0.0}, {"n": 1e8 + 1, "c": 0.0}]
    draft = make_package(model=fitted.content, inputs=inputs, predictions=[0.0], facts=facts)
    answers = LoadedModel(draft).predict(inputs)

    with pytest.raises(Refused, match="float32"):
        convert(make_package(model=fitted.content, inputs=inputs, predictions=answers, facts=facts))
