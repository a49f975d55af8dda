"""Calibration that is part of a model: scores become probabilities that happen as often as they say.

Platt's sigmoid (Platt 1999, "Probabilistic outputs for support vector machines") on the log-odds, or isotonic
regression (Zadrozny and Elkan 2002). A multiclass model has a curve a class, and its shares are divided by their sum.
Applying needs the standard library only, so that a child and an exported folder do it alike.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from app.domain.errors import BadInput, Damaged
from app.domain.problem import Task

if TYPE_CHECKING:
    import numpy as np

Method = Literal["isotonic", "sigmoid"]
SMALLEST = 1e-6
"""Chances nearer to 0 or 1 count as this far: what float32 can still tell apart, so that ONNX gives the same."""
MOST_KNOTS = 200


@dataclass(frozen=True)
class Curve:
    """A rising curve from score to probability: straight lines between knots, or `slope * log-odds + intercept`."""

    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    slope: float = 0.0
    intercept: float = 0.0

    def at(self, score: float) -> float:
        """The probability of a score.

        >>> Curve(x=(0.0, 1.0), y=(0.2, 0.6)).at(0.5), Curve(slope=1.0).at(0.25)
        (0.4, 0.25)
        """
        if not self.x:
            held = min(max(score, SMALLEST), 1 - SMALLEST)
            odds = self.slope * math.log(held / (1 - held)) + self.intercept
            return 1 / (1 + math.exp(-odds)) if odds >= 0 else 1 - 1 / (1 + math.exp(odds))
        place = bisect_right(self.x, score)
        if place == 0:
            return self.y[0]
        if place == len(self.x):
            return self.y[-1]
        left, right = self.x[place - 1], self.x[place]
        return self.y[place - 1] + (self.y[place] - self.y[place - 1]) * (score - left) / (right - left)


@dataclass(frozen=True)
class Calibration:
    """The curves of a model, one, or one for each class of a multiclass model; `rows` were used to fit them.

    >>> Calibration.of_json(Calibration("sigmoid", (Curve(slope=1.0),), 10).as_json()).apply([0.25])
    [0.25]
    """

    method: Method
    curves: tuple[Curve, ...]
    rows: int

    def apply(self, flat: Sequence[float]) -> list[float]:
        """Calibrated numbers of a flat list: a number a row, or a number a class and row."""
        width = len(self.curves)
        if width == 1:
            return [self.curves[0].at(score) for score in flat]
        placed = [self.curves[at % width].at(score) for at, score in enumerate(flat)]
        for start in range(0, len(placed), width):
            total = sum(placed[start : start + width])
            for at in range(start, start + width):
                placed[at] = placed[at] / total if total > 0 else 1 / width
        return placed

    def apply_matrix(self, matrix: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        """The same for a float64 matrix of (rows, outputs)."""
        import numpy as np

        placed = np.column_stack([_at(curve, matrix[:, at]) for at, curve in enumerate(self.curves)])
        if len(self.curves) == 1:
            return placed
        total = placed.sum(axis=1, keepdims=True)
        return np.where(total > 0, placed / np.where(total > 0, total, 1), 1 / len(self.curves))

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return {
            "method": self.method,
            "rows": self.rows,
            "curves": [
                {"x": list(c.x), "y": list(c.y)} if c.x else {"slope": c.slope, "intercept": c.intercept}
                for c in self.curves
            ],
        }

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Self:
        """Inverse of `as_json`; raises Damaged for anything else."""
        try:
            method = document["method"]
            curves = tuple(
                Curve(
                    tuple(map(float, c.get("x", ()))),
                    tuple(map(float, c.get("y", ()))),
                    float(c.get("slope", 0)),
                    float(c.get("intercept", 0)),
                )
                for c in document["curves"]
            )
            rising = all(
                len(c.x) == len(c.y) and all(a < b for a, b in zip(c.x, c.x[1:], strict=False)) for c in curves
            )
            finite = all(map(math.isfinite, [n for c in curves for n in (*c.x, *c.y, c.slope, c.intercept)]))
            if method not in ("isotonic", "sigmoid") or not curves or not rising or not finite:
                raise ValueError("it is no calibration")
            return cls(method, curves, int(document["rows"]))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Damaged("model package refused: its calibration cannot be read", next_step=_FSCK) from None


def fit_calibration(
    task: Task, method: Method, truth: "np.ndarray[Any, Any]", predicted: "np.ndarray[Any, Any]"
) -> Calibration:
    """Curves of predictions on rows that the model has not learned from; raises BadInput for a regression or one class.

    >>> import numpy as np
    >>> truth = np.array([0.0, 0.0, 1.0, 1.0])
    >>> fit_calibration(Task.BINARY, "isotonic", truth, np.array([0.1, 0.2, 0.3, 0.4])).apply([0.1, 0.4])
    [0.0, 1.0]
    """
    import numpy as np

    if task is Task.REGRESSION:
        raise BadInput(
            "a regression gives no probabilities to calibrate",
            where="evaluation.calibration",
            next_step='set evaluation.calibration = "none" in project.toml',
        )
    shares = predicted.reshape(len(truth), -1)
    classes = [1.0] if task is Task.BINARY else [float(c) for c in range(shares.shape[1])]
    curves = []
    for at, wanted in enumerate(classes):
        hit = (truth == wanted).astype(np.float64)
        if task is Task.BINARY and hit.min() == hit.max():
            raise BadInput(
                "the rows held back for calibration have one class only",
                where="evaluation.calibration",
                next_step='set evaluation.calibration = "none" in project.toml, or bring more data',
            )
        curves.append(_isotonic(hit, shares[:, at]) if method == "isotonic" else _sigmoid(hit, shares[:, at]))
    return Calibration(method, tuple(curves), len(truth))


def _isotonic(hit: Any, scores: Any) -> Curve:
    import numpy as np
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, hit)
    x, y = np.asarray(fitted.X_thresholds_, dtype=np.float64), np.asarray(fitted.y_thresholds_, dtype=np.float64)
    kept = np.concatenate([[True], np.diff(x) > 0])
    x, y = x[kept], y[kept]
    if len(x) > MOST_KNOTS:  # thinned evenly; a straight line stands for the knots between
        places = np.unique(np.linspace(0, len(x) - 1, MOST_KNOTS).round().astype(int))
        x, y = x[places], y[places]
    return Curve(tuple(x.tolist()), tuple(y.tolist()))


def _sigmoid(hit: Any, scores: Any) -> Curve:
    """Newton's method on Platt's smoothed targets (Lin, Lin and Weng 2007)."""
    import numpy as np

    ones, zeros = float(hit.sum()), float(len(hit) - hit.sum())
    target = np.where(hit == 1, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    held = np.clip(scores, SMALLEST, 1 - SMALLEST)
    columns = np.column_stack([np.log(held / (1 - held)), np.ones(len(hit))])
    weights = np.array([1.0, 0.0])

    def loss(at: Any) -> float:
        odds = columns @ at
        return float(np.sum(np.logaddexp(0, odds) - target * odds))

    now = loss(weights)
    for _ in range(100):
        shares = 1 / (1 + np.exp(-np.clip(columns @ weights, -500, 500)))
        slope = columns.T @ (shares - target)
        bend = (columns * (shares * (1 - shares))[:, None]).T @ columns + 1e-9 * np.eye(2)
        step = np.linalg.solve(bend, slope)
        size = 1.0
        while size > 1e-10 and loss(weights - size * step) > now:
            size /= 2
        weights = weights - size * step
        before, now = now, loss(weights)
        if before - now < 1e-12 * (1 + abs(now)):
            break
    return Curve(slope=max(float(weights[0]), 0.0), intercept=float(weights[1]))


def _at(curve: Curve, scores: Any) -> Any:
    import numpy as np

    if curve.x:
        return np.interp(scores, curve.x, curve.y)
    held = np.clip(scores, SMALLEST, 1 - SMALLEST)
    odds = curve.slope * np.log(held / (1 - held)) + curve.intercept
    return np.where(odds >= 0, 1 / (1 + np.exp(-np.abs(odds))), 1 - 1 / (1 + np.exp(-np.abs(odds))))


_FSCK = "trainmaster store fsck"
__all__ = ["Calibration", "Curve", "Method", "fit_calibration"]
