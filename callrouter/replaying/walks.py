"""Walks through recorded calls, all at once, each with the beliefs of its moments.

A walk is a generator that asks for beliefs by their version. What it is given is good until it asks again: the walk
that needs the oldest beliefs goes first, so that they are folded forward once for all calls together.
"""

import heapq
from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import count
from typing import Protocol, TypeVar

from callrouter.beliefs.beliefs import Beliefs

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Beliefs of a version, as they were at a decision's time (epoch s)."""

    version: int
    at: float


Walk = Generator[Wanted, Beliefs | None, T]
"""``None`` is sent where beliefs are not kept any more."""


class BeliefsThen(Protocol):
    """Where earlier beliefs are had from; versions are asked for in ascending order, as far as that is possible."""

    async def at(self, version: int) -> Beliefs | None:
        """What was believed after that lesson; ``None``: not kept. It may change at the next question."""
        ...


class Walks:
    """Walks under way. Feed them in the order of their calls' beginning."""

    def __init__(self, beliefs: BeliefsThen) -> None:
        self._beliefs = beliefs
        self._numbers = count()
        self._waiting: list[tuple[int, int, float, Callable[[Beliefs | None], Wanted | None]]] = []

    def add(self, walk: Walk[T], done: Callable[[T], None]) -> None:
        """Start a walk; ``done`` is told what it returns."""

        def go_on(believed: Beliefs | None) -> Wanted | None:
            try:
                return walk.send(believed)
            except StopIteration as stop:
                done(stop.value)
                return None

        self._push(go_on(None), go_on)

    def _push(self, wanted: Wanted | None, go_on: Callable[[Beliefs | None], Wanted | None]) -> None:
        if wanted is not None:
            heapq.heappush(self._waiting, (wanted.version, next(self._numbers), wanted.at, go_on))

    async def until(self, at: float) -> None:
        """Go on with all as long as they are at decisions before then: no call that begins later is behind them."""
        while self._waiting and self._waiting[0][2] < at:
            version, _, _, go_on = heapq.heappop(self._waiting)
            believed = await self._at(version)
            wanted = go_on(believed)
            while wanted is not None and wanted.version == version:
                wanted = go_on(believed)
            self._push(wanted, go_on)

    async def _at(self, version: int) -> Beliefs | None:
        return await self._beliefs.at(version) if version else Beliefs()
