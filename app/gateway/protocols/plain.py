"""Our own way: a record, a list of records, or {"records": [...]}."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.gateway.models import Served
from app.gateway.protocols import Asked, Protocol
from app.gateway.records import read_records


def read(body: bytes, _headers: Mapping[str, str], _served: Served) -> Asked:
    """The records of a JSON body; raises Malformed."""
    return Asked(read_records(body))


def write(served: Served, _asked: Asked, predictions: Sequence[Any], request_id: str) -> dict[str, object]:
    """Predictions, and what made them."""
    deployment = served.deployment
    answer: dict[str, object] = {
        "predictions": predictions,
        "project": deployment.project,
        "model": deployment.model,
        "version": deployment.version,
        "feature_set_version": deployment.feature_set_version,
        "request_id": request_id,
    }
    if served.model.signature.classes:
        answer["classes"] = served.model.signature.classes
    return answer


PLAIN = Protocol(("application/json",), read, write, malformed=422)

__all__ = ["PLAIN"]
