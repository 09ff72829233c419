"""What the figures of a report say, in sentences. Pure."""

from collections.abc import Iterator

from callrouter.ledger.ending_short import NEAR_S
from callrouter.ledger.totals import Line, Totals


def short_enders(found: Totals) -> Iterator[tuple[Line, str]]:
    """Each buyer that may end calls short, and the evidence: of a suspicion, which is no proof."""
    return ((line, evidence(line)) for line in found.lines if line.ends_short)


def evidence(line: Line) -> str:
    """How a buyer's hang-ups near the minimum duration compare with chance; empty when nothing can be said."""
    found = line.hang_ups
    if found is None:
        return ""
    return (
        f"of the {_times(found.around, 'time')} that it hung up from {2 * NEAR_S} s before the minimum duration to"
        f" {NEAR_S} s after it, {found.short} were in the last {NEAR_S} s before it, where {found.usual:.0f} would be"
        f" usual; by chance alone that happens {odds(found.chance)}. It is no proof: talks that have a natural end"
        " there, such as a refusal after fixed questions, look alike; listen to some of these calls first"
    )


def odds(chance: float) -> str:
    """``once in 4,800 periods like this one (p = 0.00021)``."""
    if chance < 1e-6:
        return "less than once in a million periods like this one (p < 0.000001)"
    if chance > 0.5:
        return f"more often than not (p = {chance:.2g})"
    return f"once in {1 / chance:,.0f} periods like this one (p = {_decimals(chance)})"


def left_words(total: Line) -> str:
    """What was left on the table, and what that means."""
    if total.left == 0:
        if total.expired == 0:
            return "Nothing was left on the table: no offer expired before it could be dialled."
        return f"{_times(total.expired, 'offer')} expired; none would have paid more than what came instead."
    return (
        f"Left on the table: ${total.left:,.2f}. {_times(total.expired, 'offer')} expired before they could be"
        " dialled; the best one of each call would have paid so much more than what came instead."
    )


def _times(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _decimals(chance: float) -> str:
    """Two digits that count, without an exponent."""
    return f"{chance:.{max(2, 1 - _exponent(chance))}f}"


def _exponent(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])
