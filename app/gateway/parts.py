"""The parts of the prediction log: what a row holds, how answers reach the writer, and which parts go."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import orjson

if TYPE_CHECKING:
    from app.services.serving import ActiveDeployment


class Deployed(NamedTuple):
    """What gave an answer."""

    project: str
    model: str
    version: int
    feature_set_version: int
    key: str


class Answered(NamedTuple):
    """One request with its answers, each as JSON; `at` is the time of the clock in seconds.

    `inputs` is a body that holds `rows` records, `predictions` a list of as many. Both stay bytes until they are
    written: what they hold is none of the event loop's business.
    """

    request_id: str
    at: float
    deployment: "Deployed | ActiveDeployment"
    rows: int
    inputs: bytes
    predictions: bytes


def packed(answers: Sequence[Answered], part: str) -> bytes:
    """Answers that belong into a part, as a block: a line of JSON, then the bytes of all inputs and predictions.

    >>> import io
    >>> by = Deployed("p", "m", 1, 4, "d1")
    >>> block = io.BytesIO(packed([Answered("r", 1.5, by, 1, b'{"a":1}', b"[0.5]")], "part-1"))
    >>> [again] = unpacked(orjson.loads(block.readline()), block)
    >>> again.request_id, again.deployment == by, again.inputs, again.predictions
    ('r', True, b'{"a":1}', b'[0.5]')
    """
    known: dict[str, int] = {}
    deployments: list[tuple[str, str, int, int, str]] = []
    of: list[int] = []
    for answered in answers:
        one = answered.deployment
        at = known.get(one.key)
        if at is None:
            at = known[one.key] = len(deployments)
            deployments.append((one.project, one.model, one.version, one.feature_set_version, one.key))
        of.append(at)
    request_ids, at_, _, rows, inputs, predictions = zip(*answers, strict=True)
    head = {
        "part": part,
        "deployments": deployments,
        "of": of,
        "request_ids": request_ids,
        "at": at_,
        "rows": rows,
        "inputs": list(map(len, inputs)),
        "predictions": list(map(len, predictions)),
    }
    return b"".join((orjson.dumps(head), b"\n", *inputs, *predictions))


def unpacked(head: Mapping[str, Any], stream: BinaryIO) -> list[Answered] | None:
    """The answers of a block whose line was read; None when the stream ends before the block does."""
    inputs, predictions = (_pieces(stream, head[name]) for name in ("inputs", "predictions"))
    if inputs is None or predictions is None:
        return None
    deployments = [Deployed(*one) for one in head["deployments"]]
    by = [deployments[at] for at in head["of"]]
    return list(map(Answered, head["request_ids"], head["at"], by, head["rows"], inputs, predictions))


def _pieces(stream: BinaryIO, sizes: Sequence[int]) -> list[bytes] | None:
    content = stream.read(sum(sizes))
    if len(content) < sum(sizes):
        return None
    ends = list(accumulate(sizes))
    return [content[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def table(group: Sequence[Answered]) -> Any:
    """Answers as an Arrow table with a row a record."""
    import numpy as np
    import pyarrow as pa

    kinds = {"text": pa.string(), "integer": pa.int64(), "time": pa.timestamp("us", tz="UTC"), "number": pa.float64()}
    counts = np.array([answered.rows for answered in group])
    of_row = pa.array(np.repeat(np.arange(len(group)), counts))
    firsts = np.repeat(np.cumsum(counts) - counts, counts)

    def repeated(name: str, values: Iterable[Any]) -> Any:
        """A value of each request, for each of its rows."""
        return pa.array(values, kinds[SCHEMA[name]]).take(of_row)

    deployments = [answered.deployment for answered in group]
    texts, scores = _predicted(b",".join(answered.predictions[1:-1] for answered in group))
    columns = {
        "request_id": repeated("request_id", [answered.request_id for answered in group]),
        "row": pa.array(np.arange(len(firsts)) - firsts),
        "at": repeated("at", [int(answered.at * 1_000_000) for answered in group]),
        "project": repeated("project", [one.project for one in deployments]),
        "model": repeated("model", [one.model for one in deployments]),
        "version": repeated("version", [one.version for one in deployments]),
        "feature_set_version": repeated("feature_set_version", [one.feature_set_version for one in deployments]),
        "deployment": repeated("deployment", [one.key for one in deployments]),
        "inputs": pa.array(
            [record for answered in group for record in records_of_body(answered.inputs, answered.rows)], pa.binary()
        ).cast(pa.string()),
        "prediction": pa.array(texts, pa.string()),
        "score": pa.array(scores, pa.float64()),
    }
    return pa.table({name: columns[name] for name in SCHEMA})


def _predicted(joined: bytes) -> tuple[list[str], list[float | None]]:
    """Predictions that stand in a row, comma between them: each as its JSON, and the number that is its score."""
    values = orjson.loads(b"[" + joined + b"]")
    if any(isinstance(value, list) for value in values):
        return [orjson.dumps(value).decode() for value in values], [max(value) for value in values]
    return joined.decode().split(",") if joined else [], values


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

__all__ = ["REPEATED", "SCHEMA", "Answered", "Deployed", "packed", "prune", "records_of_body", "table", "unpacked"]
