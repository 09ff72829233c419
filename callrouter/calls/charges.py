"""What a step of a call uses up of its buyers' caps, and what it frees. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from callrouter.auction.seats import Charge, Had, Stage, watched
from callrouter.dialplan import Plan
from callrouter.domain.call import Attempt, AttemptResult, Call, CallState
from callrouter.engine.keys import LONGEST_CALL_S, Keys

SEAT_S = LONGEST_CALL_S + 600
"""How long a dial keeps its seat. Whoever talks may be known only at the end, so one that rings has no less:
every call ends here too, by its own report or by the sweeper, and that frees it."""

_TALKED = frozenset({AttemptResult.BRIDGED, AttemptResult.EARLY_HANGUP})


def charges(
    before: Call | None, after: Call, plan: Plan | None, now: float, keys: Keys
) -> tuple[Mapping[str, object], ...]:
    """The charges of one step, as ``_guards.lua`` takes them; ``now`` is epoch seconds."""
    if plan is None or before is None or before.state in (CallState.INTAKE, CallState.ENDED):
        return ()  # nobody has been asked yet, or nothing is left to charge
    found = (_charge(before, after, plan, buyer) for buyer in watched(plan))
    return tuple(charge.document(now, keys) for charge in found if charge is not None)


@dataclass(frozen=True)
class Booked:
    """What a call that qualified is expected to pay, and who pays it."""

    buyer: str
    cents: int


def booked(before: Call | None, after: Call) -> Booked | None:
    """What the step that ends a qualified call books; ``None`` for every other step."""
    if after.state is not CallState.ENDED or (before is not None and before.state is CallState.ENDED):
        return None
    if not after.qualified or after.buyer is None:
        return None
    return Booked(after.buyer, int(((after.payout or Decimal(0)) * 100).to_integral_value()))


@dataclass(frozen=True)
class _Standing:
    """Where a call stands with one buyer."""

    dials: tuple[Attempt, ...]
    in_hand: bool
    """Whether an offer of it is kept or being taken up."""

    @property
    def connected(self) -> frozenset[int]:
        """The numbers of the dials whose connection is known."""
        return frozenset(a.no for a in self.dials if a.result in _TALKED or (a.live and a.answered_at is not None))

    @property
    def dial(self) -> Attempt | None:
        """The dial that rings or talks."""
        return next((a for a in self.dials if a.live), None)

    @property
    def stage(self) -> Stage | None:
        """Where its seat is; ``None`` before a dial and after it."""
        if self.dial is None:
            return None
        return "talking" if self.dial.no in self.connected else "dialled"


def _standing(call: Call, buyer: str) -> _Standing:
    dials = tuple(attempt for attempt in call.attempts if attempt.offer.buyer == buyer)
    taken_up = call.accepting is not None and call.accepting.offer.buyer == buyer
    return _Standing(dials, taken_up or any(offer.buyer == buyer for offer in call.offers))


def _charge(before: Call, after: Call, plan: Plan, buyer: str) -> Charge | None:
    was, is_ = _standing(before, buyer), _standing(after, buyer)
    ended = after.state is CallState.ENDED
    qualified = ended and bool(after.qualified) and after.buyer == buyer
    dials = len(is_.dials) - len(was.dials)
    connects = len(is_.connected - was.connected)
    had: list[Had] = []
    had += ["connected"] if connects else []
    had += ["qualified"] if qualified else []
    stage = None if ended else is_.stage
    dropped = was.in_hand and not is_.in_hand and stage is None
    if not (connects or ended or dropped or stage != was.stage):
        return None
    return Charge(
        plan,
        buyer,
        after.sid,
        after.caller.phone,
        attempts=dials,
        connects=connects,
        qualified=int(qualified),
        paid=(after.payout or Decimal(0)) if qualified else Decimal(0),
        stage=stage,
        keep_s=SEAT_S if stage else 0.0,
        worth=is_.dial.offer.payout if is_.dial and stage else Decimal(0),
        had=tuple(had),
    )
