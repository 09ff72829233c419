"""The events of a call's timeline in plain words, for the terminal and the console. Pure."""

from collections.abc import Mapping

EVENTS: Mapping[str, str] = {
    "arrived": "{kind}",
    "refused": "turned away: {detail}",
    "zip_asked": "asked for the zip, time {detail}",
    "zip_entered": "the zip was {detail}",
    "auction_started": "buyers are asked (auction {detail})",
    "auction_closed": "{closed}",
    "auction_taken_over": "another instance goes on with auction {detail}",
    "offer_expired": "the offer of {detail} has lapsed",
    "late_offer": "{detail} has made its offer after the dial was decided",
    "late_offers_awaited": "the caller is held for a late offer: {detail} may still answer",
    "post_sent": "{detail} is told that its bid is taken",
    "post_ended": "{first} answered: {rest}",
    "dial_decided": "{rest} is dialled (dial {first})",
    "leg_initiated": "the carrier places dial {detail}",
    "leg_ringing": "the buyer's phone rings (dial {detail})",
    "leg_in_progress": "the buyer has answered (dial {detail})",
    "leg_completed": "the buyer's leg is over (dial {detail})",
    "leg_busy": "the buyer's phone is busy (dial {detail})",
    "leg_no_answer": "the buyer's phone was not picked up (dial {detail})",
    "leg_failed": "the buyer's leg could not be placed (dial {detail})",
    "leg_canceled": "the buyer's leg was let go before it answered (dial {detail})",
    "dial_ended": "dial {first} ended: {rest}",
    "dial_lapsed": "too little was left of the window for dial {detail}",
    "caller_gone": "the caller has left",
    "found_ended": "the carrier says that the call is over",
    "found_missed": "found at the carrier: {detail}",
    "failed": "failed on our side: {detail}",
    "ended": "over: {detail}",
    "transfer_opened": "the agent asks for an offer",
    "open": "the agent decides: {detail}",
    "offers_renewed": "buyers are asked anew, the agent still talking (auction {detail})",
    "offer_passed_over": "the agent passes the offer of {detail} over",
    "bridge_asked": "the agent bridges",
    "party_called": "{party} is brought into the room",
    "party_joined": "{party} is in the room",
    "party_left": "{party} is out of the room",
    "party_why": "{party} has left, the carrier says: {rest}",
    "party_back": "{party} comes back into the room",
    "caller_held": "the caller hears music",
    "caller_unheld": "the caller hears the others again",
    "agent_gone": "the agent's line drops: {detail}",
    "agent_not_reached": "the agent's phone is not picked up; the transfer stands as before",
    "caller_not_reached": "the caller's phone is not picked up; the agent is let go, the transfer stands as before",
    "dial_called_off": "the agent calls dial {detail} off",
    "handed_over": "the agent leaves caller and buyer to themselves",
    "cancelled": "the agent gives it up",
    "transfer_lapsed": "the transfer is given up: {detail}",
    "dialled_in": "the agent's dialler transfers the caller to us",
    "own_dial": "the agent dials {rest} herself (dial {first})",
    "order_refused": "the carrier refused to bring {party} in: {rest}",
    "order_lost": "the carrier knows nothing of {party}",
    "ordered_again": "{party} is brought in again",
    "found_gone": "the carrier says that {party} is gone",
}
"""What each event says. ``first`` and ``rest`` are the detail's first word and what follows it."""

WAYS: Mapping[str, str] = {
    "bridge": "bridge: agent, caller and buyer in one room",
    "dial_in": "dial-in: the agent's dialler transferred the caller to our number",
    "own_dialler": "own dialler: the agent dialled the buyer herself",
}
"""How a warm transfer reached its buyer."""

_CLOSED: Mapping[str, str] = {
    "all_answered": "all have answered",
    "deadline": "the auction's time is over",
    "policy": "the policy waits no longer",
    "nobody_asked": "nobody could be asked",
}
"""Why an auction was closed; which offers there were comes first."""

_NAMES_A_BUYER = frozenset({"dial_decided", "own_dial"})
"""Events whose detail ends in a name of the plan, to be left as it is."""
_KINDS = {"inbound": "a caller dials in", "transfer": "an agent transfers a caller in"}


def event_words(event: str, detail: str | None) -> str:
    """One line of a timeline as a sentence without its full stop; an event of a later release as its code."""
    said = detail or ""
    first, _, rest = said.partition(" ")
    template = EVENTS.get(event)
    if template is None:
        return " ".join(part for part in (_plain(event), said) if part)
    return template.format(
        detail=said,
        closed=_closed(said),
        first=first,
        rest=rest if event in _NAMES_A_BUYER else _plain(rest),
        party=party_words(first),
        kind=_KINDS.get(said, said),
    ).rstrip(": ")


def _closed(said: str) -> str:
    offers, comma, why = said.partition(", ")
    return f"{offers}{comma}{_CLOSED.get(why, _plain(why))}"


def way_words(way: str | None) -> str:
    """How a warm transfer reached its buyer, or that no way was taken."""
    return "none was chosen" if way is None else WAYS.get(way, _plain(way))


def party_words(label: str) -> str:
    """Whose leg ``agent-1``, ``caller-1`` or ``buyer-2`` is."""
    role, _, no = label.partition("-")
    if role == "buyer":
        return f"the buyer of dial {no}"
    return f"the {role}{f' (leg {no})' if no not in ('', '1') else ''}"


_LEFT: Mapping[str, str] = {
    "hung_up": "hung up",
    "room_ended": "the room ended",
    "let_go": "was let go",
    "not_reached": "was not reached",
    "other": "",
    "completed": "",
    "no-answer": "did not answer",
    "busy": "was busy",
    "failed": "could not be called",
    "canceled": "was let go",
}


def left_words(why: str | None) -> str:
    """Why a leg of a room left, or nothing where that says nothing."""
    return _LEFT.get(why, _plain(why)) if why else ""


def _plain(code: str) -> str:
    return code.replace("_", " ")
