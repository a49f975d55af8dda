"""Step 21: `[gates]`."""

from app.domain.project.section import Section


class Gates(Section):
    """Step 21: what a version must reach before it may serve; gains are in the metric's own unit, positive is good."""

    minimum_gain_over_baseline: float = 0.0
    minimum_gain_over_production: float = 0.0
    minimum_value: float | None = None
    maximum_value: float | None = None
    clean_commit: bool = True
    reproducible: bool = False
