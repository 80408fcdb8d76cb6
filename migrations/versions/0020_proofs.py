"""What proved a delivery whose own id is not signed: the same proof is the same delivery."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

SIGNED = sa.text("signature IS NOT NULL")


def upgrade() -> None:
    """Add the column, and the index that lets one be there once."""
    op.add_column("delivery", sa.Column("signature", sa.Text(), nullable=True))
    op.create_index(
        "uq_delivery_signature",
        "delivery",
        ["source_id", "signature"],
        unique=True,
        sqlite_where=SIGNED,
        postgresql_where=SIGNED,
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_index("uq_delivery_signature", "delivery")
    op.drop_column("delivery", "signature")
