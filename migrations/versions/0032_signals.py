"""Signals: what concerns many records, from its beginning to its end."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
TO = {"company_id": "company", "connection_id": "connection", "cause_id": "cause",
      "record_id": "record"}  # fmt: skip
KINDS = "kind IN ('many_failures', 'authorization_lost', 'close_blocked')"
OPEN = sa.text("cleared_at IS NULL")


def upgrade() -> None:
    """None was raised before."""
    op.create_table(
        "signal",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("connection_id", WHOLE, nullable=True),
        sa.Column("cause_id", WHOLE, nullable=True),
        sa.Column("record_id", WHOLE, nullable=True),
        sa.Column("records", WHOLE, nullable=False, server_default="0"),
        sa.Column("money", sa.Text(), nullable=False),
        sa.Column("tried", WHOLE, nullable=False, server_default="0"),
        sa.Column("closes_on", sa.Date(), nullable=True),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("cleared_at", MOMENT, nullable=True),
        sa.CheckConstraint(KINDS, name=op.f("ck_signal_kind")),
        *[
            sa.ForeignKeyConstraint([own], [f"{table}.id"], name=op.f(f"fk_signal_{own}"))
            for own, table in TO.items()
        ],
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signal")),
    )
    op.create_index("ix_signal_company", "signal", ["company_id", "id"])
    op.create_index(
        "uq_signal_open",
        "signal",
        ["company_id", "kind", "key"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )


def downgrade() -> None:
    """Forget them; the trail still tells when each began and ended."""
    op.drop_index("uq_signal_open", "signal")
    op.drop_index("ix_signal_company", "signal")
    op.drop_table("signal")
