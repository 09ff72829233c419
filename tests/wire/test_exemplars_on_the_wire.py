"""Every exemplar file a second time: real session, real bytes, real faults; only the clock is virtual."""

import socket as sockets
from pathlib import Path

import pytest

from callrouter.auction.budget import Budget
from callrouter.auction.runner import run_buyer
from callrouter.domain.offer import BuyerResult
from tests.buyers.exemplars import Exemplar, exemplars, name, sent
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.wire.partner import Answer, Partner, failing, partner, replying
from tests.wire.setting import Setting, setting


@pytest.mark.parametrize("exemplar", exemplars(), ids=name)
def test_the_exemplar_holds_on_the_wire(exemplar: Exemplar, engine_socket: Path) -> None:
    async def main(clock: VirtualClock) -> None:
        async with setting(clock, engine_socket) as here, partner(_answer(exemplar)) as there:
            origin = _closed_port() if exemplar.fault == "refused" else there.origin
            entry = exemplar.entry(origin)
            result = await run_buyer(here.deps, exemplar.ask(), exemplar.buyer, entry, Budget.of(2, clock))
            _check_request(exemplar, there, here, result)
            _check_result(exemplar, result)
            _check_secrets(exemplar, result)

    run_virtual(main)


def _check_request(exemplar: Exemplar, there: Partner, here: Setting, result: BuyerResult) -> None:
    if exemplar.doc["request"] is None or exemplar.fault == "refused":
        assert there.seen == []
        assert (result.asked_at is None) == (exemplar.doc["request"] is None)
        return
    (request,) = there.seen
    assert here.seen.asked == [exemplar.buyer]
    assert request.headers["Accept-Encoding"] == "identity"
    if exemplar.doc["request"] != "any":
        kind = request.headers.get("Content-Type", "")
        assert sent(request.method, request.path, request.query, kind, request.body) == exemplar.doc["request"]


def _check_result(exemplar: Exemplar, result: BuyerResult) -> None:
    expected = exemplar.doc["expect"]
    if result.offer is not None:
        assert {key: str(value) for key, value in expected["offer"].items()} == {
            key: str(getattr(result.offer, key)) for key in expected["offer"]
        }
        assert result.offer.expires_at == result.offer.received_at + exemplar.entry().offer_ttl_s
    else:
        assert result.decline is not None
        assert result.label == expected["decline"]["reason"]
        assert result.decline.buyer_code == expected["decline"]["buyer_code"]
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
