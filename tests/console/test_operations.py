"""Operations' screens over real HTTP: the log and its search, a call's page, callbacks, and who may see them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from callrouter.api.callbacks import CONFLICTS
from callrouter.callbacks.outbox import JobState
from callrouter.calls.reading import Calls
from callrouter.calls.store import CallStore
from callrouter.console import log
from callrouter.console.buyers import card
from callrouter.console.call_page import page_values
from callrouter.console.callbacks import distance_words, local_words
from callrouter.console.console import Console
from callrouter.ledger.reads import Ledger
from callrouter.ledger.rows import Rows, row_of
from tests.console import records
from tests.console.records import START, Record
from tests.console.served import AGENT_TOKEN, OPS_TOKEN, Browser, serving

PHONE = "+15125550123"
SCREENS = ("/console/live", "/console/calls", "/console/buyers", "/console/callbacks", "/console/callers")


async def keep(console: Console, *kept: Record) -> list[str]:
    """Put calls into the ledger, each with a sid of its own, a minute apart, the last one the newest."""
    sids = [f"CA{no:032x}" for no in range(len(kept))]
    moved = [{**record, "sid": sid} for sid, record in zip(sids, kept, strict=True)]
    for no, record in enumerate(moved):
        record["started_at"] = records.at(60 * no)
    assert console.ledger is not None
    await console.ledger.add(Rows(calls=[row_of(record["sid"], json.dumps(record), 0) for record in moved]))
    return sids


async def owe(console: Console, job_id: str = "cb-1", phone: str = PHONE) -> None:
    """A callback that is due now."""
    payload = {"plan": "auto", "phone": phone, "zip": "78701", "state": "TX", "why": "unsold", "sid": "CA1"}
    assert await console.callbacks.stand(job_id, payload, 600) == job_id


async def signed_in(browser: Browser, token: str = OPS_TOKEN) -> Browser:
    await browser.sign_in(token)
    return browser


async def test_agents_and_strangers_see_none_of_the_operations_screens(browser: Browser) -> None:
    assert [(await browser.get(screen)).status for screen in SCREENS] == [303] * 5
    await browser.sign_in(AGENT_TOKEN)
    assert [(await browser.get(screen)).status for screen in SCREENS] == [403] * 5


async def test_an_empty_screen_says_in_words_that_it_is_empty(browser: Browser) -> None:
    await signed_in(browser)
    for screen, says in {
        "/console/live": "Nobody is on the line",
        "/console/calls": "No call has ended yet",
        "/console/buyers": "No plan names a buyer",
        "/console/callbacks": "Nothing is owed to anybody",
        "/console/callbacks?state=dead": "Nothing has failed for good",
        "/console/callers": "Look up a number",
    }.items():
        page = await browser.get(screen)
        assert (page.status, says in page.text) == (200, True), screen


async def test_a_call_is_found_by_its_number_however_that_is_written(console: Console, browser: Browser) -> None:
    (sid, other) = await keep(console, records.bridged(), {**records.unsold(), "from": "+12145550188"})
    await signed_in(browser)
    for written in ("5125550123", "(512) 555-0123", "1-512-555-0123", "%2B15125550123", "+15125550123"):
        page = await browser.get(f"/console/calls?phone={written}")
        assert (sid in page.text, other in page.text) == (True, False), written


async def test_each_filter_of_the_log_narrows_it(console: Console, browser: Browser) -> None:
    sids = await keep(console, records.bridged(), records.posted(), records.unsold())
    await signed_in(browser)
    for query, found in {
        "buyer=acme": [1],
        "buyer=bolt": [0],
        "outcome=unsold": [2],
        "qualified=yes": [0],
        "qualified=no": [1],
        "plan=auto": [0, 1, 2],
        "plan=home": [],
        "from=2026-11-20&to=2026-11-20": [0, 1, 2],
        "from=2026-11-21": [],
        "to=2026-11-19": [],
        "buyer=bolt&outcome=unsold": [],
    }.items():
        page = await browser.get(f"/console/calls?{query}")
        assert [no for no, sid in enumerate(sids) if f"/calls/{sid}" in page.text] == found, query
        assert ("No ended call matches" in page.text) == (not found)


async def test_a_search_that_cannot_be_meant_says_what_to_write(console: Console, browser: Browser) -> None:
    await keep(console, records.bridged())
    page = await (await signed_in(browser)).get("/console/calls?phone=512&from=2026-11-21&to=2026-11-20")
    assert "Write all ten digits" in page.text
    assert "before the first day" in page.text
    assert "Nothing was looked for" in page.text


async def test_the_log_is_paged_newest_first_and_keeps_its_search(
    console: Console, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "PAGE", 2)
    first, second, third = await keep(console, records.bridged(), records.posted(), records.bridged())
    page = await (await signed_in(browser)).get("/console/calls?plan=auto")
    assert page.text.index(third) < page.text.index(second)
    assert first not in page.text
    older = f"/console/calls?plan=auto&before={second}"
    assert older.replace("&", "&amp;") in page.text
    assert first in (await browser.get(older)).text


async def test_what_is_in_a_record_cannot_become_part_of_the_page(console: Console, browser: Browser) -> None:
    hostile = {**records.bridged(), "from": "<script>x</script>"}
    hostile["results"][0]["detail"] = "<img src=x>"
    (sid,) = await keep(console, hostile)
    for path in ("/console/calls", f"/console/calls/{sid}"):
        text = (await (await signed_in(browser)).get(path)).text
        assert "<script>x" not in text
        assert "<img" not in text
        assert "<b>ok</b>" not in text


async def test_every_kind_of_call_has_a_page_without_inline_styles(console: Console, browser: Browser) -> None:
    kinds = (
        records.bridged(), records.two_failed(), records.unsold(), records.abandoned(), records.posted(),
        records.refused(), records.renewed_transfer(), records.call((0, "arrived", "inbound")),
    )  # fmt: skip
    await signed_in(browser)
    for sid in await keep(console, *kinds):
        page = await browser.get(f"/console/calls/{sid}")
        assert page.status == 200
        assert "<svg" in page.text
        assert "The same in words" in page.text
        assert " style=" not in page.text
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]


async def test_a_call_that_is_not_there_is_told_in_words(browser: Browser) -> None:
    for sid in ("CA0", "%3Cb%3E"):
        page = await (await signed_in(browser)).get(f"/console/calls/{sid}")
        assert (page.status, "There is no such thing" in page.text) == (404, True)


def test_the_page_has_every_buyer_with_its_reason_in_words_and_code() -> None:
    values = page_values(records.bridged(), START, 1.5, [])
    said = [(a.buyer, a.family, a.words, a.code, a.payout, a.elapsed) for a in values["answers"]]
    assert said == [
        ("acme", "offer", "made an offer", "offer", "$38.50", "0.4 s"),
        ("bolt", "offer", "made an offer", "offer", "$42.00", "2.5 s"),
        ("cord", "error", "did not answer in time", "error_timeout", "–", "2.5 s"),
        ("dune", "not_called", "is closed at this hour", "not_called_hours", "–", "–"),
    ]
    assert [(r["buyer"], r["came"]) for r in values["ranking"]] == [
        ("bolt", "talked with the caller"), ("acme", "was not dialled"),
    ]  # fmt: skip


async def test_a_callback_is_shown_with_its_hour_where_the_person_is(console: Console, browser: Browser) -> None:
    await owe(console)
    page = await (await signed_in(browser)).get("/console/callbacks")
    assert PHONE in page.text
    assert "in Chicago" in page.text
    assert "nobody bought the call" in page.text


async def test_a_callback_is_cancelled_only_with_the_forms_token(console: Console, browser: Browser) -> None:
    await owe(console)
    await signed_in(browser)
    assert (await browser.post("/console/callbacks/cb-1/cancel")).status == 403
    csrf = (await browser.get("/console/callbacks")).csrf
    done = await browser.post("/console/callbacks/cb-1/cancel", {"csrf": csrf})
    assert done.headers["Location"] == "/console/callbacks?state=cancelled&told=cancelled"
    job = await console.callbacks.get("cb-1")
    assert job is not None
    assert job.state is JobState.CANCELLED
    assert "It is cancelled." in (await browser.get(done.headers["Location"])).text


async def test_a_failed_callback_says_what_helps_and_can_be_tried_again(console: Console, browser: Browser) -> None:
    await owe(console)
    (job,) = (await console.callbacks.claim(1, 30)).jobs
    await console.callbacks.bury(job, "the dialler refuses the key")
    page = await (await signed_in(browser)).get("/console/callbacks?state=dead")
    assert "the dialler refuses the key" in page.text
    assert "Mend what the error says" in page.text
    done = await browser.post("/console/callbacks/cb-1/retry", {"csrf": page.csrf})
    assert "told=requeued" in done.headers["Location"]
    again = await browser.post("/console/callbacks/cb-none/retry", {"csrf": page.csrf})
    assert again.status == 404


async def test_what_cannot_be_done_to_a_callback_is_said_in_the_apis_words(console: Console, browser: Browser) -> None:
    await owe(console)
    csrf = (await (await signed_in(browser)).get("/console/callbacks")).csrf
    await browser.post("/console/callbacks/cb-1/cancel", {"csrf": csrf})
    again = await browser.post("/console/callbacks/cb-1/cancel", {"csrf": csrf})
    assert (again.status, "It is over already" in again.text) == (409, True)
    assert CONFLICTS["none"][1:] in again.text


def test_local_times_are_told_once_for_each_different_hour() -> None:
    assert local_words(START, ["America/Chicago", "America/Denver", "America/Matamoros"]) == (
        "Fri 11:40 in Denver; Fri 12:40 in Chicago"
    )
    assert local_words(START, []) == "zone not known"
    assert [distance_words(s) for s in (30, 720, -7_200)] == ["in 30 s", "in 12 min", "2.0 h ago"]
    assert distance_words(604_799) == "in 7 days"


BUYER: Mapping[str, object] = {
    "plan": "auto", "buyer": "acme", "adapter": "letsmakealead", "mode": "one_step", "enabled": True,
    "switched_off": None, "health": {"state": "ok", "failing_share": 0.0, "next_probe_at": None},
    "limits": [{"calls": 5, "per_s": 1, "used": 5}],
    "caps": [{"of": "dollars", "per": "day", "limit": "100.00", "used": "80.00", "reserved": "0.00", "left": "20.00",
              "resets_at": records.at(3_600)}],
    "concurrency": {"limit": 3, "in_use": 1}, "lately": None, "payout": {"highest": None, "average": None},
}  # fmt: skip


def test_a_buyers_card_says_what_is_used_of_its_limits_and_caps() -> None:
    meters = [(m.words, m.used, m.most, m.after, m.full) for m in card(BUYER, START).meters]
    assert meters == [
        ("requests a second", 5, 5, "", True),
        ("dollars a day", 80, 100, "$20.00 left; begins anew in 60 min", False),
        ("callers at once", 1, 3, "", False),
    ]


@pytest.mark.parametrize(
    ("changes", "status", "why"),
    [
        ({}, "On", "asked for every call"),
        ({"enabled": False}, "Disabled", "only the file"),
        (
            {"switched_off": {"at": records.at(0), "by": "olga", "why": "bad numbers"}},
            "Switched off",
            "By olga, 20 Nov",
        ),
        (
            {"health": {"state": "unhealthy", "failing_share": 0.5, "next_probe_at": records.at(20)}},
            "Failing",
            "50% of its latest replies failed; tried again in 20 s",
        ),
    ],
)
def test_a_buyers_status_is_told_with_what_stands_behind_it(
    changes: Mapping[str, object], status: str, why: str
) -> None:
    shown = card({**BUYER, **changes}, START)
    assert shown.status == status
    assert why in shown.why


async def test_without_the_ledger_its_screens_say_so_and_the_others_work(console: Console, tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite+aiosqlite:///{tmp_path}/nowhere/ledger.db", console.clock)
    calls = Calls(CallStore(console.engine), ledger, console.callbacks, {})
    async with serving(replace(console, ledger=ledger, calls=calls)) as browser:
        await signed_in(browser)
        for screen in ("/console/calls", f"/console/callers?phone={PHONE[1:]}", "/console/calls/CA1"):
            page = await browser.get(screen)
            assert (page.status, page.headers["Retry-After"]) == (503, "2"), screen
            assert "The ledger of finished calls does not answer" in page.text
        assert (await browser.get("/console/live")).status == 200
