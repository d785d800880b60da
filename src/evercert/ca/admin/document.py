"""The OpenAPI 3.1 document of the admin API, from its table."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from evercert import __version__
from evercert.ca.admin.refusals import PROBLEM_TYPE, RefusalDocument
from evercert.ca.admin.table import OPERATIONS, Operation

__all__ = ["document"]

_VARIABLE: Final = re.compile(r"\{(\w+)\}")


def document() -> dict[str, Any]:
    """As JSON knows it."""
    kinds = {kind for each in OPERATIONS for kind in (each.gives, each.body, each.query) if kind is not None}
    ordered = sorted({*kinds, RefusalDocument}, key=lambda kind: kind.__name__)
    schemas, components = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    by_kind = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, Any] = {}
    for each in OPERATIONS:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, by_kind, components)
    schemes = {"token": {"type": "http", "scheme": "bearer"}, "certificate": {"type": "mutualTLS"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Evercert CA, for its operators", "version": __version__},
        "security": [{"token": []}, {"certificate": []}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": schemes},
    }


def _operation(operation: Operation, schemas: dict[type, Any], components: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"For the role `{operation.role}`.",
        "parameters": [*_in_path(operation), *_in_query(operation, components)],
        "responses": {
            str(operation.status): _content("It is so.", "application/json", schemas[operation.gives]),
            "default": _content("It is not so, and why.", PROBLEM_TYPE, schemas[RefusalDocument]),
        },
    }
    if operation.body:
        told["requestBody"] = {"content": {"application/json": {"schema": schemas[operation.body]}}}
    return told


def _in_path(operation: Operation) -> list[dict[str, Any]]:
    names = _VARIABLE.findall(operation.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _in_query(operation: Operation, components: dict[str, Any]) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    fields: dict[str, Any] = components[operation.query.__name__]["properties"]
    return [{"name": name, "in": "query", "schema": schema} for name, schema in fields.items()]


def _content(description: str, media_type: str, schema: Any) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}
