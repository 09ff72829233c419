"""How documents are executed: verbs, prompts, URLs, answers."""

import pytest

from callrouter.simulator.carrier import CallerScript, HangUp
from tests.simulator.product import CALLER, NUMBER, Answered, stage
from tests.support.virtual_time import VirtualClock, virtual

ASK = '<Gather numDigits="5" timeout="3" action="{action}"{more}><Say>Your zip code</Say></Gather>'


def wav(seconds: float) -> bytes:
    """Silent 8 kHz µ-law."""
    data = b"\xff" * int(8000 * seconds)
    form = b"\x07\x00\x01\x00" + (8000).to_bytes(4, "little") * 2 + b"\x01\x00\x08\x00"
    chunks = b"fmt " + (16).to_bytes(4, "little") + form + b"data" + len(data).to_bytes(4, "little") + data
    return b"RIFF" + (4 + len(chunks)).to_bytes(4, "little") + b"WAVE" + chunks


@virtual
async def test_a_call_arrives_with_the_parameters_of_a_ringing_call(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", "<Hangup/>")
        call = await s.call(CallerScript(CALLER, NUMBER, from_zip="78701", extra={"CallerName": ""}))
        sent = s.product.at("/voice")[0].params
        assert sent["CallStatus"] == "ringing"
        assert (sent["From"], sent["To"], sent["CallSid"]) == (CALLER, NUMBER, call.sid)
        assert (sent["FromZip"], sent["ToCity"], sent["CallerName"]) == ("78701", "", "")
        assert call.state == "no-answer"


@virtual
async def test_saying_answers_the_call_and_takes_its_time(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", "<Say>0123456789</Say><Pause/>")
        call = await s.call()
        assert [(sound.kind, round(sound.length_s, 3)) for sound in call.heard] == [
            ("ringback", 0.1),
            ("prompt", 0.6),
            ("silence", 1.0),
        ]
        assert (call.state, call.ended_by) == ("completed", "document")


@virtual
async def test_a_pause_first_does_not_answer(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", '<Pause length="3"/><Redirect>/next</Redirect>')
        s.product.on("/next", "<Hangup/>")
        call = await s.call()
        assert {sound.kind for sound in call.heard} == {"ringback"}
        assert s.product.at("/next")[0].params["CallStatus"] == "ringing"


@pytest.mark.parametrize(("reason", "state"), [("busy", "busy"), ("rejected", "no-answer")])
def test_a_rejected_call_is_never_answered(reason: str, state: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with stage(clock) as s:
            s.product.on("/voice", f'<Reject reason="{reason}"/>')
            call = await s.call()
            assert (call.state, call.answered_at) == (state, None)
            assert s.product.at("/status")[0].params["CallStatus"] == state

    run()


@virtual
async def test_keyed_digits_go_to_the_action_and_cut_the_prompt_short(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", ASK.format(action="/zip?try=1", more=""))
        s.product.on("/zip", "<Hangup/>")
        call = await s.call(CallerScript(CALLER, NUMBER, zip_digits="787019", key_delay_s=0.3))
        asked = s.product.at("/zip")[0]
        assert (asked.params["Digits"], asked.params["try"], asked.params["CallStatus"]) == (
            "78701",
            "1",
            "in-progress",
        )
        prompt = next(sound for sound in call.heard if sound.kind == "prompt")
        assert prompt.length_s == pytest.approx(0.3)


@virtual
async def test_a_relative_action_is_resolved_against_the_last_document(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", "<Redirect>/deep/er/doc</Redirect>")
        s.product.on("/deep/er/doc", ASK.format(action="zip", more=' method="GET"'))
        s.product.on("/deep/er/zip", "<Hangup/>")
        await s.call()
        asked = s.product.at("/deep/er/zip")[0]
        assert (asked.method, asked.params["Digits"]) == ("GET", "78701")


@virtual
async def test_without_an_action_the_document_itself_is_asked_again(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", '<Gather numDigits="5"/>', "<Hangup/>")
        await s.call()
        assert s.product.at("/voice")[1].params["Digits"] == "78701"


@virtual
async def test_nothing_entered_falls_through_after_the_timeout(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", ASK.format(action="/zip", more="") + "<Redirect>/nothing</Redirect>")
        s.product.on("/nothing", "<Hangup/>")
        call = await s.call(CallerScript(CALLER, NUMBER, zip_digits=None))
        assert (len(s.product.at("/nothing")), s.product.at("/zip")) == (1, [])
        listening = next(sound for sound in call.heard if sound.kind == "listening")
        assert listening.length_s == pytest.approx(3)


@virtual
async def test_nothing_entered_is_told_when_the_document_wants_it(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", ASK.format(action="/zip", more=' actionOnEmptyResult="true"'))
        s.product.on("/zip", "<Hangup/>")
        await s.call(CallerScript(CALLER, NUMBER, zip_digits=None))
        assert s.product.at("/zip")[0].params["Digits"] == ""


@virtual
async def test_the_finishing_key_ends_the_entry(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", '<Gather finishOnKey="*" action="/zip"/>')
        s.product.on("/zip", "<Hangup/>")
        await s.call(CallerScript(CALLER, NUMBER, zip_digits="787*01"))
        assert (s.product.at("/zip")[0].params["Digits"], s.product.at("/zip")[0].params["FinishedOnKey"]) == (
            "787",
            "*",
        )


@virtual
async def test_without_a_count_the_entry_ends_when_the_keys_stop(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", '<Gather timeout="4" action="/zip"/>')
        s.product.on("/zip", "<Hangup/>")
        call = await s.call(CallerScript(CALLER, NUMBER, zip_digits="78", key_delay_s=1))
        listening = [sound for sound in call.heard if sound.kind == "listening"]
        assert sum(sound.length_s for sound in listening) == pytest.approx(1 + 0.15 + 4)


@virtual
async def test_a_wrong_first_entry_is_followed_by_the_zip(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", ASK.format(action="/zip", more=""))
        s.product.on("/zip", ASK.format(action="/zip", more=""), "<Hangup/>")
        await s.call(CallerScript(CALLER, NUMBER, wrong_first="00000"))
        assert [asked.params["Digits"] for asked in s.product.at("/zip")] == ["00000", "78701"]


@virtual
async def test_speech_is_heard_only_where_it_is_asked_for(clock: VirtualClock) -> None:
    speaks = CallerScript(CALLER, NUMBER, zip_speech="seven eight")
    async with stage(clock) as s:
        more = ' input="dtmf speech" speechTimeout="auto"'
        s.product.on("/voice", ASK.format(action="/zip", more=more), ASK.format(action="/zip", more=""))
        s.product.on("/zip", "<Hangup/>")
        await s.call(speaks)
        await s.call(speaks)
        sent = [asked.params for asked in s.product.at("/zip")]
        assert len(sent) == 1
        assert (sent[0]["SpeechResult"], "Digits" in sent[0], "Confidence" in sent[0]) == (
            "seven eight",
            False,
            True,
        )


@virtual
async def test_audio_plays_for_its_length_and_is_cached_by_etag(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", '<Play loop="2">/hold.wav</Play><Play>/hold.wav</Play>')
        s.product.on(
            "/hold.wav",
            Answered(wav(4), content_type="audio/wav", headers={"ETag": '"1"'}),
            Answered(status=304, content_type=None),
        )
        call = await s.call()
        hold = [round(sound.length_s, 3) for sound in call.heard if sound.kind == "hold"]
        assert sum(hold) == pytest.approx(12, abs=0.2)
        assert [asked.headers.get("If-None-Match") for asked in s.product.at("/hold.wav")] == [None, '"1"']
        assert "CallSid" not in s.product.at("/hold.wav")[0].params


@virtual
async def test_audio_that_may_be_kept_is_fetched_once(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", "<Play>/hold.wav</Play>")
        kept = {"Cache-Control": "public, max-age=3600"}
        s.product.on("/hold.wav", Answered(wav(1), content_type="audio/wav", headers=kept))
        await s.call()
        await s.call()
        assert len(s.product.at("/hold.wav")) == 1


@virtual
async def test_audio_that_is_missing_is_a_problem_and_the_call_goes_on(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", "<Play>/gone.wav</Play><Say>on</Say>")
        call = await s.call()
        assert s.carrier.documents[0].problems == ["Play: status 404"]
        assert call.heard[-1].kind == "prompt"


@virtual
async def test_redirects_go_on_until_the_caller_has_enough(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", "<Say>hold</Say><Redirect>/voice</Redirect>")
        call = await s.call(CallerScript(CALLER, NUMBER, hang_up=HangUp("after", 30)))
        assert call.ended_by == "caller"
        assert call.ended_at == pytest.approx(call.started_at + 30)
        assert len(s.product.at("/voice")) > 50


@pytest.mark.parametrize(("when", "at_least_heard"), [("on_hold", "hold"), ("asked", "prompt"), ("after", "ringback")])
def test_the_caller_hangs_up_when_told(when: str, at_least_heard: str) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with stage(clock) as s:
            s.product.on("/voice", "<Gather><Say>zip</Say></Gather><Play>/hold.wav</Play>")
            s.product.on("/hold.wav", Answered(wav(20), content_type="audio/wav"))
            plan = HangUp(when, 0.05)  # type: ignore[arg-type]
            call = await s.call(CallerScript(CALLER, NUMBER, zip_digits=None, hang_up=plan))
            last = call.heard[-1]
            assert (call.ended_by, last.kind) == ("caller", at_least_heard)
            assert last.length_s == pytest.approx(0.05, abs=1e-4)

    run()


@virtual
async def test_waiting_for_an_answer_after_the_call_is_answered_is_silence(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", '<Say>hi</Say><Pause length="2"/><Redirect>/slow</Redirect>')
        s.product.on("/slow", Answered(b"<Response><Say>bye</Say></Response>", delay_s=3))
        call = await s.call()
        assert call.longest_silence_s() == pytest.approx(2 + 0.05 + 3 + 0.05)


@virtual
async def test_the_caller_hears_nothing_from_the_last_word_to_the_next_document(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", "<Say>hi</Say><Redirect>/slow</Redirect>")
        s.product.on("/slow", Answered(b"<Response><Say>bye</Say></Response>", delay_s=1))
        call = await s.call()
        assert [sound.kind for sound in call.heard] == ["ringback", "prompt", "silence", "prompt"]
        assert call.longest_silence_s() == pytest.approx(1.1)


@virtual
async def test_waiting_before_the_answer_is_ringback_and_no_silence(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", Answered(b"<Response><Say>bye</Say></Response>", delay_s=8))
        call = await s.call()
        assert call.longest_silence_s() == 0
        assert call.heard[0].length_s == pytest.approx(8.1)


@virtual
async def test_what_is_heard_has_no_gaps(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", ASK.format(action="/zip", more=""))
        s.product.on("/zip", "<Say>thanks</Say><Play>/hold.wav</Play><Dial>+12145550111</Dial>")
        s.product.on("/hold.wav", Answered(wav(2), content_type="audio/wav"))
        call = await s.call()
        assert call.heard[0].start == call.started_at
        assert call.heard[-1].end == call.ended_at
        assert all(a.end == b.start for a, b in zip(call.heard, call.heard[1:], strict=False))


@virtual
async def test_the_end_is_told_with_its_duration(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", '<Say>0</Say><Pause length="65"/>')
        await s.call()
        ended = s.product.at("/status")[0].params
        assert (ended["CallStatus"], ended["CallDuration"], ended["Duration"]) == ("completed", "65", "2")
