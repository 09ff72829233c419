"""Small days with known answers: each call is played second by second, and recorded as the ledger has calls."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from callrouter.auction.known import Asked, InHand, Known
from callrouter.auction.policy import decide
from callrouter.auction.recorded import After, recorded
from callrouter.beliefs.beliefs import Beliefs
from callrouter.domain.clock import rfc3339
from callrouter.domain.decision import Choice, Decision, Rules
from callrouter.domain.money import dollars
from tests.support.virtual_time import EPOCH

DEADLINE_S = 10.0
TTL_S = 30.0
SPARE_S = 11.0
MIN_S = 90
Record = dict[str, Any]


@dataclass(frozen=True)
class Offers:
    """A buyer offers after so many seconds; ``None`` dollars: it declines. Its dial ends so."""

    after_s: float
    payout: str | None = None
    ends: str = "no_answer"
    rings_s: float = 5.0
    pays: bool = False


@dataclass
class Played:
    """One caller; ``rounds`` are the auctions' buyers by name. ``leaves_s``: of the hold before the first dial."""

    rounds: Sequence[Mapping[str, Offers]]
    rules: Rules = field(default_factory=lambda: Rules(policy="highest_payout"))
    leaves_s: float | None = None
    sid: str = "CA1"
    plan: str = "auto"
    began: float = EPOCH
    kind: str = "inbound"

    def record(self) -> Record:
        """Play it, with nothing believed but what the program comes with."""
        self.now, self.after = self.began, "start"
        self.decisions: list[Decision] = []
        self.dialled: list[str] = []
        self.attempts: list[Record] = []
        self.results: list[Record] = []
        self.outcome = "unsold"
        for no, buyers in enumerate(self.rounds, 1):
            if not self._auction(no, buyers):
                break
        return {
            "sid": self.sid,
            "plan": self.plan,
            "kind": self.kind,
            "outcome": self.outcome,
            "ended_at": rfc3339(self.now),
            "results": self.results,
            "attempts": self.attempts,
            "decisions": [decision.model_dump(mode="json", exclude_none=True) for decision in self.decisions],
        }

    def _auction(self, no: int, buyers: Mapping[str, Offers]) -> bool:
        """Whether the buyers are to be asked once more."""
        since = self.now
        try:
            while True:
                verdict = self._decided(no, since, buyers)
                if verdict.choice is Choice.GIVE_UP:
                    return bool(self.attempts) and len(self.attempts) < self.rules.max_attempts
                if verdict.choice is Choice.DIAL and verdict.buyer is not None:
                    if not self._dial(verdict.buyer, buyers[verdict.buyer]):
                        return False
                    continue
                coming = [since + b.after_s for b in buyers.values() if since + b.after_s > self.now]
                assert verdict.until is not None
                wake = min([*coming, verdict.until])
                self.after = "reply" if wake in coming else "look"
                if self.leaves_s is not None and not self.attempts and wake >= self.began + self.leaves_s:
                    self.now, self.outcome = self.began + self.leaves_s, "abandoned"
                    return False
                self.now = wake
        finally:
            self.results += [self._result(no, since, name, buyer) for name, buyer in buyers.items()]

    def _decided(self, no: int, since: float, buyers: Mapping[str, Offers]) -> Decision:
        left = {name: b for name, b in buyers.items() if name not in self.dialled}
        known = Known(
            sid=self.sid,
            vertical=self.plan,
            since=since,
            deadline_at=since + DEADLINE_S,
            tries_left=self.rules.max_attempts - len(self.attempts),
            in_hand=tuple(
                InHand(name, Decimal(b.payout), MIN_S, since + b.after_s + TTL_S - SPARE_S)
                for name, b in left.items()
                if b.payout and since + b.after_s <= self.now
            ),
            awaited=tuple(
                Asked(name, since, since + DEADLINE_S) for name, b in left.items() if since + b.after_s > self.now
            ),
            rules=self.rules,
        )
        after: After = self.after  # type: ignore[assignment]
        verdict = decide(known, Beliefs(), self.now)
        made = recorded(known, verdict, self.now, auction=no, after=after, beliefs=0, earlier=self.decisions)
        self.decisions.append(made)
        return made

    def _dial(self, name: str, buyer: Offers) -> bool:
        """Whether the caller is offered on."""
        at, self.now = self.now, self.now + buyer.rings_s
        self.dialled.append(name)
        self.attempts.append(
            {
                "buyer": name,
                "decided_at": rfc3339(at),
                "ended_at": rfc3339(self.now),
                "result": buyer.ends,
                "expected_payout": dollars(Decimal(buyer.payout or 0)) if buyer.pays else "0.00",
            }
        )
        self.after = "dial"
        self.outcome = {"bridged": "bridged", "caller_gone": "abandoned"}.get(buyer.ends, "unsold")
        return buyer.ends not in ("bridged", "caller_gone")

    def _result(self, no: int, since: float, name: str, buyer: Offers) -> Record:
        at = since + buyer.after_s
        gone = self.outcome == "abandoned" and at > self.now
        offer = {
            "payout": buyer.payout,
            "min_duration_s": MIN_S,
            "received_at": rfc3339(at),
            "expires_at": rfc3339(at + TTL_S),
        } if buyer.payout and not gone else None  # fmt: skip
        reason = "no_offer_caller_gone" if gone else "offer" if offer else "no_offer"
        return {
            "auction": no,
            "buyer": name,
            "reason": reason,
            "asked_at": rfc3339(since),
            "elapsed_s": round(buyer.after_s, 3),
            "offer": offer,
        }


async def day_of(records: Sequence[Record]) -> AsyncIterator[tuple[float, Record]]:
    """As replay is fed."""
    for record in records:
        yield record["decisions"][0]["since"] if record.get("decisions") else EPOCH, record


class Unlearned:
    """Nothing was ever learned."""

    async def at(self, version: int) -> Beliefs | None:
        assert version == 0
        return Beliefs()
