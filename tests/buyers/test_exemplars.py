"""Each exemplar as a pure function call; ``tests/wire`` replays the same files over HTTP."""

import json
from decimal import Decimal
from typing import Any

import pytest

from callrouter.buyers.base import BuyerRequest, Quote
from callrouter.domain.offer import Decline
from callrouter.domain.phone import check_target
from callrouter.domain.reasons import Family
from tests.buyers.exemplars import CATALOGUE, Exemplar, exemplars, name, shown

ALL = exemplars()
REPLIED = [e for e in ALL if e.doc["response"] is not None and e.fault is None]


@pytest.mark.parametrize("exemplar", ALL, ids=name)
def test_the_request_is_the_one_expected(exemplar: Exemplar) -> None:
    adapter = CATALOGUE.get(exemplar.buyer).adapter
    request = adapter.build_request(exemplar.ask(), exemplar.account(), 5_000)
    assert request == adapter.build_request(exemplar.ask(), exemplar.account(), 5_000)
    if exemplar.doc["request"] is None:
        assert isinstance(request, Decline)
        assert _decline(request) == exemplar.doc["expect"]["decline"]
    elif exemplar.doc["request"] != "any":
        assert isinstance(request, BuyerRequest)
        assert shown(request) == exemplar.doc["request"]


@pytest.mark.parametrize("exemplar", REPLIED, ids=name)
def test_the_reply_means_what_is_expected(exemplar: Exemplar) -> None:
    adapter = CATALOGUE.get(exemplar.buyer).adapter
    verdict = adapter.parse_response(exemplar.ask(), exemplar.account(), exemplar.response())
    assert verdict == adapter.parse_response(exemplar.ask(), exemplar.account(), exemplar.response())
    expected = exemplar.doc["expect"]
    if isinstance(verdict, Quote):
        assert isinstance(verdict.payout, Decimal)
        if "decline" in expected:  # the runner refuses it, not the adapter
            assert expected["decline"]["reason"].startswith(Family.REJECTED.value)
        else:
            assert _quote(verdict) == expected["offer"]
    else:
        assert _decline(verdict) == expected["decline"]
        secrets = [secret.get_secret_value() for secret in exemplar.account().credentials.values()]
        assert not any(secret in (verdict.detail or "") for secret in secrets)


@pytest.mark.parametrize("exemplar", [e for e in ALL if e.exemplary], ids=name)
def test_an_exemplary_file_ends_in_an_offer(exemplar: Exemplar) -> None:
    assert "offer" in exemplar.doc["expect"]


@pytest.mark.parametrize("exemplar", ALL, ids=name)
def test_the_account_of_an_exemplar_passes_the_check_of_dialplans(exemplar: Exemplar) -> None:
    assert CATALOGUE.check_entry(exemplar.entry(), "exemplar") == []


@pytest.mark.parametrize("buyer", CATALOGUE.names)
def test_every_row_of_error_codes_has_an_exemplar(buyer: str) -> None:
    sheet = CATALOGUE.get(buyer).sheet
    used = json.dumps([e.doc["response"] for e in ALL if e.buyer == buyer]).lower().replace(" ", "")
    assert [code for code in sheet.error_codes if f'"{code}"' not in used and f">{code}<" not in used] == []


@pytest.mark.parametrize("buyer", CATALOGUE.names)
def test_every_mode_and_method_has_an_exemplary_file(buyer: str) -> None:
    shown_here = {(e.entry().mode, e.account().method) for e in ALL if e.buyer == buyer and e.exemplary}
    modes = CATALOGUE.get(buyer).sheet.modes
    assert shown_here == {(mode, method) for mode, its in modes.items() for method in its.methods}


def _quote(quote: Quote) -> dict[str, Any]:
    return {
        "number": check_target(quote.number, own=(), caller=None) if quote.number else None,
        "payout": str(quote.payout),
        "min_duration_s": quote.min_duration_s,
        "min_duration_stated": quote.min_duration_stated,
        "buyer_ref": quote.buyer_ref,
        "provider": quote.provider,
    }


def _decline(decline: Decline) -> dict[str, Any]:
    return {"reason": decline.reason.value, "buyer_code": decline.buyer_code}
