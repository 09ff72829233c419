"""Calls under other settings: small days whose answers can be worked out by hand."""

from collections.abc import Mapping
from math import exp

import pytest

from callrouter.beliefs.beliefs import Beliefs
from callrouter.domain.decision import Rules
from callrouter.replaying.changes import changes_of
from callrouter.replaying.replay import Compared, Replayed, replayed
from callrouter.replaying.tally import Comes, Doubt
from tests.replaying.days import MIN_S, Offers, Played, Record, Unlearned, day_of
from tests.support.virtual_time import EPOCH

BELIEVED = Beliefs()
ANSWERS, TALKS = BELIEVED.answers("a"), BELIEVED.talks("a", "auto", MIN_S, EPOCH)
STAYS = exp(-BELIEVED.leave_per_s("auto", "ring") * BELIEVED.ring_s("a"))
WINS = ANSWERS * TALKS * STAYS
FAILS_S = BELIEVED.failing_s("a")
KEEPS = (1 - ANSWERS) * exp(-BELIEVED.leave_per_s("auto", "ring") * FAILS_S)
LEAVE_PER_S = BELIEVED.leave_per_s("auto", "hold")
QUICK = Rules(policy="highest_payout", max_wait_s=2)

SLOW_WINS = {"a": Offers(1, "20.00"), "b": Offers(6, "40.00", "bridged", pays=True)}
"""The better offer comes after six seconds, and its dial pays."""


async def replay_of(*records: Record, what_if: str) -> Replayed:
    found = await replayed(day_of(records), Unlearned(), changes_of(what_if.split()))
    assert found.same
    return found


async def compared(played: Played, what_if: str) -> Compared:
    (one,) = (await replay_of(played.record(), what_if=what_if)).compared
    return one


def dials(comes: Comes) -> Mapping[str, float]:
    return {buyer: stake.dials for buyer, stake in comes.stakes.items()}


SHAPES = {
    "a call that was won": Played([SLOW_WINS]),
    "a call that nobody took": Played([{"a": Offers(1), "b": Offers(2)}]),
    "a dial that failed, and the next one": Played([{"a": Offers(1, "50.00"), "b": Offers(2, "40.00", "bridged")}]),
    "a caller who left": Played([SLOW_WINS], leaves_s=3),
    "a caller who left while it rang": Played([{"a": Offers(1, "20.00", "caller_gone")}]),
    "all failed, and all were asked again": Played(
        [{"a": Offers(1, "20.00")}, {"b": Offers(2, "15.00", "bridged", pays=True)}]
    ),
    "a bound": Played([SLOW_WINS], QUICK),
    "expected value": Played([{**SLOW_WINS, "c": Offers(3, "35.00")}], Rules()),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("change", ["max_attempts=4", "floor=0", "buyers.nobody.enabled=false", "deadline_s=10"])
async def test_a_change_that_changes_nothing_changes_nothing_to_the_cent(shape: Played, change: str) -> None:
    one = await compared(shape, change)
    assert one.would == one.was


async def test_what_a_call_really_came_to_is_read_from_its_record() -> None:
    one = await compared(SHAPES["all failed, and all were asked again"], "floor=0")
    assert (one.was.money, dials(one.was), one.was.left) == (15.0, {"a": 1, "b": 1}, 0)
    assert one.was.hold_s == pytest.approx(1 + 2)


async def test_a_dial_that_never_happened_is_valued_by_what_was_believed() -> None:
    one = await compared(Played([{**SLOW_WINS, "b": Offers(9.5, "40.00", "bridged", pays=True)}]), "max_wait_s=2")
    assert one.was.money == 40.0
    # It fails after twelve seconds; by then the other offer is there, and its dial ends as it really did.
    assert one.would.money == pytest.approx(20 * WINS + KEEPS * 40)
    assert dials(one.would) == {"a": 1, "b": pytest.approx(KEEPS)}
    assert one.would.hold_s == pytest.approx(2)
    assert one.would.left == pytest.approx(1 - ANSWERS * STAYS - KEEPS)
    assert one.would.doubts == {Doubt.NEVER_DIALLED}
    assert one.would.variance == pytest.approx(400 * WINS + 1600 * KEEPS - one.would.money**2)


async def test_the_same_offer_dialled_a_little_earlier_ends_as_it_did() -> None:
    one = await compared(Played([{"a": Offers(1, "20.00", "bridged", pays=True), "b": Offers(6)}]), "max_wait_s=2")
    assert (one.would.money, one.would.variance, one.would.doubts) == (20.0, 0.0, frozenset())
    assert [one.was.hold_s, one.would.hold_s] == pytest.approx([6, 2])


async def test_who_is_held_longer_than_was_seen_may_leave() -> None:
    one = await compared(Played([SLOW_WINS], QUICK), "max_wait_s=none")
    stays = exp(-LEAVE_PER_S * 4)  # from two seconds to six
    # In fact the other offer failed first, and this one was dialled one second later than it is now.
    assert (one.was.money, one.was.left) == (40.0, 0.0)
    assert one.would.money == pytest.approx(stays * 40)
    assert one.would.left == pytest.approx(1 - stays)
    assert one.would.doubts == {Doubt.HELD_LONGER}


async def test_a_caller_who_left_is_lost_to_a_longer_wait_and_not_to_a_shorter_one() -> None:
    left = Played([SLOW_WINS], leaves_s=3)
    longer, shorter = await compared(left, "min_offers=2"), await compared(left, "max_wait_s=2")
    assert [longer.would.money, longer.would.left, longer.would.hold_s] == pytest.approx([0, 1, 3])
    assert shorter.would.money >= 20 * WINS
    assert shorter.would.left < 0.5
    assert shorter.would.hold_s == pytest.approx(2)


async def test_below_the_floor_nothing_is_taken() -> None:
    one = await compared(Played([SLOW_WINS]), "floor=30")
    assert one.would == one.was
    none = await compared(Played([SLOW_WINS]), "floor=50")
    assert (none.would.money, dials(none.would)) == (0, {})
    assert none.would.hold_s == pytest.approx(6)


async def test_a_buyer_that_is_not_asked_is_not_waited_for() -> None:
    one = await compared(Played([SLOW_WINS]), "buyers.b.enabled=false")
    assert one.would.money == pytest.approx(20 * WINS)
    assert one.would.hold_s == pytest.approx(1)
    assert one.would.doubts >= {Doubt.NEVER_DIALLED}


async def test_fewer_dials_end_a_call_earlier_and_more_go_on_with_it() -> None:
    buyers = {"a": Offers(1, "50.00"), "b": Offers(2, "40.00", "bridged", pays=True)}
    fewer = await compared(Played([buyers]), "max_attempts=1")
    assert (fewer.was.money, fewer.would.money, dials(fewer.would)) == (40, 0, {"a": 1})
    once = Rules(policy="highest_payout", max_attempts=1)
    more = await compared(Played([buyers], once), "bridge.max_attempts=3")
    assert more.was.money == 0
    assert more.would.money == pytest.approx(40 * WINS)


async def test_a_shorter_deadline_cuts_off_who_answers_later() -> None:
    one = await compared(Played([SLOW_WINS]), "auction.deadline_s=4")
    # The later offer, with which the call was won, never comes: pings end with the auction's time.
    assert one.would.money == pytest.approx(20 * WINS)
    assert dials(one.would) == {"a": 1}
    assert one.would.hold_s == pytest.approx(4)


async def test_what_came_after_a_shorter_deadline_is_not_there_for_the_next_dial_either() -> None:
    first_fails = {"a": Offers(1, "20.00"), "b": Offers(6, "40.00", "bridged", pays=True)}
    recorded = Played([first_fails], QUICK)
    in_time, late = await compared(recorded, "deadline_s=7"), await compared(recorded, "deadline_s=4")
    assert (in_time.was.money, in_time.would.money) == (40, 40)
    assert (late.would.money, dials(late.would)) == (0, {"a": 1})
    assert Doubt.ASKED_AGAIN in late.would.doubts


async def test_without_an_offer_in_a_shorter_deadline_nobody_is_dialled() -> None:
    one = await compared(Played([{"b": Offers(6, "40.00", "bridged", pays=True)}]), "deadline_s=4")
    assert (one.was.money, one.would.money, dials(one.would)) == (40, 0, {})
    assert one.would.hold_s == pytest.approx(4)


async def test_a_buyer_that_was_cut_off_counts_as_silent() -> None:
    gone = Played([{"a": Offers(1, "20.00", "caller_gone"), "b": Offers(9, "40.00")}], QUICK)
    one = await compared(gone, "max_wait_s=none")
    assert Doubt.CUT_OFF in one.would.doubts
    assert one.would.hold_s > 6
    assert one.would.money == 0  # its only dial ends as it did: the caller leaves while it rings


async def test_a_further_auction_that_was_never_held_counts_as_nothing() -> None:
    one = await compared(Played([{"a": Offers(1, "20.00"), "b": Offers(5, "30.00", "bridged")}]), "max_wait_s=2")
    assert Doubt.ASKED_AGAIN not in one.would.doubts  # for it came to an end before
    alone = await compared(Played([{**SLOW_WINS, "b": Offers(6, "40.00", "bridged")}]), "buyers.b.enabled=false")
    assert Doubt.ASKED_AGAIN in alone.would.doubts


async def test_the_next_auction_moves_with_the_call() -> None:
    played = Played([{"a": Offers(1, "20.00"), "b": Offers(6)}, {"c": Offers(2, "15.00", "bridged", pays=True)}])
    one = await compared(played, "max_wait_s=1.5")
    assert one.was.money == one.would.money == 15.0
    assert [one.was.hold_s, one.would.hold_s] == pytest.approx([6 + 2, 1.5 + 2])
    assert dials(one.would) == {"a": 1, "c": 1}


async def test_priorities_may_be_tried_on_any_day() -> None:
    played = Played([{"a": Offers(1, "20.00"), "b": Offers(1.5, "40.00", "bridged", pays=True), "c": Offers(3)}])
    one = await compared(played, "policy=priority buyers.a.priority=1 buyers.b.priority=2 buyers.c.priority=3")
    assert list(one.would.stakes) == ["a", "b"]
    assert one.would.hold_s == pytest.approx(1)


async def test_calls_that_agents_handed_over_are_made_again_and_left_out_of_the_rest() -> None:
    handed = Played([SLOW_WINS], kind="transfer", sid="TR1")
    found = await replay_of(handed.record(), Played([SLOW_WINS]).record(), what_if="max_wait_s=2")
    assert (found.calls, found.transfers, [one.sid for one in found.compared]) == (2, 1, ["CA1"])
    assert found.made == len(handed.decisions) * 2


async def test_records_that_cannot_be_replayed_are_counted_by_why() -> None:
    old, newer, odd, idle = (Played([SLOW_WINS]).record() for _ in range(4))
    del old["decisions"]
    newer["decisions"][0]["form"] = 99
    odd["attempts"] = None
    idle["decisions"] = []
    found = await replay_of(old, newer, odd, idle, what_if="floor=1")
    assert found.unreplayable == {
        "recorded before decisions were kept": 1,
        "recorded by a newer version": 1,
        "cannot be read": 1,
    }
    assert (found.calls, found.undecided) == (0, 1)
