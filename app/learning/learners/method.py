"""What every learner is: a name, a space, a preparation that is made once, and fits that grow from it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import numpy as np

from app.domain.errors import BadInput
from app.domain.problem import Task
from app.domain.project import Learner, LearnerKind
from app.domain.project.search import Space

if TYPE_CHECKING:
    import pyarrow as pa

Floats = np.ndarray[Any, np.dtype[np.float64]]
Format = Literal["lightgbm-text", "skops"]
Progress = Callable[[int, int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Question:
    """What is asked of a learner: the task, how many classes it has (0 for a regression), the quantile when one is."""

    task: Task
    classes: int = 0
    quantile: float | None = None


@dataclass(frozen=True)
class Columns:
    """The columns of an encoded matrix: their names, and the places of those that hold codes of categories."""

    names: tuple[str, ...]
    categories: tuple[int, ...] = ()

    @property
    def numbers(self) -> tuple[int, ...]:
        """The places of the other columns."""
        return tuple(at for at in range(len(self.names)) if at not in self.categories)

    def place(self, name: str) -> int:
        """Where a column stands; raises BadInput for a name that is none."""
        if name not in self.names:
            raise BadInput(
                f"there is no feature {name!r} to group by",
                where="project.toml [learner.parameters]",
                next_step=f"use one of: {', '.join(self.names[:20])}",
            )
        return self.names.index(name)


@dataclass(frozen=True)
class Rows:
    """Encoded rows to learn from: a matrix or Arrow table, the target, and a weight for each row or None."""

    matrix: "Floats | pa.Table" = field(repr=False)
    target: Floats = field(repr=False)
    weights: Floats | None = field(default=None, repr=False)


def as_matrix(rows: "Floats | pa.Table") -> Floats:
    """Encoded rows as one column-major float64 matrix; what is missing in an Arrow table is NaN.

    >>> import pyarrow as pa
    >>> as_matrix(pa.table({"f0": pa.array([1, None], pa.int32())})).tolist()
    [[1.0], [nan]]
    """
    if isinstance(rows, np.ndarray):
        return cast(Floats, rows)
    matrix = np.empty((rows.num_rows, rows.num_columns), dtype=np.float64, order="F")
    for place, column in enumerate(rows.columns):
        matrix[:, place] = column.to_numpy()
    return matrix


@dataclass(frozen=True)
class Fitted:
    """A model as bytes, the settings that made it, and points (round, value) of metrics on the watched rows."""

    content: bytes = field(repr=False)
    format: Format
    learner: LearnerKind
    parameters: dict[str, object]
    rounds: int
    points: dict[str, list[tuple[int, float]]] = field(default_factory=dict)


class Growing(ABC):
    """A fit under way, of `total` rounds; a learner without rounds has one."""

    stepwise: ClassVar[bool] = False
    """Whether it can stop after each round; else it grows all at once."""
    total: int
    done: int = 0

    @abstractmethod
    def grow(self, until: int) -> bool:
        """Learn until `until` rounds are done; True when there is no more to learn, however many are left."""

    @abstractmethod
    def watched(self) -> Floats:
        """Predictions for the watched rows: (rows,), or (rows, classes) for a multiclass question."""

    @abstractmethod
    def content(self) -> bytes:
        """The model so far, as it is stored."""

    def curve(self) -> list[tuple[int, Floats]]:
        """Predictions for the watched rows at earlier rounds, for a fit that grows all at once; else nothing."""
        return []


class Prepared(ABC):
    """Rows made ready for a learner (binned, imputed, scaled): any number of fits grow from them."""

    @abstractmethod
    def begin(self, learner: Learner, threads: int) -> Growing:
        """Begin a fit; raises BadInput for hyperparameters that the learner refuses."""


class Method(ABC):
    """A learner."""

    kind: ClassVar[LearnerKind]
    format: ClassVar[Format] = "skops"
    space: ClassVar[Space] = {}
    allowed: ClassVar[frozenset[str]] = frozenset()
    """Hyperparameters that a project may set; others name files and machines or would break determinism."""

    @abstractmethod
    def refusal(self, question: Question) -> str:
        """Why this learner does not answer a question, or nothing."""

    @abstractmethod
    def prepare(
        self, question: Question, columns: Columns, rows: Rows, watch: "Floats | pa.Table | None", learner: Learner
    ) -> Prepared:
        """Make rows (and the rows to watch) ready."""

    def preparation(self, learner: Learner) -> Mapping[str, object]:
        """The hyperparameters that a preparation depends on: fits that agree on them share one."""
        return {}

    def settings(self, question: Question, learner: Learner, threads: int) -> dict[str, object]:
        """Every parameter of a fit, to be recorded."""
        return {"seed": learner.seed, **learner.parameters}

    def size(self, learner: Learner, rounds: int, columns: int) -> float:
        """About how many numbers a fitted model holds: what the rule of the smallest model compares."""
        return float(columns)

    def check(self, question: Question, learner: Learner) -> None:
        """Raise BadInput when the question or a hyperparameter is not for this learner."""
        refused = self.refusal(question)
        if refused:
            raise BadInput(
                f"learner.kind = {self.kind!r} {refused}",
                where="project.toml [learner]",
                next_step='set learner.kind = "lightgbm"',
            )
        for name in learner.parameters:
            if name not in self.allowed:
                raise BadInput(
                    f"learner.parameters.{name} cannot be set for {self.kind}",
                    where="project.toml",
                    next_step=f"use one of: {', '.join(sorted(self.allowed)) or 'none, it has no hyperparameters'}",
                )
