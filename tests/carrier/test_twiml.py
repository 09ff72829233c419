"""Each command as the document that Twilio gets, whole."""

import re

import pytest

from callrouter.carrier.seam import Apologise, AskPin, AskZip, BridgeTo, Command, EnterRoom, Farewell, HangUp, Hold
from callrouter.carrier.twilio.twiml import PUSH_LIMIT, music, render
from callrouter.carrier.twilio.urls import Urls
from callrouter.simulator.carrier.twiml import parse, problems
from tests.carrier.plans import a_plan

URLS = Urls("https://calls.example.com")
OVER = "#rc=2&amp;rp=ct,rt,5xx&amp;ct=800&amp;rt=4000&amp;tt=12000"


def check_document(document: str, *, pushed: bool) -> list[str]:
    """What the simulated carrier, which is strict, has against a document."""
    return problems(parse(document.encode()), pushed=pushed, chars=len(document))


GOLDEN: list[tuple[Command, str]] = [
    (
        AskZip(1),
        (
            '<Gather input="dtmf speech" numDigits="5" timeout="5" speechTimeout="auto" method="POST" language="en-US"'
            f' actionOnEmptyResult="true" action="https://calls.example.com/twilio/zip/1{OVER}"><Say language="en-US">'
            "Thanks for calling. To connect you, please enter or say your five digit zip code.</Say></Gather>"
        ),
    ),
    (
        AskPin(2),
        (
            '<Gather input="dtmf" numDigits="6" finishOnKey="#" timeout="5" method="POST" actionOnEmptyResult="true"'
            f' action="https://calls.example.com/twilio/pin/2{OVER}"><Say language="en-US">'
            "Please enter the transfer pin, or the caller's five digit zip code, then press pound.</Say></Gather>"
        ),
    ),
    (
        EnterRoom("cr-1", "caller-1", starts=False),
        (
            f'<Dial action="https://calls.example.com/twilio/out/caller-1{OVER}" method="POST"><Conference'
            ' startConferenceOnEnter="false" endConferenceOnExit="false" beep="false" jitterBufferSize="small"'
            f' participantLabel="caller-1" waitUrl="https://calls.example.com/twilio/music?plan=auto{OVER}"'
            f' waitMethod="POST" statusCallback="https://calls.example.com/twilio/room{OVER}"'
            ' statusCallbackEvent="start end join leave hold" statusCallbackMethod="POST">cr-1</Conference></Dial>'
        ),
    ),
    (
        Hold(1, 0),
        (
            '<Say language="en-US">Thank you. Please hold while we find the right person for you.</Say>'
            f'<Redirect method="POST">https://calls.example.com/twilio/hold/1/1{OVER}</Redirect>'
        ),
    ),
    (
        BridgeTo(2, "+12145550111", 17, "+15125550123"),
        (
            f'<Dial action="https://calls.example.com/twilio/dial/2{OVER}" method="POST" answerOnBridge="true"'
            f' timeout="17" callerId="+15125550123"><Number statusCallback="https://calls.example.com/twilio/leg/2{OVER}"'
            ' statusCallbackEvent="initiated ringing answered completed" statusCallbackMethod="POST">'
            "+12145550111</Number></Dial>"
        ),
    ),
    (
        Apologise(Farewell.UNSOLD_CALLBACK),
        '<Say language="en-US">Everyone is busy right now. We will call you back shortly. Goodbye.</Say><Hangup/>',
    ),
    (HangUp(), "<Hangup/>"),
]


@pytest.mark.parametrize(("command", "body"), GOLDEN)
def test_a_command_is_this_document(command: Command, body: str) -> None:
    assert render(command, a_plan(), URLS) == f'<?xml version="1.0" encoding="UTF-8"?><Response>{body}</Response>'


@pytest.mark.parametrize("command", [command for command, _ in GOLDEN])
def test_every_document_may_be_answered_and_pushed(command: Command) -> None:
    document = render(command, a_plan(), URLS)
    assert check_document(document, pushed=True) == []
    assert len(document) <= PUSH_LIMIT


def test_the_plans_words_cannot_break_out_of_their_element() -> None:
    hostile = '"/><Dial>+19005550100</Dial><!-- & \'"'
    chatty = a_plan(prompts={"unsold": hostile, "hold": hostile, "voice": 'Polly."<x>', "language": "en-GB"})
    for command in (Apologise(Farewell.UNSOLD), Hold(1, 0)):
        document = render(command, chatty, URLS)
        assert check_document(document, pushed=False) == []
        assert "<Dial" not in document


def test_a_refusal_needs_no_plan() -> None:
    assert "not in service" in render(Apologise(Farewell.REFUSED), None, URLS)


def test_hold_segments_after_the_words_play_the_tone() -> None:
    assert "/audio/hold-4s." in render(Hold(1, 1), a_plan(), URLS)
    assert "/audio/hold-1s." in render(Hold(1, 3, short=True), a_plan(), URLS)
    own = a_plan(prompts={"hold_audio": "https://cdn.example/music.wav"})
    assert "<Play>https://cdn.example/music.wav</Play>" in render(Hold(1, 1), own, URLS)


CALL = "TR" + "0c" * 16


@pytest.mark.parametrize(
    "command",
    [
        AskZip(1),
        AskPin(1),
        Hold(1, 1),
        BridgeTo(1, "+12145550111", 20, "+15125550123"),
        EnterRoom("cr-1", "agent-1", True),
    ],
)
def test_every_address_of_a_transfer_names_it_in_front_of_the_overrides(command: Command) -> None:
    whole = render(command, a_plan(), URLS.of(CALL))
    asked = re.findall(r"https://calls\.example\.com/twilio/[^\"<]+", whole)
    ours = [url for url in asked if "/twilio/music" not in url]
    assert ours
    for url in ours:
        path, _, query = url.partition("#")[0].partition("?")
        assert query == f"call={CALL}", path
    assert check_document(whole, pushed=True) == []


def test_an_empty_id_changes_no_address() -> None:
    assert URLS.of("") == URLS
    assert URLS.of(CALL).of("") == URLS


def test_the_music_goes_round_and_is_the_plans_own() -> None:
    ours = music(a_plan(), URLS)
    assert (
        f'<Redirect method="POST">https://calls.example.com/twilio/music?plan=auto{OVER}</Redirect></Response>' in ours
    )
    assert '<Play loop="15">https://calls.example.com/audio/hold-4s.' in ours
    own = music(a_plan(prompts={"hold_audio": "https://cdn.example/music.wav?a=1&b=2"}), URLS)
    assert ">https://cdn.example/music.wav?a=1&amp;b=2</Play>" in own
    nobodys = music(None, URLS)
    assert f">https://calls.example.com/twilio/music{OVER}</Redirect>" in nobodys
    for document in (ours, own, nobodys):
        assert check_document(document, pushed=False) == []


def test_a_rooms_name_and_a_label_cannot_break_out_of_their_element() -> None:
    document = render(EnterRoom('"></Conference><Hangup/>', '"><Hangup/>', True), a_plan(), URLS.of('"><Hangup/>'))
    assert "<Hangup/>" not in document
    parse(document.encode())


def test_every_request_that_twilio_is_told_to_make_is_made_again_when_its_answer_is_lost() -> None:
    """The reports of a buyer's leg, too: the ledger's second source for the talk that is paid for."""
    urls = URLS.of("CA1")
    of_try = [make(1) for make in (urls.zip, urls.pin, urls.dial, urls.leg)]
    every = [*of_try, urls.hold(1, 2), urls.party("agent"), urls.out("agent"), urls.room, urls.music("auto")]
    assert [url for url in every if not url.endswith("#rc=2&rp=ct,rt,5xx&ct=800&rt=4000&tt=12000")] == []
