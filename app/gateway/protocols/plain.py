"""Our own way: a record, a list of records, {"records": [...]}; or {"entity": {...}} and {"entities": [...]}.

Beside records, entity or entities, "explain": true asks for the contribution of each feature.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from app.gateway.models import Served
from app.gateway.protocols import Asked, Protocol, Record
from app.gateway.records import Malformed, read_json, records_of


def read(body: bytes, _headers: Mapping[str, str], _served: Served) -> Asked:
    """The records, or the entities, of a JSON body; raises Malformed."""
    return read_plain(read_json(body))


def read_plain(document: Any) -> Asked:
    """The same of a document that was read from JSON."""
    explain = _explain(document)
    entities = _entities(document)
    if entities is not None:
        return Asked((), entities=entities, explain=explain)
    return Asked(records_of(document), explain=explain)


def write(served: Served, asked: Asked, predictions: Sequence[Any], request_id: str) -> dict[str, object]:
    """Predictions, and what made them."""
    deployment = served.deployment
    answer: dict[str, object] = {
        "predictions": predictions,
        "project": deployment.project,
        "model": deployment.model,
        "version": deployment.version,
        "feature_set_version": deployment.feature_set_version,
        "request_id": request_id,
        **asked.says,
    }
    if served.model.signature.classes:
        answer["classes"] = served.model.signature.classes
    return answer


def _explain(document: Any) -> bool:
    """Whether {"records" or "entity" or "entities": ..., "explain": true} asks why; takes the question out."""
    if not isinstance(document, dict) or len(document) != 2 or "explain" not in document:
        return False
    if not document.keys() & {"records", "entity", "entities"}:
        return False
    asked = document.pop("explain")
    if not isinstance(asked, bool):
        raise Malformed(422, "explain must be true or false", field="explain")
    return asked


def _entities(document: Any) -> list[Record] | None:
    """The entities that a document asks for, or None when it holds records."""
    if not isinstance(document, dict) or len(document) != 1:
        return None
    if "entities" in document:
        entities = document["entities"]
        if not isinstance(entities, list) or not entities:
            raise Malformed(422, "entities must be a list of objects, at least one", field="entities")
    elif isinstance(document.get("entity"), dict):
        entities = [document["entity"]]
    else:
        return None
    for at, entity in enumerate(entities):
        if not isinstance(entity, dict) or not entity:
            raise Malformed(422, "an entity must be an object with its keys", field="entities", record=at)
    return entities


PLAIN = Protocol(("application/json",), read, write, malformed=422)

__all__ = ["PLAIN", "read_plain"]
