"""The OpenAPI page: one path for each model that answers now, with its fields."""

from collections.abc import Mapping
from typing import Any

from app.gateway.models import Served
from app.gateway.records import MAX_RECORDS, MAX_TEXT

ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}, "field": {"type": "string"}, "record": {"type": "integer"}},
}


def describe(current: Mapping[str, Served]) -> dict[str, Any]:
    """An OpenAPI 3.1 document."""
    paths: dict[str, Any] = {
        "/health": {"get": _get("Whether the process lives", security=[])},
        "/ready": {"get": _get("Whether every active deployment answers")},
        "/metrics": {"get": _get("Metrics for Prometheus", media="text/plain")},
        "/predict/{project}": {
            "post": _post("Answer with the project's production version", {"type": "object"}),
            "parameters": [{"name": "project", "in": "path", "required": True, "schema": {"type": "string"}}],
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
    error = {
        "description": "refused",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {"description": "predictions", "content": {"application/json": {"schema": answer}}},
            **dict.fromkeys(("400", "401", "403", "404", "408", "413", "415", "421", "422", "503"), error),
        },
    }


__all__ = ["describe"]
