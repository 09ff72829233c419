"""The product's codes in plain words, for people in operations. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from callrouter.domain.reasons import OFFER, Family, Reason
from callrouter.ledger.number_hash import MARK

REASONS: Mapping[str, str] = {
    OFFER: "made an offer",
    Reason.NO_OFFER: "did not want this call",
    Reason.NO_OFFER_CAPPED: "has bought all it wants for now",
    Reason.NO_OFFER_COVERAGE: "has nobody for this area",
    Reason.NO_OFFER_BELOW_BID: "would pay less than is asked",
    Reason.NO_OFFER_DUPLICATE: "has had this caller already",
    Reason.NO_OFFER_EXPIRED: "said that its own bid had lapsed",
    Reason.NO_OFFER_CALLER_GONE: "had not answered when the caller left",
    Reason.ERROR_TIMEOUT: "did not answer in time",
    Reason.ERROR_UNREACHABLE: "could not be reached",
    Reason.ERROR_HTTP_STATUS: "answered with an HTTP error",
    Reason.ERROR_BAD_RESPONSE: "gave an answer that could not be read",
    Reason.ERROR_TOO_LARGE: "gave an answer that was too large",
    Reason.ERROR_REDIRECT: "sent us to another address, where we do not go",
    Reason.ERROR_UNSAFE_XML: "gave XML that is not safe to read",
    Reason.ERROR_RATE_LIMITED: "says that we ask too often",
    Reason.ERROR_AUTH: "does not accept our credentials",
    Reason.ERROR_NOT_APPROVED: "has not approved our account or campaign",
    Reason.ERROR_UNAVAILABLE: "says that it is out of service",
    Reason.ERROR_ADAPTER: "could not be handled: our adapter for it failed",
    Reason.ERROR_OTHER: "reported an error",
    Reason.NOT_CALLED_DISABLED: "is disabled in the dialplan",
    Reason.NOT_CALLED_SWITCHED_OFF: "is switched off by operations",
    Reason.NOT_CALLED_INELIGIBLE: "does not take this kind of call",
    Reason.NOT_CALLED_UNBUILDABLE: "needs something that is not known of this caller",
    Reason.NOT_CALLED_RATE_LIMITED: "had been asked as often as its limits allow",
    Reason.NOT_CALLED_UNHEALTHY: "has been failing, and is left alone until its next trial",
    Reason.NOT_CALLED_HOURS: "is closed at this hour",
    Reason.NOT_CALLED_STATE: "does not take calls from this state",
    Reason.NOT_CALLED_ZIP: "does not take calls from this zip code",
    Reason.NOT_CALLED_DUPLICATE: "was given this caller lately",
    Reason.NOT_CALLED_CAP_ATTEMPTS: "has reached its cap of dials",
    Reason.NOT_CALLED_CAP_CONNECTS: "has reached its cap of connected calls",
    Reason.NOT_CALLED_CAP_QUALIFIED: "has reached its cap of qualified calls",
    Reason.NOT_CALLED_CAP_DOLLARS: "has reached its cap of dollars",
    Reason.NOT_CALLED_CONCURRENCY: "has as many callers on the line as it takes at once",
    Reason.NOT_CALLED_SPACING: "was asked only a moment before",
    Reason.NOT_CALLED_UNGUARDED: "could not be asked: its caps cannot be kept while the engine is out",
    Reason.NOT_CALLED_NO_CONSENT: "is asked only with the person's consent",
    Reason.NOT_CALLED_NO_TIME: "could not be asked in the time that was left",
    Reason.NOT_CALLED_CALLER_GONE: "was not asked any more: the caller had left",
    Reason.NOT_CALLED_JUST_FAILED: "was left out: it had just failed this caller, or been passed over",
    Reason.REJECTED_BELOW_FLOOR: "offered less than the plan's lowest payout",
    Reason.REJECTED_BAD_TARGET: "named a number that we do not dial",
    Reason.REJECTED_OVER_CAP: "offered more than its dollar cap has left",
}

RESULTS: Mapping[str, str] = {
    "bridged": "talked with the caller",
    "early_hangup": "hung up within seconds",
    "busy": "was busy",
    "no_answer": "did not answer the phone",
    "failed": "could not be dialled",
    "caller_gone": "was still ringing when the caller left",
    "called_off": "was called off by the agent",
}

OUTCOMES: Mapping[str, str] = {
    "bridged": "Bridged",
    "unsold": "Unsold",
    "abandoned": "Abandoned",
    "refused": "Refused",
    "failed": "Failed on our side",
}

STATES: Mapping[str, str] = {
    "intake": "Being asked for the zip",
    "auction": "Buyers are being asked",
    "open": "With the agent",
    "dialling": "A buyer's phone rings",
    "bridged": "Talking with the buyer",
    "ended": "Ended",
}

KINDS: Mapping[str, str] = {"inbound": "Inbound", "transfer": "Transfer"}

SOUNDS: Mapping[str, str] = {
    "ringing": "ringing",
    "question": "a question",
    "silence": "silence",
    "hold": "hold audio",
    "voice": "the buyer",
    "agent": "the agent",
}


def reason_words(reason: str | None) -> str:
    """What a buyer did, so that ``<buyer> <words>`` reads well; a reason of a later release as its code."""
    return "has not answered yet" if reason is None else REASONS.get(reason, reason.replace("_", " "))


def family_of(reason: str | None) -> str:
    """The family of a reason's code; ``open`` while there is none."""
    if reason is None:
        return "open"
    try:
        return Reason(reason).family.value
    except ValueError:
        return Family.OFFER.value if reason == OFFER else Family.ERROR.value


def result_words(result: str | None) -> str:
    """What came of a dial."""
    return "rings or talks" if result is None else RESULTS.get(result, result.replace("_", " "))


def caller_words(record: Mapping[str, Any]) -> str:
    """Who called: the number, or why there is none."""
    number = record.get("from") or ("erased" if record.get("erased") else "withheld")
    return "no longer kept" if number.startswith(MARK) else str(number)


def seconds_words(seconds: float) -> str:
    """``3.2 s`` below a minute (``3 s`` of whole ones), ``2:05`` from there on, ``1:02:05`` from an hour on."""
    if seconds < 59.95:
        return f"{seconds} s" if isinstance(seconds, int) else f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def money_words(amount: str | None) -> str:
    """``$31.20``, a dash for none."""
    return "–" if amount is None else f"${amount}"


def listed(names: list[str]) -> str:
    """``A``, ``A and B``, ``A, B and C``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def utc_words(at: str | None) -> str:
    """``21 Nov 2026, 02:25:10`` of an RFC 3339 time in UTC; a dash for none."""
    return "–" if at is None else datetime.fromisoformat(at).astimezone(UTC).strftime("%-d %b %Y, %H:%M:%S")


def tone_of(outcome: str | None, qualified: bool | None = None) -> str:
    """The class of a badge for an outcome."""
    if outcome == "bridged":
        return "good" if qualified is not False else "warn"
    return {"unsold": "warn", "failed": "bad", "refused": "", "abandoned": ""}.get(outcome or "", "info")
