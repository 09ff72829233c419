"""Dialplans read at start: good ones whole, bad ones with every mistake."""

from decimal import Decimal
from pathlib import Path

import pytest

from callrouter.buyers.loader import Catalogue
from callrouter.domain.call import CallKind
from callrouter.errors import ConfigurationError
from callrouter.plans import load_plans
from callrouter.plans.yaml_text import MAX_BYTES
from tests.configuration.plan_files import ENVIRON, anything_goes, plan_text, written


def mistakes(folder: Path, *files: tuple[str, str]) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigurationError) as caught:
        load_plans(written(folder, files), ENVIRON, anything_goes)
    return [(mistake.where, mistake.key, mistake.remedy) for mistake in caught.value.mistakes]


def remedy_of(folder: Path, key: str, more: str) -> str:
    found = {k: remedy for _, k, remedy in mistakes(folder, ("a.yaml", plan_text(more=more)))}
    assert list(found) == [key]
    return found[key]


def test_plans_are_found_by_name_and_by_number(tmp_path: Path) -> None:
    transfer = plan_text("two", "+18885550102").replace("inbound", "transfer")
    plans = load_plans(written(tmp_path, [("a.yaml", plan_text()), ("b.yml", transfer)]), ENVIRON, anything_goes)
    assert set(plans.by_name) == {"one", "two"}
    assert plans.by_number["+18885550100"] == (plans.by_name["one"], CallKind.INBOUND)
    assert plans.by_number["+18885550102"] == (plans.by_name["two"], CallKind.TRANSFER)
    assert plans.numbers == {"+18885550100", "+18885550102"}


def test_values_are_read_from_the_environment_anywhere(tmp_path: Path) -> None:
    text = plan_text(number="env:NUMBER", more="auction: {floor: env:FLOOR}\n")
    plan = load_plans(written(tmp_path, [("a.yaml", text)]), ENVIRON, anything_goes).by_name["one"]
    assert plan.auction.floor == Decimal("7.50")
    assert plan.numbers.inbound == ("+18885550177",)
    assert plan.buyers["acme"].credentials["token"].get_secret_value() == "token-secret-1"


def test_secrets_of_plans_are_known_to_the_filter_and_not_printed(tmp_path: Path) -> None:
    more = (
        "unsold: {callback: {url: 'https://d.example', key: env:KEY, type: t,"
        " stand_in: {first_name: A, surname: B, email: a@b.c}}}\n"
    )
    plans = load_plans(written(tmp_path, [("a.yaml", plan_text(more=more))]), ENVIRON, anything_goes)
    assert plans.secrets == {"token-secret-1", "key-secret-1"}
    assert "secret-1" not in repr(plans)


def test_text_stays_as_the_operator_wrote_it(tmp_path: Path) -> None:
    more = "    params: {code: 012003, price: 0.50, flag: yes, day: 2026-11-21, at: 21:00, on: true}\n"
    plan = load_plans(written(tmp_path, [("a.yaml", plan_text(more=more))]), ENVIRON, anything_goes).by_name["one"]
    assert dict(plan.buyers["acme"].params) == {
        "code": "012003",
        "price": "0.50",
        "flag": "yes",
        "day": "2026-11-21",
        "at": "21:00",
        "on": "true",
    }


def test_numbers_and_times_need_no_quotes(tmp_path: Path) -> None:
    text = plan_text().replace('"', "")
    assert load_plans(written(tmp_path, [("a.yaml", text)]), ENVIRON, anything_goes).numbers == {"+18885550100"}


def test_every_mistake_over_all_files_is_told_at_once(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        ("a.yaml", plan_text(more="intake: {zip: aks, atempts: 2}\nbridge: {ring_s: soon}\n")),
        ("b.yaml", "plan: [unclosed"),
        ("c.yaml", plan_text("three", "+18885550103").replace("env:TOKEN", "env:NO_SUCH")),
    )
    assert [(where, key) for where, key, _ in found] == [
        *(("a.yaml", "intake.zip"), ("a.yaml", "intake.atempts"), ("a.yaml", "bridge.ring_s")),
        ("b.yaml", "line 1, column 16"),
        ("c.yaml", "buyers.acme.credentials.token"),
    ]
    remedies = [remedy for _, _, remedy in found]
    assert remedies[0] == "write 'ask', 'caller_id' or 'ask_then_caller_id'"
    assert remedies[1] == "unknown key; did you mean attempts?"
    assert remedies[2] == "write a whole number"
    assert remedies[4] == "set the environment variable NO_SUCH"


@pytest.mark.parametrize(
    ("more", "key", "part"),
    [
        ("bridge: {caller_id: nobody}\n", "bridge.caller_id", "write 'caller', or write a North American number"),
        ("bridge: {ring_s: 90}\n", "bridge.ring_s", "at most 60"),
        ("bridge: {allow_regions: [pr]}\n", "bridge.allow_regions.0", "two capital letters"),
        ("auction: {deadline_s: .nan}\n", "auction.deadline_s", "write a number"),
        ("auction: {deadline_s: inf}\n", "auction.deadline_s", "at most 25"),
        ("auction: {floor: 5.001}\n", "auction.floor", "two decimals"),
        ("auction: {floor: -1}\n", "auction.floor", "at least 0"),
        ("auction: {floor: lots}\n", "auction.floor", "amount in dollars"),
        ("auction: 7\n", "auction", "a section of keys"),
        ("prompts:\n", "prompts", "it has no value"),
        ("unsold: {sell_lead: [nobody]}\n", "unsold.sell_lead", "add nobody under buyers"),
        ("    enabled: perhaps\n", "buyers.acme.enabled", "true or false"),
        ("    method: post\n", "buyers.acme.method", "write 'form', 'json', 'get' or 'xml'"),
        ("    params: {a: }\n", "buyers.acme.params.a", "it has no value"),
        ("    params: {a: [1]}\n", "buyers.acme.params.a", "write text"),
        ("    params: {a: env:NO-NAME}\n", "buyers.acme.params.a", "write env:NAME"),
        ("  Big Name: 3\n", "buyers.Big Name", "small letters"),
        ("    guards: {states: [ZZ]}\n", "buyers.acme.guards.states.0", "a state as two capital letters"),
        ("    guards: {states: [TX], not_states: [TX]}\n", "buyers.acme.guards.not_states", "remove TX"),
        (
            "    guards: {hours: {holidays: ['2026-13-45']}}\n",
            "buyers.acme.guards.hours.holidays.0",
            "a day that exists",
        ),
        ("    guards: {hours: {mon: ['17:00-09:00']}}\n", "buyers.acme.guards.hours.mon", "in order"),
        ("    guards: {time_zone: Mars/Olympus}\n", "buyers.acme.guards.time_zone", "a time zone that exists"),
        (
            "    guards: {caps: [{of: connects, per: day, most: 1.5}]}\n",
            "buyers.acme.guards.caps.0.most",
            "whole number",
        ),
        ("nonsense: 1\n", "nonsense", "unknown key; remove it"),
    ],
)
def test_a_wrong_value_has_its_key_and_its_remedy(tmp_path: Path, more: str, key: str, part: str) -> None:
    assert part in remedy_of(tmp_path, key, more)


def test_a_key_that_is_there_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    assert "twice" in remedy_of(tmp_path, "plan (line 9)", "plan: other\n")


def test_hours_must_be_in_order(tmp_path: Path) -> None:
    more = (
        "unsold: {callback: {url: 'https://d.example', key: env:KEY, type: t, hours: {from: 21:00, to: 08:00},"
        " stand_in: {first_name: A, surname: B, email: a@b.c}}}\n"
    )
    assert remedy_of(tmp_path, "unsold.callback.hours.from", more) == "must be before to"


def test_a_number_or_a_name_is_there_only_once(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        ("a.yaml", plan_text("one", "+18885550100")),
        ("b.yaml", plan_text("one", "+18885550101")),
        ("c.yaml", plan_text("three", "+18885550100")),
        ("d.yaml", plan_text("four", '+18885550104", "+18885550104')),
    )
    assert found == [
        ("d.yaml", "numbers", "name each number once; twice there: +18885550104"),
        ("b.yaml", "plan", "choose another name; a.yaml has this one"),
        ("c.yaml", "numbers", "remove +18885550100; a.yaml has it"),
    ]


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b"", "file"),
        (b"- a\n- b\n", "file"),
        (b"plan: \xff\xfe", "file"),
        (b"plan: \x00", "file"),
        (b"a: &x [1]\nb: *x\n", "line 2, column 4"),
        (b"plan: !!python/object/apply:os.getcwd []\n", "line 1, column 7"),
        (b"plan: a\n---\nplan: b\n", "line 2, column 1"),
        (b"? [a]\n: b\n", "line 1, column 3"),
        (b"plan:\n\t- a\n", "line 2, column 1"),
        (b"[" * 5000, "line 1, column 21"),
        (b"#" * (MAX_BYTES + 1), "file"),
    ],
)
def test_a_file_that_is_no_plain_yaml_is_refused_with_its_place(tmp_path: Path, raw: bytes, key: str) -> None:
    (tmp_path / "a.yaml").write_bytes(raw)
    assert [found[:2] for found in mistakes(tmp_path)] == [("a.yaml", key)]


def test_a_missing_or_empty_folder_is_a_mistake(tmp_path: Path) -> None:
    assert "no .yaml file" in mistakes(tmp_path)[0][2]
    with pytest.raises(ConfigurationError, match="no such folder"):
        load_plans(tmp_path / "nowhere", ENVIRON, anything_goes)


def test_what_the_catalogue_finds_is_told_under_the_buyers_key(tmp_path: Path) -> None:
    text = plan_text().replace("calls_ping", "no_such")
    with pytest.raises(ConfigurationError) as caught:
        load_plans(written(tmp_path, [("a.yaml", text)]), ENVIRON, Catalogue.load().check_entry)
    (mistake,) = caught.value.mistakes
    assert (mistake.where, mistake.key) == ("a.yaml", "buyers.acme.mode")
    assert "calls_ping" in mistake.remedy


def test_remedies_never_show_a_value(tmp_path: Path) -> None:
    text = plan_text().replace("https://acme.example/ping", "env:TOKEN")
    found = mistakes(tmp_path, ("a.yaml", text))
    assert found[0][:2] == ("a.yaml", "buyers.acme.url")
    assert "token-secret-1" not in str(found)


def test_a_broken_plan_still_has_its_whole_buyers_held_against_the_catalogue(tmp_path: Path) -> None:
    """One run lists what is wrong with the plan's own keys and with what a buyer's adapter asks for."""
    from callrouter.buyers.loader import Catalogue

    text = plan_text().replace("plan:", "auction: {deadline: 1}\nplan:", 1).replace("calls_ping", "calls_pang")
    written(tmp_path, [("a.yaml", text)])
    with pytest.raises(ConfigurationError) as refused:
        load_plans(tmp_path, ENVIRON, Catalogue.load().check_entry)
    keys = [mistake.key for mistake in refused.value.mistakes]
    assert "auction.deadline" in keys
    assert "buyers.acme.mode" in keys


def test_every_disagreement_between_keys_is_told_at_once(tmp_path: Path) -> None:
    """Also of a plan that has a wrong value elsewhere."""
    twice = plan_text("one", '+18885550104", "+18885550104', "unsold: {sell_lead: [nobody]}\n")
    disagreeing = ["numbers", "unsold.sell_lead"]
    assert [key for _, key, _ in mistakes(tmp_path, ("a.yaml", twice))] == disagreeing
    broken = [key for _, key, _ in mistakes(tmp_path, ("a.yaml", twice + "bridge: {ring_s: soon}\n"))]
    assert broken == ["bridge.ring_s", *disagreeing]


def test_a_broken_plan_without_a_number_is_told_so_unless_its_numbers_cannot_be_read(tmp_path: Path) -> None:
    def keys(numbers: str) -> list[str]:
        text = plan_text(more="colour: red\n").replace('{inbound: ["+18885550100"]}', numbers)
        return [key for _, key, _ in mistakes(tmp_path, ("a.yaml", text))]

    assert keys("{}") == ["colour", "numbers"]
    assert keys("{inbound: []}") == ["colour", "numbers"]
    assert keys("{inbound: [env:NO_SUCH]}") == ["numbers.inbound.0", "colour"]
    assert keys("seven") == ["numbers", "colour"]


def test_a_buyer_with_a_wrong_value_is_held_against_the_catalogue_without_it(tmp_path: Path) -> None:
    text = plan_text(more="    method: form\n    params: {a: [1]}\n").replace("https://acme.example/ping", "ping")
    text = text.replace("token: env:TOKEN", "tokken: env:TOKEN")
    written(tmp_path, [("a.yaml", text)])
    with pytest.raises(ConfigurationError) as refused:
        load_plans(tmp_path, ENVIRON, Catalogue.load().check_entry)
    keys = {mistake.key.removeprefix("buyers.acme.") for mistake in refused.value.mistakes}
    assert {"url", "params.a", "method", "credentials.token", "credentials.tokken"} <= keys


def test_a_key_that_resembles_none_is_answered_with_those_that_are_known(tmp_path: Path) -> None:
    remedy = remedy_of(tmp_path, "auction.winner", "auction: {winner: best}\n")
    known = "deadline_s, fast_answer_s, floor, max_wait_s, min_offers, policy, post_s"
    assert remedy == f"unknown key; remove it (known here: {known})"
