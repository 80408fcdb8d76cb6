"""What proved a delivery whose own id is not signed, and the backtest a publish was decided by."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SIGNED = sa.text("signature IS NOT NULL")


def upgrade() -> None:
    """Add the columns, and the index that lets a signature of a source be there once."""
    op.add_column("delivery", sa.Column("signature", sa.Text(), nullable=True))
    op.create_index(
        "uq_delivery_signature",
        "delivery",
        ["source_id", "signature"],
        unique=True,
        sqlite_where=SIGNED,
        postgresql_where=SIGNED,
    )
    op.add_column("ruleset_version", sa.Column("backtest_id", WHOLE, nullable=True))
    op.add_column("ruleset_version", sa.Column("backtest_sha256", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take them away."""
    op.drop_column("ruleset_version", "backtest_sha256")
    op.drop_column("ruleset_version", "backtest_id")
    op.drop_index("uq_delivery_signature", "delivery")
    op.drop_column("delivery", "signature")
