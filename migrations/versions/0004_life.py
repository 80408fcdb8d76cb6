"""The life of a posting: what is read back, who stands in for whom, what was stopped.

Each part is a pair of functions in PARTS; they are added in order and taken away in reverse.
"""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from holding.types import Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def keep(table: str) -> None:
    """Let a table refuse every change of what was written to it, and every delete."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    refuse = f"BEGIN SELECT RAISE(ABORT, 'append-only: {table}'); END"
    act = "FOR EACH ROW EXECUTE FUNCTION refuse_change()" if on_postgresql else refuse
    for word, when in (("no_delete", "DELETE"), ("no_change", "UPDATE")):
        op.execute(f"CREATE TRIGGER {table}_{word} BEFORE {when} ON {table} {act}")


def _add_chain() -> None:
    op.create_table(
        "event_link",
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("seq", WHOLE, autoincrement=False, nullable=False),
        sa.Column("event_id", WHOLE, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name="fk_event_link_company_id"),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name="fk_event_link_event_id"),
        sa.PrimaryKeyConstraint("company_id", "seq", name="pk_event_link"),
        sa.UniqueConstraint("event_id", name="uq_event_link_event_id"),
    )
    keep("event_link")


def _take_chain() -> None:
    op.drop_table("event_link")


def _add_breaker() -> None:
    recent = sa.Column("recent", sa.Text(), nullable=False, server_default="")
    opened = sa.Column("opened_at", Moment(), nullable=True)
    for column in (recent, opened, sa.Column("quota_limit", WHOLE, nullable=True)):
        op.add_column("throttle", column)


def _take_breaker() -> None:
    for name in ("quota_limit", "opened_at", "recent"):
        op.drop_column("throttle", name)


PARTS: tuple[tuple[Callable[[], None], Callable[[], None]], ...] = (
    (_add_chain, _take_chain),
    (_add_breaker, _take_breaker),
)


def upgrade() -> None:
    """Add every part."""
    for add, _ in PARTS:
        add()


def downgrade() -> None:
    """Take them away, the last one first."""
    for _, take_away in reversed(PARTS):
        take_away()
