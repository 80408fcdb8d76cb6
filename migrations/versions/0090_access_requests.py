"""What people ask to be allowed, for an administrator to decide."""

import sqlalchemy as sa
from alembic import op

revision = "0090"
down_revision = "0088"
branch_labels = None
depends_on = None

TABLE = "access_request"
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = sa.text("ended_at IS NULL")
PEOPLE = {"company_id": "company", "person_id": "person", "ended_by_id": "person"}


def upgrade() -> None:
    """Nobody has asked before."""
    op.create_table(
        TABLE,
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("person_id", WHOLE, nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended_by_id", WHOLE),
        sa.Column("granted", sa.Boolean()),
        sa.Column("answer", sa.Text(), nullable=False),
        *(
            sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{TABLE}_{column}")
            for column, other in PEOPLE.items()
        ),
        sa.PrimaryKeyConstraint("id", name=f"pk_{TABLE}"),
    )
    op.create_index(
        f"uq_{TABLE}_open",
        TABLE,
        ["company_id", "person_id", "act"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_index(f"ix_{TABLE}_person", TABLE, ["company_id", "person_id", "id"])


def downgrade() -> None:
    """Take it away; the audit log keeps who asked for what."""
    op.drop_table(TABLE)
