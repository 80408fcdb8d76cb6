"""Files that people upload: checked first, taken when somebody confirms, by turns of the worker."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
TEXTS = {"headings": "", "chosen": "{}", "outcome": "{}"}
COUNTS = ("taken", "total", "fence", "crashes")
MOMENTS = ("confirmed_at", "ended_at", "expires_at", "due_at", "lease_until")
DUE = sa.text("due_at IS NOT NULL")


def upgrade() -> None:
    """The table was never written before."""
    with op.batch_alter_table("upload") as table:
        table.drop_constraint("fk_upload_run_id", type_="foreignkey")
        table.drop_column("run_id")
        for name, first in TEXTS.items():
            table.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=first))
        for name in COUNTS:
            table.add_column(sa.Column(name, WHOLE, nullable=False, server_default="0"))
        for name in MOMENTS:
            table.add_column(sa.Column(name, MOMENT, nullable=True))
        table.add_column(sa.Column("lease_owner", sa.Text(), nullable=True))
        table.add_column(
            sa.Column("with_unknown", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.create_check_constraint(
            op.f("ck_upload_state"),
            "\"state\" IN ('checking', 'checked', 'importing', 'done', 'failed')",
        )
    op.create_index(
        "ix_upload_due",
        "upload",
        ["company_id", "due_at", "id"],
        sqlite_where=DUE,
        postgresql_where=DUE,
    )
    op.create_index("ix_upload_expires", "upload", ["expires_at"])


def downgrade() -> None:
    """What was uploaded stays in its deliveries; the files themselves are forgotten."""
    op.execute("UPDATE delivery SET upload_id = NULL WHERE upload_id IS NOT NULL")
    op.execute("DELETE FROM upload")
    op.drop_index("ix_upload_expires", "upload")
    op.drop_index("ix_upload_due", "upload")
    with op.batch_alter_table("upload") as table:
        table.drop_constraint(op.f("ck_upload_state"), type_="check")
        for name in (*TEXTS, *COUNTS, *MOMENTS, "lease_owner", "with_unknown"):
            table.drop_column(name)
        table.add_column(sa.Column("run_id", WHOLE, nullable=True))
        table.create_foreign_key("fk_upload_run_id", "run", ["run_id"], ["id"])
