"""Every exemplar file a second time: real session, real bytes, real faults; only the clock is virtual.

A ping for a call goes through the runner, with everything that it adds. What leads, clicks and posts are sent goes
through the same HTTP client: who decides about those is tested where they are decided.
"""

import socket as sockets
from pathlib import Path

import pytest

from callrouter.auction.budget import Budget
from callrouter.auction.outbound import Outbound, OutboundFailure
from callrouter.auction.runner import run_buyer
from callrouter.buyers.agreement import disagreements_of, sent
from callrouter.domain.offer import BuyerResult, Decline
from tests.buyers.exemplars import Exemplar, exemplars, name
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.wire.partner import Answer, Partner, failing, partner, replying
from tests.wire.setting import Setting, setting

ALL = exemplars()


def _auctioned(exemplar: Exemplar) -> bool:
    return exemplar.step == "ping" and exemplar.known.sheet.modes[exemplar.entry().mode].buys == "calls"


@pytest.mark.parametrize("exemplar", [e for e in ALL if _auctioned(e)], ids=name)
def test_the_exemplar_holds_on_the_wire(exemplar: Exemplar, engine_socket: Path) -> None:
    async def main(clock: VirtualClock) -> None:
        async with setting(clock, engine_socket) as here, partner(_answer(exemplar)) as there:
            origin = _closed_port() if exemplar.fault == "refused" else there.origin
            entry = exemplar.entry(origin)
            result = await run_buyer(here.deps, exemplar.ask(), exemplar.buyer, entry, Budget.of(2, clock))
            _check_asked(exemplar, here, result)
            _check_request(exemplar, there)
            _check_result(exemplar, result)
            _check_secrets(exemplar, result)

    run_virtual(main)


@pytest.mark.parametrize("exemplar", [e for e in ALL if not _auctioned(e) and e.doc["request"] is not None], ids=name)
def test_a_lead_a_click_or_a_post_holds_on_the_wire(exemplar: Exemplar) -> None:
    async def main(clock: VirtualClock) -> None:
        outbound, started = Outbound(), clock.monotonic()
        async with partner(_answer(exemplar)) as there:
            account = exemplar.account(_closed_port() if exemplar.fault == "refused" else there.origin)
            request = exemplar.build(account)
            assert not isinstance(request, Decline), request
            reply = await outbound.send(request, 2, exemplar.known.sheet.max_body)
            await outbound.close()
            _check_request(exemplar, there)
        if isinstance(reply, OutboundFailure):
            assert exemplar.doc["expect"]["decline"]["reason"] == reply.reason
            assert (clock.monotonic() - started == pytest.approx(2, abs=0.05)) == (reply.reason == "error_timeout")
        else:
            assert exemplar.fault is None, "the partner misbehaved, and there is a reply all the same"
            assert disagreements_of(exemplar.doc["expect"], exemplar.parse(account, reply)) == []

    run_virtual(main)


def _check_asked(exemplar: Exemplar, here: Setting, result: BuyerResult) -> None:
    assert (result.asked_at is None) == (exemplar.doc["request"] is None)
    assert here.seen.asked == ([] if exemplar.doc["request"] is None else [exemplar.buyer])


def _check_request(exemplar: Exemplar, there: Partner) -> None:
    if exemplar.doc["request"] is None or exemplar.fault == "refused":
        assert there.seen == []
        return
    (request,) = there.seen
    assert request.headers["Accept-Encoding"] == "identity"
    if exemplar.doc["request"] != "any":
        kind = request.headers.get("Content-Type", "")
        assert sent(request.method, request.path, request.query, kind, request.body) == exemplar.doc["request"]


def _check_result(exemplar: Exemplar, result: BuyerResult) -> None:
    expected = exemplar.doc["expect"]
    if result.offer is not None:
        kept = [key for key in expected["offer"] if hasattr(result.offer, key)]
        stated = {key: str(expected["offer"][key] or "") for key in kept}
        assert {key: str(getattr(result.offer, key) or "") for key in kept} == stated
        assert result.offer.awaits_post == (exemplar.known.sheet.modes[exemplar.entry().mode].post is not None)
        assert result.offer.expires_at == result.offer.received_at + exemplar.entry().offer_ttl_s
    else:
        assert result.decline is not None
        assert result.label == expected["decline"]["reason"]
        assert result.decline.buyer_code == expected["decline"].get("buyer_code")
    if result.label == "error_timeout":
        assert result.elapsed_s == pytest.approx(2, abs=0.05)


def _check_secrets(exemplar: Exemplar, result: BuyerResult) -> None:
    shown = result.model_dump_json(exclude={"offer"})
    caller = exemplar.ask().caller
    private = [secret.get_secret_value() for secret in exemplar.account().credentials.values()]
    private += [value for value in (caller.first_name, caller.email, caller.ip, caller.phone) if value]
    private += [caller.phone[2:]] if caller.phone else []
    assert [value for value in private if value in shown] == []


def _answer(exemplar: Exemplar) -> Answer:
    if exemplar.doc["response"] is None or exemplar.fault == "refused":
        return failing("reset")
    return failing(exemplar.fault) if exemplar.fault else replying(exemplar.response())


def _closed_port() -> str:
    with sockets.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"
