"""The documented verbs, nouns and attributes of TwiML, with the values that each may take."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Check = Callable[[str], bool]


def _one_of(*values: str) -> Check:
    return frozenset(values).__contains__


def _some_of(*values: str) -> Check:
    allowed = frozenset(values)
    return lambda text: bool(text.split()) and allowed.issuperset(text.split())


def _whole(least: int, most: int) -> Check:
    return lambda text: text.isascii() and text.isdigit() and least <= int(text) <= most


def _either(*checks: Check) -> Check:
    return lambda text: any(check(text) for check in checks)


def _matches(pattern: str) -> Check:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def _any(text: str) -> bool:
    return True


def url(text: str) -> bool:
    """A URL attribute: not empty, no blanks. Its own check also marks an attribute as a URL."""
    return bool(text) and not re.search(r"\s", text)


_bool = _one_of("true", "false")
_method = _one_of("GET", "POST")
_language = _matches(r"[a-z]{2,3}(-[A-Za-z0-9]{2,4})*")
_text = _matches(r".+")
_ring_tone = _matches(
    "a[tu]|b[egr]|c[hlnz]|d[ek]|e[es]|f[ir]|gr|hu|i[lnt]|lt|jp|m[xy]|n[loz]|p[hlt]|ru|s[eg]|th|uk|us|us-old"
    "|tw|ve|za|automatic"
)
_RECORD = _one_of(
    "do-not-record", "record-from-answer", "record-from-ringing", "record-from-answer-dual",
    "record-from-ringing-dual", "true", "false",
)  # fmt: skip
_RECORDING = {
    "trim": _one_of("trim-silence", "do-not-trim"),
    "recordingStatusCallback": url,
    "recordingStatusCallbackMethod": _method,
    "recordingStatusCallbackEvent": _some_of("in-progress", "completed", "absent"),
}
_LEG = {
    "url": url,
    "method": _method,
    "statusCallback": url,
    "statusCallbackMethod": _method,
    "statusCallbackEvent": _some_of("initiated", "ringing", "answered", "completed"),
    "machineDetection": _one_of("Enable", "DetectMessageEnd"),
    "machineDetectionTimeout": _whole(3, 60),
    "machineDetectionSpeechThreshold": _whole(1000, 6000),
    "machineDetectionSpeechEndThreshold": _whole(500, 5000),
    "machineDetectionSilenceTimeout": _whole(2000, 10_000),
    "amdStatusCallback": url,
    "amdStatusCallbackMethod": _method,
}
_SSML = frozenset({"break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"})


@dataclass(frozen=True)
class Spec:
    """What one element may carry."""

    attributes: Mapping[str, Check] = field(default_factory=dict)
    children: frozenset[str] = frozenset()
    text: bool = False
    text_url: bool = False
    """Its text is a URL."""


VERBS: Mapping[str, Spec] = {
    "Say": Spec({"voice": _text, "language": _language, "loop": _whole(0, 1000)}, _SSML, text=True),
    "Play": Spec({"loop": _whole(0, 1000), "digits": _matches(r"[0-9wW*#]+")}, text=True, text_url=True),
    "Pause": Spec({"length": _whole(1, 600)}),
    "Gather": Spec(
        {
            "input": _one_of("dtmf", "speech", "dtmf speech", "speech dtmf"),
            "action": url,
            "method": _method,
            "timeout": _either(_whole(0, 600), _one_of("auto")),
            "speechTimeout": _either(_whole(1, 600), _one_of("auto")),
            "maxSpeechTime": _whole(1, 600),
            "profanityFilter": _bool,
            "finishOnKey": _matches(r"[0-9*#]*"),
            "numDigits": _whole(1, 1000),
            "partialResultCallback": url,
            "partialResultCallbackMethod": _method,
            "language": _language,
            "hints": _any,
            "bargeIn": _bool,
            "debug": _bool,
            "actionOnEmptyResult": _bool,
            "speechModel": _text,
            "enhanced": _bool,
        },
        frozenset({"Say", "Play", "Pause"}),
    ),
    "Redirect": Spec({"method": _method}, text=True, text_url=True),
    "Hangup": Spec({}),
    "Reject": Spec({"reason": _one_of("rejected", "busy")}),
    "Dial": Spec(
        {
            "action": url,
            "method": _method,
            "timeout": _whole(5, 600),
            "hangupOnStar": _bool,
            "timeLimit": _whole(1, 86_400),
            "callerId": _matches(r"\+?[0-9A-Za-z_.:@-]{1,64}"),
            "record": _RECORD,
            "recordingTrack": _one_of("both", "inbound", "outbound"),
            **_RECORDING,
            "answerOnBridge": _bool,
            "ringTone": _ring_tone,
            "sequential": _bool,
            "referUrl": url,
            "referMethod": _method,
        },
        frozenset({"Number", "Client", "Conference", "Queue", "Sip", "Sim", "Application", "WhatsApp"}),
        text=True,
    ),
    "Enqueue": Spec(
        {"action": url, "method": _method, "waitUrl": url, "waitUrlMethod": _method, "workflowSid": _text},
        frozenset({"Task"}),
        text=True,
    ),
    "Leave": Spec({}),
    "Record": Spec(
        {
            "action": url,
            "method": _method,
            "timeout": _whole(0, 600),
            "finishOnKey": _matches(r"[0-9*#]*"),
            "maxLength": _whole(1, 14_400),
            "playBeep": _bool,
            "transcribe": _bool,
            "transcribeCallback": url,
            **_RECORDING,
        }
    ),
}

NOUNS: Mapping[str, Spec] = {
    "Number": Spec({"sendDigits": _matches(r"[0-9wW*#]+"), "byoc": _text, **_LEG}, text=True),
    "Client": Spec(dict(_LEG), frozenset({"Identity", "Parameter"}), text=True),
    "Sip": Spec({"username": _text, "password": _text, "codecs": _text, **_LEG}, text=True),
    "Queue": Spec({"url": url, "method": _method, "reservationSid": _text, "postWorkActivitySid": _text}, text=True),
    "Conference": Spec(
        {
            "muted": _bool,
            "beep": _one_of("true", "false", "onEnter", "onExit"),
            "startConferenceOnEnter": _bool,
            "endConferenceOnExit": _bool,
            "participantLabel": _matches(r".{1,128}"),
            "jitterBufferSize": _one_of("off", "small", "medium", "large"),
            "waitUrl": _any,
            "waitMethod": _method,
            "maxParticipants": _whole(2, 250),
            "record": _one_of("do-not-record", "record-from-start"),
            "region": _text,
            "coach": _matches(r"CA[0-9a-f]{32}"),
            "statusCallback": url,
            "statusCallbackMethod": _method,
            "statusCallbackEvent": _some_of(
                "start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement"
            ),
            "eventCallbackUrl": url,
            **_RECORDING,
        },
        text=True,
    ),
    "Sim": Spec({}, text=True),
    "Application": Spec(dict(_LEG), frozenset({"ApplicationSid", "Parameter"})),
    "WhatsApp": Spec(dict(_LEG), text=True),
    "Identity": Spec({}, text=True),
    "ApplicationSid": Spec({}, text=True),
    "Parameter": Spec({"name": _text, "value": _any}),
    "Task": Spec({"priority": _any, "timeout": _any}, text=True),
}

SSML = _SSML
EXECUTED_VERBS = frozenset({"Say", "Play", "Pause", "Gather", "Redirect", "Hangup", "Reject", "Dial"})
EXECUTED_NOUNS = frozenset({"Number", "Conference"})
