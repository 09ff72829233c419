"""``callrouter beliefs``: what was learned, shown, exported, and forgiven."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import dumped, loaded
from callrouter.cli import main
from callrouter.commands.believing import beliefs_now
from callrouter.learning.folding import fold
from callrouter.learning.log import LessonLog
from tests.commands.command import callrouter
from tests.commands.taught import VERTICAL, Deployment, deployed, lessons
from tests.support.process import free_port


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """Its engine has seen sixty calls."""
    with deployed(tmp_path, lessons()) as made:
        yield made


def environ_of(deployment: Deployment) -> dict[str, str]:
    return {"CALLROUTER_DATA_DIR": str(deployment.folder / "data")}


async def believed(deployment: Deployment) -> Beliefs:
    engine = deployment.engine()
    try:
        return await beliefs_now(engine)
    finally:
        await engine.close()


def test_what_was_learned_is_shown_in_tables_that_fit_a_terminal(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = environ_of(deployment)
    assert main(["beliefs"], environ) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 100
    rows = [line.split() for line in text.splitlines()]
    assert ["letsmakealead", "60", "100", "%", "0.5", "s", "$18.00", "at", "60", "s"] in [row[:10] for row in rows]
    assert [row[0] for row in rows if VERTICAL in row[:2]] == ["contactability", "letsmakealead", VERTICAL]
    assert main(["beliefs", "show", "contactability"], environ) == 0
    alone = capsys.readouterr().out
    assert "contactability" in alone
    assert "letsmakealead" not in alone


def test_as_json_the_numbers_are_those_of_the_beliefs(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["beliefs", "show", "--json"], environ_of(deployment)) == 0
    found = json.loads(capsys.readouterr().out)
    beliefs = asyncio.run(believed(deployment))
    assert found["version"] == beliefs.version
    shown = {buyer["buyer"]: buyer for buyer in found["buyers"]}
    assert set(shown) == {"contactability", "letsmakealead"}
    for name, buyer in shown.items():
        assert buyer["answers"] == pytest.approx(beliefs.answers(name), abs=1e-4)
        (talk,) = buyer["talks"]
        assert talk["lasts"]["90"] == pytest.approx(beliefs.talks(name, VERTICAL, 90, beliefs.learned_at), abs=1e-3)
    (patience,) = found["patience"]
    assert patience["hold_mean_s"] == pytest.approx(1 / beliefs.leave_per_s(VERTICAL, "hold"), abs=1e-3)
    assert shown["letsmakealead"]["typical"] == {"payout": "18.00", "min_duration_s": 60}


def test_the_export_can_be_loaded_and_goes_on_learning_from_there(
    deployment: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ, file = environ_of(deployment), tmp_path / "beliefs.json"
    assert main(["beliefs", "export", str(file)], environ) == 0
    assert main(["beliefs", "export"], environ) == 0
    assert capsys.readouterr().out == file.read_text()
    beliefs = asyncio.run(believed(deployment))
    assert dumped(loaded(file.read_text())) == dumped(beliefs)
    assert main(["beliefs", "export", str(tmp_path / "nowhere" / "x")], environ) == 2


def test_a_checkpoint_and_the_lessons_since_are_the_same_as_all_lessons(deployment: Deployment) -> None:
    async def compared() -> tuple[str, str]:
        whole = dumped(await believed(deployment))
        engine = deployment.engine()
        try:
            log, half = LessonLog(engine), Beliefs()
            first = await log.after(0, 1)
            tail = await log.after(0, 100)
            assert first.entries[0] == tail.entries[0]
            fold(half, tail.entries)
            assert await log.keep(half.version, dumped(half), half.version)
            kept = await log.after(0, 1)
            assert kept.entries[0].number == half.version, "the lessons before it are gone"
        finally:
            await engine.close()
        return whole, dumped(await believed(deployment))

    whole, again = asyncio.run(compared())
    assert again == whole


def test_a_forgiven_buyer_starts_anew_and_its_reply_times_stay(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = environ_of(deployment)
    before = asyncio.run(believed(deployment))
    assert main(["beliefs", "forgive", "contactability"], environ) == 0
    assert "contactability is forgiven, in every plan." in capsys.readouterr().out
    after = asyncio.run(believed(deployment))
    assert after.version == before.version + 1
    assert (before.dials("contactability") > 0, after.dials("contactability")) == (True, 0.0)
    assert after.answers("contactability") == after.answers_of_all()
    assert after.typical_offers("contactability") == before.typical_offers("contactability")
    assert after.dials("letsmakealead") == before.dials("letsmakealead")
    assert main(["beliefs", "forgive", "--json", "contactability"], environ) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"buyer": "contactability", "forgiven": True, "version": after.version + 1}


@pytest.mark.parametrize("action", ["show", "forgive"])
def test_a_buyer_of_whom_nothing_was_learned_is_refused_with_the_names_that_are_known(
    deployment: Deployment, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    before = asyncio.run(believed(deployment)).version
    assert main(["beliefs", action, "contactabilty"], environ_of(deployment)) == 1
    assert capsys.readouterr().err == (
        "callrouter: nothing was learned of contactabilty; of these it was: contactability, letsmakealead\n"
    )
    assert asyncio.run(believed(deployment)).version == before


def test_before_the_first_lesson_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with deployed(tmp_path) as deployment:
        assert main(["beliefs"], environ_of(deployment)) == 0
    assert capsys.readouterr().out == "Nothing was learned yet: every buyer is valued as a newcomer.\n"


@pytest.mark.real_time
def test_without_a_service_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    done = callrouter("beliefs", environ={"CALLROUTER_DATA_DIR": str(tmp_path)})
    assert (done.returncode, done.stdout) == (1, "")
    assert "no service has run in" in done.stderr


@pytest.mark.real_time
@pytest.mark.parametrize("action", [["show"], ["export"], ["forgive", "able"]])
def test_an_engine_that_is_out_is_told_in_one_line_that_names_the_remedy(tmp_path: Path, action: list[str]) -> None:
    out = {"CALLROUTER_DATA_DIR": str(tmp_path), "CALLROUTER_REDIS_URL": f"redis://127.0.0.1:{free_port()}"}
    done = callrouter("beliefs", *action, environ=out)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("callrouter: the engine does not answer (")
    assert done.stderr.endswith("); check CALLROUTER_REDIS_URL\n")
