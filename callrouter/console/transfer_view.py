"""A transfer as the agent's screen tells it: the headline, what is said aloud, which buttons there are. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from callrouter.console.plain_words import reason_words, result_words
from callrouter.domain.call import Outcome
from callrouter.domain.reasons import OFFER
from callrouter.domain.transfer import PartyRole, Way
from callrouter.transfers.shown import LegState, TransferAction, TransferShown, TransferState

ON_THE_LINE = frozenset({TransferState.TALKING, TransferState.HANDED_OVER})
UNDER_WAY = frozenset({TransferState.CONNECTING, TransferState.RINGING, *ON_THE_LINE})
SOON_S = 15
"""An offer that has no more than this left is running out."""
_STAY_ON = "Introduce the caller, then press Done, and do not hang up."
_KEEP_THE_LINE = "Keep your line up until they are done: the caller is on it."

LEGS: Mapping[LegState, tuple[str, str]] = {
    LegState.CALLING: ("being called", "info"),
    LegState.RINGING: ("ringing", "info"),
    LegState.JOINING: ("answered, joining", "info"),
    LegState.IN_ROOM: ("in the call", "good"),
    LegState.ON_HOLD: ("on hold, hears music", "warn"),
    LegState.LEFT: ("left", ""),
    LegState.FAILED: ("did not come", "bad"),
}
"""Each state of a leg in words, and its badge."""

ROLES: Mapping[PartyRole, str] = {
    PartyRole.AGENT: "You",
    PartyRole.CALLER: "Caller",
    PartyRole.BUYER: "Buyer",
}


@dataclass(frozen=True)
class Button:
    """One thing that the agent can, or cannot, do now."""

    action: TransferAction
    label: str
    key: str
    look: str
    enabled: bool
    confirm: str | None


@dataclass(frozen=True)
class Leg:
    """One leg in words."""

    who: str
    words: str
    tone: str
    since: float | None
    detail: str | None


@dataclass(frozen=True)
class TransferView:
    """What the template shows beside the transfer itself. Nothing in it changes by the mere passing of time, but for
    what turns at the minimum duration: a live page is sent anew only when something has happened."""

    headline: str
    under: str
    tone: str
    said: str
    buttons: Sequence[Button]
    legs: Sequence[Leg]
    tries: Sequence[tuple[int, str, str, str]]
    """Number, buyer, result in words, talk time."""
    reasons: Sequence[tuple[str, str]]
    shows_offer: bool
    talks: bool
    dials_herself: bool
    can_dial: bool


def view_of(shown: TransferShown) -> TransferView:
    """The transfer in words."""
    buyer = _buyer(shown)
    headline, under, tone = _headline(shown, buyer or "The buyer")
    talks = shown.state in ON_THE_LINE and shown.talking_since is not None
    reached = shown.talk_s is not None and shown.min_duration_s is not None and shown.talk_s >= shown.min_duration_s
    qualified = shown.qualified is True or (talks and reached)
    said = [f"{headline}.", under]
    if shown.renewing:
        said.append("The offer is being renewed.")
    if talks and qualified:
        said.append("Minimum talk time reached.")
    return TransferView(
        headline=headline,
        under=under,
        tone=tone,
        said=" ".join(words for words in said if words),
        buttons=_buttons(shown),
        legs=[_leg(shown, index) for index in range(len(shown.legs))],
        tries=[
            (attempt.no, attempt.buyer, _result(shown, attempt.result), clock_words(attempt.talk_s))
            for attempt in shown.attempts
        ],
        reasons=[(name, reason_words(reason)) for name, reason in shown.reasons.items() if reason != OFFER],
        shows_offer=shown.offer is not None and shown.state in (TransferState.OFFERED, TransferState.ASKING),
        talks=talks,
        dials_herself=shown.way is Way.OWN_DIALLER and shown.state is not TransferState.ENDED,
        can_dial=TransferAction.DIALLED in shown.can,
    )


def clock_words(seconds: float | None) -> str:
    """``1:05`` of 65 seconds; a dash for none."""
    if seconds is None:
        return "–"
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def phone_words(number: str | None) -> str:
    """``+1 818 555 0123``: groups are read and dialled more easily."""
    if number is None:
        return "–"
    digits = number.removeprefix("+1")
    if len(digits) != len(number) - 2 or len(digits) != 10 or not digits.isdigit():
        return number
    return f"+1 {digits[:3]} {digits[3:6]} {digits[6:]}"


def _buyer(shown: TransferShown) -> str | None:
    """The buyer that it is about now: the one that rings or talks, else the one that offers."""
    if shown.state in UNDER_WAY or shown.state is TransferState.ENDED:
        tried = shown.attempts[-1].buyer if shown.attempts else None
        return tried or (shown.offer.buyer if shown.offer and shown.state in UNDER_WAY else None)
    return shown.offer.buyer if shown.offer else None


def _headline(shown: TransferShown, buyer: str) -> tuple[str, str, str]:
    """What happens, what to do, and the tone of both."""
    room = shown.way is Way.BRIDGE
    merged = room and all(leg.role is not PartyRole.CALLER for leg in shown.legs)
    match shown.state:
        case TransferState.ASKING:
            return "Asking the buyers", "Keep talking. An offer comes within seconds.", "info"
        case TransferState.OFFERED:
            return f"Offer from {buyer}", "", "good"
        case TransferState.UNSOLD:
            return "No buyer at the moment", "Keep talking and ask again, or keep the caller.", "warn"
        case TransferState.CONNECTING:
            return "Bringing you together", "Answer your phone." if room else "", "info"
        case TransferState.RINGING:
            if shown.way is Way.OWN_DIALLER:
                return f"Dial {buyer}", "", "info"
            hears = "The caller hears you." if merged else "The caller hears music." if room else ""
            return f"{buyer} is ringing", hears, "info"
        case TransferState.TALKING:
            under = "Introduce the caller, then press Done to leave." if room else "They are talking."
            return f"{buyer} is on the line", _STAY_ON if merged else under, "good"
        case TransferState.HANDED_OVER:
            free = "You are free for the next caller."
            return f"Handed over to {buyer}", _KEEP_THE_LINE if merged else free, "good"
        case TransferState.ENDED:
            return _ending(shown, buyer)


def _ending(shown: TransferShown, buyer: str) -> tuple[str, str, str]:
    talked = clock_words(shown.talk_s)
    needed = clock_words(shown.min_duration_s)
    if shown.outcome is Outcome.BRIDGED and shown.qualified is not False:
        words = "Qualified" if shown.qualified else "Handed over"
        return words, f"{buyer} and the caller talked for {talked}; {needed} were needed.", "good"
    if shown.outcome is Outcome.BRIDGED:
        return "Too short to qualify", f"{buyer} and the caller talked for {talked} of {needed}.", "warn"
    if shown.outcome is Outcome.UNSOLD:
        owed = "The caller will be called back." if shown.callback_at else "The caller stayed with you."
        return "Not sold", f"No buyer took this caller. {owed}", "warn"
    if shown.outcome is Outcome.FAILED:
        return "Failed on our side", "The caller stayed with you. Try again, or tell operations.", "bad"
    return "Given up", "The caller stayed with you, or hung up.", ""


def _buttons(shown: TransferShown) -> list[Button]:
    can = frozenset(shown.can)
    rings = shown.state in UNDER_WAY
    asks = shown.state is TransferState.UNSOLD
    given_up = "Give this transfer up? The buyer's call ends, and the caller stays with you." if rings else None
    passed = "Leave this buyer and go to the next one?" if shown.state is TransferState.TALKING else None
    wanted = (
        (TransferAction.BRIDGE, "Bridge", "b", "primary", None),
        (TransferAction.NEXT, "Ask again" if asks else "Next buyer", "n", "primary" if asks else "", passed),
        (TransferAction.COMPLETE, "Done", "d", "primary" if shown.state is TransferState.TALKING else "", None),
        (TransferAction.CANCEL, "Cancel", "c", "danger", given_up),
    )
    return [Button(action, label, key, look, action in can, confirm) for action, label, key, look, confirm in wanted]


def _leg(shown: TransferShown, index: int) -> Leg:
    leg = shown.legs[index]
    words, tone = LEGS[leg.state]
    gone = leg.state in (LegState.LEFT, LegState.FAILED)
    return Leg(ROLES[leg.role], words, tone, None if gone else leg.since, leg.detail)


def _result(shown: TransferShown, result: str | None) -> str:
    if result is not None:
        return result_words(result)
    return "is on the line" if shown.state in ON_THE_LINE else "is being rung"
