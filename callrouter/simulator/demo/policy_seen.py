"""What the policy made of the demo's callers, in one line. Pure."""

from collections.abc import Iterable

from callrouter.simulator.demo.evidence import Record


def policy_seen(records: Iterable[Record]) -> str:
    """How long callers held before their first dial, who of them for a better offer, and what late offers came to."""
    calls = [record for record in records if record["decisions"]]
    held_s = [held for record in calls if (held := _held_s(record)) is not None]
    if not held_s:
        return "nobody was dialled"
    for_better = sum(1 for record in calls if _held_for_better(record))
    late = [buyer for record in calls for buyer in _late(record)]
    dialled = sum(1 for record in calls for buyer in _late(record) if buyer in _dialled_next(record))
    return (
        f"first dial {sum(held_s) / len(held_s):.2f} s after asking on average; calls held for a better offer: "
        f"{for_better}; offers that came later: {len(late)}, of which dialled: {dialled}"
    )


def _held_s(record: Record) -> float | None:
    return next((d["at"] - d["since"] for d in record["decisions"] if d["choice"] == "dial"), None)


def _held_for_better(record: Record) -> bool:
    return any(d["because"] == "worth_waiting" for d in record["decisions"])


def _late(record: Record) -> list[str]:
    return [event["detail"] for event in record["events"] if event["event"] == "late_offer"]


def _dialled_next(record: Record) -> set[str]:
    return {attempt["buyer"] for attempt in record["attempts"][1:]}
