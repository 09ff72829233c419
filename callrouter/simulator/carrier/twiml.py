"""Reads a document as the carrier does, and checks it more strictly than the carrier would."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from callrouter.simulator.carrier import schema
from callrouter.simulator.carrier.records import DocumentRecord

MAX_ANSWERED_BYTES = 64 * 1024
MAX_PUSHED_CHARS = 4_000
TWIML_TYPES = frozenset({"text/xml", "application/xml", "text/html"})


class BadDocument(Exception):
    """The carrier cannot use the document at all. ``code`` is the carrier's error code."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True)
class Document:
    """A document that can be executed. ``url`` is what relative URLs are resolved against."""

    verbs: tuple[ET.Element, ...]
    url: str | None
    record: DocumentRecord

    def resolve(self, url: str) -> str:
        """The URL as the carrier requests it; empty means the document's own."""
        return urljoin(self.url, url) if self.url else url


def read(body: bytes, content_type: str) -> ET.Element:
    """The root of an answered document. Raises `BadDocument`."""
    kind = content_type.partition(";")[0].strip().lower()
    if len(body) > MAX_ANSWERED_BYTES:
        raise BadDocument("11750", "larger than 64 kB")
    if kind.startswith("audio/"):
        raise BadDocument("12300", "audio as an answer is not simulated")
    if kind == "text/plain" and not body.lstrip().startswith(b"<"):
        return _spoken(body.decode(errors="replace"))
    if kind not in TWIML_TYPES and kind != "text/plain":
        raise BadDocument("12300", f"content type {kind or 'missing'}")
    return parse(body)


def parse(body: bytes) -> ET.Element:
    """The root element. Raises `BadDocument` for what is not well formed or not a ``Response``."""
    if body[:1].isspace():
        raise BadDocument("12100", "blank before the document")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise BadDocument("12100", "has a document type")
    try:
        body.decode("utf-8")
        root = ET.fromstring(body)  # noqa: S314 - document types are refused above
    except (ET.ParseError, UnicodeDecodeError) as error:
        raise BadDocument("12100", f"not XML: {error}") from error
    if root.tag != "Response":
        raise BadDocument("12100", f"root is {root.tag}, not Response")
    return root


def _spoken(text: str) -> ET.Element:
    root = ET.Element("Response")
    ET.SubElement(root, "Say").text = text
    return root


def problems(root: ET.Element, *, pushed: bool, chars: int = 0) -> list[str]:
    """Everything in the document that Twilio's documentation does not allow."""
    found = [f"Response: attribute {name}" for name in root.attrib]
    if (root.text or "").strip():
        found.append("Response: text outside a verb")
    if pushed and chars > MAX_PUSHED_CHARS:
        found.append(f"pushed with {chars} characters")
    for verb in root:
        found += _check(verb, schema.VERBS, pushed)
        if verb.tag in schema.VERBS and verb.tag not in schema.EXECUTED_VERBS:
            found.append(f"{verb.tag}: not simulated")
        if (verb.tail or "").strip():
            found.append("Response: text outside a verb")
    return found


def _check(element: ET.Element, table: Mapping[str, schema.Spec], pushed: bool) -> list[str]:
    spec = table.get(element.tag)
    if spec is None:
        return [f"{element.tag}: no such element here"]
    found = []
    for name, value in element.attrib.items():
        check = spec.attributes.get(name)
        if check is None:
            found.append(f"{element.tag}: no attribute {name}")
        elif not check(value):
            found.append(f"{element.tag}: {name} cannot be {value!r}")
        elif pushed and check is schema.url and not absolute(value):
            found.append(f"{element.tag}: {name} is not absolute in a pushed document")
    return found + _check_text(element, spec, pushed) + _check_children(element, spec, pushed)


def _check_text(element: ET.Element, spec: schema.Spec, pushed: bool) -> list[str]:
    text = (element.text or "").strip()
    if text and not spec.text:
        return [f"{element.tag}: text is not allowed"]
    if spec.text_url and "digits" not in element.attrib:
        if not text:
            return [f"{element.tag}: no URL"]
        if pushed and not absolute(text):
            return [f"{element.tag}: URL is not absolute in a pushed document"]
    return []


def _check_children(element: ET.Element, spec: schema.Spec, pushed: bool) -> list[str]:
    found = []
    for child in element:
        if child.tag not in spec.children:
            found.append(f"{element.tag}: no {child.tag} inside it")
        elif child.tag not in schema.SSML:
            found += _check(child, {**schema.VERBS, **schema.NOUNS}, pushed)
    if element.tag == "Dial":
        nouns = [child.tag for child in element]
        if not nouns and not (element.text or "").strip():
            found.append("Dial: nobody to dial")
        if "Conference" in nouns and len(nouns) > 1:
            found.append("Dial: a Conference beside other nouns")
    if element.tag == "Conference" and not (element.text or "").strip():
        found.append("Conference: no name")
    if element.tag == "Dial":
        found += [f"Dial: {noun} is not simulated" for noun in set(nouns) & set(schema.NOUNS) - schema.EXECUTED_NOUNS]
    return found


def absolute(url: str) -> bool:
    """Whether the URL names a host."""
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and bool(parts.netloc)
