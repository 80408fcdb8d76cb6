"""Each worker says in the database that it works, so that others see when none does."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "heartbeat",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("next_by", MOMENT, nullable=False),
        sa.Column("left_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("owner", name="pk_heartbeat"),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("heartbeat")
