"""Executes ``<Dial>``: rings numbers, bridges the first that answers, and says how it went."""

import asyncio
import xml.etree.ElementTree as ET

from callrouter.simulator.carrier.legs import ChildLeg
from callrouter.simulator.carrier.line import Fetch, Line
from callrouter.simulator.carrier.records import CallState, DialRecord
from callrouter.simulator.carrier.switch import Switch, whole_s
from callrouter.simulator.carrier.twiml import Document

_RESULTS: dict[str, CallState] = {"busy": "busy", "no_answer": "no-answer", "failed": "failed"}
_LONGEST_S = 14_400


class Dialling:
    """One ``<Dial>`` of one call."""

    def __init__(self, switch: Switch, line: Line, verb: ET.Element, document: Document) -> None:
        self._switch = switch
        self._line = line
        self._verb = verb
        self._document = document
        self._timeout_s = int(verb.get("timeout", "30"))
        self._caller_id = verb.get("callerId") or line.script.from_
        self._legs: list[ChildLeg] = []
        self._winner: ChildLeg | None = None
        if self._caller_id not in {line.script.from_, line.script.to, *switch.numbers}:
            document.record.problems.append("Dial: callerId is neither the caller's nor ours")

    async def run(self) -> Fetch | None:
        """Ring and talk. The action to request then, or ``None`` to go on in the document."""
        nouns = [child for child in self._verb if child.tag == "Number"]
        if not nouns:
            nouns = [ET.Element("Number")]
            nouns[0].text = self._verb.text
        if self._verb.get("answerOnBridge") != "true":
            self._line.answer()
        one_by_one = self._verb.get("sequential") == "true"
        for group in [[noun] for noun in nouns] if one_by_one else [nouns]:
            self._winner = await self._ring([self._dial(noun) for noun in group])
            if self._winner is not None:
                await self._talk(self._winner)
                break
        self._line.hear("silence", "dial over")
        return self._action()

    def abandon(self, *, caller_gone: bool) -> Fetch | None:
        """The call leaves this dial. Its legs end; the action is due only when the caller hung up."""
        for leg in self._legs:
            leg.end("completed" if leg.record.answered_at is not None else "canceled")
        return self._action() if caller_gone else None

    def _dial(self, noun: ET.Element) -> ChildLeg:
        number = (noun.text or "").strip()
        action = self._verb.get("action")
        record = DialRecord(
            number=number,
            caller_id=self._caller_id,
            timeout_s=self._timeout_s,
            started_at=self._switch.clock.now(),
            leg_sid=self._switch.new_sid(),
            action_url=self._document.resolve(action) if action else None,
        )
        self._line.dials.append(record)
        self._line.hear("ring", number)
        leg = ChildLeg(self._switch, self._line, noun, self._document, record)
        self._legs.append(leg)
        return leg

    async def _ring(self, legs: list[ChildLeg]) -> ChildLeg | None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for at, _, what, leg in sorted(self._steps(legs), key=lambda step: step[:2]):
            await asyncio.sleep(max(0.0, began + at - loop.time()))
            if leg.cut.is_set():
                leg.end("canceled")
            elif what == "ringing":
                leg.ring()
                self._line.happened("ringing")
            elif what == "answer":
                for other in legs:
                    if other is not leg:
                        other.end("canceled")
                return leg
            else:
                leg.end(_RESULTS[what])
        return None

    def _steps(self, legs: list[ChildLeg]) -> list[tuple[float, int, str, ChildLeg]]:
        """What the phones do, as (seconds from now, order, what, leg)."""
        longest_s = self._timeout_s + self._switch.timings.dial_buffer_s
        steps = []
        for order, leg in enumerate(legs):
            result = leg.script.result if leg.script.ring_s <= longest_s else "no_answer"
            end_s = min(leg.script.ring_s, longest_s)
            if result in {"answer", "no_answer"}:
                steps.append((min(self._switch.timings.post_dial_s, end_s), 2 * order, "ringing", leg))
            steps.append((end_s, 2 * order + 1, result, leg))
        return steps

    async def _talk(self, leg: ChildLeg) -> None:
        self._line.answer()
        leg.answer()
        self._line.hear("voice", leg.record.number)
        self._line.happened("bridged")
        limit_s = min(int(self._verb.get("timeLimit", _LONGEST_S)), _LONGEST_S)
        try:
            async with asyncio.timeout(min(leg.script.talk_s, limit_s)):
                await leg.cut.wait()
        except TimeoutError:
            if leg.script.hangs_up == "caller" and leg.script.talk_s <= limit_s:
                self._line.hang_up("caller")
                await asyncio.Event().wait()  # the hang-up ends this dial
        leg.end("completed")

    def _action(self) -> Fetch | None:
        action = self._verb.get("action")
        if action is None:
            return None
        leg = self._winner or self._legs[-1]
        results = {each.record.result for each in self._legs}
        status = "no-answer" if self._winner is None and "no-answer" in results else leg.record.result
        faults = self._switch.faults
        params = {
            "DialCallStatus": faults.rename_dial_status.get(status or "failed", status or "failed"),
            "DialCallSid": leg.record.leg_sid,
            "DialBridged": "true" if leg.record.bridged else "false",
        }
        if leg.record.answered_at is not None:
            params["DialCallDuration"] = str(whole_s(leg.record.answered_at, leg.record.ended_at))
        params = {name: value for name, value in params.items() if name not in faults.drop_params}
        return Fetch(self._document.resolve(action), params, "action", self._verb.get("method", "POST"))
