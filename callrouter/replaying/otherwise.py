"""What a call would have come to under other settings. Pure."""

from callrouter.auction.policy import decide
from callrouter.beliefs.beliefs import Beliefs
from callrouter.domain.decision import Choice, Decision
from callrouter.replaying.changes import Changes
from callrouter.replaying.course import Course
from callrouter.replaying.past import Past
from callrouter.replaying.really import FAILED, really
from callrouter.replaying.tally import Comes
from callrouter.replaying.walks import Walk, Wanted


def otherwise(past: Past, changes: Changes) -> Walk[Comes | None]:
    """As long as each decision comes out as it did, the call is what it was; from there on it is a `Course`.

    ``None``: its beliefs are not kept any more.
    """
    if not past.decisions:
        return really(past)
    course, believed = Course(past, changes), Beliefs()
    for place, decision in enumerate(past.decisions):
        answer = yield Wanted(decision.beliefs, decision.at)
        if answer is None:
            return None
        believed = answer
        if place and decision.auction != past.decisions[place - 1].auction:
            course.asks_again(decision.auction)
        course.held_until(decision.at)
        verdict = decide(course.known_at(place), believed, decision.at)
        same = verdict.choice is decision.choice
        if not same or (verdict.choice is Choice.DIAL and verdict.buyer != decision.buyer):
            return course.comes if (yield from course.goes_on(verdict, believed)) else None
        if verdict.choice is Choice.WAIT and _earlier(verdict.until, decision, _next_at(past, place)):
            course.held_until(verdict.until or decision.at)
            return course.comes if (yield from course.goes_on(None, believed)) else None
        if verdict.choice is Choice.DIAL:
            course.dials_as_recorded(past.dials[place])
    if _tried_for_too_little(past, changes):
        return course.comes if (yield from course.goes_on(None, believed)) else None
    return really(past)


def _next_at(past: Past, place: int) -> float:
    return past.decisions[place + 1].at if place + 1 < len(past.decisions) else past.ended_at


def _earlier(until: float | None, decision: Decision, next_at: float) -> bool:
    """Whether something would have been looked at before anything was in fact."""
    return until is not None and until != decision.until and until < next_at


def _tried_for_too_little(past: Past, changes: Changes) -> bool:
    """Whether the call ended because no further dial was allowed, and now one is."""
    last = past.dials.get(len(past.decisions) - 1)
    if past.abandoned or last is None or last.result not in FAILED:
        return False
    before = past.known[-1]
    return before.tries_left <= 1 and changes.known(before).tries_left > 1
