"""What would become of a caller, in words that fit a terminal, and as JSON. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from callrouter.auction.known import InHand
from callrouter.auction.worth import Chances
from callrouter.beliefs.summary import NEWCOMERS_MEDIAN_S, BuyerSummary
from callrouter.calls.reasons import told
from callrouter.commands.beliefs_page import offer_words, share
from callrouter.commands.tables import filled, table
from callrouter.commands.usual_course import Course
from callrouter.commands.would_be_asked import Candidate, Moment
from callrouter.console.plain_words import listed, reason_words
from callrouter.dialplan import Plan
from callrouter.domain.clock import rfc3339
from callrouter.domain.offer import Decline
from callrouter.places.zips import Place

_WIDTH = 100
_USUALLY = 0.5
"""A buyer that offers in fewer of its replies usually makes no offer."""
_ORDER = {
    "expected_value": "Best first, by what a dial of its usual offer is worth.",
    "highest_payout": "By what they usually pay: the plan goes by that, and not by what a dial is worth.",
    "priority": "By the plan's priorities, and not by what a dial is worth; within one, buyers take turns by weight, of"
    " which this is one.",
}
_OF_COLUMNS = (
    "offers, after: how many of its requests end with an offer, and after how long half of those are there. picked up,"
    " talk lasts, stays: the chances that its phone is picked up, that the talk lasts the offer's minimum, and that the"
    " caller is still there after the ringing. worth: the payout times the three."
)
_USUAL = "If each of them does what it usually does; and if no dial succeeds, so that all that may follow is seen:"
_HEADS = ("buyer", "offers", "after", "usual offer", "picked up", "talk lasts", "stays", "worth")


@dataclass(frozen=True)
class Valued:
    """A buyer that would be asked, and its usual offer: of a newcomer, the one that is imagined."""

    candidate: Candidate
    summary: BuyerSummary
    offer: InHand
    chances: Chances
    worth: float
    """Dollars."""
    below_floor: bool
    """Whether the plan would not take the offer."""

    @property
    def usually_offers(self) -> bool:
        """Whether it makes an offer more often than not."""
        return self.summary.offer_share >= _USUALLY


@dataclass(frozen=True)
class Explained:
    """Everything that is told."""

    plan: Plan
    place: Place
    phone_given: bool
    told_of: tuple[str, ...]
    """The names of what was told of this person beforehand."""
    moment: Moment
    engine: bool
    """Whether a service has run."""
    version: int
    learned_at: float | None
    asked: tuple[Valued, ...]
    """Best first."""
    not_asked: tuple[Candidate, ...]
    course: Course


def page(found: Explained) -> str:
    """The whole, in the order in which a call goes."""
    parts = [_head(found), _asked(found), _not_asked(found), _usual_call(found), _not_known(found)]
    return "\n".join(part for part in parts if part)


def as_json(found: Explained) -> dict[str, Any]:
    """The whole; chances from 0 to 1, times in seconds, money as text."""
    return {
        "plan": found.plan.plan,
        "policy": found.plan.auction.policy,
        "zip": found.place.zip,
        "state": found.place.state,
        "at": rfc3339(found.moment.at),
        "now": found.moment.is_now,
        "beliefs": {"version": found.version, "learned_at": rfc3339(found.learned_at)},
        "asked": [_valued_json(value) for value in found.asked],
        "not_asked": [
            {"buyer": each.buyer, "why": [_why_json(decline) for decline in each.against]} for each in found.not_asked
        ],
        "course": [
            {"after_s": at_s, "headline": headline, "why": list(lines)} for at_s, headline, lines in _steps(found)
        ],
        "decisions": [decision.model_dump(mode="json") for decision in found.course.decisions],
        "not_known": list(_unknowns(found)),
    }


def _head(found: Explained) -> str:
    place, moment = found.place, found.moment
    at = datetime.fromtimestamp(moment.at, UTC)
    there = f" ({at.astimezone(ZoneInfo(place.zone)):%a %H:%M} where they are)" if place.zone else ""
    when = f"{'now' if moment.is_now else 'another time'}: {at:%a %-d %b %Y %H:%M} UTC{there}"
    lines = [f"A caller of plan {found.plan.plan} from {place.zip} ({place.state}), {when}."]
    if found.told_of:
        lines.append(
            f"Was told of them beforehand, and counts: {listed([n.replace('_', ' ') for n in found.told_of])}."
        )
    if not found.engine:
        lines.append("No service has run here yet: nothing was learned, and nothing is used up of any cap.")
    return "".join(filled(line, _WIDTH) for line in lines)


# -- who --------------------------------------------------------------------------------------------------------------


def _asked(found: Explained) -> str:
    if not found.asked:
        return "Asked\n  Nobody: the call would end unsold at once.\n"
    policy = found.plan.auction.policy
    notes = "".join(_para(note) for note in _notes(found))
    cells = table(_HEADS, map(_row, found.asked), right=set(_HEADS) - {"buyer"})
    return f"Asked\n{_indented(cells)}{_para(f'{_ORDER[policy]} {_OF_COLUMNS}')}{notes}"


def _row(value: Valued) -> tuple[object, ...]:
    summary, chances = value.summary, value.chances
    after_s = summary.offer_after_s if summary.pings else NEWCOMERS_MEDIAN_S
    return (
        summary.buyer,
        share(summary.offer_share),
        None if after_s is None else f"{after_s:.1f} s",
        offer_words((float(value.offer.payout), value.offer.min_s)),
        share(chances.answers),
        share(chances.talks),
        share(chances.stays),
        f"${value.worth:.2f}",
    )


def _notes(found: Explained) -> Iterator[str]:
    new = [value.summary.buyer for value in found.asked if value.summary.newcomer]
    if new:
        them = "they are valued as newcomers: the offer is imagined, the chances are" if len(new) > 1 else (
            "it is valued as a newcomer: the offer is imagined, the chances are"
        )  # fmt: skip
        yield f"{listed(new)}: nobody knows {'them' if len(new) > 1 else 'it'} yet; {them} those of all buyers."
    unheard = [v.summary.buyer for v in found.asked if not v.summary.newcomer and v.summary.typical is None]
    if unheard:
        yield f"{listed(unheard)}: no offer was seen yet; a newcomer's stands for it."
    undialled = [v.summary.buyer for v in found.asked if v.summary.pings and v.summary.dials == 0]
    if undialled:
        yield f"{listed(undialled)}: not dialled yet; the chances are those of all buyers."
    for value in found.asked:
        if value.below_floor:
            yield f"{value.summary.buyer}: its usual offer is below the plan's floor, and would not be taken."
        for decline in value.candidate.just_now:
            yield f"{value.summary.buyer}: now it {_why(decline)}; it is asked only if that is over by then."


def _not_asked(found: Explained) -> str:
    if not found.not_asked:
        return ""
    rows = [
        (each.buyer if no == 0 else " ", _why(decline))
        for each in found.not_asked
        for no, decline in enumerate(each.against)
    ]
    longest = max(len(buyer) for buyer, _ in rows)
    lines = [_hanging(f"  {buyer.ljust(longest)}  ", why) for buyer, why in rows]
    return "Not asked\n" + "".join(lines)


def _why(decline: Decline) -> str:
    return reason_words(decline.reason.value) + (f" ({decline.detail})" if decline.detail else "")


# -- how --------------------------------------------------------------------------------------------------------------


def _usual_call(found: Explained) -> str:
    if not found.course.decisions:
        return ""
    lines = [
        _hanging(f"  {at_s:5.1f} s  ", headline) + "".join(_hanging(" " * 13, line) for line in why)
        for at_s, headline, why in _steps(found)
    ]
    return f"How a usual call would go\n{_para(_USUAL)}{''.join(lines)}"


def _steps(found: Explained) -> Iterator[tuple[float, str, tuple[str, ...]]]:
    """When (seconds since the buyers were asked), what is done, and why."""
    kept = {kept.at: kept for kept in found.course.kept}
    for step in told(found.course.decisions):
        lines, wait = step.lines, kept.get(step.at)
        if wait is not None and wait.buyer is not None:
            until_s = wait.until - found.moment.at
            lines = (*lines, f"If nobody else answered, {wait.buyer} would be dialled at about {until_s:.1f} s.")
        yield step.after_s, step.headline, lines


def _not_known(found: Explained) -> str:
    unknown = list(_unknowns(found))
    if not unknown:
        return ""
    return "Not known\n" + "".join(_hanging("  - ", text) for text in unknown)


def _unknowns(found: Explained) -> Iterator[str]:
    plan = found.plan
    if not found.moment.is_now:
        yield (
            "At another time than now: who will be switched off or failing then, how many calls will count against"
            " caps, rate limits and callers at once, and what will have been learned until then."
        )
    duplicates = [name for name, entry in plan.call_buyers.items() if entry.guards.duplicates is not None]
    if not found.phone_given and duplicates:
        yield f"Without --phone: whether {listed(duplicates)} had this caller lately."
    if not found.phone_given:
        yield "Without --phone: what was told of them beforehand. A caller is assumed whose number is shown."
    if found.asked:
        yield "What the buyers would offer this very caller: nobody was asked."


# -- JSON and lines ---------------------------------------------------------------------------------------------------


def _valued_json(value: Valued) -> dict[str, Any]:
    summary, chances = value.summary, value.chances
    after_s = summary.offer_after_s if summary.pings else NEWCOMERS_MEDIAN_S
    return {
        "buyer": summary.buyer,
        "newcomer": summary.newcomer,
        "requests_seen": summary.pings,
        "offer_share": round(summary.offer_share, 4),
        "offer_after_s": None if after_s is None else round(after_s, 3),
        "usual_offer": {"payout": f"{value.offer.payout:.2f}", "min_duration_s": value.offer.min_s},
        "below_floor": value.below_floor,
        "answers": round(chances.answers, 4),
        "talks": round(chances.talks, 4),
        "stays": round(chances.stays, 4),
        "worth": round(value.worth, 4),
        "unless": [_why_json(decline) for decline in value.candidate.just_now],
    }


def _why_json(decline: Decline) -> dict[str, Any]:
    return {
        "reason": decline.reason.value,
        "words": reason_words(decline.reason.value),
        "detail": decline.detail,
    }


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def _para(text: str) -> str:
    return filled(text, _WIDTH, "  ", "  ")


def _hanging(lead: str, text: str) -> str:
    return filled(text, _WIDTH, lead, " " * len(lead))
