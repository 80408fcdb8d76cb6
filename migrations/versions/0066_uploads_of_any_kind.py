"""A file that a person gives in says of which kind its records are; until now all were orders."""

import sqlalchemy as sa
from alembic import op

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was given in before holds orders."""
    op.add_column("upload", sa.Column("kind", sa.Text(), server_default="order", nullable=False))


def downgrade() -> None:
    """Files of other kinds would be read as orders: those that nobody confirmed are forgotten."""
    op.execute("DELETE FROM upload WHERE kind <> 'order' AND confirmed_at IS NULL")
    with op.batch_alter_table("upload") as table:
        table.drop_column("kind")
