"""Steps 1 and 3: `[charter]` and `[problem]`."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from app.domain.problem import METRICS_OF, MetricName, Task
from app.domain.project.section import Column, Section, Text


class Charter(Section):
    """Step 1: why the model exists; no pipeline runs without a goal."""

    goal: Text
    kpi: Text
    kpi_target: float | None = None
    owner: Text
    value_of_right: float = 0.0
    cost_of_wrong: float = 0.0
    kill_criterion: str = ""


class Problem(Section):
    """Step 3: what is predicted, for whom, when, and how it is judged.

    `quantile` makes a regression answer that quantile of the target (0.9: nine of ten are below), not its mean.
    """

    task: Annotated[Task, Field(strict=False)]
    target: Column
    metric: Annotated[MetricName | None, Field(strict=False)] = None
    quantile: float | None = Field(default=None, gt=0, lt=1)
    entity: tuple[Column, ...] = Field(default=(), strict=False)
    event_time: Column | None = None
    label_time: Column | None = None
    slices: tuple[Column, ...] = Field(default=(), strict=False)

    @property
    def judged_by(self) -> MetricName:
        """The metric that decides."""
        usual = MetricName.PINBALL if self.quantile is not None else METRICS_OF[self.task][0]
        return self.metric or usual

    @model_validator(mode="after")
    def _metric_fits_task(self) -> Self:
        if self.quantile is not None and self.task is not Task.REGRESSION:
            raise ValueError(f"quantile belongs to a regression, the task is {self.task}")
        if self.metric is MetricName.PINBALL and self.quantile is None:
            raise ValueError("metric pinball needs problem.quantile")
        if self.metric is not None and self.metric not in METRICS_OF[self.task]:
            names = ", ".join(METRICS_OF[self.task])
            raise ValueError(f"metric {self.metric} does not fit a {self.task} task; choose one of {names}")
        return self
