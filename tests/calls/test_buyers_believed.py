"""What is believed of each buyer, for operations to see, and to forgive."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.lessons import Rang, Replied, TalkEnded
from callrouter.calls.buyers import Buyers
from callrouter.dialplan import Plan
from callrouter.domain.clock import SystemClock
from callrouter.engine.client import Engine
from callrouter.learning.folding import fold
from callrouter.learning.log import LessonLog
from callrouter.ledger.reads import Ledger
from tests.buyers.exemplars import CATALOGUE
from tests.console.served import opened_ledger

ENTRY = {
    "adapter": "contactability",
    "mode": "calls_ping",
    "url": "https://x.test/",
    "credentials": {"token": "token-secret-1"},
}


def plans() -> dict[str, Plan]:
    """Two plans with a buyer of the same name, of different verticals."""
    raw = {"numbers": {"inbound": ["+18885550100"]}, "buyers": {"acme": ENTRY, "newco": ENTRY}}
    named = [Plan.model_validate({"plan": name, **raw}) for name in ("auto", "home")]
    return {plan.plan: plan for plan in named}


def learned() -> Beliefs:
    """Ten calls of the plan ``auto``: eight of ten dials answered, half of the talks long enough."""
    beliefs = Beliefs()
    for no in range(10):
        beliefs.learn(3 * no + 1, Replied("acme", 0.5, "offer", 30.0, 90), 1.0)
        beliefs.learn(3 * no + 2, Rang("acme", no < 8, 6.0), 1.0)
        beliefs.learn(3 * no + 3, TalkEnded("acme", "auto", f"CA{no}", 20.0 if no % 2 else 400.0, 90), 1.0)
    return beliefs


class Desk:
    """Buyers with beliefs that follow the engine's log when they are told to."""

    def __init__(self, engine: Engine, ledger: Ledger) -> None:
        self.beliefs, self.log = learned(), LessonLog(engine)
        self.buyers = Buyers(engine, ledger, plans, CATALOGUE, SystemClock(), lambda: self.beliefs)

    async def believed(self, plan: str, buyer: str) -> dict[str, Any]:
        found = await self.buyers.one(plan, buyer)
        assert found is not None
        return dict(found["believed"])

    async def follow(self) -> None:
        fold(self.beliefs, (await self.log.after(self.beliefs.version, 100)).entries)


@pytest.fixture
async def desk(engine: Engine, tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened_ledger(tmp_path) as ledger:
        yield Desk(engine, ledger)


async def test_what_was_learned_is_shown_with_the_evidence_that_it_has(desk: Desk) -> None:
    believed = await desk.believed("auto", "acme")
    assert believed["usual_offer"] == {"payout": "30.00", "min_duration_s": 90}
    assert (believed["requests"], believed["offer_rate"], believed["offer_after_s"]) == (10, 1.0, 0.5)
    assert believed["answer_rate"] == pytest.approx(desk.beliefs.answers("acme"), abs=1e-3)
    assert believed["dials"] == pytest.approx(9.85, abs=0.2)
    assert believed["talks"] == pytest.approx(9.85, abs=0.2)
    assert believed["talk_rate"] == pytest.approx(desk.beliefs.talks("acme", "auto", 90, 1.0), abs=1e-3)


async def test_talks_are_those_of_the_plans_vertical(desk: Desk) -> None:
    elsewhere = await desk.believed("home", "acme")
    assert (elsewhere["talks"], elsewhere["requests"]) == (0, 10)


async def test_of_a_newcomer_nothing_is_claimed_to_be_seen(desk: Desk) -> None:
    newco = await desk.believed("auto", "newco")
    assert (newco["requests"], newco["dials"], newco["talks"], newco["usual_offer"]) == (0, 0, 0, None)
    assert newco["answer_rate"] == pytest.approx(desk.beliefs.answers_of_all(), abs=1e-3)


async def test_a_forgiven_buyer_is_believed_to_be_like_any_other_in_every_plan(desk: Desk) -> None:
    await desk.buyers.forgive("auto", "acme", "olga")
    await desk.follow()
    for plan in ("auto", "home"):
        believed = await desk.believed(plan, "acme")
        assert (believed["dials"], believed["talks"]) == (0, 0)
        assert believed["requests"] == 10, "how fast it replies is kept"
        assert believed["answer_rate"] == pytest.approx(desk.beliefs.answers_of_all(), abs=1e-3)


async def test_a_buyer_that_no_plan_has_is_not_forgiven(desk: Desk) -> None:
    assert await desk.buyers.forgive("auto", "nobody", "olga") is None
    assert await desk.buyers.forgive("none", "acme", "olga") is None
    assert (await desk.log.after(0, 10)).entries == []
