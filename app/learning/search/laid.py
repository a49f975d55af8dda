"""The rows of a search laid into one file without a name, so that a child maps them and nothing is left by a kill."""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Self

import numpy as np

from app.domain.problem import Task
from app.learning.learners.method import Columns, Floats, Question
from app.learning.search.folds import Fold
from app.learning.search.trial import Material

ALIGNED = 64


@dataclass
class Laid:
    """An open file with the arrays of a search, and the words that say where each stands."""

    file: IO[bytes] = field(repr=False)
    header: dict[str, Any]

    @classmethod
    def out(
        cls,
        question: Question,
        metric: str,
        columns: Columns,
        matrix: Floats,
        target: Floats,
        folds: Sequence[Fold],
    ) -> Self:
        """Write the arrays of the training rows; the test window is none of them."""
        file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close`
        parts = {"matrix": np.asarray(matrix, dtype=np.float64).T, "target": np.asarray(target, dtype=np.float64)}
        for at, fold in enumerate(folds):
            parts[f"train{at}"], parts[f"valid{at}"] = fold.train.astype(np.int64), fold.valid.astype(np.int64)
        places: dict[str, dict[str, object]] = {}
        for name, array in parts.items():
            file.seek(-(-file.tell() // ALIGNED) * ALIGNED)
            places[name] = {"offset": file.tell(), "shape": list(array.shape), "dtype": str(array.dtype)}
            np.ascontiguousarray(array).tofile(file)
        file.flush()
        header = {
            "task": str(question.task),
            "classes": question.classes,
            "quantile": question.quantile,
            "metric": metric,
            "names": list(columns.names),
            "categories": list(columns.categories),
            "folds": [fold.says for fold in folds],
            "arrays": places,
        }
        return cls(file, json.loads(json.dumps(header)))

    def close(self) -> None:
        """Let the bytes go."""
        self.file.close()


def material_of(header: dict[str, Any], descriptor: int, threads: int) -> Material:
    """The same arrays, mapped read-only from an inherited file descriptor."""
    with os.fdopen(descriptor, "rb") as file:
        found = {
            name: np.memmap(file, mode="r", dtype=place["dtype"], offset=place["offset"], shape=tuple(place["shape"]))
            for name, place in header["arrays"].items()
        }
    return Material(
        Question(Task(header["task"]), header["classes"], header["quantile"]),
        header["metric"],
        Columns(tuple(header["names"]), tuple(header["categories"])),
        np.asarray(found["matrix"]).T,
        np.asarray(found["target"]),
        [
            Fold(np.asarray(found[f"train{at}"]), np.asarray(found[f"valid{at}"]), says)
            for at, says in enumerate(header["folds"])
        ],
        threads,
    )


__all__ = ["Laid", "material_of"]
