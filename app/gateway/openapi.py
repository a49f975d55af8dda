"""The OpenAPI page: every path of the gateway, and one for each model that answers now, with its fields."""

from collections.abc import Mapping
from typing import Any

from app.gateway.entities import MAX_ENTITIES
from app.gateway.models import Served
from app.gateway.protocols.open_inference import NUMBERS
from app.gateway.records import MAX_RECORDS, MAX_TEXT

Schema = dict[str, Any]
TEXT, WHOLE, OBJECT = {"type": "string"}, {"type": "integer"}, {"type": "object"}
ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": TEXT, "field": TEXT, "record": WHOLE, "request_id": TEXT},
}
TENSOR: Schema = {
    "type": "object",
    "required": ["name", "shape", "datatype", "data"],
    "properties": {
        "name": TEXT,
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1, "maxItems": 2},
        "datatype": {"type": "string", "enum": ["BYTES", *NUMBERS]},
        "data": {"type": "array"},
    },
}
INFERENCE: Schema = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string", "maxLength": 200},
        "inputs": {"type": "array", "items": TENSOR, "minItems": 1},
        "outputs": {"type": "array", "items": {"type": "object", "properties": {"name": {"enum": ["predict"]}}}},
    },
}
INFERRED: Schema = {
    "type": "object",
    "required": ["model_name", "model_version", "outputs"],
    "properties": {
        "model_name": TEXT,
        "model_version": TEXT,
        "id": TEXT,
        "parameters": OBJECT,
        "outputs": {"type": "array", "items": TENSOR},
    },
}
ROWS: Schema = {"type": "array", "minItems": 1, "maxItems": MAX_RECORDS}
SPLIT: Schema = {
    "type": "object",
    "required": ["columns", "data"],
    "properties": {
        "columns": {"type": "array", "items": TEXT, "uniqueItems": True},
        "data": {**ROWS, "items": {"type": "array"}},
        "index": {"type": "array"},
    },
    "additionalProperties": False,
}
FORMS: dict[str, Schema] = {
    "dataframe_split": SPLIT,
    "dataframe_records": {**ROWS, "items": OBJECT},
    "instances": {**ROWS, "items": {"type": ["object", "array"]}},
    "inputs": {"oneOf": [{**ROWS, "items": {"type": ["object", "array"]}}, OBJECT]},
}
SCORING: dict[str, Schema] = {
    "application/json": {
        "oneOf": [
            {
                "type": "object",
                "required": [form],
                "properties": {form: schema, "params": OBJECT},
                "additionalProperties": False,
            }
            for form, schema in FORMS.items()
        ]
    },
    "text/csv": TEXT,
}
SCORED: Schema = {"type": "object", "required": ["predictions"], "properties": {"predictions": {"type": "array"}}}
ENTITY: Schema = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"type": ["string", "number"], "maxLength": MAX_TEXT},
}
SEEN: Schema = {
    "type": "object",
    "properties": {
        "ages_s": {"type": "object", "additionalProperties": {"type": "number"}},
        **{name: {"type": "array", "items": TEXT} for name in ("stale", "missing", "defaulted")},
    },
}
ANSWER: Schema = {
    "type": "object",
    "required": ["predictions", "project", "model", "version", "feature_set_version", "request_id"],
    "properties": {
        "predictions": {"type": "array"},
        "project": TEXT,
        "model": TEXT,
        "version": WHOLE,
        "feature_set_version": WHOLE,
        "request_id": TEXT,
        "classes": {"type": "array", "items": TEXT},
        "features": {"type": "object", "properties": {"version": WHOLE, "rows": {"type": "array", "items": SEEN}}},
    },
}
REFUSED = {
    "400": "the body cannot be read",
    "401": "no token",
    "403": "from a web page",
    "404": "nothing of this name answers, or the entity is not known",
    "408": "the body did not arrive in time",
    "409": "features are stale or missing, and the project refuses them",
    "413": "too large",
    "415": "another content type",
    "421": "another host",
    "422": "a field is wrong",
    "431": "too many headers",
    "503": "nothing answers yet, or too many ask at once: see retry-after",
}


def describe(current: Mapping[str, Served]) -> Schema:
    """An OpenAPI 3.1 document."""
    model, project = _path("model"), _path("project")
    version = _path("version")
    paths: Schema = {
        "/health": {"get": _get("Whether the process lives", security=[])},
        "/ready": {"get": _get("Whether every active deployment answers")},
        "/metrics": {"get": _get("Metrics for Prometheus", media="text/plain")},
        "/ping": {"get": _get("MLflow: whether a model answers")},
        "/version": {"get": _get("MLflow: what answers here", media="text/plain")},
        "/v2": {"get": _get("Open Inference Protocol: the server")},
        "/v2/health/live": {"get": _get("Open Inference Protocol: whether the process lives")},
        "/v2/health/ready": {"get": _get("Open Inference Protocol: whether every model answers")},
        "/invocations": {"post": _asked("MLflow: score with the only project that answers", SCORING, SCORED)},
        "/invocations/{project}": {"post": _asked("MLflow: score", SCORING, SCORED), "parameters": [project]},
        "/predict/{project}": {
            "post": _asked(
                "Answer with the project's production version", {"application/json": _bodies(OBJECT)}, ANSWER
            ),
            "parameters": [project],
        },
    }
    for path, named in (("/v2/models/{model}", [model]), ("/v2/models/{model}/versions/{version}", [model, version])):
        inputs = "Open Inference Protocol: inputs and outputs of a model"
        ready = "Open Inference Protocol: whether a model answers"
        paths[path] = {"get": _get(inputs, codes=("404", "503")), "parameters": named}
        paths[f"{path}/ready"] = {"get": _get(ready, codes=("404", "503")), "parameters": named}
        paths[f"{path}/infer"] = {
            "post": _asked("Open Inference Protocol: infer", {"application/json": INFERENCE}, INFERRED),
            "parameters": named,
        }
    for name, served in current.items():
        says = f"Answer with version {served.deployment.version} of {name}"
        paths[f"/predict/{name}"] = {"post": _asked(says, {"application/json": _bodies(_record(served))}, ANSWER)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Trainmaster gateway", "version": "1"},
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": ERROR},
        },
        "security": [{"token": []}],
    }


def _record(served: Served) -> Schema:
    """A record of a model: every field, and no other."""
    text = {"type": ["string", "integer", "boolean", "null"], "maxLength": MAX_TEXT}
    fields = {
        field: text if field in served.fields.categories else {"type": ["number", "null"]}
        for field in served.fields.features
    }
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _bodies(record: Schema) -> Schema:
    """What `/predict` takes: a record, several, or entities."""
    records = {**ROWS, "items": record}
    entities = {"type": "array", "items": ENTITY, "minItems": 1, "maxItems": MAX_ENTITIES}
    wrapped = [
        {
            "type": "object",
            "required": [name],
            "properties": {name: inner, "explain": {"type": "boolean"}},
            "additionalProperties": False,
        }
        for name, inner in (("records", records), ("entity", ENTITY), ("entities", entities))
    ]
    return {"anyOf": [record, records, *wrapped]}


def _get(summary: str, *, media: str = "application/json", codes: tuple[str, ...] = ("503",), **more: Any) -> Schema:
    schema = TEXT if media == "text/plain" else {}
    found = {"description": summary, "content": {media: {"schema": schema}}}
    refused = {code: _refusal(code) for code in ("401", "403", "421", "431", *codes)}
    return {"summary": summary, "responses": {"200": found, **refused}, **more}


def _path(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": TEXT}


def _asked(summary: str, bodies: Mapping[str, Schema], answer: Schema) -> Schema:
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {media: {"schema": body} for media, body in bodies.items()}},
        "responses": {
            "200": {"description": "predictions", "content": {"application/json": {"schema": answer}}},
            **{code: _refusal(code) for code in REFUSED},
        },
    }


def _refusal(code: str) -> Schema:
    schema: Schema = {"$ref": "#/components/schemas/Error"} if code != "503" else {}
    return {"description": REFUSED[code], "content": {"application/json": {"schema": schema}}}


__all__ = ["describe"]
