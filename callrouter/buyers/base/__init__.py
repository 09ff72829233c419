"""What a buyer's adapter is: pure functions over frozen values.

An adapter may assume: the caller is eligible, numbers are E.164, the zip is a real one, params and
credentials are those that its ``buyer.yaml`` requires, a response's body is at most 64 KiB and complete, and
its status may be anything. It must not do I/O, read a clock, log, or raise.
It imports nothing of ours but ``callrouter.domain`` and ``callrouter.buyers.base``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from pydantic import SecretStr

from callrouter.domain.caller import Caller
from callrouter.domain.offer import Decline


@dataclass(frozen=True)
class Ask:
    """One question to one buyer: what is this call, or this lead, worth to you?"""

    sid: str
    transfer_type: int
    """1 inbound, 2 transfer."""
    caller: Caller
    floor: Decimal = Decimal(0)
    plan: str = ""


@dataclass(frozen=True)
class Account:
    """Our account with a buyer, as one plan's ``buyers`` entry states it."""

    buyer: str
    """The name under the plan's ``buyers``."""
    mode: str
    url: str
    """The entry's ``url``; empty where the mode wants others."""
    method: str = "form"
    credentials: Mapping[str, SecretStr] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    """Constants sent on every request under the partner's own names."""
    other_urls: Mapping[str, str] = field(default_factory=dict)
    """``ping_url``, ``post_url`` and ``xml_url`` where the entry states them."""
    template: str = ""
    """The text of the lead's template, for modes that send one."""


@dataclass(frozen=True)
class BuyerRequest:
    """An HTTP request to a buyer."""

    method: str
    url: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    kept: str | None = None
    """What the adapter wants back at the post: it stands in the `Quote` that `TwoStepAdapter.build_accept` is given."""


@dataclass(frozen=True)
class BuyerResponse:
    """A complete HTTP reply: any status, at most 64 KiB."""

    status: int
    body: bytes
    content_type: str = ""


@dataclass(frozen=True)
class Quote:
    """What the buyer pays, as it wrote it. The runner checks the number, the floor and the window."""

    number: str | None
    """Where to transfer the call; ``None`` of a bid whose post names it, and of a lead."""
    payout: Decimal
    min_duration_s: int = 0
    min_duration_stated: bool = True
    buyer_ref: str | None = None
    """Their id of what was sold: a leg's, a lead's."""
    provider: str | None = None
    token: str | None = None
    """What the post must bring back from the ping."""
    kept: str | None = None
    """The `BuyerRequest.kept` of the ping; filled in by whoever sent it."""
    payout_stated: bool = True
    """``False`` when the buyer named no price and 0 stands for that."""
    details: Mapping[str, str] = field(default_factory=dict)
    """Whatever else it said that the record should show, without personal data."""
    ads: tuple[Mapping[str, str], ...] = ()
    """Of a mode that buys clicks: what may be shown, best first."""


class Adapter(Protocol):
    """One partner's format."""

    def build_request(self, ask: Ask, account: Account, allowed_ms: int) -> BuyerRequest | Decline:
        """The request to send, or why none can be built. ``allowed_ms`` is what the buyer may take."""
        ...

    def parse_response(self, ask: Ask, account: Account, response: BuyerResponse) -> Quote | Decline:
        """What the reply means."""
        ...


class TwoStepAdapter(Adapter, Protocol):
    """One partner's format, with modes whose sheet has a ``post``: the step that commits them and us."""

    def build_accept(self, ask: Ask, account: Account, quote: Quote | None, allowed_ms: int) -> BuyerRequest | Decline:
        """The post of what ``quote`` offered; ``None`` where the mode has no ping."""
        ...

    def parse_accept(self, ask: Ask, account: Account, quote: Quote | None, response: BuyerResponse) -> Quote | Decline:
        """What the post's reply means: a number to dial, or a lead sold (`Quote.buyer_ref` is their id of it)."""
        ...
