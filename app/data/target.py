"""The answers that come with a source's rows."""

from dataclasses import dataclass

import pandas as pd

from app.domain.problem import Task


@dataclass(frozen=True)
class Target:
    """The answers of the rows that were delivered, in their order; `values` is None when the source holds no label.

    `says` tells where they come from, or why there are none.
    """

    name: str
    task: Task
    values: pd.Series | None
    says: str


NO_TARGET = Target("", Task.BINARY, None, "no target was given")

__all__ = ["NO_TARGET", "Target"]
