"""Every fact of the partners' documents is in a sheet, and every reply that they show in an exemplar."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from callrouter.buyers.agreement import shown
from callrouter.buyers.base import BuyerRequest
from callrouter.buyers.base.reply import decode
from callrouter.buyers.base.sheet import FieldRule, Sheet, plain_name
from callrouter.domain.reasons import OFFER
from tests.buyers.documents import document, partners
from tests.buyers.exemplars import CATALOGUE, Exemplar, exemplars

ALL = exemplars()
BUYERS = [partner for partner in partners() if partner != "dialler"]


@dataclass(frozen=True)
class Documented:
    """One field of one document's table."""

    partner: str
    name: str
    facts: dict[str, Any]
    category: str

    @property
    def sheet(self) -> Sheet:
        return CATALOGUE.get(self.partner).sheet

    @property
    def rule(self) -> FieldRule | None:
        return self.sheet.fields.get(self.name)

    def __str__(self) -> str:
        return f"{self.partner} {self.category} {self.name}".replace("  ", " ")


def _documents() -> Iterator[tuple[str, dict[str, Any]]]:
    for partner in BUYERS:
        for doc in document(partner)["documents"]:
            yield partner, doc


FIELDS = [
    Documented(partner, name, facts, doc.get("category", ""))
    for partner, doc in _documents()
    for name, facts in doc["fields"].items()
]
REPLIES = [(partner, row) for partner, doc in _documents() for row in doc["replies"]]


def _sent(partner: str) -> str:
    """Everything that this buyer's exemplars send, as one text."""
    requests = []
    for exemplar in ALL:
        if exemplar.buyer == partner and exemplar.doc["request"] is not None:
            request = exemplar.build(exemplar.account())
            requests.append(shown(request) if isinstance(request, BuyerRequest) else {})
    return json.dumps(requests)


SENT = {partner: _sent(partner) for partner in BUYERS}


@pytest.mark.parametrize("buyer", CATALOGUE.names)
def test_every_buyer_that_ships_has_its_documents_here(buyer: str) -> None:
    assert buyer in BUYERS


@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_a_documented_field_is_in_the_sheet_or_sent_or_left_out_with_a_reason(field: Documented) -> None:
    sheet = field.sheet
    stated = {*sheet.fields, *sheet.params, *(name for mode in sheet.modes.values() for name in mode.credentials)}
    sent = any(form in SENT[field.partner] for form in (f'"{field.name}"', f"<{field.name}", f" {field.name}="))
    assert field.name in stated or sent or sheet.left_out.get(field.name)


@pytest.mark.parametrize("field", [f for f in FIELDS if "max_chars" in f.facts], ids=str)
def test_a_documented_length_is_the_sheets(field: Documented) -> None:
    assert field.rule is not None
    assert field.rule.longest(field.category) == field.facts["max_chars"]


@pytest.mark.parametrize("field", [f for f in FIELDS if "set" in f.facts], ids=str)
def test_a_documented_closed_set_is_the_sheets(field: Documented) -> None:
    assert field.rule is not None
    assert " ".join(field.rule.one_of) == field.facts["set"]


@pytest.mark.parametrize("field", [f for f in FIELDS if "required" in f.facts and "decided" not in f.facts], ids=str)
def test_a_field_that_is_documented_as_required_is_required(field: Documented) -> None:
    sheet, name = field.sheet, field.name
    for mode_name, mode in sheet.modes.items():
        if mode_name in field.facts.get("except", ()):
            continue
        for step in set(mode.steps) & set(field.facts["required"]):
            by_rule = field.rule is not None and field.rule.required_in(step)
            param = sheet.params.get(name)
            by_param = param is not None and (param.required or param.default is not None)
            by_the_adapter = _always_sent(field.partner, mode_name, step, name)
            assert by_rule or by_param or name in (*mode.credentials, *mode.requires) or by_the_adapter


def _always_sent(partner: str, mode: str, step: str, name: str) -> bool:
    """Whether every exemplar of this step has the field in its request: the adapter puts it there itself."""
    mine = [e for e in ALL if e.buyer == partner and e.doc["request"] is not None]
    of_step = [e for e in mine if (e.entry().mode, e.step) == (mode, step)]
    texts = [json.dumps(shown(r)) for e in of_step if isinstance(r := e.build(e.account()), BuyerRequest)]
    return bool(texts) and all(f'"{name}"' in text or f"<{name}>" in text for text in texts)


@pytest.mark.parametrize(
    ("partner", "row"), REPLIES, ids=lambda value: value if isinstance(value, str) else value["says"]
)
def test_a_documented_reply_has_an_exemplar(partner: str, row: dict[str, Any]) -> None:
    fitting = [e for e in ALL if e.buyer == partner and _shows(e, row)]
    if not row.get("each"):
        assert fitting
        return
    modes = CATALOGUE.get(partner).sheet.modes
    wanted = {(mode, step) for mode, its in modes.items() for step in its.steps}
    assert wanted - {(e.entry().mode, e.step) for e in fitting} == set(), "each step of each mode may answer so"


def _shows(exemplar: Exemplar, row: dict[str, Any]) -> bool:
    if exemplar.doc["response"] is None or exemplar.fault is not None:
        return False
    reply, expect = exemplar.response(), exemplar.doc["expect"]
    means = OFFER if "offer" in expect else expect["decline"]["reason"]
    status = str(row.get("status", 2))
    text = plain_name(decode(reply.body).replace(":", " "))
    return (
        means == row["means"]
        and str(reply.status).startswith(status)
        and row.get("mode") in (None, exemplar.entry().mode)
        and row.get("step") in (None, exemplar.step)
        and all(plain_name(held.replace(":", " ")) in text for held in row["holds"])
    )


@pytest.mark.parametrize("partner", BUYERS)
def test_every_documented_call_is_a_modes(partner: str) -> None:
    documented = {call for doc in document(partner)["documents"] for call in doc["calls"]}
    modes = CATALOGUE.get(partner).sheet.modes.values()
    known = {mode.endpoint(step).call for mode in modes for step in mode.steps}
    stated = [e.doc["request"] for e in ALL if e.buyer == partner]
    paths = [request["path"] for request in stated if isinstance(request, dict)]
    assert [call for call in documented - known if not any(path.endswith(call) for path in paths)] == []


@pytest.mark.parametrize("partner", BUYERS)
def test_every_documented_name_in_a_reply_stands_in_an_exemplar(partner: str) -> None:
    replies = [e.response().body for e in ALL if e.buyer == partner and e.doc["response"] is not None and not e.fault]
    texts = plain_name(" ".join(decode(body) for body in replies).replace(":", " "))
    names = {name for doc in document(partner)["documents"] for name in doc["replied"]}
    assert [name for name in names if plain_name(name) not in texts] == []
