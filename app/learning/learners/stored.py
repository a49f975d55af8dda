"""scikit-learn models as bytes: skops, with the list of types that may be loaded here and never in the package.

The same model gives the same bytes: skops names nodes by memory addresses and writes the time, both are replaced.
"""

import hashlib
import io
import json
import zipfile
from typing import Any

import numpy as np

from app.domain.errors import Damaged, Unavailable
from app.domain.problem import Task

Floats = np.ndarray[Any, np.dtype[np.float64]]
MAGIC = b"PK\x03\x04"
TRUSTED = (
    "app.learning.learners.naive.Naive",
    "functools.partial",
    "numpy.dtype",
    "sklearn._loss.link.HalfLogitLink",
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfMultinomialLoss",
    "sklearn._loss.loss.HalfSquaredError",
    "sklearn._loss.loss.PinballLoss",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)
"""Types beyond scikit-learn's public estimators that a model of ours is made of."""
EPOCH = (1980, 1, 1, 0, 0, 0)


def dump(estimator: Any) -> bytes:
    """A fitted estimator as skops bytes; raises Unavailable when skops is not installed."""
    return _same_bytes(_skops().dumps(estimator))


def load(content: bytes) -> Any:
    """The estimator of skops bytes; raises Damaged for other bytes and for types that are not on the list."""
    skops = _skops()
    if not content.startswith(MAGIC):
        raise Damaged("the bytes are not a skops model", next_step="trainmaster store fsck")
    try:
        return skops.loads(content, trusted=list(TRUSTED))
    except Exception as error:  # whatever a parser of bytes throws
        says = str(error).strip().splitlines()[0][:300] if str(error).strip() else ""
        raise Damaged(
            f"the model cannot be loaded: {type(error).__name__} {says}", next_step="trainmaster store fsck"
        ) from None


def answers(estimator: Any, matrix: Any, task: Task, classes: int) -> Floats:
    """Predictions as float64: P(positive) for binary, (rows, classes) for multiclass, numbers for a regression.

    A class that the training rows did not have gets probability 0.
    """
    if task is Task.REGRESSION:
        return np.asarray(estimator.predict(matrix), dtype=np.float64).reshape(-1)
    probabilities = np.asarray(estimator.predict_proba(matrix), dtype=np.float64)
    out = np.zeros((len(probabilities), max(classes, 2)))
    out[:, np.asarray(estimator.classes_).astype(np.int64)] = probabilities
    return out[:, 1].copy() if task is Task.BINARY else out


def _skops() -> Any:
    try:
        import skops.io
    except ImportError:
        raise Unavailable(
            "a scikit-learn model is stored with skops, which is not installed",
            next_step="pip install 'trainmaster[skops]'",
        ) from None
    return skops.io


def _same_bytes(content: bytes) -> bytes:
    """The archive with names by content, node numbers by order, and no time."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    names = {
        name: hashlib.sha256(part).hexdigest()[:32] + ".npy" for name, part in parts.items() if name[-4:] == ".npy"
    }
    schema = json.loads(parts.pop("schema.json"))
    _renumber(schema, names, [0])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        wanted = {names.get(name, name): part for name, part in parts.items()}
        wanted["schema.json"] = json.dumps(schema, sort_keys=True, separators=(",", ":")).encode()
        for name in sorted(wanted):
            place = zipfile.ZipInfo(name, EPOCH)
            place.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(place, wanted[name], compresslevel=1)
    return out.getvalue()


def _renumber(node: Any, names: dict[str, str], counter: list[int]) -> None:
    match node:
        case dict():
            if "__id__" in node:
                counter[0] += 1
                node["__id__"] = counter[0]
            if isinstance(node.get("file"), str):
                node["file"] = names.get(node["file"], node["file"])
            for value in node.values():
                _renumber(value, names, counter)
        case list():
            for value in node:
                _renumber(value, names, counter)


__all__ = ["answers", "dump", "load"]
