"""``calls show`` says why a call went the way it went."""

import pytest

from callrouter.commands.call_page import call_page
from callrouter.commands.tables import filled
from callrouter.simulator.carrier import PhoneScript
from tests.console import records
from tests.support.world import World, in_world, offers, plan

FIRST, SECOND = "+16505550101", "+16505550102"


def section(page: str) -> list[str]:
    """The lines of the story."""
    _, _, rest = page.partition("why it went this way (seconds since arrival)\n")
    return rest.partition("\n\n")[0].splitlines()


def test_the_story_stands_before_the_timeline_with_its_moments() -> None:
    page = call_page(records.waited())
    assert page.index("why it went this way") < page.index("timeline (seconds")
    heads = [line.strip() for line in section(page) if line.strip()[:1].isdigit()]
    assert heads == [
        "0.000  Held the caller for a first offer.",
        "0.600  Held the caller for a better offer.",
        "3.600  Dialled contactability, which offers $34.00 (after 90 s of talk).",
    ]


def test_the_reasons_stand_under_their_step_and_no_line_is_too_long_for_a_terminal() -> None:
    lines = section(call_page(records.waited()))
    assert max(map(len, lines)) <= 112
    story = " ".join(" ".join(lines).split())
    assert "Waiting is worth $20.02, dialling now $12.81 (with what may follow if that fails)" in story
    assert "letsmakealead offers $18.00 (after 60 s of talk), worth $11.84: $18.00 × 94 % that it answers" in story


def test_a_record_from_before_decisions_were_kept_has_no_such_section() -> None:
    assert "why it went this way" not in call_page(records.bridged())


@in_world(plan(auction={"policy": "expected_value"}))
async def test_a_real_call_that_waited_three_seconds_and_was_offered_on_says_so(world: World) -> None:
    world.lmal.answer = offers("10.00", FIRST, 0.6, 60)
    world.contactability.answer = offers("34.00", SECOND, 3.6, 60)
    world.carrier.phone(SECOND, PhoneScript(ring_s=1.5, result="busy"))
    lines = section(call_page(await world.record(await world.call())))
    heads = [" ".join(line.split()[1:]) for line in lines if line.strip()[:1].isdigit()]
    assert heads[:3] == [
        "Held the caller for a first offer.",
        "Held the caller for a better offer.",
        "Dialled contactability, which offers $34.00 (after 60 s of talk).",
    ]
    assert heads[3].startswith("Nothing came of contactability's offer. Dialled letsmakealead, which offers $10.00")
    assert "Looked again 6 times until 5.3 s: waiting stayed worth more" in " ".join(lines)


@pytest.mark.parametrize("width", range(20, 60))
def test_no_line_of_the_terminal_tears_a_number_from_its_unit(width: int) -> None:
    said = "$18.33 × 89 % that it answers × 84 % that the talk lasts 3 s × 94 % that the caller is still there"
    lines = filled(said, width, "  1.2 s  ", "  ").splitlines()
    assert " ".join(" ".join(lines).split()) == f"1.2 s {said}"
    assert [line for line in lines if line.lstrip()[:2] in ("% ", "s ") or len(line) > width] == []
