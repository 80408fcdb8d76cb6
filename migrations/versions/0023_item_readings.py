"""When a target was last asked how it counts an item: older ones are asked for before a push."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    """Nothing was noted before: each item is asked for once."""
    op.create_table(
        "item_reading",
        sa.Column("connection_id", WHOLE, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_item_reading_connection_id")
        ),
        sa.PrimaryKeyConstraint("connection_id", "code", name=op.f("pk_item_reading")),
    )


def downgrade() -> None:
    """Forget it."""
    op.drop_table("item_reading")
