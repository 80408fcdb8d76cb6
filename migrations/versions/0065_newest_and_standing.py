"""Pages of a large company find the newest, and sums of what stands, by indexes of their own.

The newest pushes of a target by state, the newest documents that were left out, what is open and
what is booked of a target with its figures, the holds of a code, and corrections
and releases by their moment.
"""

from alembic import op

revision = "0065"
down_revision = "0064"
branch_labels = None
depends_on = None

PARTIAL = {
    "ix_posting_left_out": ("posting", "company_id, id", "state IN ('ignored', 'dropped')"),
    "ix_posting_standing": (
        "posting",
        "connection_id, doc_type, state, currency, book, amount",
        "state NOT IN ('posted', 'reversed', 'dropped', 'ignored')",
    ),
    "ix_posting_booked": (
        "posting",
        "connection_id, doc_date, doc_type, state, currency, book, amount, action",
        "state IN ('posted', 'reversed')",
    ),
    "ix_hold_code": ("hold", "company_id, code, id, posting_id", "state = 'open'"),
    "ix_version_corrects": ("version", "at", "corrects_id IS NOT NULL"),
}


def upgrade() -> None:
    """Each over the rows that it is asked for alone, but those of pushes and releases."""
    op.execute("CREATE INDEX ix_push_newest ON push (connection_id, state, id)")
    op.execute("CREATE INDEX ix_release_at ON release (at)")
    for name, (table, columns, where) in PARTIAL.items():
        op.execute(f"CREATE INDEX {name} ON {table} ({columns}) WHERE {where}")


def downgrade() -> None:
    """Pages of a large company become slow; nothing else asks for these."""
    for name in (*PARTIAL, "ix_push_newest", "ix_release_at"):
        op.execute(f"DROP INDEX {name}")
