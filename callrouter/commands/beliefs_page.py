"""What is believed, as tables that fit a terminal, and as JSON. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from textwrap import fill
from typing import Any

from callrouter.beliefs.summary import TALKS_S, BuyerSummary, PatienceSummary
from callrouter.commands.tables import clock_time, table
from callrouter.domain.clock import rfc3339

_BUYERS = ("buyer", "asked", "offers", "after", "usual offer", "dials", "picked up", "got worse")
_TALKS = ("buyer", "vertical", "talks", "now", *(f"≥ {seconds} s" for seconds in TALKS_S), "got worse")
_CALLERS = ("vertical", "hold", "ringing", "hold seen")
_OF_BUYERS = (
    "asked: its last requests, 200 at most. offers, after: how many of them ended with an offer, and after how long"
    " half of those had come. usual offer: the middle one of its last 12. dials, picked up: how many dials are"
    " remembered (old ones fade), and the chance that its phone is picked up; with few dials it is close to that of all"
    " buyers, which is {all}. got worse: how often it disappointed so much that what had been learned before went."
)
_OF_TALKS = (
    "The chance that a talk with this buyer lasts so long. talks: how many are remembered. now: those that go on just"
    " now. With few talks the chances are close to those of all buyers of the vertical."
)
_OF_CALLERS = (
    "How long a caller stays on average, hearing hold audio or a buyer's phone ringing, before hanging up; and from how"
    " much hold that was learned."
)
_WIDTH = 100


@dataclass(frozen=True)
class Believed:
    """Everything that is shown."""

    version: int
    """The number of the last lesson."""
    learned_at: float | None
    """When it was given, epoch seconds; ``None`` when nothing was learned."""
    answers_of_all: float
    """The chance that anybody's phone is picked up."""
    buyers: tuple[BuyerSummary, ...]
    patience: tuple[PatienceSummary, ...]

    @property
    def picked_up(self) -> str:
        """`answers_of_all` in words."""
        return share(self.answers_of_all)


def as_json(found: Believed) -> dict[str, Any]:
    """All of it; chances from 0 to 1, times in seconds, payouts in dollars."""
    return {
        "version": found.version,
        "learned_at": rfc3339(found.learned_at),
        "answers_of_all": round(found.answers_of_all, 4),
        "buyers": [_buyer_json(buyer) for buyer in found.buyers],
        "patience": [_rounded(asdict(patience)) for patience in found.patience],
    }


def page(found: Believed) -> str:
    """Three tables, each with what its columns mean."""
    if found.learned_at is None:
        return "Nothing was learned yet: every buyer is valued as a newcomer.\n"
    at = clock_time(rfc3339(found.learned_at))
    return "\n".join([f"What calls taught, to the lesson of {at} UTC (version {found.version}).\n", *_parts(found)])


def share(chance: float) -> str:
    """``71 %``."""
    return f"{chance:.0%}".replace("%", " %")


def offer_words(offer: tuple[float, int] | None) -> str | None:
    """``$18.00 at 90 s``; ``None`` for none."""
    if offer is None:
        return None
    payout, min_s = offer
    return f"${payout:,.2f} at {min_s} s"


def _parts(found: Believed) -> Iterator[str]:
    yield _part("Buyers", _BUYERS, map(_buyer_row, found.buyers), ("buyer",), _OF_BUYERS.format(all=found.picked_up))
    talks = [row for buyer in found.buyers for row in _talk_rows(buyer)]
    if talks:
        yield _part("Talks", _TALKS, talks, ("buyer", "vertical"), _OF_TALKS)
    if found.patience:
        yield _part("Callers", _CALLERS, map(_patience_row, found.patience), ("vertical",), _OF_CALLERS)


def _part(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]], texts: Sequence[str], about: str) -> str:
    cells = table(heads, rows, right=set(heads) - set(texts))
    return f"{title}\n{_indented(cells)}{fill(about, _WIDTH, initial_indent='  ', subsequent_indent='  ')}\n"


def _buyer_row(buyer: BuyerSummary) -> tuple[object, ...]:
    return (
        buyer.buyer,
        buyer.pings,
        share(buyer.offer_share) if buyer.pings else None,
        None if buyer.offer_after_s is None else f"{buyer.offer_after_s:.1f} s",
        offer_words(buyer.typical),
        f"{buyer.dials:.0f}",
        share(buyer.answers),
        _times(buyer.answer_alarms),
    )


def _talk_rows(buyer: BuyerSummary) -> Iterator[tuple[object, ...]]:
    for talk in buyer.talks:
        lasts = (share(chance) for chance in talk.lasts)
        yield (buyer.buyer, talk.vertical, f"{talk.seen:.0f}", talk.going_on, *lasts, _times(talk.alarms))


def _patience_row(patience: PatienceSummary) -> tuple[object, ...]:
    minutes = f"{patience.seen_s / 60:,.1f} min"
    return (patience.vertical, f"{patience.hold_mean_s:.0f} s", f"{patience.ring_mean_s:.0f} s", minutes)


def _times(count: int) -> str | None:
    return f"{count} ×" if count else None


def _buyer_json(buyer: BuyerSummary) -> dict[str, Any]:
    shown = _rounded(asdict(buyer))
    typical = buyer.typical
    shown["typical"] = None if typical is None else {"payout": f"{typical[0]:.2f}", "min_duration_s": typical[1]}
    shown["talks"] = [
        {
            **_rounded({key: value for key, value in asdict(talk).items() if key != "lasts"}),
            "lasts": {str(seconds): round(chance, 4) for seconds, chance in zip(TALKS_S, talk.lasts, strict=True)},
        }
        for talk in buyer.talks
    ]
    return shown


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()}


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())
