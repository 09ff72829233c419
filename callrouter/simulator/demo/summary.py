"""What the demo tells at its end. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from callrouter.simulator.demo.checks import Check, offer_age_s, offers_of
from callrouter.simulator.demo.evidence import Evidence, Told
from callrouter.simulator.demo.handovers import HandoverStory
from callrouter.simulator.demo.policy_seen import policy_seen
from callrouter.simulator.scenarios import Story

MOST_SHOWN = 5
"""Counterexamples of one check."""
_NAMES = {
    Story.HUNG_UP_ASKED: "hung up when asked",
    Story.HUNG_UP_RINGING: "hung up while ringing",
    HandoverStory.HANDED_OVER: "handed over",
    HandoverStory.SECOND_BUYER: "handed over, second buyer",
    HandoverStory.AGENT_DROPPED: "agent's line dropped",
    HandoverStory.DIALLED_IN: "agent's dialler",
    HandoverStory.CANCELLED: "agent kept the caller",
}


def summary(evidence: Evidence, took_s: float) -> str:
    """Calls by outcome and story, times, money, and what the partners saw."""
    told, outcomes = evidence.told, evidence.outcomes
    by_outcome = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    sold = evidence.world.leads.sold
    qualified = sum(1 for one in told if one.record and one.record["qualified"])
    lines = [
        ("calls", f"{len(told)} in {took_s:.0f} s: {by_outcome}"),
        ("bridged", f"{outcomes['bridged']}, of which {qualified} for the minimum duration (qualified)"),
        ("transfers", _transfers(evidence)),
        ("callbacks", f"{len(evidence.world.dialler.standing())} promised and held by the dialler"),
        ("leads", f"{len(sold)} sold for ${sum((lead.payout for lead in sold), Decimal(0)):.2f}"),
        ("policy", policy_seen(one.record for one in told if one.record)),
        ("to first dial", _quantiles(_seconds_to(told, "decided_at", first=True)) + " from arrival"),
        ("to bridge", _quantiles(_seconds_to(told, "answered_at", first=False)) + " from arrival"),
        ("offer's age", _ages(evidence)),
        ("silence", f"at most {max((one.call.longest_silence_s() for one in told), default=0.0):.1f} s for any caller"),
        ("payout", f"${evidence.payout:.2f} expected, of calls and transfers"),
    ]
    return (
        "\nSummary\n"
        + "".join(f"  {name:<14} {text}\n" for name, text in lines)
        + "\nStories\n"
        + "".join(f"  {line}\n" for line in _stories(evidence))
        + "\nWhat the partners saw\n"
        + "".join(f"  {name:<16} {text}\n" for name, text in _partners(evidence))
    )


def verdict(checks: Sequence[Check], title: str = "Checks") -> str:
    """Each check with what speaks against it."""
    lines = []
    for check in checks:
        lines.append(f"  {'ok      ' if check.holds else 'MISMATCH'}  {check.says}\n")
        lines += [f"              {text}\n" for text in check.against[:MOST_SHOWN]]
        if len(check.against) > MOST_SHOWN:
            lines.append(f"              and {len(check.against) - MOST_SHOWN} more\n")
    return f"\n{title}\n" + "".join(lines)


def most_telling(told: Iterable[Told]) -> Told | None:
    """The call worth a look: the longest way to a bridge, else any."""
    seen = [one for one in told if one.record is not None]
    return max(seen, key=lambda one: (one.outcome == "bridged", len(one.call.dials)), default=None)


def story_name(story: Story | HandoverStory) -> str:
    """For people to read."""
    return _NAMES.get(story) or story.replace("_", " ")


def _transfers(evidence: Evidence) -> str:
    """How many callers agents handed over, and by which way."""
    transfers = evidence.transfers
    if not transfers:
        return "none"
    bridged = [one for one in transfers if one.outcome == "bridged"]
    dialled_in = sum(1 for one in bridged if one.handover.story is HandoverStory.DIALLED_IN)
    kept = sum(1 for one in transfers if one.outcome == "abandoned")
    told = f"{len(transfers)} by agents: {len(bridged)} bridged ({dialled_in} of them by dial-in), {kept} kept"
    others = len(transfers) - len(bridged) - kept
    return f"{told}, {others} others" if others else told


def _stories(evidence: Evidence) -> list[str]:
    ended: dict[str, Counter[str]] = {story: Counter() for story in (*Story, *HandoverStory)}
    names = {story.value: story_name(story) for story in (*Story, *HandoverStory)}
    for one in evidence.told:
        ended[one.scenario.story][one.outcome] += 1
    for transfer in evidence.transfers:
        ended[transfer.handover.story][transfer.outcome] += 1
    return [
        f"{names[story]:<26} {counts.total():>3}  "
        + ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        for story, counts in ended.items()
        if counts
    ]


def _partners(evidence: Evidence) -> list[tuple[str, str]]:
    world, carrier = evidence.world, evidence.world.carrier
    dials = Counter(dial.result or "open" for one in evidence.seen for dial in one.dials)
    answers = [(name, Counter(r.answered for r in buyer.requests)) for name, buyer in world.buyers.items()]
    ends = ", ".join(f"{count} {result}" for result, count in dials.most_common())
    pushes = sum(1 for document in carrier.documents if document.source == "pushed")
    return [
        ("carrier", f"{len(carrier.webhooks)} webhooks, {len(carrier.documents)} documents ({pushes} pushed)"),
        ("rooms", f"{len(carrier.rooms)} conferences, {len(carrier.outbound)} people called into them"),
        (
            "buyers' phones",
            f"{dials.total()} dials: {ends}",
        ),
        *((name, pings(counts)) for name, counts in answers),
        ("callconnectleads", f"{len(world.leads.requests)} requests, {len(world.leads.sold)} leads bought"),
        ("dialler", f"{len(world.dialler.leads)} callbacks added, {len(world.dialler.cancels)} cancelled"),
    ]


def pings(answers: Mapping[str | None, int]) -> str:
    """Every ping is in one of the numbers."""
    left, offers, refusals = (answers.get(kind, 0) for kind in (None, "offer", "refused"))
    total = sum(answers.values())
    text = f"{total} pings: {offers} offers, {refusals} refusals"
    if left:
        text += f", {left} unanswered: the caller had left"
    others = total - offers - refusals - left
    return f"{text}, {others} failed or limited" if others else text


def _seconds_to(told: Sequence[Told], event: str, *, first: bool) -> list[float]:
    found = []
    for one in told:
        attempts: Sequence[Mapping[str, Any]] = one.record["attempts"] if one.record else ()
        chosen = attempts[:1] if first else [a for a in attempts if a["result"] == "bridged"]
        if one.record and chosen and chosen[-1][event]:
            found.append(_seconds(one.record["started_at"], chosen[-1][event]))
    return found


def _ages(evidence: Evidence) -> str:
    dials = [dial for one in evidence.seen for dial in one.dials]
    ages = [offer_age_s(dial, offers_of(evidence, dial.number)) for dial in dials]
    return _quantiles([age for age in ages if age is not None]) + " when its number was dialled"


def _quantiles(values: Sequence[float]) -> str:
    if not values:
        return "-"
    return f"p50 {quantile(values, 0.5):.2f} s, p95 {quantile(values, 0.95):.2f} s, most {max(values):.2f} s"


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _seconds(start: str, at: str) -> float:
    return (datetime.fromisoformat(at) - datetime.fromisoformat(start)).total_seconds()
