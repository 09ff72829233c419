"""The shape of ``buyer.yaml``: everything about a partner that is data. Each key is read by code."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

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

Text = Annotated[str, BeforeValidator(lambda raw: str(raw) if isinstance(raw, int) else raw)]

_IGNORED_IN_NAMES = re.compile(r"[\s_\-]+")


def plain_name(name: str) -> str:
    """A field's name as it is compared: without case, ``_``, ``-``, spaces and namespace."""
    return _IGNORED_IN_NAMES.sub("", name.rpartition(":")[2]).lower()


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FieldRule(_Part):
    """One documented field of a request, under the partner's name for it."""

    source: Source | None = Field(default=None, validation_alias=AliasChoices("from", "source"))
    """Where its value comes from; without it, only ``caller.fields`` can give one."""
    max_chars: int | None = Field(default=None, ge=1)
    required: bool = False
    """Without a value no request can be built."""
    form: Literal["as_is", "ten_digits", "last_four"] = "as_is"
    values: Mapping[str, Text] = {}
    """Their word for ours (``yes`` and ``no`` for a consent)."""


class Mode(_Part):
    """One way of asking this partner."""

    methods: tuple[Literal["form", "json", "get"], ...] = Field(min_length=1)
    """Those that work; the first is the default."""
    credentials: tuple[str, ...] = ()
    """Names that ``credentials`` of the plan's entry must have, no more and no fewer."""
    buys: Literal["calls", "leads"] = "calls"
    """Only what buys calls takes part in an auction."""


class Param(_Part):
    """A constant that the plan's entry may state under ``params``."""

    required: bool = False
    default: Text | None = None
    pattern: str | None = None


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
    """Where the partner says so; shown by ``callrouter check``."""
    modes: Mapping[str, Mode] = Field(min_length=1)
    params: Mapping[str, Param] = {}
    other_params: Literal["refused", "allowed"] = "refused"
    """Whether a plan may send constants that neither ``params`` nor ``fields`` names."""
    fields: Mapping[str, FieldRule]
    aliases: Mapping[str, tuple[str, ...]]
    """What we look for in a reply: the names that it may have, best first."""
    words: Words = Words()
    error_codes: Mapping[Text, Reason] = {}
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

    @field_validator("aliases")
    @classmethod
    def _plain_aliases(cls, aliases: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        return {what: tuple(plain_name(name) for name in names) for what, names in aliases.items()}

    @field_validator("error_codes")
    @classmethod
    def _plain_codes(cls, codes: Mapping[str, Reason]) -> Mapping[str, Reason]:
        return {plain_name(code): reason for code, reason in codes.items()}

    @field_validator("words")
    @classmethod
    def _plain_words(cls, words: Words) -> Words:
        return Words(
            accepted=tuple(plain_name(word) for word in words.accepted),
            rejected=tuple(plain_name(word) for word in words.rejected),
        )
