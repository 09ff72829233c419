"""Whether what is known at any moment is pieced together from replies as the decisions have it."""

from callrouter.replaying.changes import Changes
from callrouter.replaying.course import Course
from callrouter.replaying.past import Past


def pieced_as_recorded(past: Past) -> int:
    """Hold it against each decision; how many offers in hand were seen."""
    course, seen = Course(past, Changes()), 0
    for place, (decision, known) in enumerate(zip(past.decisions, past.known, strict=True)):
        if place and decision.auction != past.decisions[place - 1].auction:
            course.asks_again(decision.auction)
        course.held_until(decision.at)
        pieced = course.known()
        alive = {offer for offer in known.in_hand if offer.dial_by >= decision.at}
        assert {offer for offer in pieced.in_hand if offer.dial_by >= decision.at} == alive
        assert {one for one in pieced.awaited if one.until > decision.at} == {
            one for one in known.awaited if one.until > decision.at
        }
        assert (pieced.since, pieced.deadline_at) == (known.since, known.deadline_at)
        assert (pieced.tries_left, pieced.rules) == (known.tries_left, known.rules)
        seen += len(alive)
        if place in past.dials:
            course.dials_as_recorded(past.dials[place])
    return seen
