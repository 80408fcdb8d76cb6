"""How far each source has been asked for what changed there, and when it is asked next."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    """No source was asked before."""
    op.create_table(
        "pull",
        sa.Column("connection_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("start_at", MOMENT, nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("tries", WHOLE, nullable=False, server_default="0"),
        sa.Column("wrong", sa.Text(), nullable=True),
        sa.Column("wrong_since", MOMENT, nullable=True),
        sa.Column("found", WHOLE, nullable=False, server_default="0"),
        sa.Column("read_at", MOMENT, nullable=True),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.Column("done_found", WHOLE, nullable=False, server_default="0"),
        sa.CheckConstraint("kind IN ('pull', 'sweep')", name=op.f("ck_pull_kind")),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_pull_connection_id")
        ),
        sa.PrimaryKeyConstraint("connection_id", "kind", name=op.f("pk_pull")),
    )
    op.create_index("ix_pull_due", "pull", ["due_at"])


def downgrade() -> None:
    """Forget it."""
    op.drop_table("pull")
