"""What tests of conferences share: documents, people, and a client of the REST side."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from callrouter.simulator.carrier import CallerScript, SimulatedCall
from tests.simulator.product import CALLER, NUMBER, PUBLIC, SID, TOKEN, Stage, response
from tests.support.waiting import wait_until

AGENT = "+17375550188"
EVENTS = "start end join leave hold mute modify"
MUSIC = '<Say>please wait</Say><Redirect method="POST">/wait</Redirect>'


def room_document(more: str = "", name: str = "cr-1", action: str | None = "/left", events_to: str = "/events") -> str:
    """A stay in a conference that reports all of its events."""
    asked = f' action="{PUBLIC}{action}"' if action else ""
    return (
        f'<Dial{asked}><Conference statusCallback="{PUBLIC}{events_to}" statusCallbackEvent="{EVENTS}" {more}>'
        f"{name}</Conference></Dial>"
    )


class Rest:
    """Speaks to the conferences' side of REST as the product would."""

    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        self._account = f"{base}/2010-04-01/Accounts/{SID}"
        self._session = session

    async def ask(
        self, method: str, path: str, params: dict[str, str] | list[tuple[str, str]] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """One request; an empty answer is an empty dict."""
        sent: dict[str, Any] = {"params" if method == "GET" else "data": params or {}}
        async with self._session.request(method, f"{self._account}/{path}.json", **sent) as reply:
            return reply.status, dict(await reply.json()) if await reply.read() else {}

    async def add(self, room: str, to: str, label: str, **params: str) -> tuple[int, dict[str, Any]]:
        """Have somebody called for a conference; everything is reported."""
        usual = {
            "From": NUMBER,
            "To": to,
            "Label": label,
            "EarlyMedia": "false",
            "StatusCallback": f"{PUBLIC}/leg",
            "StatusCallbackEvent": "initiated ringing answered completed",
            "ConferenceStatusCallback": f"{PUBLIC}/events",
            "ConferenceStatusCallbackEvent": EVENTS,
        }
        return await self.ask("POST", f"Conferences/{room}/Participants", usual | params)

    async def change(self, room: str, who: str, **params: str) -> tuple[int, dict[str, Any]]:
        """Change a participant."""
        return await self.ask("POST", f"Conferences/{room}/Participants/{who}", params)

    async def push(self, sid: str, verbs: str) -> tuple[int, dict[str, Any]]:
        """Have a call do something else."""
        return await self.ask("POST", f"Calls/{sid}", {"Twiml": response(verbs)})

    async def labels(self, room: str) -> list[str]:
        """Who is in a conference or called for it."""
        _, page = await self.ask("GET", f"Conferences/{room}/Participants")
        return [participant["label"] for participant in page["participants"]]


@asynccontextmanager
async def rest_of(s: Stage) -> AsyncIterator[Rest]:
    """An authorised client."""
    headers = {"Authorization": aiohttp.encode_basic_auth(SID, TOKEN)}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield Rest(s.carrier.rest_url, session)


def scripted(s: Stage, document: str) -> None:
    """The product answers this to a call, and takes every report."""
    s.product.on("/voice", document)
    s.product.on("/left", "<Hangup/>")
    s.product.on("/events", "")
    s.product.on("/leg", "")
    s.product.on("/wait", MUSIC)


async def in_room(s: Stage, more: str = 'participantLabel="caller" waitUrl="/wait"') -> SimulatedCall:
    """A caller who is in the conference."""
    scripted(s, room_document(more))
    call = s.carrier.place(CallerScript(CALLER, NUMBER))
    await wait_until(
        lambda: any(p.call_sid == call.sid and p.joined_at for r in s.carrier.rooms for p in r.participants)
    )
    return call


def events(s: Stage) -> list[tuple[str, str]]:
    """What was reported of conferences, as sent: (event, label)."""
    told = [record.params for record in s.carrier.webhooks if record.kind == "conference"]
    return [(params["StatusCallbackEvent"], params.get("ParticipantLabel", "")) for params in told]


def event(s: Stage, name: str, label: str = "") -> dict[str, str]:
    """The first such report."""
    told = [dict(record.params) for record in s.carrier.webhooks if record.kind == "conference"]
    return next(p for p in told if (p["StatusCallbackEvent"], p.get("ParticipantLabel", "")) == (name, label))
