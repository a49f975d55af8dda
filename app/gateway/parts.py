"""The parts of the prediction log: what a row holds, how records are taken out of a body, and which parts go."""

import contextlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from app.services.serving import ActiveDeployment


class Answered(NamedTuple):
    """One request with its answers; `at` is the time of the clock in seconds.

    `inputs` are the records as JSON, a quarter of the size of the objects; or the whole body of a request whose records
    hold no other object, which the writer takes apart, not the event loop.
    """

    request_id: str
    at: float
    deployment: "ActiveDeployment"
    inputs: Sequence[bytes] | bytes
    predictions: Sequence[Any]


def table(group: Sequence[Answered]) -> Any:
    """Answers as an Arrow table with a row a record."""
    import numpy as np
    import pyarrow as pa

    kinds = {"text": pa.string(), "integer": pa.int64(), "time": pa.timestamp("us", tz="UTC"), "number": pa.float64()}
    counts = np.array([len(answered.predictions) for answered in group])
    of_row = pa.array(np.repeat(np.arange(len(group)), counts))
    firsts = np.repeat(np.cumsum(counts) - counts, counts)

    def repeated(name: str, values: Iterable[Any]) -> Any:
        """A value of each request, for each of its rows."""
        return pa.array(values, kinds[SCHEMA[name]]).take(of_row)

    deployments = [answered.deployment for answered in group]
    predictions = [value for answered in group for value in answered.predictions]
    columns = {
        "request_id": repeated("request_id", [answered.request_id for answered in group]),
        "row": pa.array(np.arange(len(firsts)) - firsts),
        "at": repeated("at", [int(answered.at * 1_000_000) for answered in group]),
        "project": repeated("project", [one.project for one in deployments]),
        "model": repeated("model", [one.model for one in deployments]),
        "version": repeated("version", [one.version for one in deployments]),
        "feature_set_version": repeated("feature_set_version", [one.feature_set_version for one in deployments]),
        "deployment": repeated("deployment", [one.key for one in deployments]),
        "inputs": pa.array([record for answered in group for record in _inputs(answered)], pa.binary()).cast(
            pa.string()
        ),
        "prediction": pa.array(_texts(predictions), pa.string()),
        "score": pa.array([max(value) if isinstance(value, list) else value for value in predictions], pa.float64()),
    }
    return pa.table({name: columns[name] for name in SCHEMA})


def _inputs(answered: Answered) -> Sequence[bytes]:
    inputs = answered.inputs
    return records_of_body(inputs, len(answered.predictions)) if isinstance(inputs, bytes) else inputs


def _texts(predictions: Sequence[Any]) -> list[str]:
    """Each prediction as JSON; numbers are written all at once."""
    if any(isinstance(value, list) for value in predictions):
        return [orjson.dumps(value).decode() for value in predictions]
    return orjson.dumps(predictions)[1:-1].decode().split(",") if predictions else []


def prune(folder: Path, *, now: datetime, keep_days: float | None, keep_bytes: int | None) -> list[Path]:
    """Remove days that are older than `keep_days`, then the oldest parts until `keep_bytes` hold; gives what went.

    Half-written parts of processes that are gone (an hour old) go too; today's newest part always stays.
    """
    removed: list[Path] = []
    if keep_days is not None:
        oldest = f"{now.astimezone(UTC) - timedelta(days=keep_days):%Y-%m-%d}"
        removed += [part for part in folder.glob("*/*/part-*.parquet") if part.parent.name < oldest]
    removed += [half for half in folder.glob("*/*/.part-*.half") if now.timestamp() - half.stat().st_mtime > 3600]
    gone = set(removed)
    if keep_bytes is not None:
        parts = sorted((p for p in folder.glob("*/*/part-*.parquet") if p not in gone), key=_age)
        sizes = [part.stat().st_size for part in parts]
        too_much = sum(sizes) - keep_bytes
        for part, size in zip(parts[:-1], sizes, strict=False):
            if too_much <= 0:
                break
            removed.append(part)
            too_much -= size
    for part in removed:
        part.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            part.parent.rmdir()  # only when it is empty
    return removed


def _age(part: Path) -> tuple[str, str]:
    return part.parent.name, part.name


def records_of_body(body: bytes, count: int) -> list[bytes]:
    """The JSON of each record of a body that was answered: one object, a list, or {"records": [...]}.

    >>> records_of_body(b'{"records": [{"a": 1}, {"a": "}"}]}', 2), records_of_body(b'[{"a": 1},{"a": 2}]', 2)
    ([b'{"a":1}', b'{"a":"}"}'], [b'{"a": 1}', b'{"a": 2}'])
    """
    if count == 1 and body.count(b"{") == 1:
        return [body[body.index(b"{") : body.rindex(b"}") + 1]]
    objects = count if body.lstrip().startswith(b"[") else count + 1
    if body.count(b"}") == objects == body.count(b"{"):
        # each brace is that of a record (or of the object around them), none stands in a text
        inner = body[body.index(b"[") + 1 : body.rindex(b"]")]
        for between in (b"},{", b"}, {"):  # as most clients write it, and then C does all of it
            if inner.count(between) == count - 1 and b"\n" not in inner:
                return inner.strip(b" ").replace(between, b"}\n{").split(b"\n")
        return [piece[piece.index(b"{") :] + b"}" for piece in inner.split(b"}")[:count]]
    document = orjson.loads(body)
    records = document["records"] if isinstance(document, dict) and len(document) == 1 else document
    return [orjson.dumps(record) for record in (records if isinstance(records, list) else [records])]


REPEATED = ["request_id", "at", "project", "model", "version", "feature_set_version", "deployment"]
SCHEMA = {
    "request_id": "text",
    "row": "integer",
    "at": "time",
    "project": "text",
    "model": "text",
    "version": "integer",
    "feature_set_version": "integer",
    "deployment": "text",
    "inputs": "text",
    "prediction": "text",
    "score": "number",
}

__all__ = ["REPEATED", "SCHEMA", "Answered", "prune", "records_of_body", "table"]
