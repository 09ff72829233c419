"""The dialler's document, row by row: each exemplar as a pure function call and over real HTTP."""

import json
from typing import Any

import aiohttp
import pytest

from callrouter.buyers.base import BuyerResponse
from callrouter.callbacks.delivery import TIMEOUT_S, DiallerDelivery
from callrouter.callbacks.dialler import Reply
from callrouter.callbacks.outbox import Job, JobKind, JobState
from callrouter.callbacks.outcome import Delivery
from tests.buyers.documents import document
from tests.callbacks.exemplars import DiallerExemplar, exemplars
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.wire.partner import Answer, Partner, failing, partner, replying

ALL = exemplars()
REPLIED = [e for e in ALL if e.fault is None]
(DOCUMENT,) = document("dialler")["documents"]


def name(exemplar: DiallerExemplar) -> str:
    return exemplar.path.stem


@pytest.mark.parametrize("exemplar", ALL, ids=name)
def test_the_request_is_the_one_expected(exemplar: DiallerExemplar) -> None:
    request, expected = exemplar.build(), exemplar.doc["request"]
    assert request.path == exemplar.call
    if expected != "any":
        assert (request.path, dict(request.body)) == (expected["path"], expected["json"])


@pytest.mark.parametrize("exemplar", REPLIED, ids=name)
def test_the_reply_means_what_is_expected(exemplar: DiallerExemplar) -> None:
    _check(exemplar, exemplar.parse())


@pytest.mark.parametrize("exemplar", ALL, ids=name)
def test_the_exemplar_holds_on_the_wire(exemplar: DiallerExemplar) -> None:
    async def main(clock: VirtualClock) -> None:
        started = clock.monotonic()
        async with partner(_answer(exemplar)) as there, aiohttp.ClientSession() as session:
            plan = exemplar.account(there.origin)
            delivery = DiallerDelivery(session, lambda _: plan, clock)
            if exemplar.test:
                _check(exemplar, await delivery.try_format(plan, exemplar.person))
            elif exemplar.call == "/lead/cancel":
                _check(exemplar, await delivery.cancel(_job(exemplar, JobKind.CANCEL)))
            else:
                _check(exemplar, await delivery.add(_job(exemplar, JobKind.CALLBACK)))
            _check_request(exemplar, there)
        waited = clock.monotonic() - started
        assert (waited == pytest.approx(TIMEOUT_S, abs=0.1)) == (exemplar.fault == "timeout")

    run_virtual(main)


def _check(exemplar: DiallerExemplar, found: Reply | Delivery) -> None:
    expected: dict[str, Any] = exemplar.doc["expect"]
    assert found.outcome.value == expected["outcome"]
    if "detail" in expected:
        assert found.detail == expected["detail"]
    assert exemplar.account().key.get_secret_value() not in found.detail


def _check_request(exemplar: DiallerExemplar, there: Partner) -> None:
    (seen,) = there.seen
    assert (seen.method, seen.path, dict(seen.query)) == ("POST", exemplar.call, {"key": "s3cr3t&key"})
    assert seen.headers["Content-Type"].startswith("application/json")
    if exemplar.doc["request"] != "any":
        assert json.loads(seen.body) == exemplar.doc["request"]["json"]


def _answer(exemplar: DiallerExemplar) -> Answer:
    if exemplar.fault:
        return failing(exemplar.fault)
    status, body = exemplar.reply
    return replying(BuyerResponse(status, body.encode(), "text/html"))


def _job(exemplar: DiallerExemplar, kind: JobKind) -> Job:
    return Job(
        id="cb-CA1", kind=kind, state=JobState.PENDING, due_at=0, deadline_at=0, payload=exemplar.person, attempts=1,
        fence=1, created_at=0, leased_until=0, done_at=None, last_error="", stands_until=None,
    )  # fmt: skip


@pytest.mark.parametrize("row", DOCUMENT["replies"], ids=lambda row: row["says"])
def test_a_documented_reply_has_an_exemplar(row: dict[str, Any]) -> None:
    fitting = [
        e
        for e in REPLIED
        if (e.call, e.reply[0], e.doc["expect"]["outcome"]) == (row["call"], row["status"], row["means"])
        and all(held in e.reply[1] for held in row["holds"])
    ]
    assert fitting


@pytest.mark.parametrize("name", DOCUMENT["fields"])
def test_a_documented_field_is_sent_or_left_out_with_a_reason(name: str) -> None:
    facts = DOCUMENT["fields"][name]
    for call in DOCUMENT["calls"]:
        sent = [set(e.build().body) for e in ALL if e.call == call]
        if call in facts.get("required", ()):
            assert all(name in body for body in sent)
    assert facts.get("decided") or any(name in e.build().body for e in ALL)


def test_nothing_is_sent_that_the_document_does_not_name() -> None:
    assert {name for e in ALL for name in e.build().body} - set(DOCUMENT["fields"]) == set()


def test_every_documented_call_is_made() -> None:
    assert {e.call for e in ALL} == set(DOCUMENT["calls"])
