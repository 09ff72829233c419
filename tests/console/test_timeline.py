"""The call page's drawing and its story, from records alone."""

from itertools import pairwise

import pytest

from callrouter.console.moments import Moments
from callrouter.console.plain_words import REASONS
from callrouter.console.scale import scale
from callrouter.console.sounds import heard
from callrouter.console.story import headline, ranked, who_hung_up
from callrouter.console.timeline import LEFT, RIGHT, Drawing, drawing
from callrouter.domain.reasons import RESULT_LABELS
from tests.console import records
from tests.console.records import START, Record

ALL = {
    "bridged": records.bridged, "two_failed": records.two_failed, "unsold": records.unsold,
    "abandoned": records.abandoned, "posted": records.posted, "refused": records.refused,
    "renewed_transfer": records.renewed_transfer,
}  # fmt: skip


def lanes(drawn: Drawing) -> list[str]:
    return [lane.name for lane in drawn.lanes]


def sounds(record: Record, now: float = START) -> list[tuple[str, float, float]]:
    return [(s.kind, s.start_s, s.end_s) for s in heard(record, Moments(record, now), 1.5)]


def test_every_result_of_a_buyer_has_words_of_its_own() -> None:
    assert set(REASONS) == set(RESULT_LABELS)
    assert len(set(REASONS.values())) == len(REASONS)


def test_the_lanes_follow_the_call_from_the_caller_to_the_dials() -> None:
    assert lanes(drawing(records.bridged(), START)) == ["Caller hears", "acme", "bolt", "cord", "Dial 1: bolt"]
    assert lanes(drawing(records.posted(), START)) == ["Caller hears", "acme", "bolt", "Post to bolt", "Dial 1: acme"]


def test_what_the_caller_heard_has_no_gaps_and_ends_with_the_call() -> None:
    assert sounds(records.bridged()) == [
        ("question", 0, 2), ("silence", 2, 3.5), ("hold", 3.5, 4.7), ("ringing", 4.7, 6.5), ("voice", 6.5, 141.5),
    ]  # fmt: skip


def test_a_call_that_nobody_answered_yet_rings_until_hold_audio_begins() -> None:
    assert sounds(records.unsold()) == [("ringing", 0, 1.5), ("hold", 1.5, 6)]


def test_between_two_dials_there_is_silence_and_after_a_while_hold_audio() -> None:
    assert sounds(records.two_failed())[-2:] == [("silence", 28.5, 30), ("hold", 30, 32.5)]


def test_a_long_talk_is_cut_and_the_first_half_minute_stays_to_scale() -> None:
    drawn = drawing(records.bridged(talk=1_800), START)
    (cut,) = drawn.cuts
    assert cut.words == "29:50 not drawn"
    caller = drawn.lanes[0]
    question, silence = caller.bars[0], caller.bars[1]
    assert question.width / 2 == pytest.approx(silence.width / 1.5, rel=0.05)
    assert question.width > 60


def test_a_ring_of_twenty_five_seconds_is_not_cut() -> None:
    assert drawing(records.two_failed(), START).cuts == ()


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_drawn_outside_of_the_drawing(name: str) -> None:
    drawn = drawing(ALL[name](), START)
    for lane in drawn.lanes:
        assert lane.y + 42 <= drawn.height
        for bar in lane.bars:
            assert bar.x >= LEFT
            assert bar.x + bar.width <= RIGHT + 4
        assert all(LEFT <= mark.x <= RIGHT for mark in lane.marks)
    assert all(b.x - a.x >= 20 for a, b in pairwise(drawn.ticks))


@pytest.mark.parametrize("name", ALL)
def test_everything_that_is_drawn_is_said_in_words(name: str) -> None:
    drawn = drawing(ALL[name](), START)
    bars = [bar for lane in drawn.lanes for bar in lane.bars if bar.css != "window"]
    marks = [mark for lane in drawn.lanes for mark in lane.marks]
    assert len(drawn.rows) == len(bars) + len(marks)
    assert all(row.words and row.who for row in drawn.rows)


def test_labels_of_one_lane_do_not_run_into_each_other() -> None:
    for lane in drawing(records.renewed_transfer(), START).lanes:
        placed = [(bar.label_x, bar.label) for bar in lane.bars if bar.label_x is not None]
        assert all(x + len(text) * 6 <= following for (x, text), (following, _) in pairwise(placed))


def test_a_moments_label_gives_way_to_that_of_what_lasted_after_it() -> None:
    lane = next(lane for lane in drawing(records.renewed_transfer(), START).lanes if lane.name == "Agent's leg")
    assert [bar.label for bar in lane.bars] == ["calling", "rings", "answers", "in the room"]
    assert [bar.label for bar in lane.bars if bar.label_x is not None] == ["rings", "in the room"]


def test_a_dial_shows_the_age_of_its_offer_and_when_its_window_ends() -> None:
    dial = drawing(records.two_failed(), START).lanes[-1]
    assert dial.name == "Dial 2: acme"
    assert dial.bars[0].words == "dial decided; its offer 3.1 s old"
    expiry = next(mark for mark in dial.marks if mark.css == "expiry")
    ended = next(mark for mark in dial.marks if mark.css == "result-no_answer")
    assert expiry.x > ended.x  # 30.4 s after the arrival, and the dial ended at 28.5 s


def test_a_buyer_of_a_live_call_that_has_not_answered_is_shown_as_being_asked() -> None:
    live = records.call(
        (0, "arrived", "inbound"), (0, "auction_started", "1"), results=[records.result("acme", 0, 0.4)]
    )
    drawn = drawing(live, START + 3, buyers=["acme", "bolt"])
    bolt = next(lane for lane in drawn.lanes if lane.name == "bolt")
    assert [(bar.css, bar.words) for bar in bolt.bars] == [("family-open", "is being asked")]
    assert "Still live after 3.0 s: buyers are being asked" in headline(live, START + 3)


def test_a_warm_transfer_shows_what_the_agent_did_and_the_caller_heard_and_every_leg() -> None:
    drawn = drawing(records.renewed_transfer(), START)
    assert lanes(drawn) == [
        *("Agent", "Caller hears", "Agent's leg", "Caller's leg", "Buyer's leg"),
        *("acme", "Dial 1: acme"),
    ]
    said = [row.words for row in drawn.rows if row.who == "Agent"]
    assert [words.partition(",")[0] for words in said] == [
        "the agent asks for an offer",
        "buyers are asked anew",
        "the agent bridges",
        "the agent leaves caller and buyer to themselves",
    ]
    heard = [row.words for row in drawn.rows if row.who == "Caller hears"]
    assert [words.partition(",")[0] for words in heard[:3]] == [
        "hears the agent",
        "hears hold audio",
        "hears the buyer",
    ]
    assert [bar.label for bar in drawn.lanes[2].bars] == ["calling", "rings", "answers", "in the room"]
    assert [bar.label for bar in drawn.lanes[5].bars if bar.label] == ["$38.50", "$38.50"]


def test_until_the_dial_in_the_caller_of_a_transfer_hears_the_agent_whatever_the_buyers_do() -> None:
    transfer = records.call(
        (0, "transfer_opened", "ann"), (0, "auction_started", "1"), (0.4, "auction_closed", "1 offers"),
        (20, "dialled_in", None), (20, "dial_decided", "1 acme"), (21, "leg_ringing", "1"),
        (23, "leg_in_progress", "1"), (90, "ended", "bridged"),
        kind="transfer", outcome="bridged", transfer={"way": "dial_in", "agent": "Dana", "parties": []},
    )  # fmt: skip
    assert sounds(transfer) == [("agent", 0, 20), ("silence", 20, 21), ("ringing", 21, 23), ("voice", 23, 90)]


def test_of_a_room_it_is_said_who_left_it_first() -> None:
    assert who_hung_up(records.renewed_transfer()) == "the buyer left first"
    called_off = records.call(
        (0, "transfer_opened", "ann"), (9, "cancelled", "by the agent"), (9, "ended", "abandoned"),
        outcome="abandoned", transfer={"agent": "Dana", "parties": []},
    )  # fmt: skip
    assert headline(called_off, START) == "The agent kept the caller after 9.0 s."


def test_the_order_of_the_offers_is_that_of_the_last_auction_that_brought_any() -> None:
    assert [result["buyer"] for result in ranked(records.two_failed())] == ["bolt", "acme"]
    assert [result["auction"] for result in ranked(records.renewed_transfer())] == [2]


def test_a_refused_call_has_a_drawing_of_one_mark() -> None:
    drawn = drawing(records.refused(), START)
    assert [(row.at, row.words) for row in drawn.rows] == [("0.0 s", "the end: we turned the call away")]


def test_the_headline_of_a_bridged_call_says_to_whom_when_and_why() -> None:
    said = headline(records.bridged(), START)
    assert said == (
        "Bridged to bolt after 6.5 s: it offered $42.00, the highest of 2 offers. cord did not answer in time. "
        "They talked for 2:15; 1:30 are needed: qualified."
    )


def test_the_headline_names_who_should_have_had_the_call() -> None:
    assert "the best left of 2 offers after that of bolt" in headline(records.posted(), START)
    assert "bolt, asked for its number, said that its own bid had lapsed." in headline(records.posted(), START)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (records.two_failed(), "bolt was busy; acme did not answer the phone in 24.8 s."),
        (records.unsold(), "nobody made an offer; acme has nobody for this area; bolt did not want this call."),
        (records.abandoned(), "The caller hung up after 4.0 s, while buyers were being asked."),
        (records.refused(), "belongs to no plan."),
    ],
)
def test_the_headline_of_a_call_that_went_nowhere_says_why(record: Record, said: str) -> None:
    assert said in headline(record, START)


def test_who_hung_up_is_said_only_where_it_is_known() -> None:
    assert who_hung_up(records.posted()) == "the caller hung up"
    assert "does not say" in who_hung_up(records.bridged())


def test_a_moment_within_a_cut_stands_between_its_edges() -> None:
    axis = scale([0, 5, 300], 100, 800)
    (cut,) = axis.cuts
    assert (cut.start_s, cut.end_s) == (11, 296)
    assert axis.x(11) == cut.x
    assert axis.x(296) == pytest.approx(cut.x + cut.width, abs=0.2)
    assert cut.x < axis.x(150) < cut.x + cut.width
    assert axis.x(300) == 900
