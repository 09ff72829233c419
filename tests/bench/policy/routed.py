"""The product's own policy and beliefs, driven by the given simulator."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

from callrouter.auction.known import Asked, Believed, InHand, Known
from callrouter.auction.policy import decide
from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.lessons import Held, Lesson, Rang, Replied, TalkBegan, TalkEnded
from callrouter.domain.decision import Choice, Rules


class Routed:
    """A policy of the simulator that asks `decide`; ``believed`` instead of what it learns makes it the oracle."""

    def __init__(self, world: Any, rules: Rules | None = None) -> None:
        scenario = world.scn
        self.names: list[str] = [str(k) for k in range(len(scenario["buyers"]))]
        self._http_s, self._tries = scenario["http_timeout"], scenario["max_tries"]
        self._max_hold_s = scenario["max_hold_s"]
        self.rules = rules or Rules()
        self.beliefs = Beliefs()
        self._lessons = 0
        self._now = 0.0
        self._vertical = ""
        self._min_s = 0
        self._talks: dict[int, tuple[float, int]] = {}
        """Of each talk: when it began, and its minimum duration."""

    def believed(self, call: Any) -> Believed:
        return self.beliefs

    def _learn(self, lesson: Lesson) -> None:
        self._lessons += 1
        self.beliefs.learn(self._lessons, lesson, self._now)

    def start(self, call: Any) -> None:
        call.scratch["auctions"] = 0
        self._vertical = call.vertical

    def decide(self, call: Any) -> Sequence[Any]:
        if not call.scratch["auctions"]:
            call.scratch["auctions"] = 1
            return ("ping", list(range(len(self.names))))
        now = self._now = call.now + call.t
        known = Known(
            sid=str(call.i),
            vertical=call.vertical,
            since=call.now,
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
        verdict = decide(known, self.believed(call), now)
        if verdict.choice is Choice.WAIT:
            assert verdict.until is not None
            return ("wait", verdict.until - call.now)
        if verdict.choice is Choice.DIAL:
            k = int(verdict.buyer or 0)
            self._min_s = int(call.offers[k][1])
            return ("dial", k)
        return self._ask_again(call)

    def _ask_again(self, call: Any) -> Sequence[Any]:
        """Nothing is left: as in the product, all that have not failed this caller are asked once more after a dial."""
        left = [k for k in range(len(self.names)) if k not in call.failed]
        if not call.tries or call.tries >= self._tries or call.scratch["auctions"] > 1 or not left:
            return ("hangup",)
        call.scratch["auctions"] += 1
        for k in left:
            call.offers.pop(k, None)  # those that have lapsed
        return ("ping", left)

    def on_reply(self, call: Any, k: int, latency: float, offered: bool, payout: float, min_s: float) -> None:
        silent = latency > self._http_s
        ended: Literal["offer", "no", "silent"] = "silent" if silent else "offer" if offered else "no"
        after_s = self._http_s if silent else latency
        self._learn(Replied(self.names[k], after_s, ended, payout, int(min_s)))

    def on_hold(self, start: float, end: float, hearing: str, left: bool) -> None:
        self._learn(Held(self._vertical, "ring" if hearing == "ring" else "hold", end - start, left))

    def on_dial(self, call: Any, k: int, answered: bool | None, seconds: float) -> None:
        if answered is not None:
            self._learn(Rang(self.names[k], answered, seconds))

    def on_talk_start(self, i: int, k: int, vertical: str, at: float) -> None:
        self._talks[i] = (at, self._min_s)
        self._learn(TalkBegan(self.names[k], vertical, str(i), at))

    def on_talk_end(self, i: int, k: int, vertical: str, seconds: float) -> None:
        began, min_s = self._talks.pop(i)
        self._now = began + seconds
        self._learn(TalkEnded(self.names[k], vertical, str(i), seconds, min_s))
