"""The strict check of documents."""

import pytest

from callrouter.simulator.carrier import twiml
from tests.simulator.product import response

ASK = (
    '<Gather input="dtmf speech" numDigits="5" timeout="5" speechTimeout="auto" action="/zip?n=1" method="POST" '
    'hints="one, two" language="en-US" actionOnEmptyResult="true"><Say>zip</Say><Pause length="2"/></Gather>'
)
DIAL = (
    '<Dial answerOnBridge="true" timeout="20" timeLimit="3600" callerId="+15125550123" ringTone="us" '
    'action="/dial#rc=2" method="POST"><Number statusCallback="/leg" statusCallbackMethod="POST" '
    'statusCallbackEvent="initiated ringing answered completed">+12145550111</Number></Dial>'
)
GOOD = [
    "<Say>Hello</Say><Hangup/>",
    '<Say voice="Polly.Joanna" language="en-US" loop="2">Hi <break time="1s"/></Say>',
    ASK,
    '<Play loop="3">/hold.wav</Play><Redirect method="POST">/hold?n=2</Redirect>',
    DIAL,
    "<Dial>+12145550111</Dial>",
    '<Reject reason="busy"/>',
]


@pytest.mark.parametrize("inner", GOOD)
def test_a_documented_document_has_no_problems(inner: str) -> None:
    assert twiml.problems(twiml.parse(response(inner).encode()), pushed=False) == []


@pytest.mark.parametrize(
    ("inner", "problem"),
    [
        ("<say>hi</say>", "say: no such element here"),
        ('<Say speed="2">hi</Say>', "Say: no attribute speed"),
        ('<Dial timeOut="20">+1</Dial>', "Dial: no attribute timeOut"),
        ('<Dial timeout="4">+12145550111</Dial>', "Dial: timeout cannot be '4'"),
        ('<Dial answerOnBridge="yes">+12145550111</Dial>', "Dial: answerOnBridge cannot be 'yes'"),
        ('<Dial ringTone="xx">+12145550111</Dial>', "Dial: ringTone cannot be 'xx'"),
        ("<Dial/>", "Dial: nobody to dial"),
        ("<Dial><Say>hi</Say></Dial>", "Dial: no Say inside it"),
        ("<Gather><Dial>1</Dial></Gather>", "Gather: no Dial inside it"),
        ('<Gather input="keys"/>', "Gather: input cannot be 'keys'"),
        (
            '<Dial><Number statusCallbackEvent="bridged">+12145550111</Number></Dial>',
            "Number: statusCallbackEvent cannot be 'bridged'",
        ),
        ("<Number>+12145550111</Number>", "Number: no such element here"),
        ("<Redirect/>", "Redirect: no URL"),
        ("loose words", "Response: text outside a verb"),
        ("<Hangup/>loose words", "Response: text outside a verb"),
        ("<Enqueue>line</Enqueue>", "Enqueue: not simulated"),
    ],
)
def test_what_is_not_documented_is_named(inner: str, problem: str) -> None:
    assert problem in twiml.problems(twiml.parse(response(inner).encode()), pushed=False)


@pytest.mark.parametrize(
    "inner",
    [
        "<Redirect>/hold</Redirect>",
        "<Play>/hold.wav</Play>",
        '<Gather action="/zip"/>',
        '<Dial action="/dial">+12145550111</Dial>',
        '<Dial><Number statusCallback="/leg">+12145550111</Number></Dial>',
    ],
)
def test_a_pushed_document_needs_absolute_urls(inner: str) -> None:
    root = twiml.parse(response(inner).encode())
    assert twiml.problems(root, pushed=False) == []
    assert any("not absolute" in problem for problem in twiml.problems(root, pushed=True))


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b" <Response/>", "text/xml", "12100"),
        (b"<Response><Say>a & b</Say></Response>", "text/xml", "12100"),
        (b"<Answer/>", "text/xml", "12100"),
        (b"", "text/xml", "12100"),
        (b"<Response><Say>\xff</Say></Response>", "text/xml", "12100"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><Response>&a;</Response>', "text/xml", "12100"),
        (b"<Response/>", "application/json", "12300"),
        (b"<Response/>", "", "12300"),
        (b"<Response>" + b" " * 65_536 + b"</Response>", "text/xml", "11750"),
    ],
)
def test_an_unusable_document_has_the_carriers_error_code(body: bytes, content_type: str, code: str) -> None:
    with pytest.raises(twiml.BadDocument) as refused:
        twiml.read(body, content_type)
    assert refused.value.code == code


@pytest.mark.parametrize("content_type", ["text/xml", "application/xml; charset=utf-8", "text/html"])
def test_the_documented_content_types_are_documents(content_type: str) -> None:
    assert [verb.tag for verb in twiml.read(b"<Response><Hangup/></Response>", content_type)] == ["Hangup"]


def test_plain_text_is_spoken() -> None:
    assert [verb.text for verb in twiml.read(b"Hello", "text/plain")] == ["Hello"]
