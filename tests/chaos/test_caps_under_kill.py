"""Two instances sell to capped buyers from one engine, and one of them is killed: no cap is ever passed by one.

The instances are plain processes (this file, run as a program): admissions, bookings and the commits of calls, without
the telephone. Each tells on its output what its buyers saw, and when.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import pytest
from pydantic import SecretStr

from callrouter.auction.guards import Seat
from callrouter.auction.limits import Admission, Limits
from callrouter.buyers.base import Account
from callrouter.calls.charges import SEAT_S, charges
from callrouter.calls.store import CallStore, Commit
from callrouter.dialplan import Plan
from callrouter.domain.call import Attempt, AttemptResult, AuctionRun, Call, CallKind, CallState, Outcome
from callrouter.domain.caller import Caller
from callrouter.domain.clock import SystemClock
from callrouter.domain.offer import Offer
from callrouter.engine.client import Engine
from callrouter.engine.keys import Keys
from tests.buyers.exemplars import CATALOGUE
from tests.support.engine import fresh_keys, keys_without_end, open_engine
from tests.support.virtual_time import EPOCH

CALLS = 100
"""Of each process for each buyer."""
ARRIVE_WITHIN_S = 2.5
MOST = {"attempts": 60, "connects": 40, "qualified": 25, "dollars": 400, "concurrency": 12}
KEEP_S = 5.0
FIELDS = {"attempts": "attempts", "connects": "connects", "qualified": "qualified", "dollars": "cents"}
PER = {"attempts": "day", "connects": "day", "qualified": "month", "dollars": "ever"}

SHEET = CATALOGUE.get("letsmakealead").sheet.model_copy(update={"limits": ()})


class SharedClock(SystemClock):
    """The same time in every process, at a moment of the tests' own; ``ahead_s`` goes before it."""

    ahead_s = 0.0

    def now(self) -> float:
        return EPOCH + time.monotonic() % 1_000 + self.ahead_s

    def engine_ms(self) -> int:
        return int(self.now() * 1000)


def a_plan() -> Plan:
    """One buyer for each kind of cap, under its name."""
    buyers = {
        of: {"adapter": "letsmakealead", "mode": "one_step", "guards": {"caps": [{"of": of, "per": per, "most": most}]}}
        for of, per in PER.items()
        for most in (MOST[of],)
    }
    buyers["concurrency"] = {
        "adapter": "letsmakealead",
        "mode": "one_step",
        "guards": {"concurrency": MOST["concurrency"]},
    }
    return Plan.model_validate({"plan": "auto", "numbers": {"inbound": ["+18885550100"]}, "buyers": buyers})


Seen = list[tuple[float, str, str, str, str]]


class Tell(Protocol):
    """Takes what a buyer saw, or what was stored."""

    def __call__(self, what: str, buyer: str, sid: str, payout: Decimal = ...) -> None: ...


class Notes:
    """Keeps what is told in a list."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def __call__(self, what: str, buyer: str, sid: str, payout: Decimal = Decimal(0)) -> None:
        self._seen.append((time.monotonic(), what, buyer, sid, str(payout)))


class Life:
    """What happens to the calls of one instance."""

    def __init__(self, engine: Engine, clock: SystemClock, rng: random.Random, tell: Tell, sure: bool = False) -> None:
        """``sure``: everybody buys, picks up, talks for long enough and takes the same time for it."""
        self._engine, self._clock, self._plan, self._rng = engine, clock, a_plan(), rng
        self._limits, self._store = Limits(engine), CallStore(engine)
        self._tell, self._sure = tell, sure

    async def call(self, sid: str, buyer: str) -> None:
        """One call from its auction to its end."""
        call = Call(
            sid=sid,
            plan="auto",
            kind=CallKind.INBOUND,
            to="+18885550100",
            caller=Caller(phone="+15125550123"),
            started_at=self._clock.now(),
            state=CallState.AUCTION,
            auction=AuctionRun(no=1, started_at=0, deadline_at=0, owner="x"),
        )
        await self._commit(None, call, 0)
        self._tell("begun", buyer, sid)
        if (offer := await self._offer(sid, buyer)) is not None:
            await self._sold(call, buyer, offer)
        self._tell("over", buyer, sid)

    async def _sold(self, call: Call, buyer: str, offer: Offer) -> None:
        sid = call.sid
        dialling = call.replaced(
            state=CallState.DIALLING,
            attempts=(Attempt(no=1, offer=offer, decided_at=0, ring_timeout_s=20, caller_id="x"),),
        )
        await self._commit(call, dialling, 1)
        self._tell("attempts", buyer, sid)
        self._tell("counted attempts", buyer, sid)
        await self._pause()
        if self._happens(0.2):
            self._tell("gone", buyer, sid)
            await self._commit(dialling, ended(dialling, AttemptResult.NO_ANSWER, talked=False), 2)
            return
        talking = dialling.replaced(
            state=CallState.BRIDGED, attempts=(dialling.attempts[0].model_copy(update={"answered_at": 1.0}),)
        )
        self._tell("connects", buyer, sid)
        if lost := self._happens(0.3):  # nobody reports the answer before the end
            talking = dialling
        else:
            await self._commit(dialling, talking, 2)
            self._tell("counted connects", buyer, sid)
        await self._pause()
        talked = not self._happens(0.4)
        self._tell("gone", buyer, sid)
        if talked:
            self._tell("qualified", buyer, sid, offer.payout)
        await self._commit(talking, ended(talking, AttemptResult.BRIDGED, talked), 2 if lost else 3)
        if lost:
            self._tell("counted connects", buyer, sid)
        if talked:
            self._tell("counted qualified", buyer, sid, offer.payout)

    async def _offer(self, sid: str, buyer: str) -> Offer | None:
        seat = Seat("auto", buyer, self._plan.buyers[buyer].guards, sid, None, self._clock.now(), KEEP_S)
        admission = await self._limits.admit(
            "x", SHEET, Account(buyer, "one_step", "", "get", {"k": SecretStr("s")}), seat
        )
        if admission is not Admission.ADMITTED:
            return None
        await self._pause()
        payout = Decimal(5 if self._sure else self._rng.randrange(10, 30, 5))
        refused = await self._limits.book(seat, payout, self._clock.now())
        if refused or self._happens(0.2):
            self._limits.release(seat)
            return None
        return Offer(buyer=buyer, number="+12145550111", payout=payout, received_at=0, expires_at=9e9)

    async def _commit(self, before: Call | None, after: Call, version: int) -> None:
        over = after.state is CallState.ENDED
        commit = Commit(
            after,
            f"step {version}",
            0 if over else 9e12,
            record={"sid": after.sid} if over else None,
            charges=charges(before, after, self._plan, self._clock.now(), self._store.keys),
        )
        assert (await self._store.commit(commit, version)).kind == "ok"

    def _happens(self, share: float) -> bool:
        return not self._sure and self._rng.random() < share

    async def _pause(self) -> None:
        await asyncio.sleep(0.1 if self._sure else self._rng.uniform(0, 0.25))

    async def all(self, name: str, buyers: Sequence[str], each: int, within_s: float) -> None:
        """So many calls for each buyer, arriving within so many seconds."""

        async def one(sid: str, buyer: str) -> None:
            await asyncio.sleep(self._rng.uniform(0, within_s))
            await self.call(sid, buyer)

        await asyncio.gather(*(one(f"{name}-{buyer}-{n}", buyer) for n in range(each) for buyer in buyers))
        await self._limits.drain()


def ended(call: Call, result: AttemptResult, talked: bool) -> Call:
    """The call after its dial, with which it ends."""
    attempt = call.attempts[0].model_copy(update={"result": result})
    bridged = result is AttemptResult.BRIDGED
    return call.replaced(
        state=CallState.ENDED,
        attempts=(attempt,),
        outcome=Outcome.BRIDGED if bridged else Outcome.UNSOLD,
        buyer=attempt.offer.buyer if bridged else None,
        payout=attempt.offer.payout if bridged else None,
        qualified=talked if bridged else None,
    )


def tell_outside(what: str, buyer: str, sid: str, payout: Decimal = Decimal(0)) -> None:
    """One line of what a buyer saw, or of what was stored; whole, whenever the process is killed."""
    os.write(1, f"{json.dumps([time.monotonic(), what, buyer, sid, str(payout)])}\n".encode())


@pytest.mark.real_time
async def test_no_cap_is_passed_by_one_when_an_instance_is_killed(engine_socket: Path, tmp_path: Path) -> None:
    keys = fresh_keys()
    logs = [tmp_path / name for name in ("doomed", "living")]
    workers = [await _start(engine_socket, keys, log) for log in logs]
    deadline = time.monotonic() + 30
    while logs[0].stat().st_size < 25_000:  # in the midst of it
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    workers[0].send_signal(signal.SIGKILL)
    killed_at = time.monotonic()
    assert await workers[0].wait() == -signal.SIGKILL
    assert await asyncio.wait_for(workers[1].wait(), 60) == 0, (tmp_path / "living.err").read_text()
    seen = [_read(log) for log in logs]
    clock = SharedClock()
    engine = open_engine(engine_socket, clock, keys)
    _check(seen, await _used(engine, clock), killed_at)
    left = await _seats(engine, clock, "concurrency")
    assert left, "the dead one held seats"

    clock.ahead_s = KEEP_S
    dials = {stage: n for stage, n in left.items() if stage != "asked"}
    assert await _seats(engine, clock, "concurrency") == dials, "first those lapse from which no dial came"
    clock.ahead_s = SEAT_S + 60
    assert await _seats(engine, clock, "concurrency") == {}, "then all of them"
    most = 0
    for number in range(5):
        later: Seen = []
        note = Notes(later)
        await Life(engine, clock, random.Random(number), note, sure=True).all(f"later{number}", tuple(MOST), 30, 0)
        most = max(most, _most_at_once([later], 0))
    used = await _used(engine, clock)
    assert {of: used[of][field] for of, field in FIELDS.items()} == {
        of: MOST[of] * (100 if of == "dollars" else 1) for of in FIELDS
    }, "nothing of any cap is lost to the dead one"
    assert most == MOST["concurrency"]
    await engine.close()
    assert await keys_without_end(engine_socket, clock, keys) == []


def _check(seen: list[Seen], used: dict[str, Counter[str]], killed_at: float) -> None:
    """What the buyers saw is within the caps; what was stored is counted, and no more than was under way besides."""
    for of in ("attempts", "connects", "qualified"):
        assert MOST[of] * 0.2 < used[of][of] <= MOST[of]
        assert _told(seen, of, of) <= MOST[of]
        counted = _told(seen, f"counted {of}", of)
        assert counted <= used[of][of] <= counted + _cut_off(seen, of)
    paid, stored = (_paid(seen, what) for what in ("qualified", "counted qualified"))
    assert max(paid, stored) * 100 <= MOST["dollars"] * 100
    assert stored * 100 <= used["dollars"]["cents"] <= MOST["dollars"] * 100
    assert 0 < _most_at_once(seen, killed_at) <= MOST["concurrency"]


def _told(seen: list[Seen], what: str, buyer: str) -> int:
    return sum(1 for lines in seen for _, said, of, *_ in lines if (said, of) == (what, buyer))


def _paid(seen: list[Seen], what: str) -> Decimal:
    found = [payout for lines in seen for _, said, of, _, payout in lines if (said, of) == (what, "dollars")]
    return sum(map(Decimal, found), Decimal(0))


def _cut_off(seen: list[Seen], buyer: str) -> int:
    """How many calls for this buyer had begun and were never over."""
    return _told(seen, "begun", buyer) - _told(seen, "over", buyer)


def _most_at_once(seen: list[Seen], killed_at: float) -> int:
    """The most calls that the buyer of the concurrency guard had at one time, by its own account."""
    changes = []
    for lines in seen:
        live = set()
        for at, what, buyer, sid, _ in lines:
            if buyer == "concurrency" and what == "attempts":
                live.add(sid)
                changes.append((at, 1))
            elif buyer == "concurrency" and what == "gone":
                live.discard(sid)
                changes.append((at, -1))
        changes += [(killed_at, -1)] * len(live)
    now = most = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


async def _used(engine: Engine, clock: SystemClock) -> dict[str, Counter[str]]:
    """What the engine has counted for each buyer, over all of its buckets."""
    found: dict[str, Counter[str]] = {of: Counter() for of in PER}
    for of, per in PER.items():
        pattern = f"{engine.keys.used('auto', of, per, '')}*"
        names = await engine.raw("scan", lambda r, pattern=pattern: r.keys(pattern))  # type: ignore[misc]
        for name in names:
            found[of].update({field: int(n) for field, n in (await engine.hash(name)).items()})
    return found


async def _seats(engine: Engine, clock: SystemClock, buyer: str) -> dict[str, int]:
    """How many calls have a seat that has not lapsed, by stage."""
    found = {}
    for stage in ("asked", "dialled", "talking"):
        found[stage] = await engine.sorted_count(engine.keys.seats("auto", buyer, stage), f"({clock.engine_ms()}")
    return {stage: n for stage, n in found.items() if n}


def _read(log: Path) -> Seen:
    return [tuple(json.loads(line)) for line in log.read_text().splitlines()]


async def _start(socket: Path, keys: Keys, log: Path) -> asyncio.subprocess.Process:
    with log.open("wb") as out, log.with_suffix(".err").open("wb") as err:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.test_caps_under_kill", str(socket), keys.prefix, log.name),
            stdout=out,
            stderr=err,
        )


async def _run(socket: str, prefix: str, name: str) -> None:
    clock = SharedClock()
    engine = open_engine(Path(socket), clock, Keys(prefix))
    await Life(engine, clock, random.Random(name), tell_outside).all(name, tuple(MOST), CALLS, ARRIVE_WITHIN_S)
    await engine.close()


if __name__ == "__main__":
    asyncio.run(_run(*sys.argv[1:4]))
