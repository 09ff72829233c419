"""A person is looked up, and erased: what goes, and what stays."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callrouter.callbacks.outbox import JobState
from callrouter.console.console import Console
from callrouter.domain.caller import Caller
from callrouter.domain.clock import SystemClock
from callrouter.engine.client import Engine
from callrouter.ledger.database import sqlite_url
from callrouter.ledger.erasing import without_person
from callrouter.ledger.number_hash import NumberHash
from callrouter.ledger.reads import Ledger
from callrouter.ledger.rows import Rows, row_of, sale_row_of
from callrouter.ledger.upgrade import upgrade
from tests.console import records
from tests.console.served import OPS_TOKEN, Browser, console_over, serving
from tests.console.test_operations import PHONE, keep, owe, signed_in

SALE = {
    "sid": f"CA{0:032x}", "plan": "auto", "state": "sold", "buyer": "acme", "payout": "9.00", "at_ms": 1,
    "results": [{"buyer": "acme", "reason": "offer", "exchange": {"request": "zip=78701"}}],
}  # fmt: skip


async def known(console: Console, **told: object) -> None:
    caller = Caller(phone=PHONE, **told)
    await console.engine.set(console.engine.keys.caller(PHONE), caller.model_dump_json(), 600)


async def test_what_is_known_of_a_person_is_shown_with_the_consent_first(console: Console, browser: Browser) -> None:
    await known(console, first_name="Pat", consent=True, fields={"vehicle": "truck"})
    (sid,) = await keep(console, records.unsold())
    page = await (await signed_in(browser)).get("/console/callers?phone=512-555-0123")
    for said in ("Has consented", "Pat", "truck", "Forgotten in 10 min", sid):
        assert said in page.text
    assert page.text.index("Has consented") < page.text.index("Pat")


async def test_without_consent_the_page_says_so(console: Console, browser: Browser) -> None:
    await known(console, consent=False)
    assert "Has not consented" in (await (await signed_in(browser)).get(f"/console/callers?phone={PHONE[2:]}")).text
    assert "No consent is known" in (await browser.get("/console/callers?phone=2145550188")).text


async def test_erasing_takes_the_person_out_and_leaves_the_money(console: Console, browser: Browser) -> None:
    await known(console, first_name="Pat")
    sid, other = await keep(console, records.bridged(), {**records.unsold(), "from": "+12145550188"})
    await owe(console)
    await owe(console, "cb-2", "+12145550188")
    assert console.ledger is not None
    await console.ledger.add(Rows(sales=[sale_row_of("sale-1", json.dumps(SALE), 0)]))
    page = await (await signed_in(browser, OPS_TOKEN)).get("/console/callers?phone=5125550123")

    fields = {"csrf": page.csrf, "phone": PHONE}
    unsure = await browser.post("/console/callers/erase", fields)
    assert (unsure.status, "Nothing was erased" in unsure.text) == (422, True)
    assert await console.ledger.find(phone=PHONE) != []

    done = await browser.post("/console/callers/erase", {**fields, "sure": "yes"})
    assert done.headers["Location"] == "/console/callers?told=erased&known=1&calls=1&cancelled=1&left=0"
    assert await console.engine.get(console.engine.keys.caller(PHONE)) is None
    assert await console.ledger.find(phone=PHONE) == []
    kept = await console.ledger.get(sid)
    assert kept is not None
    assert (kept.payout, kept.record["payout"], kept.record["zip"]) == (kept.payout, "42.00", "78701")
    assert PHONE not in json.dumps(kept.record)
    assert [result["exchange"] for result in kept.record["results"]] == [None] * 4
    assert (await console.ledger.sales(["sale-1"]))["sale-1"]["results"][0]["exchange"] is None
    job, others = await console.callbacks.get("cb-1"), await console.callbacks.get("cb-2")
    assert job is not None
    assert others is not None
    assert (job.state, others.state) == (JobState.CANCELLED, JobState.PENDING)
    assert (await console.ledger.get(other)) is not None
    assert len(await console.ledger.find(phone="+12145550188")) == 1
    assert "1 ended call has no number any more" in (await browser.get(done.headers["Location"])).text
    assert "erased" in (await browser.get(f"/console/calls/{sid}")).text


def test_an_erased_transfer_keeps_its_legs_and_loses_everybodys_name_and_address() -> None:
    record = records.renewed_transfer()
    record["transfer"]["parties"][1]["address"] = PHONE
    kept = json.loads(without_person(json.dumps(record)))
    assert PHONE not in json.dumps(kept)
    assert kept["transfer"]["agent"] is None
    assert [party["role"] for party in kept["transfer"]["parties"]] == ["agent", "caller", "buyer"]


def test_a_record_that_cannot_be_read_is_emptied() -> None:
    assert json.loads(without_person(f'{{"from": "{PHONE}"')) == {"erased": True}
    assert row_of("CA1", without_person("[]"), 5)["from_number"] is None


async def test_a_call_after_the_retention_shows_no_hash_and_is_found_by_its_number(
    engine: Engine, ledger_of_hashes: Ledger
) -> None:
    console = console_over(engine, ledger_of_hashes)
    (sid,) = await keep(console, {**records.renewed_transfer(), "from": PHONE})
    assert await ledger_of_hashes.retire("auto", console.clock.now() + 1e9) == 1
    async with serving(console) as browser:
        await browser.sign_in(OPS_TOKEN)
        listed = await browser.get(f"/console/calls?phone={PHONE[2:]}")
        shown = await browser.get(f"/console/calls/{sid}")
        person = await browser.get(f"/console/callers?phone={PHONE[2:]}")
        assert sid in listed.text
        assert sid in person.text
        for page in (listed, shown):
            assert (page.status, "no longer kept" in page.text, PHONE in page.text) == (200, True, False)
        done = await browser.post("/console/callers/erase", {"csrf": person.csrf, "phone": PHONE, "sure": "yes"})
    assert "calls=1" in done.headers["Location"]
    assert await ledger_of_hashes.find(phone=PHONE) == []


@pytest.fixture
async def ledger_of_hashes(tmp_path: Path) -> AsyncIterator[Ledger]:
    """A ledger that can retire calls."""
    url = sqlite_url(tmp_path / "hashes")
    await upgrade(url)
    ledger = Ledger(url, SystemClock(), NumberHash(None, tmp_path))
    yield ledger
    await ledger.close()
