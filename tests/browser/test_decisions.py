"""The page of a call that waited for a better offer, and of one that did not, as somebody new to it reads them."""

import json

from callrouter.ledger.rows import Rows, row_of
from tests.browser.looks import Looks
from tests.browser.screen import Screen
from tests.browser.stage import OPS_TOKEN
from tests.console import records
from tests.support.world import World


async def opened(world: World, screen: Screen, record: records.Record, name: str, looks: Looks) -> None:
    """The page of a finished call, and pictures of it."""
    await world.app.instance.ledger.add(Rows(calls=[row_of(record["sid"], json.dumps(record), 0)]))
    await screen.sign_in(OPS_TOKEN, f"/console/calls/{record['sid']}")
    await screen.says("Why it went this way")
    await looks.taken(screen, name)


async def row(screen: Screen, table: str, buyer: str) -> list[str]:
    """What a table says of one buyer."""
    found = screen.page.get_by_role("region", name=table).get_by_role("row").filter(has_text=buyer)
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text in await found.get_by_role("cell").all_inner_texts()]


async def test_the_page_of_a_call_that_waited_says_for_what_and_why(world: World, screen: Screen, looks: Looks) -> None:
    await opened(world, screen, records.waited(), "call-waited", looks)
    await screen.says(
        "0.6 s Held the caller for a better offer.",
        "letsmakealead offers $18.00 (after 60 s of talk), worth $11.84: $18.00 × 94 % that it answers × 74 % that "
        "the talk lasts 60 s × 95 % that the caller is still there.",
        "contactability has not answered; within 4 s it offers in 79 of 100 cases, typically worth $22.26.",
        "Waiting is worth $20.02, dialling now $12.81 (with what may follow if that fails); each second of hold costs "
        "$0.14.",
        "Looked again 5 times until 3.5 s: waiting stayed worth more",
        "3.6 s Dialled contactability, which offers $34.00 (after 90 s of talk).",
        "Nobody was left to wait for.",
        "Worth is what an offer brings on average",
    )
    assert await row(screen, "offers in hand", "contactability") == [
        "1", "$34.00", "90 s", "94 %", "74 %", "95 %", "$22.26", "Talked with the caller",
    ]  # fmt: skip
    assert (await row(screen, "offers in hand", "letsmakealead"))[-1] == "Was not dialled"


async def test_the_page_of_a_call_that_did_not_wait_says_why_not(world: World, screen: Screen, looks: Looks) -> None:
    await opened(world, screen, records.not_waited(), "call-not-waited", looks)
    await screen.says(
        "0.6 s Dialled letsmakealead, which offers $38.00 (after 60 s of talk).",
        "contactability has not answered; within 9.4 s it offers in 96 of 100 cases, typically worth $11.75.",
        "Nobody who has not answered is expected to bring more than holding costs: waiting is worth at most $26.41, "
        "dialling now $26.49",
        "Who had not answered then",
    )
    assert (await row(screen, "had not answered", "contactability"))[-1] == "Offered $17.00 after 3.6 s"
    assert (await row(screen, "had not answered", "callconnect"))[-1] == "Did not want this call"


async def test_the_page_of_a_call_whose_first_dial_failed_goes_on_with_the_next(
    world: World, screen: Screen, looks: Looks
) -> None:
    await opened(world, screen, records.one_after_another(), "call-next", looks)
    await screen.says(
        "12.0 s Nothing came of letsmakealead's offer. Dialled contactability, which offers $17.00",
        "the best left of 2 offers after that of letsmakealead",
    )
    assert (await row(screen, "offers in hand", "contactability"))[-1] == "Talked with the caller"
