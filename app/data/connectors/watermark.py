"""A watermark as text and back: what the store keeps of the last row of an incremental source."""

import json
from datetime import date, datetime
from decimal import Decimal

Watermark = int | float | str | datetime | date


def as_text(value: object) -> str:
    """A value as text that says its kind: numbers and quoted text as JSON, times and dates as ISO 8601.

    >>> as_text(1010), as_text("2013-01-05"), as_text(datetime(2013, 1, 5, 6)), as_text(Decimal("7"))
    ('1010', '"2013-01-05"', '2013-01-05T06:00:00', '7')
    """
    match value:
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return str(int(value)) if value == value.to_integral_value() else str(value)
        case int() | float() | str():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return json.dumps(str(value), ensure_ascii=False)


def as_value(text: str) -> Watermark:
    """Inverse of `as_text`.

    >>> as_value("1010"), as_value('"2013-01-05"'), as_value("2013-01-05T06:00:00"), as_value("2013-01-05")
    (1010, '2013-01-05', datetime.datetime(2013, 1, 5, 6, 0), datetime.date(2013, 1, 5))
    """
    try:
        value: Watermark = json.loads(text)
    except ValueError:
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    return value
