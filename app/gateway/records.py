"""Reading a request's body into columns for the model: every refusal names the record and the field, no value."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

MAX_RECORDS = 10_000
MAX_TEXT = 1_000


class Malformed(Exception):
    """A body that cannot be answered: the HTTP status, what is wrong, and in which field."""

    def __init__(self, status: int, says: str, *, field: str | None = None, record: int | None = None) -> None:
        super().__init__(says)
        self.status, self.says, self.field, self.record = status, says, field, record

    def as_json(self) -> dict[str, object]:
        """The body of the answer."""
        places = {"field": self.field, "record": self.record}
        return {"error": self.says, **{name: place for name, place in places.items() if place is not None}}


@dataclass(frozen=True)
class Fields:
    """What a model reads: its features in order, and which of them are categories."""

    features: tuple[str, ...]
    categories: frozenset[str]


def read_records(body: bytes) -> list[Mapping[str, Any]]:
    """The records of a JSON body: a plain object, a list of objects, or {"records": [...]}; raises Malformed.

    >>> read_records(b'{"hour": 9}'), len(read_records(b'{"records": [{"hour": 9}, {"hour": 10}]}'))
    ([{'hour': 9}], 2)
    """
    return records_of(read_json(body))


def read_json(body: bytes) -> Any:
    """The document of a JSON body; raises Malformed for what is none."""
    if not body.strip():
        raise Malformed(400, "the body is empty; send a record as a JSON object")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(400, f"the body is not JSON (line {error.lineno}, column {error.colno})") from None


def records_of(document: Any) -> list[Mapping[str, Any]]:
    """The records of a document; raises Malformed."""
    if isinstance(document, dict) and "records" in document:
        if len(document) > 1:
            raise Malformed(422, "beside records there may be no other field", field="records")
        document = document["records"]
        if not isinstance(document, list):
            raise Malformed(422, "records must be a list of objects", field="records")
    records = document if isinstance(document, list) else [document]
    if not records:
        raise Malformed(422, "there is no record", field="records")
    if len(records) > MAX_RECORDS:
        raise Malformed(413, f"at most {MAX_RECORDS:,} records a request", field="records")
    for number, record in enumerate(records):
        if not isinstance(record, dict):
            raise Malformed(422, "a record must be a JSON object", record=number)
    return records


def check_records(records: Sequence[Mapping[str, Any]], signature: Fields) -> None:
    """Raise Malformed for the first record with a missing, unknown or wrong field; null stands for a missing value.

    >>> check_records([{"hour": 9, "carrier": "AA"}], Fields(("hour", "carrier"), frozenset({"carrier"})))
    >>> check_records([{"hour": "9"}], Fields(("hour",), frozenset()))
    Traceback (most recent call last):
    app.gateway.records.Malformed: must be a number or null
    """
    expected = set(signature.features)
    checks = [(name, _category if name in signature.categories else _number) for name in signature.features]
    for number, record in enumerate(records):
        if record.keys() != expected:
            for name in signature.features:
                if name not in record:
                    says = "a field is missing (send null for an unknown value)"
                    raise Malformed(422, says, field=name, record=number)
            extra = next(name for name in record if name not in expected)
            raise Malformed(422, "a field that the model does not read", field=shown_name(extra), record=number)
        for name, check in checks:
            check(record[name], name, number)


def _number(value: Any, name: str, record: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Malformed(422, "must be a number or null", field=name, record=record)
    if not math.isfinite(value):
        raise Malformed(422, "must be a finite number", field=name, record=record)


def _category(value: Any, name: str, record: int) -> None:
    if value is not None and not isinstance(value, str | bool | int):
        raise Malformed(422, "must be a text or null", field=name, record=record)
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise Malformed(422, f"may have at most {MAX_TEXT:,} characters", field=name, record=record)


def shown_name(name: str) -> str:
    """The beginning of a field's name from outside, printable."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:64])


__all__ = [
    "MAX_RECORDS",
    "MAX_TEXT",
    "Fields",
    "Malformed",
    "check_records",
    "read_json",
    "read_records",
    "records_of",
    "shown_name",
]
