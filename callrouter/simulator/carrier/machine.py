"""Executes one caller's documents, verb by verb."""

import asyncio
import xml.etree.ElementTree as ET

from callrouter.simulator.carrier import schema, twiml
from callrouter.simulator.carrier.dialling import Dialling
from callrouter.simulator.carrier.gather import Gather
from callrouter.simulator.carrier.line import Fetch, Line
from callrouter.simulator.carrier.media import NotAudio
from callrouter.simulator.carrier.records import DocumentRecord, SoundKind
from callrouter.simulator.carrier.switch import Switch
from callrouter.simulator.carrier.twiml import BadDocument, Document
from callrouter.simulator.carrier.webhooks import Message, Reply, WebhookFailed

APOLOGY_S = 4.0
_ENDLESS = 1000
"""How often ``loop="0"`` plays."""


class _Hopeless(Exception):
    """Neither the URL nor the fallback gave a usable document."""


class Machine:
    """What executes the documents of one call."""

    def __init__(self, switch: Switch, line: Line) -> None:
        self._switch = switch
        self._line = line
        self._dialling: Dialling | None = None

    async def run(self, work: Fetch | Document) -> str:
        """Execute until the call ends; what ended it: ``document``, ``reject``, ``busy`` or ``apology``."""
        try:
            while True:
                document = work if isinstance(work, Document) else await self._fetch(work)
                step = await self._perform(document)
                if isinstance(step, str):
                    return step
                work = step
        except _Hopeless:
            self._line.answer()
            self._line.hear("apology")
            await asyncio.sleep(APOLOGY_S)
            return "apology"

    def leave_dial(self, *, caller_gone: bool) -> Fetch | None:
        """End the dial that was interrupted, if any; the action that is still due."""
        dialling, self._dialling = self._dialling, None
        return dialling.abandon(caller_gone=caller_gone) if dialling else None

    async def _fetch(self, fetch: Fetch) -> Document:
        self._line.hear("silence", f"awaiting {fetch.kind}")
        try:
            return await self._ask(fetch)
        except (WebhookFailed, BadDocument) as failure:
            fallback = self._line.config.fallback_url
            if not fallback:
                raise _Hopeless from failure
            params = {"ErrorCode": failure.code, "ErrorUrl": fetch.url}
        try:
            return await self._ask(Fetch(fallback, params, "fallback"))
        except (WebhookFailed, BadDocument) as failure:
            raise _Hopeless from failure

    async def _ask(self, fetch: Fetch) -> Document:
        if not twiml.absolute(fetch.url):
            raise WebhookFailed("11100", "url", "not an absolute URL")
        params = self._line.params(fetch.params)
        reply = await self._switch.webhooks.ask(Message(fetch.url, params, fetch.kind, self._line.sid, fetch.method))
        return self._read(reply)

    def _read(self, reply: Reply) -> Document:
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

    async def _perform(self, document: Document) -> Fetch | str:
        for verb in document.verbs:
            step = await self._do(verb, document)
            if step is not None:
                return step
        return "document"

    async def _do(self, verb: ET.Element, document: Document) -> Fetch | str | None:
        match verb.tag:
            case "Gather":
                gather = Gather(self._switch.timings, self._line, verb, document)
                return await gather.run(lambda: self._prompt(verb, document))
            case "Dial":
                return await self._dial(verb, document)
            case "Redirect":
                url = document.resolve((verb.text or "").strip())
                return Fetch(url, {}, "redirect", verb.get("method", "POST"))
            case "Hangup":
                return "document"
            case "Reject":
                return "busy" if verb.get("reason") == "busy" else "reject"
            case _:
                await self._sound(verb, document, "hold")
                return None

    async def _dial(self, verb: ET.Element, document: Document) -> Fetch | None:
        if any(child.tag in schema.NOUNS and child.tag not in schema.EXECUTED_NOUNS for child in verb):
            return None
        self._dialling = Dialling(self._switch, self._line, verb, document)
        action = await self._dialling.run()
        self._dialling = None
        return action

    async def _prompt(self, gather: ET.Element, document: Document) -> None:
        for verb in gather:
            await self._sound(verb, document, "prompt")

    async def _sound(self, verb: ET.Element, document: Document, played: SoundKind) -> None:
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
