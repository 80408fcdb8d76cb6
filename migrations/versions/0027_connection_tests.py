"""What the last test of a connection said, since when one has to pass, and calls of a webhook that
made no record.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
TESTED = ("untested_since", "tested_at")


def upgrade() -> None:
    """What is connected already goes on as it is: no test is asked of it."""
    for name in TESTED:
        op.add_column("connection", sa.Column(name, MOMENT, nullable=True))
    steps = sa.Column("test_steps", sa.Text(), server_default="[]", nullable=False)
    op.add_column("connection", steps)
    op.create_table(
        "hook_call",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("source_id", WHOLE, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("status", WHOLE, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("times", WHOLE, server_default="1", nullable=False),
        sa.CheckConstraint(
            "\"outcome\" IN ('rejected', 'test')", name=op.f("ck_hook_call_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_hook_call_company_id")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["connection.id"], name=op.f("fk_hook_call_source_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hook_call")),
    )
    op.create_index("ix_hook_call_source", "hook_call", ["source_id", "id"])


def downgrade() -> None:
    """Forget them."""
    op.drop_table("hook_call")
    for name in ("test_steps", *TESTED):
        op.drop_column("connection", name)
