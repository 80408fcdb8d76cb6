"""What a company says of itself when it is set up, whether it is live, and the address of set-up.

Companies that are there already are live: they were set up by commands, and may be posting.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def _columns() -> tuple[sa.Column, ...]:
    return (
        sa.Column("registration", sa.Text(), nullable=False, server_default=""),
        sa.Column("closed_through", sa.Date(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("live", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("went_live_at", MOMENT, nullable=True),
    )


def upgrade() -> None:
    """Every company is live; no address of set-up was ever given."""
    for column in _columns():
        op.add_column("company", column)
    op.create_table(
        "setup_address",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_setup_address")),
    )


def downgrade() -> None:
    """Forget it; a company that is not live yet would be."""
    op.drop_table("setup_address")
    for column in reversed(_columns()):
        op.drop_column("company", column.name)
