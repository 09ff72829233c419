"""The record of a call, as ``GET /api/v1/calls/{sid}`` shows it and the ledger keeps it. Pure."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from callrouter.domain.call import Acceptance, Attempt, AttemptResult, Call, CallState, Outcome
from callrouter.domain.clock import rfc3339
from callrouter.domain.money import dollars
from callrouter.domain.offer import BuyerResult, Decline, Offer
from callrouter.domain.reasons import Reason


def record(call: Call, replies: Mapping[str, BuyerResult], plan_buyers: Iterable[str] = ()) -> dict[str, Any]:
    """The whole decision of one call.

    ``replies`` maps ``<auction no>:<buyer>`` to that buyer's result, and ``post <no>:<buyer>`` to a post's.
    A buyer of ``plan_buyers`` that an ended call never heard from (the caller left first) is listed as such: nobody
    is missing.
    """
    return {
        "sid": call.sid,
        "plan": call.plan,
        "kind": call.kind.value,
        "from": call.caller.phone,
        "to": call.to,
        "state": call.state.value,
        "outcome": call.outcome.value if call.outcome else None,
        "qualified": call.qualified,
        "buyer": call.buyer,
        "payout": dollars(call.payout) if call.payout is not None else None,
        "min_duration_s": call.min_duration_s,
        "bridged_s": call.bridged_s,
        "margin_s": _margin_s(call),
        "expected_payout": dollars(_expected(call)) if call.outcome else None,
        "started_at": rfc3339(call.started_at),
        "ended_at": rfc3339(call.ended_at),
        "zip": call.caller.zip,
        "region": call.caller.state,
        "results": [_result(no, result) for no, result in _complete(call, replies, plan_buyers)],
        "posts": [_post(call, acceptance, replies) for acceptance in call.acceptances],
        "attempts": [_attempt(call, attempt) for attempt in call.attempts],
        "decisions": [decision.model_dump(mode="json", exclude_none=True) for decision in call.decisions],
        "callback": _callback(call),
        "sale": _sale(call),
        "transfer": _transfer(call),
        "events": [{"at": rfc3339(e.at), "event": e.event, "detail": e.detail} for e in call.timeline],
    }


_POST = "post "


def auctions_of(call: Call) -> int:
    """How many auctions the call has had."""
    return call.auction.no if call.auction else 0


def _complete(
    call: Call, replies: Mapping[str, BuyerResult], plan_buyers: Iterable[str]
) -> list[tuple[int, BuyerResult]]:
    of_auctions = ((key.partition(":"), result) for key, result in replies.items() if not key.startswith(_POST))
    found = {(int(no), buyer): result for (no, _, buyer), result in of_auctions}
    if call.state is CallState.ENDED:
        for buyer in plan_buyers:
            for no in range(1, auctions_of(call) + 1):
                found.setdefault((no, buyer), _unanswered(call, buyer))
    return [(no, result) for (no, _), result in sorted(found.items(), key=lambda item: item[0])]


def _unanswered(call: Call, buyer: str) -> BuyerResult:
    """Of a buyer that was asked in the call's last auction and had not answered when the caller left."""
    gone = Decline(reason=Reason.NO_OFFER_CALLER_GONE, detail="the caller left before it answered")
    asked_at = call.auction.started_at if call.auction else None
    waited_s = max(0.0, (call.ended_at or 0.0) - asked_at) if asked_at is not None else 0.0
    return BuyerResult(buyer=buyer, decline=gone, asked_at=asked_at, elapsed_s=waited_s)


def _result(auction_no: int, result: BuyerResult) -> dict[str, Any]:
    decline, exchange = result.decline, result.exchange
    return {
        "auction": auction_no,
        "buyer": result.buyer,
        "reason": result.label,
        "elapsed_s": round(result.elapsed_s, 3),
        "asked_at": rfc3339(result.asked_at),
        "buyer_code": decline.buyer_code if decline else None,
        "detail": decline.detail if decline else None,
        "offer": _offer(result.offer) if result.offer else None,
        "exchange": exchange.model_dump() if exchange else None,
    }


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "number": offer.number or None,
        "payout": dollars(offer.payout),
        "min_duration_s": offer.min_duration_s,
        "min_duration_stated": offer.min_duration_stated,
        "received_at": rfc3339(offer.received_at),
        "expires_at": rfc3339(offer.expires_at),
        "provider": offer.provider,
    }


def _post(call: Call, acceptance: Acceptance, replies: Mapping[str, BuyerResult]) -> dict[str, Any]:
    bid = acceptance.offer
    reply = replies.get(f"{_POST}{acceptance.no}:{bid.buyer}")
    return {
        "no": acceptance.no,
        "buyer": bid.buyer,
        "reason": acceptance.result or (Reason.NO_OFFER_CALLER_GONE.value if call.state is CallState.ENDED else None),
        "detail": acceptance.detail,
        "sent_at": rfc3339(acceptance.started_at),
        "bid_received_at": rfc3339(bid.received_at),
        "bid_age_s": round(bid.age_s(acceptance.started_at), 3),
        "elapsed_s": round(reply.elapsed_s, 3) if reply else None,
        "offer": _offer(reply.offer) if reply and reply.offer else None,
        "exchange": reply.exchange.model_dump() if reply and reply.exchange else None,
    }


def amendment(call: Call, attempt: Attempt) -> dict[str, Any]:
    """What the ledger must know of a dial of which more was reported after the call had ended."""
    return {
        "sid": call.sid,
        "plan": call.plan,
        "kind": call.kind.value,
        "started_at": rfc3339(call.started_at),
        "attempts": [_attempt(call, attempt)],
    }


def _margin_s(call: Call) -> int | None:
    """By how many seconds the talk was longer than the buyer's minimum; negative when it was too short."""
    if call.bridged_s is None or call.min_duration_s is None:
        return None
    return call.bridged_s - call.min_duration_s


def _expected(call: Call) -> Decimal:
    """What the call is expected to pay."""
    return call.payout or Decimal(0) if call.qualified else Decimal(0)


def _sold(call: Call, attempt: Attempt) -> bool:
    """Whether this dial is the sale of an ended call: the last one that was bridged."""
    if call.outcome is not Outcome.BRIDGED:
        return False
    return attempt is next((a for a in reversed(call.attempts) if a.result is AttemptResult.BRIDGED), None)


def _timers(attempt: Attempt) -> dict[str, dict[str, int | None]]:
    """The three clocks that buyers pay by, in whole seconds, each from both sources: the leg's own status reports, and
    the dial's action. ``accept`` would start when the buyer accepts the call by a key: no partner of ours does."""
    dialled, answered = attempt.initiated_at or attempt.decided_at, {"leg": attempt.leg_s, "action": attempt.action_s}
    ends = {"leg": attempt.leg_ended_at, "action": attempt.action_at}
    return {
        "dial": {of: None if end is None else max(0, int(end - dialled)) for of, end in ends.items()},
        "answer": answered,
        "accept": dict.fromkeys(ends),
    }


def _attempt(call: Call, attempt: Attempt) -> dict[str, Any]:
    sold = _sold(call, attempt)
    talked = attempt.answered_at or attempt.bridged_s or attempt.leg_s
    return {
        "no": attempt.no,
        "buyer": attempt.offer.buyer,
        "number": attempt.offer.number,
        "payout": dollars(attempt.offer.payout),
        "min_duration_s": attempt.offer.min_duration_s,
        "min_duration_stated": attempt.offer.min_duration_stated,
        "received_at": rfc3339(attempt.offer.received_at),
        "offer_age_s": round(attempt.offer.age_s(attempt.decided_at), 3),
        "expires_at": rfc3339(attempt.offer.expires_at),
        "ring_timeout_s": attempt.ring_timeout_s,
        "decided_at": rfc3339(attempt.decided_at),
        "initiated_at": rfc3339(attempt.initiated_at),
        "ringing_at": rfc3339(attempt.ringing_at),
        "answered_at": rfc3339(attempt.answered_at),
        "ended_at": rfc3339(attempt.ended_at),
        "result": attempt.result.value if attempt.result else None,
        "ended_by": attempt.ended_by,
        # Of the sale: by what the call's end was decided, whatever is reported later.
        "bridged_s": call.bridged_s if sold else attempt.talk_s if talked else None,
        "timers": _timers(attempt),
        "qualified": call.qualified if sold else None,
        "margin_s": _margin_s(call) if sold else None,
        "expected_payout": dollars(_expected(call) if sold else Decimal(0)),
    }


def _callback(call: Call) -> dict[str, Any] | None:
    if call.callback is None:
        return None
    if call.callback.startswith("none"):
        return {"id": None, "due_at": None, "why": call.callback.removeprefix("none: ")}
    return {"id": call.callback, "due_at": rfc3339(call.callback_at), "why": None}


def _transfer(call: Call) -> dict[str, Any] | None:
    transfer = call.transfer
    if transfer is None:
        return None
    return {
        "way": transfer.way.value if transfer.way else None,
        "agent": transfer.agent.name,
        "opened_by": transfer.opened_by,
        "completed_at": rfc3339(transfer.completed_at),
        "parties": [
            {
                "role": party.role.value,
                "no": party.no,
                "ordered_at": rfc3339(party.ordered_at),
                "ringing_at": rfc3339(party.ringing_at),
                "answered_at": rfc3339(party.answered_at),
                "joined_at": rfc3339(party.joined_at),
                "left_at": rfc3339(party.left_at),
                "why_left": party.why_left,
            }
            for party in transfer.parties
        ],
    }


def _sale(call: Call) -> dict[str, Any] | None:
    """What is known of the lead's sale at the close; what became of it is merged in by whoever reads."""
    if call.sale is None:
        return None
    if call.sale.startswith("none"):
        return {"id": None, "state": "none", "why": call.sale.removeprefix("none: ")}
    return {"id": call.sale, "state": "pending"}
