"""``/openapi.json``, and the same as a page to read: no script, nothing from elsewhere. Both are public."""

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

Json = Mapping[str, Any]

_FOLDER = resources.files("callrouter.api")


def docs_routes(described: Json) -> list[Route]:
    """The document and its page; neither changes while the service runs."""
    text = json.dumps(described)
    style = (_FOLDER / "docs.css").read_text()
    page = docs_page(described, style)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    headers = {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }

    async def openapi(request: Request) -> Response:
        return Response(text, media_type="application/json")

    async def docs(request: Request) -> Response:
        return HTMLResponse(page, headers=headers)

    return [Route("/openapi.json", openapi, methods=["GET"]), Route("/docs", docs, methods=["GET"])]


def docs_page(described: Json, style: str) -> str:
    """The page of a document."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["kind"] = kind
    environment.filters["prose"] = prose
    template = environment.from_string((_FOLDER / "docs.html.j2").read_text())
    return template.render(api=described, style=style, schemas=described["components"]["schemas"], methods=_METHODS)


_METHODS = ("get", "put", "post", "delete")


def kind(schema: Json) -> list[tuple[str, str | None]]:
    """What a value is, in words: each part with the name of the shape that it stands for, if it does."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return [(name, name)]
    if "anyOf" in schema:
        return _joined([kind(one) for one in schema["anyOf"]], " or ")
    if "const" in schema:
        return [(json.dumps(schema["const"]), None)]
    if "enum" in schema:
        return [(" | ".join(str(value) for value in schema["enum"]), None)]
    if schema.get("type") == "array":
        return [("list of ", None), *kind(schema.get("items", {}))]
    if isinstance(schema.get("additionalProperties"), Mapping):
        return [("object of ", None), *kind(schema["additionalProperties"])]
    return [(_plain(schema), None)]


def prose(text: str) -> Markup:
    """Text in which backticks mark code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if no % 2 else escape(part) for no, part in enumerate(parts)
    )


def _plain(schema: Json) -> str:
    """A type with its bounds."""
    words = [str(schema.get("type", "anything"))]
    words += [str(schema["format"])] if "format" in schema else []
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = [f"from {low}"] if low is not None else []
    bounds += [f"to {high}"] if high is not None else []
    words += [" ".join(bounds)] if bounds else []
    words += [f"at most {schema['maxLength']} characters"] if "maxLength" in schema else []
    return ", ".join(words)


def _joined(parts: list[list[tuple[str, str | None]]], between: str) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for part in parts:
        found += [(between, None), *part] if found else part
    return found
