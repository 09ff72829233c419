"""The JSON schema of a dialplan, for editors."""

from typing import Any

from callrouter.dialplan import Plan

_SCALARS = {"string", "integer", "number", "boolean"}
_FROM_ENVIRONMENT = {"type": "string", "pattern": "^env:[A-Za-z_][A-Za-z0-9_]*$"}
_ABOUT = ("description", "default")


def json_schema() -> dict[str, Any]:
    """The schema, which also takes ``env:NAME`` wherever a value stands."""
    schema = Plan.model_json_schema(mode="validation")
    with_environment: dict[str, Any] = _open(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **with_environment}


def _open(node: Any) -> Any:
    """``node`` with every scalar that is bound to a form opened for ``env:NAME``."""
    if isinstance(node, list):
        return [_open(item) for item in node]
    if not isinstance(node, dict):
        return node
    if _is_bound_scalar(node):
        about = {key: node[key] for key in _ABOUT if key in node}
        form = {key: value for key, value in node.items() if key not in (*_ABOUT, "title")}
        return {**about, "anyOf": [form, _FROM_ENVIRONMENT]}
    # The names of a mapping's keys are not values (env: is not read there).
    # The titles that pydantic makes of field names say nothing new.
    return {
        key: value if key in ("propertyNames", "default") else _open(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
    }


def _is_bound_scalar(node: dict[str, Any]) -> bool:
    kind = node.get("type")
    if "enum" in node or "const" in node:
        return True
    if kind == "string":
        return any(key in node for key in ("pattern", "minLength"))
    return isinstance(kind, str) and kind in _SCALARS
