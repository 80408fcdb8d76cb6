"""Which sources a person of a company is limited to."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0036"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
TO = {"company_id": "company", "person_id": "person", "source_id": "connection",
      "set_by_id": "person"}  # fmt: skip
KEY = ("company_id", "person_id", "source_id")


def upgrade() -> None:
    """Nobody was limited before, and no invitation limits."""
    op.create_table(
        "source_limit",
        *[sa.Column(name, WHOLE, nullable=False) for name in KEY],
        sa.Column("set_by_id", WHOLE, nullable=True),
        sa.Column("set_at", MOMENT, nullable=False),
        *[
            sa.ForeignKeyConstraint([own], [f"{table}.id"], name=op.f(f"fk_source_limit_{own}"))
            for own, table in TO.items()
        ],
        sa.PrimaryKeyConstraint(*KEY, name=op.f("pk_source_limit")),
    )
    op.create_index("ix_source_limit_person_id", "source_limit", ["person_id"])
    with op.batch_alter_table("access_link") as table:
        table.add_column(sa.Column("source_ids", sa.Text(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Without the table nobody would be limited: whoever was loses their roles instead."""
    op.execute(
        "DELETE FROM membership WHERE EXISTS (SELECT 1 FROM source_limit"
        " WHERE source_limit.company_id = membership.company_id"
        " AND source_limit.person_id = membership.person_id)"
    )
    op.execute(
        "UPDATE access_link SET ended_at = made_at"
        " WHERE source_ids <> '[]' AND used_at IS NULL AND ended_at IS NULL"
    )
    with op.batch_alter_table("access_link") as table:
        table.drop_column("source_ids")
    op.drop_index("ix_source_limit_person_id", "source_limit")
    op.drop_table("source_limit")
