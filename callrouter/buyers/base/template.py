"""The lead's template: the operator's own lead XML in Jinja2 syntax, rendered once for the ping and the post.

What may not stand in a ping (`PERSONAL`) and the token are rendered as marks. `filled` puts values in their places:
none for the ping, the person's for the post. So both are the same text but for these, whatever becomes of the
template file in between. Values are escaped where they are put in, and never read again: a caller's own words
can be neither markup nor a mark. Pure, and it raises nothing but `BadTemplate`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from xml.parsers import expat

from jinja2 import StrictUndefined, Template, TemplateError, TemplateRuntimeError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import escape

from callrouter.buyers.base.template_rules import FILTERS, PERSONAL, PLAIN, TESTS, Flaw, broken_rules

MAX_CHARS = 262_144
"""Characters of a template, and of what comes of it twice as many."""
_WHOLE, _OPEN, _CLOSE = "\ue000-\ue01f", "\ue000", "\ue001"
_SEALED = (*PERSONAL, "token")
_MARKS = {name: f"{_OPEN}{chr(0xE010 + place)}{_CLOSE}" for place, name in enumerate(_SEALED)}
_NAMES = {mark: name for name, mark in _MARKS.items()}
_A_MARK = re.compile(f"{_OPEN}[\ue010-\ue01f]{_CLOSE}")
_PART_OF_A_MARK = re.compile(f"[{_WHOLE}]")
_UNFIT = re.compile("[^ -\ud7ff\ue020-\ufffd\U00010000-\U0010ffff]+")
"""Line ends, what XML cannot carry, and what marks are made of."""
_FAILURES = (
    *(TemplateError, TypeError, ValueError, LookupError, AttributeError),
    *(ArithmeticError, SyntaxError, RecursionError, MemoryError),
)
"""What Jinja2 and Python can make of a broken template."""


class BadTemplate(ValueError):
    """The template gives no lead XML for this caller; the text says why and holds no value of the caller's."""

    def __init__(self, why: str, line: int | None = None, more: tuple[Flaw, ...] = ()) -> None:
        self.why, self.line = why, line
        self.flaws: tuple[Flaw, ...] = ((line, why), *more)
        """Everything that is known to be wrong with the template, this first."""
        super().__init__(why if line is None else f"line {line}: {why}")


class Lacking(BadTemplate):
    """A value that the template requires is not known of this caller; the template itself is whole."""


@dataclass(frozen=True)
class Distribution:
    """To whom a shared lead was sold already."""

    count: int
    excludes: tuple[str, ...] = ()
    """The carriers that have it."""
    license_number: str = ""
    """Of the independent agent that has it."""


@dataclass(frozen=True)
class LeadValues:
    """What a template can say of a lead, besides the personal data and the token."""

    caller: Mapping[str, str | bool | None] = field(default_factory=dict)
    """By our own names; those in `PLAIN`."""
    known: frozenset[str] = frozenset()
    """Which of `PERSONAL` are known of this caller."""
    fields: Mapping[str, str | int | bool] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    transfer_type: int = 1
    lead_type: str = ""
    lead_source_id: str = ""
    distribution: Distribution | None = None


def render(template: str, values: LeadValues) -> str:
    """The lead with marks in the place of personal data and token. Raises `BadTemplate`."""
    ready = compiled(template)
    pieces: list[str] = []
    size = 0
    try:
        for piece in ready.generate(_context(values)):
            size += len(piece)
            if size > 2 * MAX_CHARS:
                raise BadTemplate("what comes of it is too long")
            pieces.append(piece)
    except BadTemplate:
        raise
    except _FAILURES as error:
        raise BadTemplate(_words(error), _line_of(error)) from None
    text = "".join(pieces).strip()
    if _PART_OF_A_MARK.search(_A_MARK.sub("", text)):
        raise BadTemplate("personal values and the token can only be placed whole")
    return text


def filled(rendered: str, values: Mapping[str, str]) -> str:
    """What `render` gave with these values in the places of its marks, and nothing where there is no value.

    Raises `BadTemplate` when that is no well-formed XML.
    """
    text = _A_MARK.sub(lambda found: str(escape(_fit(values.get(_NAMES.get(found[0], ""), "")))), rendered)
    flaw = xml_flaw(text)
    if flaw is not None:
        raise BadTemplate(flaw)
    return text


def places(rendered: str, name: str) -> bool:
    """Whether what `render` gave has a place for this sealed value."""
    return _MARKS[name] in rendered


def xml_flaw(text: str) -> str | None:
    """Why this text is no plain XML in UTF-8, or ``None``."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _no("a document type")
    parser.EntityDeclHandler = _no("an entity")
    parser.XmlDeclHandler = _utf8_only
    try:
        parser.Parse(text, True)
    except BadTemplate as bad:
        return bad.why
    except expat.ExpatError as error:
        return f"not well-formed XML at line {error.lineno} of the lead: {expat.ErrorString(error.code)}"
    except (ValueError, LookupError):
        return "not XML in UTF-8"
    return None


class _Unknown(StrictUndefined):
    """Something that is not there: an error wherever it is used."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return f"{self._undefined_name} is not known here"


class _Sealed:
    """A personal value: known, and placed as a mark; nothing can be done with it but that."""

    __slots__ = ("_mark",)

    def __init__(self, name: str) -> None:
        self._mark = _MARKS[name]

    def __html__(self) -> str:
        return self._mark

    def __str__(self) -> str:
        raise TemplateRuntimeError("personal values and the token can only be placed, not changed")

    def __eq__(self, other: object) -> bool:
        if other == "":
            return False
        raise TemplateRuntimeError("personal values and the token can only be placed, not compared")

    def __hash__(self) -> int:
        return hash(self._mark)


class _Names:
    """Values by name; with ``lenient`` every other name is known, and empty."""

    __slots__ = ("_lenient", "_values")
    __iter__ = None

    def __init__(self, values: Mapping[str, object], *, lenient: bool = False) -> None:
        self._values, self._lenient = values, lenient

    def __getitem__(self, name: str) -> object:
        value = self._values.get(name, "") if self._lenient else self._values[name]
        return _fit(value) if isinstance(value, str) else value

    def __contains__(self, name: object) -> bool:
        return name in self._values


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja2 with what a lead needs, and nothing that takes long."""

    def __init__(self) -> None:
        super().__init__(autoescape=True, undefined=_Unknown, finalize=_finalised, trim_blocks=True, lstrip_blocks=True)
        self.filters = {name: found for name, found in self.filters.items() if name in FILTERS}
        self.filters["required"] = _required
        self.tests = {name: found for name, found in self.tests.items() if name in TESTS}
        self.globals = {}


def _finalised(value: object) -> object:
    """Truth as XML schemas write it, and nothing for nothing."""
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else value


def _required(value: object, name: str = "") -> object:
    """Without this value no request is sent."""
    if isinstance(value, StrictUndefined) or value is None or value == "":
        raise Lacking(f"{name} is not known" if name else "a value that the template requires is not known")
    return value


@lru_cache(maxsize=64)
def compiled(template: str) -> Template:
    """The template ready to be rendered. Raises `BadTemplate` with everything that breaks a rule."""
    if len(template) > MAX_CHARS:
        raise BadTemplate(f"it is longer than {MAX_CHARS} characters")
    if _PART_OF_A_MARK.search(template):
        raise BadTemplate("remove the characters U+E000 to U+E01F")
    environment = _Environment()
    try:
        tree = environment.parse(template)
        rules = tuple(broken_rules(tree))
        if rules:
            raise BadTemplate(rules[0][1], rules[0][0], rules[1:])
        code = environment.compile(tree)
        return Template.from_code(environment, code, {})
    except TemplateSyntaxError as error:
        raise BadTemplate(error.message or "it cannot be read", error.lineno) from None
    except BadTemplate:
        raise
    except _FAILURES as error:
        raise BadTemplate(_words(error)) from None


def _context(values: LeadValues) -> dict[str, object]:
    caller: dict[str, object] = {name: values.caller.get(name) for name in PLAIN}
    caller |= {name: _Sealed(name) if name in values.known else "" for name in PERSONAL}
    shared = values.distribution
    return {
        "caller": _Names(caller),
        "fields": _Names(values.fields, lenient=True),
        "params": _Names(values.params),
        "token": _Sealed("token"),
        "transfer_type": values.transfer_type,
        "lead_type": _fit(values.lead_type),
        "lead_source_id": _fit(values.lead_source_id),
        "distribution": None
        if shared is None
        else _Names(
            {
                "count": shared.count,
                "excludes": [_fit(carrier) for carrier in shared.excludes],
                "license_number": shared.license_number,
            }
        ),
    }


def _fit(text: str) -> str:
    return _UNFIT.sub(" ", text).strip()


def _words(error: BaseException) -> str:
    """Jinja2's own words name what is in the template; other errors could repeat a value."""
    if isinstance(error, TemplateError) and error.message:
        return error.message
    return "it is nested too deeply" if isinstance(error, RecursionError) else f"it fails ({type(error).__name__})"


def _line_of(error: BaseException) -> int | None:
    """The template's line that was being rendered."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _no(what: str) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise BadTemplate(f"it has {what}; remove it")

    return refuse


def _utf8_only(version: str, encoding: str | None, standalone: int) -> None:
    if encoding is not None and encoding.lower() != "utf-8":
        raise BadTemplate("declare the encoding UTF-8, or none")
