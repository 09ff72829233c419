"""Reads answered documents and plays their sounds to one line."""

import asyncio
import xml.etree.ElementTree as ET

from callrouter.simulator.carrier import twiml
from callrouter.simulator.carrier.line import Fetch, Line
from callrouter.simulator.carrier.media import NotAudio
from callrouter.simulator.carrier.records import DocumentRecord, SoundKind
from callrouter.simulator.carrier.switch import Switch
from callrouter.simulator.carrier.twiml import BadDocument, Document
from callrouter.simulator.carrier.webhooks import Message, Reply, WebhookFailed

_ENDLESS = 1000
"""How often ``loop="0"`` plays."""


class Player:
    """What fetches documents for one line, and plays what is in them."""

    def __init__(self, switch: Switch, line: Line) -> None:
        self._switch = switch
        self._line = line

    async def ask(self, fetch: Fetch) -> Reply:
        """The product's answer, unread. Raises `WebhookFailed`."""
        if not twiml.absolute(fetch.url):
            raise WebhookFailed("11100", "url", "not an absolute URL")
        params = self._line.params(fetch.params)
        return await self._switch.webhooks.ask(Message(fetch.url, params, fetch.kind, self._line.sid, fetch.method))

    def read(self, reply: Reply) -> Document:
        """The document in an answer, kept for the tests with its problems. Raises `BadDocument`."""
        record = DocumentRecord(
            self._line.sid,
            "answered",
            reply.url,
            reply.body.decode(errors="replace"),
            self._switch.clock.now(),
        )
        self._switch.documents.append(record)
        try:
            root = twiml.read(reply.body, reply.content_type)
        except BadDocument as error:
            record.problems.append(f"unusable ({error.code}): {error}")
            raise
        record.problems += twiml.problems(root, pushed=False)
        return Document(tuple(root), reply.url, record)

    async def sound(self, verb: ET.Element, document: Document, played: SoundKind) -> None:
        """Play one ``Say``, ``Play`` or ``Pause``; audio is heard as ``played``."""
        match verb.tag:
            case "Say":
                words = " ".join("".join(verb.itertext()).split())
                self._line.answer()
                self._line.hear("prompt", words)
                await asyncio.sleep(len(words) * self._switch.timings.say_s_per_char * _loops(verb))
            case "Play" if "digits" not in verb.attrib:
                self._line.answer()
                await self._play(verb, document, played)
            case "Pause":
                self._line.hear("silence", "pause")
                await asyncio.sleep(float(verb.get("length", "1")))

    async def _play(self, verb: ET.Element, document: Document, played: SoundKind) -> None:
        url = document.resolve((verb.text or "").strip())
        try:
            length_s = await self._switch.media.length_s(url)
        except NotAudio as error:
            document.record.problems.append(f"Play: {error}")
            return
        self._line.hear(played, url)
        await asyncio.sleep(length_s * _loops(verb))


def _loops(verb: ET.Element) -> int:
    raw = verb.get("loop", "1")
    times = int(raw) if raw.isdigit() else 1
    return times or _ENDLESS
