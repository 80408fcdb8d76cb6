"""The backups that were made are noted, and how far the clock of each target is from ours."""

import sqlalchemy as sa
from alembic import op

revision = "0087"
down_revision = "0086"
branch_labels = None
depends_on = None

TABLE = "backup"
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CLOCK = (("clock_ahead", WHOLE), ("clock_at", MOMENT))


def upgrade() -> None:
    """Nothing is known of earlier ones; the next test of a target tells its clock."""
    op.create_table(
        TABLE,
        sa.Column("id", WHOLE, primary_key=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("bytes", WHOLE, nullable=False),
    )
    for name, kind in CLOCK:
        op.add_column("throttle", sa.Column(name, kind))


def downgrade() -> None:
    """Take both away; the files stay."""
    op.drop_table(TABLE)
    with op.batch_alter_table("throttle") as batch:
        for name, _ in CLOCK:
            batch.drop_column(name)
