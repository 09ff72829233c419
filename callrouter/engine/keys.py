"""Every key in the engine, and how long it lives. Nothing else in callrouter spells a key.

All keys share one prefix. A transition's script touches several of them, so one server holds them all;
on a Redis cluster the prefix's braces keep them in one slot.
"""

from collections.abc import Mapping
from dataclasses import dataclass

DAY_S = 86_400

CALL_TTL_S = 2 * DAY_S
"""A call's state, from its last change. The ledger keeps it for good."""
REPLIES_TTL_S = 2 * DAY_S
JOB_DONE_TTL_S = 7 * DAY_S
"""A delivered, cancelled or dead job, for operations to see; also how long its id cannot be used again."""
REPLY_TTL_S = DAY_S
"""What was answered under an idempotency key."""
LIMIT_TTL_S = 2 * 3600
HEALTH_TTL_S = DAY_S
STANDING_TTL_S = 7 * DAY_S
SALE_TTL_S = 30 * DAY_S
"""How long a person whose lead was sold is not sold again."""
LONGEST_CALL_S = 4 * 3600
"""The carrier ends a call after so long."""
SEAT_LONGEST_S = 5 * 3600
"""No call keeps its seat at a buyer for longer; the seats' keys live an hour more."""
SIGN_IN_TTL_S = 600
"""How long a failed sign-in to the console counts against the place that it came from."""
AGENT_TTL_S = 90 * DAY_S
"""What an agent told of herself on the console, from the last time that she used it."""
BOOKS_TTL_S = 90 * DAY_S
"""What an instance has booked, from its last sale: it counts on from there when it is started again."""
ERASED_TTL_S = 7 * DAY_S
"""That a person asked to be erased: longer than any call of theirs is on its way to the ledger."""
USED_TTL_S: Mapping[str, int] = {"hour": 3 * 3600, "day": 3 * DAY_S, "month": 35 * DAY_S, "ever": 0}
"""What is used up of caps, from the last use: past the end of its calendar period; ``ever`` has no end."""

PERMANENT = (
    "live",
    "outbox:due",
    "outbox:dead",
    "outbox:recent",
    "ledger",
    "sweep",
    "sweep:due",
    "instances",
    "switches",
    "lessons",
    "lessons:count",
    "beliefs",
)
"""Keys without a time to live: indexes that empty themselves, the streams that the drainer and the keeper of beliefs
trim, what is believed, and what operations have switched off."""

PERMANENT_UNDER = "used:ever:"
"""How the names of further such keys begin: what is used up of a buyer's caps without a period, one for each buyer."""


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

    def waits(self, sid: str) -> str:
        """JSON of why a caller is held in an auction that is not decided yet; it lives as long as replies."""
        return self._key("waits", sid)

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

    def erased(self, hashed: str) -> str:
        """When the person whose number has this hash asked to be erased (epoch ms)."""
        return self._key("erased", hashed)

    def reply(self, digest: str) -> str:
        """JSON of the answer that was given to a token's idempotency key, or of the claim of who is about to."""
        return self._key("reply", digest)

    def limit(self, scope: str) -> str:
        """List of the admission times (epoch ms, newest first) of one buyer account."""
        return self._key("limit", scope)

    def health(self, buyer: str) -> str:
        """Hash of one buyer's moving average of failures and its next probe."""
        return self._key("health", buyer)

    @property
    def switches(self) -> str:
        """Hash ``<plan> <buyer>`` → JSON of `SwitchedOff`: the buyers that operations have switched off."""
        return self._key("switches")

    def session(self, digest: str) -> str:
        """JSON of one sign-in to the console, under the SHA-256 of its id; the time to live is the longest pause."""
        return self._key("session", digest)

    def sign_ins(self, place: str) -> str:
        """Hash of the sign-ins that were tried from one place (a digest of an address, or ``all``)."""
        return self._key("sign_ins", place)

    def agent(self, token: str) -> str:
        """JSON of what the agent with the token of this name told of herself: name and phone."""
        return self._key("agent", token)

    def seats(self, plan: str, buyer: str, part: str) -> str:
        """What calls have reserved at one buyer of a plan; the parts are those of ``scripts/_guards.lua``."""
        return self._key("seats", plan, buyer, part)

    def used(self, plan: str, buyer: str, per: str, bucket: str) -> str:
        """Hash of what is used up of a buyer's caps in one calendar period: attempts, connects, qualified, cents."""
        return self._key("used", per, plan, buyer, bucket) if bucket else self._key("used", per, plan, buyer)

    def last_ask(self, plan: str, buyer: str) -> str:
        """When a buyer of a plan was asked last (epoch ms), for its spacing."""
        return self._key("asked", plan, buyer)

    def had(self, plan: str, buyer: str | None, kind: str, person: str) -> str:
        """Sorted set of the calls (score: epoch ms) in which a person had this buyer, or (``None``) any of the plan."""
        return self._key("had", plan, buyer or "*", kind, person)

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

    def talking(self, plan: str, phone: str) -> str:
        """The call on which this person talks to a buyer of this plan now."""
        return self._key("talking", plan, phone)

    def sale(self, plan: str, phone: str) -> str:
        """Id of the sale job that stands, or stood lately, for this person in this plan."""
        return self._key("sale", plan, phone)

    def ticket_number(self, plan: str, phone: str) -> str:
        """The open warm transfer of this caller, or of the agent with this number."""
        return self._key("ticket", plan, phone)

    def ticket_pin(self, pin: str) -> str:
        """The open warm transfer of this pin."""
        return self._key("pin", pin)

    def transfers_of(self, name: str) -> str:
        """Sorted set of the warm transfers that a token's holder has open; score: since when (epoch ms)."""
        return self._key("transfers", "of", name)

    def transfers_open(self, plan: str) -> str:
        """Sorted set of a plan's open warm transfers; score: since when (epoch ms)."""
        return self._key("transfers", "plan", plan)

    def leg(self, leg_sid: str) -> str:
        """The warm transfer that a leg of the carrier belongs to, or JSON of who was asked for a pin on it."""
        return self._key("leg", leg_sid)

    def books(self, instance: str) -> str:
        """Hash of what one instance has booked: ``cents <buyer>`` and ``calls <buyer>``."""
        return self._key("books", instance)

    @property
    def lessons(self) -> str:
        """Stream of what calls teach, in the order in which it is learned.

        Entry ``<number>-0`` has ``at`` (epoch ms) and ``lesson`` (JSON)."""
        return self._key("lessons")

    @property
    def lessons_count(self) -> str:
        """The number of the last lesson. It begins at the time (epoch ms), so that a new engine never counts anew."""
        return self._key("lessons", "count")

    @property
    def beliefs(self) -> str:
        """Hash: ``document`` (JSON of all that is believed) and ``version``, the number of the last lesson in it."""
        return self._key("beliefs")

    @property
    def ledger(self) -> str:
        """Stream of calls and sales that are over, on their way to the ledger; each entry has ``record``, and
        ``sid`` or ``sale``, or ``sid``, ``revision`` and ``amendment``."""
        return self._key("ledger")
