"""What a change of a mapping has to wake is looked through later, where it is much; holds are found
by their rule.
"""

import sqlalchemy as sa
from alembic import op

revision = "0086"
down_revision = "0085"
branch_labels = None
depends_on = None

TABLE = "wake_mark"
INDEX = "ix_hold_rule"
OPEN = sa.text("state = 'open'")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the marks; an older program woke all at once and leaves none."""
    op.create_table(
        TABLE,
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("cause_id", WHOLE, nullable=True),
        sa.Column("entry_id", WHOLE, nullable=True),
        sa.Column("below", WHOLE, nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=f"fk_{TABLE}_company_id"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{TABLE}"),
    )
    op.create_index(f"ix_{TABLE}_company", TABLE, ["company_id", "entry_id"])
    only = {"sqlite_where": OPEN, "postgresql_where": OPEN}
    op.create_index(INDEX, "hold", ["company_id", "rule", "opened_at", "id"], **only)


def downgrade() -> None:
    """Refused while something is still to be woken: an older program would not look for it."""
    if op.get_bind().scalar(sa.text(f"SELECT count(*) FROM {TABLE}")):  # noqa: S608 - ours
        raise RuntimeError("records are still to be checked again: let a worker end that first")
    op.drop_index(INDEX, table_name="hold")
    op.drop_table(TABLE)
