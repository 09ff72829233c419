"""Why a buyer did or did not make an offer. The prefix is the family, and says who must act."""

from enum import StrEnum


class Family(StrEnum):
    """Who must act on a reason."""

    OFFER = "offer"
    """Nobody: the buyer made a usable offer."""
    NO_OFFER = "no_offer"
    """Nobody: the buyer does not want this call."""
    ERROR = "error"
    """The buyer, or the network between us."""
    NOT_CALLED = "not_called"
    """We: our configuration, limits or time kept the buyer from being asked."""
    REJECTED = "rejected"
    """The buyer must mend its answer: we could not accept it."""


class Reason(StrEnum):
    """The one result of a buyer in an auction, other than an offer."""

    NO_OFFER = "no_offer"
    NO_OFFER_CAPPED = "no_offer_capped"
    NO_OFFER_COVERAGE = "no_offer_coverage"
    NO_OFFER_BELOW_BID = "no_offer_below_bid"
    NO_OFFER_DUPLICATE = "no_offer_duplicate"
    NO_OFFER_EXPIRED = "no_offer_expired"
    """It made a bid, and says that it had lapsed when we took it up."""
    NO_OFFER_CALLER_GONE = "no_offer_caller_gone"
    """It was asked, and the caller left before it answered."""

    ERROR_TIMEOUT = "error_timeout"
    ERROR_UNREACHABLE = "error_unreachable"
    ERROR_HTTP_STATUS = "error_http_status"
    ERROR_BAD_RESPONSE = "error_bad_response"
    ERROR_TOO_LARGE = "error_too_large"
    ERROR_REDIRECT = "error_redirect"
    ERROR_UNSAFE_XML = "error_unsafe_xml"
    ERROR_RATE_LIMITED = "error_rate_limited"
    ERROR_AUTH = "error_auth"
    ERROR_NOT_APPROVED = "error_not_approved"
    ERROR_UNAVAILABLE = "error_unavailable"
    ERROR_ADAPTER = "error_adapter"
    ERROR_OTHER = "error_other"

    NOT_CALLED_DISABLED = "not_called_disabled"
    NOT_CALLED_SWITCHED_OFF = "not_called_switched_off"
    """Operations have switched it off for the time being; the dialplan has it still."""
    NOT_CALLED_INELIGIBLE = "not_called_ineligible"
    NOT_CALLED_UNBUILDABLE = "not_called_unbuildable"
    NOT_CALLED_RATE_LIMITED = "not_called_rate_limited"
    NOT_CALLED_UNHEALTHY = "not_called_unhealthy"
    NOT_CALLED_HOURS = "not_called_hours"
    NOT_CALLED_STATE = "not_called_state"
    NOT_CALLED_ZIP = "not_called_zip"
    NOT_CALLED_DUPLICATE = "not_called_duplicate"
    NOT_CALLED_CAP_ATTEMPTS = "not_called_cap_attempts"
    NOT_CALLED_CAP_CONNECTS = "not_called_cap_connects"
    NOT_CALLED_CAP_QUALIFIED = "not_called_cap_qualified"
    NOT_CALLED_CAP_DOLLARS = "not_called_cap_dollars"
    NOT_CALLED_CONCURRENCY = "not_called_concurrency"
    NOT_CALLED_SPACING = "not_called_spacing"
    NOT_CALLED_UNGUARDED = "not_called_unguarded"
    """The engine is out, and without it this buyer's caps cannot be kept."""
    NOT_CALLED_NO_CONSENT = "not_called_no_consent"
    NOT_CALLED_NO_TIME = "not_called_no_time"
    NOT_CALLED_CALLER_GONE = "not_called_caller_gone"
    NOT_CALLED_JUST_FAILED = "not_called_just_failed"

    REJECTED_BELOW_FLOOR = "rejected_below_floor"
    REJECTED_BAD_TARGET = "rejected_bad_target"
    REJECTED_OVER_CAP = "rejected_over_cap"
    """It would pay more than its dollar cap has left."""

    @property
    def family(self) -> Family:
        """The family that the reason's name begins with."""
        return next(family for family in _LONGEST_FIRST if self.value.startswith(family.value))


_LONGEST_FIRST = (Family.NOT_CALLED, Family.NO_OFFER, Family.REJECTED, Family.ERROR)

OFFER = "offer"
"""The label of a buyer's result that is an offer."""

RESULT_LABELS: tuple[str, ...] = (OFFER, *(reason.value for reason in Reason))
"""Every value that a buyer's result can take, in metrics and records."""
