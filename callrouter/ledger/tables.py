"""The ledger's tables. Rows are added, and never changed but to erase a person (`Ledger.erase`)."""

from decimal import Decimal

from sqlalchemy import BigInteger, Boolean, Column, Dialect, Index, Integer, MetaData, String, Table, Text
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
    # Whole milliseconds since the epoch: UTC beyond doubt, and equal on SQLite and PostgreSQL.
    Column("started_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    # The whole answer of GET /api/v1/calls/{sid}, as JSON.
    Column("record", Text, nullable=False),
    Index("calls_from_number", "from_number"),
    Index("calls_plan_started", "plan", "started_ms"),
    Index("calls_outcome", "outcome"),
    Index("calls_started", "started_ms"),
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
