"""``callrouter export`` as a person uses it, and the file that is there whole or not at all."""

import csv
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callrouter.commands.whole_file import whole_file
from callrouter.errors import CallrouterError, ConfigurationError
from callrouter.ledger.exporting import COLUMNS, Dataset
from tests.commands.command import callrouter, process_environment
from tests.commands.ledgered import ledger_of
from tests.ledger.month import sold

AT = datetime(2026, 11, 20, 18, tzinfo=UTC).timestamp()
HASH = "#3f9c0d"


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Three callers: one as they called, one after the plan's retention, one who withheld the number."""
    callers = ("+15125550123", HASH, None)
    records = [sold(no, "acme", 100 - no, at=AT + no, phone=phone) for no, phone in enumerate(callers)]
    return ledger_of(tmp_path_factory.mktemp("ledger"), records)


def test_calls_are_a_csv_with_numbers_as_the_ledger_has_them(environ: dict[str, str]) -> None:
    done = callrouter("export", "calls", environ=environ)
    assert (done.returncode, done.stderr) == (0, "")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["from_number"] for row in rows] == ["+15125550123", HASH, ""]
    first = rows[0]
    assert (first["started_at"], first["expected_payout"], first["qualified"], first["erased_at"]) == (
        "2026-11-20T18:00:00.000Z", "20.00", "true", "",
    )  # fmt: skip
    assert tuple(first) == COLUMNS[Dataset.CALLS]


@pytest.mark.parametrize("of", list(Dataset))
def test_each_dataset_goes_to_a_file_of_json_lines(environ: dict[str, str], of: Dataset, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("of yesterday")
    done = callrouter("export", of.value, "--format", "jsonl", "--output", str(file), environ=environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"3 {of.value} in {file}\n")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [tuple(row) for row in rows] == [COLUMNS[of]] * 3
    assert [left.name for left in tmp_path.iterdir()] == ["rows.jsonl"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_period_and_a_buyer_narrow_it_and_json_is_one_array(environ: dict[str, str]) -> None:
    which = ("--from", "2026-11-20T18:00:01Z", "--to", "2026-11-20", "--buyer", "acme")
    found = json.loads(callrouter("export", "dials", "--format", "json", *which, environ=environ).stdout)
    assert [dial["talk_s"] for dial in found] == [99, 98]
    nobody = callrouter("export", "dials", "--format", "json", "--buyer", "nobody", environ=environ)
    assert json.loads(nobody.stdout) == []


def test_what_cannot_be_read_or_written_is_told_with_a_remedy(environ: dict[str, str], tmp_path: Path) -> None:
    for wrong, status, says in (
        (("--from", "soon"), 2, "--from"),
        (("--output", str(tmp_path)), 2, "is no file"),
        (("--output", str(tmp_path / "missing" / "rows.csv")), 2, "there is no folder"),
        (("--output", "/dev/null"), 2, "is no file"),
    ):
        done = callrouter("export", "calls", *wrong, environ=environ)
        assert (done.returncode, done.stdout) == (status, ""), wrong
        assert says in done.stderr
    assert Path("/dev/null").is_char_device()


def test_a_file_that_cannot_be_finished_leaves_the_one_that_was_there(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("of yesterday")

    def write_half() -> None:
        with whole_file(str(file), "--output") as out:
            out.write("half of to")
            raise CallrouterError("no ledger")

    with pytest.raises(CallrouterError, match="no ledger"):
        write_half()
    assert file.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_stays_a_link_to_the_file_that_is_written(tmp_path: Path) -> None:
    file, link = tmp_path / "rows.csv", tmp_path / "latest.csv"
    file.write_text("of yesterday")
    link.symlink_to(file)
    with whole_file(str(link), "--output") as out:
        out.write("of today")
        assert file.read_text() == "of yesterday"
    assert (link.is_symlink(), file.read_text()) == (True, "of today")


def test_a_folder_is_not_written_over(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no file"), whole_file(str(tmp_path), "--output"):
        pass


def test_an_export_that_is_told_to_end_leaves_no_half_of_it(tmp_path: Path) -> None:
    """SIGTERM, as a timer or a service manager sends it: what is unfinished has people's numbers in it."""
    script = (
        "import sys, time\nfrom callrouter.commands.whole_file import whole_file\n"
        "with whole_file(sys.argv[1], '--output') as out:\n"
        "    out.write('+15125550123')\n    print(flush=True)\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "rows.csv")]
    environ = process_environment({})
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.readline()
        assert len(list(tmp_path.iterdir())) == 1
        running.terminate()
        assert running.wait(20) == 143
    assert list(tmp_path.iterdir()) == []
