"""What to tell an operator for each way in which a dialplan, or another file of theirs, can miss its model.

Remedies never repeat the value: it may be a secret.
"""

import difflib
from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from callrouter.dialplan import PATTERN_REMEDIES, Plan

NEAR = 0.75
"""How alike two names must be for one to be a slip of the pen for the other."""

Path = tuple[str | int, ...]

_BY_TYPE = {
    "missing": "it is required; add it",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "int_type": "write a whole number",
    "float_parsing": "write a number",
    "float_type": "write a number",
    "finite_number": "write a number",
    "decimal_parsing": "write an amount in dollars, such as 5.00",
    "decimal_type": "write an amount in dollars, such as 5.00",
    "bool_parsing": "write true or false",
    "bool_type": "write true or false",
    "string_type": "write text",
    "model_type": "write a section of keys here",
    "model_attributes_type": "write a section of keys here",
    "dict_type": "write a section of keys here",
    "tuple_type": "write a list here, such as [a, b]",
    "too_short": "name at least one",
    "string_too_short": "write something here",
}


def remedies(error: ValidationError, of: type[BaseModel] = Plan) -> list[tuple[Path, str]]:
    """The path of each wrong key and what to do about it, one entry a path; ``of`` is the model that was missed."""
    found: dict[Path, list[str]] = {}
    for detail in error.errors(include_url=False):
        for path, remedy in _explained(detail, of):
            texts = found.setdefault(path, [])
            if remedy not in texts:
                texts.append(remedy)
    return [(path, ", or ".join(texts)) for path, texts in found.items()]


def _explained(detail: ErrorDetails, of: type[BaseModel]) -> list[tuple[Path, str]]:
    """A check between keys finds several things at once; a wrong value is one."""
    if detail["type"] == "mistakes":
        return [(tuple(key.split(".")), remedy) for key, remedy in detail["ctx"]["found"]]
    return [_of_key(detail, of)]


def _of_key(detail: ErrorDetails, of: type[BaseModel]) -> tuple[Path, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    path = _known_path(detail["loc"], of)
    if kind == "mistake":
        return (*path, *context["key"].split(".")), context["remedy"]
    if kind == "extra_forbidden":
        return path, _unknown_key(path, of)
    if detail["input"] is None:
        return path, "it has no value; write one, or remove the key"
    return path, _of_value(kind, context, detail["msg"])


def _of_value(kind: str, context: dict[str, Any], message: str) -> str:
    if kind == "string_pattern_mismatch":
        return PATTERN_REMEDIES.get(context["pattern"], f"it must match {context['pattern']}")
    if kind in ("literal_error", "enum"):
        return f"write {context['expected']}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "decimal_max_places":
        return "write at most two decimals"
    for bound, words in (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than")):
        if bound in context:
            return f"it must be {words} {context[bound]}"
    return _BY_TYPE.get(kind, message)


def _unknown_key(path: Path, of: type[BaseModel]) -> str:
    fields = _fields_of(path[:-1], of)
    near = difflib.get_close_matches(str(path[-1]), fields, n=1, cutoff=NEAR)
    if near:
        return f"unknown key; did you mean {near[0]}?"
    return f"unknown key; remove it (known here: {', '.join(sorted(fields))})"


def _known_path(location: Sequence[str | int], of: type[BaseModel]) -> Path:
    """Pydantic's location without its own words for members of unions and for keys."""
    path: list[str | int] = []
    annotation: Any = of
    for part in location:
        holds_keys = get_origin(annotation) in (dict, tuple) or _model_in(annotation) is not None
        if not holds_keys or part == "[key]":
            break
        path.append(part)
        annotation = _inside(annotation, part)
    return tuple(path)


def _fields_of(path: Path, of: type[BaseModel]) -> list[str]:
    annotation: Any = of
    for part in path:
        annotation = _inside(annotation, part)
    model = _model_in(annotation)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _inside(annotation: Any, part: str | int) -> Any:
    """The annotation of what ``part`` names in a value of ``annotation``; ``None`` when it names nothing."""
    model = _model_in(annotation)
    if model is not None:
        for name, field in model.model_fields.items():
            if part in (name, field.alias):
                return field.annotation
        return None
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    if get_origin(annotation) is tuple:
        return get_args(annotation)[0]
    return None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (dict, tuple):
        return None
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
