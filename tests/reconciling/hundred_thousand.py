"""A process that reconciles a large statement and says what it took: run it as a module, with the file."""

import importlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from callrouter.ledger.sold import Sold
from callrouter.reconciling.reconcile import reconcile
from callrouter.reconciling.statement import rows_at
from tests.reconciling.statements import CLEAN, KINDS, Expected, Kind, stories_of, the_map, told

ROWS = 100_000
APART_S, PER_DAY = 13, 3500


def kinds() -> list[Kind]:
    """One call in fifty is a difference."""
    clean, short = CLEAN[:2]
    return [KINDS[no // 50 % len(KINDS)] if no % 50 == 0 else short if no % 4 == 0 else clean for no in range(ROWS)]


def main(file: Path) -> None:
    """Print seconds, megabytes and what was wrong."""
    importlib.import_module("callrouter.commands.reconcile")  # what the command itself needs is weighed as well
    expected: Expected = set()
    started = time.perf_counter()
    how = the_map()
    rows = list(rows_at(file, how))
    found = reconcile(rows, _calls(expected), how)
    said = {
        "rows": found.rows,
        "seconds": time.perf_counter() - started,
        "megabytes": _most_megabytes(),
        "differences": len(found.findings),
        "wrong": len(set(told(found.findings)) ^ expected),
        "unexplained": str(found.gap - sum(one.money for one in found.findings)),
    }
    sys.stdout.write(json.dumps(said))


def _most_megabytes() -> float:
    """The most memory that this program had: Linux counts into ``ru_maxrss`` what its parent had at the fork, too."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    own_kb = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)
    return (own_kb or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


def _calls(expected: Expected) -> Iterator[Sold]:
    for story in stories_of(kinds(), APART_S, PER_DAY):
        expected |= story.expected
        yield from story.calls


if __name__ == "__main__":
    main(Path(sys.argv[1]))
