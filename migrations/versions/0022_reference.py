"""A record of a kind that no rule posts is settled: it stands for reference, and waits for nothing.

Those that were said to wait are judged once more, which says which of them those are.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

BEFORE = (
    "received uncertain failed held sending awaiting ready waiting posted reversed dropped ignored"
)
AFTER = f"{BEFORE} reference"


def upgrade() -> None:
    """Take the new state, and have judged again what waits without a posting."""
    _allow(BEFORE, AFTER)
    op.execute(
        "UPDATE record SET due_at = seen_at WHERE state = 'waiting' AND due_at IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM posting WHERE posting.record_id = record.id)"
    )


def downgrade() -> None:
    """They wait, as they did."""
    op.execute("UPDATE record SET state = 'waiting' WHERE state = 'reference'")
    _allow(AFTER, BEFORE)


def _allow(before: str, after: str) -> None:
    """SQLite keeps a check as text and has no statement for another one: the text is replaced, as
    its documentation says for changes that leave the rows alone.
    """
    old, new = (_list(words) for words in (before, after))
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE record DROP CONSTRAINT ck_record_state")
        op.execute(f'ALTER TABLE record ADD CONSTRAINT ck_record_state CHECK ("state" IN ({new}))')
        return
    op.execute("PRAGMA writable_schema = ON")
    op.get_bind().execute(
        sa.text(
            "UPDATE sqlite_master SET sql = replace(sql, :old, :new)"
            " WHERE type = 'table' AND name = 'record'"
        ),
        {"old": f"({old})", "new": f"({new})"},
    )
    op.execute("PRAGMA writable_schema = RESET")


def _list(words: str) -> str:
    return ", ".join(f"'{word}'" for word in words.split())
