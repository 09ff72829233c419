"""The carrier's REST side."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from callrouter.domain.clock import SystemClock, rfc3339
from callrouter.simulator.carrier import CallerScript, CarrierTimings, PhoneScript, SimulatedCall
from tests.simulator.product import (
    BUYER,
    CALLER,
    NUMBER,
    PUBLIC,
    SID,
    TOKEN,
    Answered,
    Stage,
    response,
    stage,
)
from tests.support.virtual_time import VirtualClock, virtual
from tests.support.waiting import wait_until

HOLD = '<Say>hold</Say><Pause length="60"/>'
BYE = response("<Say>bye</Say>")


class Client:
    """Speaks to the REST side as the product would."""

    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        self._calls = f"{base}/2010-04-01/Accounts/{SID}/Calls"
        self._base = base
        self._session = session

    async def update(self, sid: str, **params: str) -> tuple[int, dict[str, Any]]:
        """POST to a call."""
        async with self._session.post(f"{self._calls}/{sid}.json", data=params) as reply:
            return reply.status, await reply.json()

    async def show(self, sid: str) -> tuple[int, dict[str, Any]]:
        """GET a call."""
        async with self._session.get(f"{self._calls}/{sid}.json") as reply:
            return reply.status, await reply.json()

    async def list(self, **params: str) -> dict[str, Any]:
        """GET calls."""
        async with self._session.get(f"{self._calls}.json", params=params) as reply:
            return dict(await reply.json())

    async def follow(self, uri: str) -> dict[str, Any]:
        """GET a further page."""
        async with self._session.get(f"{self._base}{uri}") as reply:
            return dict(await reply.json())


@asynccontextmanager
async def client(s: Stage, token: str = TOKEN) -> AsyncIterator[Client]:
    """An authorised client."""
    headers = {"Authorization": aiohttp.encode_basic_auth(SID, token)}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield Client(s.carrier.rest_url, session)


async def answered(s: Stage) -> SimulatedCall:
    """A call that is in progress."""
    s.product.on("/voice", HOLD)
    call = s.carrier.place(CallerScript(CALLER, NUMBER))
    await wait_until(lambda: call.answered)
    return call


@virtual
async def test_a_pushed_document_interrupts_what_the_call_is_doing(clock: VirtualClock) -> None:
    async with stage(clock) as s, client(s) as rest:
        call = await answered(s)
        before = clock.now()
        status, shown = await rest.update(call.sid, Twiml=BYE)
        await call.wait_ended()
        assert (status, shown["status"], shown["sid"]) == (200, "in-progress", call.sid)
        assert [sound.kind for sound in call.heard][-1] == "prompt"
        assert s.carrier.rest_log[0].applied_at == pytest.approx(before + 0.1 + 0.05, abs=1e-3)
        assert [d.source for d in s.carrier.documents] == ["answered", "pushed"]


@virtual
async def test_a_pushed_url_is_fetched(clock: VirtualClock) -> None:
    async with stage(clock) as s, client(s) as rest:
        call = await answered(s)
        s.product.on("/pushed", "<Say>bye</Say>")
        await rest.update(call.sid, Url=f"{PUBLIC}/pushed")
        await call.wait_ended()
        assert s.product.at("/pushed")[0].params["CallSid"] == call.sid


@virtual
async def test_a_push_during_a_dial_ends_its_leg_and_does_not_ask_its_action(clock: VirtualClock) -> None:
    async with stage(clock) as s, client(s) as rest:
        s.product.on("/voice", f'<Say>hi</Say><Dial action="/dialled">{BUYER}</Dial>')
        s.carrier.phone(BUYER, PhoneScript(ring_s=10))
        call = s.carrier.place(CallerScript(CALLER, NUMBER))
        await wait_until(lambda: call.dials)
        await rest.update(call.sid, Twiml=BYE)
        await call.wait_ended()
        await s.settled()
        assert (call.dials[0].result, s.product.at("/dialled")) == ("canceled", [])


@virtual
async def test_a_push_during_a_pending_webhook_makes_its_reply_void(clock: VirtualClock) -> None:
    async with stage(clock) as s, client(s) as rest:
        s.product.on("/voice", "<Say>hi</Say><Redirect>/slow</Redirect>")
        s.product.on("/slow", Answered(response("<Say>never</Say>").encode(), delay_s=5))
        call = s.carrier.place(CallerScript(CALLER, NUMBER))
        await wait_until(lambda: s.product.at("/slow"))
        await rest.update(call.sid, Twiml=BYE)
        await call.wait_ended()
        await s.settled()
        assert [sound.detail for sound in call.heard if sound.kind == "prompt"] == ["hi", "bye"]


@virtual
async def test_status_completed_hangs_up(clock: VirtualClock) -> None:
    async with stage(clock) as s, client(s) as rest:
        call = await answered(s)
        await rest.update(call.sid, Status="completed")
        await call.wait_ended()
        assert (call.state, call.ended_by) == ("completed", "rest")


@virtual
async def test_a_leg_can_be_ended_and_its_dial_goes_on_to_the_action(clock: VirtualClock) -> None:
    async with stage(clock) as s, client(s) as rest:
        s.product.on("/voice", f'<Dial action="/dialled">{BUYER}</Dial>')
        s.product.on("/dialled", "<Hangup/>")
        call = s.carrier.place(CallerScript(CALLER, NUMBER))
        await wait_until(lambda: call.bridged)
        status, shown = await rest.update(call.dials[0].leg_sid, Status="completed")
        await call.wait_ended()
        assert (status, shown["parent_call_sid"], call.ended_by) == (200, call.sid, "document")


@virtual
async def test_a_call_that_is_not_in_progress_cannot_be_redirected(clock: VirtualClock) -> None:
    async with stage(clock) as s, client(s) as rest:
        s.product.on("/voice", '<Pause length="5"/>')
        call = s.carrier.place(CallerScript(CALLER, NUMBER))
        ringing = await rest.update(call.sid, Twiml=BYE)
        await call.wait_ended()
        ended = await rest.update(call.sid, Twiml=BYE)
        assert [(status, body["code"]) for status, body in (ringing, ended)] == [(400, 21220), (400, 21220)]


@virtual
async def test_refusals_carry_the_carriers_codes(clock: VirtualClock) -> None:
    async with stage(clock) as s, client(s) as rest, client(s, "wrong") as stranger:
        call = await answered(s)
        s.carrier.faults.rest_429_next = 1
        refusals = [
            await rest.update(call.sid, Twiml=BYE),
            await rest.update("CA" + "0" * 32, Twiml=BYE),
            await rest.show("CA" + "0" * 32),
            await rest.update(call.sid, Twiml="x" * 4001),
            await rest.update(call.sid, Twiml="<Response>"),
            await stranger.show(call.sid),
        ]
        assert [(status, body["code"]) for status, body in refusals] == [
            (429, 20429),
            (404, 20404),
            (404, 20404),
            (400, 21605),
            (400, 12100),
            (401, 20003),
        ]
        assert call.state == "in-progress"


@virtual
async def test_a_lost_push_is_accepted_and_never_applied(clock: VirtualClock) -> None:
    async with stage(clock) as s, client(s) as rest:
        call = await answered(s)
        s.carrier.faults.drop_next_pushes = 1
        status, _ = await rest.update(call.sid, Twiml=BYE)
        await call.wait_ended()
        assert (status, s.carrier.rest_log[0].lost, "bye" in [x.detail for x in call.heard]) == (
            200,
            True,
            False,
        )


@virtual
async def test_unknown_parameters_are_noted(clock: VirtualClock) -> None:
    async with stage(clock) as s, client(s) as rest:
        call = await answered(s)
        await rest.update(call.sid, Twiml=BYE, TwiML=BYE)
        assert s.carrier.rest_log[0].problems == ["TwiML"]


@virtual
async def test_an_ended_call_is_shown_with_its_duration(clock: VirtualClock) -> None:
    async with stage(clock) as s, client(s) as rest:
        s.product.on("/voice", f"<Say>hi</Say><Dial>{BUYER}</Dial>")
        s.carrier.phone(BUYER, PhoneScript(ring_s=2, talk_s=30))
        call = await s.call()
        _, shown = await rest.show(call.sid)
        _, leg = await rest.show(call.dials[0].leg_sid)
        assert (shown["status"], shown["duration"], shown["direction"]) == ("completed", "32", "inbound")
        assert (leg["status"], leg["duration"], leg["to"]) == ("completed", "30", BUYER)
        assert shown["start_time"] == "Fri, 20 Nov 2026 18:40:00 +0000"


@virtual
async def test_calls_are_listed_by_number_parent_and_time_page_by_page(clock: VirtualClock) -> None:
    async with stage(clock) as s, client(s) as rest:
        s.product.on("/voice", f"<Dial>{BUYER}</Dial>")
        s.carrier.default_phone = PhoneScript(ring_s=1, talk_s=5)
        calls = [await s.call() for _ in range(3)]
        first = await rest.list(To=NUMBER, PageSize="2")
        second = await rest.follow(first["next_page_uri"])
        assert [c["sid"] for c in first["calls"] + second["calls"]] == [c.sid for c in reversed(calls)]
        assert second["next_page_uri"] is None
        legs = await rest.list(ParentCallSid=calls[1].sid)
        assert [leg["sid"] for leg in legs["calls"]] == [calls[1].dials[0].leg_sid]
        since = rfc3339(calls[1].started_at - 1) or ""
        recent = await rest.list(To=NUMBER, **{"StartTime>": since})
        assert [c["sid"] for c in recent["calls"]] == [calls[2].sid, calls[1].sid]
        day = await rest.list(To=NUMBER, **{"StartTime>": "2026-11-20", "StartTime<": "2026-11-20"})
        assert len(day["calls"]) == 3
        assert (await rest.list(To=NUMBER, Status="in-progress"))["calls"] == []


async def test_the_twilio_package_understands_every_answer() -> None:
    from twilio.rest import Client as TwilioClient

    async with stage(SystemClock(), timings=CarrierTimings(say_s_per_char=0.001)) as s:
        s.product.on("/voice", f"<Say>hi</Say><Dial>{BUYER}</Dial>", HOLD)
        s.carrier.default_phone = PhoneScript(ring_s=0.05, talk_s=0.05)
        ended, live = await s.call(), s.carrier.place(CallerScript(CALLER, NUMBER))
        await wait_until(lambda: live.answered)
        twilio = TwilioClient(SID, TOKEN)
        twilio.api.base_url = s.carrier.rest_url

        def ask() -> list[object]:
            shown = twilio.calls(ended.sid).fetch()
            since = datetime.fromtimestamp(ended.started_at - 5, UTC)
            found = twilio.calls.list(to=NUMBER, start_time_after=since, page_size=1)
            legs = twilio.calls.list(parent_call_sid=ended.sid)
            pushed = twilio.calls(live.sid).update(twiml=BYE)
            return [shown.status, int(shown.duration), {call.sid for call in found}, legs[0].to, pushed.status]

        answers = await asyncio.to_thread(ask)
        await live.wait_ended()
        assert answers == ["completed", 0, {ended.sid, live.sid}, BUYER, "in-progress"]
        assert [record.problems for record in s.carrier.rest_log if record.problems] == []
