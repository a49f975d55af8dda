"""The machine-learning problem: task, target, metric and the way it is better."""

import math
from enum import StrEnum
from typing import assert_never


class Task(StrEnum):
    """What kind of answer a model gives."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


class Direction(StrEnum):
    """Which way a metric is better."""

    HIGHER = "higher"
    LOWER = "lower"


class MetricName(StrEnum):
    """The metrics that a project can be judged by."""

    AUC = "auc"
    LOG_LOSS = "log_loss"
    ACCURACY = "accuracy"
    AVERAGE_PRECISION = "average_precision"
    BRIER = "brier"
    ECE = "ece"
    RMSE = "rmse"
    MAE = "mae"
    R2 = "r2"
    PINBALL = "pinball"

    @property
    def direction(self) -> Direction:
        """Which way this metric is better.

        >>> MetricName.RMSE.direction, MetricName.AUC.direction
        (<Direction.LOWER: 'lower'>, <Direction.HIGHER: 'higher'>)
        """
        match self:
            case MetricName.AUC | MetricName.ACCURACY | MetricName.R2 | MetricName.AVERAGE_PRECISION:
                return Direction.HIGHER
            case MetricName.LOG_LOSS | MetricName.RMSE | MetricName.MAE | MetricName.PINBALL:
                return Direction.LOWER
            case MetricName.BRIER | MetricName.ECE:
                return Direction.LOWER
            case _:
                assert_never(self)

    def gain(self, value: float, over: float) -> float:
        """How much better `value` is than `over`, positive when better, whatever the direction.

        >>> MetricName.RMSE.gain(2.0, over=3.0), MetricName.AUC.gain(0.7, over=0.8) < 0
        (1.0, True)
        """
        return value - over if self.direction is Direction.HIGHER else over - value


METRICS_OF: dict[Task, tuple[MetricName, ...]] = {
    Task.BINARY: (
        MetricName.AUC,
        MetricName.LOG_LOSS,
        MetricName.ACCURACY,
        MetricName.AVERAGE_PRECISION,
        MetricName.BRIER,
        MetricName.ECE,
    ),
    Task.MULTICLASS: (MetricName.LOG_LOSS, MetricName.ACCURACY, MetricName.BRIER, MetricName.ECE),
    Task.REGRESSION: (MetricName.RMSE, MetricName.MAE, MetricName.R2, MetricName.PINBALL),
}
"""Which metrics make sense for a task; the first is the default."""


def at_least(value: float, limit: float) -> bool:
    """Whether a number reaches a limit; NaN and infinity never do.

    >>> at_least(0.8, 0.7), at_least(float("nan"), 0.7), at_least(float("inf"), 0.7)
    (True, False, False)
    """
    return math.isfinite(value) and value >= limit


def at_most(value: float, limit: float) -> bool:
    """Whether a number stays under a limit; NaN and infinity never do.

    >>> at_most(0.1, 0.2), at_most(float("nan"), 0.2)
    (True, False)
    """
    return math.isfinite(value) and value <= limit
