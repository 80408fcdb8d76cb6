"""Indexes for searches, the days of the dashboard, and the count of held records."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

BY_NUMBER = {"ix_record_number": "record", "ix_posting_number": "posting"}
OPEN = sa.text("state = 'open'")


def upgrade() -> None:
    """Nothing else changes; a large database takes some minutes for it."""
    _by_number({"number": "text_pattern_ops"})
    op.create_index("ix_record_external", "record", ["company_id", "external_id"])
    op.create_index("ix_record_day", "record", ["company_id", "doc_date", "state"])
    op.create_index(
        "ix_hold_waits",
        "hold",
        ["company_id", "record_id"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )


def downgrade() -> None:
    """As it was."""
    op.drop_index("ix_hold_waits", "hold")
    op.drop_index("ix_record_day", "record")
    op.drop_index("ix_record_external", "record")
    _by_number({})


def _by_number(how: dict[str, str]) -> None:
    """SQLite finds beginnings by the index as it is."""
    if op.get_bind().dialect.name == "sqlite":
        return
    for name, table in BY_NUMBER.items():
        op.drop_index(name, table)
        op.create_index(name, table, ["company_id", "number"], postgresql_ops=how)
