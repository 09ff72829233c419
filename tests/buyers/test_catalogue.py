"""Buyers are found by folder, their sheets are strict, and what plans say about them is checked."""

import shutil
from pathlib import Path

import pytest

from callrouter.buyers.loader import SHIPPED, Catalogue
from callrouter.dialplan import BuyerEntry
from callrouter.errors import ConfigurationError, NotFound
from tests.buyers.exemplars import CATALOGUE

GOOD = {
    "adapter": "letsmakealead",
    "mode": "one_step",
    "url": "http://x.test/",
    "credentials": {"partnerid": "p", "key": "k"},
    "params": {"numcategory": 12003, "subid": "ivr"},
}


@pytest.mark.parametrize("buyer", CATALOGUE.names)
def test_an_adapter_is_small(buyer: str) -> None:
    assert len((SHIPPED / buyer / "adapter.py").read_text().splitlines()) <= 160


def test_the_code_names_no_buyer() -> None:
    code = [path for path in SHIPPED.parent.rglob("*.py") if path.parent.name not in CATALOGUE.names]
    shared = [path for path in code if path.parent.name in ("buyers", "auction")]
    assert [
        (path.name, buyer) for path in shared for buyer in CATALOGUE.names if buyer in path.read_text().lower()
    ] == []


def test_a_good_entry_has_no_mistakes_and_gets_its_defaults() -> None:
    entry = BuyerEntry.model_validate(GOOD)
    assert CATALOGUE.check_entry(entry, "auto.yaml") == []
    account = CATALOGUE.account("lmal-west", entry)
    assert (account.buyer, account.method, account.params["resptype"]) == ("lmal-west", "form", "JSON")


def test_an_entry_without_a_method_gets_the_modes_first() -> None:
    entry = BuyerEntry.model_validate(
        {"adapter": "contactability", "mode": "calls_ping", "url": "https://x.test/", "params": {"lead_type": "auto"}}
    )
    assert CATALOGUE.account("c", entry).method == "get"


@pytest.mark.parametrize(
    ("change", "key", "remedy"),
    [
        ({"adapter": "nobody"}, "adapter", " or ".join(CATALOGUE.names)),
        ({"mode": "two_step"}, "mode", "use one_step"),
        ({"credentials": {"partnerid": "p"}}, "credentials.key", "state it"),
        ({"credentials": {"partnerid": "p", "key": " "}}, "credentials.key", "state it"),
        ({"credentials": {"partnerid": "p", "key": "k", "kye": "k"}}, "credentials.kye", "remove it"),
        ({"params": {"subid": "ivr"}}, "params.numcategory", "state it"),
        ({"params": {"numcategory": "auto", "subid": "ivr"}}, "params.numcategory", "must match"),
        ({"params": {"numcategory": 1, "subid": "i", "subdi": "x"}}, "params.subdi", "documented names"),
        ({"params": {"numcategory": 1, "subid": "i", "resptype": "CSV"}}, "params.resptype", "must match"),
    ],
)
def test_a_mistake_in_an_entry_says_where_and_what_to_do(change: dict[str, object], key: str, remedy: str) -> None:
    (mistake,) = CATALOGUE.check_entry(BuyerEntry.model_validate({**GOOD, **change}), "auto.yaml", "buyers.lmal")
    assert (mistake.where, mistake.key) == ("auto.yaml", f"buyers.lmal.{key}")
    assert remedy in mistake.remedy


LEADS = {
    "adapter": "callconnectleads",
    "mode": "full",
    "url": "https://leads.test/api.php",
    "credentials": {"Key": "k"},
}


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("Home_Improvement_Product", "Bathroom Remodelling", "such as Bathroom Remodel"),
        ("Score", "twelve", "must match"),
        ("Cost", "0.000", "must match"),
        ("Sub_ID", "x" * 101, "write at most 100 characters"),
        ("State", "Texas", "write one of the documented values"),
    ],
)
def test_a_constant_that_the_partner_would_not_take_is_told_before_any_call_is_lost(
    name: str, value: str, remedy: str
) -> None:
    entry = BuyerEntry.model_validate({**LEADS, "params": {"SRC": "s", "Landing_Page": "l", name: value}})
    (mistake,) = CATALOGUE.check_entry(entry, "auto.yaml", "buyers.leads")
    assert mistake.key == f"buyers.leads.params.{name}"
    assert remedy in mistake.remedy
    assert value not in mistake.remedy, "it may be a secret"


def test_a_constant_is_measured_by_the_table_of_its_category() -> None:
    email = "a" * 60 + "@example.com"
    for category, told in ((12003, []), (16001, ["params.email"])):
        params = {"numcategory": category, "subid": "ivr", "email": email}
        found = CATALOGUE.check_entry(BuyerEntry.model_validate({**GOOD, "params": params}), "auto.yaml", "b")
        assert [mistake.key.removeprefix("b.") for mistake in found] == told


def test_a_constant_that_is_stated_empty_is_not_sent_and_no_mistake() -> None:
    params = {"numcategory": 12003, "subid": "ivr", "resptype": "", "email": ""}
    assert CATALOGUE.check_entry(BuyerEntry.model_validate({**GOOD, "params": params}), "auto.yaml") == []


def test_a_method_that_the_mode_cannot_use_is_a_mistake() -> None:
    entry = BuyerEntry.model_validate(
        {"adapter": "contactability", "mode": "calls_ping", "url": "https://x.test/", "method": "form",
         "credentials": {"token": "t"}, "params": {"lead_type": "auto"}}
    )  # fmt: skip
    (mistake,) = CATALOGUE.check_entry(entry, "auto.yaml", "buyers.c")
    assert mistake.remedy == "calls_ping cannot use form; use get"


def test_an_unknown_adapter_is_not_found() -> None:
    with pytest.raises(NotFound, match="contactability, letsmakealead"):
        CATALOGUE.get("nobody")


def test_a_buyer_in_another_folder_is_found(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "contactability", tmp_path / "acme")
    catalogue = Catalogue.load(tmp_path)
    assert catalogue.names == tuple(sorted(("acme", *CATALOGUE.names)))
    assert catalogue.get("acme").sheet == CATALOGUE.get("contactability").sheet


def test_a_broken_sheet_is_refused_with_every_mistake(tmp_path: Path) -> None:
    acme, bolt = tmp_path / "acme", tmp_path / "bolt"
    shutil.copytree(SHIPPED / "contactability", acme)
    shutil.copytree(SHIPPED / "contactability", bolt)
    sheet = (acme / "buyer.yaml").read_text()
    (acme / "buyer.yaml").write_text(sheet.replace("min_response_ms", "min_reponse_ms").replace("no_offer_dup", "dup"))
    (bolt / "README.md").unlink()
    with pytest.raises(ConfigurationError) as refused:
        Catalogue.load(tmp_path)
    where = [(mistake.where, mistake.key) for mistake in refused.value.mistakes]
    assert ("acme/buyer.yaml", "min_reponse_ms") in where
    assert ("acme/buyer.yaml", "error_codes.Duplicate") in where
    assert ("bolt", "README.md") in where
