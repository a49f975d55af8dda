"""Step 26: `[monitoring]`."""

from typing import Literal

from pydantic import Field, field_validator

from app.domain.problem import MetricName
from app.domain.project.section import Section


class Monitoring(Section):
    """Step 26: limits of the signals; a value past its limit opens an alert."""

    window: Literal["month", "all"] = "all"
    psi_limit: float = Field(default=0.25, gt=0)
    score_psi_limit: float = Field(default=0.25, gt=0)
    limits: dict[MetricName, float] = Field(default_factory=dict, strict=False)
    minimum_rows: int = Field(default=200, ge=1)

    @field_validator("limits", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        if isinstance(value, dict):
            known = {str(name) for name in MetricName}
            for key in value:
                if str(key) not in known:
                    raise ValueError(f"{key!r} is not a metric; choose from {', '.join(sorted(known))}")
            return {MetricName(str(key)): number for key, number in value.items()}
        return value
