"""Calls in the engine: loaded with their version, changed by one durable script."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis.asyncio as redis

from callrouter.beliefs.lessons import Lesson, written
from callrouter.calls.charges import Booked
from callrouter.calls.closing import CALLBACK_ID, SALE_ID
from callrouter.calls.learned import Unheard, taught
from callrouter.calls.setting import CallbackWanted, SaleWanted
from callrouter.domain.call import Call, CallState
from callrouter.domain.decision import Decision
from callrouter.domain.offer import BuyerResult
from callrouter.engine.client import Engine
from callrouter.engine.keys import BOOKS_TTL_S, CALL_TTL_S, REPLIES_TTL_S, SALE_TTL_S, STANDING_TTL_S, Keys

CANCEL_DEADLINE_S = 86_400


@dataclass(frozen=True)
class Stored:
    """A call as loaded."""

    call: Call | None
    version: int
    seen: bool = False
    """Whether the event that was asked about has been applied already."""


@dataclass(frozen=True)
class Commit:
    """Everything that one transition writes."""

    call: Call
    event_id: str
    look_at: float
    """When the sweeper should look at the call if nothing else happens, epoch seconds; 0 when it has ended."""
    record: Mapping[str, object] | None = None
    """The ledger's record; given exactly when the call ends."""
    callback: CallbackWanted | None = None
    sale: SaleWanted | None = None
    withdraws_callback: bool = False
    charges: tuple[Mapping[str, object], ...] = ()
    """What the step uses up of its buyers' caps, see ``calls/charges.py``."""
    booked: Booked | None = None
    """What is expected to be paid, where the call ends qualified."""
    lessons: tuple[Lesson, ...] = ()
    """What the step teaches, see ``calls/learned.py``."""
    unheard: tuple[Unheard, ...] = ()
    index: Mapping[str, object] | None = None
    """Under which names a warm transfer is found, see ``calls/tickets.py``."""


@dataclass(frozen=True)
class Committed:
    """What became of a commit."""

    kind: str
    """``ok``, ``repeat`` (event applied before), ``closed`` (the call has ended) or ``conflict``."""
    version: int = 0
    callback_id: str | None = None
    sale_id: str | None = None
    current: Call | None = None
    """The call as it stands, on a conflict."""


class CallStore:
    """The calls of one engine. Every method raises `EngineUnavailable`."""

    def __init__(self, engine: Engine, books: str = "") -> None:
        self._engine = engine
        self.books = books
        """In whose books qualified calls are counted, see ``callrouter/books.py``."""

    @property
    def keys(self) -> Keys:
        """The names of the engine's keys."""
        return self._engine.keys

    async def load(self, sid: str, event_id: str = "") -> Stored:
        """The call, its version, and whether ``event_id`` was applied."""
        doc, version, seen = await self._engine.hash_fields(
            self._engine.keys.call(sid), "doc", "version", f"e:{event_id}"
        )
        return Stored(Call.model_validate_json(doc) if doc else None, int(version or 0), seen is not None)

    async def load_all(self, sids: Sequence[str]) -> list[tuple[Call, dict[str, BuyerResult]]]:
        """Those of these calls that are there, each with its replies, in one round trip."""

        async def read(client: redis.Redis) -> list[Any]:
            pipe = client.pipeline(transaction=False)
            for sid in sids:
                pipe.hget(self._engine.keys.call(sid), "doc")
                pipe.hgetall(self._engine.keys.replies(sid))
            return list(await pipe.execute())

        found = await self._engine.raw("hgetall", read, again=True) if sids else []
        return [
            (Call.model_validate_json(doc), {k: BuyerResult.model_validate_json(v) for k, v in replies.items()})
            for doc, replies in zip(found[::2], found[1::2], strict=True)
            if doc
        ]

    async def commit(self, commit: Commit, version: int | None) -> Committed:
        """Apply one transition if the call still has ``version``; ``None`` replays what the spool kept.

        Doing it twice does no harm: the event's id is marked in the same step.
        """
        keys, args = self._arguments(commit, version)
        answer = await self._engine.run("commit", keys, args, again=bool(commit.event_id))
        match answer:
            case ["ok", new_version, callback_id, sale_id]:
                return Committed("ok", int(new_version), callback_id or None, sale_id or None)
            case ["conflict", doc, current_version]:
                return Committed(
                    "conflict", int(current_version), current=Call.model_validate_json(doc) if doc else None
                )
            case [kind]:
                return Committed(str(kind))
        raise AssertionError(f"commit.lua answered {answer!r}")

    async def amend(self, call: Call, version: int, event_id: str, amendment: Mapping[str, object]) -> bool:
        """Store what was learned of a call after its end, and pass it to the ledger as its next revision.

        ``False`` when the call has another version by now. Doing it twice does no harm.
        """
        keys = [self._engine.keys.call(call.sid), self._engine.keys.ledger]
        text = json.dumps(amendment, separators=(",", ":"))
        args: list[str | int | float] = [version, event_id, call.model_dump_json(exclude_none=True), call.sid, text]
        return bool(await self._engine.run("amend", keys, args, again=True) != "conflict")

    async def keep_reply(self, sid: str, of: str, result: BuyerResult) -> bool:
        """Keep a buyer's result in an auction (``of`` is its number) or of a post (``post <no>``); the first one wins.

        Whether this was it.
        """
        keys = self._engine.keys
        lesson = taught(result) if of.isdecimal() else None
        told = json.dumps(written(lesson)) if lesson is not None else ""
        args: list[str | int] = [
            self._engine.time_arg(),
            f"{of}:{result.buyer}",
            result.model_dump_json(),
            REPLIES_TTL_S,
            told,
        ]
        of_call = [keys.replies(sid), keys.call(sid), keys.lessons, keys.lessons_count]
        return bool(await self._engine.run("reply_keep", of_call, args, again=True))

    async def replies(self, sid: str) -> dict[str, BuyerResult]:
        """Every result kept, by ``<auction no>:<buyer>`` or ``post <no>:<buyer>``."""
        found = await self._engine.hash(self._engine.keys.replies(sid))
        return {field: BuyerResult.model_validate_json(text) for field, text in found.items()}

    async def keep_waits(self, sid: str, auction_no: int, waits: Sequence[Decision]) -> None:
        """Keep why a caller is held, for whoever ends the call, or takes it over, before its auction is decided."""
        told = {"auction": auction_no, "decisions": [wait.model_dump(mode="json", exclude_none=True) for wait in waits]}
        await self._engine.set(self._engine.keys.waits(sid), json.dumps(told), REPLIES_TTL_S)

    async def waits(self, sid: str, auction_no: int) -> tuple[Decision, ...]:
        """What was kept of this auction's waits."""
        text = await self._engine.get(self._engine.keys.waits(sid))
        told = json.loads(text) if text else {}
        if told.get("auction") != auction_no:
            return ()
        return tuple(Decision.model_validate(wait) for wait in told["decisions"])

    async def bridged_at(self, plan: str, phone: str) -> float:
        """When this person was last connected, epoch seconds; 0 for never or long ago."""
        return int(await self._engine.get(self._engine.keys.bridged(plan, phone)) or 0) / 1000

    async def found_under(self, ticket: str) -> str | None:
        """The id of the warm transfer that has this name: a key of ``calls/tickets.py``."""
        return await self._engine.get(ticket)

    async def mark_leg(self, leg_sid: str, mark: str, ttl_s: int) -> None:
        """Keep what is known of a leg that belongs to no call yet."""
        key = self._engine.keys.leg(leg_sid)
        await self._engine.raw("set", lambda r: r.set(key, mark, ex=ttl_s, nx=True), again=True)

    async def listed(self, key: str, limit: int = 50) -> list[str]:
        """The ids of the warm transfers in this list, newest first."""

        async def read(client: redis.Redis) -> list[str]:
            return [str(sid) for sid in await client.zrevrange(key, 0, limit - 1)]

        return await self._engine.raw("zrange", read, again=True)

    async def live_sids(self, limit: int = 1_000) -> list[str]:
        """Calls that have not ended."""
        return await self._engine.sorted_range(self._engine.keys.live, "-inf", "+inf", limit)

    async def look_now(self, sid: str) -> None:
        """Have the sweeper look at this call in its next round."""
        live = self._engine.keys.live
        await self._engine.raw("zadd", lambda r: r.zadd(live, {sid: 0}, xx=True), again=True)

    async def claim_looks(self, limit: int, next_look_s: float) -> list[str]:
        """Live calls that are due to be looked at, for this instance alone until ``next_look_s`` have passed."""
        args = [self._engine.time_arg(), limit, int(next_look_s * 1000)]
        return list(await self._engine.run("look", [self._engine.keys.live], args))

    def _arguments(self, commit: Commit, version: int | None) -> tuple[list[str], list[str | int | float]]:
        keys, call, callback = self._engine.keys, commit.call, commit.callback
        phone = call.caller.phone
        withdraws = commit.withdraws_callback and phone is not None
        stage = "end" if call.state is CallState.ENDED else "talk"
        cancel_id = f"cancel-{call.sid}-{len(call.attempts)}-{stage}" if withdraws else ""
        cancel = json.dumps({"plan": call.plan, "phone": phone, "sid": call.sid}) if withdraws else ""
        end_ms = int(((call.ended_at or call.started_at) + CANCEL_DEADLINE_S) * 1000)
        return [
            keys.call(call.sid),
            keys.live,
            keys.ledger,
            keys.outbox_due,
            keys.outbox_dead,
            keys.outbox_recent,
            keys.standing(call.plan, phone or "-"),
            keys.bridged(call.plan, phone or "-"),
            keys.talking(call.plan, phone or "-"),
        ], [
            self._engine.time_arg(),
            "force" if version is None else version,
            commit.event_id,
            call.model_dump_json(exclude_none=True),
            CALL_TTL_S,
            int(commit.look_at * 1000),
            json.dumps(commit.record, separators=(",", ":")) if commit.record is not None else "",
            call.sid,
            keys.job(""),
            callback.id if callback else "",
            int(callback.deadline_at * 1000) if callback else 0,
            json.dumps(callback.payload) if callback else "",
            STANDING_TTL_S * 1000,
            cancel_id,
            cancel,
            end_ms,
            self._extras(commit),
        ]

    def _extras(self, commit: Commit) -> str:
        """What only some steps carry, as one JSON text; the shapes are those of ``_guards.lua`` and ``_sales.lua``."""
        extras: dict[str, object] = {}
        if commit.charges:
            extras["charges"] = commit.charges
        if commit.sale is not None:
            extras["sale"] = sale_document(commit.sale, self._engine.keys)
        if commit.index is not None:
            extras["index"] = commit.index
        if commit.booked is not None:
            # Whoever writes the step counts it, also one that waited in a spool.
            books, booked = self._engine.keys.books(self.books), commit.booked
            extras["booked"] = {"key": books, "ttl_s": BOOKS_TTL_S, "buyer": booked.buyer, "cents": booked.cents}
        if commit.lessons or commit.unheard:
            extras["learned"] = self._learned(commit)
        return json.dumps(extras) if extras else ""

    def _learned(self, commit: Commit) -> dict[str, object]:
        """The lessons as ``_lessons.lua`` takes them."""
        keys = self._engine.keys
        return {
            "log": keys.lessons,
            "count": keys.lessons_count,
            "lessons": [json.dumps(written(lesson)) for lesson in commit.lessons],
            "replies": keys.replies(commit.call.sid),
            "call": keys.call(commit.call.sid),
            "unheard": [{"field": cut.field, "lesson": json.dumps(written(cut.lesson))} for cut in commit.unheard],
        }


def sale_document(sale: SaleWanted, keys: Keys) -> dict[str, object]:
    """A sale as ``_sales.lua`` takes it."""
    plan, phone = str(sale.payload["plan"]), str(sale.payload["phone"])
    callback = sale.callback
    return {
        "id": sale.id,
        "standing_key": keys.sale(plan, phone),
        "standing_ttl_ms": SALE_TTL_S * 1000,
        "deadline_ms": int(sale.deadline_at * 1000),
        "payload": json.dumps(sale.payload),
        "callback": None
        if callback is None
        else {
            "id": callback.id,
            "standing_key": keys.standing(plan, phone),
            "standing_ttl_ms": STANDING_TTL_S * 1000,
            "deadline_ms": int(callback.deadline_at * 1000),
            "payload": json.dumps(callback.payload),
        },
    }


def with_ids(call: Call, done: Committed) -> Call:
    """The call as the closing script stored it, which alone knows the ids of what it enqueued."""
    if done.callback_id and call.callback == CALLBACK_ID:
        call = call.replaced(callback=done.callback_id)
    if done.sale_id and call.sale == SALE_ID:
        call = call.replaced(sale=done.sale_id)
    return call
