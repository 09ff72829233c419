"""What a buyer's adapter is: two pure functions over frozen values.

An adapter may assume: the caller is eligible, numbers are E.164, the zip is a real one, params and
credentials are those that its ``buyer.yaml`` requires, a response's body is at most 64 KiB and complete, and
its status may be anything. It must not do I/O, read a clock, log, or raise.
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
    """One question to one buyer: what is this call worth to you?"""

    sid: str
    transfer_type: int
    """1 inbound, 2 transfer."""
    caller: Caller
    floor: Decimal = Decimal(0)


@dataclass(frozen=True)
class Account:
    """Our account with a buyer, as one plan's ``buyers`` entry states it."""

    buyer: str
    """The name under the plan's ``buyers``."""
    mode: str
    url: str
    method: str = "form"
    credentials: Mapping[str, SecretStr] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    """Constants sent on every request under the partner's own names."""


@dataclass(frozen=True)
class BuyerRequest:
    """An HTTP request to a buyer."""

    method: str
    url: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class BuyerResponse:
    """A complete HTTP reply: any status, at most 64 KiB."""

    status: int
    body: bytes
    content_type: str = ""


@dataclass(frozen=True)
class Quote:
    """An offer as the buyer wrote it. The runner checks the number, the floor and the window."""

    number: str
    payout: Decimal
    min_duration_s: int = 0
    min_duration_stated: bool = True
    buyer_ref: str | None = None
    provider: str | None = None


class Adapter(Protocol):
    """One partner's format."""

    def build_request(self, ask: Ask, account: Account, allowed_ms: int) -> BuyerRequest | Decline:
        """The request to send, or why none can be built. ``allowed_ms`` is what the buyer may take."""
        ...

    def parse_response(self, ask: Ask, account: Account, response: BuyerResponse) -> Quote | Decline:
        """What the reply means."""
        ...
