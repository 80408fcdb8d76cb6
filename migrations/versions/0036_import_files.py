"""Files that a person imports in a target, and what they told of it."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0034"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
TO = {"company_id": "company", "connection_id": "connection", "run_id": "run",
      "request_id": "request", "handed_over_by_id": "person", "imported_by_id": "person",
      "ended_by_id": "person"}  # fmt: skip
STATES = (
    "\"state\" IN ('exported', 'handed_over', 'imported', 'mismatch', 'reconciled', 'withdrawn')"
)


def upgrade() -> None:
    """No target took files by hand before."""
    op.create_table(
        "import_file",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("connection_id", WHOLE, nullable=False),
        sa.Column("run_id", WHOLE, nullable=True),
        sa.Column("request_id", WHOLE, nullable=False),
        sa.Column("doc_type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("documents", WHOLE, nullable=False),
        sa.Column("rows", WHOLE, nullable=False),
        sa.Column("totals", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("verdicts", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("handed_over_at", MOMENT, nullable=True),
        sa.Column("handed_over_by_id", WHOLE, nullable=True),
        sa.Column("imported_at", MOMENT, nullable=True),
        sa.Column("imported_by_id", WHOLE, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_by_id", WHOLE, nullable=True),
        sa.CheckConstraint(STATES, name=op.f("ck_import_file_state")),
        *[
            sa.ForeignKeyConstraint([own], [f"{table}.id"], name=op.f(f"fk_import_file_{own}"))
            for own, table in TO.items()
        ],
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_file")),
        sa.UniqueConstraint("request_id", name=op.f("uq_import_file_request_id")),
    )
    op.create_index("ix_import_file_run", "import_file", ["run_id"])
    op.create_index("ix_import_file_company", "import_file", ["company_id", "id"])


def downgrade() -> None:
    """Forget how each file stands; the calls keep the bytes, the trail what people told."""
    op.drop_index("ix_import_file_company", "import_file")
    op.drop_index("ix_import_file_run", "import_file")
    op.drop_table("import_file")
