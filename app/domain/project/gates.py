"""Step 21: `[gates]`."""

from pydantic import Field

from app.domain.project.section import Section, Share


class Gates(Section):
    """Step 21: what a version must reach before it may serve; gains are in the metric's own unit, positive is good.

    A gate that is not declared is not judged. The gain over production must lie above its limit with a probability of
    `confidence`, priced by how many challengers were tried since the last promotion; 0.5 lets the plain number decide.
    """

    minimum_gain_over_baseline: float = 0.0
    minimum_gain_over_production: float = 0.0
    confidence: float = Field(default=0.95, ge=0.5, lt=1)
    minimum_value: float | None = None
    maximum_value: float | None = None
    minimum_slice_value: float | None = None
    maximum_slice_loss: float | None = Field(default=None, ge=0)
    maximum_calibration_error: Share | None = None
    maximum_latency_ms: float | None = Field(default=None, gt=0)
    maximum_memory_mb: float | None = Field(default=None, gt=0)
    maximum_fairness_gap: Share | None = None
    same_schema: bool = True
    data_contract: bool = False
    card_complete: bool = False
    clean_commit: bool = True
    green_ci: bool = False
    reproducible: bool = False
    approvals: int = Field(default=0, ge=0, le=10)
    server_smoke: bool = True
