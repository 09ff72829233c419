"""Reads the parameters of a new participant, and checks them more strictly than the carrier would."""

import re
from collections.abc import Mapping

from callrouter.simulator.carrier import schema
from callrouter.simulator.carrier.outbound import Order
from callrouter.simulator.carrier.rest_answers import RestError
from callrouter.simulator.carrier.seats import Callback, Terms
from callrouter.simulator.carrier.tunes import Tune

_BOOL = frozenset({"true", "false"}).__contains__
_METHOD = frozenset({"GET", "POST"}).__contains__
_CALL_SID = re.compile(r"CA[0-9a-f]{32}").fullmatch


def _some_of(*values: str) -> schema.Check:
    return lambda text: bool(text.split()) and set(values).issuperset(text.split())


def _whole(least: int, most: int) -> schema.Check:
    return lambda text: text.isascii() and text.isdigit() and least <= int(text) <= most


def _url(text: str) -> bool:
    return bool(re.fullmatch(r"https?://[^\s/]+(/\S*)?", text))


def _any(text: str) -> bool:
    return True


_BOTH: Mapping[str, schema.Check] = {
    "Muted": _BOOL,
    "EndConferenceOnExit": _BOOL,
    "WaitUrl": lambda text: text == "" or _url(text),
    "WaitMethod": _METHOD,
    "Coaching": _BOOL,
    "CallSidToCoach": lambda text: _CALL_SID(text) is not None,
}
CREATE_PARAMS: Mapping[str, schema.Check] = {
    **_BOTH,
    "From": _any,
    "To": _any,
    "Label": lambda text: 1 <= len(text) <= 128,
    "EarlyMedia": _BOOL,
    "Timeout": _whole(5, 600),
    "TimeLimit": _whole(1, 86_400),
    "StatusCallback": _url,
    "StatusCallbackMethod": _METHOD,
    "StatusCallbackEvent": _some_of("initiated", "ringing", "answered", "completed"),
    "StartConferenceOnEnter": _BOOL,
    "Beep": frozenset({"true", "false", "onEnter", "onExit"}).__contains__,
    "JitterBufferSize": frozenset({"off", "small", "medium", "large"}).__contains__,
    "CallToken": _any,
    "CallerId": _any,
    "MaxParticipants": _whole(2, 250),
    "ConferenceStatusCallback": _url,
    "ConferenceStatusCallbackMethod": _METHOD,
    "ConferenceStatusCallbackEvent": _some_of(
        "start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement"
    ),
}
UPDATE_PARAMS: Mapping[str, schema.Check] = {
    **_BOTH,
    "Hold": _BOOL,
    "HoldUrl": _url,
    "HoldMethod": _METHOD,
    "AnnounceUrl": _url,
    "AnnounceMethod": _METHOD,
    "BeepOnExit": _BOOL,
}
_PHONE = re.compile(r"\+[1-9]\d{6,14}|client:[\w.+@~-]+|sips?:\S+@\S+").fullmatch


def wrong_values(params: Mapping[str, str]) -> list[str]:
    """The parameters whose value the API does not document, as problems."""
    table = {**CREATE_PARAMS, **UPDATE_PARAMS}
    return [f"{name} cannot be {value!r}" for name, value in params.items() if name in table and not table[name](value)]


def order_of(params: Mapping[str, str], problems: list[str]) -> Order:
    """Whom to call and how. Raises `RestError` without a usable ``From`` or ``To``."""
    problems += [name for name in params if name not in CREATE_PARAMS] + wrong_values(params)
    if not _PHONE(params.get("To", "")):
        raise RestError(400, 21211, "Invalid 'To' Phone Number")
    if not params.get("From"):
        raise RestError(400, 21213, "'From' phone number is required")
    timeout = params.get("Timeout", "")
    limit = params.get("TimeLimit", "")
    return Order(
        from_=params.get("CallerId") or params["From"],
        to=params["To"],
        terms=_terms(params),
        timeout_s=int(timeout) if timeout.isdigit() else 60,
        longest_s=float(limit) if limit.isdigit() else 14_400.0,
        callback=_callback(params, "", "completed"),
    )


def _terms(params: Mapping[str, str]) -> Terms:
    return Terms(
        label=params.get("Label") or None,
        start_on_enter=params.get("StartConferenceOnEnter", "true") == "true",
        end_on_exit=params.get("EndConferenceOnExit") == "true",
        muted=params.get("Muted") == "true",
        wait=Tune(params.get("WaitUrl"), params.get("WaitMethod", "POST")),
        callback=_callback(params, "Conference", "start end"),
        early_media=params.get("EarlyMedia", "true") == "true",
        coached_sid=params.get("CallSidToCoach") if params.get("Coaching") == "true" else None,
    )


def _callback(params: Mapping[str, str], prefix: str, default: str) -> Callback:
    name = f"{prefix}StatusCallback"
    events = params.get(f"{name}Event", default).split()
    return Callback(params.get(name, ""), params.get(f"{name}Method", "POST"), frozenset(events))
