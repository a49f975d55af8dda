"""Fits of the project's own learner on parts of its history, kept by content: the same rows are not fitted twice."""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import zipfile
import zlib
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
    from app.learning.parser import Parsed
    from app.learning.signature import Signature

FORMAT = 2
UNREADABLE = (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)
"""A file that is not there, or is damaged: what it held is made again."""


class Fits:
    """Scores of a month by the model of a lesson: fitted when one is first asked for, then read from `folder`.

    A file is named by everything that decides the scores: the features' version, their columns, the learner with its
    parameters, the rule of the labels, and the lesson. The model is kept too, so a month that is asked for later is no
    second fit. `made` counts real fits.
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
        self._known: dict[tuple[Lesson, int], Floats] = {}
        self._models: dict[Lesson, tuple[Signature, Parsed]] = {}
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
        asked = (lesson, month)
        if asked not in self._known:
            found = self._read_scores(lesson, month)
            if found is None:
                found = self._scored(lesson, month)
                self._write(self._path(lesson, month), scores=found)
            self._known[asked] = found
        return self._known[asked]

    def _path(self, lesson: Lesson, month: int | None = None) -> Path:
        """The file of a lesson's model, or of its scores of a month."""
        name = hashlib.sha256(canonical_json([self._facts, lesson.until, lesson.months]).encode()).hexdigest()[:32]
        return self._folder / (f"{name}.npz" if month is None else f"{name}-{month}.npz")

    def _read_scores(self, lesson: Lesson, month: int) -> Floats | None:
        try:
            with np.load(io.BytesIO(self._path(lesson, month).read_bytes()), allow_pickle=False) as stored:
                found = np.asarray(stored["scores"], dtype=np.float64)
        except UNREADABLE:
            return None
        return found if len(found) == len(self._history.rows_of(month)) else None

    def _scored(self, lesson: Lesson, month: int) -> Floats:
        from app.learning import encode

        if lesson not in self._models:
            self._models[lesson] = self._read_model(lesson) or self._fit(lesson)
        signature, parsed = self._models[lesson]
        rows = self._history.rows_of(month)
        matrix = encode.encode(self._history.frame.iloc[rows], signature).matrix
        return np.asarray(parsed.predict_matrix(matrix, threads=self._threads), dtype=np.float64).reshape(len(rows))

    def _read_model(self, lesson: Lesson) -> tuple[Signature, Parsed] | None:
        from app.domain.errors import BadInput, Damaged
        from app.learning.formats import format_of
        from app.learning.parser import parse
        from app.learning.signature import Signature

        try:
            with np.load(io.BytesIO(self._path(lesson).read_bytes()), allow_pickle=False) as stored:
                told = json.loads(stored["told"].tobytes())
                signature = Signature.of_json(told["signature"])
                return signature, parse(format_of(told["format"]), stored["content"].tobytes(), signature)
        except (*UNREADABLE, TypeError, BadInput, Damaged):
            return None

    def _fit(self, lesson: Lesson) -> tuple[Signature, Parsed]:
        from app.learning import encode, learners
        from app.learning.formats import format_of
        from app.learning.parser import parse

        rows = self._history.lesson_rows(lesson)
        problem = self._project.problem
        back = "all history" if lesson.months is None else f"{lesson.months} months"
        self._told(f"fitting {back} before {self._history.begin(lesson.until):%Y-%m}: {len(rows):,} rows")
        taught = self._history.frame.iloc[rows]
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
        told = canonical_json({"format": fitted.format, "signature": signature.as_json()}).encode()
        content = np.frombuffer(fitted.content, np.uint8)
        self._write(self._path(lesson), told=np.frombuffer(told, np.uint8), content=content)
        return signature, parse(format_of(fitted.format), fitted.content, signature)

    def _write(self, path: Path, **arrays: np.ndarray[Any, Any]) -> None:
        """Write a file, complete or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        part = self._folder / f".{secrets.token_hex(6)}.part"
        try:
            part.write_bytes(buffer.getvalue())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


__all__ = ["Fits"]
