"""Executes ``<Gather>``: plays what is inside, and collects keys or words."""

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable

from callrouter.simulator.carrier.line import Fetch, Line
from callrouter.simulator.carrier.scripts import CarrierTimings
from callrouter.simulator.carrier.twiml import Document

CONFIDENCE = "0.9"


class Gather:
    """One ``<Gather>`` of one call."""

    def __init__(self, timings: CarrierTimings, line: Line, verb: ET.Element, document: Document) -> None:
        self._timings = timings
        self._line = line
        self._verb = verb
        self._document = document
        raw = verb.get("timeout", "5")
        self._timeout_s = float(raw) if raw.isdigit() else 5.0

    async def run(self, prompt: Callable[[], Awaitable[None]]) -> Fetch | None:
        """Play ``prompt`` and listen. The action to request, or ``None`` when nothing was entered."""
        inputs = frozenset(self._verb.get("input", "dtmf").split())
        self._line.answer()
        self._line.happened("asked")
        entry = self._line.next_entry(inputs)
        if not await self._starts_entering(entry is not None, prompt):
            if self._verb.get("actionOnEmptyResult") == "true":
                return self._action({"Digits": ""} if "dtmf" in inputs else {"SpeechResult": ""})
            return None
        assert entry is not None  # noqa: S101 - somebody who starts entering enters something
        kind, text = entry
        if kind == "speech":
            await self._speak(text)
            return self._action({"SpeechResult": text, "Confidence": CONFIDENCE, "Language": "en-US"})
        digits, finished_on = await self._key(text)
        if not digits and self._verb.get("actionOnEmptyResult") != "true":
            return None
        return self._action({"Digits": digits, "FinishedOnKey": finished_on, "msg": "Gather End"})

    async def _starts_entering(self, enters: bool, prompt: Callable[[], Awaitable[None]]) -> bool:
        """Whether the first key or word comes before the carrier stops waiting. It cuts the prompt short."""
        loop = asyncio.get_running_loop()
        first_at = loop.time() + self._line.script.key_delay_s if enters else None
        try:
            async with asyncio.timeout_at(first_at) as barge_in:
                await prompt()
                self._line.hear("listening")
                await asyncio.sleep(self._timeout_s)
        except TimeoutError:
            if not barge_in.expired():
                raise
            return True
        self._line.hear("silence", "nothing entered")
        return False

    async def _speak(self, text: str) -> None:
        self._line.hear("listening")
        await asyncio.sleep(len(text) * self._timings.speech_s_per_char)
        self._line.hear("silence", "end of speech")
        wait = self._verb.get("speechTimeout", self._verb.get("timeout", "5"))
        await asyncio.sleep(float(wait) if wait.isdigit() else self._timings.speech_end_s)

    async def _key(self, text: str) -> tuple[str, str]:
        """The digits that the carrier takes, and the key that ended them, if one did."""
        self._line.hear("listening")
        finish, wanted = self._verb.get("finishOnKey", "#"), int(self._verb.get("numDigits", "1000"))
        digits = ""
        for key in text:
            if digits:
                await asyncio.sleep(self._timings.key_interval_s)
            if key in finish:
                return digits, key
            digits += key
            if len(digits) >= wanted:
                return digits, ""
        await asyncio.sleep(self._timeout_s)
        return digits, ""

    def _action(self, params: dict[str, str]) -> Fetch:
        self._line.hear("silence", "entered")
        url = self._document.resolve(self._verb.get("action", ""))
        return Fetch(url, params, "action", self._verb.get("method", "POST"))
