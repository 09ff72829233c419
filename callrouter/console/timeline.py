"""The drawing of one call: from a record to lanes, bars and marks, and the same in words. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from callrouter.console import scale
from callrouter.console.handover import acts, callers_leg, room_sounds
from callrouter.console.legs import leg_spans
from callrouter.console.moments import Moments, Record, auctions, events, offer_of, still_asked
from callrouter.console.plain_words import (
    SOUNDS,
    family_of,
    money_words,
    reason_words,
    result_words,
    seconds_words,
)
from callrouter.console.sounds import heard
from callrouter.console.story import who_hung_up

WIDTH, LEFT, RIGHT = 1000.0, 168.0, 984.0
TOP, LANE = 34.0, 42.0
LEAST_BAR_PX = 3.0
_CHAR_PX = 6.6


@dataclass(frozen=True)
class Span:
    """Something that lasted. Seconds since the arrival."""

    start_s: float
    end_s: float
    css: str
    label: str
    """Short, drawn above the bar where there is room."""
    words: str


@dataclass(frozen=True)
class Moment:
    """Something that happened at once."""

    at_s: float
    css: str
    words: str


@dataclass(frozen=True)
class Track:
    """One lane before it is drawn."""

    name: str
    spans: tuple[Span, ...] = ()
    moments: tuple[Moment, ...] = ()


@dataclass(frozen=True)
class Bar:
    """A span in the drawing's units. ``label_x`` is ``None`` where there is no room for the label."""

    x: float
    width: float
    css: str
    label: str
    label_x: float | None
    words: str


@dataclass(frozen=True)
class Mark:
    """A moment in the drawing's units."""

    x: float
    css: str
    words: str


@dataclass(frozen=True)
class Lane:
    """One line of the drawing; ``y`` is its top."""

    name: str
    y: float
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Row:
    """One line of the table that says the same in words."""

    at: str
    """Seconds since the arrival, in words."""
    who: str
    words: str


@dataclass(frozen=True)
class Drawing:
    """Everything that the template draws; all lengths in the SVG's own units."""

    width: float
    height: float
    left: float
    lanes: tuple[Lane, ...]
    ticks: tuple[scale.Tick, ...]
    cuts: tuple[scale.Cut, ...]
    rows: tuple[Row, ...]


def drawing(record: Record, now: float, *, fast_answer_s: float = 1.5, buyers: Sequence[str] = ()) -> Drawing:
    """Draw one call.

    ``now`` (epoch seconds) ends what is open; ``fast_answer_s`` is the plan's; ``buyers`` are those of the plan, of
    whom a live call may still wait for some.
    """
    moments = Moments(record, now)
    tracks = [track for track in _tracks(record, moments, fast_answer_s, buyers) if track.spans or track.moments]
    spans = [span for track in tracks for span in track.spans if span.css != "window"]
    points = [at for span in spans for at in (span.start_s, span.end_s)]
    points += [moment.at_s for track in tracks for moment in track.moments if moment.css != "expiry"]
    axis = scale.scale([*points, moments.end_s], LEFT, RIGHT - LEFT)
    return Drawing(
        width=WIDTH,
        height=TOP + LANE * len(tracks) + 10,
        left=LEFT,
        lanes=tuple(_lane(track, TOP + LANE * no, axis) for no, track in enumerate(tracks)),
        ticks=axis.ticks,
        cuts=axis.cuts,
        rows=_rows(tracks),
    )


def _tracks(record: Record, moments: Moments, fast_answer_s: float, buyers: Sequence[str]) -> Iterator[Track]:
    legs = leg_spans(record, moments)
    if record.get("transfer"):
        yield Track("Agent", (), tuple(Moment(at_s, "said", words) for at_s, words in acts(record, moments)))
    if not legs or callers_leg(record) is not None:
        yield _caller(record, moments, fast_answer_s)
    for name, found, left in legs:
        yield Track(name, tuple(Span(*span) for span in found), tuple(Moment(*moment) for moment in left))
    asked = [result["buyer"] for result in record.get("results") or () if result.get("asked_at")]
    waited_for = still_asked(record, buyers)
    for buyer in dict.fromkeys([*asked, *waited_for]):
        yield _asked(buyer, record, moments, waited=buyer in waited_for)
    for post in record.get("posts") or ():
        yield _post(post, moments)
    for attempt in record.get("attempts") or ():
        yield _dial(attempt, record, moments)


def _caller(record: Record, moments: Moments, fast_answer_s: float) -> Track:
    sounds = room_sounds(record, moments) or heard(record, moments, fast_answer_s)
    spans = [Span(s.start_s, s.end_s, f"sound-{s.kind}", SOUNDS[s.kind], f"hears {SOUNDS[s.kind]}") for s in sounds]
    entered = [
        Moment(moments.since(event["at"]) or 0.0, "said", f"answers for the zip: {event['detail']}")
        for event in events(record, "zip_entered")
    ]
    ends = [] if moments.live else [Moment(moments.end_s, "end", f"the end: {who_hung_up(record)}")]
    return Track("Caller hears", tuple(spans), (*entered, *ends))


def _asked(buyer: str, record: Record, moments: Moments, *, waited: bool) -> Track:
    spans: list[Span] = []
    marks: list[Moment] = []
    for result in record.get("results") or ():
        start_s = moments.since(result.get("asked_at"))
        if result["buyer"] != buyer or start_s is None:
            continue
        offer, end_s = result.get("offer"), start_s + float(result["elapsed_s"] or 0.0)
        spans.append(_answer(result, start_s, end_s))
        if offer:
            spans.append(_window(offer, end_s, moments))
            marks += _lapse(offer, moments, "expiry", "its offer expires")
    begun = auctions(record)
    if waited and begun:
        spans.append(Span(moments.since(begun[-1]) or 0.0, moments.end_s, "family-open", "asked", "is being asked"))
    return Track(f"{buyer}", tuple(spans), tuple(marks))


def _answer(result: Record, start_s: float, end_s: float) -> Span:
    offer, reason = result.get("offer"), result["reason"]
    label = money_words(offer["payout"]) if offer else str(reason).replace("_", " ")
    said = f"offered {money_words(offer['payout'])}" if offer else reason_words(reason)
    words = f"asked; after {seconds_words(end_s - start_s)} it {said}"
    return Span(start_s, end_s, f"family-{family_of(reason)}", label, words)


def _window(offer: Record, start_s: float, moments: Moments) -> Span:
    expires_s = moments.since(offer.get("expires_at"))
    until_s = moments.end_s if expires_s is None else min(expires_s, moments.end_s)
    return Span(start_s, max(start_s, until_s), "window", "", "its offer may be dialled")


def _lapse(offer: Record, moments: Moments, css: str, words: str) -> list[Moment]:
    expires_s = moments.since(offer.get("expires_at"))
    return [] if expires_s is None or expires_s > moments.end_s else [Moment(expires_s, css, words)]


def _post(post: Record, moments: Moments) -> Track:
    start_s = moments.since(post["sent_at"]) or 0.0
    end_s = moments.end_s if post.get("elapsed_s") is None else start_s + float(post["elapsed_s"])
    reason = post["reason"]
    named = "it named its number" if reason == "offer" else f"it {reason_words(reason)}"
    took = "" if post.get("elapsed_s") is None else f" after {seconds_words(end_s - start_s)}"
    label = "number named" if reason == "offer" else str(reason or "asked").replace("_", " ")
    words = f"told that we take its bid;{took} {named}"
    return Track(f"Post to {post['buyer']}", (Span(start_s, end_s, f"family-{family_of(reason)}", label, words),))


def _dial(attempt: Record, record: Record, moments: Moments) -> Track:
    decided_s = moments.since(attempt["decided_at"]) or 0.0
    times = [moments.since(attempt.get(name)) for name in ("ringing_at", "answered_at", "ended_at")]
    ended_s = moments.end_s if times[2] is None else times[2]
    answered_s = ended_s if times[1] is None else min(times[1], ended_s)
    ringing_s = min(answered_s if times[0] is None else times[0], answered_s)
    age = f"offer {float(attempt['offer_age_s']):.1f} s old"
    spans = [Span(decided_s, ringing_s, "dial-setup", age, f"dial decided; its {age}")]
    if times[0] is not None:
        spans.append(Span(ringing_s, answered_s, "dial-ringing", "rings", "the buyer's phone rings"))
    if times[1] is not None:
        talk = f"talk {seconds_words(ended_s - answered_s)}"
        spans.append(Span(answered_s, ended_s, "dial-talk", talk, "the buyer answers; they talk"))
    offer = attempt if attempt.get("expires_at") else offer_of(attempt, record)
    marks = _lapse(offer, moments, "expiry", "the dialled offer's window ends") if offer else []
    if times[2] is not None:
        marks.append(Moment(ended_s, f"result-{attempt['result']}", f"the buyer {result_words(attempt['result'])}"))
    return Track(f"Dial {attempt['no']}: {attempt['buyer']}", tuple(spans), tuple(marks))


def _lane(track: Track, y: float, axis: scale.Scale) -> Lane:
    bars = [_bar(span, axis) for span in track.spans]
    return Lane(
        name=track.name if len(track.name) <= 24 else f"{track.name[:23]}…",
        y=y,
        bars=tuple(_labelled(bars)),
        marks=tuple(Mark(axis.x(m.at_s), m.css, m.words) for m in track.moments),
    )


def _bar(span: Span, axis: scale.Scale) -> Bar:
    x = axis.x(span.start_s)
    width = max(LEAST_BAR_PX, round(axis.x(span.end_s) - x, 1))
    return Bar(min(x, RIGHT - LEAST_BAR_PX), width, span.css, span.label, None, span.words)


def _labelled(bars: Sequence[Bar]) -> list[Bar]:
    """Each label above its bar: at its beginning, else behind the label before it while that is above the bar still."""
    free_from = LEFT
    placed: list[Bar] = []
    for bar, following in zip_longest(bars, bars[1:]):
        needed = len(bar.label) * _CHAR_PX + 6
        x = min(max(bar.x, free_from), RIGHT - needed)
        fits = bool(bar.label) and x >= free_from and (x <= bar.x or x + needed <= bar.x + bar.width)
        fits = fits and not _gives_way(bar, following, needed)
        placed.append(replace(bar, label_x=round(x, 1)) if fits else bar)
        free_from = x + needed if fits else free_from
    return placed


def _gives_way(bar: Bar, following: Bar | None, needed: float) -> bool:
    """Whether the label of a moment would stand above what the person heard, or did, for longer right after it."""
    if following is None or not following.label or not bar.css.startswith(("sound-", "leg-")):
        return False
    return bar.width < needed and following.width > bar.width and following.x < bar.x + needed


def _rows(tracks: Sequence[Track]) -> tuple[Row, ...]:
    said: list[tuple[float, str, str]] = []
    for track in tracks:
        said += [(span.start_s, track.name, _lasting(span)) for span in track.spans if span.css != "window"]
        said += [(moment.at_s, track.name, moment.words) for moment in track.moments]
    return tuple(Row(seconds_words(at_s), who, words) for at_s, who, words in sorted(said, key=lambda one: one[0]))


def _lasting(span: Span) -> str:
    lasting = span.css.startswith(("sound-", "dial-ringing", "dial-talk", "leg-"))
    return f"{span.words}, for {seconds_words(span.end_s - span.start_s)}" if lasting else span.words
