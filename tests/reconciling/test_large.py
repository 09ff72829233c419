"""A month of a large buyer: 100,000 rows in under 30 s and 300 MB."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.reconciling.hundred_thousand import APART_S, PER_DAY, ROWS, kinds
from tests.reconciling.statements import csv_text, stories_of

HOME = Path(__file__).parents[2]
MOST_S, MOST_MB = 30, 300


def test_a_hundred_thousand_rows_are_reconciled_in_seconds_and_little_memory(tmp_path: Path) -> None:
    statement = tmp_path / "statement.csv"
    rows = [row for story in stories_of(kinds(), APART_S, PER_DAY) for row in story.rows]
    statement.write_text(csv_text(rows[::-1]), newline="")
    command = [sys.executable, "-m", "tests.reconciling.hundred_thousand", str(statement)]
    environ = {**os.environ, "PYTHONPATH": str(HOME)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    sys.stdout.write(f"{said}\n")
    assert said["rows"] >= ROWS
    assert said["wrong"] == 0
    assert said["unexplained"] in ("0", "0.00")
    assert said["seconds"] < MOST_S
    assert said["megabytes"] < MOST_MB
