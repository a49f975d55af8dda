"""Steps 15 and 16: `[search]`, the rounds of training and validating, and the spaces that they look through."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from app.domain.project.learning import LearnerKind
from app.domain.project.section import Section

Value = float | int | str | bool
Choices = Annotated[tuple[Value, ...], Field(min_length=1, max_length=100, strict=False)]


class Range(Section):
    """Numbers from `low` to `high`, whole ones when both ends are; `log` looks at sizes instead of differences.

    >>> Range(low=7, high=255, log=True).whole
    True
    """

    low: float | int
    high: float | int
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @model_validator(mode="after")
    def _ends_are_in_order(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
        if self.log and self.low <= 0:
            raise ValueError("a log range begins above 0")
        return self


Dimension = Range | Choices | Value
"""What one hyperparameter may be: a range, a list of choices, or one value that is not searched."""

Space = dict[str, Dimension]


class Search(Section):
    """How the best learner and its hyperparameters are looked for; the test window is never looked at.

    `rule` names the best trial: the best mean over the folds, or the smallest model within one standard error of it.
    `patience` ends the search when so many finished trials in a row were not better by `minimum_gain`; `good` ends it
    when the metric reaches this value. `fold_months` is the length of a validation window (default: that of the test
    window, shorter when there is too little time before it).
    """

    learners: Annotated[tuple[LearnerKind, ...], Field(min_length=1, strict=False)] = ("lightgbm",)
    trials: int = Field(default=30, ge=1, le=100_000)
    minutes: float | None = Field(default=None, gt=0)
    folds: int = Field(default=3, ge=2, le=20)
    fold_months: float | None = Field(default=None, gt=0)
    gap_hours: float | None = Field(default=None, ge=0)
    prune: bool = True
    rule: Literal["best", "one_standard_error"] = "best"
    patience: int | None = Field(default=None, ge=1)
    minimum_gain: float = Field(default=0.0, ge=0)
    good: float | None = None
    seed: int = 7
    trial_minutes: float = Field(default=30, gt=0)
    trial_memory_gb: float | None = Field(default=None, gt=0)
    spaces: dict[LearnerKind, Space] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _spaces_belong_to_learners(self) -> Self:
        if len(set(self.learners)) != len(self.learners):
            raise ValueError("search.learners names a learner twice")
        for kind in self.spaces:
            if kind not in self.learners:
                raise ValueError(f"search.spaces.{kind} is there, but search.learners does not name {kind}")
        return self
