"""Twilio's parameters as the seam's events. Pure, and strict about what it maps: an unknown status is loud.

``call`` is the call's id where it is not the leg's: it stands in the URL that we gave Twilio, and is signed with it.
"""

import re
from collections.abc import Mapping

from callrouter.carrier.seam import (
    AnswerFailed,
    CallArrived,
    CallerStatus,
    DialEnded,
    DialStatus,
    HoldPolled,
    LeftRoom,
    LeftWhy,
    LegChanged,
    LegStatus,
    PartyChanged,
    PinEntered,
    RoomChanged,
    RoomEvent,
    ZipEntered,
)

_LEG_STATUS = {
    "queued": LegStatus.INITIATED,
    "initiated": LegStatus.INITIATED,
    "ringing": LegStatus.RINGING,
    "in-progress": LegStatus.IN_PROGRESS,
    "answered": LegStatus.IN_PROGRESS,
    "completed": LegStatus.COMPLETED,
    "busy": LegStatus.BUSY,
    "no-answer": LegStatus.NO_ANSWER,
    "failed": LegStatus.FAILED,
    "canceled": LegStatus.CANCELED,
}
_DIAL_STATUS = {
    "completed": DialStatus.COMPLETED,
    "answered": DialStatus.COMPLETED,
    "busy": DialStatus.BUSY,
    "no-answer": DialStatus.NO_ANSWER,
    "failed": DialStatus.FAILED,
    "canceled": DialStatus.CANCELED,
}
_ROOM_EVENT = {
    "participant-join": RoomEvent.JOINED,
    "participant-leave": RoomEvent.LEFT,
    "participant-hold": RoomEvent.HELD,
    "participant-unhold": RoomEvent.UNHELD,
    "conference-end": RoomEvent.ENDED,
}
_CALL = re.compile(r"TR[0-9a-f]{32}")
_LABEL = re.compile(r"(agent|caller|buyer)-[0-9]{1,3}")
_LEFT_WHY = {
    "participant_hung_up": LeftWhy.HUNG_UP,
    "moderator_ended_conference": LeftWhy.ROOM_ENDED,
    "conference_ended_via_api": LeftWhy.ROOM_ENDED,
    "participant_updated_via_api": LeftWhy.LET_GO,
    "participant_add_failed": LeftWhy.NOT_REACHED,
}
_CALLER_THERE = frozenset({"ringing", "in-progress", "queued", "initiated"})

Params = Mapping[str, str]


class BadWebhook(ValueError):
    """A signed request that lacks what it must carry, or says something that we don't know."""


def leg_status(raw: str) -> LegStatus:
    """A call's status. Raises `BadWebhook`."""
    try:
        return _LEG_STATUS[raw]
    except KeyError:
        raise BadWebhook(f"unknown call status {raw[:40]!r}") from None


def call_of(query: Mapping[str, str]) -> str:
    """The id of ours in a URL, or empty. Raises `BadWebhook` for what is none."""
    call = query.get("call", "")
    if call and not _CALL.fullmatch(call):
        raise BadWebhook("call is not an id of ours")
    return call


def arrived(params: Params) -> CallArrived:
    """An incoming call; its id is always the leg's."""
    return CallArrived(
        sid=_sid(params),
        from_raw=params.get("From", ""),
        to=params.get("To", ""),
        carrier_zip=params.get("FromZip") or None,
        forwarded_from=params.get("ForwardedFrom") or None,
        call_token=params.get("CallToken") or None,
    )


def zip_entered(params: Params, try_no: int, call: str = "") -> ZipEntered:
    """What the caller keyed or said."""
    said = params.get("SpeechResult") or None
    return ZipEntered(call or _sid(params), try_no, params.get("Digits") or None, said)


def pin_entered(params: Params, try_no: int, call: str = "") -> PinEntered:
    """What whoever was transferred to us keyed."""
    return PinEntered(call or _sid(params), try_no, params.get("Digits") or None)


def hold_polled(params: Params, auction_no: int, segment: int, call: str = "") -> HoldPolled:
    """The caller heard a hold segment to its end."""
    return HoldPolled(call or _sid(params), auction_no, segment)


def dial_ended(params: Params, attempt_no: int, call: str = "") -> DialEnded:
    """The ``<Dial action>`` request."""
    bridged = {"true": True, "false": False}.get(params.get("DialBridged", "").lower())
    return DialEnded(
        sid=call or _sid(params),
        attempt_no=attempt_no,
        # An unknown status must not cost the waiting caller the next buyer; the edge logs it.
        status=_DIAL_STATUS.get(params.get("DialCallStatus", ""), DialStatus.FAILED),
        bridged=bridged,
        bridged_s=_whole(params.get("DialCallDuration")),
        caller_there=params.get("CallStatus", "in-progress") in _CALLER_THERE,
        leg_sid=params.get("DialCallSid") or None,
    )


def dial_status_is_known(params: Params) -> bool:
    """Whether we know what the dial's status means."""
    return params.get("DialCallStatus", "") in _DIAL_STATUS


def leg_changed(params: Params, attempt_no: int, call: str = "") -> LegChanged:
    """A ``<Number statusCallback>`` request."""
    parent = params.get("ParentCallSid", "")
    if not parent:
        raise BadWebhook("ParentCallSid is missing")
    return LegChanged(
        sid=call or parent,
        attempt_no=attempt_no,
        leg_sid=_sid(params),
        status=leg_status(params.get("CallStatus", "")),
        leg_s=_whole(params.get("CallDuration")),
    )


def caller_status(params: Params) -> CallerStatus:
    """The status callback of one of our numbers."""
    return CallerStatus(_sid(params), leg_status(params.get("CallStatus", "")))


def room_changed(params: Params, call: str) -> RoomChanged | None:
    """A room's report, or ``None`` for one that tells us nothing."""
    what = _ROOM_EVENT.get(params.get("StatusCallbackEvent", ""))
    if what is None:
        return None
    seq = _whole(params.get("SequenceNumber"))
    if seq is None:
        raise BadWebhook("SequenceNumber is missing or not a number")
    ended = what is RoomEvent.ENDED
    return RoomChanged(
        sid=_named(call),
        room_sid=_sid(params, "ConferenceSid"),
        seq=seq,
        what=what,
        leg_sid="" if ended else _sid(params),
        label="" if ended else _label_of_ours(params.get("ParticipantLabel", "")),
        why=_why_left(params) if what is RoomEvent.LEFT else None,
        leg_status=_LEG_STATUS.get(params.get("ParticipantCallStatus", "")) if what is RoomEvent.LEFT else None,
    )


def party_changed(params: Params, label: str, call: str) -> PartyChanged:
    """The status callback of a leg that we placed into a room."""
    return PartyChanged(
        sid=_named(call),
        label=_label(label),
        leg_sid=_sid(params),
        status=leg_status(params.get("CallStatus", "")),
        leg_s=_whole(params.get("CallDuration")),
    )


def left_room(params: Params, label: str, call: str) -> LeftRoom:
    """The ``<Dial action>`` request of a leg that was in a room, or could not get in."""
    there = params.get("CallStatus", "") == "in-progress"
    return LeftRoom(sid=_named(call), label=_label(label), leg_sid=_sid(params), there=there)


def answer_failed(params: Params) -> AnswerFailed:
    """The fallback request."""
    return AnswerFailed(
        sid=_sid(params),
        from_raw=params.get("From", ""),
        to=params.get("To", ""),
        error_code=params.get("ErrorCode", "")[:16],
        carrier_zip=params.get("FromZip") or None,
    )


def _sid(params: Params, name: str = "CallSid") -> str:
    sid = params.get(name, "")
    if not 1 <= len(sid) <= 128 or not sid.isascii() or not sid.isprintable():
        raise BadWebhook(f"{name} is missing or not an id")
    return sid


def _named(call: str) -> str:
    """A room's legs have ids of their own, none of which is the call's."""
    if not call:
        raise BadWebhook("call is missing")
    return call


def _label(raw: str) -> str:
    if not _LABEL.fullmatch(raw):
        raise BadWebhook("not the label of a party")
    return raw


def _label_of_ours(raw: str) -> str:
    """The label of a participant; one that somebody else brought in has none of ours."""
    return raw if _LABEL.fullmatch(raw) else ""


def _why_left(params: Params) -> LeftWhy | None:
    said = params.get("ReasonParticipantLeft", "")
    return _LEFT_WHY.get(said, LeftWhy.OTHER) if said else None


def _whole(raw: str | None) -> int | None:
    return int(raw) if raw and raw.isascii() and raw.isdigit() and len(raw) < 8 else None
