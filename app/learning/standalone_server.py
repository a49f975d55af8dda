"""Serve the exported model of this folder over HTTP, without trainmaster: Python's own server, and `verify.py`.

    TRAINMASTER_TOKEN=... python server.py --port 8080 --host 127.0.0.1

Answers `/predict/NAME` and MLflow's `/invocations` (records, dataframe_split, dataframe_records, instances, inputs),
the Open Inference Protocol v2 (JSON tensors), and health. All but health needs `Authorization: Bearer TOKEN`.
"""

import argparse
import hmac
import json
import math
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LARGEST_BODY = 1_000_000
MOST_ROWS = 10_000
LONGEST_TEXT = 1_000
WAIT_S = 10
AT_ONCE = 64
OPEN = ("/health", "/v2/health/live", "/v2/health/ready")


class Refused(Exception):
    """A request that cannot be answered: status, what is wrong, and in which field."""

    def __init__(self, status: int, says: str, field: "str | None" = None) -> None:
        super().__init__(says)
        self.status, self.says, self.field = status, says, field


def rows_of(path: str, document: Any, features: "list[dict[str, Any]]") -> "list[dict[str, Any]]":
    """The records of a body, in any of the forms; raises Refused."""
    names = [one["name"] for one in features]
    if path.endswith("/infer"):
        return from_tensors(document, names)
    if isinstance(document, dict) and "dataframe_split" in document:
        split = document["dataframe_split"]
        if not isinstance(split, dict) or not isinstance(split.get("columns"), list):
            raise Refused(400, "needs columns and data", "dataframe_split")
        names, document = split["columns"], split.get("data")
    elif isinstance(document, dict):
        found = [form for form in ("records", "dataframe_records", "instances", "inputs") if form in document]
        document = document[found[0]] if found and found[0] not in names else [document]
    if not isinstance(document, list) or not document:
        raise Refused(422, "there is no record")
    rows = []
    for row in document:
        if isinstance(row, list) and len(row) == len(names) and all(isinstance(name, str) for name in names):
            row = dict(zip(names, row, strict=True))
        if not isinstance(row, dict):
            raise Refused(422, f"a row is an object, or a list of {len(names)} values")
        rows.append(row)
    return rows


def from_tensors(document: Any, names: "list[str]") -> "list[dict[str, Any]]":
    """The rows of the Open Inference Protocol: a tensor a feature, of shape [rows] or [rows, 1]."""
    inputs = document.get("inputs") if isinstance(document, dict) else None
    if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs) or not inputs:
        raise Refused(400, "inputs must be a list of tensors", "inputs")
    columns = {}
    for tensor in inputs:
        name, data = tensor.get("name"), tensor.get("data")
        if name not in names or not isinstance(data, list):
            raise Refused(400, "a tensor needs the name of a feature, and data", "inputs")
        columns[name] = [one[0] if isinstance(one, list) and len(one) == 1 else one for one in data]
    if len({len(data) for data in columns.values()}) != 1:
        raise Refused(400, "the tensors differ in their number of rows", "inputs")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def check(rows: "list[dict[str, Any]]", features: "list[dict[str, Any]]") -> None:
    """Raise Refused for a record with a missing, unknown or wrong field; null stands for a missing value."""
    if len(rows) > MOST_ROWS:
        raise Refused(413, f"at most {MOST_ROWS:,} rows a request")
    for row in rows:
        for one in features:
            name = one["name"]
            if name not in row:
                raise Refused(422, "a field is missing (send null for an unknown value)", name)
            value = row[name]
            if one["kind"] == "category":
                if value is not None and not isinstance(value, str | bool | int):
                    raise Refused(422, "must be a text or null", name)
                if isinstance(value, str) and len(value) > LONGEST_TEXT:
                    raise Refused(422, f"may have at most {LONGEST_TEXT} characters", name)
            elif value is not None and (isinstance(value, bool) or not is_number(value)):
                raise Refused(422, "must be a finite number or null", name)
        if len(row) != len(features):
            raise Refused(422, "there is a field that the model does not read")


def is_number(value: Any) -> bool:
    """Whether a value is a finite number that fits a float."""
    try:
        return isinstance(value, int | float) and math.isfinite(float(value))
    except OverflowError:
        return False


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    timeout = WAIT_S
    model: Any
    token: bytes
    name: str
    version: str
    turns = threading.BoundedSemaphore(AT_ONCE)

    def do_GET(self) -> None:
        """Health, and what the model takes."""
        path = self.path.partition("?")[0].rstrip("/")
        if path in OPEN:
            self._send(200, {"live": True, "ready": True, "status": "ok"})
        elif not self._may():
            self._send(401, {"error": "a token is needed: Authorization: Bearer TOKEN"})
        elif path == "/v2":
            self._send(200, {"name": "trainmaster", "version": "2", "extensions": []})
        elif path == f"/v2/models/{self.name}/ready":
            self._send(200, {"name": self.name, "ready": True})
        elif path == f"/v2/models/{self.name}":
            self._send(200, self._metadata())
        else:
            self._send(404, {"error": "there is no such path"})

    def do_POST(self) -> None:
        """Answer records."""
        path = self.path.partition("?")[0]
        try:
            if not self._may():
                raise Refused(401, "a token is needed: Authorization: Bearer TOKEN")
            if path not in (f"/predict/{self.name}", "/invocations", f"/v2/models/{self.name}/infer"):
                raise Refused(404, "there is no such path")
            rows = rows_of(path, self._body(), self.model.signature["features"])
            check(rows, self.model.signature["features"])
            if not self.turns.acquire(blocking=False):
                raise Refused(503, "too many requests at once")
            try:
                answers = self.model.predict(rows)
            finally:
                self.turns.release()
            self._send(200, self._answer(path, answers))
        except Refused as refusal:
            self.close_connection = True
            said = {"error": refusal.says} | ({"field": refusal.field} if refusal.field else {})
            self._send(refusal.status, said)
        except Exception as error:  # the client hears nothing of it, the log does
            self.close_connection = True
            sys.stderr.write(f"{type(error).__name__} while answering {path!r}\n")
            self._send(500, {"error": "the model could not answer"})

    def _answer(self, path: str, answers: "list[Any]") -> "dict[str, Any]":
        if path == "/invocations":
            return {"predictions": answers}
        if path.endswith("/infer"):
            flat = [number for row in answers for number in (row if isinstance(row, list) else [row])]
            shape = [len(answers), *([len(answers[0])] if isinstance(answers[0], list) else [])]
            output = {"name": "predict", "datatype": "FP64", "shape": shape, "data": flat}
            return {"model_name": self.name, "model_version": self.version, "outputs": [output]}
        return {"predictions": answers, "model": self.name, "version": int(self.version)}

    def _metadata(self) -> "dict[str, Any]":
        kinds = {"category": "BYTES", "number": "FP64"}
        features = self.model.signature["features"]
        inputs = [{"name": one["name"], "datatype": kinds[one["kind"]], "shape": [-1]} for one in features]
        outputs = [{"name": "predict", "datatype": "FP64", "shape": [-1]}]
        return {"name": self.name, "versions": [self.version], "platform": "x", "inputs": inputs, "outputs": outputs}

    def _body(self) -> Any:
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or len(length) > 12 or int(length) > LARGEST_BODY:
            raise Refused(
                413 if length.isdecimal() else 411, f"a body needs a length of at most {LARGEST_BODY:,} bytes"
            )
        if self.headers.get("content-type", "application/json").partition(";")[0].strip() != "application/json":
            raise Refused(415, "send the records as application/json")
        try:
            return json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise Refused(400, "the body is not JSON") from None
        except TimeoutError:
            raise Refused(408, "the body did not arrive in time") from None

    def _may(self) -> bool:
        scheme, _, given = self.headers.get("authorization", "").partition(" ")
        return hmac.compare_digest(given.strip().encode("latin-1", "replace"), self.token) and scheme == "Bearer"

    def _send(self, status: int, document: "dict[str, Any]") -> None:
        body = json.dumps(document, allow_nan=False).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Keep quiet: what is asked may be private."""


def main() -> int:
    """Verify the model, then serve it until SIGTERM; exit code 1 when it does not give its stored predictions."""
    from verify import Model  # type: ignore[import-not-found]  # beside this file in the folder

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    chosen = parser.parse_args()
    Handler.token = os.environ.get("TRAINMASTER_TOKEN", "").encode()
    if not Handler.token:
        sys.stderr.write("TRAINMASTER_TOKEN is not set: nobody would be let in\n")
        return 1
    Handler.model = Model()
    _count, largest = Handler.model.verify()
    if not largest <= 1e-12:
        sys.stderr.write(f"the model does not give its stored predictions: they differ by {largest:g}\n")
        return 1
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "serving.json"), encoding="utf-8") as file:
        served = json.load(file)
    Handler.name, Handler.version = served["name"], str(served["version"])
    server = ThreadingHTTPServer((chosen.host, chosen.port), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    sys.stderr.write(f"{Handler.name} version {Handler.version} answers on {chosen.host}:{chosen.port}\n")
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
