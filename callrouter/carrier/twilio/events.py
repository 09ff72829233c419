"""Twilio's parameters as the seam's events. Pure, and strict about what it maps: an unknown status is loud."""

from collections.abc import Mapping

from callrouter.carrier.seam import (
    AnswerFailed,
    CallArrived,
    CallerStatus,
    DialEnded,
    DialStatus,
    HoldPolled,
    LegChanged,
    LegStatus,
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


def arrived(params: Params) -> CallArrived:
    """An incoming call."""
    return CallArrived(_sid(params), params.get("From", ""), params.get("To", ""), params.get("FromZip") or None)


def zip_entered(params: Params, try_no: int) -> ZipEntered:
    """What the caller keyed or said."""
    return ZipEntered(_sid(params), try_no, params.get("Digits") or None, params.get("SpeechResult") or None)


def hold_polled(params: Params, auction_no: int, segment: int) -> HoldPolled:
    """The caller heard a hold segment to its end."""
    return HoldPolled(_sid(params), auction_no, segment)


def dial_ended(params: Params, attempt_no: int) -> DialEnded:
    """The ``<Dial action>`` request."""
    bridged = {"true": True, "false": False}.get(params.get("DialBridged", "").lower())
    return DialEnded(
        sid=_sid(params),
        attempt_no=attempt_no,
        # An unknown status must not cost the waiting caller the next buyer; the edge logs it.
        status=_DIAL_STATUS.get(params.get("DialCallStatus", ""), DialStatus.FAILED),
        bridged=bridged,
        bridged_s=_seconds(params.get("DialCallDuration")),
        caller_there=params.get("CallStatus", "in-progress") in _CALLER_THERE,
        leg_sid=params.get("DialCallSid") or None,
    )


def dial_status_is_known(params: Params) -> bool:
    """Whether we know what the dial's status means."""
    return params.get("DialCallStatus", "") in _DIAL_STATUS


def leg_changed(params: Params, attempt_no: int) -> LegChanged:
    """A ``<Number statusCallback>`` request."""
    parent = params.get("ParentCallSid", "")
    if not parent:
        raise BadWebhook("ParentCallSid is missing")
    return LegChanged(
        sid=parent,
        attempt_no=attempt_no,
        leg_sid=_sid(params),
        status=leg_status(params.get("CallStatus", "")),
        leg_s=_seconds(params.get("CallDuration")),
    )


def caller_status(params: Params) -> CallerStatus:
    """The status callback of one of our numbers."""
    return CallerStatus(_sid(params), leg_status(params.get("CallStatus", "")))


def answer_failed(params: Params) -> AnswerFailed:
    """The fallback request."""
    return AnswerFailed(
        sid=_sid(params),
        from_raw=params.get("From", ""),
        to=params.get("To", ""),
        error_code=params.get("ErrorCode", "")[:16],
        carrier_zip=params.get("FromZip") or None,
    )


def _sid(params: Params) -> str:
    sid = params.get("CallSid", "")
    if not 1 <= len(sid) <= 128 or not sid.isascii() or not sid.isprintable():
        raise BadWebhook("CallSid is missing or not an id")
    return sid


def _seconds(raw: str | None) -> int | None:
    return int(raw) if raw and raw.isascii() and raw.isdigit() and len(raw) < 8 else None
