"""The ledger's tables. Rows are added, and never changed but to take a person out of them (`Ledger.erase`, retention).

A call has one row of ``calls``, one of ``dials`` for each dial, and one of ``answers`` for each buyer of each auction.
What is reported of a dial after the call has ended is a further row of ``dials``, of a higher revision: the highest
one counts, and money (``qualified``, ``expected``) is the same in all of them.
What calls taught, one after another, is in ``lessons``, many to a row.
"""

from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData()


class Money(TypeDecorator[Decimal]):
    """Dollars as whole cents: exact on every database, also in sums (SQLite has no decimal type)."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        return None if value is None else int((value * 100).to_integral_exact())

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-2)


_PERSONAL = text("erased_ms IS NULL")

calls = Table(
    "calls",
    metadata,
    Column("sid", String(64), primary_key=True),
    Column("plan", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("from_number", String(32)),
    Column("to_number", String(32)),
    Column("outcome", String(16), nullable=False),
    Column("qualified", Boolean),
    Column("buyer", String(64)),
    Column("payout_cents", Money, key="payout"),
    Column("min_duration_s", Integer),
    Column("bridged_s", Integer),
    Column("margin_s", Integer),
    Column("expected_cents", Money, key="expected"),
    # By how much the best offer that could not be dialled in time was above what the call is expected to pay.
    Column("left_cents", Money, key="left"),
    # Whole milliseconds since the epoch: UTC beyond doubt, and equal on SQLite and PostgreSQL.
    Column("started_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    # When the person was taken out of the row: on request, or at the end of the plan's retention.
    Column("erased_ms", BigInteger),
    # The whole answer of GET /api/v1/calls/{sid}, as JSON.
    Column("record", Text, nullable=False),
    Index("calls_from_number", "from_number"),
    Index("calls_plan_started", "plan", "started_ms"),
    Index("calls_outcome", "outcome"),
    Index("calls_started", "started_ms"),
    Index("calls_personal", "plan", "started_ms", sqlite_where=_PERSONAL, postgresql_where=_PERSONAL),
)

dials = Table(
    "dials",
    metadata,
    Column("sid", String(64), primary_key=True),
    Column("no", Integer, primary_key=True, autoincrement=False),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("plan", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("buyer", String(64), nullable=False),
    # The call's start: by it everything of a call is in one hour and one day.
    Column("started_ms", BigInteger, nullable=False),
    # The offer's terms as received.
    Column("number", String(32)),
    Column("payout_cents", Money, key="payout"),
    Column("min_duration_s", Integer),
    Column("min_duration_stated", Boolean),
    Column("received_ms", BigInteger),
    Column("expires_ms", BigInteger),
    Column("decided_ms", BigInteger),
    Column("initiated_ms", BigInteger),
    Column("ringing_ms", BigInteger),
    Column("answered_ms", BigInteger),
    Column("ended_ms", BigInteger),
    # Three timers from two sources: the leg's own status reports, and the dial's action.
    Column("dial_leg_s", Integer),
    Column("dial_action_s", Integer),
    Column("answer_leg_s", Integer),
    Column("answer_action_s", Integer),
    Column("accept_leg_s", Integer),
    Column("accept_action_s", Integer),
    Column("result", String(16)),
    Column("ended_by", String(16)),
    Column("talk_s", Integer),
    # Of the sale alone.
    Column("qualified", Boolean),
    Column("margin_s", Integer),
    Column("expected_cents", Money, key="expected"),
    Index("dials_buyer_started", "buyer", "started_ms"),
    Index("dials_started", "started_ms"),
)

answers = Table(
    "answers",
    metadata,
    Column("sid", String(64), primary_key=True),
    Column("auction", Integer, primary_key=True, autoincrement=False),
    Column("buyer", String(64), primary_key=True),
    Column("plan", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("asked_ms", BigInteger),
    Column("elapsed_ms", Integer),
    Column("payout_cents", Money, key="payout"),
    Column("min_duration_s", Integer),
    # What became of an offer: 'taken' (dialled or posted), 'lapsed', 'unused'.
    Column("fate", String(16)),
    # Whether it was the first of its auction to be taken.
    Column("won", Boolean, nullable=False),
    Column("left_cents", Money, key="left"),
    Index("answers_started", "started_ms"),
)

sales = Table(
    "sales",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("sid", String(64), nullable=False),
    Column("plan", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("buyer", String(64)),
    Column("payout_cents", Money, key="payout"),
    Column("lead_ref", String(128)),
    Column("ended_ms", BigInteger, nullable=False),
    # What the call's record shows as ``sale``, as JSON, without personal data.
    Column("record", Text, nullable=False),
    Index("sales_sid", "sid"),
    Index("sales_plan_ended", "plan", "ended_ms"),
    Index("sales_state", "state"),
)

lessons = Table(
    "lessons",
    metadata,
    # The numbers of the chunk's first and last lesson.
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    # The version of the beliefs before the first lesson; and in which chunk, by its first, the last state is from
    # which they can be had again: every lesson since then is in the chunks from that one on.
    Column("prior", BigInteger, nullable=False),
    Column("base", BigInteger, nullable=False),
    # When the first and the last lesson were given.
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    # What was believed before, and the lessons: JSON, compressed by zlib. Only a base has the former.
    Column("before", LargeBinary),
    Column("lessons", LargeBinary, nullable=False),
    Index("lessons_to", "to_ms"),
)
