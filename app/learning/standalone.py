"""Load an exported model without trainmaster, and prove that it gives the stored predictions.

    python verify.py                    # checks digests, loads the model, compares every stored prediction
    python verify.py --predict < records.json    # predicts a JSON list of records instead

As a module: `from verify import Model; Model().predict([{...}, ...])`. Needs numpy, and lightgbm or skops: see
requirements.txt. Nothing is unpickled; the types that a skops file may hold are listed here.
"""

import hashlib
import json
import math
import os
import sys
from bisect import bisect_right
from pathlib import Path
from typing import Any

TOLERANCES = {"trainmaster.lightgbm.text.v1": 0.0, "trainmaster.skops.v1": 1e-12}
"""Trees add in one order everywhere; the sums of scikit-learn's linear algebra may round another way elsewhere."""
TRUSTED = (
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
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)
FILES = {"trainmaster.lightgbm.text.v1": "model.txt", "trainmaster.skops.v1": "model.skops"}


class Model:
    """The model of a folder: digests first, then the parser."""

    def __init__(self, folder: "str | os.PathLike[str] | None" = None) -> None:
        place = Path(folder) if folder is not None else Path(__file__).resolve().parent
        self.manifest = json.loads((place / "manifest.json").read_bytes())
        canary = (place / "canary.json").read_bytes()
        content = (place / FILES[self.manifest["format"]]).read_bytes()
        for what, data, key in (("model", content, "bytes_sha256"), ("canary", canary, "canary_sha256")):
            if hashlib.sha256(data).hexdigest() != self.manifest[key]:
                raise SystemExit(f"the {what} does not have the digest of the manifest: nothing was loaded")
        self.canary = json.loads(canary)
        self.signature = self.manifest["signature"]
        self.calibration = self.manifest.get("calibration")
        self._tables = [
            {text: float(code) for code, text in enumerate(one["categories"])} if one["kind"] == "category" else None
            for one in self.signature["features"]
        ]
        self._load(content)

    def _load(self, content: bytes) -> None:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        if self.manifest["format"] == "trainmaster.lightgbm.text.v1":
            import lightgbm

            self._model: Any = lightgbm.Booster(model_str=content.decode())
            return
        import skops.io

        unknown = [name for name in skops.io.get_untrusted_types(data=content) if name not in TRUSTED]
        if unknown:
            raise SystemExit(f"the model holds types that are not on the list: {', '.join(unknown)}")
        self._model = skops.io.loads(content, trusted=list(TRUSTED))

    def _raw(self, rows: Any) -> Any:
        import numpy as np

        estimator = self._model
        if self.manifest["format"] == "trainmaster.lightgbm.text.v1":
            return estimator.predict(rows, num_threads=1)
        if self.signature["task"] == "regression":
            return np.asarray(estimator.predict(rows), dtype=np.float64).reshape(-1)
        shares = np.asarray(estimator.predict_proba(rows), dtype=np.float64)
        placed = np.zeros((len(rows), max(len(self.signature["classes"]), 2)))
        placed[:, np.asarray(estimator.classes_, dtype=np.float64).astype(np.int64)] = shares
        return placed[:, 1] if self.signature["task"] == "binary" else placed

    def encode(self, records: "list[dict[str, Any]]") -> Any:
        """Records as the float64 matrix that the model sees: categories as codes, NaN for missing."""
        import numpy as np

        flat = []
        for record in records:
            for one, table in zip(self.signature["features"], self._tables, strict=True):
                value = record[one["name"]]
                if table is not None:
                    text = category_text(value)
                    flat.append(math.nan if text is None else table.get(text, math.nan))
                else:
                    number = math.nan if value is None else float(value)
                    flat.append(number if math.isfinite(number) else math.nan)
        return np.asarray(flat, dtype=np.float64).reshape(len(records), len(self._tables))

    def predict(self, records: "list[dict[str, Any]]") -> "list[Any]":
        """A probability a record (binary), a list of them (multiclass), or a number (regression)."""
        if not records:
            return []
        answers = self._raw(self.encode(records))
        rows = [[float(x) for x in row] for row in answers.reshape(len(records), -1).tolist()]
        if self.calibration is not None:
            rows = [self._calibrated(row) for row in rows]
        return rows if self.signature["task"] == "multiclass" else [row[0] for row in rows]

    def _calibrated(self, row: "list[float]") -> "list[float]":
        placed = [curve_at(curve, score) for curve, score in zip(self.calibration["curves"], row, strict=True)]
        if len(placed) == 1:
            return placed
        total = sum(placed)
        return [one / total if total > 0 else 1 / len(placed) for one in placed]

    def verify(self) -> "tuple[int, float]":
        """How many predictions are stored, and the largest difference from them."""
        stored, found = flat(self.canary["predictions"]), flat(self.predict(self.canary["inputs"]))
        if len(stored) != len(found) or not stored:
            return len(stored), math.inf
        pairs = zip(stored, found, strict=True)
        return len(stored), max(abs(a - b) if math.isfinite(b) else math.inf for a, b in pairs)


def flat(values: Any) -> "list[float]":
    """Numbers of a list, or of a list of lists."""
    return [float(x) for row in values for x in (row if isinstance(row, list) else [row])]


def curve_at(curve: "dict[str, Any]", score: float) -> float:
    """The calibrated probability of a score."""
    if not curve.get("x"):
        held = min(max(score, 1e-6), 1 - 1e-6)
        odds = curve["slope"] * math.log(held / (1 - held)) + curve["intercept"]
        return 1 / (1 + math.exp(-odds)) if odds >= 0 else 1 - 1 / (1 + math.exp(odds))
    xs, ys = curve["x"], curve["y"]
    place = bisect_right(xs, score)
    if place == 0 or place == len(xs):
        return float(ys[0] if place == 0 else ys[-1])
    share = (score - xs[place - 1]) / (xs[place] - xs[place - 1])
    return float(ys[place - 1] + (ys[place] - ys[place - 1]) * share)


def category_text(value: Any) -> "str | None":
    """The text of a category value, as it stands in the table of the signature."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return str(value)


def main() -> int:
    """Verify, or predict what comes on stdin; 0 when all is as stored."""
    model = Model()
    if len(sys.argv) > 1 and sys.argv[1] == "--predict":
        print(json.dumps(model.predict(json.load(sys.stdin))))  # noqa: T201
        return 0
    count, largest = model.verify()
    ok = largest <= TOLERANCES[model.manifest["format"]]
    says = f"{count} stored predictions reproduced exactly" if largest == 0 else f"{count} stored predictions, "
    says += "" if largest == 0 else f"the largest difference is {largest:g}"
    print(json.dumps({"ok": ok, "says": says, "predictions": count, "largest_difference": repr(largest)}))  # noqa: T201
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
