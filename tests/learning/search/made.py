"""Rows and a bench for trials."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from app.domain.problem import Task
from app.domain.project import Search
from app.learning.learners import Columns, Question
from app.learning.search.bench import Bench, Limits
from app.learning.search.folds import at_random
from app.learning.search.laid import Laid

GENERATOR = np.random.default_rng(5)
COUNT = 1200
ROWS = np.asfortranarray(
    np.column_stack([GENERATOR.normal(size=(COUNT, 3)), GENERATOR.integers(0, 4, COUNT)]), dtype=np.float64
)
TARGET = (ROWS[:, 0] + ROWS[:, 3] + GENERATOR.normal(size=COUNT) > 1.5).astype(float)
COLUMNS = Columns(("a", "b", "c", "kind"), (3,))
QUESTION = Question(Task.BINARY, 2)
FOLDS = at_random(COUNT, Search(folds=3), TARGET)


@contextmanager
def bench(seconds: float = 60.0, memory_bytes: int | None = None) -> Iterator[Bench]:
    """A bench on these rows."""
    laid = Laid.out(QUESTION, "auc", COLUMNS, ROWS, TARGET, FOLDS)
    with Bench(laid, Limits(seconds, memory_bytes, threads=1)) as made:
        yield made
    laid.close()
