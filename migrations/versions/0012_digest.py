"""By which digest the hash of an evaluation was made.

Those that stand already were made by the first, which counts every text.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


FIXED = (
    "id, record_id, version_id, ruleset_version_id, revision, at, outcome, hash, valid_until, "
    "fence, run_id"
)
"""What of an evaluation never changes; the facts can be removed, once."""


def upgrade() -> None:
    """Add the column, which stays as it was written."""
    digest = sa.Column("digest", WHOLE, nullable=False, server_default="1")
    op.add_column("evaluation", digest)
    _refuse_changes_of(f"{FIXED}, digest")


def downgrade() -> None:
    """Take it away."""
    _refuse_changes_of(FIXED)
    op.drop_column("evaluation", "digest")


def _refuse_changes_of(columns: str) -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    op.execute("DROP TRIGGER evaluation_no_change" + (" ON evaluation" if postgresql else ""))
    refuse = (
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        if postgresql
        else "BEGIN SELECT RAISE(ABORT, 'append-only: evaluation'); END"
    )
    op.execute(
        f"CREATE TRIGGER evaluation_no_change BEFORE UPDATE OF {columns} ON evaluation {refuse}"
    )
