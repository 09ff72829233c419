"""The kinds of difference between a statement and our ledger: their stable ids, and what to do about each."""

from enum import StrEnum


class Cause(StrEnum):
    """Why a row and a call differ, or why one of them is alone. The value is a stable id."""

    BAD_ROW = "bad_row"
    TIME_ZONE = "time_zone"
    CLOCK = "clock"
    NUMBER = "number"
    DUPLICATE_ROW = "duplicate_row"
    TAKEN_BACK = "taken_back"
    DUPLICATE_RULE = "duplicate_rule"
    LATE_CALL = "late_call"
    MINIMUM = "minimum"
    TIMER_START = "timer_start"
    ROUNDING = "rounding"
    DURATION = "duration"
    MONEY_ROUNDING = "money_rounding"
    OTHER_OFFER = "other_offer"
    PAYOUT = "payout"
    NOT_PAID = "not_paid"
    PAID_UNEXPECTED = "paid_unexpected"
    MISSING_ON_THEIRS = "missing_on_theirs"
    MISSING_ON_OURS = "missing_on_ours"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return _REMEDIES[self]


_REMEDIES = {
    Cause.BAD_ROW: "mend the row, or the map, and run it again",
    Cause.TIME_ZONE: "set time_zone in the map to the zone of their clock",
    Cause.CLOCK: "ask which moment their time is of, and set at_is or tolerance_s in the map",
    Cause.NUMBER: "ask for whole numbers in the statement",
    Cause.DUPLICATE_ROW: "it counts once: ask for the statement without the second row",
    Cause.TAKEN_BACK: "ask for their reason; dispute it when the call qualified",
    Cause.DUPLICATE_RULE: "check their duplicate window in the contract, and set duplicates in the dialplan to match",
    Cause.LATE_CALL: "check their cut-off, and look for the call in their next statement",
    Cause.MINIMUM: "hold them to the minimum duration of the offer",
    Cause.TIMER_START: "show both timers, and agree in writing which one counts",
    Cause.ROUNDING: "check in the contract how seconds are rounded, and set rounding in the map",
    Cause.DURATION: "dispute the seconds: `callrouter calls show SID` has both timers and who hung up",
    Cause.MONEY_ROUNDING: "let it pass, or agree on how cents are rounded",
    Cause.OTHER_OFFER: "show them the offer that was dialled",
    Cause.PAYOUT: "show them the offer's payout; if the price was changed, ask from when on",
    Cause.NOT_PAID: "dispute it: the call met the terms by both clocks",
    Cause.PAID_UNEXPECTED: "tell them before they find it, or check the offer's terms with them",
    Cause.MISSING_ON_THEIRS: "ask for it, with its time and the number that was dialled",
    Cause.MISSING_ON_OURS: "ask for their recording or reference: our ledger has no such dial",
}
