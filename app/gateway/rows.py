"""Records to rows of numbers, quickly: what is right goes through C, what is odd is left to the careful way."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from app.gateway.records import MAX_TEXT
from app.learning.signature import NAN, Signature

if TYPE_CHECKING:
    from app.learning.loader import LoadedModel

MOST_PLANS = 1_000
NUMBERS, TEXTS = frozenset({int, float, type(None)}), frozenset({str, type(None)})
Plan = tuple[tuple[int, Mapping[str, float] | None], ...]


class RowReader:
    """Rows in the order of a signature. A plan is made for each combination of types that was seen, and kept.

    >>> from app.domain.problem import Task
    >>> from app.learning.signature import Feature
    >>> features = (Feature("n", "number"), Feature("c", "category", categories=("a", "b")))
    >>> reader = RowReader(Signature(Task.BINARY, "y", features))
    >>> reader.row({"c": "b", "n": 2}), reader.row({"n": None, "c": "never seen"})
    ([2, 1.0], [nan, nan])
    >>> reader.row({"n": "2", "c": "b"}), reader.row({"n": 2}), reader.row({"n": True, "c": "a"})
    (None, None, None)
    >>> reader.rows([{"c": "b", "n": 2}, {"n": None, "c": None}]), reader.rows([{"n": 2, "c": 3}])
    ([2, 1.0, nan, nan], None)
    """

    def __init__(self, signature: Signature) -> None:
        names = signature.names
        self._width = len(names)
        self._get: Any = itemgetter(*names) if len(names) != 1 else lambda record, name=names[0]: (record[name],)
        self._tables = [
            {text: float(code) for code, text in enumerate(feature.categories)} if feature.kind == "category" else None
            for feature in signature.features
        ]
        self._plans: dict[tuple[type, ...], Plan] = {}

    def row(self, record: Mapping[str, Any]) -> Sequence[float] | None:
        """The numbers of a record as JSON gives it, or None when the careful way must look at it."""
        if len(record) != self._width:
            return None
        try:
            values: Sequence[Any] = self._get(record)
        except KeyError:
            return None
        kinds = tuple(map(type, values))
        plan = self._plans.get(kinds)
        if plan is None:
            plan = self._planned(kinds)
            if plan is None:
                return None
        if not plan:
            return values
        row = list(values)
        for at, table in plan:
            if table is None:
                row[at] = NAN
                continue
            code = table.get(row[at])
            if code is None and len(row[at]) > MAX_TEXT:
                return None
            row[at] = NAN if code is None else code
        return row

    def rows(self, records: Sequence[Any]) -> list[float] | None:
        """All records as one flat row-major list, or None; types are looked at a column at a time."""
        flat: list[Any] = []
        try:
            for record in records:
                if type(record) is not dict or len(record) != self._width:
                    return None
                flat += self._get(record)
        except KeyError:
            return None
        for at, table in enumerate(self._tables):
            column = flat[at :: self._width]
            kinds = set(map(type, column))
            if table is not None and kinds <= TEXTS:
                codes = [table.get(value, NAN) for value in column]
                if any(
                    code is NAN and value is not None and len(value) > MAX_TEXT
                    for code, value in zip(codes, column, strict=True)
                ):
                    return None
                flat[at :: self._width] = codes
            elif table is not None or not kinds <= NUMBERS:
                return None
            elif type(None) in kinds:
                flat[at :: self._width] = [NAN if value is None else value for value in column]
        return flat

    def _planned(self, kinds: tuple[type, ...]) -> Plan | None:
        plan: list[tuple[int, Mapping[str, float] | None]] = []
        for at, (kind, table) in enumerate(zip(kinds, self._tables, strict=True)):
            if kind is type(None):
                plan.append((at, None))
            elif table is None and kind in (float, int):
                continue
            elif table is not None and kind is str:
                plan.append((at, table))
            else:
                return None
        made = tuple(plan)
        if len(self._plans) < MOST_PLANS:
            self._plans[kinds] = made
        return made


class Scorer:
    """Predictions of encoded rows for one thread at a time: LightGBM's own single-row call where the model is its."""

    def __init__(self, model: "LoadedModel") -> None:
        from app.learning.native import Trees
        from app.learning.single_row import SingleRow

        self._parsed, self._calibration = model.parsed, model.calibration
        self._width = model.signature.outputs if model.signature.classes and model.signature.outputs > 1 else 0
        self._one = SingleRow(model.parsed) if isinstance(model.parsed, Trees) else None

    def __call__(self, flat: Sequence[float], rows: int) -> list[Any]:
        """Predictions in order: a number each, or a list with a probability a class."""
        one = self._one if rows == 1 else None
        numbers = one(flat) if one is not None else self._parsed.predict(flat, rows)
        if self._calibration is not None:
            numbers = self._calibration.apply(numbers)
        width = self._width
        return [numbers[start : start + width] for start in range(0, len(numbers), width)] if width else numbers


__all__ = ["RowReader", "Scorer"]
