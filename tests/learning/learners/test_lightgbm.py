"""LightGBM: deterministic, bounded, and the same as LightGBM itself."""

import numpy as np
import pytest

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.domain.project import Learner
from app.learning.learners import fit
from app.learning.native import Trees
from app.learning.package import model_digest

GENERATOR = np.random.default_rng(5)
ROWS = np.asfortranarray(np.column_stack([GENERATOR.normal(size=(1500, 3)), GENERATOR.integers(0, 4, 1500)]))
BINARY = (ROWS[:, 0] + ROWS[:, 3] + GENERATOR.normal(size=1500) > 1.5).astype(float)
LEARNER = Learner(rounds=15)


def test_the_same_input_gives_the_same_digest_on_any_number_of_threads() -> None:
    texts = [
        fit(Task.BINARY, ROWS, BINARY, learner=LEARNER, categories=[3], classes=2, threads=threads).content
        for threads in (1, 1, 2)
    ]

    assert texts[0] == texts[1]
    assert len({model_digest(text) for text in texts}) == 1


def test_watching_rows_changes_no_tree_and_draws_a_curve() -> None:
    steps: list[int] = []

    plain = fit(Task.BINARY, ROWS, BINARY, learner=LEARNER, threads=1)
    watched = fit(
        Task.BINARY,
        ROWS,
        BINARY,
        learner=LEARNER,
        threads=1,
        watch=(ROWS[:200], BINARY[:200]),
        progress=lambda step, total, metrics: steps.append(step),
    )

    assert model_digest(plain.content) == model_digest(watched.content)
    assert [step for step, _ in watched.points["auc"]] == steps
    assert steps[-1] == 15


@pytest.mark.parametrize(
    ("task", "target", "classes", "outputs"),
    [
        (Task.BINARY, BINARY, 2, 1),
        (Task.MULTICLASS, ROWS[:, 3], 4, 4),
        (Task.REGRESSION, ROWS[:, 0] * 2, 0, 1),
    ],
)
def test_each_task_predicts_as_lightgbm_itself_does(
    task: Task, target: "np.ndarray[tuple[int], np.dtype[np.float64]]", classes: int, outputs: int
) -> None:
    import lightgbm

    fitted = fit(task, ROWS, target, learner=LEARNER, categories=[3], classes=classes, threads=1)
    trees = Trees(fitted.content)

    mine = trees.predict(ROWS.ravel(order="C").tolist(), len(ROWS))

    assert trees.outputs == outputs
    theirs = np.asarray(lightgbm.Booster(model_str=fitted.content.decode()).predict(ROWS))
    assert np.array_equal(np.asarray(mine).reshape(theirs.shape), theirs)


@pytest.mark.parametrize("rows", [2, 10])
def test_ten_rows_an_all_missing_and_a_constant_feature_are_fitted(rows: int) -> None:
    data = np.asfortranarray(np.column_stack([np.full(rows, np.nan), np.ones(rows)]))
    target = (np.arange(rows) % 2).astype(float)

    fitted = fit(Task.BINARY, data, target, learner=LEARNER, classes=2, threads=1)

    answers = Trees(fitted.content).predict(data.ravel(order="C").tolist(), rows)
    assert np.isfinite(answers).all()


@pytest.mark.parametrize("name", ["input_model", "machines", "deterministic", "use_quantized_grad", "objective"])
def test_hyperparameters_that_name_files_or_break_determinism_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match=name):
        fit(Task.BINARY, ROWS, BINARY, learner=Learner(parameters={name: "x"}))


def test_a_hyperparameter_that_lightgbm_refuses_is_bad_input() -> None:
    with pytest.raises(BadInput, match="LightGBM"):
        fit(Task.BINARY, ROWS, BINARY, learner=Learner(rounds=2, parameters={"num_leaves": 1}), classes=2)


def test_progress_can_stop_the_fit() -> None:
    def stop(step: int, total: int, metrics: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Task.BINARY, ROWS, BINARY, learner=LEARNER, progress=stop)
