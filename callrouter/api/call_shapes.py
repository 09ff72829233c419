"""The shapes of the call log. A record is shown as it was kept: these name what is there for certain."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from callrouter.api.shapes import MoneyText, Record, TimeText
from callrouter.domain.call import Outcome


class CallbackOfCall(Record):
    """What is owed to the caller, or why nothing is."""

    id: str | None
    due_at: TimeText | None
    why: str | None


class CallInList(Record):
    """One call, in short."""

    sid: str
    plan: str
    kind: Literal["inbound", "transfer"]
    to: str | None
    state: str
    outcome: Outcome | None
    """Null while the call lives."""
    qualified: bool | None
    """Whether the talk lasted as long as the buyer asks."""
    buyer: str | None
    payout: MoneyText | None
    """Null too for those whom the plan does not show it."""
    min_duration_s: int | None
    bridged_s: int | None
    """How long the caller talked with the buyer."""
    margin_s: int | None = None
    """By how many seconds that is longer than the minimum duration; negative when it is shorter."""
    expected_payout: MoneyText | None = None
    """What the call is expected to pay: nothing unless it qualified."""
    started_at: TimeText
    ended_at: TimeText | None
    callback: CallbackOfCall | None


class OfferOfCall(Record):
    """What a buyer offered."""

    number: str | None
    payout: MoneyText | None
    min_duration_s: int


class ResultOfCall(Record):
    """What one buyer answered in one auction."""

    buyer: str
    reason: str
    """``offer``, or why there is none."""
    elapsed_s: float
    offer: OfferOfCall | None


class Timer(Record):
    """One clock in whole seconds, as the leg's own status reports and as the dial's action have it."""

    leg: int | None
    action: int | None


class TimersOfAttempt(Record):
    """The clocks that buyers pay by."""

    dial: Timer
    """Since the dial."""
    answer: Timer
    """Since the answer."""
    accept: Timer
    """Since the buyer accepted the call by a key."""


class AttemptOfCall(Record):
    """One dial of a buyer."""

    buyer: str
    number: str
    payout: MoneyText | None
    offer_age_s: float
    result: str | None
    ended_by: Literal["caller", "buyer", "agent"] | None = None
    """Who hung up, where the carrier's reports say so."""
    bridged_s: int | None
    timers: TimersOfAttempt | None = None


class EventOfCall(Record):
    """One moment of the call."""

    at: TimeText
    event: str
    detail: str | None


class CallShown(CallInList):
    """The whole decision of a call. ``from`` is the caller's number, null when withheld; after the plan's retention a
    hash, ``#…``, the same for all calls of the number."""

    results: list[ResultOfCall]
    """Every buyer of every auction; nobody is missing."""
    attempts: list[AttemptOfCall]
    decisions: list[dict[str, Any]] = Field(default_factory=list)
    """What was decided of dialling and waiting, in order, with the reasons in numbers. A decision that has no ``news``
    leaves out what the one before says."""
    sale: dict[str, Any] | None
    """What became of the person's data, when lead buyers were asked."""
    events: list[EventOfCall]


class CallsShown(Record):
    """One page of the call log."""

    calls: list[CallInList]
    next: str | None
    """The ``cursor`` of the next page; null on the last one."""


def without_money(call: Mapping[str, Any]) -> dict[str, Any]:
    """A call's record for those to whom its plan shows no payouts: neither these, nor where they may be read."""
    sale = call["sale"]
    return {
        **call,
        "payout": None,
        "expected_payout": None,
        "results": [_unpriced(result) for result in call["results"]],
        "posts": [_unpriced(post) for post in call.get("posts", ())],
        "attempts": [{**attempt, "payout": None, "expected_payout": None} for attempt in call["attempts"]],
        "decisions": [_undisclosed(decision) for decision in call.get("decisions") or ()],
        "sale": {key: sale[key] for key in ("id", "state") if key in sale} if sale else None,
        "events": [{**event, "detail": None} for event in call["events"]],
    }


def _unpriced(result: Mapping[str, Any]) -> dict[str, Any]:
    offer = result["offer"]
    return {**result, "detail": None, "offer": {**offer, "payout": None} if offer else None, "exchange": None}


_DOLLARS = frozenset({"payout", "worth", "worth_now", "worth_waiting", "second_costs"})


def _undisclosed(decision: Mapping[str, Any]) -> dict[str, Any]:
    """A decision without its dollars."""
    plain = {key: value for key, value in decision.items() if key not in _DOLLARS}
    for of in ("offers", "awaited"):
        rows = decision.get(of) or ()
        plain[of] = [{key: value for key, value in row.items() if key not in _DOLLARS} for row in rows]
    return plain
