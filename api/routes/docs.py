"""The API's description as a page of our own: no script from elsewhere."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from api.deps import ServicesDep

router = APIRouter(tags=["docs"])


@router.get("/docs", response_class=HTMLResponse, include_in_schema=False)
def docs(request: Request, services: ServicesDep) -> Response:
    schema = request.app.openapi()
    context = {"here": "API", "operations": operations(schema)}
    return services.templates.TemplateResponse(request, "docs.html", context)


def operations(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """What a reader needs of each operation of an OpenAPI description."""
    return [
        {
            "method": method.upper(),
            "path": path,
            "link": method == "get" and "{" not in path,
            "summary": operation.get("description") or operation.get("summary", ""),
            "parameters": [_parameter(p) for p in operation.get("parameters", [])],
            "body": _body(schema, operation),
        }
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


def _parameter(raw: dict[str, Any]) -> dict[str, Any]:
    return {"name": raw["name"], "place": raw["in"], "type": _type(raw["schema"]), "required": raw["required"]}


def _body(schema: dict[str, Any], operation: dict[str, Any]) -> list[dict[str, str]]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return []
    model = schema["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]
    return [
        {"name": name, "type": _type(field), "text": field.get("description", "")}
        for name, field in model["properties"].items()
    ]


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"] if option.get("type") != "null")
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return str(schema.get("type") or schema.get("$ref", "value").rsplit("/", 1)[-1])
