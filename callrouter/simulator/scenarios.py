"""The mix of callers that the demo and the tests run: who calls, what the buyers do, how it should end.

Every caller has buyers' numbers of their own, so that no story disturbs another.
All numbers are from the ranges that are kept free for fiction (555-0100 to 555-0199).
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from callrouter.simulator.carrier import CallerScript, HangUp, PhoneScript, SimulatedCarrier
from callrouter.simulator.partners import Answer


class Story(StrEnum):
    """How a call is meant to go."""

    BRIDGED_FIRST = "bridged_first"
    BRIDGED_SECOND = "bridged_second"
    """The first buyer is busy or does not answer."""
    EARLY_HANGUP_RECOVERED = "early_hangup_recovered"
    """The first buyer hangs up at once; the second talks."""
    UNSOLD_CALLBACK = "unsold_callback"
    LEAD_SOLD = "lead_sold"
    """Nobody wants the call; the person has consented, and their lead is sold instead."""
    HUNG_UP_ON_HOLD = "hung_up_on_hold"
    HUNG_UP_RINGING = "hung_up_ringing"
    HUNG_UP_ASKED = "hung_up_asked"

    @property
    def outcome(self) -> str:
        """The call's outcome in the product's records."""
        if self.bridges:
            return "bridged"
        return "unsold" if self in _UNWANTED else "abandoned"

    @property
    def bridges(self) -> bool:
        """Whether the caller talks with a buyer."""
        return self in {Story.BRIDGED_FIRST, Story.BRIDGED_SECOND, Story.EARLY_HANGUP_RECOVERED}


_UNWANTED = frozenset({Story.UNSOLD_CALLBACK, Story.LEAD_SOLD})

WEIGHTS: Mapping[Story, int] = {
    Story.BRIDGED_FIRST: 40,
    Story.BRIDGED_SECOND: 15,
    Story.EARLY_HANGUP_RECOVERED: 11,
    Story.UNSOLD_CALLBACK: 12,
    Story.LEAD_SOLD: 6,
    Story.HUNG_UP_ON_HOLD: 8,
    Story.HUNG_UP_RINGING: 7,
    Story.HUNG_UP_ASKED: 7,
}

HOMES = (
    ("512", "78701"),
    ("305", "33139"),
    ("312", "60601"),
    ("212", "10001"),
    ("206", "98101"),
    ("602", "85004"),
    ("404", "30303"),
    ("303", "80202"),
)
"""Area codes of callers, with a zip of the same place."""

BUYER_AREAS = ("214", "415", "617", "702", "713", "816", "901", "919")
MOST_CALLERS = len(BUYER_AREAS) * 100 // 2

_LEAST_TALK_S = 2.2
_LEAST_RING_S = 0.3


@dataclass(frozen=True)
class Scenario:
    """One caller, the two buyers' answers to that caller, and the phones behind them."""

    story: Story
    caller: CallerScript
    lmal: Answer
    contactability: Answer
    phones: Mapping[str, PhoneScript]
    best: str
    """The number that pays most."""
    known: Mapping[str, str | bool] = field(default_factory=dict)
    """What a web form has told of the person before they call."""

    @property
    def phone(self) -> str:
        """The caller's number."""
        return self.caller.from_


class Part(Protocol):
    """What partners and phones must know of somebody whom they meet; `Scenario` is one."""

    @property
    def phone(self) -> str:
        """The caller's number."""
        ...

    @property
    def lmal(self) -> Answer:
        """What Let's Make A Lead answers."""
        ...

    @property
    def contactability(self) -> Answer:
        """What Contactability answers."""
        ...

    @property
    def phones(self) -> Mapping[str, PhoneScript]:
        """What the numbers of this story do when dialled."""
        ...


@dataclass(frozen=True)
class Tempo:
    """How long things take, in seconds.

    With ``pace`` below 1 talks and rings are that much shorter, but a talk is never under 2.2 s and a ring
    never under 0.3 s: such a plan wants ``early_hangup_s: 1``. ``slow_s`` is how long buyers keep those waiting
    who hang up on hold; it must be under the plan's deadline, and over its fast answer and spoken words.
    """

    pace: float = 1.0
    slow_s: float = 8.0

    def talk_s(self, natural_s: float) -> float:
        """A conversation."""
        return max(_LEAST_TALK_S, natural_s * self.pace)

    def ring_s(self, natural_s: float) -> float:
        """A ring until something happens."""
        return max(_LEAST_RING_S, natural_s * self.pace)

    @property
    def early_s(self) -> float:
        """A buyer that hangs up at once."""
        return 0.4 if self.pace < 1 else 2.0

    @property
    def min_duration_s(self) -> int:
        """The buyers' minimum duration."""
        return max(2, round(90 * self.pace))


def scenarios(seed: int, count: int, *, number: str, pace: float = 1.0, slow_s: float = 8.0) -> list[Scenario]:
    """``count`` callers to ``number``, the same for the same seed. From 8 on every story is among them.

    Raises `ValueError` above `MOST_CALLERS`.
    """
    if count > MOST_CALLERS:
        raise ValueError(f"at most {MOST_CALLERS} callers have numbers of their own")
    rng = random.Random(seed)
    stories = list(Story)[:count]
    stories += rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=count - len(stories))
    rng.shuffle(stories)
    tempo = Tempo(pace, slow_s)
    return [_scenario(rng, index, story, number, tempo) for index, story in enumerate(stories)]


class Cast:
    """Lets partners and phones play their parts; ``lmal`` and ``contactability`` serve as ``answer``."""

    def __init__(self, cast: Sequence[Part]) -> None:
        self._by_phone = {part.phone[-10:]: part for part in cast}
        self._cast = cast
        self.strangers = Answer(payout=None)
        """What Let's Make A Lead answers for somebody who is not of the cast; Contactability refuses them."""

    def lmal(self, params: Mapping[str, str]) -> Answer:
        """What Let's Make A Lead answers for this caller."""
        part = self._by_phone.get(params.get("telephone", "")[-10:])
        return part.lmal if part else self.strangers

    def contactability(self, params: Mapping[str, str]) -> Answer:
        """What Contactability answers for this caller; strangers are refused."""
        part = self._by_phone.get(params.get("phone", "")[-10:])
        return part.contactability if part else Answer(payout=None)

    def set_phones(self, carrier: SimulatedCarrier) -> None:
        """Tell the carrier what every buyer's phone does."""
        for part in self._cast:
            for number, script in part.phones.items():
                carrier.phone(number, script)


def _scenario(rng: random.Random, index: int, story: Story, number: str, tempo: Tempo) -> Scenario:
    first, second = _buyer_number(2 * index), _buyer_number(2 * index + 1)
    phones = {first: _first_phone(rng, story, tempo), second: _talker(rng, tempo)}
    best = Decimal(rng.randrange(2800, 4500)) / 100
    other = Decimal(rng.randrange(900, 2000)) / 100
    answers = [_answer(rng, story, tempo, best, first), _answer(rng, story, tempo, other, second)]
    rng.shuffle(answers)
    return Scenario(
        story=story,
        caller=_caller(rng, index, story, number),
        lmal=answers[0],
        contactability=answers[1],
        phones=phones,
        best=first,
        known=_person(index) if story is Story.LEAD_SOLD else {},
    )


def _person(index: int) -> dict[str, str | bool]:
    _, zip_code = HOMES[index % len(HOMES)]
    return {
        "first_name": "Ann",
        "last_name": f"Caller {index}",
        "email": f"caller{index}@example.com",
        "address": "1 Main St",
        "city": "Springfield",
        "zip": zip_code,
        "ip": "192.0.2.1",
        "consent": True,
    }


def _caller(rng: random.Random, index: int, story: Story, number: str) -> CallerScript:
    area, zip_code = HOMES[index % len(HOMES)]
    hang_ups = {
        Story.HUNG_UP_ON_HOLD: HangUp("on_hold", 0.5),
        Story.HUNG_UP_RINGING: HangUp("ringing", 0.5),
        Story.HUNG_UP_ASKED: HangUp("asked", rng.uniform(0.5, 1.5)),
    }
    says = rng.random() < 0.15
    mistakes = not says and rng.random() < 0.15
    return CallerScript(
        from_=f"+1{area}5550{100 + index // len(HOMES)}",
        to=number,
        zip_digits=None if story is Story.HUNG_UP_ASKED else zip_code,
        zip_speech=" ".join(zip_code) if says and story is not Story.HUNG_UP_ASKED else None,
        wrong_first="00000" if mistakes and story is not Story.HUNG_UP_ASKED else None,
        key_delay_s=rng.uniform(0.4, 1.2),
        from_zip=zip_code if rng.random() < 0.5 else None,
        hang_up=hang_ups.get(story),
    )


def _first_phone(rng: random.Random, story: Story, tempo: Tempo) -> PhoneScript:
    if story is Story.BRIDGED_SECOND:
        busy = rng.random() < 0.5
        return PhoneScript(ring_s=tempo.ring_s(1.0 if busy else 12.0), result="busy" if busy else "no_answer", talk_s=0)
    if story is Story.EARLY_HANGUP_RECOVERED:
        return PhoneScript(ring_s=tempo.ring_s(3.0), talk_s=tempo.early_s)
    if story is Story.HUNG_UP_RINGING:
        return PhoneScript(ring_s=max(4.0, tempo.ring_s(12.0)), result="no_answer", talk_s=0)
    return _talker(rng, tempo)


def _talker(rng: random.Random, tempo: Tempo) -> PhoneScript:
    return PhoneScript(
        ring_s=tempo.ring_s(rng.uniform(2.0, 8.0)),
        talk_s=tempo.talk_s(rng.uniform(60.0, 240.0)),
        hangs_up="caller" if rng.random() < 0.3 else "buyer",
    )


def _answer(rng: random.Random, story: Story, tempo: Tempo, payout: Decimal, number: str) -> Answer:
    if story in _UNWANTED:
        return Answer(latency_s=rng.uniform(0.1, 0.8), payout=None, code=rng.choice(("4000", "5000", "6000")))
    latency_s = tempo.slow_s if story is Story.HUNG_UP_ON_HOLD else rng.uniform(0.1, 0.8)
    return Answer(latency_s=latency_s, payout=payout, number=number, min_duration_s=tempo.min_duration_s)


def _buyer_number(index: int) -> str:
    return f"+1{BUYER_AREAS[index % len(BUYER_AREAS)]}5550{100 + index // len(BUYER_AREAS)}"
