"""kill -9 of services, and of all with the engine, while callers call: each event is learned once.

What may be missing is only what nobody knew any more.

Counted at the carrier (dials, talks and their seconds) and at the buyers (pings). What may be missing:

- of pings: those that the killed process had under way, or had an answer to that was not yet written down;
- of talks: those of less than a second of which nobody told us; the carrier knows them as over after 0 s;
- of unanswered phones: those whose caller had left when somebody of us first heard of the dial's end;
- of callers who left: those of whose ringing nobody told us.

Nothing is ever counted twice.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import dumped
from callrouter.beliefs.lessons import Held, Lesson, Rang, Replied, TalkBegan, TalkEnded, read
from callrouter.domain.clock import SystemClock
from callrouter.engine import embedded
from callrouter.engine.client import Engine
from callrouter.learning.chunks import entries_of
from callrouter.learning.folding import fold
from callrouter.learning.log import Entry, LessonLog
from callrouter.ledger.database import sqlite_url
from callrouter.ledger.reads import Ledger
from callrouter.simulator.carrier import CallerScript, HangUp, NumberConfig, SimulatedCarrier
from callrouter.simulator.carrier.records import DialRecord
from callrouter.simulator.partners import SimulatedContactability, SimulatedLmal
from callrouter.simulator.partners.answers import PartnerRequest
from callrouter.simulator.partners.buyer import SimulatedBuyer
from callrouter.simulator.scenarios import Cast, Scenario, scenarios
from tests.commands.command import callrouter
from tests.support.environment import service_environ
from tests.support.process import Balancer, ServiceProcess, free_port
from tests.support.waiting import wait_until
from tests.support.world import ACCOUNT_SID, AUTH_TOKEN, BUYERS, INBOUND, OVERRIDES, PUBLIC_URL, plan

CALLERS = 20
ARRIVE_WITHIN_S = 6.0
DEADLINE_S = 4.0
WRITTEN_S = 0.5
"""How soon an answer that has come is in the engine."""
WHOLE_S = 1.6
"""The carrier tells of whole seconds."""
CONTACTABILITY, LMAL = "contactability", "letsmakealead"
SEEDS = range(1, 1 + int(os.environ.get("CHAOS_SEEDS", "1")))
"""``CHAOS_SEEDS=20`` repeats it over twenty seeds."""
_FAILED = ("busy", "no_answer", "failed")


class Turns(Balancer):
    """Requests go to the services in turn, or all to one."""

    only: int | None = None

    def __getitem__(self, public_url: str) -> str:
        return super().__getitem__(public_url) if self.only is None else self._instances[self.only]


@dataclass
class Town:
    """Two services on one engine, their callers, and what was killed when (epoch s)."""

    folder: Path
    clock: SystemClock
    rng: random.Random
    carrier: SimulatedCarrier
    buyers: Mapping[str, SimulatedBuyer]
    services: Sequence[ServiceProcess]
    ports: Sequence[int]
    turns: Turns
    environ: Mapping[str, str]
    cast: Sequence[Scenario]
    kills: list[float] = field(default_factory=list)

    async def callers(self) -> None:
        for scenario in self.cast:
            await asyncio.sleep(self.rng.expovariate(CALLERS / ARRIVE_WITHIN_S))
            self.carrier.place(scenario.caller)

    async def kill(self, number: int) -> None:
        """A service dies, and is started again."""
        self.kills.append(self.clock.now())
        await self.services[number].kill()
        await self.services[number].start()
        await self.services[number].ready()

    async def kill_all(self) -> None:
        """Both services die, and the engine under them, at one moment; all are started again."""
        self.kills.append(self.clock.now())
        folder = self.folder / "engine"
        await asyncio.gather(*(service.kill() for service in self.services))
        os.kill(int((folder / "engine" / "valkey.pid").read_text()), signal.SIGKILL)
        await asyncio.to_thread(embedded.ensure_running, folder)
        for service in self.services:
            await service.start()
        for service in self.services:
            await service.ready()

    async def over(self) -> None:
        """Every call is in the ledger, and no ping is under way."""
        for call in self.carrier.calls:
            await call.wait_ended()
        await self.written()
        last = max(request.at for buyer in self.buyers.values() for request in buyer.requests)
        await wait_until(lambda: self.clock.now() > last + DEADLINE_S + WRITTEN_S, 10)

    async def written(self) -> None:
        """Every call is in the ledger."""
        sids = {call.sid for call in self.carrier.calls}
        async with asyncio.timeout(40):
            while sids - set(await self.records()):
                await self._look_now()
                await asyncio.sleep(0.3)

    async def _look_now(self) -> None:
        """A minute passes, for calls whose end nobody could tell us."""
        async with self.engine() as engine:
            for sid in await engine.sorted_range(engine.keys.live, "-inf", "+inf", 100):
                leg = next((call for call in self.carrier.calls if call.sid == sid), None)
                if leg is not None and not leg.live:
                    await _due(engine, sid)

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        engine = Engine.at_socket(str(embedded.socket_path(self.folder / "engine")), self.clock)
        try:
            yield engine
        finally:
            await engine.close()

    @asynccontextmanager
    async def ledger(self) -> AsyncIterator[Ledger]:
        ledger = Ledger(sqlite_url(self.folder / "data"), self.clock)
        try:
            yield ledger
        finally:
            await ledger.close()

    async def records(self) -> dict[str, Mapping[str, Any]]:
        async with self.ledger() as ledger:
            return {row.sid: row.record for row in await ledger.find(limit=1_000) if row.record is not None}

    async def entries(self) -> list[Entry]:
        """Every lesson, archived or still in the log, by its number."""
        found: dict[int, Entry] = {}
        async with self.ledger() as ledger, self.engine() as engine:
            async for chunk in ledger.lessons.between(0, 2**53):
                found |= {entry.number: entry for entry in entries_of(chunk)}
            for entry in (await LessonLog(engine).after(0, 100_000)).entries:
                assert found.setdefault(entry.number, entry) == entry, "archived as it was"
        return [found[number] for number in sorted(found)]

    def whose(self, dial: DialRecord) -> str:
        """The buyer whose phone this is."""
        return LMAL if any(part.lmal.number == dial.number for part in self.cast) else CONTACTABILITY


async def _due(engine: Engine, sid: str) -> None:
    live = engine.keys.live
    await engine.raw("zadd", lambda r: r.zadd(live, {sid: 0}, xx=True))


@pytest.mark.real_time
@pytest.mark.parametrize("seed", SEEDS)
async def test_each_event_is_learned_once_whatever_dies(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with town_of(tmp_path, seed) as town:
        arrivals = asyncio.create_task(town.callers())
        for number in (0, 1):
            await asyncio.sleep(town.rng.uniform(1.0, 2.5))
            await town.kill(number)
        await town.kill_all()
        await arrivals
        await town.over()
        entries, records = await town.entries(), await town.records()
        assert [e.number for e in entries] == list(range(entries[0].number, entries[0].number + len(entries)))
        lessons = [lesson for entry in entries if (lesson := read(entry.document or {})) is not None]
        assert len(lessons) == len(entries)
        talks = _talks_once(town, records, lessons)
        rings = _rings_once(town, records, lessons)
        pings = _pings_once(town, lessons)
        _callers_once(records, lessons)
        await _both_believe_the_same(town, entries)
        with capsys.disabled():
            print(f"\n  [seed {seed}] {len(entries)} lessons, {talks} talks; missed: {rings} rings, {pings} pings")


def _answered(dial: DialRecord, record: Mapping[str, Any]) -> bool:
    """Whether it was, as far as anybody could know."""
    attempt: Mapping[str, Any] = next((a for a in record["attempts"] if a["number"] == dial.number), {})
    untold = attempt.get("answered_at") is None and attempt.get("result") in ("failed", "caller_gone")
    return dial.answered_at is not None and not (dial.talk_s < 1 and untold)


def _talks_once(town: Town, records: Mapping[str, Mapping[str, Any]], lessons: Sequence[Lesson]) -> int:
    """Each dial that was answered: one answer and one talk of the carrier's length."""
    ended = [lesson for lesson in lessons if isinstance(lesson, TalkEnded)]
    began = Counter(lesson.talk for lesson in lessons if isinstance(lesson, TalkBegan))
    assert max(began.values()) == 1
    assert set(began) <= {lesson.talk for lesson in ended}
    assert len({lesson.talk for lesson in ended}) == len(ended)
    for call in town.carrier.calls:
        record = records[call.sid]
        seen = sorted((town.whose(dial), dial.talk_s) for dial in call.dials if _answered(dial, record))
        told = sorted((t.buyer, t.seconds) for t in ended if t.talk.startswith(f"{call.sid}:"))
        assert [buyer for buyer, _ in told] == [buyer for buyer, _ in seen], (call.dials, record)
        assert all(abs(s - t) < WHOLE_S for (_, s), (_, t) in zip(told, seen, strict=True)), (told, seen)
    answered = Counter(lesson.buyer for lesson in lessons if isinstance(lesson, Rang) and lesson.answered)
    assert answered == Counter(lesson.buyer for lesson in ended)
    return len(ended)


def _rings_once(town: Town, records: Mapping[str, Mapping[str, Any]], lessons: Sequence[Lesson]) -> int:
    """Each dial that was not answered, but where the caller left first, as far as was told; how many of those."""
    seen, unknown = Counter[str](), Counter[str]()
    for call in town.carrier.calls:
        results = {attempt["number"]: attempt["result"] for attempt in records[call.sid]["attempts"]}
        for dial in call.dials:
            if not _answered(dial, records[call.sid]) and dial.result != "canceled":
                seen[town.whose(dial)] += 1
                unknown[town.whose(dial)] += results.get(dial.number) == "caller_gone"
                assert results.get(dial.number) in (*_FAILED, "caller_gone"), (call.sid, dial, results)
    told = Counter(lesson.buyer for lesson in lessons if isinstance(lesson, Rang) and not lesson.answered)
    assert told == seen - unknown
    return unknown.total()


def _pings_once(town: Town, lessons: Sequence[Lesson]) -> int:
    """Each ping, but those that a killed process had under way; how many of those."""
    replied = [lesson for lesson in lessons if isinstance(lesson, Replied)]
    missed = 0
    for name, buyer in town.buyers.items():
        told = [lesson for lesson in replied if lesson.buyer == name]
        died = sum(_asked_by_the_dead(request, town.kills) for request in buyer.requests)
        assert len(buyer.requests) - died <= len(told) <= len(buyer.requests)
        missed += len(buyer.requests) - len(told)
        offered = Counter(offer.payout for offer in buyer.offers)
        heard = Counter(Decimal(str(lesson.payout)) for lesson in told if lesson.ended == "offer")
        assert not heard - offered, "no offer is heard more often than it was made"
        refused = sum(request.answered == "refused" for request in buyer.requests)
        assert sum(lesson.ended == "no" for lesson in told) <= refused
    return missed


def _asked_by_the_dead(request: PartnerRequest, kills: Sequence[float]) -> bool:
    """Whether whoever asked may have been killed before the answer was written down."""
    answered_at = request.answered_at or request.at + DEADLINE_S
    return any(request.at - WRITTEN_S <= kill <= answered_at + WRITTEN_S for kill in kills)


def _callers_once(records: Mapping[str, Mapping[str, Any]], lessons: Sequence[Lesson]) -> None:
    """Who left while they held, or while it rang and somebody told us so, has left once."""
    left = 0
    for record in records.values():
        asked = any(event["event"] == "auction_started" for event in record["events"])
        last = record["attempts"][-1] if record["attempts"] else None
        rang = (
            last is None or last["initiated_at"] or last["ringing_at"] or last["timers"]["dial"]["action"] is not None
        )
        left += bool(record["outcome"] == "abandoned" and asked and rang)
    held = [lesson for lesson in lessons if isinstance(lesson, Held)]
    assert sum(lesson.left for lesson in held) == left
    assert all(0 <= lesson.seconds < 60 for lesson in held)


def _was_told_of(attempt: Mapping[str, Any]) -> bool:
    """Whether any report of this dial has reached us."""
    reported = (attempt["initiated_at"], attempt["ringing_at"], attempt["timers"]["dial"]["action"])
    return any(report is not None for report in reported)


async def _both_believe_the_same(town: Town, entries: Sequence[Entry]) -> None:
    """What is exported is what all lessons teach; and each service decides the next call by just that."""
    alone = Beliefs()
    fold(alone, entries)
    for number, port in enumerate(town.ports):
        exported = await asyncio.to_thread(_export, town)
        if number == 0:
            assert exported == dumped(alone) + "\n"
            assert alone.talking == {}
        await _has_learned_all(port)
        version = (await town.entries())[-1].number
        town.turns.only = number
        call = town.carrier.place(CallerScript(f"+1512555019{number}", INBOUND, hang_up=HangUp("after", 3.5)))
        await call.wait_ended()
        await town.written()
        assert (await town.records())[call.sid]["decisions"][0]["beliefs"] == version
    assert len({await asyncio.to_thread(_export, town) for _ in town.ports}) == 1


def _export(town: Town) -> str:
    done = callrouter("beliefs", "export", environ=dict(town.environ))
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


async def _has_learned_all(port: int) -> None:
    """Two looks of its follower have passed, and there is nothing left to learn."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(10):
        for _ in range(2):
            await asyncio.sleep(1.1)
            async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
                page = await response.text()
            assert "callrouter_lessons_behind 0.0" in page


@asynccontextmanager
async def town_of(folder: Path, seed: int) -> AsyncIterator[Town]:
    rng, clock = random.Random(seed), SystemClock()
    lmal = SimulatedLmal(clock=clock, rng=rng, partnerid="P1", key="lmal-key-of-tests")
    contactability = SimulatedContactability(clock=clock, rng=rng, token="contactability-token")
    ports = [free_port(), free_port()]
    turns = Turns(PUBLIC_URL, [f"http://127.0.0.1:{port}" for port in ports])
    carrier = SimulatedCarrier(
        clock=clock, rng=rng, account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, webhook_host_map=turns
    )
    hooks = (f"{PUBLIC_URL}/twilio/voice{OVERRIDES}", f"{PUBLIC_URL}/twilio/status", f"{PUBLIC_URL}/twilio/fallback")
    carrier.configure_number(INBOUND, NumberConfig(*hooks))
    cast = scenarios(seed, CALLERS, number=INBOUND, pace=0.03, slow_s=3.0)
    parts = Cast(cast)
    lmal.answer, contactability.answer = parts.lmal, parts.contactability
    parts.set_phones(carrier)
    services: list[ServiceProcess] = []
    servers = (lmal, contactability, carrier)
    try:
        for server in servers:
            await server.start()
        environ = _environ(folder, carrier, lmal, contactability)
        services += [ServiceProcess(environ, port, folder / f"service-{port}.log") for port in ports]
        for service in services:
            await service.start()
        for service in services:
            await service.ready()
        buyers = {LMAL: lmal, CONTACTABILITY: contactability}
        yield Town(folder, clock, rng, carrier, buyers, services, ports, turns, environ, cast)
        assert carrier.errors == []
    finally:
        for service in services:
            await service.stop()
        for server in servers:
            await server.stop()
        embedded.stop(folder / "engine")


def _environ(
    folder: Path, carrier: SimulatedCarrier, lmal: SimulatedLmal, contactability: SimulatedContactability
) -> dict[str, str]:
    auction = {"deadline_s": DEADLINE_S, "policy": "expected_value"}
    whole = {**plan(auction=auction, bridge={"early_hangup_s": 1}), "buyers": BUYERS}
    del whole["unsold"]
    return {
        **service_environ(folder, whole, carrier, lmal, contactability),
        "CALLROUTER_PUBLIC_URL": PUBLIC_URL,
        "CALLROUTER_REDIS_URL": f"unix://{embedded.ensure_running(folder / 'engine')}",
    }
