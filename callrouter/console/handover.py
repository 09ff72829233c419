"""A warm transfer's people on the call page: what the agent did, and what a caller on their own leg heard. Pure."""

from callrouter.calls.words import event_words
from callrouter.console.moments import Moments, Record, events
from callrouter.console.sounds import Sound

ACTS = (
    *("transfer_opened", "offers_renewed", "offer_passed_over", "bridge_asked", "dialled_in", "own_dial"),
    *("dial_called_off", "agent_gone", "agent_not_reached", "caller_not_reached", "handed_over", "cancelled"),
    "transfer_lapsed",
)
"""The events that are the agent's doing."""


def acts(record: Record, moments: Moments) -> list[tuple[float, str]]:
    """What the agent did, and when (seconds since the opening)."""
    return [
        (moments.since(event["at"]) or 0.0, event_words(event["event"], event.get("detail")))
        for event in events(record, *ACTS)
    ]


def callers_leg(record: Record) -> Record | None:
    """The leg that the caller had in the room; ``None`` when they were on the agent's."""
    parties = (record.get("transfer") or {}).get("parties") or ()
    return next((party for party in reversed(parties) if party["role"] == "caller" and party.get("joined_at")), None)


def room_sounds(record: Record, moments: Moments) -> tuple[Sound, ...]:
    """What a caller on a leg of their own heard: the agent, then music until the room began and while on hold, else
    voices."""
    leg = callers_leg(record)
    if leg is None:
        return ()
    joined_s = moments.since(leg["joined_at"]) or 0.0
    left_s = moments.since(leg.get("left_at"))
    end_s = moments.end_s if left_s is None else left_s
    others = [p.get("joined_at") for p in record["transfer"]["parties"] if p["role"] != "caller" and p.get("joined_at")]
    begun_s = min((moments.since(at) or 0.0 for at in others), default=end_s)
    changes = [(0.0, "agent"), (joined_s, "hold" if begun_s > joined_s else "voice")]
    changes += [(begun_s, "voice")] if begun_s > joined_s else []
    for event in events(record, "caller_held", "caller_unheld"):
        changes.append((moments.since(event["at"]) or 0.0, "hold" if event["event"] == "caller_held" else "voice"))
    changes.sort(key=lambda change: change[0])
    spans = [
        Sound(_voice(record, moments, start_s) if kind == "voice" else kind, start_s, min(following_s, end_s))
        for (start_s, kind), (following_s, _) in zip(changes, [*changes[1:], (end_s, "")], strict=True)
    ]
    return _joined([span for span in spans if span.end_s > span.start_s])


def _joined(spans: list[Sound]) -> tuple[Sound, ...]:
    """The same sound twice in a row is one."""
    found: list[Sound] = []
    for span in spans:
        if found and found[-1].kind == span.kind:
            found[-1] = Sound(span.kind, found[-1].start_s, span.end_s)
        else:
            found.append(span)
    return tuple(found)


def _voice(record: Record, moments: Moments, at_s: float) -> str:
    """Whose voice it was: the buyer's from when it was there, else the agent's."""
    soon_s = at_s + 1.0  # the caller is taken off hold because the buyer has come
    buyers = [p for p in record["transfer"]["parties"] if p["role"] == "buyer" and p.get("joined_at")]
    spans = [(moments.since(p["joined_at"]) or 0.0, moments.since(p.get("left_at"))) for p in buyers]
    return "voice" if any(start <= soon_s and (end is None or at_s < end) for start, end in spans) else "agent"
