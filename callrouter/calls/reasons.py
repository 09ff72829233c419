"""Why a call went the way it went: its decisions as a story that somebody new to the product can follow. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from callrouter.auction.recorded import told_until
from callrouter.calls import reason_words as say
from callrouter.calls.reason_words import Words
from callrouter.domain.decision import FORM, Awaited, Because, Choice, Decision, PolicyName, Rated, Rules


@dataclass(frozen=True, slots=True)
class Told:
    """One step of the story: what was done, and why."""

    at: float
    """Epoch seconds."""
    after_s: float
    """Seconds since the arrival."""
    headline: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A decision with all that was known at it, also what its record leaves to the one before."""

    decision: Decision
    rules: Rules
    offers: tuple[Rated, ...]
    """Those that could be dialled, best first."""
    lapsed: tuple[Rated, ...]
    """Those of which too little was left."""
    awaited: tuple[Awaited, ...]

    @property
    def chosen(self) -> Rated | None:
        """The offer that is dialled."""
        return next((offer for offer in self.offers if offer.buyer == self.decision.buyer), None)


def decisions_of(record: Mapping[str, Any]) -> tuple[Decision, ...]:
    """The decisions in a call's record; none of one that has none, or whose form is of a later release."""
    found = []
    for document in record.get("decisions") or ():
        try:
            found.append(Decision.model_validate(document))
        except ValidationError:
            return ()
    return tuple(found) if all(decision.form <= FORM for decision in found) else ()


def policy_of(record: Mapping[str, Any]) -> PolicyName:
    """By which policy a call was decided; before decisions were kept there was but one."""
    rules = next((decision.rules for decision in reversed(decisions_of(record)) if decision.rules), None)
    return rules.policy if rules else "highest_payout"


def told(
    decisions: Iterable[Decision], *, arrived: float | None = None, money: bool = True, transfer: bool = False
) -> list[Told]:
    """The story of a call's decisions, in order.

    ``arrived`` (epoch s) is what the moments count from; left out, the first auction's start. ``money=False`` leaves
    out every dollar. In a ``transfer`` the agent is told whose offer comes first, and bridges herself.
    """
    all_seen = seen(decisions)
    start = arrived if arrived is not None else all_seen[0].decision.since if all_seen else 0.0
    steps = _steps(all_seen)
    story = [_told(steps, no, Words(step.first.rules, money), start, transfer) for no, step in enumerate(steps)]
    return list(_each_policy_once(story))


def seen(decisions: Iterable[Decision]) -> list[Seen]:
    """Each decision with what its record leaves to those before it."""
    found: list[Seen] = []
    rules, so_far = Rules(), list[Decision]()
    for decision in decisions:
        so_far.append(decision)
        rules = decision.rules or rules
        offers, asked = told_until(so_far) or ((), ())
        alive = tuple(offer for offer in offers if offer.dial_by >= decision.at)
        late = tuple(offer for offer in offers if offer.dial_by < decision.at)
        awaited = tuple(a for a in asked if min(a.until, decision.deadline_at) > decision.at)
        found.append(Seen(decision, rules, alive, late, awaited))
    return found


def final(decisions: Iterable[Decision]) -> Seen | None:
    """The last decision to dial; of a call without one the last at which an offer was in hand."""
    all_seen = seen(decisions)
    dials = [one for one in all_seen if one.decision.choice is Choice.DIAL]
    return next(reversed(dials or [one for one in all_seen if one.offers]), None)


# -- steps ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Step:
    """A decision, and the looks after it that found no better offer."""

    first: Seen
    new: list[Rated]
    """The offers that had come since the step before."""
    looks: list[Seen] = field(default_factory=list)

    @property
    def last(self) -> Seen:
        return self.looks[-1] if self.looks else self.first


def _steps(all_seen: Sequence[Seen]) -> list[_Step]:
    steps: list[_Step] = []
    for one in all_seen:
        before = steps[-1].last if steps else None
        new = _new(one, before)
        if before is not None and _same_wait(before, one) and not new:
            steps[-1].looks.append(one)
        else:
            steps.append(_Step(one, new))
    return steps


def _new(one: Seen, before: Seen | None) -> list[Rated]:
    known = {_identity(offer) for offer in before.offers} if before is not None else set()
    return [offer for offer in one.offers if _identity(offer) not in known]


def _identity(offer: Rated) -> tuple[object, ...]:
    return (offer.buyer, offer.payout, offer.min_duration_s, offer.dial_by)


def _same_wait(before: Seen, one: Seen) -> bool:
    was, now = before.decision, one.decision
    waited = was.choice is Choice.WAIT and now.choice is Choice.WAIT and now.after != "dial"
    return waited and (was.because, was.auction) == (now.because, now.auction)


# -- telling ----------------------------------------------------------------------------------------------------------


def _told(steps: Sequence[_Step], no: int, words: Words, start: float, transfer: bool) -> Told:
    step, before = steps[no], steps[no - 1] if no else None
    decision = step.first.decision
    opening, lines = [], []
    dials = [s.first.decision.buyer for s in steps[:no] if s.first.decision.choice is Choice.DIAL]
    if before is not None and decision.auction != before.last.decision.auction:
        lines.append(say.NEW_AUCTION.format(no=decision.auction))
    elif decision.after == "dial":
        opening.append(say.failed(dials[-1] if dials else None))
    match decision.choice:
        case Choice.DIAL:
            opening.append(words.dialled(step.first.chosen, decision.buyer, transfer=transfer))
            lines += _dialled(step.first, words)
        case Choice.WAIT:
            held_on = before is not None and not lines and not opening and _held_on(before, step)
            opening.append(_held_on_for(step, words) if held_on else _held(step, anew=bool(dials), transfer=transfer))
            lines += _why_held(step, words, held_on=held_on) + _looked(step, words, start)
        case Choice.GIVE_UP:
            opening.append(words.given_up(decision))
            lines += _lapsed(step.first)
    return Told(decision.at, round(max(0.0, decision.at - start), 3), " ".join(opening), tuple(lines))


def _each_policy_once(story: Iterable[Told]) -> Iterator[Told]:
    """What the plan's policy does is said where it first matters."""
    said: set[str] = set()
    for step in story:
        yield replace(step, lines=tuple(line for line in step.lines if line not in said))
        said.update(line for line in step.lines if line in say.BY.values())


def _dialled(one: Seen, words: Words) -> list[str]:
    lines, chosen, decision = [], one.chosen, one.decision
    others = [offer for offer in one.offers if offer is not chosen]
    if words.by_worth:
        lines += [words.worth(chosen, "That" if words.money else chosen.buyer)] if chosen else []
    else:
        lines += [say.BY[one.rules.policy], *words.place(decision.buyer or "")]
    lines += [words.rivals(others)] if others else []
    if words.by_worth and chosen and (more := [o.buyer for o in others if o.worth > chosen.worth + 0.005]):
        lines.append(say.ORDER.format(buyer=more[0]))
    lines += words.awaited(one.awaited, say.within_s(one.awaited))
    return [*lines, *_why_not_longer(one, words), *_lapsed(one)]


def _why_not_longer(one: Seen, words: Words) -> list[str]:
    match one.decision.because:
        case Because.NOT_WORTH_WAITING:
            return words.not_worth_waiting(one.decision, one.chosen)
        case Because.ALL_ANSWERED:
            return [say.ALL_ANSWERED]
        case Because.OFFER_LAPSES:
            return [say.OFFER_LAPSES]
        case Because.LONGEST_WAIT:
            return [words.wait_over(one.decision)]
        case Because.SERVED_FIRST:
            return [say.SERVED_FIRST]
        case _:
            return []


_HELD = {
    Because.WORTH_WAITING: say.HELD,
    Because.OTHERS_ANSWERING: say.HELD_FOR_ANSWERS,
    Because.TOO_FEW_OFFERS: say.HELD_FOR_MORE,
    Because.NO_OFFER_YET: say.HELD_FOR_FIRST,
}


def _held_on(before: _Step, step: _Step) -> bool:
    """Whether the step goes on with a wait that has been explained, for another offer has come."""
    was, now = before.last.decision, step.first.decision
    return was.choice is Choice.WAIT and was.because is now.because and bool(step.new)


def _held_on_for(step: _Step, words: Words) -> str:
    return say.HELD_ON.format(offers="; ".join(words.offers(offer) for offer in step.new))


def _held(step: _Step, *, anew: bool, transfer: bool) -> str:
    because = step.first.decision.because
    held = say.HELD_FOR_NEXT if anew and because is Because.NO_OFFER_YET else _HELD.get(because, say.HELD)
    return held.format(held=say.WAITING if transfer else say.HOLDING)


def _why_held(step: _Step, words: Words, *, held_on: bool) -> list[str]:
    one = step.first
    decision, because = one.decision, one.decision.because
    if held_on:
        news = [words.worth(offer, offer.buyer) for offer in step.new if words.by_worth]
        return news + ([words.waiting(decision, one.chosen)] if because is Because.WORTH_WAITING else [])
    lines = [words.best(one.offers[0])] if one.offers else []
    lines += [words.rivals(one.offers[1:])] if one.offers[1:] else []
    if because is Because.OTHERS_ANSWERING:
        lines.append(say.BY[one.rules.policy])
    if because is Because.TOO_FEW_OFFERS:
        lines.append(words.too_few(len(one.offers)))
    lines += words.awaited(one.awaited, say.within_s(one.awaited))
    if because is Because.WORTH_WAITING:
        lines.append(words.waiting(decision, one.chosen))
    return lines + _lapsed(one)


def _looked(step: _Step, words: Words, start: float) -> list[str]:
    if not step.looks:
        return []
    first, last = step.first, step.looks[-1]
    known = {offer.buyer for offer in last.offers}
    silent = {buyer.buyer for buyer in last.awaited} | known
    gone = [buyer.buyer for buyer in first.awaited if buyer.buyer not in silent]
    lines = [say.NO_OFFER_MEANWHILE.format(buyers=say.named(gone))] if gone else []
    looks = sum(look.decision.after == "look" for look in step.looks)
    if not looks:
        return lines
    count, until = say.times(looks), say.seconds(last.decision.at - start)
    if last.decision.because is Because.WORTH_WAITING:
        dollars = words.against(last.decision)
        return [*lines, say.LOOKED_WORTH.format(times=count, until=until, dollars=dollars)]
    return [*lines, say.LOOKED.format(times=count, until=until)]


def _lapsed(one: Seen) -> list[str]:
    return [say.lapsed([offer.buyer for offer in one.lapsed])] if one.lapsed else []
