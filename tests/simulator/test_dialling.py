"""How buyers' numbers are rung and bridged, and what the product is told of it."""

from email.utils import parsedate_to_datetime

import pytest

from callrouter.simulator.carrier import CallerScript, HangUp, PhoneScript
from tests.simulator.product import BUYER, CALLER, NUMBER, Stage, stage
from tests.support.virtual_time import EPOCH, VirtualClock, virtual

EVENTS = "initiated ringing answered completed"


def dial(inner: str = BUYER, more: str = 'answerOnBridge="true"', action: str = "/dialled") -> str:
    """A dial of one number with every status callback."""
    number = f'<Number statusCallback="/leg" statusCallbackEvent="{EVENTS}">{inner}</Number>'
    return f'<Dial timeout="20" action="{action}" {more}>{number}</Dial>'


def scripted(s: Stage, document: str, phone: PhoneScript) -> None:
    """The usual cast."""
    s.product.on("/voice", document)
    s.product.on("/dialled", "<Hangup/>")
    s.product.on("/leg", "")
    s.carrier.phone(BUYER, phone)


@virtual
async def test_a_dial_that_is_answered_bridges_and_reports_whole_seconds(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, dial(), PhoneScript(ring_s=3, talk_s=95.7))
        call = await s.call()
        told = s.product.at("/dialled")[0].params
        assert (told["DialCallStatus"], told["DialBridged"], told["DialCallDuration"]) == (
            "completed",
            "true",
            "95",
        )
        assert told["CallStatus"] == "in-progress"
        only = call.dials[0]
        assert told["DialCallSid"] == only.leg_sid
        assert (call.bridged, only.bridged, only.result) == (True, True, "completed")
        assert only.talk_s == pytest.approx(95.7)
        assert (only.number, only.caller_id, only.timeout_s) == (BUYER, CALLER, 20)
        assert only.action_url == "https://calls.example.com/dialled"


@pytest.mark.parametrize(
    ("phone", "status", "lasts_s"),
    [
        (PhoneScript(ring_s=1, result="busy"), "busy", 1),
        (PhoneScript(ring_s=0, result="failed"), "failed", 0),
        (PhoneScript(ring_s=7, result="no_answer"), "no-answer", 7),
        (PhoneScript(ring_s=60, result="no_answer"), "no-answer", 25),
        (PhoneScript(ring_s=24.9, result="answer", talk_s=1), "completed", 25.9),
        (PhoneScript(ring_s=25.1, result="answer"), "no-answer", 25),
    ],
)
def test_every_result_is_told_and_five_seconds_are_added_to_the_timeout(
    phone: PhoneScript, status: str, lasts_s: float
) -> None:
    @virtual
    async def run(clock: VirtualClock) -> None:
        async with stage(clock) as s:
            scripted(s, dial(), phone)
            call = await s.call()
            told = s.product.at("/dialled")[0].params
            assert told["DialCallStatus"] == status
            assert told["DialBridged"] == ("true" if status == "completed" else "false")
            assert ("DialCallDuration" in told) == (status == "completed")
            only = call.dials[0]
            assert (only.ended_at or 0) - only.started_at == pytest.approx(lasts_s, abs=1e-4)

    run()


@virtual
async def test_the_leg_reports_the_events_that_were_asked_for_in_sequence(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, dial(), PhoneScript(ring_s=2, talk_s=10))
        call = await s.call()
        told = [asked.params for asked in s.product.at("/leg")]
        assert [t["CallStatus"] for t in told] == ["initiated", "ringing", "in-progress", "completed"]
        assert [t["SequenceNumber"] for t in told] == ["0", "1", "2", "3"]
        assert {(t["CallSid"], t["ParentCallSid"]) for t in told} == {(call.dials[0].leg_sid, call.sid)}
        assert [t.get("CallDuration") for t in told] == [None, None, None, "10"]
        assert int(parsedate_to_datetime(told[0]["Timestamp"]).timestamp()) == int(EPOCH)


@virtual
async def test_a_leg_without_named_events_reports_its_end_only(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        number = f'<Number statusCallback="/leg">{BUYER}</Number>'
        scripted(s, f"<Dial>{number}</Dial>", PhoneScript(result="busy"))
        await s.call()
        assert [asked.params["CallStatus"] for asked in s.product.at("/leg")] == ["busy"]


@virtual
async def test_answer_on_bridge_keeps_an_unanswered_caller_ringing(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, dial(), PhoneScript(ring_s=6, talk_s=5))
        call = await s.call()
        assert [sound.kind for sound in call.heard] == ["ringback", "voice", "silence"]
        assert call.answered_at == call.dials[0].answered_at


@virtual
async def test_a_failed_dial_with_answer_on_bridge_leaves_the_call_ringing(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, dial(), PhoneScript(result="busy"))
        call = await s.call()
        assert s.product.at("/dialled")[0].params["CallStatus"] == "ringing"
        assert call.state == "no-answer"


@virtual
async def test_without_answer_on_bridge_the_dial_answers_at_once(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, dial(more=""), PhoneScript(ring_s=6, talk_s=5))
        call = await s.call()
        assert [sound.kind for sound in call.heard] == ["ringback", "ring", "voice", "silence"]


@virtual
async def test_without_an_action_the_document_goes_on(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, f"<Dial>{BUYER}</Dial><Redirect>/dialled</Redirect>", PhoneScript(talk_s=4))
        await s.call()
        assert "DialCallStatus" not in s.product.at("/dialled")[0].params


@virtual
async def test_with_an_action_nothing_after_the_dial_runs(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, dial() + "<Redirect>/never</Redirect>", PhoneScript(talk_s=4))
        await s.call()
        assert s.product.at("/never") == []


@virtual
async def test_of_several_numbers_the_first_that_answers_wins(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        numbers = f"<Number>{BUYER}</Number><Number>+12145550112</Number>"
        scripted(s, f'<Dial action="/dialled">{numbers}</Dial>', PhoneScript(ring_s=5, result="answer", talk_s=9))
        s.carrier.phone("+12145550112", PhoneScript(ring_s=2, talk_s=7))
        call = await s.call()
        assert [(d.number, d.result) for d in call.dials] == [
            (BUYER, "canceled"),
            ("+12145550112", "completed"),
        ]
        assert call.dials[0].started_at == call.dials[1].started_at
        assert s.product.at("/dialled")[0].params["DialCallDuration"] == "7"


@virtual
async def test_sequential_numbers_ring_one_after_the_other(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        numbers = f"<Number>{BUYER}</Number><Number>+12145550112</Number>"
        scripted(s, f'<Dial sequential="true">{numbers}</Dial>', PhoneScript(ring_s=3, result="busy"))
        call = await s.call()
        assert call.dials[1].started_at == call.dials[0].ended_at


@virtual
async def test_a_number_acts_its_scripts_in_turn_and_repeats_the_last(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        s.product.on("/voice", f"<Dial>{BUYER}</Dial>" * 3)
        s.carrier.phone(BUYER, PhoneScript(result="busy"), PhoneScript(result="failed"))
        call = await s.call()
        assert [d.result for d in call.dials] == ["busy", "failed", "failed"]


@virtual
async def test_a_caller_who_hangs_up_while_it_rings_cancels_the_leg_and_the_action_is_still_asked(
    clock: VirtualClock,
) -> None:
    async with stage(clock) as s:
        scripted(s, "<Say>hi</Say>" + dial(), PhoneScript(ring_s=10))
        call = await s.call(CallerScript(CALLER, NUMBER, hang_up=HangUp("ringing", 2)))
        assert (call.state, call.ended_by, call.dials[0].result) == ("completed", "caller", "canceled")
        told = s.product.at("/dialled")[0].params
        assert (told["CallStatus"], told["DialCallStatus"], told["DialBridged"]) == (
            "completed",
            "canceled",
            "false",
        )
        assert [asked.params["CallStatus"] for asked in s.product.at("/leg")][-1] == "canceled"


@virtual
async def test_a_caller_who_hangs_up_during_the_talk_leaves_a_bridged_dial(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, dial(), PhoneScript(talk_s=30, hangs_up="caller"))
        call = await s.call()
        told = s.product.at("/dialled")[0].params
        assert (call.ended_by, told["CallStatus"], told["DialBridged"], told["DialCallDuration"]) == (
            "caller",
            "completed",
            "true",
            "30",
        )
        assert len(s.product.at("/dialled")) == 1


@virtual
async def test_a_hang_up_after_the_bridge_is_counted_from_the_bridge(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, dial(), PhoneScript(ring_s=4, talk_s=300))
        call = await s.call(CallerScript(CALLER, NUMBER, hang_up=HangUp("bridged", 12)))
        assert call.dials[0].talk_s == pytest.approx(12, abs=1e-4)


@virtual
async def test_the_time_limit_ends_a_talk(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, dial(more='timeLimit="60"'), PhoneScript(talk_s=300, hangs_up="caller"))
        call = await s.call()
        assert call.dials[0].talk_s == pytest.approx(60, abs=1e-4)
        assert s.product.at("/dialled")[0].params["CallStatus"] == "in-progress"


@virtual
async def test_a_foreign_caller_id_is_a_problem_of_the_document(clock: VirtualClock) -> None:
    async with stage(clock) as s:
        scripted(s, dial(more='callerId="+13055550199"'), PhoneScript(talk_s=1))
        await s.call()
        assert s.carrier.documents[0].problems == ["Dial: callerId is neither the caller's nor ours"]
