"""Production on the challenger's test rows: the rival of a new model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.services.experiments.results import Divided
from app.services.running import TaskContext

if TYPE_CHECKING:
    import numpy as np

    from app.learning.package import Package
    from app.learning.signature import Signature


@dataclass(frozen=True)
class Rival:
    """The version in production: its predictions and metrics on the challenger's rows, or why there are none."""

    version: int | None = None
    predicted: np.ndarray[Any, Any] | None = None
    metrics: dict[str, float] | None = None
    says: str = ""
    signature: Signature | None = None

    @property
    def name(self) -> str:
        """How a sentence calls it."""
        return f"production v{self.version}"


def judge_production(task: TaskContext, divided: Divided) -> Rival:
    """Score the version in production, when there is one that answers the same question."""
    from app.learning import evaluate as judging
    from app.learning.loader import LoadedModel
    from app.services.registry.packages import package_of, production_version

    name = task.run.project.name
    with task.run.store.read() as session:
        version = production_version(session, name)
        package = package_of(session, version) if version else None
    if version is None or package is None:
        return Rival()
    model, mine = LoadedModel(package), divided.signature
    if model.signature.task is not mine.task or model.signature.classes != mine.classes:
        says = f"v{version.version} in production answers another question: no comparison"
        return Rival(version.version, says=says, signature=model.signature)
    frame = divided.test_frame
    absent = [feature for feature in model.signature.names if feature not in frame.columns]
    if absent:
        frame = frame.assign(**dict.fromkeys(absent))
    predicted = model.predict_frame(frame)
    quantile = task.run.project.file.problem.quantile
    metrics = judging.evaluate(mine.task, divided.test_target, predicted, quantile=quantile)
    says = f"v{version.version} in production"
    says += f" (without {', '.join(absent)[:200]})" if absent else ""
    says += " (which has learned from some of these rows)" if _has_seen(package, divided) else ""
    return Rival(version.version, predicted, metrics, says, model.signature)


def _has_seen(package: Package, divided: Divided) -> bool:
    """Whether a model has learned from rows of the test window, which is unfair to the challenger."""
    until, start = package.manifest["windows"]["train"][1], divided.parts.test_window.start
    return until is not None and start is not None and datetime.fromisoformat(str(until)) >= start


__all__ = ["Rival", "judge_production"]
