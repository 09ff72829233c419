"""The table of finished calls."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("sid", sa.String(64), primary_key=True),
        sa.Column("plan", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("from_number", sa.String(32)),
        sa.Column("to_number", sa.String(32)),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("qualified", sa.Boolean),
        sa.Column("buyer", sa.String(64)),
        sa.Column("payout_cents", sa.BigInteger),
        sa.Column("min_duration_s", sa.Integer),
        sa.Column("bridged_s", sa.Integer),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("calls_from_number", "calls", ["from_number"])
    op.create_index("calls_plan_started", "calls", ["plan", "started_ms"])
    op.create_index("calls_outcome", "calls", ["outcome"])
    op.create_index("calls_started", "calls", ["started_ms"])


def downgrade() -> None:
    op.drop_table("calls")
