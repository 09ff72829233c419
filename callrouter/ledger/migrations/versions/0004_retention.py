"""Finds the calls that people are still in, however many there are that they are not."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEPT = sa.text("erased_ms IS NULL")


def upgrade() -> None:
    op.create_index(
        "calls_personal", "calls", ["plan", "started_ms"], sqlite_where=_KEPT, postgresql_where=_KEPT
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("calls_personal", "calls")
