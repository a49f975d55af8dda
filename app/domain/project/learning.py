"""Steps 14, 15 and 20: `[split]` and `[learner]`."""

from typing import Literal

from pydantic import Field

from app.domain.project.section import Section


class Split(Section):
    """Step 14: what is held out; `time` keeps the newest window, `random` a seeded (stratified) share."""

    kind: Literal["time", "random"] = "random"
    test_months: int = Field(default=1, ge=1)
    train_months: int | None = Field(default=None, ge=1)
    gap_hours: float = Field(default=0, ge=0)
    test_share: float = Field(default=0.25, gt=0, lt=1)
    seed: int = 7


LearnerKind = Literal["lightgbm", "logistic", "linear", "forest", "hist", "mlp", "dummy", "naive"]


class Learner(Section):
    """Steps 15 and 20: the algorithm and its hyperparameters.

    `rounds` are boosting rounds (lightgbm, hist); `balance` makes every class weigh the same, whatever its share.
    """

    kind: LearnerKind = "lightgbm"
    rounds: int = Field(default=300, ge=1, le=100_000)
    parameters: dict[str, float | int | str | bool] = Field(default_factory=dict)
    seed: int = 7
    balance: bool = False
    device: Literal["auto", "cpu", "gpu", "cuda"] = "auto"
    device_policy: Literal["fall-back", "fail"] = "fall-back"
