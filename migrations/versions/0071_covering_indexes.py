"""Indexes have what pages ask of their rows: a text in open holds, where new records stand; and the
open holds of a cause stand in the order in which they are listed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None

OPEN = sa.text("state = 'open'")
AGE = ("company_id", "opened_at", "id")
LOOKED_IN = ("number", "party_key", "cause_id", "snoozed_until")
SEEN = ("company_id", "seen_at", "id")


def upgrade() -> None:
    """With the columns."""
    _make((*AGE, *LOOKED_IN), (*SEEN, "state"))
    listed = ["cause_id", "id"]
    op.create_index("ix_hold_listed", "hold", listed, sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    """Without them."""
    op.drop_index("ix_hold_listed", "hold")
    _make(AGE, SEEN)


def _make(age: tuple[str, ...], seen: tuple[str, ...]) -> None:
    op.drop_index("ix_hold_age", "hold")
    op.create_index("ix_hold_age", "hold", [*age], sqlite_where=OPEN, postgresql_where=OPEN)
    op.drop_index("ix_record_seen", "record")
    op.create_index("ix_record_seen", "record", [*seen])
