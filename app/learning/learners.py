"""LightGBM for the three tasks, made so that the same input gives the same trees."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.domain.project import Learner
from app.learning.openmp import usable_threads, wait_passively

if TYPE_CHECKING:
    import pyarrow as pa

Floats = np.ndarray[Any, np.dtype[np.float64]]
Progress = Callable[[int, int, Mapping[str, float]], None]
ON_GPU = ("gpu", "cuda")
POINTS = 20
SHOWN_S = 0.5
OBJECTIVES = {
    Task.BINARY: ("binary", ("binary_logloss", "auc")),
    Task.MULTICLASS: ("multiclass", ("multi_logloss",)),
    Task.REGRESSION: ("regression", ("rmse",)),
}
NAMES = {"binary_logloss": "log_loss", "multi_logloss": "log_loss", "auc": "auc", "rmse": "rmse"}
ALLOWED = frozenset(
    {
        "bagging_fraction", "bagging_freq", "cat_l2", "cat_smooth", "extra_trees", "feature_fraction",
        "feature_fraction_bynode", "histogram_pool_size", "is_unbalance", "lambda_l1", "lambda_l2", "learning_rate",
        "linear_lambda",
        "max_bin", "max_cat_threshold", "max_cat_to_onehot", "max_delta_step", "max_depth", "min_data_in_bin",
        "min_data_in_leaf", "min_gain_to_split", "min_sum_hessian_in_leaf", "num_leaves", "num_threads",
        "path_smooth", "scale_pos_weight",
    }
)  # fmt: skip
"""Hyperparameters that a project may set; the others name files and machines or would break determinism."""


@dataclass(frozen=True)
class Fitted:
    """The trees as text, the settings that made them, and points (round, value) of metrics on the watched rows."""

    text: bytes = field(repr=False)
    parameters: dict[str, object]
    rounds: int
    points: dict[str, list[tuple[int, float]]]


def settings(task: Task, learner: Learner, classes: int, threads: int) -> dict[str, object]:
    """The full set of LightGBM parameters; raises BadInput for one that a project may not set.

    >>> settings(Task.BINARY, Learner(), 2, 1)["deterministic"]
    True
    """
    for name in learner.parameters:
        if name not in ALLOWED:
            raise BadInput(
                f"learner.parameters.{name} cannot be set",
                where="project.toml",
                next_step=f"use one of: {', '.join(sorted(ALLOWED))}",
            )
    objective, metrics = OBJECTIVES[task]
    fixed: dict[str, object] = {
        "objective": objective,
        "metric": list(metrics),
        "seed": learner.seed,
        "deterministic": True,
        "verbosity": -1,
        **(
            {"device_type": learner.device, "gpu_use_dp": True}
            if learner.device in ON_GPU
            else {"force_row_wise": True}
        ),
    }
    if task is Task.MULTICLASS:
        fixed["num_class"] = classes
    return {"num_threads": threads, **learner.parameters, **fixed}


def fit(
    task: Task,
    train: Floats | pa.Table,
    target: Floats,
    *,
    learner: Learner,
    categories: Sequence[int] = (),
    classes: int = 0,
    rounds: int | None = None,
    threads: int | None = None,
    watch: tuple[Floats | pa.Table, Floats] | None = None,
    progress: Progress | None = None,
) -> Fitted:
    """Fit on an encoded matrix; `categories` are the places of category columns, `watch` rows that only draw a curve.

    `progress(step, total, metrics)` is called with about twenty points of the curve, and every half second without
    metrics; it may raise to stop. Raises BadInput for
    hyperparameters that LightGBM refuses.
    """
    wait_passively()
    import lightgbm

    from app.learning.dataset import make_dataset

    total = rounds or learner.rounds
    parameters = settings(task, learner, classes, threads or usable_threads())
    try:
        rows = make_dataset(train, target, parameters=parameters, categories=categories)
        booster = lightgbm.Booster(parameters, rows)
        if watch is not None:
            watched = make_dataset(watch[0], watch[1], parameters=parameters, categories=categories, reference=rows)
            booster.add_valid(watched, "watched")
        points: dict[str, list[tuple[int, float]]] = {}
        every = max(1, total // POINTS)
        done, shown = 0, time.monotonic()
        for done in range(1, total + 1):
            finished = booster.update()
            if done % every and done != total and not finished:
                if progress is not None and time.monotonic() - shown > SHOWN_S:
                    progress(done, total, {})
                    shown = time.monotonic()
                continue
            metrics = {}
            for result in booster.eval_valid() if watch is not None else ():
                name = NAMES[result[1]]
                metrics[name] = float(result[2])
                points.setdefault(name, []).append((done, float(result[2])))
            if progress is not None:
                progress(done, total, metrics)
            if finished:
                break
        text = booster.model_to_string().encode()
    except lightgbm.basic.LightGBMError as error:
        raise BadInput(
            f"LightGBM: {error}", where="project.toml [learner]", next_step="correct learner.parameters"
        ) from None
    return Fitted(text, parameters, done, points)


__all__ = ["ALLOWED", "Fitted", "fit", "settings"]
