"""What the console's pages work on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from callrouter.callbacks.outbox import Outbox
from callrouter.calls.buyers import Buyers
from callrouter.calls.reading import Calls
from callrouter.dialplan import Plan
from callrouter.domain.clock import Clock
from callrouter.engine.client import Engine
from callrouter.ledger.reads import Ledger
from callrouter.settings import ApiToken
from callrouter.transfers.desk import Desk

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Console:
    """Everything that a screen may read or do."""

    tokens: Sequence[ApiToken]
    """Who may sign in."""
    engine: Engine
    clock: Clock
    calls: Calls
    callbacks: Outbox
    plans_in_use: Callable[[], Mapping[str, Plan]]
    public_url: str
    desk: Desk | None = None
    """Without it there are no transfers."""
    ledger: Ledger | None = None
    buyers: Buyers | None = None
    phone_token: Callable[[str], str] | None = None
    """Makes the access token of a browser phone of this name; ``None`` where browsers cannot take calls."""
    leaving: Callable[[], bool] = lambda: False
    """Whether this instance stops soon: live pages then ask again, and find another."""
    streams: dict[str, int] = field(default_factory=dict)
    """How many live streams each session has open here."""

    @property
    def plans(self) -> Mapping[str, Plan]:
        """The plans in use, by name."""
        return self.plans_in_use()

    @property
    def secure(self) -> bool:
        """Whether cookies are for https alone: always, but for plain http on this very machine."""
        parts = urlsplit(self.public_url)
        return not (parts.scheme == "http" and parts.hostname in LOOPBACK)
