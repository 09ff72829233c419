"""The call log."""

from typing import Any

import pytest

from tests.api.service import Api

CALL: dict[str, Any] = {
    **dict.fromkeys(("outcome", "qualified", "buyer", "payout", "min_duration_s", "bridged_s", "ended_at", "callback")),
    "plan": "one",
    "kind": "inbound",
    "from": "+18185550123",
    "to": "+18885550100",
    "state": "auction",
    "results": [],
    "attempts": [],
    "sale": None,
    "events": [],
}


def call(sid: str, minute: int, **more: Any) -> dict[str, Any]:
    return {**CALL, "sid": sid, "started_at": f"2026-11-21T02:{minute:02}:00.000Z", **more}


async def test_live_calls_come_first_then_ended_ones_page_by_page(api: Api) -> None:
    api.calls.living = [call("L1", 59)]
    api.calls.ended = [call(f"E{no}", 50 - no, state="ended", outcome="bridged") for no in range(5)]
    seen, cursor = [], ""
    for _ in range(3):
        status, body, _ = await api.ask("GET", f"/api/v1/calls?limit=2{cursor}")
        assert status == 200
        seen.append([found["sid"] for found in body["calls"]])
        cursor = f"&cursor={body['next']}"
    assert seen == [["L1", "E0", "E1"], ["E2", "E3"], ["E4"]]
    assert cursor == "&cursor=None"


async def test_the_list_is_a_summary_and_the_call_is_whole(api: Api) -> None:
    api.calls.living = [call("L1", 59)]
    (listed,) = (await api.ask("GET", "/api/v1/calls"))[1]["calls"]
    assert "results" not in listed
    assert (await api.ask("GET", "/api/v1/calls/L1"))[1] == api.calls.living[0]


async def test_a_call_that_ended_meanwhile_is_there_once(api: Api) -> None:
    api.calls.living = [call("A", 59)]
    api.calls.ended = [call("A", 59, state="ended", outcome="unsold")]
    found = (await api.ask("GET", "/api/v1/calls"))[1]["calls"]
    assert [(one["sid"], one["outcome"]) for one in found] == [("A", "unsold")]


async def test_filters_reach_the_ledger_in_its_own_terms(api: Api) -> None:
    query = "since=2026-11-21T02:00:00%2B01:00&until=2026-11-22&phone=(818)%20555-0123&plan=one&outcome=bridged"
    assert (await api.ask("GET", f"/api/v1/calls?{query}"))[0] == 200
    assert api.calls.asked == [
        {
            "since": 1795222800.0,
            "until": 1795305600.0,
            "phone": "+18185550123",
            "plan": "one",
            "outcome": "bridged",
        }
    ]


@pytest.mark.parametrize(
    ("query", "sids"),
    [
        ("", ["L1", "L2"]),
        ("plan=two", ["L2"]),
        ("phone=8185550123", ["L1"]),
        ("since=2026-11-21T02:30:00Z", ["L1"]),
        ("until=2026-11-21T02:30:00Z", ["L2"]),
        ("outcome=bridged", []),
        ("since=2026-11-21T03:30:00+01:00", ["L1"]),
    ],
)
async def test_filters_hold_for_live_calls_too(api: Api, query: str, sids: list[str]) -> None:
    api.calls.living = [call("L1", 59), call("L2", 10, plan="two", **{"from": "+18185550199"})]
    found = (await api.ask("GET", f"/api/v1/calls?{query}"))[1]["calls"]
    assert [one["sid"] for one in found] == sids


@pytest.mark.parametrize(
    ("query", "key"),
    [
        *(("since=yesterday", "since"), ("since=2026-11-21T02:00:00", "since"), ("since=", "since")),
        *(("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit"), ("limit=1&limit=2", "limit")),
        *(("outcome=sold", "outcome"), ("phone=12", "phone"), ("plan=a%20b", "plan"), ("pone=8185550123", "pone")),
        ("until=2026-13-01", "until"),
    ],
)
async def test_a_wrong_or_unknown_filter_is_refused_instead_of_listing_everyone(api: Api, query: str, key: str) -> None:
    status, body, _ = await api.ask("GET", f"/api/v1/calls?{query}")
    assert (status, [error["key"] for error in body["errors"]]) == (422, [key])
    assert api.calls.asked == []


@pytest.mark.parametrize("sid", ["nobody", "a%20b", "x" * 65, "..%2f"])
async def test_an_unknown_call_is_404(api: Api, sid: str) -> None:
    assert (await api.session.get(f"{api.url}/api/v1/calls/{sid}")).status in (401, 404)
    if "%2f" not in sid:
        assert (await api.ask("GET", f"/api/v1/calls/{sid}"))[0] == 404


def transfer(sid: str, opened_by: str, plan: str = "one") -> dict[str, Any]:
    offer = {"number": "+18005550199", "payout": "25.00", "min_duration_s": 90}
    return call(
        sid,
        10,
        plan=plan,
        payout="25.00",
        transfer={"opened_by": opened_by},
        results=[{"buyer": "a", "reason": "offer", "elapsed_s": 1, "offer": offer, "exchange": {"reply": "25.00"}}],
        posts=[{"no": 1, "buyer": "a", "offer": offer, "exchange": {"reply": "pays 25.00"}, "detail": "25.00"}],
        attempts=[{"buyer": "a", "number": "+18005550199", "payout": "25.00", "result": "bridged"}],
        sale={"id": "s", "state": "sold", "payout": "25.00", "results": [{"payout": "25.00"}]},
        events=[{"at": "2026-11-21T02:00:00.000Z", "event": "offer", "detail": "25.00"}],
    )


async def test_an_agent_reads_her_own_transfer_and_no_other_call(api: Api) -> None:
    api.calls.ended = [transfer("TR1", "agent"), transfer("TR2", "another"), call("CA3", 5)]
    api.calls.living = [call("CA4", 5, transfer=None)]
    found = {
        sid: (await api.ask("GET", f"/api/v1/calls/{sid}", role="agent"))[0] for sid in ("TR1", "TR2", "CA3", "CA4")
    }
    assert found == {"TR1": 200, "TR2": 404, "CA3": 404, "CA4": 404}
    assert (await api.ask("GET", "/api/v1/calls/TR2", role="ops"))[0] == 200
    assert (await api.ask("GET", "/api/v1/calls", role="agent"))[0] == 403


async def test_an_agent_sees_what_offers_pay_only_where_the_plan_shows_it(api: Api) -> None:
    api.calls.ended = [transfer("TR1", "agent"), transfer("TR2", "agent", plan="open")]
    hidden = (await api.ask("GET", "/api/v1/calls/TR1", role="agent"))[1]
    assert "25.00" not in str(hidden)
    assert hidden["results"][0]["offer"]["min_duration_s"] == 90
    assert (await api.ask("GET", "/api/v1/calls/TR2", role="agent"))[1] == api.calls.ended[1]
    assert (await api.ask("GET", "/api/v1/calls/TR1", role="ops"))[1] == api.calls.ended[0]
