"""`project.toml` as one whole: reading it, and its digest."""

import hashlib
import json
import tomllib
from typing import Self

from pydantic import Field, ValidationError, model_validator

from app.domain.errors import BadInput
from app.domain.ids import is_name
from app.domain.project.alerts import Alerts
from app.domain.project.charter import Charter, Problem
from app.domain.project.evaluation import Card, Evaluation
from app.domain.project.feedback import Feedback
from app.domain.project.gates import Gates
from app.domain.project.learning import Learner, Split
from app.domain.project.monitoring import Monitoring
from app.domain.project.search import Search
from app.domain.project.section import Name, Section
from app.domain.project.serving import Serving
from app.domain.project.sources import Source
from app.domain.project.views import Spine, View
from app.domain.text import visible


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
    search: Search = Field(default_factory=Search)
    evaluation: Evaluation = Field(default_factory=Evaluation)
    card: Card = Field(default_factory=Card)
    gates: Gates = Field(default_factory=Gates)
    serving: Serving = Field(default_factory=Serving)
    monitoring: Monitoring = Field(default_factory=Monitoring)
    feedback: Feedback = Field(default_factory=Feedback)
    alerts: Alerts = Field(default_factory=Alerts)

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
