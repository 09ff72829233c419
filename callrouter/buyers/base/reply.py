"""Reading what buyers reply: JSON or XML by the body itself, into one plain tree. Pure, and never raises.

A tree's names are plain (`plain_name`), its leaves are text, and nothing deeper than four levels is kept.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import islice
from urllib.parse import unquote_plus
from xml.parsers import expat

from callrouter.buyers.base.sheet import plain_name
from callrouter.domain.money import NotMoney, parse_money
from callrouter.domain.offer import Decline
from callrouter.domain.reasons import Reason

MAX_DEPTH = 4
MAX_LEAF_CHARS = 500
MAX_PARTS = 1_000
_UNDEFINED_ENTITY = 11
_MAX_DURATION_S = 86_400
_DECLARED_UTF_16 = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']utf-16", re.IGNORECASE)
_TEXT_FIELD = re.compile(r"\s*([A-Za-z][A-Za-z0-9_ \-]{0,60}?)\s{0,8}[=:](.*)", re.ASCII | re.DOTALL)

Leaf = str
Tree = Mapping[str, Sequence["Leaf | Tree"]]
"""Each name with everything that stood under it, in order: repeated elements and lists look the same."""


@dataclass(frozen=True)
class Reply:
    """A reply, or a part of one."""

    tree: Tree

    def find(self, names: Sequence[str]) -> str | None:
        """As `whole`, cut to a length that records can show."""
        text = self.whole(names)
        return text if text is None else text[:MAX_LEAF_CHARS]

    def every(self, names: Sequence[str]) -> Iterator[str]:
        """All texts under these plain names, as `find` cuts them."""
        return (text[:MAX_LEAF_CHARS] for name in names for text in self._texts.get(name, ()))

    def whole(self, names: Sequence[str]) -> str | None:
        """The text under the first of these plain names, the shallowest of each; blank if all are blank.

        For what must go back to the partner as it came.
        """
        blank: str | None = None
        for name in names:
            for text in self._texts.get(name, ()):
                if text:
                    return text
                blank = text
        return blank

    @cached_property
    def _texts(self) -> Mapping[str, Sequence[str]]:
        """The texts under each name, the shallowest first."""
        texts: dict[str, list[str]] = {}
        for _, name, text in sorted(_leaves(self.tree, 1), key=lambda leaf: leaf[0]):
            texts.setdefault(name, []).append(text)
        return texts

    def parts(self, names: Sequence[str]) -> tuple["Reply", ...]:
        """The parts under these names, the innermost of nested ones (``legs`` around ``leg``)."""
        return tuple(Reply(tree) for tree in islice(_parts(self.tree, frozenset(names)), MAX_PARTS))

    def has(self, names: Sequence[str]) -> bool:
        """Whether any of these names stands anywhere, even with nothing under it."""
        return not _names(self.tree).isdisjoint(names)


def read_reply(body: bytes) -> Reply | Decline:
    """The reply in this body, or why it cannot be used. The content type is not asked: it is often wrong."""
    text = decode(body)
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if start == "<":
        return _read_xml(body)
    if start and start in "{[":
        return _read_json(text.lstrip("\ufeff"))
    return Decline(reason=Reason.ERROR_BAD_RESPONSE, detail="neither JSON nor XML" if start else "empty body")


def read_any_reply(body: bytes) -> Reply | Decline:
    """As `read_reply`, and plain text as well: ``name=value&name=value``, or a ``name: value`` on each line.

    For partners whose default format nobody documents. Text with anything else in it is not a reply.
    """
    reply = read_reply(body)
    text = decode(body).strip("\ufeff \t\r\n")
    if isinstance(reply, Reply) or not text or text[0] in "<{[":
        return reply
    lines = [line for line in text.splitlines() if line.strip()]
    in_query = len(lines) == 1 and re.match(r"[\w\-]+=", text, re.ASCII) is not None
    tree: dict[str, list[Leaf | Tree]] = {}
    for part in filter(None, text.split("&")) if in_query else lines:
        field = _TEXT_FIELD.fullmatch(unquote_plus(part) if in_query else part)
        if field is None:
            return Decline(reason=Reason.ERROR_BAD_RESPONSE, detail="text without names for its values")
        tree.setdefault(plain_name(field[1]), []).append(_clean(field[2].strip()))
    return Reply(tree)


def decode(body: bytes) -> str:
    """The body as text, whatever it is."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif body[:2] in (b"\x00<", b"\x00{", b"\x00["):
        encoding = "utf-16-be"
    elif body[1:2] == b"\x00":
        encoding = "utf-16-le"
    else:
        encoding = "utf-8-sig"
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        return body.decode("latin-1" if encoding == "utf-8-sig" else encoding, errors="replace")


def read_duration(raw: str | None) -> int | Decline | None:
    """Whole seconds from ``90``, ``90 sec`` or ``1:30``; ``None`` when the buyer stated none."""
    text = (raw or "").strip().lower()
    if not text:
        return None
    bad = Decline(reason=Reason.ERROR_BAD_RESPONSE, detail="duration")
    if match := re.fullmatch(r"(?:(\d{1,2}):)?(\d{1,3}):([0-5]\d)", text, re.ASCII):
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        total = hours * 3600 + minutes * 60 + seconds
    elif match := re.fullmatch(r"(\d{1,6})(\.\d{1,6})?\s*(?:s|secs?\.?|seconds?)?", text, re.ASCII):
        total = int(match[1]) + (1 if match[2] and int(match[2][1:]) else 0)
    else:
        return bad
    return total if total <= _MAX_DURATION_S else bad


def read_money(raw: str | None) -> Decimal | Decline:
    """The amount, or a decline for none, a negative or an absurd one."""
    try:
        return parse_money(raw)
    except NotMoney:
        return Decline(reason=Reason.ERROR_BAD_RESPONSE, detail="no price" if raw is None else "price")


def declined_by_status(status: int) -> Decline | None:
    """What the HTTP status alone means when the body does not say more; ``None`` for 2xx."""
    if 200 <= status < 300:
        return None
    if status in (401, 403):
        reason = Reason.ERROR_AUTH
    elif status == 429:
        reason = Reason.ERROR_RATE_LIMITED
    elif status >= 500:
        reason = Reason.ERROR_UNAVAILABLE
    else:
        reason = Reason.ERROR_HTTP_STATUS
    return Decline(reason=reason, detail=f"HTTP {status}")


def unreadable(why: Decline, by_status: Decline | None) -> Decline:
    """What a reply without a readable body means: the status says more than a broken body, but an attack stays one."""
    return why if by_status is None or why.reason is Reason.ERROR_UNSAFE_XML else by_status


def _leaves(tree: Tree, depth: int) -> Iterator[tuple[int, str, str]]:
    for name, values in tree.items():
        for value in values:
            if isinstance(value, str):
                yield depth, name, value
            else:
                yield from _leaves(value, depth + 1)


def _names(tree: Tree) -> set[str]:
    inner = (value for values in tree.values() for value in values if not isinstance(value, str))
    return set(tree).union(*(_names(value) for value in inner))


def _parts(tree: Tree, names: frozenset[str]) -> Iterator[Tree]:
    for name, values in tree.items():
        for value in values:
            if isinstance(value, str):
                continue
            inner = list(_parts(value, names))
            if inner:
                yield from inner
            elif name in names:
                yield value


def _clean(text: str) -> str:
    """A leaf that can be stored and shown: no lone surrogates, no control characters."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _read_json(text: str) -> Reply | Decline:
    try:
        raw = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return Decline(reason=Reason.ERROR_BAD_RESPONSE, detail="broken JSON")
    if isinstance(raw, list):
        raw = {"legs": raw}
    return Reply(_json_tree(raw, 1))


def _json_tree(raw: dict[str, object], depth: int) -> dict[str, list[Leaf | Tree]]:
    tree: dict[str, list[Leaf | Tree]] = {}
    for name, value in raw.items():
        found = tree.setdefault(plain_name(name[:MAX_LEAF_CHARS]), [])
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                if depth < MAX_DEPTH:
                    found.append(_json_tree(item, depth + 1))
            elif isinstance(item, bool):
                found.append("true" if item else "false")
            elif isinstance(item, str):
                found.append(_clean(item))
    return tree


class _UnsafeXmlError(Exception):
    """A document type or an entity."""


def _read_xml(body: bytes) -> Reply | Decline:
    builder = _XmlTree()
    body = body.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    # .NET's string writers declare UTF-16 over UTF-8; what can be matched as bytes is not UTF-16.
    parser = expat.ParserCreate("utf-8" if _DECLARED_UTF_16.match(body) else None)
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.EntityDeclHandler = _refuse_entity
    try:
        parser.Parse(body, True)
    except _UnsafeXmlError as unsafe:
        return Decline(reason=Reason.ERROR_UNSAFE_XML, detail=str(unsafe))
    except expat.ExpatError as error:
        if error.code == _UNDEFINED_ENTITY:
            return Decline(reason=Reason.ERROR_UNSAFE_XML, detail="entity")
        return Decline(reason=Reason.ERROR_BAD_RESPONSE, detail="broken XML")
    except (ValueError, LookupError):  # an encoding that does not exist
        return Decline(reason=Reason.ERROR_BAD_RESPONSE, detail="broken XML")
    return Reply(builder.root)


def _refuse_doctype(name: str, system_id: str | None, public_id: str | None, has_subset: int) -> None:
    if name.lower() == "html" and not has_subset:
        raise ValueError("a web page")  # garbage, not an attack
    raise _UnsafeXmlError("document type")


def _refuse_entity(*_: object) -> None:
    raise _UnsafeXmlError("entity")


def _is_hint(attribute: str, value: str) -> bool:
    """Whether it says how to read the element, and nothing of the offer: an empty list stays empty."""
    name = plain_name(attribute)
    return attribute.startswith("xmlns") or name == "nil" or (name, value) == ("type", "array")


class _XmlTree:
    """Builds the tree while expat reads; the root element itself is the reply's envelope."""

    def __init__(self) -> None:
        self.root: dict[str, list[Leaf | Tree]] = {}
        self._open: list[dict[str, list[Leaf | Tree]]] = []
        self._text: list[list[str]] = []
        self._names: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        node: dict[str, list[Leaf | Tree]] = {}
        for key, value in attributes.items():
            if _is_hint(key, value):
                continue
            node.setdefault(plain_name(key[:MAX_LEAF_CHARS]), []).append(_clean(value))
        self._open.append(node)
        self._text.append([])
        self._names.append(plain_name(name[:MAX_LEAF_CHARS]))

    def data(self, text: str) -> None:
        self._text[-1].append(text)

    def end(self, _: str) -> None:
        node, name = self._open.pop(), self._names.pop()
        text = _clean("".join(self._text.pop()).strip())
        if not self._open:
            self.root = node
            if text or not node:
                node.setdefault(name, []).append(text)
            return
        depth = len(self._open)
        if depth > MAX_DEPTH:
            return
        siblings = self._open[-1].setdefault(name, [])
        if text or not node:
            siblings.append(text)
        if node and depth < MAX_DEPTH:
            siblings.append(node)
