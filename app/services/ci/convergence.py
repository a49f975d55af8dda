"""Stage fit: a few rounds lower the loss, a tiny set is learned by heart, and no number is NaN."""

import math
from typing import TYPE_CHECKING, Any

from app.domain.errors import Refused
from app.services.experiments import pull, split
from app.services.running import RunContext

if TYPE_CHECKING:
    import numpy as np

    from app.services.experiments import Divided

    Places = np.ndarray[Any, np.dtype[np.int64]]

ROUNDS = 10
TINY = 64
HEART_ROUNDS = 150
HEART = {
    "learning_rate": 0.3,
    "min_data_in_leaf": 1,
    "min_data_in_bin": 1,
    "min_sum_hessian_in_leaf": 1e-6,
    "num_leaves": 31,
}
REMAINS = 0.2
"""The share of its first loss that a set learned by heart may keep."""


def check_fit(run: RunContext) -> str:
    """Fit twice, and say what the loss did; raises Refused when it does not fall, or is no number."""
    with run.task("pull") as task:
        pulled = pull(task)
    with run.task("split") as task:
        divided = split(task, pulled)
    name, losses = _losses(run, divided, slice(None), {}, ROUNDS)
    if not losses[-1] < losses[0]:
        raise Refused(
            f"{name} on the training rows does not fall: {losses[0]:.4f}, after {ROUNDS} rounds {losses[-1]:.4f}",
            where="features.py",
            next_step="look at the features and the target: trainmaster data ls",
        )
    _, tiny = _losses(run, divided, _distinct(divided), HEART, HEART_ROUNDS)
    if tiny[-1] > REMAINS * tiny[0]:
        raise Refused(
            f"{TINY} rows are not learned by heart: {name} {tiny[0]:.4f} at first, {tiny[-1]:.4f} at the end",
            where="features.py",
            next_step="rows with the same features have different targets: look at the features",
        )
    return f"{name} {losses[0]:.4f} -> {losses[-1]:.4f} in {ROUNDS} rounds; by heart {tiny[0]:.4f} -> {tiny[-1]:.4f}"


def _distinct(divided: "Divided") -> "Places":
    """Places of rows that differ in their features, the targets as mixed as they come."""
    import numpy as np

    _, first = np.unique(np.nan_to_num(divided.train, nan=-1e30), axis=0, return_index=True)
    order = np.argsort(divided.train_target[first], kind="stable")
    places = np.linspace(0, len(first) - 1, min(TINY, len(first))).astype(int)
    chosen: Places = first[order][places]
    return chosen


def _losses(
    run: RunContext,
    divided: "Divided",
    rows: "slice | Places",
    parameters: dict[str, float],
    rounds: int,
) -> tuple[str, list[float]]:
    from app.learning import learners

    learner = run.project.file.learner
    if parameters:
        learner = learner.model_copy(update={"parameters": parameters})
    features, target = divided.train[rows], divided.train_target[rows]
    fitted = learners.fit(
        divided.signature.task,
        features,
        target,
        learner=learner,
        categories=[at for at, one in enumerate(divided.signature.features) if one.kind == "category"],
        classes=len(divided.signature.classes),
        rounds=rounds,
        watch=(features, target),
    )
    name = "log_loss" if "log_loss" in fitted.points else "rmse"
    losses = [value for _, value in fitted.points[name]]
    if not losses or not all(math.isfinite(value) for value in losses):
        raise Refused(f"{name} is no number", where="features.py", next_step="look at the target and the features")
    return name, losses


__all__ = ["check_fit"]
