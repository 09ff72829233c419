"""Days of the given simulator, recorded as the ledger has calls."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from callrouter.auction.known import Asked, InHand, Known
from callrouter.auction.policy import decide
from callrouter.auction.recorded import After, recorded
from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.lessons import Lesson
from callrouter.domain.clock import rfc3339
from callrouter.domain.decision import Choice, Decision, Rules
from callrouter.domain.money import dollars
from tests.bench.policy.given.sim import World, load, run
from tests.bench.policy.routed import Routed
from tests.support.virtual_time import EPOCH

SCENARIOS = {
    scenario["name"]: scenario for scenario in load(Path(__file__).parents[1] / "bench/policy/given/scenarios.json")
}
Record = dict[str, Any]


@dataclass
class FromLog:
    """Beliefs of any version, folded from all the lessons; counts how often it had to begin anew."""

    lessons: Sequence[tuple[int, Lesson, float]]
    forgotten_below: int = 0
    begun: int = 0
    _beliefs: Beliefs = field(default_factory=Beliefs)
    _next: int = 0

    async def at(self, version: int) -> Beliefs | None:
        if version < self.forgotten_below:
            return None
        if version < self._beliefs.version:
            self._beliefs, self._next, self.begun = Beliefs(), 0, self.begun + 1
        while self._next < len(self.lessons) and self.lessons[self._next][0] <= version:
            self._beliefs.learn(*self.lessons[self._next])
            self._next += 1
        return self._beliefs


@dataclass
class Day:
    """Recorded calls, what was learned in them, and what they came to."""

    records: list[Record]
    lessons: list[tuple[int, Lesson, float]]
    came_to: Mapping[str, Any]
    """The simulator's arrays, by call."""

    async def feed(self) -> AsyncIterator[tuple[float, Record]]:
        for record in self.records:
            yield record["decisions"][0]["since"], record


class Recording(Routed):
    """The product's policy, each of whose calls is recorded."""

    def __init__(self, world: Any, rules: Rules | None = None) -> None:
        super().__init__(world, rules)
        self._world = world
        self.lessons: list[tuple[int, Lesson, float]] = []
        self.records: list[Record] = []

    def _learn(self, lesson: Lesson) -> None:
        super()._learn(lesson)
        self.lessons.append((self._lessons, lesson, self._now))

    def start(self, call: Any) -> None:
        super().start(call)
        self._decisions: list[Decision] = []
        self._after: After = "start"
        self._asked_at = call.now
        self.records.append(
            {
                "sid": str(call.i),
                "plan": call.vertical,
                "kind": "inbound",
                "outcome": "unsold",
                "ended_at": rfc3339(call.now),
                "results": [],
                "attempts": [],
                "decisions": [],
            }
        )

    def decide(self, call: Any) -> Sequence[Any]:
        record = self.records[-1]
        if not call.scratch["auctions"]:
            self._asks(call, 1, range(len(self.names)))
            return super().decide(call)
        now = self._now = call.now + call.t
        known = self._known(call)
        believed = self.beliefs
        verdict = decide(known, believed, now)
        decision = recorded(
            known,
            verdict,
            now,
            auction=call.scratch["auctions"],
            after=self._after,
            beliefs=believed.version,
            earlier=self._decisions,
        )
        self._decisions.append(decision)
        record["decisions"].append(decision.model_dump(mode="json", exclude_none=True))
        record["ended_at"] = rfc3339(now)
        self._after = "look"
        if verdict.choice is Choice.WAIT:
            assert verdict.until is not None
            return ("wait", verdict.until - call.now)
        if verdict.choice is Choice.DIAL:
            k = int(verdict.buyer or 0)
            self._min_s = int(call.offers[k][1])
            self._dialled(call, k, now)
            return ("dial", k)
        act = self._ask_again(call)
        if act[0] == "ping":
            self._asks(call, call.scratch["auctions"], act[1])
        return act

    def _known(self, call: Any) -> Known:
        return Known(
            sid=str(call.i),
            vertical=call.vertical,
            since=self._asked_at,
            deadline_at=call.now + self._max_hold_s,
            tries_left=self._tries - call.tries,
            in_hand=tuple(
                InHand(self.names[k], Decimal(repr(payout)), int(min_s), call.now + expires)
                for k, (payout, min_s, _, expires) in call.offers.items()
            ),
            awaited=tuple(
                Asked(self.names[k], call.now + sent, call.now + sent + self._http_s)
                for k, sent in call.pending.items()
            ),
            rules=self.rules,
        )

    def _asks(self, call: Any, no: int, buyers: Sequence[int]) -> None:
        """Every buyer's reply of this auction is known beforehand, to the recorder."""
        world, i, at = self._world, call.i, call.now + call.t
        self._asked_at = at
        for k in buyers:
            after_s = world.lat[i][k][min(call.pings.get(k, 0), 2)]
            silent = after_s > self._http_s
            offered = world.bid[i][k] and not silent
            received_at = at + after_s
            offer = {
                "payout": dollars(Decimal(repr(world.pay[i][k]))),
                "min_duration_s": int(world.mind[i][k]),
                "received_at": rfc3339(received_at),
                "expires_at": rfc3339(received_at + world.scn["offer_ttl"]),
            } if offered else None  # fmt: skip
            self.records[-1]["results"].append(
                {
                    "auction": no,
                    "buyer": self.names[k],
                    "reason": "offer" if offered else "error_timeout" if silent else "no_offer",
                    "asked_at": rfc3339(at),
                    "elapsed_s": round(min(after_s, self._http_s), 3),
                    "offer": offer,
                }
            )

    def _dialled(self, call: Any, k: int, now: float) -> None:
        self.records[-1]["attempts"].append(
            {
                "buyer": self.names[k],
                "decided_at": rfc3339(now),
                "ended_at": None,
                "result": None,
                "expected_payout": "0.00",
            }
        )

    def _ends(self, outcome: str, at: float) -> None:
        self.records[-1] |= {"outcome": outcome, "ended_at": rfc3339(at)}

    def on_hold(self, start: float, end: float, hearing: str, left: bool) -> None:
        super().on_hold(start, end, hearing, left)
        if left:
            self._ends("abandoned", self._world.arrive[int(self.records[-1]["sid"])] + end)

    def on_dial(self, call: Any, k: int, answered: bool | None, seconds: float) -> None:
        super().on_dial(call, k, answered, seconds)
        attempt, at = self.records[-1]["attempts"][-1], call.now + call.t + seconds
        attempt["result"] = {None: "caller_gone", True: "bridged", False: "no_answer"}[answered]
        attempt["ended_at"] = rfc3339(at)
        self._after = "dial"
        if answered is False:
            self._ends("unsold", at)
        if answered:
            i, world = call.i, self._world
            pays = world.talk[i][k] >= world.mind[i][k]
            attempt["expected_payout"] = dollars(Decimal(repr(world.pay[i][k]))) if pays else "0.00"
            self._ends("bridged", at + world.talk[i][k])


def world_of(scenario: str, seed: int, calls: int) -> Any:
    """The same callers, replies, rings and talks for everybody who asks for it."""
    made = World(SCENARIOS[scenario], seed, calls)
    made.arrive = [EPOCH + at for at in made.arrive]
    return made


def recorded_day(world: Any, rules: Rules | None = None) -> Day:
    """A day under these rules."""
    recording = Recording(world, rules)
    came_to = run(world, recording)
    return Day([record for record in recording.records if record["decisions"]], recording.lessons, came_to)


def lived(world: Any, rules: Rules | None = None) -> Mapping[str, Any]:
    """What the same day comes to under these rules, really."""
    came_to: Mapping[str, Any] = run(world, Routed(world, rules))
    return came_to
