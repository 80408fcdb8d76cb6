"""A message to who wrote a rule change that was returned."""

from alembic import op

revision = "0079"
down_revision = "0078"
branch_labels = None
depends_on = None

BEFORE = "'digest', 'urgent', 'packet', 'test'"
CHECK = "ck_notice_kind"


def upgrade() -> None:
    """Nobody was told so before."""
    _kinds(f"{BEFORE}, 'returned'")


def downgrade() -> None:
    """The messages are forgotten, and by what their readers were told; the trail still tells who
    returned which change.
    """
    op.execute("DELETE FROM notice WHERE kind = 'returned'")
    op.execute("DELETE FROM recipient WHERE NOT (digest OR urgent OR packets)")
    _kinds(BEFORE)


def _kinds(kinds: str) -> None:
    with op.batch_alter_table("notice") as table:
        table.drop_constraint(op.f(CHECK), type_="check")
        table.create_check_constraint(op.f(CHECK), f'"kind" IN ({kinds})')
