"""scikit-learn estimators as bytes and back, by skops: types are on a list that stands here, never in a package."""

import importlib
import json
from collections.abc import Sequence
from typing import Any

from app.domain.errors import BadInput, Damaged, Unavailable
from app.domain.problem import Task
from app.learning.formats import SCHEMA, canonical_skops, members_of
from app.learning.openmp import wait_passively
from app.learning.signature import Signature
from app.learning.standalone import TRUSTED as STANDALONE

NAIVE = "app.learning.learners.naive.Naive"
"""The one estimator of our own: the naive baseline."""
TRUSTED = (NAIVE, *STANDALONE)
"""Types beside those that skops itself calls safe; all of them hold numbers only."""
BUILTINS = frozenset({"bool", "bytes", "dict", "float", "int", "list", "NoneType", "set", "slice", "str", "tuple"})
ALONE = frozenset({NAIVE, "functools.partial"})
PACKAGES = frozenset({"numpy", "scipy", "sklearn", "collections"})


def dump_estimator(estimator: object) -> bytes:
    """A fitted estimator as canonical skops bytes: the same estimator gives the same bytes.

    Raises Unavailable without skops, BadInput for an estimator that holds a type which would not be loaded again.
    """
    skops_io = _skops()
    content = canonical_skops(skops_io.dumps(estimator))
    try:
        _refuse_foreign(content)
    except Damaged as error:
        raise BadInput(error.message, next_step="use another learner") from None
    return content


def load_estimator(content: bytes) -> Any:
    """The estimator of skops bytes whose digest was checked; raises Damaged for types that are not on the list."""
    _refuse_foreign(content)
    wait_passively()
    skops_io = _skops()
    try:
        unknown = [name for name in skops_io.get_untrusted_types(data=content) if name not in TRUSTED]
        if unknown:
            raise _damaged(f"it holds {', '.join(unknown)[:200]}, which is not on the list of types that are loaded")
        return skops_io.loads(content, trusted=list(TRUSTED))
    except Damaged:
        raise
    except Exception as error:  # whatever the parser finds in it
        raise _damaged(f"{type(error).__name__}: {str(error)[:200]}") from None


class Estimator:
    """A parsed estimator behind the same face as `native.Trees`: flat numbers in, flat numbers out."""

    def __init__(self, content: bytes, signature: Signature) -> None:
        import numpy as np

        self._np = np
        self.estimator = load_estimator(content)
        self._task = signature.task
        self.inputs = int(getattr(self.estimator, "n_features_in_", len(signature.features)))
        self._classes = len(signature.classes)
        self.outputs = signature.outputs if self._task is Task.MULTICLASS else 1

    def predict(self, flat: Sequence[float], rows: int, *, threads: int = 1) -> list[float]:
        """Predictions of a flat row-major list of `rows` x `inputs` numbers; `outputs` numbers a row."""
        matrix = self._np.asarray(flat, dtype=self._np.float64).reshape(rows, -1)
        answers: list[float] = self.predict_matrix(matrix, threads=threads).ravel().tolist()
        return answers

    def predict_matrix(self, matrix: Any, *, threads: int | None = None) -> Any:
        """Predictions of a float64 matrix (rows, inputs) as (rows, outputs)."""
        del threads  # scikit-learn decides
        from app.learning.learners.stored import answers

        if len(matrix) == 0:
            return self._np.zeros((0, self.outputs))
        return answers(self.estimator, matrix, self._task, self._classes).reshape(len(matrix), self.outputs)


def _refuse_foreign(content: bytes) -> None:
    """Raise Damaged for an archive with a type of a foreign package; nothing is built from it."""
    try:
        schema = json.loads(members_of(content)[SCHEMA])
    except (ValueError, KeyError, RecursionError) as error:
        raise _damaged(f"it is no skops archive ({type(error).__name__})") from None
    nodes: list[object] = [schema]
    while nodes:
        node = nodes.pop()
        if isinstance(node, list):
            nodes.extend(node)
        elif isinstance(node, dict):
            nodes.extend(node.values())
            module, name = node.get("__module__"), node.get("__class__")
            if module is None and name is None:
                continue
            root = str(module).partition(".")[0]
            known = root in PACKAGES or (root == "builtins" and name in BUILTINS) or f"{module}.{name}" in ALONE
            if not known:
                raise _damaged(f"it holds {module}.{name}, which is not on the list of types that are loaded"[:300])


def _skops() -> Any:
    try:
        return importlib.import_module("skops.io")
    except ImportError:
        raise Unavailable(
            "scikit-learn models are kept by skops, which is not installed",
            next_step="pip install 'trainmaster[models]'",
        ) from None


def _damaged(says: str) -> Damaged:
    return Damaged(f"model package refused: {says}", next_step="trainmaster store fsck")


__all__ = ["Estimator", "dump_estimator", "load_estimator"]
