"""One simulated call, from the first webhook to the last status callback."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from callrouter.simulator.carrier.line import Direction, Ended, Fetch, Line, Pushed
from callrouter.simulator.carrier.machine import Machine
from callrouter.simulator.carrier.records import CallState
from callrouter.simulator.carrier.rooms import Rooms
from callrouter.simulator.carrier.scripts import CallerScript, NumberConfig
from callrouter.simulator.carrier.switch import Switch, whole_s
from callrouter.simulator.carrier.twiml import Document
from callrouter.simulator.carrier.visit import Visit
from callrouter.simulator.carrier.webhooks import Message, WebhookFailed

LONGEST_CALL_S = 14_400.0
GONE = frozenset({"caller", "phone"})
"""Who ended the call, where that was the person on the line."""


class SimulatedCall(Line):
    """A caller's call, or one that is there already.

    ``ended_by`` is ``caller``, ``document``, ``rest``, ``reject``, ``busy``, ``apology`` or ``too_long``.
    ``first`` is executed instead of what the number's voice URL answers.
    """

    def __init__(
        self,
        switch: Switch,
        rooms: Rooms,
        script: CallerScript,
        config: NumberConfig,
        direction: Direction = "inbound",
        first: Document | None = None,
    ) -> None:
        super().__init__(switch, script, config, direction)
        self._machine = Machine(switch, rooms, self)
        self._first: Fetch | Document | Visit = first or Fetch(config.voice_url, {}, "voice")
        self._longest_s = LONGEST_CALL_S
        self._over = asyncio.Event()

    async def wait_ended(self) -> None:
        """Return when the call has ended. Its last callbacks may still be under way."""
        await self._over.wait()

    async def run(self) -> None:
        """Live through the whole call."""
        try:
            self._finish(await self._live())
        finally:
            self._sounds.stop()
            self._over.set()

    async def _live(self) -> str:
        """What ended the call."""
        self.happened("after")
        work = self._first
        while True:
            change = await self._until_interrupted(self._machine.run(work))
            if isinstance(change, Ended):
                return change.by
            self._machine.leave_dial(caller_gone=False)
            work = change.work

    async def _until_interrupted(self, work: Coroutine[Any, Any, str]) -> Pushed | Ended:
        """Execute until the work ends the call or something from outside interrupts it."""
        execution = asyncio.ensure_future(work)
        interruption = asyncio.ensure_future(self._changes.get())
        left_s = self._longest_s - (self._switch.clock.now() - self.started_at)
        try:
            await asyncio.wait({execution, interruption}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            if execution.done():
                return Ended(execution.result())
            return interruption.result() if interruption.done() else Ended("too_long")
        finally:
            execution.cancel()
            interruption.cancel()
            await asyncio.wait({execution, interruption})

    def _finish(self, by: str) -> None:
        self.ended_by = by
        self.ended_at = self._switch.clock.now()
        self.state = self._final_state(by)
        self._sounds.stop()
        action = self._machine.leave_dial(caller_gone=by in GONE)
        if action is not None:
            self._switch.background.spawn(self._request_action(action))
        self._report()

    def _final_state(self, by: str) -> CallState:
        if self.answered:
            return "completed"
        return "busy" if by == "busy" else "no-answer"

    async def _request_action(self, action: Fetch) -> None:
        """The carrier asks the dial's action although the caller has gone; the answer is not used."""
        message = Message(action.url, self.params(action.params), action.kind, self.sid, action.method)
        with contextlib.suppress(WebhookFailed):
            await self._switch.webhooks.ask(message)

    def _report(self) -> None:
        if not self.config.status_callback:
            return
        duration_s = whole_s(self.answered_at, self.ended_at)
        extra = {
            "CallDuration": str(duration_s),
            "Duration": str(-(-duration_s // 60)),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": "0",
            "Timestamp": self._switch.timestamp(),
        }
        self._switch.webhooks.tell(Message(self.config.status_callback, self.params(extra), "status", self.sid))
