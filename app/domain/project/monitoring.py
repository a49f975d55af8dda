"""Step 26: `[monitoring]`."""

from typing import Literal

from pydantic import Field, field_validator

from app.domain.problem import MetricName
from app.domain.project.section import Section

STATISTICS = ("psi", "js", "ks", "wasserstein", "chi2", "missing", "new_categories", "range")
"""What is measured of each feature and of the score; a signal is named STATISTIC.FEATURE."""

SIGNALS = (
    "skill", "bias", "drift", "duplicates", "label_coverage", "label_lag_hours", "skew", "estimated", "constant",
    "estimate_error", "domain_classifier",
)  # fmt: skip
"""The other signals, or what stands before the dot of their names."""


class Monitoring(Section):
    """Step 26: what is watched, and limits; a value past its limit opens an alert.

    Without a limit set by hand, those of the statistics in `alarm_on` come from the calibration that is kept with the
    version: all of them together pass it without cause in `false_alarm_rate` of the windows.
    """

    window: Literal["month", "week", "day", "count", "batch", "all"] = "all"
    window_rows: int = Field(default=10_000, ge=1)
    psi_limit: float | None = Field(default=None, gt=0)
    score_psi_limit: float | None = Field(default=None, gt=0)
    limits: dict[str, float] = Field(default_factory=dict, strict=False)
    minimum_rows: int = Field(default=200, ge=1)
    false_alarm_rate: float = Field(default=0.01, gt=0, le=0.5)
    alarm_on: tuple[str, ...] = Field(
        default=("psi", "wasserstein", "missing", "new_categories", "range"), strict=False
    )

    @field_validator("limits", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        if isinstance(value, dict):
            metrics = {str(name) for name in MetricName}
            for key in value:
                begin, dot, rest = str(key).partition(".")
                known = begin in (STATISTICS if dot and rest else metrics) or begin in SIGNALS or begin in metrics
                if not known:
                    raise ValueError(f"{key!r} is not a metric or signal; choose from {_choices(metrics)}")
        return value

    @field_validator("alarm_on")
    @classmethod
    def _statistics(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in STATISTICS:
                raise ValueError(f"{name!r} is not a statistic; choose from {', '.join(STATISTICS)}")
        return value


def _choices(metrics: set[str]) -> str:
    return ", ".join([*sorted(metrics), *SIGNALS, *(f"{name}.FEATURE" for name in STATISTICS)])
