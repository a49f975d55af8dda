"""The OpenAPI page: one path for each model that answers now, with its fields."""

from collections.abc import Mapping
from typing import Any

from app.gateway.models import Served
from app.gateway.protocols.mlflow import FORMS
from app.gateway.protocols.open_inference import NUMBERS
from app.gateway.records import MAX_RECORDS, MAX_TEXT

ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}, "field": {"type": "string"}, "record": {"type": "integer"}},
}


TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype", "data"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
        "datatype": {"type": "string", "enum": ["BYTES", *NUMBERS]},
        "data": {"type": "array"},
    },
}
INFERENCE = {
    "type": "object",
    "required": ["inputs"],
    "properties": {"id": {"type": "string"}, "inputs": {"type": "array", "items": TENSOR, "minItems": 1}},
}
SCORING: dict[str, Any] = {
    "application/json": {"oneOf": [{"type": "object", "required": [form]} for form in FORMS]},
    "text/csv": {"type": "string"},
}


def describe(current: Mapping[str, Served]) -> dict[str, Any]:
    """An OpenAPI 3.1 document."""
    paths: dict[str, Any] = {
        "/health": {"get": _get("Whether the process lives", security=[])},
        "/ready": {"get": _get("Whether every active deployment answers")},
        "/metrics": {"get": _get("Metrics for Prometheus", media="text/plain")},
        "/ping": {"get": _get("MLflow: whether a model answers")},
        "/version": {"get": _get("MLflow: what answers here", media="text/plain")},
        "/v2": {"get": _get("Open Inference Protocol: the server")},
        "/v2/health/live": {"get": _get("Open Inference Protocol: whether the process lives")},
        "/v2/health/ready": {"get": _get("Open Inference Protocol: whether every model answers")},
        **{
            f"/v2/models/{{model}}{tail}": {
                "get": _get(f"Open Inference Protocol: {says}"),
                "parameters": [_path("model")],
            }
            for tail, says in (("", "inputs and outputs of a model"), ("/ready", "whether a model answers"))
        },
        "/v2/models/{model}/infer": {
            "post": _asked("Open Inference Protocol: infer", {"application/json": INFERENCE}),
            "parameters": [_path("model")],
        },
        "/invocations": {"post": _asked("MLflow: score with the only project that answers", SCORING)},
        "/invocations/{project}": {"post": _asked("MLflow: score", SCORING), "parameters": [_path("project")]},
        "/predict/{project}": {
            "post": _post("Answer with the project's production version", {"type": "object"}),
            "parameters": [_path("project")],
        },
    }
    for name, served in current.items():
        fields = {
            field: {"type": ["string", "integer", "boolean", "null"], "maxLength": MAX_TEXT}
            if field in served.fields.categories
            else {"type": ["number", "null"]}
            for field in served.fields.features
        }
        record = {
            "type": "object",
            "properties": fields,
            "required": list(fields),
            "additionalProperties": False,
        }
        paths[f"/predict/{name}"] = {
            "post": _post(f"Answer with version {served.deployment.version} of {name}", record)
        }
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


def _get(summary: str, *, media: str = "application/json", **more: Any) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": summary, "content": {media: {}}}}, **more}


def _post(summary: str, record: dict[str, Any]) -> dict[str, Any]:
    batch = {"type": "array", "items": record, "minItems": 1, "maxItems": MAX_RECORDS}
    body = {"oneOf": [record, batch, {"type": "object", "required": ["records"], "properties": {"records": batch}}]}
    answer = {
        "type": "object",
        "properties": {
            "predictions": {"type": "array"},
            "model": {"type": "string"},
            "version": {"type": "integer"},
            "feature_set_version": {"type": "integer"},
            "request_id": {"type": "string"},
        },
    }
    return _asked(summary, {"application/json": body}, answer)


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _asked(summary: str, bodies: Mapping[str, Any], answer: Mapping[str, Any] | None = None) -> dict[str, Any]:
    error = {
        "description": "refused",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {media: {"schema": body} for media, body in bodies.items()}},
        "responses": {
            "200": {
                "description": "predictions",
                "content": {"application/json": {"schema": answer or {"type": "object"}}},
            },
            **dict.fromkeys(("400", "401", "403", "404", "408", "413", "415", "421", "422", "503"), error),
        },
    }


__all__ = ["describe"]
