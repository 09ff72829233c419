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

import pytest
from pydantic import SecretStr

from callrouter.auction.guards import Seat
from callrouter.auction.limits import Admission, Limits
from callrouter.buyers.base import Account
from callrouter.calls.charges import charges
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
PER = {"attempts": "day", "connects": "hour", "qualified": "month", "dollars": "ever"}

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


class Life:
    """What happens to the calls of one instance."""

    def __init__(self, engine: Engine, clock: SystemClock, plan: Plan, rng: random.Random) -> None:
        self._engine, self._clock, self._plan, self._rng = engine, clock, plan, rng
        self._limits, self._store = Limits(engine), CallStore(engine)
        self.refusals: Counter[str] = Counter()

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
        if (offer := await self._offer(sid, buyer)) is None:
            return
        dialling = call.replaced(
            state=CallState.DIALLING,
            attempts=(Attempt(no=1, offer=offer, decided_at=0, ring_timeout_s=20, caller_id="x"),),
        )
        await self._commit(call, dialling, 1)
        tell("attempts", buyer, sid)
        await self._pause()
        if self._rng.random() < 0.2:
            tell("gone", buyer, sid)
            await self._commit(dialling, ended(dialling, AttemptResult.NO_ANSWER, talked=False), 2)
            return
        talking = dialling.replaced(
            state=CallState.BRIDGED, attempts=(dialling.attempts[0].model_copy(update={"answered_at": 1.0}),)
        )
        if lost := self._rng.random() < 0.3:  # nobody reports the answer
            talking = dialling
        else:
            await self._commit(dialling, talking, 2)
        tell("connects", buyer, sid)
        await self._pause()
        talked = self._rng.random() < 0.6
        tell("gone", buyer, sid)
        await self._commit(talking, ended(talking, AttemptResult.BRIDGED, talked), 2 if lost else 3)
        if talked:
            tell("qualified", buyer, sid, offer.payout)

    async def _offer(self, sid: str, buyer: str) -> Offer | None:
        seat = Seat("auto", buyer, self._plan.buyers[buyer].guards, sid, None, self._clock.now(), KEEP_S)
        admission = await self._limits.admit(
            "x", SHEET, Account(buyer, "one_step", "", "get", {"k": SecretStr("s")}), seat
        )
        if admission is not Admission.ADMITTED:
            self.refusals[admission] += 1
            return None
        await self._pause()
        payout = Decimal(self._rng.randrange(1_000, 3_000)) / 100
        refused = await self._limits.book(seat, payout, self._clock.now())
        if refused or self._rng.random() < 0.2:
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

    async def _pause(self) -> None:
        await asyncio.sleep(self._rng.uniform(0, 0.25))

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


def tell(what: str, buyer: str, sid: str, payout: Decimal = Decimal(0)) -> None:
    """One line of what a buyer saw; whole, whenever the process is killed."""
    os.write(1, f"{json.dumps([time.monotonic(), what, buyer, sid, str(payout)])}\n".encode())


Seen = list[tuple[float, str, str, str, str]]


@pytest.mark.real_time
async def test_no_cap_is_passed_by_one_when_an_instance_is_killed(engine_socket: Path, tmp_path: Path) -> None:
    keys = fresh_keys()
    logs = [tmp_path / name for name in ("doomed", "living")]
    workers = [await _start(engine_socket, keys, log) for log in logs]
    deadline = time.monotonic() + 30
    while logs[0].stat().st_size < 8_000:  # in the midst of it
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    workers[0].send_signal(signal.SIGKILL)
    killed_at = time.monotonic()
    assert await workers[0].wait() == -signal.SIGKILL
    assert await asyncio.wait_for(workers[1].wait(), 60) == 0, (tmp_path / "living.err").read_text()
    seen = [_read(log) for log in logs]
    clock = SharedClock()
    engine = open_engine(engine_socket, clock, keys)
    used = await _used(engine, clock)
    left = await _seats(engine, "concurrency")
    await _check(seen, used, killed_at)

    clock.ahead_s = 5 * 3600 + 60  # the dead one's seats lapse
    plan, rng = a_plan(), random.Random(3)
    for number in range(6):
        await Life(engine, clock, plan, rng).all(f"later{number}", tuple(MOST), 30, 0.2)
    used = await _used(engine, clock)
    assert left > 0, "the dead one held seats"
    assert await _seats(engine, "concurrency") == 0
    assert used["attempts"]["attempts"] == MOST["attempts"], "nothing of the cap is lost to the dead one"
    assert used["qualified"]["qualified"] == MOST["qualified"]
    assert MOST["dollars"] * 100 - 3_000 < used["dollars"]["cents"] <= MOST["dollars"] * 100
    await engine.close()
    assert await keys_without_end(engine_socket, clock, keys) == []


async def _check(seen: list[Seen], used: dict[str, Counter[str]], killed_at: float) -> None:
    for of in ("attempts", "connects", "qualified"):
        told = sum(1 for lines in seen for _, what, buyer, *_ in lines if (what, buyer) == (of, of))
        assert told <= MOST[of]
        assert MOST[of] * 0.4 < used[of][of] <= MOST[of]
        assert told <= used[of][of] + 40 * (of == "connects"), "every connection that is known is counted"
    paid = sum(
        Decimal(cents)
        for lines in seen
        for _, what, buyer, _, cents in lines
        if (what, buyer) == ("qualified", "dollars")
    )
    assert paid * 100 <= used["dollars"]["cents"] <= MOST["dollars"] * 100
    assert 0 < _most_at_once(seen, killed_at) <= MOST["concurrency"]


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


async def _seats(engine: Engine, buyer: str) -> int:
    return sum(
        [await engine.sorted_count(engine.keys.seats("auto", buyer, p)) for p in ("asked", "dialled", "talking")]
    )


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
    await Life(engine, clock, a_plan(), random.Random(name)).all(name, tuple(MOST), CALLS, ARRIVE_WITHIN_S)
    await engine.close()


if __name__ == "__main__":
    asyncio.run(_run(*sys.argv[1:4]))
