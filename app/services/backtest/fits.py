"""Fits of the project's own learner on parts of its history, kept by content: the same rows are not fitted twice."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.domain.project import canonical_json
from app.learning.openmp import usable_threads
from app.services.backtest.history import Floats, History, Lesson

if TYPE_CHECKING:
    from app.domain.project import ProjectFile
    from app.learning.encode import FeatureLike

FORMAT = 1


class Fits:
    """Scores of every later month for a lesson: fitted when they are first asked for, then read from `folder`.

    A file is named by everything that decides the scores: the features' version, their columns, the learner with its
    parameters, the rule of the labels, and the lesson. `made` counts real fits.
    """

    def __init__(
        self,
        history: History,
        project: ProjectFile,
        features: Sequence[FeatureLike],
        classes: Sequence[str],
        *,
        digest: str,
        folder: Path,
        told: Callable[[str], None],
        threads: int | None = None,
    ) -> None:
        self._history, self._project, self._features, self._classes = history, project, features, classes
        self._folder, self._told, self._threads = folder, told, threads or usable_threads()
        self._known: dict[Lesson, dict[int, Floats]] = {}
        self.made = 0
        facts = {
            "format": FORMAT,
            "features": digest,
            "columns": [[one.name, one.kind] for one in features],
            "learner": project.learner.model_dump(mode="json"),
            "problem": project.problem.model_dump(mode="json"),
        }
        self._facts = canonical_json(facts)

    def scores(self, lesson: Lesson, month: int) -> Floats:
        """The scores of all rows of a month, which begins after the lesson ended."""
        if lesson not in self._known:
            self._known[lesson] = self._read(lesson) or self._fit(lesson)
        return self._known[lesson][month]

    def _path(self, lesson: Lesson) -> Path:
        name = canonical_json([self._facts, lesson.until, lesson.months])
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.npz"

    def _read(self, lesson: Lesson) -> dict[int, Floats] | None:
        path = self._path(lesson)
        later = range(lesson.until, len(self._history))
        try:
            with np.load(path, allow_pickle=False) as stored:
                found = {month: np.asarray(stored[f"m{month}"], dtype=np.float64) for month in later}
        except (OSError, KeyError, ValueError):
            return None  # not there, or written half: it is fitted again
        if any(len(found[month]) != len(self._history.rows_of(month)) for month in later):
            return None
        return found

    def _fit(self, lesson: Lesson) -> dict[int, Floats]:
        from app.learning import encode, learners
        from app.learning.formats import format_of
        from app.learning.parser import parse

        frame, rows = self._history.frame, self._history.lesson_rows(lesson)
        problem = self._project.problem
        back = "all history" if lesson.months is None else f"{lesson.months} months"
        self._told(f"fitting {back} before {self._history.begin(lesson.until):%Y-%m}: {len(rows):,} rows")
        taught = frame.iloc[rows]
        signature = encode.learn_signature(
            taught, self._features, task=problem.task, target=problem.target, classes=tuple(self._classes)
        )
        encoded = encode.encode(taught, signature)
        fitted = learners.fit(
            problem.task,
            encoded.table,
            self._history.truth[rows],
            learner=self._project.learner.model_copy(update={"device": "cpu"}),
            categories=[at for at, one in enumerate(signature.features) if one.kind == "category"],
            names=signature.names,
            classes=len(signature.classes),
            threads=self._threads,
        )
        self.made += 1
        parsed = parse(format_of(fitted.format), fitted.content, signature)
        places = {month: self._history.rows_of(month) for month in range(lesson.until, len(self._history))}
        later = np.concatenate([places[month] for month in places]) if places else np.empty(0, dtype=np.int64)
        matrix = encode.encode(frame.iloc[later], signature).matrix
        scores = np.asarray(parsed.predict_matrix(matrix, threads=self._threads), dtype=np.float64).reshape(len(later))
        ends = np.cumsum([len(one) for one in places.values()])[:-1]
        found = dict(zip(places, np.split(scores, ends), strict=True))
        self._keep(lesson, found)
        return found

    def _keep(self, lesson: Lesson, found: dict[int, Floats]) -> None:
        """Write the scores, complete or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {f"m{month}": values for month, values in found.items()}
        np.savez(buffer, **arrays)
        part = self._folder / f".{secrets.token_hex(6)}.part"
        try:
            part.write_bytes(buffer.getvalue())
            os.replace(part, self._path(lesson))
        finally:
            part.unlink(missing_ok=True)


__all__ = ["Fits"]
