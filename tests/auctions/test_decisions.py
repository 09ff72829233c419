"""Single decisions, each in a file of ``decisions/``: what is believed and known, and what is chosen."""

import math
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from callrouter.auction.known import Asked, Believed, InHand, Known
from callrouter.auction.policy import decide
from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.lessons import read
from callrouter.domain.decision import Choice, Rules
from tests.auctions.believing import Stated, StatedBeliefs

NOW = 1_790_000_000.0
EXEMPLARS = sorted((Path(__file__).parent / "decisions").glob("*.yaml"))


def believed_of(document: Mapping[str, Any]) -> Believed:
    """Numbers as ``stated``, or taught by ``lessons``, each so many ``times``."""
    if "stated" in document:
        stated = dict(document["stated"])
        buyers = stated.pop("buyers", {})
        return StatedBeliefs(buyers={name: Stated(**of) for name, of in buyers.items()}, **stated)
    beliefs = Beliefs()
    for entry in document["lessons"]:
        times = entry.pop("times", 1)
        lesson = read(entry)
        assert lesson is not None, entry
        for _ in range(times):
            beliefs.learn(beliefs.version + 1, lesson, NOW)
    return beliefs


def known_of(document: Mapping[str, Any]) -> Known:
    since = NOW - document.get("waited_s", 1)
    return Known(
        sid="CA1",
        vertical="auto",
        since=since,
        deadline_at=since + document.get("deadline_s", 20),
        tries_left=document.get("tries_left", 3),
        in_hand=tuple(
            InHand(buyer, Decimal(offer["payout"]), offer["min_s"], NOW + offer.get("lives_s", 30))
            for buyer, offer in document.get("in_hand", {}).items()
        ),
        awaited=tuple(
            Asked(buyer, NOW - asked["silent_s"], NOW + asked["left_s"])
            for buyer, asked in document.get("awaited", {}).items()
        ),
        rules=Rules(**document.get("rules", {})),
    )


@pytest.mark.parametrize("file", EXEMPLARS, ids=[file.stem for file in EXEMPLARS])
def test_a_decision(file: Path) -> None:
    document = yaml.safe_load(file.read_text())
    expected = document["expect"]
    assert set(document) <= {
        *("stated", "lessons", "waited_s", "deadline_s", "tries_left", "in_hand", "awaited", "rules", "expect")
    }
    verdict = decide(known_of(document), believed_of(document), NOW)
    until_s = None if verdict.until is None else round(verdict.until - NOW, 3)
    found = {
        "choice": verdict.choice.value,
        "because": verdict.because.value,
        "buyer": verdict.buyer,
        "until_s": until_s,
        "ranking": [dial.buyer for dial in verdict.ranking],
        "worth_now": None if verdict.worth_now is None else round(verdict.worth_now, 4),
    }
    assert {name: found[name] for name in expected} == expected


def test_buyers_of_one_priority_take_turns_by_their_weights() -> None:
    weights = {"alpha": 3.0, "bravo": 2.0, "charlie": 1.0}
    rules = Rules(policy="priority", tiers={buyer: (1, weight) for buyer, weight in weights.items()})
    in_hand = tuple(InHand(buyer, Decimal(20), 60, NOW + 30) for buyer in weights)
    calls = 6_000
    first, second = dict.fromkeys(weights, 0), dict.fromkeys(weights, 0)
    for number in range(calls):
        verdict = decide(Known(f"CA{number}", "auto", NOW, NOW + 10, 3, in_hand, (), rules), StatedBeliefs(), NOW)
        assert verdict.choice is Choice.DIAL
        assert verdict.buyer is not None
        first[verdict.buyer] += 1
        second[verdict.ranking[1].buyer] += 1
    # Drawn without being put back: charlie is second after alpha, or after bravo.
    shares = {"alpha": 3 / 6, "bravo": 2 / 6, "charlie": 1 / 6}
    seconds = {"charlie": 3 / 6 * 1 / 3 + 2 / 6 * 1 / 4}
    for buyer, share in shares.items():
        assert first[buyer] / calls == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / calls))
    assert second["charlie"] / calls == pytest.approx(seconds["charlie"], abs=0.025)


def test_a_call_keeps_its_turn_at_every_look() -> None:
    rules = Rules(policy="priority", tiers={"alpha": (1, 1.0), "bravo": (1, 1.0)})
    alpha, bravo = (InHand(buyer, Decimal(20), 60, NOW + 30) for buyer in ("alpha", "bravo"))
    for number in range(50):
        both = Known(f"CA{number}", "auto", NOW, NOW + 10, 3, (alpha, bravo), (), rules)
        first = decide(both, StatedBeliefs(), NOW).buyer
        asked = Asked("bravo" if first == "alpha" else "alpha", NOW, NOW + 5)
        # Whoever is first is not kept back for the other, and is waited for when it is the other that came.
        hers, other = (alpha, bravo) if first == "alpha" else (bravo, alpha)
        alone = Known(f"CA{number}", "auto", NOW, NOW + 10, 3, (hers,), (asked,), rules)
        late = Known(f"CA{number}", "auto", NOW, NOW + 10, 3, (other,), (Asked(hers.buyer, NOW, NOW + 5),), rules)
        assert decide(alone, StatedBeliefs(), NOW).choice is Choice.DIAL
        assert decide(late, StatedBeliefs(), NOW + 1).choice is Choice.WAIT
