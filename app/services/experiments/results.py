"""What each stage of a training run hands to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.domain.gates import GateVerdict
from app.domain.ids import Ref
from app.domain.project import Split

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from app.learning.bootstrap import Interval, Unknown
    from app.learning.encode import Encoded, FeatureLike
    from app.learning.evaluate import Slice
    from app.learning.judged import Judged
    from app.learning.learners import Fitted
    from app.learning.package import Package
    from app.learning.signature import Signature
    from app.learning.split import Parts
    from app.store.queries.training_sets import TrainingSetRow

    Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Pulled:
    """Labelled rows of one pinned version of the features."""

    frame: pd.DataFrame = field(repr=False)
    features: tuple[FeatureLike, ...]
    feature_set_id: int
    version: int
    digest: str
    ref: Ref
    training_set: TrainingSetRow | None = None
    """The named rows that the run was told to learn from, if any; their split is used then, not the project's."""


@dataclass(frozen=True)
class Divided:
    """Encoded train and test rows; `signature` and categories were learned from the training rows alone."""

    parts: Parts
    signature: Signature
    train_rows: Encoded = field(repr=False)
    train_target: Floats = field(repr=False)
    test_rows: Encoded = field(repr=False)
    test_target: Floats = field(repr=False)
    test_frame: pd.DataFrame = field(repr=False)
    rule: Split | None = None
    """The rule of the split, when it is not the project's."""

    @property
    def train(self) -> Floats:
        """The training rows as one matrix; `train_rows.table` gives them to LightGBM without a copy."""
        return self.train_rows.matrix

    @property
    def test(self) -> Floats:
        """The test rows as one matrix."""
        return self.test_rows.matrix


@dataclass(frozen=True)
class Learned:
    """A fitted model, and what its reference says of the training rows, which was made beside the fit."""

    fitted: Fitted
    described: dict[str, object] = field(repr=False)


@dataclass(frozen=True)
class Evaluated:
    """What the test rows say about the model, the baseline and production, how sure, and the verdict of each gate."""

    metrics: dict[str, float]
    baseline: dict[str, float]
    production: dict[str, float] | None
    production_version: int | None
    slices: tuple[Slice, ...]
    gates: tuple[GateVerdict, ...]
    package: Package = field(repr=False)
    profile: dict[str, object] = field(repr=False)
    intervals: dict[str, Interval | Unknown] = field(default_factory=dict)
    verdict: str = ""
    report: dict[str, object] = field(default_factory=dict, repr=False)
    judged: Judged | None = field(default=None, repr=False)
    """The rows that the gates were judged on."""


@dataclass(frozen=True)
class Registered:
    """A new version in staging; `failing` names the gates that it did not pass."""

    model: str
    version: int
    digest: str
    metrics: dict[str, float]
    baseline: dict[str, float]
    failing: tuple[str, ...]
