"""The Open Inference Protocol v2 (KServe): health, metadata and infer over JSON, with the binary tensor extension.

Each feature is a tensor of its own, of shape [rows] or [rows, 1]; a model of numbers alone also takes one tensor of
shape [rows, features], its columns in the order of the metadata. https://github.com/kserve/open-inference-protocol
"""

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from app import __version__
from app.domain.problem import Task
from app.gateway.models import Served
from app.gateway.protocols import Asked, Protocol, Record
from app.gateway.records import MAX_RECORDS, Malformed

NUMBERS = {
    "BOOL": "?", "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q",
    "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "FP16": "e", "FP32": "f", "FP64": "d",
}  # fmt: skip
"""Datatype -> struct format, little endian."""
JSON_LENGTH = "inference-header-content-length"
OUTPUT = "predict"


def server_metadata() -> dict[str, object]:
    """The answer of `GET /v2`."""
    return {"name": "trainmaster", "version": __version__, "extensions": ["binary_tensor_data"]}


def model_metadata(served: Served) -> dict[str, object]:
    """The answer of `GET /v2/models/NAME`: inputs and outputs with datatype and shape; -1 is the number of rows."""
    features = served.model.signature.features
    return {
        "name": served.deployment.project,
        "versions": [str(served.deployment.version)],
        "platform": "trainmaster",
        "inputs": [
            {"name": feature.name, "datatype": "BYTES" if feature.kind == "category" else "FP64", "shape": [-1]}
            for feature in features
        ],
        "outputs": [{"name": OUTPUT, "datatype": "FP64", "shape": _shape(served, -1)}],
    }


def read(body: bytes, headers: Mapping[str, str], served: Served) -> Asked:
    """The rows of an inference request; raises Malformed naming the tensor."""
    document, rest = _document(body, headers)
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise Malformed(400, "inputs must be a list of tensors", field="inputs")
    tensors: dict[str, tuple[list[int], list[Any]]] = {}
    for tensor in inputs:
        name, shape, values, rest = _tensor(tensor, rest)
        if name in tensors:
            raise Malformed(400, "a tensor stands twice", field=name)
        tensors[name] = (shape, values)
    if rest:
        raise Malformed(400, "there are more bytes than the tensors announce")
    for output in document.get("outputs") or []:
        if not isinstance(output, dict) or output.get("name") != OUTPUT:
            raise Malformed(400, f"the only output is {OUTPUT}", field="outputs")
    given = document.get("id")
    if given is not None and (not isinstance(given, str) or len(given) > 200):
        raise Malformed(400, "id must be a text of at most 200 characters", field="id")
    return Asked(_records(tensors, served), given)


def write(served: Served, asked: Asked, predictions: Sequence[Any], request_id: str) -> dict[str, object]:
    """The inference response: one tensor of scores."""
    deployment = served.deployment
    rows = len(predictions)
    flat = [number for row in predictions for number in row] if _is_wide(served) else list(predictions)
    return {
        "model_name": deployment.project,
        "model_version": str(deployment.version),
        **({"id": asked.id} if asked.id is not None else {}),
        "parameters": {"request_id": request_id, "feature_set_version": deployment.feature_set_version},
        "outputs": [{"name": OUTPUT, "datatype": "FP64", "shape": _shape(served, rows), "data": flat}],
    }


def _is_wide(served: Served) -> bool:
    return served.model.signature.task is Task.MULTICLASS


def _shape(served: Served, rows: int) -> list[int]:
    return [rows, len(served.model.signature.classes)] if _is_wide(served) else [rows]


def _document(body: bytes, headers: Mapping[str, str]) -> tuple[dict[str, Any], bytes]:
    """The JSON part, and the bytes of binary tensors behind it."""
    text = headers.get(JSON_LENGTH)
    if text is not None and (not text.isdecimal() or len(text) > 9 or int(text) > len(body)):
        raise Malformed(400, f"{JSON_LENGTH} does not fit the body")
    cut = int(text) if text is not None else len(body)
    try:
        document = orjson.loads(body[:cut])
    except orjson.JSONDecodeError as error:
        raise Malformed(400, f"the body is not JSON (line {error.lineno}, column {error.colno})") from None
    if not isinstance(document, dict):
        raise Malformed(400, "the body must be an object with inputs")
    return document, body[cut:]


def _tensor(tensor: Any, rest: bytes) -> tuple[str, list[int], list[Any], bytes]:
    """Name, shape, flat values of one tensor, and the bytes that are left."""
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise Malformed(400, "a tensor needs a name", field="inputs")
    name, shape, kind = tensor["name"], tensor.get("shape"), tensor.get("datatype")
    if (
        not isinstance(shape, list)
        or not 1 <= len(shape) <= 2
        or not all(type(one) is int and 0 <= one <= MAX_RECORDS * 1000 for one in shape)
    ):
        raise Malformed(400, "shape must be [rows] or [rows, columns]", field=name)
    if shape[0] > MAX_RECORDS:
        raise Malformed(413, f"at most {MAX_RECORDS:,} rows a request", field=name)
    if not isinstance(kind, str) or (kind != "BYTES" and kind not in NUMBERS):
        raise Malformed(400, "datatype must be BYTES, BOOL, or a number of the protocol", field=name)
    count = math.prod(shape)
    parameters = tensor.get("parameters")
    binary = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if binary is not None:
        if type(binary) is not int or not 0 <= binary <= len(rest):
            raise Malformed(400, "binary_data_size does not fit the body", field=name)
        return name, shape, _unpacked(rest[:binary], kind, count, name), rest[binary:]
    values = _flat(tensor.get("data"), shape, name)
    if len(values) != count:
        raise Malformed(400, f"shape says {count} values, there are {len(values)}", field=name)
    return name, shape, values, rest


def _flat(data: Any, shape: list[int], name: str) -> list[Any]:
    """Values in row-major order; the protocol allows them flat or nested."""
    if not isinstance(data, list):
        raise Malformed(400, "data must be a list", field=name)
    if data and len(shape) == 2 and all(isinstance(row, list) for row in data):
        if any(len(row) != shape[1] for row in data):
            raise Malformed(400, "a row has another length than shape says", field=name)
        return [value for row in data for value in row]
    return data


def _unpacked(raw: bytes, kind: str, count: int, name: str) -> list[Any]:
    if kind != "BYTES":
        format_ = NUMBERS[kind]
        if len(raw) != count * struct.calcsize(f"<{format_}"):
            raise Malformed(400, "binary_data_size does not fit shape and datatype", field=name)
        return list(struct.unpack(f"<{count}{format_}", raw))
    values, at = [], 0
    for _ in range(count):
        if at + 4 > len(raw):
            raise Malformed(400, "there are fewer texts than shape says", field=name)
        size = int.from_bytes(raw[at : at + 4], "little")
        text, at = raw[at + 4 : at + 4 + size], at + 4 + size
        try:
            values.append(text.decode())
        except UnicodeDecodeError:
            raise Malformed(400, "a text is not UTF-8", field=name) from None
    if at != len(raw):
        raise Malformed(400, "there are more bytes than shape says", field=name)
    return values


def _records(tensors: Mapping[str, tuple[list[int], list[Any]]], served: Served) -> list[Record]:
    fields = served.fields.features
    if len(tensors) == 1 and len(fields) > 1:
        (name, (shape, values)), *_ = tensors.items()
        if name not in fields:
            return _rows_of_matrix(name, shape, values, served)
    rows = {shape[0] for shape, _ in tensors.values()}
    for name, (shape, _) in tensors.items():
        if len(shape) == 2 and shape[1] != 1:
            raise Malformed(400, "a feature's shape is [rows] or [rows, 1]", field=name)
    if len(rows) != 1:
        raise Malformed(400, "the tensors differ in their number of rows", field="inputs")
    if rows == {0}:
        raise Malformed(400, "there is no row", field="inputs")
    names = list(tensors)
    return [dict(zip(names, row, strict=True)) for row in zip(*(values for _, values in tensors.values()), strict=True)]


def _rows_of_matrix(name: str, shape: list[int], values: list[Any], served: Served) -> list[Record]:
    fields = served.fields
    if fields.categories:
        raise Malformed(
            400, "not a feature of the model; features that are texts need a tensor of their own", field=name
        )
    width = len(fields.features)
    if len(shape) != 2 or shape[1] != width or not shape[0]:
        raise Malformed(400, f"not a feature of the model, and not of shape [rows, {width}]", field=name)
    return [dict(zip(fields.features, values[at : at + width], strict=True)) for at in range(0, len(values), width)]


OPEN_INFERENCE = Protocol(("application/json", "application/octet-stream"), read, write)

__all__ = ["OPEN_INFERENCE", "OUTPUT", "model_metadata", "server_metadata"]
