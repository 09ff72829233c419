"""What a step of a call, or a reply, teaches of buyers and callers. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from callrouter.beliefs.lessons import Held, Lesson, Rang, Replied, TalkBegan, TalkEnded
from callrouter.domain.call import Acceptance, Attempt, AttemptResult, Call, CallState, Outcome
from callrouter.domain.offer import BuyerResult
from callrouter.domain.reasons import OFFER, Family, Reason
from callrouter.domain.transfer import Way

CARRIER_RINGS_ON_S = 5.0
"""How much longer than told a carrier may ring."""
_TALKED = frozenset({AttemptResult.BRIDGED, AttemptResult.EARLY_HANGUP})
_NOT_PICKED_UP = frozenset({AttemptResult.BUSY, AttemptResult.NO_ANSWER, AttemptResult.FAILED})
_OURS = frozenset({Reason.ERROR_ADAPTER, Reason.NO_OFFER_CALLER_GONE})
_SETTLES_S = 0.5
"""How long after a ping's time is over its result may still be on its way to the engine."""


@dataclass(frozen=True)
class Unheard:
    """A ping that the call's end cuts off, unless its answer has been kept meanwhile under ``field``."""

    field: str
    lesson: Lesson


def learned(before: Call | None, after: Call, vertical: str) -> tuple[Lesson, ...]:
    """The lessons of one stored step; each belongs to the one step that made it known."""
    if before is None or before.state is CallState.ENDED:
        return ()
    lessons: list[Lesson] = [*_held(before, after, vertical), *_posts(before, after)]
    if not any(call.transfer and call.transfer.way is Way.OWN_DIALLER for call in (before, after)):
        known = {attempt.no: attempt for attempt in before.attempts}
        for attempt in after.attempts:  # of an agent's own dials nobody sees anything
            was = known.get(attempt.no)
            if was is None or was.live:  # what is reported of it after its end belongs to the record alone
                lessons += _dialled(was, attempt, after, vertical)
    return tuple(lessons)


def unheard(
    before: Call | None, after: Call, replies: Mapping[str, BuyerResult], buyers: Iterable[str]
) -> tuple[Unheard, ...]:
    """The pings that the end of a call cuts off: they say that the buyer had kept silent for so long.

    One whose time was over long before is not among them: its result is kept, or whoever asked has died.
    """
    run = after.auction
    if after.state is not CallState.ENDED or before is None or before.state is CallState.ENDED or run is None:
        return ()
    asked = {buyer.buyer: (buyer.asked_at, buyer.until) for buyer in run.awaited}
    if run.closed_at is None:
        asked = {buyer: (run.started_at, run.deadline_at) for buyer in buyers if buyer not in run.excluded}
    ended_at = after.ended_at or run.started_at
    return tuple(
        Unheard(field, Replied(buyer, round(max(0.0, min(ended_at, until) - asked_at), 3), "cut"))
        for buyer, (asked_at, until) in asked.items()
        if (field := f"{run.no}:{buyer}") not in replies and ended_at <= until + _SETTLES_S
    )


def taught(result: BuyerResult) -> Lesson | None:
    """What a buyer's result in an auction teaches; ``None`` where it was not asked, or the fault was ours."""
    if result.asked_at is None:
        return None
    after_s = round(result.elapsed_s, 3)
    if result.offer is not None:
        return Replied(result.buyer, after_s, "offer", float(result.offer.payout), result.offer.min_duration_s)
    reason = result.decline.reason if result.decline else Reason.ERROR_OTHER
    if reason is Reason.ERROR_TIMEOUT:
        return Replied(result.buyer, after_s, "silent")
    if reason is Reason.NO_OFFER_CALLER_GONE:
        return Replied(result.buyer, after_s, "cut")
    return None if reason in _OURS or reason.family is Family.NOT_CALLED else Replied(result.buyer, after_s, "no")


def _held(before: Call, after: Call, vertical: str) -> Iterator[Lesson]:
    """Hold that is over. A caller who talks with an agent meanwhile does not hold."""
    run = after.auction
    if after.transfer is not None or before.state is not CallState.AUCTION or before.auction is None or run is None:
        return
    if after.state is CallState.AUCTION and run.no == before.auction.no:
        return
    dial = after.attempts[-1] if len(after.attempts) > len(before.attempts) else None
    until = dial.decided_at if dial else after.ended_at
    if after.state is CallState.AUCTION:  # they hold on, for the next auction
        until = run.started_at
    last = before.attempts[-1] if before.attempts else None
    since = max(before.auction.started_at, (last.ended_at or 0.0) if last else 0.0)
    if until is not None and until > since:
        yield Held(vertical, "hold", round(until - since, 3), left=after.outcome is Outcome.ABANDONED)


def _dialled(was: Attempt | None, is_: Attempt, call: Call, vertical: str) -> Iterator[Lesson]:
    """What a dial teaches that was not over before; the call's end is its end, too."""
    buyer, talk = is_.offer.buyer, f"{call.sid}:{is_.no}"
    over = not is_.live or call.state is CallState.ENDED
    heard, ring_s = _heard(is_), _ring_s(is_, call)
    if heard and not (was is not None and _heard(was)):
        yield Rang(buyer, True, ring_s)
        if call.transfer is None:
            yield Held(vertical, "ring", ring_s, left=False)
        if not over and is_.answered_at is not None:
            yield TalkBegan(buyer, vertical, talk, round(is_.answered_at, 3))
    if not over:
        return
    if heard:
        yield _talked(is_, call, vertical, talk)
        return
    rang = is_.initiated_at is not None or is_.ringing_at is not None or is_.action_at is not None
    if call.transfer is None and rang:
        yield Held(vertical, "ring", ring_s, left=is_.result is AttemptResult.CALLER_GONE)
    if is_.result in _NOT_PICKED_UP and rang:
        yield Rang(buyer, False, ring_s)


def _heard(attempt: Attempt) -> bool:
    """Whether it was answered."""
    return attempt.answered_at is not None or attempt.result in _TALKED


def _talked(attempt: Attempt, call: Call, vertical: str, talk: str) -> Lesson:
    """A talk whose length nobody told, or that somebody else ended, is only known to have lasted until then."""
    told = attempt.leg_s is not None or attempt.bridged_s is not None
    cut = attempt.result not in _TALKED or attempt.ended_by == "agent" or not told
    seconds = float(attempt.talk_s)
    if not told and attempt.answered_at is not None:
        seconds = max(0.0, _ended_at(attempt, call) - attempt.answered_at)
    return TalkEnded(attempt.offer.buyer, vertical, talk, round(seconds, 3), attempt.offer.min_duration_s, cut)


def _ring_s(attempt: Attempt, call: Call) -> float:
    """From the decision until it was answered, or given up: that is what the caller hears."""
    until = attempt.answered_at
    if until is None:
        until = _ended_at(attempt, call) - (attempt.talk_s if _heard(attempt) else 0)
        # Nobody may have told how long they talked, or that it was over at all; no phone rings for longer than this.
        told = attempt.action_at is not None or attempt.leg_ended_at is not None
        longest_s = attempt.ring_timeout_s + (CARRIER_RINGS_ON_S if told else 0.0)
        until = min(until, attempt.decided_at + longest_s)
    return round(max(0.0, until - attempt.decided_at), 3)


def _ended_at(attempt: Attempt, call: Call) -> float:
    """When it was over, as far as is known; nothing lasts longer than the caller is there."""
    known = (attempt.ended_at, call.ended_at, call.gone_at)
    return min((at for at in known if at is not None), default=attempt.decided_at)


def _posts(before: Call, after: Call) -> Iterator[Lesson]:
    """A bid that its buyer takes back when it is taken up is as good as a phone that is not picked up."""
    if before.auction is not None and after.auction is not None and before.auction.owner != after.auction.owner:
        return  # whoever sent it has died: what the buyer said is not known
    open_before: Collection[int] = {post.no for post in before.acceptances if post.result is None}
    for post in after.acceptances:
        if post.no in open_before and post.result is not None and post.result != OFFER and _its_doing(post):
            yield Rang(post.offer.buyer, False, round(max(0.0, (post.ended_at or 0.0) - post.started_at), 3))


def _its_doing(post: Acceptance) -> bool:
    reason = Reason(post.result or Reason.ERROR_OTHER)
    return reason not in _OURS and reason.family is not Family.NOT_CALLED
