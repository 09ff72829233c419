"""What a call teaches is told once: wherever the process dies that tells it, and whoever tells it again."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from callrouter.beliefs.lessons import Held, Lesson, Rang, Replied, TalkBegan, TalkEnded, read
from callrouter.calls import transitions
from callrouter.calls.learned import Unheard
from callrouter.calls.progress import Progress
from callrouter.calls.spool import Spool
from callrouter.calls.store import CallStore, Commit
from callrouter.carrier.seam import CallArrived, DialEnded, DialStatus, LegChanged, LegStatus, ZipEntered
from callrouter.domain.call import Call, CallKind, CallState, Outcome
from callrouter.domain.caller import Caller
from callrouter.domain.clock import SystemClock
from callrouter.domain.offer import BuyerResult, Decline
from callrouter.domain.reasons import Reason
from callrouter.engine.client import Engine
from callrouter.engine.keys import Keys
from callrouter.errors import EngineUnavailable
from callrouter.learning.log import LessonLog
from tests.calls.test_transitions import CARRIER, PLAN, offer
from tests.chaos.test_booked_once import losing_answers
from tests.support.engine import fresh_keys, open_engine
from tests.support.virtual_time import EPOCH

FIRST, SECOND = "contactability", "letsmakealead"
TOLD = Rang(FIRST, True, 6.0)
CUT = Replied(FIRST, 3.0, "cut")

_sids = (f"CA{no:032x}" for no in itertools.count(1))


async def lessons_of(engine: Engine) -> list[Lesson]:
    """What the log holds, in order."""
    found = [read(entry.document or {}) for entry in (await LessonLog(engine).after(0, 1_000)).entries]
    return [lesson for lesson in found if lesson is not None]


# -- a whole call, in processes that die ------------------------------------------------------------------------------


class Died(Exception):
    """The process is gone."""


class MortalEngine(Engine):
    """An engine's client in a process that dies before a script has run, or before its answer is read."""

    dies: tuple[str, int] = ("", 0)
    """``before`` or ``after``, and the number of the script, from 1."""
    scripts = 0

    async def run(
        self, name: str, keys: Sequence[str], args: Sequence[str | int | float], *, again: bool = False
    ) -> Any:
        self.scripts += 1
        if self.dies == ("before", self.scripts):
            raise Died
        answer = await super().run(name, keys, args, again=again)
        if self.dies == ("after", self.scripts):
            raise Died
        return answer


@dataclass
class StoryClock(SystemClock):
    """Stands where the story has come to."""

    at: float = EPOCH

    def now(self) -> float:
        return self.at

    def engine_ms(self) -> int:
        return int(self.at * 1000)


Act = Callable[[Progress], Awaitable[object]]


@dataclass
class Story:
    """One call, told step by step to a process; the teller that dies is followed by another, who is told again."""

    socket: Path
    folder: Path
    keys: Keys = field(default_factory=fresh_keys)
    clock: StoryClock = field(default_factory=StoryClock)
    sid: str = field(default_factory=lambda: next(_sids))
    scripts: int = 0

    async def told(self, dies: tuple[str, int] = ("", 0)) -> list[Lesson]:
        """The lessons of it, when the first process dies there."""
        progress, engine = self._process(dies)
        for after_s, act in self._acts():
            self.clock.at = EPOCH + after_s
            try:
                await act(progress)
            except Died:
                await engine.close()
                progress, engine = self._process(("", 0))
                await act(progress)
        self.scripts = engine.scripts
        lessons = await lessons_of(engine)
        await engine.close()
        return lessons

    def _process(self, dies: tuple[str, int]) -> tuple[Progress, MortalEngine]:
        engine = MortalEngine.at_socket(str(self.socket), self.clock, self.keys)
        assert isinstance(engine, MortalEngine)
        engine.dies = dies
        spool = Spool(self.folder / "spool")
        plans = {PLAN.plan: PLAN}.get
        return Progress(CallStore(engine), spool, self.clock, "me", CARRIER, plans, lambda *told: None), engine

    def _acts(self) -> list[tuple[float, Act]]:
        """Two offers, one refused ping that comes late; a busy phone, one that is picked up, and a talk."""
        at = EPOCH + 3
        offers = (offer(FIRST, "+12145550111", 30, at), offer(SECOND, "+12145550112", 20, at))
        return [
            (0, self._arrives),
            (1, self._event(ZipEntered(self.sid, 1, "78701"), transitions.zip_entered)),
            *((2, self._reply(offered.buyer, offered)) for offered in offers),
            (3, self._step("auction:1", lambda c, s: transitions.auction_closed(c, 1, offers, "all_answered", s))),
            (4, self._leg(LegStatus.INITIATED, 1)),
            (7, self._event(self._over(DialStatus.BUSY, 1), transitions.dial_ended)),
            (9, self._leg(LegStatus.RINGING, 2)),
            (12, self._leg(LegStatus.IN_PROGRESS, 2)),
            (90, self._leg(LegStatus.COMPLETED, 2)),
            (91, self._event(self._over(DialStatus.COMPLETED, 2), transitions.dial_ended)),
        ]

    async def _arrives(self, progress: Progress) -> None:
        event = CallArrived(self.sid, "+15125550123", "+18885550100", "10001")
        caller = Caller(phone="+15125550123")
        await progress.create(
            self.sid,
            event.event_id,
            PLAN,
            self.clock.at,
            lambda at: transitions.arrive(event, CallKind.INBOUND, caller, at),
        )

    def _step(self, event_id: str, decide: Callable[..., Any]) -> Act:
        return lambda progress: progress.apply(self.sid, event_id, self.clock.at, decide)

    def _event(self, event: Any, decide: Callable[..., Any]) -> Act:
        return self._step(event.event_id, lambda c, s: decide(c, event, s))

    def _leg(self, status: LegStatus, no: int) -> Act:
        seconds = 78 if status is LegStatus.COMPLETED else None
        return self._event(LegChanged(self.sid, no, f"{self.sid}-{no}", status, seconds), transitions.leg_changed)

    def _over(self, status: DialStatus, no: int) -> DialEnded:
        talked = status is DialStatus.COMPLETED
        return DialEnded(self.sid, no, status, talked, 78 if talked else None, True)

    def _reply(self, buyer: str, offered: Any) -> Act:
        result = BuyerResult(buyer=buyer, offer=offered, elapsed_s=1.0, asked_at=EPOCH + 1)
        return lambda progress: progress.store.keep_reply(self.sid, "1", result)


async def test_wherever_a_process_dies_the_next_one_teaches_what_is_missing_and_nothing_twice(
    engine_socket: Path, tmp_path: Path
) -> None:
    """Before and after each script of a whole call: whoever sent the event sends it again."""
    whole = Story(engine_socket, tmp_path)
    expected = await whole.told()
    assert expected == [
        Replied(FIRST, 1.0, "offer", 30.0, 0),
        Replied(SECOND, 1.0, "offer", 20.0, 0),
        Held("auto", "hold", 2.0, False),
        Held("auto", "ring", 4.0, False),
        Rang(FIRST, False, 4.0),
        Rang(SECOND, True, 5.0),
        Held("auto", "ring", 5.0, False),
        TalkBegan(SECOND, "auto", f"{whole.sid}:2", EPOCH + 12),
        TalkEnded(SECOND, "auto", f"{whole.sid}:2", 78.0, 0),
    ]
    assert whole.scripts >= 11
    for when, number in itertools.product(("before", "after"), range(1, whole.scripts + 1)):
        again = Story(engine_socket, tmp_path, sid=whole.sid)
        assert await again.told((when, number)) == expected, (when, number)


# -- one step, told twice ---------------------------------------------------------------------------------------------


def a_call(sid: str, **changes: Any) -> Call:
    """A caller for whom the first buyer is being asked, since 1 s after `EPOCH`, for 10 s."""
    call = Call(
        sid=sid, plan="auto", kind=CallKind.INBOUND, to="+18885550100", caller=Caller(phone=None), started_at=EPOCH
    )
    return call.replaced(state=CallState.AUCTION, **changes)


def teaching(sid: str, event_id: str) -> Commit:
    """A step in the middle of it that teaches."""
    return Commit(a_call(sid, zip_tries=1), event_id, look_at=9e9, lessons=(TOLD,))


def ending(sid: str, event_id: str) -> Commit:
    """Its end, which cuts the ping off."""
    ended = a_call(sid).replaced(state=CallState.ENDED, outcome=Outcome.ABANDONED, ended_at=EPOCH + 4)
    return Commit(ended, event_id, 0, record={"sid": sid}, lessons=(TOLD,), unheard=(Unheard(f"1:{FIRST}", CUT),))


async def begun(engine: Engine) -> tuple[CallStore, str]:
    store, sid = CallStore(engine), next(_sids)
    assert (await store.commit(Commit(a_call(sid), "arrived", 9e9), 0)).kind == "ok"
    return store, sid


def said(after_s: float = 3.5, reason: Reason = Reason.NO_OFFER) -> BuyerResult:
    """The buyer's answer."""
    return BuyerResult(buyer=FIRST, decline=Decline(reason=reason), elapsed_s=after_s, asked_at=EPOCH + 1)


@pytest.mark.parametrize("step", [teaching, ending])
@pytest.mark.parametrize("event_id", ["leg:1", ""])
async def test_a_step_that_is_told_twice_teaches_once(
    engine: Engine, step: Callable[[str, str], Commit], event_id: str
) -> None:
    """The same event, another one that says the same, and from two instances at the same moment."""
    store, sid = await begun(engine)
    answers = await asyncio.gather(*(CallStore(engine).commit(step(sid, event_id), 1) for _ in range(8)))
    assert [answer.kind for answer in answers].count("ok") == 1
    for again, version in itertools.product((event_id, "lost"), (1, *([None] if step is ending else []))):
        await store.commit(step(sid, again), version)
    assert await lessons_of(engine) == ([TOLD] if step is teaching else [TOLD, CUT])


@pytest.mark.parametrize("event_id", ["leg:1", ""])
async def test_a_step_whose_answer_was_lost_teaches_once(engine_socket: Path, tmp_path: Path, event_id: str) -> None:
    async with losing_answers(engine_socket, tmp_path) as (engine, wire):
        store, sid = await begun(engine)
        wire.loses_next = True
        try:
            assert (await store.commit(ending(sid, event_id), 1)).kind == "repeat"
        except EngineUnavailable:  # one without an id is not sent again by itself
            assert event_id == ""
            assert (await store.commit(ending(sid, event_id), 1)).kind == "closed"
        assert wire.lost == 1
        assert await lessons_of(engine) == [TOLD, CUT]


async def test_an_answer_of_a_buyer_that_is_kept_again_teaches_once(engine_socket: Path, tmp_path: Path) -> None:
    """Its acknowledgement was lost; another instance has heard of it, too."""
    async with losing_answers(engine_socket, tmp_path) as (engine, wire):
        store, sid = await begun(engine)
        wire.loses_next = True
        assert await store.keep_reply(sid, "1", said()) is False, "sent again, and kept already"
        other = open_engine(engine_socket, keys=engine.keys)
        assert await CallStore(other).keep_reply(sid, "1", said(9.0, Reason.ERROR_TIMEOUT)) is False
        await other.close()
        assert await lessons_of(engine) == [Replied(FIRST, 3.5, "no")]


async def test_a_ping_is_answered_or_cut_off_by_the_calls_end_and_never_both(engine: Engine) -> None:
    store, answered = await begun(engine)
    await store.keep_reply(answered, "1", said())
    await store.commit(ending(answered, "gone"), 1)
    assert await lessons_of(engine) == [Replied(FIRST, 3.5, "no"), TOLD]
    store, cut = await begun(engine)
    await store.commit(ending(cut, "gone"), 1)
    await store.keep_reply(cut, "1", said())
    assert (await lessons_of(engine))[2:] == [TOLD, CUT]


async def test_an_answer_after_the_calls_end_counts_where_the_end_said_nothing_of_it(engine: Engine) -> None:
    """Its time was over when the call ended, and the report of that was on its way."""
    store, sid = await begun(engine)
    await store.commit(ending(sid, "gone"), 1)
    silent = said(10.0, Reason.ERROR_TIMEOUT)
    assert await store.keep_reply(sid, "2", silent)
    assert not await store.keep_reply(sid, "2", silent)
    assert await lessons_of(engine) == [TOLD, CUT, Replied(FIRST, 10.0, "silent")]


async def test_an_answer_and_the_end_at_the_same_moment_are_one_lesson(engine: Engine) -> None:
    for _ in range(20):
        store, sid = await begun(engine)
        await asyncio.gather(store.keep_reply(sid, "1", said()), store.commit(ending(sid, "gone"), 1))
    told = await lessons_of(engine)
    assert (len(told), told.count(TOLD)) == (40, 20)


async def test_a_result_that_teaches_nothing_leaves_no_room_for_the_cut(engine: Engine) -> None:
    """A buyer that was not asked has not kept silent."""
    store, sid = await begun(engine)
    await store.keep_reply(sid, "1", said(0.0, Reason.NOT_CALLED_HOURS).model_copy(update={"asked_at": None}))
    await store.keep_reply(sid, "post 1", said())
    await store.commit(ending(sid, "gone"), 1)
    assert await lessons_of(engine) == [TOLD]


async def test_what_waited_in_the_spool_teaches_once_however_often_it_is_written(
    engine: Engine, tmp_path: Path
) -> None:
    """Killed after the commit and before the file was removed: whoever starts there finds it again."""
    store, sid = await begun(engine)
    Spool(tmp_path / "spool").keep(ending(sid, "gone"), 1, now=EPOCH + 4)
    (file,) = Spool(tmp_path / "spool").waiting()
    text = file.read_text()
    for _ in range(3):
        file.write_text(text)
        assert await Spool(tmp_path / "spool").replay(store) == 1
    assert await lessons_of(engine) == [TOLD, CUT], "also what the end cut off"


async def test_an_end_in_the_spool_that_another_instance_found_first_teaches_nothing_more(
    engine: Engine, tmp_path: Path
) -> None:
    store, sid = await begun(engine)
    spool = Spool(tmp_path / "spool")
    spool.keep(ending(sid, "gone"), 1, now=EPOCH + 4)
    assert (await store.commit(ending(sid, "lost"), 1)).kind == "ok"
    assert await spool.replay(store) == 1
    assert await lessons_of(engine) == [TOLD, CUT]
