"""`project.toml`: charter, problem, requirement, sources, views, split, learner, gates, monitoring, feedback."""

import hashlib
import json
import tomllib
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from app.domain.errors import BadInput
from app.domain.ids import is_name
from app.domain.problem import METRICS_OF, MetricName, Task
from app.domain.text import visible

Text = Annotated[str, Field(min_length=1, max_length=2000)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Column = Annotated[str, Field(min_length=1, max_length=256)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of `project.toml`; unknown keys and wrong types are errors, NaN and infinity too."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


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
    """Step 3: what is predicted, for whom, when, and how it is judged."""

    task: Annotated[Task, Field(strict=False)]
    target: Column
    metric: Annotated[MetricName | None, Field(strict=False)] = None
    entity: tuple[Column, ...] = Field(default=(), strict=False)
    event_time: Column | None = None
    label_time: Column | None = None
    slices: tuple[Column, ...] = Field(default=(), strict=False)

    @property
    def judged_by(self) -> MetricName:
        """The metric that decides."""
        return self.metric or METRICS_OF[self.task][0]

    @model_validator(mode="after")
    def _metric_fits_task(self) -> Self:
        if self.metric is not None and self.metric not in METRICS_OF[self.task]:
            names = ", ".join(METRICS_OF[self.task])
            raise ValueError(f"metric {self.metric} does not fit a {self.task} task; choose one of {names}")
        return self


class ColumnRule(Section):
    """Step 4: what one column of a source must hold; a row that breaks it goes to quarantine."""

    type: Literal["integer", "number", "text", "boolean", "time"] | None = None
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str | int, ...] | None = Field(default=None, strict=False)
    unique: bool = False
    privacy: Literal["public", "internal", "personal", "protected"] = "internal"
    reason: str = ""


class Source(Section):
    """Steps 5 and 8: where raw rows come from; `path` is a glob relative to the project folder."""

    path: Text
    columns: dict[Column, ColumnRule] = Field(default_factory=dict)
    unique_key: tuple[Column, ...] = Field(default=(), strict=False)
    time: Column | None = None
    max_quarantined_share: Share = 0.1
    minimum_rows: int = Field(default=1, ge=0)
    watch: bool = True


class View(Section):
    """Step 7: one feature view, computed by the function of `features.py` that has its name.

    With `event_time` the join takes the newest row at or before the spine's event time, known by then
    (`created_time`), and not older than `ttl_hours`; without it the join is by entity alone.
    """

    entity: tuple[Column, ...] = Field(min_length=1, strict=False)
    event_time: Column | None = None
    created_time: Column | None = None
    ttl_hours: float | None = Field(default=None, gt=0)
    description: str = ""
    owner: str = ""


class Spine(Section):
    """The labelled rows: one function of `features.py` gives entity keys, event time, label time and target."""

    function: Name


class Split(Section):
    """Step 14: what is held out; `time` keeps the newest window, `random` a seeded (stratified) share."""

    kind: Literal["time", "random"] = "random"
    test_months: int = Field(default=1, ge=1)
    train_months: int | None = Field(default=None, ge=1)
    gap_hours: float = Field(default=0, ge=0)
    test_share: float = Field(default=0.25, gt=0, lt=1)
    seed: int = 7


class Learner(Section):
    """Steps 15 and 20: the algorithm and its hyperparameters (LightGBM's names)."""

    kind: Literal["lightgbm"] = "lightgbm"
    rounds: int = Field(default=300, ge=1, le=100_000)
    parameters: dict[str, float | int | str | bool] = Field(default_factory=dict)
    seed: int = 7


class Gates(Section):
    """Step 21: what a version must reach before it may serve; gains are in the metric's own unit, positive is good."""

    minimum_gain_over_baseline: float = 0.0
    minimum_gain_over_production: float = 0.0
    minimum_value: float | None = None
    maximum_value: float | None = None
    clean_commit: bool = True


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


class Feedback(Section):
    """Steps 27 and 28: which signals retrain, how often at most, and who promotes."""

    retrain_on: tuple[str, ...] = Field(default=(), strict=False)
    cool_down_hours: float = Field(default=24, ge=0)
    minimum_new_labels: int = Field(default=1, ge=0)


class ProjectFile(Section):
    """The whole `project.toml`.

    >>> text = '''
    ... name = "demo"
    ... [charter]
    ... goal = "know it sooner"
    ... kpi = "auc"
    ... owner = "ana"
    ... [problem]
    ... task = "binary"
    ... target = "late"
    ... [sources.rows]
    ... path = "data/*.csv"
    ... [spine]
    ... function = "labelled"
    ... [views.facts]
    ... entity = ["id"]
    ... '''
    >>> project = parse_project(text, "project.toml")
    >>> project.problem.judged_by, project.views["facts"].entity
    (<MetricName.AUC: 'auc'>, ('id',))
    """

    name: Name
    title: str = ""
    charter: Charter
    problem: Problem
    sources: dict[Name, Source] = Field(min_length=1)
    spine: Spine
    views: dict[Name, View] = Field(min_length=1)
    split: Split = Field(default_factory=Split)
    learner: Learner = Field(default_factory=Learner)
    gates: Gates = Field(default_factory=Gates)
    monitoring: Monitoring = Field(default_factory=Monitoring)
    feedback: Feedback = Field(default_factory=Feedback)

    @model_validator(mode="after")
    def _names_are_safe(self) -> Self:
        for what, names in (("project", [self.name]), ("source", self.sources), ("view", self.views)):
            for name in names:
                if not is_name(name):
                    raise ValueError(f"{what} name {name!r}: use lower-case letters, digits, - and _, letter first")
        if self.split.kind == "time" and self.problem.event_time is None:
            raise ValueError("split.kind = 'time' needs problem.event_time")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the content, whatever its layout in the file."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def parse_project(text: str, where: str) -> ProjectFile:
    """Read a `project.toml`; raises BadInput naming the key or the line."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"not valid TOML: {error}", where=where, next_step=f"correct {where}") from None
    try:
        return ProjectFile.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = visible(".".join(str(part) for part in first["loc"]), longest=200)
        message = first["msg"].removeprefix("Value error, ")
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise BadInput(
            f"{key + ': ' if key else ''}{visible(message)}{more}", where=where, next_step=f"correct {where}"
        ) from None


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no NaN, for digests.

    >>> canonical_json({"b": 1, "a": [1.5]})
    '{"a":[1.5],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
