"""A person is looked up, and erased: what goes, and what stays."""

import json

from callrouter.callbacks.outbox import JobState
from callrouter.console.console import Console
from callrouter.domain.caller import Caller
from callrouter.ledger.erasing import without_person
from callrouter.ledger.rows import row_of, sale_row_of
from tests.console import records
from tests.console.served import OPS_TOKEN, Browser
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
    await console.ledger.insert_sales([sale_row_of("sale-1", json.dumps(SALE), 0)])
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


def test_an_erased_transfer_keeps_its_agent_and_loses_the_callers_address() -> None:
    record = records.renewed_transfer()
    record["transfer"]["parties"][1]["address"] = PHONE
    kept = json.loads(without_person(json.dumps(record)))
    assert PHONE not in json.dumps(kept)
    assert kept["transfer"]["agent"] == "Dana"
    assert [party["role"] for party in kept["transfer"]["parties"]] == ["agent", "caller", "buyer"]


def test_a_record_that_cannot_be_read_is_emptied() -> None:
    assert json.loads(without_person(f'{{"from": "{PHONE}"')) == {"erased": True}
    assert row_of("CA1", without_person("[]"), 5)["from_number"] is None
