"""A call's decisions in sentences: each reason of each policy, in words that need no knowledge of the product."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from callrouter.calls.reason_words import named, percent, seconds
from callrouter.calls.reasons import Told, decisions_of, final, told
from callrouter.domain.decision import Awaited, Because, Choice, Decision, PolicyName, Rated, Rules
from tests.calls import decided
from tests.calls.decided import START, Decided, Taught, dumped, market

TIERS = {"bolt": (2, 1.0), "acme": (1, 3.0), "cord": (1, 1.0)}
BOLT = Rated(
    buyer="bolt", payout=Decimal(18), min_duration_s=60, dial_by=START + 25, answers=0.85, talks=0.66, stays=0.97,
    worth=9.8,
)  # fmt: skip
ACME = BOLT.model_copy(update={"buyer": "acme", "payout": Decimal(12), "worth": 5.1})
CORD = Awaited(buyer="cord", asked_at=START, until=START + 10, chance=0.714, within_s=6, worth=16.9)
DUNE = Awaited(buyer="dune", asked_at=START, until=START + 10)


def made(choice: Choice, because: Because, **changes: Any) -> Decision:
    """A decision 0.6 s after the auction's start, with one offer in hand and one buyer awaited."""
    usual: dict[str, Any] = {
        "at": START + 0.6, "auction": 1, "after": "reply", "beliefs": 7, "vertical": "auto", "since": START,
        "deadline_at": START + 10, "tries_left": 4, "rules": Rules(), "choice": choice, "because": because,
        "offers": (BOLT,), "awaited": (CORD,), "buyer": "bolt",
    }  # fmt: skip
    return Decision(**usual | changes)


def words(*decisions: Decision, **options: Any) -> list[str]:
    """The last step, its headline first."""
    step = told(decisions, **options)[-1]
    return [step.headline, *step.lines]


def headlines(steps: list[Told]) -> list[tuple[float, str]]:
    return [(step.after_s, step.headline) for step in steps]


REASONED = "worth $9.80: $18.00 × 85 % that it answers × 66 % that the talk lasts 60 s × 97 % that the caller is still"
NOW = "dialling now $10.02 (with what may follow if that fails)"
TYPICAL = "cord has not answered; within 6 s it offers in 71 of 100 cases, typically worth $16.90."
WORTHS = {"worth_now": 10.02, "worth_waiting": 12.4, "horizon_s": 6.0, "second_costs": 0.17}
BY_PAYOUT = "The plan dials the highest payout once all have answered; of equal ones the shorter minimum."
BY_PRIORITY = "The plan serves buyers by priority; within one they come first in turn, by their weights."


def test_a_caller_is_held_for_a_better_offer_in_dollars_and_chances() -> None:
    assert words(made(Choice.WAIT, Because.WORTH_WAITING, **WORTHS)) == [
        "Held the caller for a better offer.",
        f"bolt offers $18.00 (after 60 s of talk), {REASONED} there.",
        "cord has not answered; within 6 s it offers in 71 of 100 cases, typically worth $16.90.",
        f"Waiting is worth $12.40, {NOW}; each second of hold costs $0.17.",
    ]


def test_a_caller_is_dialled_for_when_nobody_is_expected_to_bring_more() -> None:
    less = {**WORTHS, "worth_waiting": 9.91, "worth_now": 9.8}
    assert words(made(Choice.DIAL, Because.NOT_WORTH_WAITING, **less, offers=(BOLT, ACME), awaited=(CORD, DUNE))) == [
        "Dialled bolt, which offers $18.00 (after 60 s of talk).",
        f"That is {REASONED} there.",
        "Also in hand: acme, $12.00, worth $5.10.",
        "cord has not answered; within 6 s it offers in 71 of 100 cases, typically worth $16.90.",
        "dune has not answered either.",
        "Waiting is worth hardly more than dialling now ($9.91 against $9.80): too little to keep a caller for.",
    ]
    least = made(Choice.DIAL, Because.NOT_WORTH_WAITING, **{**less, "worth_waiting": 9.7, "second_costs": 0.001})
    assert words(least)[-1] == (
        "Nobody who has not answered is expected to bring more than holding costs: waiting is worth at most $9.70, "
        "dialling now $9.80; each second of hold costs less than a cent."
    )


def test_the_chances_of_a_moment_are_not_given_as_a_reason() -> None:
    brief = CORD.model_copy(update={"within_s": 0.25})
    said = words(made(Choice.DIAL, Because.NOT_WORTH_WAITING, **WORTHS, awaited=(brief,)))
    assert "cord has not answered; its offers are typically worth $16.90." in said
    assert "of 100 cases" not in " ".join(said)


def test_what_is_only_guessed_of_a_newcomer_is_said_to_be() -> None:
    bolt, cord = (known.model_copy(update={"newcomer": True}) for known in (BOLT, CORD))
    said = words(made(Choice.WAIT, Because.WORTH_WAITING, **WORTHS, offers=(bolt,), awaited=(cord,)))
    assert said[1].endswith("Little is known of bolt: these chances are those of buyers on the whole.")
    assert said[2] == f"{TYPICAL[:-1]} (a guess: it is new)."


def test_a_wait_that_the_plan_has_all_but_used_up_is_told_as_such() -> None:
    rules = Rules(max_wait_s=2.0)
    late = made(
        Choice.DIAL, Because.NOT_WORTH_WAITING, rules=rules, at=START + 1.9, worth_now=9.8, worth_waiting=0.0,
        horizon_s=0.0,
    )  # fmt: skip
    assert words(late)[-2:] == [
        "Of the 2 s that the plan keeps a caller waiting with an offer in hand, 0.1 s were left.",
        "What was left of the plan's wait was too short to bring more.",
    ]


CASES: list[tuple[PolicyName, Because, dict[str, Any], list[str]]] = [
    ("expected_value", Because.ALL_ANSWERED, {"awaited": ()}, ["Nobody was left to wait for."]),
    (
        "expected_value", Because.LONGEST_WAIT, {"at": START + 4, "rules": Rules(max_wait_s=4)},
        [TYPICAL, "With an offer in hand the plan keeps a caller waiting for no more than 4 s."],
    ),
    ("expected_value", Because.LONGEST_WAIT, {"deadline_at": START + 8}, [TYPICAL, "The auction's 8 s were over."]),
    ("highest_payout", Because.ALL_ANSWERED, {"awaited": ()}, [BY_PAYOUT, "Nobody was left to wait for."]),
    ("highest_payout", Because.LONGEST_WAIT, {"awaited": (DUNE,)},
        [BY_PAYOUT, "dune has not answered.", "The auction's 10 s were over."]),
    ("highest_payout", Because.OFFER_LAPSES, {"awaited": (DUNE,)},
        [BY_PAYOUT, "dune has not answered.", "The plan would have waited on, but this offer was about to lapse."]),
    (
        "priority", Because.SERVED_FIRST, {"awaited": (DUNE,), "buyer": "acme", "offers": (ACME, BOLT)},
        [
            BY_PRIORITY, "acme has priority 1 and weight 3.", "Also in hand: bolt (priority 2, weight 1), $18.00.",
            "dune has not answered.", "Nobody who may still answer is served before it.",
        ],
    ),
    ("priority", Because.ALL_ANSWERED, {"awaited": ()},
        [BY_PRIORITY, "bolt has priority 2 and weight 1.", "Nobody was left to wait for."]),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "because", "changes", "lines"), CASES)
def test_a_dial_says_by_which_policy_and_why_nobody_more_was_waited_for(
    policy: PolicyName, because: Because, changes: dict[str, Any], lines: list[str]
) -> None:
    rules = Rules(policy=policy, tiers=TIERS if policy == "priority" else {})
    said = words(made(Choice.DIAL, because, **{"rules": rules, **changes}))
    assert said[0].startswith(f"Dialled {changes.get('buyer', 'bolt')}, which offers $1")
    reckoned = [line for line in said[1:] if line.startswith("That is worth")]
    assert bool(reckoned) == (policy == "expected_value")
    assert [line for line in said[1:] if line not in reckoned] == lines


WAITS: list[tuple[PolicyName, Because, dict[str, Any], list[str]]] = [
    ("expected_value", Because.NO_OFFER_YET, {"offers": (), "until": START + 10}, [
        "Held the caller for a first offer.",
        "cord has not answered; within 6 s it offers in 71 of 100 cases, typically worth $16.90.",
    ]),
    ("highest_payout", Because.NO_OFFER_YET, {"offers": (), "until": START + 10}, [
        "Held the caller for a first offer.",
        "cord has not answered; within 6 s it offers in 71 of 100 cases.",
    ]),
    ("highest_payout", Because.OTHERS_ANSWERING, {"awaited": (DUNE,)}, [
        "Held the caller: others had still to answer.", "bolt offers $18.00 (after 60 s of talk).", BY_PAYOUT,
        "dune has not answered.",
    ]),
    ("priority", Because.OTHERS_ANSWERING, {"awaited": (CORD.model_copy(update={"chance": None, "worth": None}),)}, [
        "Held the caller: others had still to answer.", "bolt offers $18.00 (after 60 s of talk).", BY_PRIORITY,
        "cord (priority 1, weight 1) has not answered.",
    ]),
    ("priority", Because.TOO_FEW_OFFERS, {"awaited": (DUNE,), "until": START + 5}, [
        "Held the caller: the plan wants more offers in hand.", "bolt offers $18.00 (after 60 s of talk).",
        "The plan wants 2 offers in hand before it dials; there was 1.", "dune has not answered.",
    ]),
    ("expected_value", Because.TOO_FEW_OFFERS, {"until": START + 5}, [
        "Held the caller: the plan wants more offers in hand.",
        f"bolt offers $18.00 (after 60 s of talk), {REASONED} there.",
        "The plan wants 2 offers in hand before it dials; there was 1.",
        "cord has not answered; within 6 s it offers in 71 of 100 cases, typically worth $16.90.",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "because", "changes", "said"), WAITS)
def test_a_wait_says_by_which_policy_and_for_whom(
    policy: PolicyName, because: Because, changes: dict[str, Any], said: list[str]
) -> None:
    rules = Rules(policy=policy, min_offers=2, tiers=TIERS if policy == "priority" else {})
    assert words(made(Choice.WAIT, because, rules=rules, **changes)) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"offers": ()}, ["No offer was left to dial, and nobody was left to make one."]),
        ({"offers": (), "tries_left": 0}, ["No further dial: the plan dials no more than 4 buyers a call."]),
        (
            {"at": START + 26},
            [
                "No offer was left to dial, and nobody was left to make one.",
                "Too little was left to dial the offer of bolt.",
            ],
        ),
    ],
)
def test_a_call_that_is_given_up_says_what_was_lacking(changes: dict[str, Any], said: list[str]) -> None:
    assert words(made(Choice.GIVE_UP, Because.NOTHING_LEFT, **{"awaited": (), **changes})) == said


def test_no_reason_is_left_without_words() -> None:
    tried = {because for _, because, _, _ in (*CASES, *WAITS)}
    assert tried | {Because.WORTH_WAITING, Because.NOT_WORTH_WAITING, Because.NOTHING_LEFT} == set(Because)


@pytest.mark.parametrize("make", [decided.waited, decided.not_waited, decided.one_after_another])
@pytest.mark.parametrize("transfer", [False, True])
def test_whoever_may_not_see_payouts_is_told_the_same_without_a_dollar(
    make: Callable[[], Decided], transfer: bool
) -> None:
    decisions = make().decisions
    plain = told(decisions, money=False, transfer=transfer)
    assert "$" in str(told(decisions))
    assert "$" not in str(plain)
    assert "worth $" not in str(plain)
    assert [step.at for step in plain] == [step.at for step in told(decisions)]


def test_without_money_the_chances_are_still_told() -> None:
    (first, *_), dial = (
        told(decided.waited().decisions, money=False)[1:],
        told(decided.waited().decisions, money=False)[-1],
    )
    assert first.lines[0] == (
        "letsmakealead makes an offer (60 s of talk wanted): 94 % that it answers, 74 % that the talk lasts 60 s, "
        "95 % that the caller is still there."
    )
    assert "Waiting is worth more than dialling now." in first.lines
    assert dial.headline == "Dialled contactability, which makes an offer (90 s of talk wanted)."


def test_looks_that_found_nothing_better_are_told_in_one_line() -> None:
    steps = told(decided.waited().decisions, arrived=START)
    assert headlines(steps) == [
        (0.0, "Held the caller for a first offer."),
        (0.6, "Held the caller for a better offer."),
        (3.6, "Dialled contactability, which offers $34.00 (after 90 s of talk)."),
    ]
    assert steps[1].lines[-2] == "Meanwhile callconnect made no offer."
    assert steps[1].lines[-1].startswith("Looked again 5 times until 3.5 s: waiting stayed worth more ($20.")


def test_a_further_offer_that_ends_no_wait_is_told_briefly() -> None:
    call = Decided(market()).asked("letsmakealead", "callconnect", "contactability").decided(0, "start")
    call.offered(0.6, "letsmakealead", "18.00").offered(1.0, "callconnect", "9.00", 120)
    step = told(call.decisions)[-1]
    assert step.headline == "Held on: callconnect offers $9.00 (after 120 s of talk)."
    assert [line.split(":")[0] for line in step.lines[:1]] == ["callconnect is worth $1.41"]
    assert step.lines[-1].startswith("Waiting is worth $20.")


def test_what_a_policy_does_is_said_once() -> None:
    call = (
        Decided(market(), Rules(policy="highest_payout")).asked("letsmakealead", "contactability").decided(0, "start")
    )
    call.decided(0, "start").offered(0.6, "letsmakealead", "18.00")
    call.offered(3.6, "contactability", "34.00", 90).failed(9.0)
    assert [BY_PAYOUT in step.lines for step in told(call.decisions)] == [False, True, False, False]


def test_moments_count_from_the_arrival_and_not_from_the_auction() -> None:
    steps = told(decided.waited().decisions, arrived=START - 4)
    assert [step.after_s for step in steps] == [4.0, 4.6, 7.6]
    assert "until 7.5 s" in steps[1].lines[-1]


def test_a_failed_dial_is_told_with_the_one_that_followed() -> None:
    steps = told(decided.one_after_another().decisions)
    assert steps[-1].headline == (
        "Nothing came of letsmakealead's offer. Dialled contactability, which offers $17.00 (after 90 s of talk)."
    )


def test_after_a_failed_dial_a_late_offer_is_waited_for() -> None:
    call = decided.not_waited().failed(3.0)
    assert told(call.decisions)[-1].headline == (
        "Nothing came of letsmakealead's offer. Held the caller for another offer."
    )


def test_a_second_auction_is_told_as_such() -> None:
    call = decided.one_after_another().failed(30.0).anew(30.0, "callconnect").decided(30.0, "start")
    steps = told(call.decisions)
    assert steps[-2].headline == (
        "Nothing came of contactability's offer. No offer was left to dial, and nobody was left to make one."
    )
    assert (steps[-1].headline, steps[-1].lines[0]) == (
        "Held the caller for another offer.", "Buyers had been asked anew (auction 2).",
    )  # fmt: skip


def test_in_a_transfer_nobody_is_held_and_the_agent_dials() -> None:
    steps = told(decided.not_waited().decisions, transfer=True)
    assert [step.headline for step in steps] == [
        "Waited for a first offer.",
        "Put first for the agent: letsmakealead, which offers $38.00 (after 60 s of talk).",
    ]


def test_an_order_that_is_not_that_of_the_worth_is_explained() -> None:
    """Nobody leaves while it rings, and the one who seldom answers costs little to try first."""
    taught = Taught().callers(seconds=50_000, left=1)
    taught.buyer("safe", 30, after_s=1.0, answers=60).buyer("bold", 70, after_s=1.0, answers=20, silent=60)
    call = Decided(taught).asked("safe", "bold").decided(0, "start")
    call.awaited.clear()
    call.late("safe", 1.0, "30.00").late("bold", 1.0, "70.00").decided(1.0, "reply")
    said = words(*call.decisions)
    assert said[0].startswith("Dialled bold, which offers $70.00")
    assert "safe alone is worth more; in this order" in " ".join(said)


def test_many_offers_and_buyers_are_counted_and_not_listed() -> None:
    many = tuple(ACME.model_copy(update={"buyer": f"b{no}", "worth": 4.0 - no / 10}) for no in range(6))
    silent = tuple(DUNE.model_copy(update={"buyer": f"s{no}"}) for no in range(9))
    said = words(made(Choice.WAIT, Because.WORTH_WAITING, **WORTHS, offers=(BOLT, *many), awaited=(CORD, *silent)))
    assert "b2, $12.00, worth $3.80; and 3 more." in said[2]
    assert "s0, s1, s2 and 6 more have not answered either." in said


def test_a_record_reads_back_as_it_was_told() -> None:
    call = decided.waited()
    record = {"decisions": dumped(call.decisions)}
    assert told(decisions_of(record)) == told(call.decisions)
    slim = {"decisions": [decision.model_dump(mode="json", exclude_none=True) for decision in call.decisions]}
    assert told(decisions_of(slim)) == told(call.decisions)


@pytest.mark.parametrize(
    "record",
    [{}, {"decisions": None}, {"decisions": []}, {"decisions": [{"form": 99}]}, {"decisions": [{"choice": "dial"}]}],
)
def test_a_record_without_decisions_or_with_those_of_a_later_release_tells_nothing(record: dict[str, Any]) -> None:
    assert decisions_of(record) == ()
    assert told(decisions_of(record)) == []
    assert final(decisions_of(record)) is None


def test_a_later_form_that_can_be_read_is_not_told_as_if_it_were_ours() -> None:
    (document,) = dumped([made(Choice.DIAL, Because.ALL_ANSWERED)])
    assert decisions_of({"decisions": [document]})
    assert decisions_of({"decisions": [{**document, "form": 2}]}) == ()


def test_the_final_choice_is_the_last_dial() -> None:
    call = decided.one_after_another().failed(30.0)
    last = final(call.decisions)
    assert last is not None
    assert last.decision.buyer == "contactability"
    assert [offer.buyer for offer in last.offers] == ["contactability"]


@pytest.mark.parametrize(
    ("chance", "said"),
    [(0.0, "0 %"), (0.004, "under 1 %"), (0.66, "66 %"), (0.9949, "99 %"), (0.9951, "over 99 %"), (1.0, "100 %")],
)
def test_what_is_not_certain_is_never_called_so(chance: float, said: str) -> None:
    assert percent(chance) == said


def test_numbers_and_names_read_well() -> None:
    assert [seconds(s) for s in (0.25, 1, 3.64, 60)] == ["0.25 s", "1 s", "3.6 s", "60 s"]
    assert [named(names) for names in (["a"], ["a", "b"], ["a", "b", "c"], ["a", "b", "c", "d", "e"])] == [
        "a", "a and b", "a, b and c", "a, b, c and 2 more",
    ]  # fmt: skip
