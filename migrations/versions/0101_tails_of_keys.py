"""Store the end of the key that each call was made with."""

from alembic import op

revision = "0101"
down_revision = "0100"
branch_labels = None
depends_on = None

# An id of SQLite is used again after its row is deleted: a key made after the call is another key.
_KNOWN = """
UPDATE request SET key_tail = k.tail FROM connection_key AS k
WHERE k.id = request.key_id AND k.connection_id = request.connection_id
AND k.made_at <= request.made_at
"""

_SEALED = "id, connection_id, kind, run_id, key, key_id, sha256, headers, rows, made_at, parent_id"


def upgrade() -> None:
    """Add the column, fill it for keys that are still stored, and refuse every later change."""
    op.execute("ALTER TABLE request ADD COLUMN key_tail TEXT DEFAULT '' NOT NULL")
    op.execute(_KNOWN)
    _drop_trigger()
    _create_trigger(f"{_SEALED}, key_tail")


def downgrade() -> None:
    """Drop the column."""
    _drop_trigger()
    op.execute("ALTER TABLE request DROP COLUMN key_tail")
    _create_trigger(_SEALED)


def _drop_trigger() -> None:
    table = "" if op.get_bind().dialect.name == "sqlite" else " ON request"
    op.execute(f"DROP TRIGGER request_no_change{table}")


def _create_trigger(columns: str) -> None:
    """Create the trigger that refuses changes of these columns."""
    begin = f"CREATE TRIGGER request_no_change BEFORE UPDATE OF {columns} ON request"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"{begin} BEGIN SELECT RAISE(ABORT, 'append-only: request'); END")
    else:
        op.execute(f"{begin} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
