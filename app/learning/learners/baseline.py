"""The naive baselines: the rate of the group, the last values of the group, the value of the season.

`rate` means the target over the rows with the same value of `by`; `last` over the newest `window` of them (rows come in
the order of time); `seasonal` is `rate` by a number that comes again (hour, weekday). Without `by` the column is chosen
on the training rows: the one whose groups differ most. Small groups are drawn to the mean of all rows.
"""

from typing import Any

from app.domain.errors import BadInput
from app.domain.project import Learner
from app.learning.learners.estimators import Estimator, classification
from app.learning.learners.method import Columns, Question, Rows
from app.learning.learners.table import SMOOTHING, Table, choose

METHODS = ("rate", "last", "seasonal")
WINDOW = 50


class NaiveBaseline(Estimator):
    """What a clerk with a table would say."""

    kind = "naive"
    allowed = frozenset({"method", "by", "window", "smoothing"})
    space = {"method": METHODS}

    def refusal(self, question: Question) -> str:
        """It answers every question."""
        return ""

    def size(self, learner: Learner, rounds: int, columns: int) -> float:
        """A table."""
        return 10.0

    def build(self, question: Question, columns: Columns, rows: Rows, learner: Learner, threads: int) -> Any:
        """The table, with its column chosen."""
        method = str(learner.parameters.get("method", "rate"))
        if method not in METHODS:
            raise BadInput(
                f"learner.parameters.method is {method[:60]!r}",
                where="project.toml [learner.parameters]",
                next_step=f"use one of: {', '.join(METHODS)}",
            )
        by = learner.parameters.get("by")
        smoothing = float(learner.parameters.get("smoothing", SMOOTHING))
        place = columns.place(str(by)) if by is not None else choose(method, columns, rows, smoothing)
        return Table(
            by=place,
            window=int(learner.parameters.get("window", WINDOW)) if method == "last" else None,
            smoothing=smoothing,
            classes=question.classes if classification(question.task) else 0,
            quantile=question.quantile,
        )

    def stored(self, estimator: Any, rows: Rows) -> Any:
        """The same table as an estimator of scikit-learn, which is only loaded for this."""
        from app.learning.learners.naive import Naive

        found: Any = Naive()
        found.__dict__.update(vars(estimator))
        return found


__all__ = ["NaiveBaseline"]
