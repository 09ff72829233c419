"""What a request to each of the carrier's endpoints is answered with, over real HTTP."""

from collections.abc import Mapping

import aiohttp
import pytest

from callrouter.calls.answer import Answer
from callrouter.carrier.seam import AskPin, PinEntered
from callrouter.carrier.twilio.signature import signature_of
from callrouter.carrier.twilio.webhooks import BODY_LIMIT
from callrouter.domain.clock import SystemClock
from callrouter.metrics import ENDPOINTS
from tests.carrier.edge import AUTH_TOKEN, CALL, PUBLIC, Edge, edge
from tests.carrier.plans import a_plan

LEG = "CA" + "1" * 32
JOINED = {
    "ConferenceSid": "CF" + "2" * 32,
    "SequenceNumber": "1",
    "StatusCallbackEvent": "participant-join",
    "CallSid": LEG,
    "ParticipantLabel": "agent-1",
}
NEW = (
    f"/twilio/pin/1?call={CALL}",
    f"/twilio/room?call={CALL}",
    f"/twilio/party/agent-1?call={CALL}",
    f"/twilio/out/agent-1?call={CALL}",
    "/twilio/music?plan=auto",
)


async def asked(
    at: Edge, path: str, params: Mapping[str, str] | None = None, *, method: str = "POST", signed: str | None = None
) -> tuple[int, str]:
    """Send one request as Twilio would; ``signed`` is the path that the signature is for."""
    form = dict(params or {"CallSid": LEG, "CallStatus": "in-progress"}) if method == "POST" else {}
    signature = signature_of(PUBLIC + (signed or path), list(form.items()), AUTH_TOKEN)
    headers = {"X-Twilio-Signature": signature}
    sent = form if method == "POST" else None
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, at.url + path, data=sent, headers=headers) as response,
    ):
        return response.status, await response.text()


def counted(at: Edge, endpoint: str, result: str) -> float | None:
    """How many requests of this endpoint came to this."""
    labels = {"endpoint": endpoint, "result": result}
    return at.metrics.registry.get_sample_value("callrouter_webhooks_total", labels)


@pytest.mark.parametrize("path", NEW)
async def test_an_endpoint_takes_nothing_that_twilio_did_not_sign(path: str) -> None:
    async with edge(SystemClock()) as at:
        other = CALL[:-1] + "d"
        forged = path.replace(CALL, other) if CALL in path else "/twilio/music?plan=other"
        assert await asked(at, forged, signed=path) == (403, "")
        assert (at.told.events, at.told.reports) == ([], [])
        name = path.split("/")[2].partition("?")[0]
        assert name in ENDPOINTS
        assert counted(at, name, "forbidden") == 1


async def test_the_id_in_the_url_is_the_calls_and_goes_out_again() -> None:
    async with edge(SystemClock()) as at:
        at.told.answers[PinEntered] = Answer(AskPin(2), a_plan(), CALL)
        status, body = await asked(at, f"/twilio/pin/1?call={CALL}", {"CallSid": LEG, "Digits": "123456"})
        assert at.told.events == [PinEntered(CALL, 1, "123456")]
        assert at.told.arrivals[0].sid == LEG
        assert status == 200
        assert f'action="{PUBLIC}/twilio/pin/2?call={CALL}#rc=2' in body


async def test_without_an_id_the_answer_has_none() -> None:
    async with edge(SystemClock()) as at:
        at.told.answers[PinEntered] = Answer(AskPin(2), a_plan())
        _, body = await asked(at, "/twilio/pin/1")
        assert at.told.events == [PinEntered(LEG, 1)]
        assert f'action="{PUBLIC}/twilio/pin/2#rc=2' in body


@pytest.mark.parametrize("path", ["/twilio/out/boss-1?call=", "/twilio/out/agent-1?x=", "/twilio/pin/1?call=TR1"])
async def test_what_cannot_be_understood_is_answered_all_the_same(path: str) -> None:
    async with edge(SystemClock()) as at:
        whole = path + CALL if path.endswith("=") else path
        status, body = await asked(at, whole)
        assert status == 200
        assert "<Hangup/>" in body
        assert at.told.events == []
        assert counted(at, path.split("/")[2], "bad_request") == 1


async def test_a_rooms_report_is_taken_and_one_that_says_nothing_is_let_pass() -> None:
    async with edge(SystemClock()) as at:
        path = f"/twilio/room?call={CALL}"
        assert await asked(at, path, JOINED) == (204, "")
        assert await asked(at, path, JOINED | {"StatusCallbackEvent": "conference-start"}) == (204, "")
        assert await asked(at, path, JOINED | {"SequenceNumber": "x"}) == (204, "")
        assert [report.event_id for report in at.told.reports] == [f"room:{JOINED['ConferenceSid']}:1:joined"]
        assert (counted(at, "room", "answered"), counted(at, "room", "bad_request")) == (2, 1)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_music_is_asked_for_either_way_and_is_the_plans(method: str) -> None:
    own = a_plan(prompts={"hold_audio": "https://cdn.example/music.wav"})
    async with edge(SystemClock(), {"auto": own}) as at:
        status, body = await asked(at, "/twilio/music?plan=auto", method=method)
        assert status == 200
        assert "https://cdn.example/music.wav" in body
        _, unknown = await asked(at, "/twilio/music?plan=gone", method=method)
        assert "/audio/hold-4s." in unknown
        assert "plan=" not in unknown


@pytest.mark.parametrize("path", ["zip/{}", "pin/{}", "hold/1/{}", "hold/{}/1", "dial/{}", "leg/{}"])
async def test_a_number_that_is_none_of_ours_is_no_failure_of_ours(path: str) -> None:
    async with edge(SystemClock()) as at:
        for number in ("9" * 5_000, "9" * 10):
            assert (await asked(at, f"/twilio/{path.format(number)}", signed="/"))[0] == 404
        assert (at.told.events, at.told.reports) == ([], [])


async def test_a_body_that_no_carrier_sends_is_not_read_to_its_end() -> None:
    async with edge(SystemClock()) as at:
        params = {"CallSid": LEG, "CallStatus": "in-progress", "Digits": "7" * BODY_LIMIT}
        assert await asked(at, f"/twilio/pin/1?call={CALL}", params) == (403, "")
        assert (at.told.events, counted(at, "pin", "forbidden")) == ([], 1)
