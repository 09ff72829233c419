"""A folder for a buyer that does not ship: written, refused until it is filled in, and never over something else."""

import json
from pathlib import Path

import pytest

from callrouter.buyers.agreement import mistakes_in
from callrouter.buyers.loader import EXEMPLARS, SHIPPED, Catalogue
from callrouter.errors import ConfigurationError
from tests.commands.command import callrouter, environment, write_plan

TODO = '  "todo": '


def _written(folder: Path, name: str = "acme") -> Path:
    done = callrouter("new-buyer", name, "--folder", str(folder), environ={})
    assert (done.returncode, done.stderr) == (0, "")
    return folder / name


def test_what_is_written_says_what_to_do_and_is_refused_until_it_is_done(tmp_path: Path) -> None:
    write_plan(tmp_path)
    environ = environment(tmp_path) | {"CALLROUTER_BUYERS": str(tmp_path / "buyers")}
    done = callrouter("new-buyer", "acme-co", environ=environ)
    assert done.returncode == 0
    assert str(tmp_path / "buyers" / "acme-co") in done.stdout
    assert "callrouter check" in done.stdout
    checked = callrouter("check", environ=environ)
    assert checked.returncode == 2
    (told,) = checked.stderr.splitlines()
    assert told.startswith("acme-co/exemplars/exemplary/a-caller-is-offered.json: todo: write under request ")


def test_the_adapter_that_is_written_works_and_serves_one_partner_at_a_time(tmp_path: Path) -> None:
    folder = _written(tmp_path)
    known = Catalogue.load(tmp_path).get("acme")
    exemplar = folder / EXEMPLARS / "exemplary" / "a-caller-is-offered.json"
    assert [mistake.key for mistake in mistakes_in(folder / EXEMPLARS, known)] == ["todo"]
    lines = [line for line in exemplar.read_text().splitlines() if not line.startswith(TODO)]
    exemplar.write_text("\n".join(lines))
    assert mistakes_in(folder / EXEMPLARS, known) == []
    exemplar.write_text("\n".join(lines).replace('"zip": "78701", "phone"', '"postcode": "78701", "phone"'))
    told = [(m.where, m.key) for m in mistakes_in(folder / EXEMPLARS, known)]
    where = "acme/exemplars/exemplary/a-caller-is-offered.json"
    assert told == [(where, "request.json.postcode"), (where, "request.json.zip")]


def test_a_folder_elsewhere_is_named_in_the_next_steps(tmp_path: Path) -> None:
    done = callrouter("new-buyer", "acme", "--folder", str(tmp_path / "formats"), environ={})
    assert f"CALLROUTER_BUYERS={tmp_path / 'formats'}" in done.stdout


@pytest.mark.parametrize("name", ["Acme", "a b", "../acme", "-x", "", "x" * 41, "contactability"])
def test_a_name_that_cannot_be_used_is_refused(name: str, tmp_path: Path) -> None:
    done = callrouter("new-buyer", "--folder", str(tmp_path / "f"), "--", name, environ={})
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "f").exists()


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    (_written(tmp_path) / "adapter.py").write_text("# mine\n")
    done = callrouter("new-buyer", "acme", "--folder", str(tmp_path), environ={})
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert (tmp_path / "acme" / "adapter.py").read_text() == "# mine\n"


def test_the_templates_are_no_buyer() -> None:
    assert (SHIPPED / "scaffold").is_dir()
    assert "scaffold" not in Catalogue.load().names


@pytest.mark.parametrize(
    ("adapter", "key", "told"),
    [
        ("import nothing_of_that_name\n", "Adapter", "ModuleNotFoundError"),
        ("class Adapter(:\n", "Adapter", "SyntaxError"),
        ("x = 1\n", "Adapter", "AttributeError"),
        ("class Adapter:\n    def __init__(self, sheet):\n        1 / 0\n", "Adapter", "ZeroDivisionError"),
        ("class Adapter:\n    def __init__(self, sheet):\n        pass\n", "build_request", "write it"),
    ],
)
def test_a_broken_adapter_is_a_mistake_and_no_traceback(tmp_path: Path, adapter: str, key: str, told: str) -> None:
    (_written(tmp_path) / "adapter.py").write_text(adapter)
    with pytest.raises(ConfigurationError) as refused:
        Catalogue.load(tmp_path)
    first = refused.value.mistakes[0]
    assert (first.where, first.key) == ("acme/adapter.py", key)
    assert told in first.remedy


def test_a_mode_with_a_post_wants_an_adapter_that_can_post(tmp_path: Path) -> None:
    sheet = _written(tmp_path) / "buyer.yaml"
    sheet.write_text(sheet.read_text().replace("    ping: {call: /offer}", "    post: {call: /sell}\n    #"))
    with pytest.raises(ConfigurationError) as refused:
        Catalogue.load(tmp_path)
    assert [mistake.key for mistake in refused.value.mistakes] == ["build_accept", "parse_accept"]
    assert "for the post of offer" in refused.value.mistakes[0].remedy


def test_a_buyer_that_was_only_begun_is_told(tmp_path: Path) -> None:
    folder = _written(tmp_path)
    (folder / "buyer.yaml").unlink()
    with pytest.raises(ConfigurationError) as refused:
        Catalogue.load(tmp_path)
    assert [(m.where, m.key) for m in refused.value.mistakes] == [("acme", "buyer.yaml")]


def test_a_buyer_without_exemplars_is_told(tmp_path: Path) -> None:
    folder = _written(tmp_path)
    (folder / EXEMPLARS / "exemplary" / "a-caller-is-offered.json").unlink()
    known = Catalogue.load(tmp_path).get("acme")
    assert [(m.where, m.key) for m in mistakes_in(folder / EXEMPLARS, known)] == [("acme/exemplars", "exemplary")]


def test_a_shipped_name_is_not_taken_over(tmp_path: Path) -> None:
    _written(tmp_path).rename(tmp_path / "contactability")
    with pytest.raises(ConfigurationError, match="there is such a buyer"):
        Catalogue.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "key", "told"),
    [
        ({"account": {"mode": "other"}}, "account.mode", "use offer"),
        ({"account": {"credentials": {"key": None}}}, "account.credentials.key", "state it"),
        ({"step": "post"}, "step", "offer has no post; use ping"),
        ({"expect": {"decline": {"reason": "no_offer"}}}, "expect", "move it to supplemental/"),
        ({"expect": {"offer": {"price": "1"}}}, "price", "no field of an offer"),
        ({"response": {"jsn": {}}}, "response.jsn", "Extra inputs"),
        ({"call": {"caller": {"zipcode": "1"}}}, "call.caller.zipcode", "Extra inputs"),
        ({"expect": {"offer": {"payout": "24.00"}}}, "expect.offer.payout", 'expected "24.00", and it is "25.00"'),
    ],
)
def test_a_mistake_in_an_exemplar_says_where_and_what_to_do(
    tmp_path: Path, change: dict[str, object], key: str, told: str
) -> None:
    folder = _written(tmp_path)
    exemplar = folder / EXEMPLARS / "exemplary" / "a-caller-is-offered.json"
    doc = json.loads(exemplar.read_text())
    del doc["todo"]
    exemplar.write_text(json.dumps({**doc, **change}))
    mistakes = mistakes_in(folder / EXEMPLARS, Catalogue.load(tmp_path).get("acme"))
    assert [(m.where, m.key) for m in mistakes] == [("acme/exemplars/exemplary/a-caller-is-offered.json", key)]
    assert told in mistakes[0].remedy


@pytest.mark.parametrize(
    ("before", "after", "key", "told"),
    [
        ("max_chars: 5", "pattern: '[0-9'", "fields.zip.pattern", "mend the pattern: unterminated character set"),
        ("max_chars: 2", "one_of: [Yes, No]", "fields.state.one_of.0", "put it in quotes"),
        ('"no", "false"', "no", "words.rejected.2", "put it in quotes"),
    ],
)
def test_a_value_in_the_sheet_that_would_fail_only_when_a_caller_waits_is_told(
    tmp_path: Path, before: str, after: str, key: str, told: str
) -> None:
    sheet = _written(tmp_path) / "buyer.yaml"
    assert before in sheet.read_text()
    sheet.write_text(sheet.read_text().replace(before, after))
    with pytest.raises(ConfigurationError) as refused:
        Catalogue.load(tmp_path)
    found = {mistake.key: mistake.remedy for mistake in refused.value.mistakes}
    assert told in found[key]


def test_a_broken_buyer_is_not_told_as_missing_as_well(tmp_path: Path) -> None:
    (_written(tmp_path / "buyers") / "adapter.py").write_text("import nothing_of_that_name\n")
    entry = {"adapter": "acme", "mode": "offer", "url": "http://x.test/", "credentials": {"key": "k"}}
    write_plan(tmp_path, buyers={"acme": entry})
    done = callrouter("check", environ=environment(tmp_path) | {"CALLROUTER_BUYERS": str(tmp_path / "buyers")})
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "adapter.py" in done.stderr
