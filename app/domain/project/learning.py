"""Steps 14, 15 and 20: `[split]` and `[learner]`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from app.domain.project.section import Column, Section


class Split(Section):
    """Step 14: what is held out, by `kind`.

    `time` keeps the newest window, behind a gap of `gap_hours`; `random` a seeded share, of every class alike;
    `stratified` a seeded share of every value of the columns `strata` (and class) alike; `group` a seeded share of the
    values of the columns `group`, so that rows that belong together stand on one side.
    """

    kind: Literal["time", "random", "stratified", "group"] = "random"
    test_months: int = Field(default=1, ge=1)
    train_months: int | None = Field(default=None, ge=1)
    gap_hours: float = Field(default=0, ge=0)
    test_share: float = Field(default=0.25, gt=0, lt=1)
    group: tuple[Column, ...] = Field(default=(), strict=False)
    strata: tuple[Column, ...] = Field(default=(), strict=False)
    seed: int = 7

    @model_validator(mode="after")
    def _has_its_columns(self) -> Self:
        for kind, columns in (("group", self.group), ("stratified", self.strata)):
            if self.kind == kind and not columns:
                raise ValueError(f"split.kind = '{kind}' needs split.{'group' if kind == 'group' else 'strata'}")
            if self.kind != kind and columns:
                raise ValueError(f"split.{'group' if kind == 'group' else 'strata'} needs split.kind = '{kind}'")
        return self


LearnerKind = Literal["lightgbm", "logistic", "linear", "forest", "hist", "mlp", "dummy", "naive"]


class Learner(Section):
    """Steps 15 and 20: the algorithm and its hyperparameters.

    `rounds` are boosting rounds (lightgbm, hist); `balance` makes every class weigh the same, whatever its share.
    A fit that takes longer than `minutes` (default: ten times what was expected at most, and not below ten minutes) or
    more memory than `memory_gb` (default: 80 % of what is free) is ended, and its run has failed.
    """

    kind: LearnerKind = "lightgbm"
    rounds: int = Field(default=300, ge=1, le=100_000)
    parameters: dict[str, float | int | str | bool] = Field(default_factory=dict)
    seed: int = 7
    balance: bool = False
    device: Literal["auto", "cpu", "gpu", "cuda"] = "auto"
    device_policy: Literal["fall-back", "fail"] = "fall-back"
    minutes: float | None = Field(default=None, gt=0)
    memory_gb: float | None = Field(default=None, gt=0)
