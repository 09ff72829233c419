"""Each command as the document that Twilio gets, whole."""

from typing import Any

import pytest

from callrouter.carrier.seam import Apologise, AskZip, BridgeTo, Command, Farewell, HangUp, Hold
from callrouter.carrier.twilio.twiml import PUSH_LIMIT, render
from callrouter.carrier.twilio.urls import Urls
from callrouter.dialplan import Plan
from callrouter.simulator.carrier.twiml import parse, problems
from tests.support.world import BUYERS, plan

URLS = Urls("https://calls.example.com")
OVER = "#rc=2&amp;rp=ct,rt,5xx&amp;ct=800&amp;rt=4000&amp;tt=12000"


def check_document(document: str, *, pushed: bool) -> list[str]:
    """What the simulated carrier, which is strict, has against a document."""
    return problems(parse(document.encode()), pushed=pushed, chars=len(document))


def a_plan(**sections: Any) -> Plan:
    whole = {**plan(**sections), "buyers": BUYERS}
    whole["unsold"] = {}
    for buyer in whole["buyers"].values():
        assert buyer["url"].startswith("env:")
    whole["buyers"] = {name: {**b, "url": "https://buyer.example/ping"} for name, b in BUYERS.items()}
    return Plan.model_validate(whole)


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
            ' timeout="17" callerId="+15125550123"><Number statusCallback="https://calls.example.com/twilio/leg/2"'
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
