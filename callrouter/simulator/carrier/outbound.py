"""A leg that the product has the carrier call for a conference."""

import asyncio
from dataclasses import dataclass, field

from callrouter.simulator.carrier.call import SimulatedCall
from callrouter.simulator.carrier.records import CallState
from callrouter.simulator.carrier.rooms import Room, Rooms
from callrouter.simulator.carrier.scripts import CallerScript, NumberConfig, PhoneScript
from callrouter.simulator.carrier.seats import Callback, Seat, Terms
from callrouter.simulator.carrier.switch import API_VERSION, Switch, whole_s
from callrouter.simulator.carrier.visit import Visit
from callrouter.simulator.carrier.webhooks import Message

_NO_WEBHOOKS = NumberConfig("", "", "")
_EVENT_STATUS = {"initiated": "initiated", "ringing": "ringing", "answered": "in-progress"}
_UNANSWERED: dict[str, CallState] = {
    "busy": "busy", "no_answer": "no-answer", "failed": "failed", "phone": "busy",
}  # fmt: skip
"""What ended a call that nobody answered, as the carrier reports it. Whatever else ends it has it cancelled."""


@dataclass(frozen=True)
class Order:
    """Whom to call, and on what terms. Times in seconds."""

    from_: str
    to: str
    terms: Terms
    timeout_s: int = 60
    longest_s: float = 14_400.0
    callback: Callback = field(default_factory=Callback)


class OutboundLeg(SimulatedCall):
    """One person whom the carrier calls, and who enters the conference when they answer.

    ``wait_s`` passes before the call starts. It may be pushed out of the conference like any other call.
    """

    def __init__(self, switch: Switch, rooms: Rooms, room: Room, order: Order, wait_s: float) -> None:
        script = CallerScript(from_=order.from_, to=order.to, zip_digits=None)
        super().__init__(switch, rooms, script, _NO_WEBHOOKS, "outbound-api")
        self.state = "queued"
        self.order = order
        self.label = order.terms.label
        self.timeout_s = order.timeout_s
        self.dialled_at: float | None = None
        self.ringing_at: float | None = None
        self._wait_s = wait_s
        self._longest_s = order.longest_s
        self._sequence = 0
        self._phone = PhoneScript()
        self._talk: asyncio.Task[None] | None = None
        self._room = room
        self._seat = Seat(switch, self, order.terms, goes_on=False)
        self._first = Visit(switch, rooms, room.record.name, self._seat)
        room.expect(self._seat)

    @property
    def result(self) -> CallState | None:
        """How it ended; ``None`` while it lives."""
        return None if self.live else self.state

    def hang_up(self, by: str = "phone") -> None:
        """The person hangs up; before answering that is a refusal."""
        super().hang_up(by)

    def joined(self) -> None:
        """The time of the talk begins."""
        super().joined()
        if self._talk is None and self._phone.hangs_up == "buyer":
            self._talk = self._switch.background.spawn(self._hang_up_after(self._phone.talk_s))

    async def run(self) -> None:
        """Live through the whole leg."""
        try:
            await super().run()
        finally:
            if self._talk is not None:
                self._talk.cancel()

    async def _live(self) -> str:
        change = await self._until_interrupted(self._ring())
        by = getattr(change, "by", "failed")
        if by != "answer":
            return by
        self.answer()
        self._told("answered")
        return await super()._live()

    async def _ring(self) -> str:
        """What the phone does in the end."""
        await asyncio.sleep(self._wait_s)
        self.dialled_at = self._switch.clock.now()
        self._told("initiated")
        phone = self._phone = self._switch.phones.next(self.number)
        longest_s = self.timeout_s + self._switch.timings.dial_buffer_s
        result = phone.result if phone.ring_s <= longest_s else "no_answer"
        end_s = min(phone.ring_s, longest_s)
        silent_s = min(self._switch.timings.post_dial_s, end_s)
        await asyncio.sleep(silent_s)
        if result in {"answer", "no_answer"}:
            self.state, self.ringing_at = "ringing", self._switch.clock.now()
            self._told("ringing")
            self._room.look()
        await asyncio.sleep(end_s - silent_s)
        return result

    async def _hang_up_after(self, talk_s: float) -> None:
        await asyncio.sleep(talk_s)
        self.hang_up()

    def _finish(self, by: str) -> None:
        super()._finish(by)
        self._room.miss(self._seat, self.state)

    def _final_state(self, by: str) -> CallState:
        return "completed" if self.answered else _UNANSWERED.get(by, "canceled")

    def _report(self) -> None:
        self._told("completed")

    def _told(self, event: str) -> None:
        callback = self.order.callback
        status = _EVENT_STATUS.get(event, self.state)
        number, self._sequence = self._sequence, self._sequence + 1
        if not callback.url or event not in callback.events:
            return
        params = {
            "CallSid": self.sid,
            "AccountSid": self._switch.account_sid,
            "From": self.order.from_,
            "To": self.order.to,
            "Caller": self.order.from_,
            "Called": self.order.to,
            "CallStatus": status,
            "Direction": self.direction,
            "ApiVersion": API_VERSION,
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(number),
            "Timestamp": self._switch.timestamp(),
        }
        if status == "completed":
            duration_s = whole_s(self.answered_at, self.ended_at)
            params |= {"CallDuration": str(duration_s), "Duration": str(-(-duration_s // 60))}
        message = Message(callback.url, params, "participant_status", self.sid, callback.method)
        self._switch.webhooks.tell(message)
