"""Each exemplar as a pure function call; ``tests/wire`` replays the same files over HTTP."""

import json

import pytest

from callrouter.buyers.agreement import disagreements
from callrouter.buyers.exemplars import readable
from callrouter.domain.offer import Decline
from tests.buyers.exemplars import CATALOGUE, HOME, Exemplar, exemplars, name

ALL = exemplars()
REPLIED = [e for e in ALL if e.doc["response"] is not None and e.fault is None]


@pytest.mark.parametrize("buyer", CATALOGUE.names)
def test_every_file_can_be_read(buyer: str) -> None:
    assert [str(mistake) for mistake in readable(HOME / buyer, CATALOGUE.get(buyer))[1]] == []


@pytest.mark.parametrize("exemplar", ALL, ids=name)
def test_the_adapter_agrees_with_the_exemplar(exemplar: Exemplar) -> None:
    assert disagreements(exemplar) == []


@pytest.mark.parametrize("exemplar", REPLIED, ids=name)
def test_a_decline_tells_no_secret(exemplar: Exemplar) -> None:
    verdict = exemplar.parse(exemplar.account(), exemplar.response())
    secrets = [secret.get_secret_value() for secret in exemplar.account().credentials.values()]
    shown = verdict.model_dump_json() if isinstance(verdict, Decline) else ""
    assert not any(secret in shown for secret in secrets)


@pytest.mark.parametrize("exemplar", [e for e in ALL if e.exemplary], ids=name)
def test_an_exemplary_file_ends_in_an_offer(exemplar: Exemplar) -> None:
    assert "offer" in exemplar.doc["expect"]


@pytest.mark.parametrize("exemplar", ALL, ids=name)
def test_the_account_of_an_exemplar_passes_the_check_of_dialplans(exemplar: Exemplar) -> None:
    assert CATALOGUE.check_entry(exemplar.entry(), "exemplar") == []


@pytest.mark.parametrize("exemplar", ALL, ids=name)
def test_an_exemplar_shows_a_step_that_its_mode_has(exemplar: Exemplar) -> None:
    mode = exemplar.known.sheet.modes[exemplar.entry().mode]
    assert exemplar.step in mode.steps
    follows_a_ping = exemplar.step == "post" and mode.ping is not None
    assert (exemplar.quote() is not None) == follows_a_ping, "a post that follows a ping is given its quote"


@pytest.mark.parametrize("buyer", CATALOGUE.names)
def test_every_row_of_error_codes_has_an_exemplar(buyer: str) -> None:
    sheet = CATALOGUE.get(buyer).sheet
    used = json.dumps([e.doc["response"] for e in ALL if e.buyer == buyer]).lower()
    for ignored in " _-":
        used = used.replace(ignored, "")
    assert [code for code in sheet.error_codes if f'"{code}"' not in used and f">{code}<" not in used] == []


@pytest.mark.parametrize("buyer", CATALOGUE.names)
def test_every_mode_step_and_method_has_an_exemplary_file(buyer: str) -> None:
    shown_here = {(e.entry().mode, e.step, e.account().method) for e in ALL if e.buyer == buyer and e.exemplary}
    modes = CATALOGUE.get(buyer).sheet.modes
    wanted = {(mode, step, method) for mode, its in modes.items() for step in its.steps for method in its.methods}
    assert wanted - shown_here == set()


def test_no_folder_of_exemplars_is_without_its_buyer() -> None:
    assert {path.parent.name for path in HOME.glob("*/account.json")} == set(CATALOGUE.names)
