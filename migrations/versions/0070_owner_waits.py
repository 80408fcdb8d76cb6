"""What each owner has waiting is tallied, too: by the hours of arrival and deadline, and whether a
target refused it.

Whoever changes those marks the record from now on. Every record that has an open hold is marked
here: until a worker has folded it, pages count it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0070"
down_revision = "0069"
branch_labels = None
depends_on = None

LOOKS = ("state", "cause_id", '"class"', "team_id", "person_id", "snoozed_until", "code", "book",
         "record_id")  # fmt: skip
WAITS = ("opened_at", "answer_by", "posting_id")
OPEN = sa.text("state = 'open'")
MARK = "INSERT INTO tally_mark (company_id, record_id)"
REFUSED = "(OLD.state = 'failed') <> (NEW.state = 'failed')"
MARKED = f"{MARK} VALUES (NEW.company_id, NEW.record_id)"
ON_HOLD, ON_POSTING = "hold_tally_update", "posting_tally_update"
FUNCTION = f"""
CREATE FUNCTION {ON_POSTING}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
 {MARKED};
 RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Mark by more columns, and what is held now."""
    op.create_index(
        "ix_hold_answer",
        "hold",
        ["company_id", "answer_by"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    _of_holds((*LOOKS, *WAITS))
    if _on_postgresql():
        op.execute(FUNCTION)
    _make(ON_POSTING, "posting", ("state",), REFUSED)
    op.execute(
        f"{MARK} SELECT DISTINCT company_id, record_id FROM hold WHERE state = 'open'"  # noqa: S608 - ours
    )


def downgrade() -> None:
    """Forget what owners have."""
    on_postgresql = _on_postgresql()
    op.execute(f"DROP TRIGGER {ON_POSTING}{' ON posting' if on_postgresql else ''}")
    if on_postgresql:
        op.execute(f"DROP FUNCTION {ON_POSTING}()")
    _of_holds(LOOKS)
    op.execute("DELETE FROM tallied_record WHERE cause_id < 0")
    op.execute("DELETE FROM hold_tally WHERE cause_id < 0")
    op.drop_index("ix_hold_answer", "hold")


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _of_holds(columns: tuple[str, ...]) -> None:
    """Mark a record when one of these columns of a hold of it changes."""
    other = "IS DISTINCT FROM" if _on_postgresql() else "IS NOT"
    op.execute(f"DROP TRIGGER {ON_HOLD}{' ON hold' if _on_postgresql() else ''}")
    changed = " OR ".join(f"OLD.{one} {other} NEW.{one}" for one in columns)
    _make(ON_HOLD, "hold", columns, changed)


def _make(name: str, table: str, columns: tuple[str, ...], changed: str) -> None:
    on_postgresql = _on_postgresql()
    then = f"EXECUTE FUNCTION {name}()" if on_postgresql else f"BEGIN {MARKED}; END"
    each = "FOR EACH ROW" if on_postgresql else ""
    act = f"UPDATE OF {', '.join(columns)}"
    op.execute(f"CREATE TRIGGER {name} AFTER {act} ON {table} {each} WHEN ({changed}) {then}")
