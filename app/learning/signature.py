"""What a model takes and gives: names, kinds and categories; standard library only, so that a child loads it at once.

The preprocessing is part of the model: a number stays a number, a text becomes the place of its category in the
signature's table. A missing value, an infinity (it is not a measurement) and a category that training has not seen
become NaN, which LightGBM treats as missing. `encode_record` here and `app.learning.encode` for frames give the same.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from app.domain.errors import BadInput
from app.domain.problem import Task

Kind = Literal["number", "category"]
NAN = float("nan")
LONGEST_CATEGORY = 500


@dataclass(frozen=True)
class Feature:
    """One input; `categories` is the table of a category feature, in the order of its codes."""

    name: str
    kind: Kind
    view: str = ""
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Signature:
    """The inputs of a model in order, its task, and its classes (empty for a regression; the last one is positive).

    >>> carrier = Feature("carrier", "category", categories=("AA", "UA"))
    >>> signature = Signature(Task.BINARY, "late", (carrier,), ("0", "1"))
    >>> Signature.of_json(signature.as_json()) == signature
    True
    """

    task: Task
    target: str
    features: tuple[Feature, ...]
    classes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the inputs, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def outputs(self) -> int:
        """How many numbers a prediction has: 1, or one for each class of a multiclass model."""
        return len(self.classes) if self.task is Task.MULTICLASS else 1

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return {
            "task": str(self.task),
            "target": self.target,
            "classes": list(self.classes),
            "features": [
                {"name": f.name, "kind": f.kind, "view": f.view, "categories": list(f.categories)}
                for f in self.features
            ],
        }

    @classmethod
    def of_json(cls, document: Mapping[str, object]) -> Self:
        """Inverse of `as_json`; raises BadInput for anything else."""
        try:
            features = document["features"]
            classes = document["classes"]
            assert isinstance(features, list) and isinstance(classes, list)  # noqa: PT018
            return cls(
                Task(str(document["task"])),
                str(document["target"]),
                tuple(
                    Feature(str(f["name"]), _kind(f["kind"]), str(f.get("view", "")), tuple(f.get("categories", ())))
                    for f in features
                ),
                tuple(str(name) for name in classes),
            )
        except (KeyError, TypeError, ValueError, AssertionError, AttributeError) as error:
            raise BadInput(
                f"not a model signature: {type(error).__name__} {error}", next_step="trainmaster store fsck"
            ) from None


def _kind(text: object) -> Kind:
    if text == "number":
        return "number"
    if text == "category":
        return "category"
    raise ValueError(f"{text!r} is not a kind of feature")


def category_text(value: object) -> str | None:
    """The text of a category value, the same for JSON, Parquet and pandas; None when missing.

    >>> category_text("AA"), category_text(7), category_text(7.0), category_text(True), category_text(float("nan"))
    ('AA', '7', '7', 'true', None)
    """
    if isinstance(value, str):
        return value
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    text = str(value)
    return None if text in ("NaT", "<NA>", "nan") else text


class RecordEncoder:
    """Turns records (JSON objects) into rows of numbers, without numpy or pandas.

    >>> features = (Feature("n", "number"), Feature("c", "category", categories=("a", "b")))
    >>> signature = Signature(Task.BINARY, "y", features)
    >>> RecordEncoder(signature).rows([{"n": 2, "c": "b"}, {"n": None, "c": "never seen"}])
    [2.0, 1.0, nan, nan]
    """

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self._tables = [
            {text: float(code) for code, text in enumerate(f.categories)} if f.kind == "category" else None
            for f in signature.features
        ]

    def rows(self, records: Sequence[Mapping[str, object]]) -> list[float]:
        """All records as one flat row-major list; raises BadInput naming the field that is wrong or absent."""
        flat: list[float] = []
        for number, record in enumerate(records):
            for feature, table in zip(self.signature.features, self._tables, strict=True):
                if feature.name not in record:
                    raise BadInput(
                        f"record {number} has no {feature.name}",
                        where=feature.name,
                        next_step="give every feature of the model; null stands for a missing value",
                    )
                value = record[feature.name]
                if table is not None:
                    text = category_text(value)
                    flat.append(NAN if text is None else table.get(text, NAN))
                else:
                    flat.append(_number(value, feature.name, number))
        return flat


def _number(value: object, name: str, record: int) -> float:
    if value is None:
        return NAN
    if isinstance(value, (int, float)) or hasattr(value, "__float__"):
        try:
            number = float(value)
        except (OverflowError, TypeError, ValueError):
            return NAN
        return number if math.isfinite(number) else NAN
    raise BadInput(
        f"record {record}: {name} must be a number, not {type(value).__name__}",
        where=name,
        next_step=f"give {name} as a number, or null when it is missing",
    )
