"""Indexes for the audit log: by time, by person, and what happened to no single record."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

OF_PERSON = sa.text("person_id IS NOT NULL")
OF_NO_RECORD = sa.text("record_id IS NULL")


def upgrade() -> None:
    """Nothing else changes; a large database takes some minutes for it."""
    op.create_index("ix_event_at", "event", ["company_id", "at", "id"])
    op.create_index(
        "ix_event_person",
        "event",
        ["company_id", "person_id", "at", "id"],
        sqlite_where=OF_PERSON,
        postgresql_where=OF_PERSON,
    )
    op.create_index(
        "ix_event_wide",
        "event",
        ["company_id", "at", "id"],
        sqlite_where=OF_NO_RECORD,
        postgresql_where=OF_NO_RECORD,
    )


def downgrade() -> None:
    """As it was."""
    op.drop_index("ix_event_wide", "event")
    op.drop_index("ix_event_person", "event")
    op.drop_index("ix_event_at", "event")
