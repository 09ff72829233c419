"""The OpenAPI 3.1 document, made from what serves: the actions of each path and the models that check and shape."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import callrouter
from callrouter.api.auth import ANYONE
from callrouter.api.endpoint import Action, Endpoint, PathParameter
from callrouter.api.problems import MEDIA_TYPE
from callrouter.api.replies import KEY_PATTERN, REPLAYED
from callrouter.api.shapes import ProblemShown

Json = dict[str, Any]
Mode = Literal["validation", "serialization"]
Names = Mapping[tuple[type[BaseModel], Mode], Json]
"""How each model is referred to, as it is read and as it is written."""

DESCRIPTION = """Warm transfers, callers, the call log, callbacks and buyers.

Money is a string with two decimals, times are RFC 3339 in UTC, numbers are E.164. What goes wrong is told as
application/problem+json with a remedy. Answers may have further keys; keys that are sent and not known are refused.
A POST with an Idempotency-Key is done once: its repeats within a day get the first answer.
"""
REF = "#/components/schemas/{model}"

_WHY: Mapping[int, str] = {
    400: "The body is not a JSON object, or did not arrive.",
    401: "No token, or a wrong one.",
    403: "The token's role may not do this.",
    404: "There is no such thing, or not for this token.",
    405: "The path does not have this method; Allow says which it has.",
    408: "The body did not arrive in time.",
    409: "It cannot be done as things stand; the detail says what to do instead.",
    413: "The body is too large.",
    422: "Something given is wrong: each wrong key with its remedy.",
    503: "The engine, or the ledger, does not answer; try again after Retry-After.",
}


def document(endpoints: Sequence[Endpoint]) -> Json:
    """The document of these paths."""
    names, schemas = _schemas(endpoints)
    made = {
        "openapi": "3.1.0",
        "info": {"title": "callrouter", "version": callrouter.__version__, "description": DESCRIPTION},
        "security": [{"token": []}],
        "paths": {
            endpoint.path: {
                method.lower(): _operation(endpoint, method, action, names)
                for method, action in endpoint.actions.items()
            }
            for endpoint in endpoints
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of CALLROUTER_API_TOKENS; its role is agent, ops or system.",
                }
            },
        },
    }
    return {key: _in_markdown(value) for key, value in made.items()}


def _in_markdown(value: Any) -> Any:
    """Docstrings mark code with two backticks, Markdown with one."""
    if isinstance(value, str):
        return value.replace("``", "`")
    if isinstance(value, list):
        return [_in_markdown(one) for one in value]
    return {key: _in_markdown(one) for key, one in value.items()} if isinstance(value, dict) else value


def _schemas(endpoints: Iterable[Endpoint]) -> tuple[Names, Json]:
    wanted: dict[tuple[type[BaseModel], Mode], None] = {(ProblemShown, "serialization"): None}
    for action in (action for endpoint in endpoints for action in endpoint.actions.values()):
        if action.body is not None:
            wanted[action.body, "validation"] = None
        wanted |= {(model, "serialization"): None for model in action.answers.values() if model is not None}
    named, definitions = models_json_schema(list(wanted), ref_template=REF)
    return {key: named[key] for key in wanted}, definitions["$defs"]


def _operation(endpoint: Endpoint, method: str, action: Action, names: Names) -> Json:
    roles = sorted(role.value for role in action.roles)
    parameters = [_in_path(parameter) for parameter in endpoint.parameters]
    parameters += _in_query(action.query) if action.query else []
    parameters += [_IDEMPOTENCY_KEY] if method == "POST" else []
    operation: Json = {
        "operationId": _operation_id(method, endpoint.path),
        "tags": [endpoint.path.split("/")[3]],
        "summary": action.about,
        "description": " ".join([*([action.more] if action.more else []), f"Roles: {', '.join(roles)}."]),
        "x-roles": roles,
        "parameters": parameters,
        "responses": {
            **{
                str(status): _answer(status, method, action.answers[status], names) for status in sorted(action.answers)
            },
            **{str(status): _problem(status, names) for status in _refusals(endpoint, method, action)},
        },
    }
    if action.body is not None:
        content = {"application/json": {"schema": names[action.body, "validation"]}}
        operation["requestBody"] = {"required": not action.body_optional, "content": content}
    return operation


def _refusals(endpoint: Endpoint, method: str, action: Action) -> list[int]:
    found = {401, 405, 503, *action.refusals}
    if action.roles != ANYONE:
        found.add(403)
    if any(parameter.of is not None for parameter in endpoint.parameters):
        found.add(404)
    if action.query is not None:
        found.add(422)
    if action.body is not None or method == "POST":
        found |= {400, 408, 413, 422}
    if method == "POST":
        found.add(409)
    return sorted(found)


def _answer(status: int, method: str, model: type[BaseModel] | None, names: Names) -> Json:
    answer: Json = {"description": HTTPStatus(status).phrase}
    if method == "POST":
        answer["headers"] = {REPLAYED: _REPLAYED}
    if model is not None:
        answer["content"] = {"application/json": {"schema": names[model, "serialization"]}}
    return answer


def _problem(status: int, names: Names) -> Json:
    content = {MEDIA_TYPE: {"schema": names[ProblemShown, "serialization"]}}
    return {"description": _WHY[status], "content": content}


def _in_path(parameter: PathParameter) -> Json:
    schema = {"type": "string", "pattern": f"^{parameter.pattern}$", "examples": [parameter.example]}
    return {
        "name": parameter.name,
        "in": "path",
        "required": True,
        "description": parameter.about,
        "schema": schema,
    }


def _in_query(query: type[BaseModel]) -> list[Json]:
    schema = query.model_json_schema(ref_template=REF)
    shared = schema.get("$defs", {})
    found = []
    for name, given in schema.get("properties", {}).items():
        of = _never_null(given)
        description = of.pop("description", None)
        of.pop("title", None)
        of = {**shared[of["$ref"].rpartition("/")[2]], **of} if "$ref" in of else of
        shown = {key: value for key, value in of.items() if key not in ("$ref", "title", "description")}
        parameter: Json = {"name": name, "in": "query", "required": False, "schema": shown}
        found.append({**parameter, "description": description} if description else parameter)
    return found


def _never_null(schema: Mapping[str, Any]) -> Json:
    """A query parameter is there or it is not; only bodies have null."""
    others = {key: value for key, value in schema.items() if key != "anyOf"}
    if others.get("default", ...) is None:
        del others["default"]
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    return {**kinds[0], **others} if kinds else others


def _operation_id(method: str, path: str) -> str:
    words = [word for word in path.removeprefix("/api/v1/").replace("{", "by_").replace("}", "").split("/") if word]
    return "_".join([method.lower(), *words])


_IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "1 to 128 printable ASCII characters, new for each thing that is to be done.",
    "schema": {"type": "string", "pattern": f"^{KEY_PATTERN}$", "examples": ["5f6c1d8e-0b7e-4d0c-9a43-2f4f4b1c0a11"]},
}
_REPLAYED: Json = {
    "description": "There when this is the answer that was given before.",
    "schema": {"type": "string", "const": "true"},
}
