"""What the report counts: a row for each dial and each answer, and what a call is expected to pay."""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from callrouter.domain.clock import rfc3339
from callrouter.ledger.cells import epoch_ms, objects, read
from callrouter.ledger.rows import Rows
from callrouter.ledger.tables import answers, calls, dials

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NEW = (
    ("margin_s", sa.Integer),
    ("expected_cents", sa.BigInteger),
    ("left_cents", sa.BigInteger),
    ("erased_ms", sa.BigInteger),
)
_BATCH = 500
_ROUNDED_MS = 3
"""Times and ages are written in whole milliseconds."""
_LONG_S = 10.0**6


def upgrade() -> None:
    for name, kind in _NEW:
        op.add_column("calls", sa.Column(name, kind))
    op.create_table(
        "dials",
        sa.Column("sid", sa.String(64), primary_key=True),
        sa.Column("no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("plan", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("buyer", sa.String(64), nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("number", sa.String(32)),
        sa.Column("payout_cents", sa.BigInteger),
        sa.Column("min_duration_s", sa.Integer),
        sa.Column("min_duration_stated", sa.Boolean),
        *(sa.Column(f"{name}_ms", sa.BigInteger) for name in ("received", "expires", "decided", "initiated")),
        *(sa.Column(f"{name}_ms", sa.BigInteger) for name in ("ringing", "answered", "ended")),
        *(sa.Column(f"{name}_s", sa.Integer) for name in ("dial_leg", "dial_action", "answer_leg", "answer_action")),
        *(sa.Column(f"{name}_s", sa.Integer) for name in ("accept_leg", "accept_action")),
        sa.Column("result", sa.String(16)),
        sa.Column("ended_by", sa.String(16)),
        sa.Column("talk_s", sa.Integer),
        sa.Column("qualified", sa.Boolean),
        sa.Column("margin_s", sa.Integer),
        sa.Column("expected_cents", sa.BigInteger),
    )
    op.create_index("dials_buyer_started", "dials", ["buyer", "started_ms"])
    op.create_index("dials_started", "dials", ["started_ms"])
    op.create_table(
        "answers",
        sa.Column("sid", sa.String(64), primary_key=True),
        sa.Column("auction", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("buyer", sa.String(64), primary_key=True),
        sa.Column("plan", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("asked_ms", sa.BigInteger),
        sa.Column("elapsed_ms", sa.Integer),
        sa.Column("payout_cents", sa.BigInteger),
        sa.Column("min_duration_s", sa.Integer),
        sa.Column("fate", sa.String(16)),
        sa.Column("won", sa.Boolean, nullable=False),
        sa.Column("left_cents", sa.BigInteger),
    )
    op.create_index("answers_started", "answers", ["started_ms"])
    _fill()


def _fill() -> None:
    """Calls that were recorded before are counted too."""
    connection, last = op.get_bind(), ""
    query = sa.text("SELECT sid, record, started_ms FROM calls WHERE sid > :last ORDER BY sid LIMIT :most")
    while kept := connection.execute(query, {"last": last, "most": _BATCH}).all():
        rows = Rows()
        for sid, record, started_ms in kept:
            rows.take({"sid": sid, "record": _priced(record)}, str(started_ms))
        for row in rows.calls:
            values = {name: row[name] for name in ("margin_s", "expected", "left")}
            connection.execute(sa.update(calls).where(calls.c.sid == row["sid"]).values(**values))
        for table, added in ((dials, rows.dials), (answers, rows.answers)):
            if added:
                connection.execute(sa.insert(table), added)
        last = kept[-1][0]


def _priced(record_json: str) -> str:
    """Records of that time do not say what was expected, nor which offer each dial and post took up."""
    record = dict(read(record_json))
    if not record:
        return record_json
    qualified, talk_s, least_s = record.get("qualified"), record.get("bridged_s"), record.get("min_duration_s")
    expected = (record.get("payout") if qualified else None) or "0.00"
    margin_s = talk_s - least_s if isinstance(talk_s, int) and isinstance(least_s, int) else None
    for attempt in objects(record, "attempts"):
        _take_up(record, attempt, "decided_at", "offer_age_s", "received_at")
    for post in objects(record, "posts"):
        _take_up(record, post, "sent_at", "bid_age_s", "bid_received_at")
    for attempt in reversed(objects(record, "attempts")):
        if attempt.get("result") == "bridged" and record.get("outcome") == "bridged":
            sale = {"qualified": qualified, "margin_s": margin_s, "expected_payout": expected}
            _add(attempt, {**sale, "min_duration_s": least_s})
            break
    return json.dumps({**record, "expected_payout": expected, "margin_s": margin_s})


def _take_up(record: Mapping[str, Any], taken: Mapping[str, Any], at: str, age: str, received: str) -> None:
    """Say of a dial or a post when its offer came: it was so old. The offer of that moment has the terms."""
    at_ms, age_s = epoch_ms(taken.get(at), None), taken.get(age)
    if at_ms is None or isinstance(age_s, bool) or not isinstance(age_s, int | float) or not 0 <= age_s < _LONG_S:
        return
    came_ms = at_ms - round(age_s * 1000)
    for result in objects(record, "results"):
        offer = result.get("offer")
        if result.get("buyer") != taken.get("buyer") or not isinstance(offer, Mapping):
            continue
        received_ms = epoch_ms(offer.get("received_at"), None)
        if received_ms is not None and abs(received_ms - came_ms) <= _ROUNDED_MS:
            terms = {name: offer.get(name) for name in ("min_duration_s", "min_duration_stated")}
            _add(taken, {received: offer["received_at"], **terms})
            return
    _add(taken, {received: rfc3339(came_ms / 1000)})  # of what a post brought


def _add(part: Mapping[str, Any], news: Mapping[str, Any]) -> None:
    if isinstance(part, dict):
        part.update(news)


def downgrade() -> None:
    op.drop_table("answers")
    op.drop_table("dials")
    for name, _ in _NEW:
        op.drop_column("calls", name)
