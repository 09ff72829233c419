"""Writing XML to buyers: elements as text, with nothing in them that could break out of its place."""

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def leaf(name: str, text: str, attributes: Mapping[str, str] | None = None) -> str:
    """An element around a text; characters that XML cannot hold become spaces."""
    # Quotes are written as entities although XML does not ask for it: it is the form in which records mask values.
    return branch(name, escape(_cleaned(text), {'"': "&quot;", "'": "&apos;"}), attributes=attributes)


def branch(name: str, *inner: str, attributes: Mapping[str, str] | None = None) -> str:
    """An element around others."""
    shown = "".join(f" {key}={quoteattr(_cleaned(value))}" for key, value in (attributes or {}).items())
    return f"<{name}{shown}>{''.join(inner)}</{name}>"


def document(root: str) -> bytes:
    """The whole body."""
    return f'<?xml version="1.0" encoding="UTF-8"?>{root}'.encode()


def _cleaned(text: str) -> str:
    return _NOT_XML.sub(" ", text)
