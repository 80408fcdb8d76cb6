"""Store on each hold for an approval the amount of the document that is approved."""

from collections.abc import Sequence

from alembic import op

revision = "0103"
down_revision = "0102"
branch_labels = None
depends_on = None

_COUNTED = (
    '"class"',
    *("state", "cause_id", "team_id", "person_id", "snoozed_until", "code", "book", "record_id"),
    *("opened_at", "answer_by", "posting_id", "connection_id"),
)
"""Columns of a hold that the tally of holds counts."""

_MARK = "INSERT INTO tally_mark (company_id, record_id) VALUES (NEW.company_id, NEW.record_id)"

_MARK_ALL = """
INSERT INTO tally_mark (company_id, record_id)
SELECT DISTINCT company_id, record_id FROM hold WHERE state = 'open'
"""

# Only the rules make the document anew: the next check of the record stores its amount.
_CHECK_AGAIN = """
UPDATE record SET due_at = seen_at WHERE due_at IS NULL AND lease_until IS NULL
AND id IN (SELECT record_id FROM hold WHERE state = 'open' AND code = 'APP01')
"""


def upgrade() -> None:
    """Add the columns, count all holds anew, and check what waits for an approval again."""
    op.execute("ALTER TABLE hold ADD COLUMN amount BIGINT")
    op.execute("ALTER TABLE hold ADD COLUMN currency TEXT DEFAULT '' NOT NULL")
    _replace_trigger((*_COUNTED, "amount", "currency"))
    _count_anew()
    op.execute(_CHECK_AGAIN)


def downgrade() -> None:
    """Drop the columns; a hold has the amount of its record again."""
    _replace_trigger(_COUNTED)
    _count_anew()
    op.execute("ALTER TABLE hold DROP COLUMN currency")
    op.execute("ALTER TABLE hold DROP COLUMN amount")


def _replace_trigger(columns: Sequence[str]) -> None:
    """Create the trigger anew that marks a record when one of these columns changes."""
    begin = f"CREATE TRIGGER hold_tally_update AFTER UPDATE OF {', '.join(columns)} ON hold"
    if op.get_bind().dialect.name == "sqlite":
        changed = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in columns)
        op.execute("DROP TRIGGER hold_tally_update")
        op.execute(f"{begin} WHEN ({changed}) BEGIN {_MARK}; END")
    else:
        changed = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in columns)
        op.execute("DROP TRIGGER hold_tally_update ON hold")
        function = "EXECUTE FUNCTION hold_tally_update()"
        op.execute(f"{begin} FOR EACH ROW WHEN ({changed}) {function}")


def _count_anew() -> None:
    """Empty the tally and mark every record on hold, because shapes are written otherwise."""
    op.execute("DELETE FROM tallied_record")
    op.execute("DELETE FROM hold_tally")
    op.execute(_MARK_ALL)
