"""The same checks for every learner and every task that it answers."""

from typing import Any

import numpy as np
import pytest

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.domain.project import Learner, LearnerKind, Search
from app.learning.learners import KINDS, Question, curve_metrics, fit, method_of
from app.learning.learners.method import Fitted, Floats
from app.learning.learners.stored import answers, load
from app.learning.native import Trees
from app.learning.search.space import distributions_of, space_of

GENERATOR = np.random.default_rng(11)
COUNT = 400
ROWS = np.asfortranarray(
    np.column_stack(
        [
            GENERATOR.normal(size=(COUNT, 2)),
            GENERATOR.integers(0, 5, COUNT),
            np.full(COUNT, np.nan),
            np.ones(COUNT),
        ]
    )
)
ROWS[GENERATOR.random(COUNT) < 0.1, 1] = np.nan
ROWS[GENERATOR.random(COUNT) < 0.1, 2] = np.nan
SIGNAL = ROWS[:, 0] + np.nan_to_num(ROWS[:, 2]) - 2 + GENERATOR.normal(size=COUNT) / 2
TARGETS: dict[str, tuple[Question, Floats]] = {
    "binary": (Question(Task.BINARY, 2), (SIGNAL > 0).astype(float)),
    "multiclass": (Question(Task.MULTICLASS, 3), np.digitize(SIGNAL, [-1, 1]).astype(float)),
    "regression": (Question(Task.REGRESSION), SIGNAL * 10 + 100),
    "quantile": (Question(Task.REGRESSION, 0, 0.9), SIGNAL * 10 + 100),
}
QUICK: dict[str, dict[str, Any]] = {"mlp": {"epochs": 8}, "forest": {"trees": 12}}
PAIRS = [
    pytest.param(kind, name, id=f"{kind}-{name}")
    for kind in KINDS
    for name, (question, _) in TARGETS.items()
    if not method_of(kind).refusal(question)
]


def fitted_on(kind: LearnerKind, name: str, rows: Floats = ROWS, **changes: Any) -> Fitted:
    """A quick fit of a learner on a target."""
    question, target = TARGETS[name]
    learner = Learner(kind=kind, rounds=12, parameters=QUICK.get(kind, {}), balance=changes.pop("balance", False))
    return fit(
        question.task,
        rows,
        target,
        learner=learner,
        categories=[2],
        classes=question.classes,
        quantile=question.quantile,
        threads=1,
        **changes,
    )


def predict(fitted: Fitted, question: Question, rows: Floats) -> Floats:
    """What the stored bytes answer."""
    if fitted.format == "skops":
        return answers(load(fitted.content), rows, question.task, question.classes)
    trees = Trees(fitted.content)
    flat = np.asarray(trees.predict(rows.ravel(order="C").tolist(), len(rows)))
    return flat.reshape(len(rows), -1) if question.task is Task.MULTICLASS else flat


@pytest.mark.parametrize(("kind", "name"), PAIRS)
def test_the_stored_model_answers_as_the_fitted_one_did_and_the_same_input_gives_the_same_bytes(
    kind: LearnerKind, name: str
) -> None:
    question, target = TARGETS[name]

    first = fitted_on(kind, name, watch=(ROWS[:100], target[:100]))
    second = fitted_on(kind, name)

    assert first.content == second.content
    assert first.learner == kind
    predicted = predict(first, question, ROWS[:100])
    assert np.isfinite(predicted).all()
    assert predicted.shape == ((100, 3) if name == "multiclass" else (100,))
    again = curve_metrics(question, target[:100], predicted)
    for metric, points in first.points.items():
        assert points[-1][1] == pytest.approx(again[metric], abs=1e-9)
        assert [step for step, _ in points] == sorted({step for step, _ in points})


@pytest.mark.parametrize(("kind", "name"), PAIRS)
def test_it_is_no_worse_than_the_dummy(kind: LearnerKind, name: str) -> None:
    question, target = TARGETS[name]
    loss = "pinball" if question.quantile else "rmse" if question.task is Task.REGRESSION else "log_loss"

    mine, dummy = (
        curve_metrics(question, target, predict(fitted_on(one, name), question, ROWS))[loss] for one in (kind, "dummy")
    )

    assert mine <= dummy + 1e-9
    if kind not in ("dummy", "naive"):
        assert mine < 0.9 * dummy


@pytest.mark.parametrize("kind", KINDS)
def test_a_category_that_was_never_seen_a_missing_row_and_infinity_as_missing_are_answered(kind: LearnerKind) -> None:
    name = "regression" if kind == "linear" else "binary"
    odd = np.array([[0.0, 0.0, 99.0, 5.0, 7.0], [np.nan] * 5, [1e12, -1e12, np.nan, 0.0, 0.0]])

    predicted = predict(fitted_on(kind, name), TARGETS[name][0], odd)

    assert np.isfinite(predicted).all()


@pytest.mark.parametrize("kind", KINDS)
def test_ten_rows_are_fitted_or_refused_in_words(kind: LearnerKind) -> None:
    task = Task.REGRESSION if kind == "linear" else Task.BINARY
    target = (np.arange(10) % 2).astype(float)
    learner = Learner(kind=kind, rounds=5, parameters=QUICK.get(kind, {}))

    fitted = fit(task, ROWS[:10], target, learner=learner, categories=[2], classes=2, threads=1)

    question = Question(task, 0 if task is Task.REGRESSION else 2)
    assert np.isfinite(predict(fitted, question, ROWS[:10])).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_hyperparameter_that_it_does_not_have_is_refused_by_name(kind: LearnerKind) -> None:
    task = Task.REGRESSION if kind == "linear" else Task.BINARY

    with pytest.raises(BadInput, match=r"learner\.parameters\.verbose"):
        fit(task, ROWS, TARGETS["binary"][1], learner=Learner(kind=kind, parameters={"verbose": 1}), classes=2)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("dummy", "linear")])
def test_classes_weigh_alike_when_they_are_balanced(kind: LearnerKind) -> None:
    rare = (SIGNAL > 1.5).astype(float)
    question = Question(Task.BINARY, 2)
    learner = Learner(kind=kind, rounds=12, parameters=QUICK.get(kind, {}))

    plain, balanced = (
        predict(
            fit(
                Task.BINARY,
                ROWS,
                rare,
                learner=learner.model_copy(update={"balance": balance}),
                categories=[2],
                classes=2,
                threads=1,
            ),
            question,
            ROWS,
        ).mean()
        for balance in (False, True)
    )

    assert plain == pytest.approx(rare.mean(), abs=0.08)
    assert balanced > plain + 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_its_space_holds_hyperparameters_that_it_takes(kind: LearnerKind) -> None:
    space = space_of(kind, Search(learners=(kind,)))

    assert set(space) <= method_of(kind).allowed
    assert set(distributions_of(kind, space)) <= {f"{kind}.{name}" for name in space}


def test_a_class_that_training_does_not_have_gets_no_probability() -> None:
    target = TARGETS["multiclass"][1].copy()
    target[target == 2] = 1

    for kind in KINDS:
        if kind == "linear":
            continue
        learner = Learner(kind=kind, rounds=5, parameters=QUICK.get(kind, {}))
        fitted = fit(Task.MULTICLASS, ROWS, target, learner=learner, categories=[2], classes=3, threads=1)
        predicted = predict(fitted, Question(Task.MULTICLASS, 3), ROWS[:50])
        assert predicted.shape == (50, 3)
        assert predicted[:, 2].max() < 0.05, kind


def test_fifty_thousand_categories_are_fitted_by_every_learner() -> None:
    many = np.arange(50_000, dtype=float)
    rows = np.asfortranarray(np.column_stack([GENERATOR.normal(size=50_000), many]))
    target = (rows[:, 0] > 0).astype(float)

    for kind in ("lightgbm", "logistic", "hist", "naive"):
        learner = Learner(kind=kind, rounds=3)
        fitted = fit(Task.BINARY, rows, target, learner=learner, categories=[1], classes=2, threads=1)
        assert np.isfinite(predict(fitted, Question(Task.BINARY, 2), rows[:10])).all(), kind
