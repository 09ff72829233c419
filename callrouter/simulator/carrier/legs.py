"""The leg to a number that is dialled for a caller, and its status callbacks."""

import asyncio
import xml.etree.ElementTree as ET

from callrouter.simulator.carrier.line import Line
from callrouter.simulator.carrier.records import CallState, DialRecord
from callrouter.simulator.carrier.switch import API_VERSION, LegView, Switch, whole_s
from callrouter.simulator.carrier.twiml import Document
from callrouter.simulator.carrier.webhooks import Message

EVENT_STATUS: dict[str, str] = {"initiated": "initiated", "ringing": "ringing", "answered": "in-progress"}


class ChildLeg:
    """One dialled number."""

    def __init__(self, switch: Switch, line: Line, noun: ET.Element, document: Document, record: DialRecord) -> None:
        self._switch = switch
        self._line = line
        self._noun = noun
        self._document = document
        self._sequence = 0
        self._status: CallState = "ringing"
        self.script = switch.phones.next(record.number)
        self.record = record
        self.cut = asyncio.Event()
        """Set when the REST side ends the leg."""
        switch.parties[record.leg_sid] = self
        self._report("initiated")

    @property
    def live(self) -> bool:
        """Whether it rings or talks."""
        return self.record.ended_at is None

    @property
    def number(self) -> str:
        """Who was dialled."""
        return self.record.number

    def view(self) -> LegView:
        """How the leg stands, for the REST side."""
        record = self.record
        return LegView(
            sid=record.leg_sid, parent_sid=self._line.sid, from_=record.caller_id, to=record.number,
            status=self._status, direction="outbound-dial", started_at=record.started_at,
            ended_at=record.ended_at,
            duration_s=None if record.ended_at is None else whole_s(record.answered_at, record.ended_at),
        )  # fmt: skip

    def complete(self) -> None:
        """The REST side ends the leg."""
        self.cut.set()

    def hang_up(self) -> None:
        """The person hangs up."""
        self.cut.set()

    def ring(self) -> None:
        """The phone starts ringing."""
        self.record.ringing_at = self._switch.clock.now()
        self._report("ringing")

    def answer(self) -> None:
        """Somebody answers and is bridged with the caller."""
        self.record.answered_at = self._switch.clock.now()
        self.record.bridged = True
        self._status = "in-progress"
        self._report("answered")

    def end(self, status: CallState) -> None:
        """The leg is over; a second end changes nothing."""
        if not self.live:
            return
        record = self.record
        record.ended_at = self._switch.clock.now()
        record.result = self._status = status
        if record.answered_at is not None:
            record.talk_s = record.ended_at - record.answered_at
        self._report("completed")

    def _report(self, event: str) -> None:
        url = self._noun.get("statusCallback")
        if url is None or event not in self._noun.get("statusCallbackEvent", "completed").split():
            return
        status = EVENT_STATUS.get(event, self._status)
        params = {
            "CallSid": self.record.leg_sid,
            "ParentCallSid": self._line.sid,
            "AccountSid": self._switch.account_sid,
            "From": self.record.caller_id,
            "To": self.record.number,
            "Caller": self.record.caller_id,
            "Called": self.record.number,
            "CallStatus": status,
            "Direction": "outbound-dial",
            "ApiVersion": API_VERSION,
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(self._sequence),
            "Timestamp": self._switch.timestamp(),
        }
        if status == "completed":
            params["CallDuration"] = str(whole_s(self.record.answered_at, self.record.ended_at))
        self._sequence += 1
        method = self._noun.get("statusCallbackMethod", "POST")
        message = Message(self._document.resolve(url), params, "leg_status", self._line.sid, method)
        self._switch.webhooks.tell(message)
