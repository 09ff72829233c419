"""What replay cannot know, said plainly, and of how many calls. Pure."""

from collections.abc import Iterator

from callrouter.replaying.changes import Changes
from callrouter.replaying.replay import Replayed
from callrouter.replaying.tally import Doubt
from callrouter.replaying.totals import Totals

THIN = 20.0
"""With fewer dials than this known of a buyer, what it would bring is hardly known."""


def unknown(found: Replayed, shown: Totals, changes: Changes) -> list[str]:
    """Sentences."""
    return [*_valued(shown), *_thin(found), *_counted(found, changes), *_always()]


def _valued(shown: Totals) -> Iterator[str]:
    total = shown.total
    if total.valued:
        yield (
            f"{calls(total.valued)} of {total.calls:,} would have had a dial that never happened. Such a dial is valued"
            " by what was believed then: the chance that the phone is answered, that the talk lasts and that the caller"
            f" stays, times the payout. ${total.believed:,.2f} of the ${total.money.would:,.2f} is such an expectation."
        )
    else:
        yield "Every dial that would have been made was made in fact, and counts as it ended."


def _thin(found: Replayed) -> Iterator[str]:
    seen: dict[str, tuple[float, float]] = {}
    for one in found.compared:
        for buyer, stake in one.would.stakes.items():
            money, times = seen.get(buyer, (0.0, 0.0))
            seen[buyer] = (money + stake.believed, times + stake.believed * stake.evidence)
    thin = [
        f"{buyer} (${money:,.2f}, {times / money:.0f} dials)"
        for buyer, (money, times) in sorted(seen.items())
        if money >= 0.005 and times / money < THIN
    ]
    if thin:
        yield (
            f"Little was known of {', '.join(thin)}: what is expected of them rests on so many earlier dials, old ones"
            " counting for less, and is more of a guess than an estimate."
        )


def _counted(found: Replayed, changes: Changes) -> Iterator[str]:
    of = {doubt: sum(doubt in one.would.doubts for one in found.compared) for doubt in Doubt}
    if of[Doubt.HELD_LONGER]:
        yield (
            f"In {calls(of[Doubt.HELD_LONGER])} the caller would have been held where nobody saw whether they stay: for"
            " longer, or after a dial that never happened. It is taken from how soon such callers leave."
        )
    if of[Doubt.CUT_OFF]:
        yield (
            f"In {calls(of[Doubt.CUT_OFF])} a buyer would have been waited for that was cut off in fact: it counts as"
            " silent."
        )
    if of[Doubt.ASKED_AGAIN]:
        yield (
            f"In {calls(of[Doubt.ASKED_AGAIN])} the buyers might have been asked once more. That never happened, and"
            " counts as nothing gained."
        )
    below = sum(one.below_floor for one in found.compared)
    if changes.floor is not None and below:
        yield (
            f"{below:,} offers were below the floor that was in force. What they would have paid is not kept: with a"
            " lower floor they are still left out."
        )
    if changes.deadline_s is not None:
        yield "What buyers would have answered after the deadline that was in force is not known: they count as silent."


def _always() -> Iterator[str]:
    yield (
        "Replies are those that came. Caps, limits, hours and health are as they were, and are not counted anew; nor"
        " is what would have been learned from the other dials. The same offer dialled up to 10 s earlier or later is"
        " taken to end as it did."
    )


def calls(count: int) -> str:
    """``1 call``, ``1,234 calls``."""
    return f"{count:,} call{'' if count == 1 else 's'}"
