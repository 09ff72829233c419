"""Do the records of warm transfers agree with what the carrier saw? Pure."""

from collections import Counter
from collections.abc import Iterable

from callrouter.simulator.demo.evidence import Evidence
from callrouter.simulator.demo.handovers import HandoverStory

LONGEST_ALONE_S = 12.0
"""How long somebody may hear nothing but music in a room, or nobody: an agent who waits for the others to answer."""


def as_their_stories_go(evidence: Evidence) -> Iterable[str]:
    """Outcome, way and buyer."""
    for one in evidence.transfers:
        story, record = one.handover.story, one.record
        if one.limited:
            continue
        if one.trouble is not None:
            yield f"{one.name}: {one.trouble}"
        if record is None:
            yield f"{one.name}: there is no record"
            continue
        way = (record["transfer"] or {}).get("way")
        if (record["outcome"], way) != (story.outcome, story.way):
            yield f"{one.name}: should be {story.outcome} by {story.way}, is {record['outcome']} by {way}"
        sold_to = next((a["number"] for a in record["attempts"] if a["result"] == "bridged"), None)
        if sold_to != one.handover.sold_to:
            yield f"{one.name}: another buyer got the caller than should"


def connected(evidence: Evidence) -> Iterable[str]:
    """Bridged is who was in a room, or on a line, with a buyer."""
    for one in evidence.transfers:
        talked = any(dial.bridged for dial in one.dials)
        if talked != (one.outcome == "bridged"):
            yield f"{one.name}: the record says {one.outcome}, {'a' if talked else 'no'} buyer was connected"


def placed_once(evidence: Evidence) -> Iterable[str]:
    """No buyer's phone rang twice for one caller."""
    for one in evidence.transfers:
        twice = [number for number, count in Counter(dial.number for dial in one.dials).items() if count > 1]
        if twice:
            yield f"{one.name}: {len(twice)} numbers were rung twice"


def rooms_over(evidence: Evidence) -> Iterable[str]:
    """Every room has ended, everybody's leg too."""
    carrier = evidence.world.carrier
    yield from (f"{room.name} is still open" for room in carrier.rooms if room.ended_at is None)
    yield from (f"{leg.sid} ({leg.label}) is still up" for leg in carrier.outbound if leg.live)


def nobody_alone(evidence: Evidence) -> Iterable[str]:
    """Nobody was alone in a room for long."""
    for person in evidence.world.carrier.lonely(LONGEST_ALONE_S):
        yield f"{person.label or person.call_sid} was alone for {person.longest_alone_s:.0f} s"


def nobody_called_back(evidence: Evidence) -> Iterable[str]:
    """Whom an agent or a buyer talks to is owed nothing."""
    for one in evidence.transfers:
        callback = one.record["callback"] if one.record else None
        if callback and callback["id"] and one.handover.story is HandoverStory.CANCELLED:
            yield f"{one.name}: the agent kept the caller, and a callback is promised"
        elif callback and callback["id"] and one.outcome == "bridged":
            yield f"{one.name}: bridged, and a callback is promised"
