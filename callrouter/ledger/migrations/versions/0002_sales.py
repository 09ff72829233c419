"""The table of lead sales that are over."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sales",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("sid", sa.String(64), nullable=False),
        sa.Column("plan", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("buyer", sa.String(64)),
        sa.Column("payout_cents", sa.BigInteger),
        sa.Column("lead_ref", sa.String(128)),
        sa.Column("ended_ms", sa.BigInteger, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("sales_sid", "sales", ["sid"])
    op.create_index("sales_plan_ended", "sales", ["plan", "ended_ms"])
    op.create_index("sales_state", "sales", ["state"])


def downgrade() -> None:
    op.drop_table("sales")
