"""How far the lists that a target tells itself were read, and the pages read so far."""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0055"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
KINDS = "\"kind\" IN ('customer', 'vendor', 'item')"


def upgrade() -> None:
    """None was read before; whoever sweeps next begins."""
    op.create_table(
        "list_reading",
        sa.Column("connection_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("pages", WHOLE, server_default="0", nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("tries", WHOLE, server_default="0", nullable=False),
        sa.Column("wrong", sa.Text(), nullable=True),
        sa.Column("wrong_since", MOMENT, nullable=True),
        sa.Column("read_at", MOMENT, nullable=True),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.Column("done_found", WHOLE, server_default="0", nullable=False),
        sa.CheckConstraint(KINDS, name=op.f("ck_list_reading_kind")),
        _of_connection("list_reading"),
        sa.PrimaryKeyConstraint("connection_id", "kind", name=op.f("pk_list_reading")),
    )
    op.create_index("ix_list_reading_due", "list_reading", ["due_at"])
    op.create_table(
        "list_part",
        sa.Column("connection_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("no", WHOLE, nullable=False),
        sa.Column("rows", sa.Text(), nullable=False),
        _of_connection("list_part"),
        sa.PrimaryKeyConstraint("connection_id", "kind", "no", name=op.f("pk_list_part")),
    )


def _of_connection(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_connection_id")
    return sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name=name)


def downgrade() -> None:
    """Lists that were read stay as they are, as lists of that day."""
    op.drop_table("list_part")
    op.drop_index("ix_list_reading_due", "list_reading")
    op.drop_table("list_reading")
