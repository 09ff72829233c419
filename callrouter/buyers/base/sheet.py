"""The shape of ``buyer.yaml``: everything about a partner that is data. Each key is read by code."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from callrouter.domain.reasons import Reason

Source = Literal[
    "phone",
    "zip",
    "state",
    "first_name",
    "last_name",
    "email",
    "address",
    "city",
    "ip",
    "consent",
    "transfer_type",
]
"""What we know of a call, by our own names."""

Step = Literal["ping", "post"]
"""Asking for a price, and taking it. A mode of one step has only one of them: `post` where asking commits already."""


def _text(raw: object) -> object:
    if isinstance(raw, bool):
        raise ValueError("put it in quotes: YAML reads it as true or false")
    return str(raw) if isinstance(raw, int) else raw


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"mend the pattern: {error}") from None
    return pattern


Text = Annotated[str, BeforeValidator(_text)]
Pattern = Annotated[str, AfterValidator(_compiles)]

_IGNORED_IN_NAMES = re.compile(r"[\s_\-]+")


def plain_name(name: str) -> str:
    """A field's name as it is compared: without case, ``_``, ``-``, spaces and namespace."""
    return _IGNORED_IN_NAMES.sub("", name.rpartition(":")[2]).lower()


def plain_words(text: str) -> str:
    """A text as its words are looked for: without case and punctuation, a space before and after each word."""
    return f" {re.sub(r'[^a-z0-9]+', ' ', text.lower()).strip()} "


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FieldRule(_Part):
    """One documented field of a request, under the partner's name for it."""

    source: Source | None = Field(default=None, validation_alias=AliasChoices("from", "source"))
    """Where its value comes from; without it, only ``caller.fields`` can give one."""
    max_chars: int | None = Field(default=None, ge=1)
    max_chars_in: Mapping[Text, Annotated[int, Field(ge=1)]] = {}
    """The lengths that other documents of the partner give: by what the sheet's ``varies_by`` param begins with."""
    required: bool | tuple[Step, ...] = False
    """Without a value no request can be built; or only not the one of these steps."""
    steps: tuple[Step, ...] = ("ping", "post")
    """In which steps it is sent."""
    form: Literal["as_is", "ten_digits", "last_four"] = "as_is"
    values: Mapping[str, Text] = {}
    """Their word for ours (``yes`` and ``no`` for a consent)."""
    one_of: tuple[Text, ...] = ()
    """The closed set of values that they take; others are refused before anything is sent."""
    pattern: Pattern | None = None
    """What a value must match as a whole; others are refused before anything is sent."""
    place: str = ""
    """Where in an XML request it stands, for adapters that write one."""

    def longest(self, variant: str) -> int | None:
        """Its documented length where the sheet's ``varies_by`` param is ``variant``; the longest beginning wins."""
        fitting = [begin for begin in self.max_chars_in if variant.startswith(begin)]
        return self.max_chars_in[max(fitting, key=len)] if fitting else self.max_chars

    def required_in(self, step: Step) -> bool:
        """Whether a request of this step needs it."""
        return self.required if isinstance(self.required, bool) else step in self.required


class Endpoint(_Part):
    """Where one step of a mode goes."""

    call: str
    """The partner's own name of the call, as its document has it (``/calls/ping``)."""
    url: Literal["url", "ping_url", "post_url"] = "url"
    """Which of the entry's addresses."""
    path: str = ""
    """What is added to it."""


class TestRequest(_Part):
    """The request that the partner's document gives for tests: what it changes in the plan's entry."""

    __test__ = False  # not a test, whatever pytest makes of the name

    params: Mapping[str, Text] = {}
    credentials: Mapping[str, Text] = {}
    note: str = ""
    """What the document says of it, for whoever reads the outcome."""


class Mode(_Part):
    """One way of asking this partner."""

    methods: tuple[Literal["form", "json", "get", "xml"], ...] = Field(min_length=1)
    """Those that work; the first is the default."""
    ping: Endpoint | None = None
    """The step that asks for a price and commits nobody."""
    post: Endpoint | None = None
    """The step that takes the price, or sells without one."""
    xml_url: bool = False
    """Whether the method ``xml`` goes to the entry's ``xml_url``."""
    template: bool = False
    """Whether the entry names a lead's template."""
    requires: tuple[str, ...] = ()
    """Further names under ``params`` that this mode cannot do without."""
    test: TestRequest | None = None
    """The documented test request; without one ``callrouter check --live`` does not try this mode."""
    repeat: Literal["safe", "unsafe"] = "safe"
    """Whether a post whose answer was lost may be sent again: the partner recognises it, and it sells nothing twice."""
    bid_ttl_s: float | None = Field(default=None, gt=0)
    """How long a bid can be taken up, in seconds, where the partner says so."""
    credentials: tuple[str, ...] = ()
    """Names that ``credentials`` of the plan's entry must have, no more and no fewer."""
    buys: Literal["calls", "leads", "clicks"] = "calls"
    """Calls are auctioned while the caller waits, leads sold when the call was not; clicks can only be tried."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that it has, in order."""
        both: tuple[tuple[Step, Endpoint | None], ...] = (("ping", self.ping), ("post", self.post))
        return tuple(name for name, endpoint in both if endpoint is not None)

    def endpoint(self, step: Step) -> Endpoint:
        """Where this step goes. Raises `KeyError` when the mode does not have it."""
        found = self.ping if step == "ping" else self.post
        if found is None:
            raise KeyError(step)
        return found

    @property
    def addresses(self) -> tuple[str, ...]:
        """The entry's addresses that it wants, but for ``xml_url``."""
        return tuple(dict.fromkeys(self.endpoint(step).url for step in self.steps))

    @model_validator(mode="after")
    def _has_a_step(self) -> "Mode":
        if not self.steps:
            raise ValueError("write a ping, a post, or both")
        return self


class Param(_Part):
    """A constant that the plan's entry may state under ``params``."""

    required: bool = False
    default: Text | None = None
    pattern: Pattern | None = None
    steps: tuple[Step, ...] = ("ping", "post")
    """In which steps it is sent."""


class Limit(_Part):
    """At most ``calls`` requests in any ``per_s`` seconds."""

    calls: int = Field(ge=1)
    per_s: float = Field(gt=0)


class Words(_Part):
    """What a reply's status may say, in plain names."""

    accepted: tuple[Text, ...] = ()
    rejected: tuple[Text, ...] = ()


class Sheet(_Part):
    """One partner's ``buyer.yaml``."""

    title: str
    documents: tuple[str, ...] = ()
    """Where the partner says so; shown in the README's table of partners."""
    modes: Mapping[str, Mode] = Field(min_length=1)
    params: Mapping[str, Param] = {}
    other_params: Literal["refused", "allowed"] = "refused"
    """Whether a plan may send constants that neither ``params`` nor ``fields`` names."""
    fields: Mapping[str, FieldRule]
    extra_fields: tuple[re.Pattern[str], ...] = ()
    """Names that ``fields`` does not list and the caller's extras may still send: each a pattern of a whole name."""
    varies_by: str = ""
    """The param whose value says which of the partner's tables of lengths counts (`FieldRule.max_chars_in`)."""
    left_out: Mapping[str, str] = {}
    """Documented fields that are never sent, and why."""
    too_long: Literal["cut", "refused"] = "cut"
    """What becomes of a value that is longer than documented."""
    aliases: Mapping[str, tuple[str, ...]] = {}
    """What we look for in a reply: the names that it may have, best first."""
    words: Words = Words()
    error_codes: Mapping[Text, Reason] = {}
    error_words: Mapping[str, Reason] = {}
    """What a refusal's text tells, where it has no code: words that stand in it, in this order (`plain_words`)."""
    limits: tuple[Limit, ...] = ()
    limit_margin_ms: int = Field(default=200, ge=0)
    """Windows are kept this much longer, so that the network cannot push the partner's own count over."""
    latency_buffer_ms: int = Field(default=100, ge=0)
    """What the way there and back costs: the buyer is told this much less than we wait."""
    min_response_ms: int = Field(default=200, ge=1)
    """With less time than this left the buyer is not asked."""
    patience_ms: int = Field(default=2_000, ge=0)
    """A timeout after less than this says nothing of the buyer's health: we were in a hurry."""
    max_body: int = Field(default=65_536, ge=1)
    """Bytes of a reply beyond which it is refused."""

    @property
    def cuts(self) -> frozenset[int]:
        """The lengths to which values are cut: they are masked in that form, too."""
        rules = self.fields.values()
        stated = {rule.max_chars for rule in rules if rule.max_chars}
        return frozenset(stated.union(*(rule.max_chars_in.values() for rule in rules)))

    @field_validator("aliases")
    @classmethod
    def _plain_aliases(cls, aliases: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        return {what: tuple(plain_name(name) for name in names) for what, names in aliases.items()}

    @field_validator("error_codes")
    @classmethod
    def _plain_codes(cls, codes: Mapping[str, Reason]) -> Mapping[str, Reason]:
        return {plain_name(code): reason for code, reason in codes.items()}

    @field_validator("error_words")
    @classmethod
    def _plain_error_words(cls, words: Mapping[str, Reason]) -> Mapping[str, Reason]:
        return {plain_words(text): reason for text, reason in words.items()}

    @field_validator("words")
    @classmethod
    def _plain_words(cls, words: Words) -> Words:
        return Words(
            accepted=tuple(plain_name(word) for word in words.accepted),
            rejected=tuple(plain_name(word) for word in words.rejected),
        )
