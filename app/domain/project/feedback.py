"""Steps 27 and 28: `[feedback]`."""

from typing import Literal

from pydantic import Field

from app.domain.project.section import Section


class Feedback(Section):
    """Steps 27 and 28: what may start a retrain, how often at most, on which rows, and who promotes.

    `retrain_on` names signals; `growth` is the share of new rows (of those that production learned from) that starts
    one without any alarm, `every_days` the schedule. A retrain learns from the last `train_months` before its exam, or
    from all history; with `refit` what has sat its exam is fitted again with the exam's rows. What passes every gate
    waits for a `person`, or goes up by `policy`; after `breaker_after` failed challengers in a row the loop stops.
    """

    retrain_on: tuple[str, ...] = Field(default=(), strict=False)
    growth: float | None = Field(default=None, gt=0)
    every_days: float | None = Field(default=None, gt=0)
    cool_down_hours: float = Field(default=24, ge=0)
    retrains_per_week: int | None = Field(default=None, ge=1)
    minimum_new_labels: int = Field(default=1, ge=0)
    train_months: int | None = Field(default=None, ge=1)
    refit: bool = False
    promote: Literal["person", "policy"] = "person"
    breaker_after: int = Field(default=3, ge=1)


__all__ = ["Feedback"]
