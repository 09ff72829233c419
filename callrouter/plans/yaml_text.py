"""Dialplan files as YAML: the safe and plain part of it, with the place of everything that is wrong."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from callrouter.errors import Mistake

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20

_ENV = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_NULL = re.compile(r"~|null|Null|NULL|")


def read_yaml(raw: bytes, where: str) -> tuple[object, list[Mistake]]:
    """The document in ``raw``, and what is wrong with it; the document is ``None`` when it cannot be read.

    Scalars stay text, exactly as written: ``0.50``, ``012003`` and ``21:00`` mean what the operator sees, and
    the model decides which of them is a number.
    """
    if len(raw) > MAX_BYTES:
        return None, [Mistake(where, "file", f"keep it under {MAX_BYTES // 1024} KiB")]
    try:
        loader = _Loader(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return None, [Mistake(where, "file", f"save it as UTF-8; byte {error.start} is not")]
    except yaml.reader.ReaderError as error:
        return None, [Mistake(where, "file", f"remove the control character at position {error.position}")]
    try:
        document = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        key = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "file"
        return None, [Mistake(where, key, f"mend the YAML: {error.problem or error.context}")]
    finally:
        loader.dispose()
    return document, [Mistake(where, key, remedy) for key, remedy in loader.found]


def fill_in(
    node: object, environ: Mapping[str, str], path: tuple[str | int, ...] = ()
) -> tuple[object, dict[tuple[str | int, ...], str]]:
    """``node`` with every ``env:NAME`` replaced, and a remedy for each that cannot be, by its path."""
    if isinstance(node, str) and node.startswith("env:"):
        return _filled(node, environ, path)
    lacking: dict[tuple[str | int, ...], str] = {}
    if isinstance(node, dict):
        filled: dict[object, object] = {}
        for key, value in node.items():
            filled[key], below = fill_in(value, environ, (*path, str(key)))
            lacking |= below
        return filled, lacking
    if isinstance(node, list):
        items: list[object] = []
        for index, value in enumerate(node):
            item, below = fill_in(value, environ, (*path, index))
            items.append(item)
            lacking |= below
        return items, lacking
    return node, lacking


def _filled(
    text: str, environ: Mapping[str, str], path: tuple[str | int, ...]
) -> tuple[str, dict[tuple[str | int, ...], str]]:
    name = text.removeprefix("env:")
    if not _ENV.fullmatch(text):
        return "", {path: "write env:NAME with the name of an environment variable"}
    value = environ.get(name, "").strip()
    return value, {} if value else {path: f"set the environment variable {name}"}


class _Loader(yaml.SafeLoader):
    """No aliases (they make small files huge), no duplicate keys, no guessing of types."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own attribute

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.found: list[tuple[str, str]] = []
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """One node, with its depth counted."""
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _refused("write the value out; aliases are not read", event)
        if self._depth >= MAX_DEPTH:
            raise _refused("it is nested too deeply", event)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys are text and differ; others are noted in ``found``."""
        if not isinstance(node, yaml.MappingNode):
            raise yaml.constructor.ConstructorError(None, None, "this must be a mapping", node.start_mark)
        seen: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be text", key_node.start_mark)
            if key_node.value in seen:
                self.found.append((f"{key_node.value} (line {line})", "it is there twice; remove one"))
            seen[key_node.value] = self.construct_object(value_node, deep=deep)
        return seen


def _refused(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)  # type: ignore[arg-type]


_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(rf"^(?:{_NULL.pattern})$"), ["~", "n", "N", ""])
