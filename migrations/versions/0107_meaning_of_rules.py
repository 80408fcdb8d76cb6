"""Drop the edition of published rules: rules have one meaning."""

from alembic import op

revision = "0107"
down_revision = "0106"
branch_labels = None
depends_on = None

_COLUMNS = (
    *("id", "company_id", "no", "hash", "revision", "change_id", "author_id", "published_by_id"),
    *("published_at", "engine", "backtest_id", "backtest_sha256"),
)
"""Columns of a published version that nobody may change."""


def upgrade() -> None:
    """Drop the column, which the trigger names on both databases."""
    _drop_trigger()
    op.execute("ALTER TABLE ruleset_version DROP COLUMN edition")
    _create_trigger(_COLUMNS)


def downgrade() -> None:
    """Add the column again with the last edition."""
    _drop_trigger()
    op.execute("ALTER TABLE ruleset_version ADD COLUMN edition INTEGER DEFAULT 8 NOT NULL")
    _create_trigger((*_COLUMNS, "edition"))


def _drop_trigger() -> None:
    table = "" if op.get_bind().dialect.name == "sqlite" else " ON ruleset_version"
    op.execute(f"DROP TRIGGER ruleset_version_no_change{table}")


def _create_trigger(columns: tuple[str, ...]) -> None:
    """Create the trigger that refuses a change of these columns."""
    if op.get_bind().dialect.name == "sqlite":
        refuse = "BEGIN SELECT RAISE(ABORT, 'append-only: ruleset_version'); END"
    else:
        refuse = "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    op.execute(
        "CREATE TRIGGER ruleset_version_no_change"
        f" BEFORE UPDATE OF {', '.join(columns)} ON ruleset_version {refuse}"
    )
