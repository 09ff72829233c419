"""The dialler outbox as operations see it."""

import pytest

from tests.api.service import Api

PAYLOAD = {"plan": "one", "phone": "+18185550123", "sid": "CA1", "why": "unsold"}


async def state_of(api: Api, job_id: str) -> str:
    found = (await api.ask("GET", "/api/v1/callbacks"))[1]["callbacks"]
    return str(next(job["state"] for job in found if job["id"] == job_id))


async def test_what_is_owed_is_listed(api: Api) -> None:
    await api.outbox.stand("cb-1", PAYLOAD, 3600)
    status, body, _ = await api.ask("GET", "/api/v1/callbacks?state=pending")
    (job,) = body["callbacks"]
    assert status == 200
    assert {key: job[key] for key in ("id", "kind", "state", "attempts", *PAYLOAD)} == {
        "id": "cb-1",
        "kind": "callback",
        "state": "pending",
        "attempts": 0,
        **PAYLOAD,
    }
    assert job["due_at"].endswith("Z")
    assert (await api.ask("GET", "/api/v1/callbacks?state=dead"))[1] == {"callbacks": [], "next": None}


async def test_a_callback_is_cancelled_once(api: Api) -> None:
    await api.outbox.stand("cb-1", PAYLOAD, 3600)
    status, body, _ = await api.ask("DELETE", "/api/v1/callbacks/cb-1")
    assert (status, body["result"], body["state"]) == (200, "cancelled", "cancelled")
    assert await state_of(api, "cb-1") == "cancelled"
    assert (await api.ask("DELETE", "/api/v1/callbacks/cb-1"))[0] == 409


async def test_a_dead_callback_is_tried_again(api: Api) -> None:
    await api.outbox.stand("cb-1", PAYLOAD, 3600)
    claim = await api.outbox.claim(1, 30)
    await api.outbox.bury(claim.jobs[0], "refused")
    (job,) = (await api.ask("GET", "/api/v1/callbacks?state=dead"))[1]["callbacks"]
    assert job["last_error"] == "refused"
    status, body, _ = await api.ask("POST", "/api/v1/callbacks/cb-1/retry")
    assert (status, body["result"], body["state"]) == (200, "requeued", "pending")


async def test_a_callback_that_is_with_the_dialler_is_a_conflict(api: Api) -> None:
    await api.outbox.stand("cb-1", PAYLOAD, 3600)
    await api.outbox.claim(1, 30)
    status, body, _ = await api.ask("POST", "/api/v1/callbacks/cb-1/retry")
    assert status == 409
    assert "with the dialler" in body["detail"]


async def test_a_delivered_callback_is_not_tried_again(api: Api) -> None:
    await api.outbox.stand("cb-1", PAYLOAD, 3600)
    claim = await api.outbox.claim(1, 30)
    await api.outbox.done(claim.jobs[0])
    assert (await api.ask("POST", "/api/v1/callbacks/cb-1/retry"))[0] == 409


@pytest.mark.parametrize(("method", "path"), [("DELETE", "nobody"), ("POST", "nobody/retry"), ("DELETE", "a%20b")])
async def test_an_unknown_callback_is_404(api: Api, method: str, path: str) -> None:
    assert (await api.ask(method, f"/api/v1/callbacks/{path}"))[0] == 404


@pytest.mark.parametrize("query", ["state=lost", "limit=0", "sate=dead", "cursor=gone", "cursor=a%20b"])
async def test_a_wrong_filter_is_refused(api: Api, query: str) -> None:
    assert (await api.ask("GET", f"/api/v1/callbacks?{query}"))[0] == 422


async def test_a_delivered_callback_that_is_taken_back_is_cancelled_and_calls_nobody(api: Api) -> None:
    await api.outbox.stand("cb-1", PAYLOAD, 3600)
    (job,) = (await api.outbox.claim(1, 30)).jobs
    await api.outbox.done(job, stands_until=4_000_000_000.0)
    (before,) = (await api.ask("GET", "/api/v1/callbacks"))[1]["callbacks"]
    assert (before["state"], before["calls_at"]) == ("delivered", "2096-10-02T07:06:40.000Z")
    status, body, _ = await api.ask("DELETE", "/api/v1/callbacks/cb-1")
    assert (status, body["result"]) == (200, "cancel_sent")
    assert (body["state"], body["calls_at"]) == ("cancelled", None)
    assert (await api.ask("GET", "/api/v1/callbacks?state=delivered"))[1] == {"callbacks": [], "next": None}
    status, body, _ = await api.ask("POST", "/api/v1/callbacks/cb-1/retry")
    assert (status, body["detail"]) == (409, "it was cancelled")


async def test_a_cancel_that_was_delivered_calls_nobody(api: Api) -> None:
    await api.outbox.stand("cb-1", PAYLOAD, 3600)
    (job,) = (await api.outbox.claim(1, 30)).jobs
    await api.outbox.done(job, stands_until=4_000_000_000.0)
    await api.outbox.cancel("cb-1")
    (cancel,) = (await api.outbox.claim(1, 30)).jobs
    await api.outbox.done(cancel)
    (listed,) = (await api.ask("GET", "/api/v1/callbacks?state=delivered"))[1]["callbacks"]
    assert (listed["kind"], listed["calls_at"]) == ("cancel", None)


@pytest.mark.parametrize("state", ["", "state=pending&", "state=delivered&", "state=dead&"])
async def test_pages_are_newest_first_and_what_comes_meanwhile_moves_nothing(api: Api, state: str) -> None:
    async def owed(no: int) -> None:
        await api.outbox.stand(f"cb-{no}", {**PAYLOAD, "phone": f"+1818555{no:04}"}, 3600)
        if "pending" in state or not state:
            return
        (job,) = (await api.outbox.claim(1, 30)).jobs
        await (api.outbox.done(job) if "delivered" in state else api.outbox.bury(job, "refused"))

    for no in range(100, 105):
        await owed(no)
    status, first, _ = await api.ask("GET", f"/api/v1/callbacks?{state}limit=2")
    assert (status, [job["id"] for job in first["callbacks"]]) == (200, ["cb-104", "cb-103"])
    await owed(105)
    second = (await api.ask("GET", f"/api/v1/callbacks?{state}limit=2&cursor={first['next']}"))[1]
    assert [job["id"] for job in second["callbacks"]] == ["cb-102", "cb-101"]
    last = (await api.ask("GET", f"/api/v1/callbacks?{state}limit=2&cursor={second['next']}"))[1]
    assert ([job["id"] for job in last["callbacks"]], last["next"]) == (["cb-100"], None)


async def test_a_page_goes_on_behind_a_callback_that_is_not_pending_any_more(api: Api) -> None:
    for no in range(100, 103):
        await api.outbox.stand(f"cb-{no}", {**PAYLOAD, "phone": f"+1818555{no:04}"}, 3600)
    first = (await api.ask("GET", "/api/v1/callbacks?state=pending&limit=1"))[1]
    await api.ask("DELETE", f"/api/v1/callbacks/{first['next']}")
    rest = (await api.ask("GET", f"/api/v1/callbacks?state=pending&cursor={first['next']}"))[1]
    assert [job["id"] for job in rest["callbacks"]] == ["cb-101", "cb-100"]
