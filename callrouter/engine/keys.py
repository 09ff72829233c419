"""Every key in the engine, and how long it lives. Nothing else in callrouter spells a key.

All keys share one prefix. A transition's script touches several of them, so one server holds them all;
on a Redis cluster the prefix's braces keep them in one slot.
"""

from dataclasses import dataclass

DAY_S = 86_400

CALL_TTL_S = 2 * DAY_S
"""A call's state, from its last change. The ledger keeps it for good."""
REPLIES_TTL_S = 2 * DAY_S
JOB_DONE_TTL_S = 7 * DAY_S
"""A delivered, cancelled or dead job, for operations to see; also how long its id cannot be used again."""
LIMIT_TTL_S = 2 * 3600
HEALTH_TTL_S = DAY_S
STANDING_TTL_S = 7 * DAY_S
SALE_TTL_S = 30 * DAY_S
"""How long a person whose lead was sold is not sold again."""

PERMANENT = (
    "live",
    "outbox:due",
    "outbox:dead",
    "outbox:recent",
    "ledger",
    "sweep",
    "sweep:due",
    "instances",
)
"""Keys without a time to live: indexes that empty themselves, and the stream that the drainer trims."""


@dataclass(frozen=True)
class Keys:
    """The key names of one deployment."""

    prefix: str = "{callrouter}"

    def _key(self, *parts: str) -> str:
        return ":".join((self.prefix, *parts))

    def call(self, sid: str) -> str:
        """Hash of one call: ``doc`` (JSON of `Call`), ``version``, ``closed``, and ``e:<event id>`` for each event."""
        return self._key("call", sid)

    def replies(self, sid: str) -> str:
        """Hash ``<auction no>:<buyer>`` → JSON of `BuyerResult`; the first result wins."""
        return self._key("replies", sid)

    @property
    def live(self) -> str:
        """Sorted set of calls that have not ended; score: when the sweeper should look (epoch ms)."""
        return self._key("live")

    @property
    def sweep(self) -> str:
        """Hash: what the sweeper has covered (``calls_since``: epoch s)."""
        return self._key("sweep")

    @property
    def instances(self) -> str:
        """Hash: instance → its last heartbeat (epoch ms); the heartbeat script forgets the dead."""
        return self._key("instances")

    @property
    def sweep_due(self) -> str:
        """Sorted set with one member, ``missed``; score: when missed calls are looked for next (epoch ms)."""
        return self._key("sweep", "due")

    def caller(self, phone: str) -> str:
        """JSON of what was told about a person by ``PUT /api/v1/callers``; its TTL is the request's."""
        return self._key("caller", phone)

    def limit(self, scope: str) -> str:
        """List of the admission times (epoch ms, newest first) of one buyer account."""
        return self._key("limit", scope)

    def health(self, buyer: str) -> str:
        """Hash of one buyer's moving average of failures and its next probe."""
        return self._key("health", buyer)

    @property
    def outbox_due(self) -> str:
        """Sorted set of job ids; score: when due, or when the lease of the worker that has it ends (epoch ms)."""
        return self._key("outbox", "due")

    @property
    def outbox_dead(self) -> str:
        """Sorted set of job ids that were given up; score: when (epoch ms)."""
        return self._key("outbox", "dead")

    @property
    def outbox_recent(self) -> str:
        """Sorted set of job ids by creation (epoch ms), trimmed to those that may still exist."""
        return self._key("outbox", "recent")

    def job(self, job_id: str) -> str:
        """Hash of one job; the fields are listed in ``scripts/_outbox.lua``."""
        return self._key("job", job_id)

    def standing(self, plan: str, phone: str) -> str:
        """Id of the callback that stands for this person in this plan."""
        return self._key("standing", plan, phone)

    def bridged(self, plan: str, phone: str) -> str:
        """When this person was last connected in this plan (epoch ms)."""
        return self._key("bridged", plan, phone)

    def sale(self, plan: str, phone: str) -> str:
        """Id of the sale job that stands, or stood lately, for this person in this plan."""
        return self._key("sale", plan, phone)

    @property
    def ledger(self) -> str:
        """Stream of finished calls on their way to the ledger; each entry has ``sid`` and ``record``."""
        return self._key("ledger")
