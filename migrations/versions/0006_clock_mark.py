"""The newest moment that a sweep saw, by which a clock that was set back is noticed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    """Add the table; its row is made by the first sweep."""
    op.create_table(
        "clock_mark",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("newest_at", MOMENT, nullable=True),
        sa.Column("back_at", MOMENT, nullable=True),
        sa.Column("back_seconds", WHOLE, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="pk_clock_mark"),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("clock_mark")
