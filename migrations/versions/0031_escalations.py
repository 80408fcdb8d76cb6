"""Packets for a support desk."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
TO = {"company_id": "company", "record_id": "record", "person_id": "person", "sent_by_id": "person"}


def upgrade() -> None:
    """None was made before."""
    op.create_table(
        "escalation",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("record_id", WHOLE, nullable=False),
        sa.Column("person_id", WHOLE, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("packet", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("personal", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("sent_to", sa.Text(), nullable=True),
        sa.Column("ticket", sa.Text(), nullable=True),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("sent_by_id", WHOLE, nullable=True),
        sa.CheckConstraint(
            "(sent_at IS NULL) = (sent_to IS NULL)", name=op.f("ck_escalation_sent")
        ),
        *[
            sa.ForeignKeyConstraint([own], [f"{table}.id"], name=op.f(f"fk_escalation_{own}"))
            for own, table in TO.items()
        ],
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation")),
    )
    op.create_index("ix_escalation_record", "escalation", ["record_id", "id"])


def downgrade() -> None:
    """Forget them; the trail still tells that they were made."""
    op.drop_index("ix_escalation_record", "escalation")
    op.drop_table("escalation")
