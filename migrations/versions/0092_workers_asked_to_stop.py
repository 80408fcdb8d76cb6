"""A worker can be asked to finish what it has and to stop."""

import sqlalchemy as sa
from alembic import op

revision = "0092"
down_revision = "0091"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    """Nobody was asked before."""
    op.add_column("heartbeat", sa.Column("stop_asked_at", MOMENT))


def downgrade() -> None:
    """What was asked is forgotten; a worker that had not heard it goes on."""
    with op.batch_alter_table("heartbeat") as batch:
        batch.drop_column("stop_asked_at")
