"""``python -m tests.bench.policy``: the product's policy and the industry's, scored in the simulator."""

import argparse
from pathlib import Path

from tests.bench.policy.policies import INDUSTRY, ORACLE, OURS, POLICIES
from tests.bench.policy.scoring import FULL, GIVEN, QUICK, Extent, score
from tests.bench.policy.table import lines_of, targets_missed


def main() -> None:
    """Prints the table; what it takes is in its ``--help``."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.policy", description=__doc__)
    parser.add_argument("--full", action="store_true", help="all seeds and calls; else three seeds of 800 calls")
    parser.add_argument("--seeds", type=int, help="so many seeds and all calls")
    parser.add_argument("--only", default="", help="scenarios by how their names begin, commas between")
    parser.add_argument("--scenarios", type=Path, default=GIVEN, help="another file of the same form")
    parser.add_argument("--policies", default=",".join((OURS, ORACLE, *INDUSTRY)), help=f"of: {', '.join(POLICIES)}")
    parser.add_argument("--workers", type=int, help="processes; as many as there are cores")
    asked = parser.parse_args()
    names = [name.strip() for name in asked.policies.split(",") if name.strip()]
    if unknown := [name for name in names if name not in POLICIES]:
        parser.error(f"no such policy: {', '.join(unknown)}; there are {', '.join(POLICIES)}")
    extent = FULL if asked.full else Extent(asked.seeds) if asked.seeds else QUICK
    only = [name for name in asked.only.split(",") if name]
    scored = score(dict.fromkeys(names, extent), asked.scenarios, only, asked.workers)
    for line in [*lines_of(scored), *targets_missed(scored)]:
        print(line)


if __name__ == "__main__":
    main()
