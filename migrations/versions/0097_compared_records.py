"""Add when the nightly sweep compared a record with its source, and what a running sweep lists."""

from alembic import op

revision = "0097"
down_revision = "0096"
branch_labels = None
depends_on = None

_MOMENTS = {"sqlite": "VARCHAR(27)", "postgresql": "TIMESTAMP WITH TIME ZONE"}

_COLUMNS = (
    ("record", "compared_at", True),
    ("record", "compared", False),
    ("pull", "began_at", True),
    ("pull", "floor_at", True),
)


def upgrade() -> None:
    """Add the columns, which are blank until the next sweep."""
    moment = _MOMENTS[op.get_bind().dialect.name]
    for table, column, is_moment in _COLUMNS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {moment if is_moment else 'TEXT'}")


def downgrade() -> None:
    """Drop the columns; the next sweep starts again."""
    for table, column, _ in _COLUMNS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
