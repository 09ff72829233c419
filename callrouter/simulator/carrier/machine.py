"""Executes one line's documents, verb by verb."""

import asyncio
import xml.etree.ElementTree as ET

from callrouter.simulator.carrier import schema
from callrouter.simulator.carrier.dialling import Dialling
from callrouter.simulator.carrier.gather import Gather
from callrouter.simulator.carrier.line import Fetch, Line
from callrouter.simulator.carrier.player import Player
from callrouter.simulator.carrier.rooms import Rooms
from callrouter.simulator.carrier.switch import Switch
from callrouter.simulator.carrier.twiml import BadDocument, Document
from callrouter.simulator.carrier.visit import Visit, visit_of
from callrouter.simulator.carrier.webhooks import WebhookFailed

APOLOGY_S = 4.0


class _Hopeless(Exception):
    """Neither the URL nor the fallback gave a usable document."""


class Machine:
    """What executes the documents of one call."""

    def __init__(self, switch: Switch, rooms: Rooms, line: Line) -> None:
        self._switch = switch
        self._rooms = rooms
        self._line = line
        self._player = Player(switch, line)
        self._dialling: Dialling | Visit | None = None

    async def run(self, work: Fetch | Document | Visit) -> str:
        """Execute until the call ends; what ended it: ``document``, ``reject``, ``busy`` or ``apology``."""
        try:
            while True:
                step = await (self._stay(work) if isinstance(work, Visit) else self._read_and_perform(work))
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

    async def _stay(self, visit: Visit) -> Fetch | str:
        return await self._run_dial(visit) or "document"

    async def _read_and_perform(self, work: Fetch | Document) -> Fetch | str:
        document = work if isinstance(work, Document) else await self._fetch(work)
        return await self._perform(document)

    async def _fetch(self, fetch: Fetch) -> Document:
        self._line.hear("silence", f"awaiting {fetch.kind}")
        try:
            return self._player.read(await self._player.ask(fetch))
        except (WebhookFailed, BadDocument) as failure:
            fallback = self._line.config.fallback_url
            if not fallback:
                raise _Hopeless from failure
            params = {"ErrorCode": failure.code, "ErrorUrl": fetch.url}
        try:
            return self._player.read(await self._player.ask(Fetch(fallback, params, "fallback")))
        except (WebhookFailed, BadDocument) as failure:
            raise _Hopeless from failure

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
                await self._player.sound(verb, document, "hold")
                return None

    async def _dial(self, verb: ET.Element, document: Document) -> Fetch | None:
        if any(child.tag in schema.NOUNS and child.tag not in schema.EXECUTED_NOUNS for child in verb):
            return None
        room = verb.find("Conference")
        if room is not None:
            return await self._run_dial(visit_of(self._switch, self._rooms, self._line, verb, room, document))
        return await self._run_dial(Dialling(self._switch, self._line, verb, document))

    async def _run_dial(self, dialling: Dialling | Visit) -> Fetch | None:
        self._dialling = dialling
        action = await dialling.run()
        self._dialling = None
        return action

    async def _prompt(self, gather: ET.Element, document: Document) -> None:
        for verb in gather:
            await self._player.sound(verb, document, "prompt")
