"""The figures of `scoring` as tables of plain text."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from tests.bench.policy.policies import ORACLE, OURS
from tests.bench.policy.scoring import REACHED, WINDOW, Played, Scored

SAID = f"""\
  share        revenue a call as a share of the oracle's: ours, which is the product's decision rule fed with what is
               true; "of file" is a share of the revenue that the scenario file states for its oracle
  hold         mean seconds until the first dial, or until the call ends without one
  left         callers who left before anybody answered
  first/last   share of the oracle's revenue in the first {WINDOW} calls, and in the last quarter of them
  reached      after how many calls the next {WINDOW} earn {REACHED:.0%} of what the oracle earns in them
  us           microseconds a decision, in the mean, beside whatever else this machine does
"""


def lines_of(scored: Sequence[Scored]) -> Iterator[str]:
    """One block for each scenario, a line for each policy, and the means at the end."""
    yield SAID
    for one in scored:
        yield f"{one.name}"
        yield from _block(one)
    if len(scored) > 1:
        yield "all scenarios"
        for name in scored[0].played:
            shares = [one.share(name) for one in scored]
            files = [share for one in scored if (share := one.share_of_file(name)) is not None]
            of_file = f"   of file: mean {fmean(files):7.2%}  worst {min(files):7.2%}" if files else ""
            yield f"  {_called(name, scored[0])}  mean {fmean(shares):7.2%}  worst {min(shares):7.2%}{of_file}"


def _called(name: str, one: Scored) -> str:
    seeds = len(one.played[name].expected)
    return f"{name:12}" + (f" ({seeds} seeds)" if seeds != len(one.played[ORACLE].expected) else "")


def _block(one: Scored) -> Iterator[str]:
    for name, played in one.played.items():
        of_file = one.share_of_file(name)
        reached = one.calls_to_reach(name)
        yield (
            f"  {name:12} {one.share(name):7.2%} {'' if of_file is None else f'({of_file:7.2%} of file)':18}"
            f"  hold {played.hold_s.mean():5.2f} s  left {played.abandoned.mean():6.2%}"
            f"  first/last {one.early(name):7.2%} {one.last(name):7.2%}"
            f"  reached {'never' if reached is None else reached:>5}  {played.us_a_decision:5.0f} us"
        )


def targets_missed(scored: Sequence[Scored]) -> Iterator[str]:
    """What the scenario file asks of a policy, where ours falls short; they are of all seeds and calls."""
    for one in scored:
        targets = one.scenario.get("targets")
        if targets is None or one.oracle_rpc != targets["oracle_rpc"] or OURS not in one.played:
            continue
        for target, wanted, found, met in _against(targets, one, one.played[OURS]):
            if not met:
                yield f"{one.name}: {target} is {found:.2f}, wanted {wanted:g}"


def _against(targets: Mapping[str, Any], one: Scored, ours: Played) -> Iterator[tuple[str, float, float, bool]]:
    # The file does not explain ``late`` and ``tail``: read as all after the first hundred, and the last quarter.
    at_least = {
        "all_min_pct": 100 * (one.share_of_file(OURS) or one.share(OURS)),
        "first100_min_pct": 100 * one.early(OURS),
        "late_min_pct": 100 * one.late(OURS),
        "tail_min_pct": 100 * one.last(OURS),
    }
    over_oracle = 100 * float(ours.abandoned.mean() - one.played[ORACLE].abandoned.mean())
    at_most = {
        "hold_median_max_s": float(np.median(ours.hold_s)),
        "hold_p95_max_s": float(np.percentile(ours.hold_s, 95)),
        "aband_over_oracle_max_pts": over_oracle,
        "decision_mean_max_us": ours.us_a_decision,
    }
    for target, found in at_least.items():
        yield target, targets[target], found, found >= targets[target]
    for target, found in at_most.items():
        yield target, targets[target], found, found <= targets[target]
