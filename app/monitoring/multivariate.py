"""Whether all features together tell a window from the reference: a domain classifier, judged out of fold."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.monitoring.quality import auc

if TYPE_CHECKING:
    import pandas as pd

    from app.monitoring.trees import Fit

Floats = NDArray[np.float32]
ROWS = 2000
FOLDS = 2
FEWEST = 200
ROUNDS = 20


@dataclass(frozen=True)
class Sample:
    """Up to 2,000 rows of the reference, evenly over its time: (rows, features), categories as places in `words`.

    `limit` is what the classifier reaches between the reference's own stretches of time.
    """

    names: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]
    matrix: Floats = field(compare=False, repr=False)
    limit: float = math.nan

    def rows_of(self, frame: pd.DataFrame, *, seed: int = 7) -> Floats:
        """Up to 2,000 rows of a window in the same columns; a value that the reference did not know is -2."""
        from app.monitoring.drift import word_of
        from app.monitoring.numbers import numbers_of

        rows = np.random.default_rng(seed).permutation(len(frame))[:ROWS]
        chosen, found = frame.iloc[np.sort(rows)], np.full((len(rows), len(self.names)), np.nan, np.float32)
        for at, name in enumerate(self.names):
            if name not in chosen:
                continue
            if name in self.words:
                places = {word: place for place, word in enumerate(self.words[name])}
                found[:, at] = [
                    np.nan if missing else places.get(word_of(value), -2)
                    for value, missing in zip(chosen[name], chosen[name].isna(), strict=True)
                ]
            else:
                numbers = numbers_of(chosen[name])
                found[:, at] = np.where(np.isfinite(numbers), numbers, np.nan)
        return found

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        packed = base64.b64encode(zlib.compress(np.asfortranarray(self.matrix).astype("<f4").tobytes("F"), 6)).decode()
        return {
            "names": list(self.names),
            "words": {name: list(words) for name, words in self.words.items()},
            "matrix": packed,
            "limit": self.limit if math.isfinite(self.limit) else None,
        }

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Sample:
        """What `as_json` gave; raises ValueError for what is damaged."""
        names = tuple(str(name) for name in document["names"])
        unzip = zlib.decompressobj()
        content = unzip.decompress(base64.b64decode(document["matrix"], validate=True), ROWS * max(len(names), 1) * 4)
        if not unzip.eof:
            raise ValueError("a sample that is cut off or far too long")
        matrix = np.frombuffer(content, "<f4").reshape((-1, len(names)), order="F").astype(np.float32)
        words = {str(name): tuple(str(word) for word in each) for name, each in document["words"].items()}
        return cls(names, words, matrix, math.nan if document.get("limit") is None else float(document["limit"]))


def domain_auc(reference: Floats, window: Floats, *, seed: int = 7, fit: Fit | None = None) -> float:
    """The AUC, out of fold, of shallow trees that tell a window's rows from the reference's; .5 is no difference.

    NaN with fewer than 200 rows on a side. One thread, a fixed seed: the same rows give the same number.
    """
    from app.monitoring.trees import fit_and_score

    if min(len(reference), len(window)) < FEWEST:
        return math.nan
    rows = np.concatenate([reference, window]).astype(np.float64)
    origin = np.concatenate([np.zeros(len(reference)), np.ones(len(window))])
    fold = np.random.default_rng(seed).permutation(len(rows)) % FOLDS
    scores = np.empty(len(rows))
    for turn in range(FOLDS):
        held = fold == turn
        scores[held] = fit_and_score(rows[~held], origin[~held], rows[held], rounds=ROUNDS, fit=fit)
    return float(np.mean([auc(origin[fold == turn], scores[fold == turn]) for turn in range(FOLDS)]))


def chance_auc(reference_rows: int, rows: int, beyond: float) -> float:
    """What the AUC reaches by chance alone with probability `beyond` (Mann-Whitney, normal).

    >>> round(chance_auc(2000, 2000, 0.01), 3)
    0.521
    """
    from statistics import NormalDist

    deviation = math.sqrt((reference_rows + rows + 1) / (12 * reference_rows * rows))
    return 0.5 + NormalDist().inv_cdf(1 - beyond) * deviation


def own_limit(matrix: Floats, *, blocks: int = 3, fit: Fit | None = None) -> float:
    """What the classifier reaches between a stretch of the reference and the rest: the largest of a few stretches.

    With `blocks` stretches a like window passes it once in blocks + 1 times; half of its distance to .5 is added.
    """
    cuts = np.linspace(0, len(matrix), blocks + 1).astype(int)
    found: Sequence[float] = [
        domain_auc(
            np.concatenate([matrix[: cuts[at]], matrix[cuts[at + 1] :]]), matrix[cuts[at] : cuts[at + 1]], fit=fit
        )
        for at in range(blocks)
    ]
    known = [one for one in found if math.isfinite(one)]
    if not known:
        return math.nan
    highest = max(*known, 0.5)
    return min(highest + (highest - 0.5) / 2, 0.999)


__all__ = ["Sample", "chance_auc", "domain_auc", "own_limit"]
