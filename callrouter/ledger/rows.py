"""The record of a call, or of a lead's sale, as a row of the ledger. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from callrouter.domain.clock import rfc3339
from callrouter.ledger.cells import epoch_ms, money, read, signed, storable, text, whole
from callrouter.ledger.facts import answer_rows, dial_rows, left_on_table

UNREADABLE = "unreadable"
"""The outcome of a row whose record could not be read: it is kept, so that nothing is lost unseen."""


Row = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """What goes into the ledger together, by table."""

    calls: list[Row] = field(default_factory=list)
    dials: list[Row] = field(default_factory=list)
    answers: list[Row] = field(default_factory=list)
    sales: list[Row] = field(default_factory=list)

    def take(self, entry: Mapping[str, str], entry_id: str) -> None:
        """Add what one entry of the stream says; ``entry_id`` is its id, which begins with the time in ms."""
        received_ms = int(entry_id.partition("-")[0])
        if "sale" in entry:
            self.sales.append(sale_row_of(entry["sale"], entry.get("record") or "{}", received_ms))
            return
        sid = storable(entry.get("sid") or entry_id)[:64]
        if "amendment" in entry:
            revision = int(entry.get("revision") or 2)
            self.dials.extend(dial_rows(read(entry["amendment"]), sid, received_ms, revision))
            return
        record = read(entry.get("record") or "{}")
        self.calls.append(row_of(sid, entry.get("record") or "{}", received_ms))
        self.dials.extend(dial_rows(record, sid, received_ms))
        self.answers.extend(answer_rows(record, sid, received_ms))


def row_of(sid: str, record_json: str, received_ms: int) -> dict[str, Any]:
    """The columns for one stream entry; ``received_ms`` stands in for a start that the record does not name.

    Nothing in a record can make a row that a database refuses: one bad call must not hold up the others.
    """
    record = read(record_json)
    left = left_on_table(record)
    return {
        "sid": storable(sid)[:64],
        "plan": text(record, "plan", 64) or "",
        "kind": text(record, "kind", 16) or "",
        "from_number": text(record, "from", 32),
        "to_number": text(record, "to", 32),
        "outcome": text(record, "outcome", 16) or UNREADABLE,
        "qualified": record["qualified"] if isinstance(record.get("qualified"), bool) else None,
        "buyer": text(record, "buyer", 64),
        "payout": money(record.get("payout")),
        "min_duration_s": whole(record.get("min_duration_s")),
        "bridged_s": whole(record.get("bridged_s")),
        "margin_s": signed(record.get("margin_s")),
        "expected": money(record.get("expected_payout")),
        "left": left[1] if left is not None else None,
        "started_ms": epoch_ms(record.get("started_at"), received_ms),
        "ended_ms": epoch_ms(record.get("ended_at"), None),
        "record": storable(record_json),
    }


def sale_row_of(sale_id: str, record_json: str, received_ms: int) -> dict[str, Any]:
    """The columns for one stream entry of a sale; as safe as `row_of`."""
    record = read(record_json)
    ended_ms = record.get("at_ms")
    if isinstance(ended_ms, bool) or not isinstance(ended_ms, int) or not 0 <= ended_ms < 2**52:
        ended_ms = received_ms
    return {
        "id": storable(sale_id)[:80],
        "sid": text(record, "sid", 64) or "",
        "plan": text(record, "plan", 64) or "",
        "state": text(record, "state", 16) or UNREADABLE,
        "buyer": text(record, "buyer", 64),
        "payout": money(record.get("payout")),
        "lead_ref": text(record, "lead_ref", 128),
        "ended_ms": ended_ms,
        "record": storable(record_json),
    }


def sale_document(record_json: str, ended_ms: int) -> dict[str, Any]:
    """What a row of `sale_row_of` says, as a call's record shows it."""
    record = {name: value for name, value in read(record_json).items() if name != "at_ms"}
    return {**record, "at": rfc3339(ended_ms / 1000)}
