"""The table of what calls have taught, in chunks."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lessons",
        sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("prior", sa.BigInteger, nullable=False),
        sa.Column("base", sa.BigInteger, nullable=False),
        sa.Column("from_ms", sa.BigInteger, nullable=False),
        sa.Column("to_ms", sa.BigInteger, nullable=False),
        sa.Column("before", sa.LargeBinary),
        sa.Column("lessons", sa.LargeBinary, nullable=False),
    )
    op.create_index("lessons_to", "lessons", ["to_ms"])


def downgrade() -> None:
    op.drop_table("lessons")
