"""How webhooks are signed, retried and given up on."""

import pytest
from twilio.request_validator import RequestValidator

from callrouter.simulator.carrier import CallerScript
from callrouter.simulator.carrier.overrides import delivery_of
from callrouter.simulator.carrier.signature import sign
from tests.simulator.product import CALLER, NUMBER, PUBLIC, TOKEN, Answered, response, stage
from tests.support.virtual_time import VirtualClock, virtual

OK = Answered(response("<Hangup/>").encode())


def test_the_documented_vector_has_the_documented_signature() -> None:
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675310",
        "Digits": "1234",
        "From": "+14158675310",
        "To": "+18005551212",
    }
    signature = sign("12345", "https://example.com/myapp.php?foo=1&bar=2", form)
    assert signature == "L/OH5YylLD5NRKLltdqwSvS0BnU="


@pytest.mark.parametrize("fragment", ["", "#rc=2&rp=ct,rt"])
def test_the_twilio_package_accepts_every_request(fragment: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with stage(clock, fragment=fragment) as s:
            s.product.on("/voice", '<Redirect method="GET">/next?a=1&amp;b=%2B%20x</Redirect>')
            s.product.on("/next", "<Say>hi</Say><Redirect>/last?empty=#rc=1</Redirect>")
            s.product.on("/last", "<Hangup/>")
            await s.call(CallerScript(CALLER, NUMBER, extra={"ToCity": "", "CallerName": "Zoë & Ann"}))
            validator = RequestValidator(TOKEN)
            assert {asked.path for asked in s.product.asked} == {"/voice", "/next", "/last", "/status"}
            for asked in s.product.asked:
                params = asked.params if asked.method == "POST" else {}
                query = asked.url.partition("?")[2]
                form = {k: v for k, v in params.items() if f"{k}=" not in query}
                assert validator.validate(PUBLIC + asked.url, form, asked.headers["X-Twilio-Signature"])
                assert asked.headers["Host"] == "calls.example.com"

    run()


@pytest.mark.parametrize("url", ["https://u:p@h.example:8443/p?q=1", "http://h.example:8080/p", "https://h.example"])
def test_ports_and_users_are_signed_as_the_twilio_package_expects(url: str) -> None:
    form = {"b": "2", "B": "1", "a": ""}
    bare = url.replace("u:p@", "")
    assert RequestValidator(TOKEN).validate(bare, form, sign(TOKEN, url, form))


def test_overrides_are_read_and_held_to_their_ranges() -> None:
    rules = delivery_of("https://h/p?q=1#rc=9&rp=ct,5xx,nonsense&ct=50&rt=4000&tt=99999")
    assert (rules.url, rules.retries) == ("https://h/p?q=1", 5)
    assert rules.retry_on == {"ct", "5xx"}
    assert (rules.connect_s, rules.read_s, rules.total_s) == (0.1, 4.0, 15.0)
    assert delivery_of("https://h/p").retry_on == {"ct"}
    assert delivery_of("https://h/p#rp=all").retry_on == {"ct", "rt", "4xx", "5xx"}


@pytest.mark.parametrize(
    ("failing", "code"),
    [
        (Answered(status=500), "11200"),
        (Answered(status=429), "11200"),
        (Answered(status=403), "11200"),
        (Answered(b"nonsense"), "12100"),
        (Answered(b"{}", content_type="application/json"), "12300"),
        (Answered(b"<Response/>", delay_s=16), "11205"),
    ],
)
def test_a_failure_is_not_retried_and_asks_the_fallback(failing: Answered, code: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with stage(clock) as s:
            s.product.on("/voice", failing)
            s.product.on("/fallback", "<Say>sorry</Say>")
            call = await s.call()
            assert len(s.product.at("/voice")) == 1
            told = s.product.at("/fallback")[0].params
            assert (told["ErrorCode"], told["ErrorUrl"]) == (code, f"{PUBLIC}/voice")
            assert (told["CallSid"], call.ended_by) == (call.sid, "document")

    run()


@virtual
async def test_a_fallback_that_fails_as_well_ends_in_the_carriers_apology(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", Answered(status=500))
        s.product.on("/fallback", Answered(status=500))
        call = await s.call()
        assert (call.ended_by, call.heard[-1].kind, call.state) == ("apology", "apology", "completed")


@virtual
async def test_retries_follow_the_policy_with_the_same_token(clock: VirtualClock) -> None:
    async with stage(clock, fragment="#rc=2&rp=5xx") as s:
        s.product.on("/voice", Answered(status=503), Answered(status=502), OK)
        await s.call()
        tries = [record for record in s.carrier.webhooks if record.kind == "voice"]
        assert [(t.attempt_no, t.status) for t in tries] == [(1, 503), (2, 502), (3, 200)]
        assert [t.error for t in tries] == ["status 503", "status 502", None]
        assert len({asked.headers["I-Twilio-Idempotency-Token"] for asked in s.product.at("/voice")}) == 1
        assert s.product.at("/fallback") == []


@virtual
async def test_a_slow_answer_is_retried_after_the_read_timeout(clock: VirtualClock) -> None:
    async with stage(clock, fragment="#rc=1&rp=rt&rt=4000") as s:
        s.product.on("/voice", Answered(OK.body, delay_s=6), OK)
        call = await s.call()
        tries = [record for record in s.carrier.webhooks if record.kind == "voice"]
        assert [t.error for t in tries] == ["no reply", None]
        assert (call.ended_at or 0) - call.started_at == pytest.approx(4.15, abs=0.05)


@virtual
async def test_no_override_goes_beyond_fifteen_seconds(clock: VirtualClock) -> None:
    async with stage(clock, fragment="#rc=5&rp=all&rt=10000&tt=15000") as s:
        s.product.on("/voice", Answered(OK.body, delay_s=60))
        s.product.on("/fallback", OK)
        await s.call()
        tries = [record for record in s.carrier.webhooks if record.kind == "voice"]
        assert len(tries) == 2
        assert (tries[-1].ended_at or 0) - tries[0].started_at == pytest.approx(15, abs=1e-3)


@virtual
async def test_a_refused_connection_is_tried_twice_then_the_call_is_lost(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        await s.product.server.refuse()
        call = await s.call()
        assert [(r.kind, r.attempt_no, r.error) for r in s.carrier.webhooks] == [
            ("voice", 1, "cannot connect"),
            ("voice", 2, "cannot connect"),
            ("fallback", 1, "cannot connect"),
            ("fallback", 2, "cannot connect"),
            ("status", 1, "cannot connect"),
            ("status", 2, "cannot connect"),
        ]
        assert call.ended_by == "apology"


@virtual
async def test_duplicated_webhooks_arrive_twice_and_one_reply_counts(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.carrier.faults.duplicate_webhooks = True
        s.product.on("/voice", "<Say>hi</Say><Redirect>/next</Redirect>")
        s.product.on("/next", "<Hangup/>")
        call = await s.call()
        assert [len(s.product.at(path)) for path in ("/voice", "/next", "/status")] == [2, 2, 2]
        assert [sound.kind for sound in call.heard].count("prompt") == 1
        assert [record.duplicate for record in s.carrier.webhooks if record.kind == "voice"] == [False, True]


@virtual
async def test_status_callbacks_can_be_lost_or_late(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", "<Hangup/>")
        s.carrier.faults.reorder_status = True
        call = await s.call()
        late = [r for r in s.carrier.webhooks if r.kind == "status"]
        assert late[0].started_at > (call.ended_at or 0)
        s.carrier.faults.lose_status_share = 1.0
        await s.call()
        assert len(s.product.at("/status")) == 1
