"""MLflow's scoring server: `/invocations` takes exactly one of four JSON forms, or CSV.

dataframe_split and CSV name their columns; dataframe_records are named rows; instances and inputs hold rows that are
named or positional, and inputs also one list a column. https://mlflow.org/docs/latest/deployment
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from app.gateway.models import Served
from app.gateway.protocols import Asked, Protocol, Record
from app.gateway.records import MAX_RECORDS, Malformed

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
CSV = "text/csv"
MISSING = frozenset({"", "null", "NULL", "NaN", "nan", "NA", "None"})
"""What an empty cell of a CSV may look like."""


def read(body: bytes, headers: Mapping[str, str], served: Served) -> Asked:
    """The rows of a scoring request; raises Malformed naming the form or the column."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() == CSV:
        return Asked(_limited(_from_csv(body, served)))
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(400, f"the body is not JSON (line {error.lineno}, column {error.colno})") from None
    if not isinstance(document, dict):
        raise Malformed(400, f"the body must be an object with one of {', '.join(FORMS)}")
    given = [form for form in FORMS if form in document]
    if len(given) != 1:
        raise Malformed(400, f"exactly one of {', '.join(FORMS)} is needed, there are {len(given)}")
    form = given[0]
    extra = document.keys() - {form, "params"}
    if extra:
        raise Malformed(400, "an unknown field", field="".join(c if c.isprintable() else "?" for c in min(extra)[:64]))
    value = document[form]
    if form == "dataframe_split":
        return Asked(_limited(_from_split(value)))
    if form == "dataframe_records":
        return Asked(_limited(_named(value, form)))
    return Asked(_limited(_from_values(value, form, served)))


def write(_served: Served, _asked: Asked, predictions: Sequence[Any], _request_id: str) -> dict[str, object]:
    """What an MLflow client reads; version and request id stand in the headers."""
    return {"predictions": predictions}


def _from_split(value: Any) -> list[Record]:
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("columns"), list)
        or not isinstance(value.get("data"), list)
    ):
        raise Malformed(400, "needs columns and data", field="dataframe_split")
    if value.keys() - {"columns", "data", "index"}:
        raise Malformed(400, "has a field beside columns, data and index", field="dataframe_split")
    columns = value["columns"]
    if not all(isinstance(column, str) for column in columns) or len(set(columns)) != len(columns):
        raise Malformed(400, "columns must be texts that differ", field="dataframe_split")
    return [_zipped(columns, row, at) for at, row in enumerate(value["data"])]


def _from_values(value: Any, form: str, served: Served) -> list[Record]:
    if isinstance(value, dict):
        lists = {name: cells if isinstance(cells, list) else [cells] for name, cells in value.items()}
        if len({len(cells) for cells in lists.values()}) > 1:
            raise Malformed(400, "the columns differ in their number of rows", field=form)
        names = list(lists)
        return [dict(zip(names, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    if not isinstance(value, list):
        raise Malformed(400, "must be a list of rows", field=form)
    if value and all(isinstance(row, dict) for row in value):
        return _named(value, form)
    features = served.fields.features
    if len(features) == 1:
        value = [row if isinstance(row, list) else [row] for row in value]
    return [_zipped(features, row, at) for at, row in enumerate(value)]


def _named(value: Any, form: str) -> list[Record]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise Malformed(400, "must be a list of objects", field=form)
    return value


def _zipped(columns: Sequence[str], row: Any, at: int) -> Record:
    if not isinstance(row, list):
        raise Malformed(400, "a row must be a list of values", record=at)
    if len(row) != len(columns):
        raise Malformed(400, f"a row has {len(row)} values for {len(columns)} columns", record=at)
    return dict(zip(columns, row, strict=True))


def _from_csv(body: bytes, served: Served) -> list[Record]:
    try:
        lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Malformed(400, f"the body is not CSV in UTF-8 ({type(error).__name__})") from None
    if not lines:
        raise Malformed(400, "the body is empty")
    header, *rows = lines
    categories = served.fields.categories
    return [
        {name: _cell(text, name, at, is_text=name in categories) for name, text in _zipped(header, row, at).items()}
        for at, row in enumerate(rows)
        if row
    ]


def _cell(text: str, name: str, at: int, *, is_text: bool) -> Any:
    if text in MISSING:
        return None
    if is_text:
        return text
    try:
        return float(text)
    except ValueError:
        raise Malformed(400, "must be a number or empty", field=name, record=at) from None


def _limited(records: list[Record]) -> list[Record]:
    if not records:
        raise Malformed(400, "there is no row")
    if len(records) > MAX_RECORDS:
        raise Malformed(413, f"at most {MAX_RECORDS:,} rows a request")
    return records


MLFLOW = Protocol(("application/json", CSV), read, write)

__all__ = ["MLFLOW"]
