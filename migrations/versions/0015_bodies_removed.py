"""What a call sent stays as it was sent, until it is taken away as a whole with the moment of that.

The calls that follow another are found from it, without a look at all calls.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")

TABLE = "request"
INDEX = "ix_request_parent"
FOLLOWS = sa.text("parent_id IS NOT NULL")
FIXED = (
    "id",
    "connection_id",
    "kind",
    "run_id",
    "key",
    "key_id",
    "sha256",
    "headers",
    "rows",
    "made_at",
    "parent_id",
)
AGAIN = "NEW.body IS NOT NULL OR NEW.body_removed_at IS NULL OR OLD.body_removed_at IS NOT NULL"
TRIGGERS = {
    "request_no_delete": "BEFORE DELETE ON request",
    "request_no_change": f"BEFORE UPDATE OF {', '.join(FIXED)} ON request",
    "request_once": "BEFORE UPDATE OF body, body_removed_at ON request",
}


def upgrade() -> None:
    """Add the column, the index, and the triggers that refuse any other change."""
    op.add_column(TABLE, sa.Column("body_removed_at", MOMENT, nullable=True))
    op.create_index(INDEX, TABLE, ["parent_id"], sqlite_where=FOLLOWS, postgresql_where=FOLLOWS)
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for name, when in TRIGGERS.items():
        each = " FOR EACH ROW" if on_postgresql else ""
        only = f" WHEN ({AGAIN})" if name == "request_once" else ""
        refuse = (
            "EXECUTE FUNCTION refuse_change()"
            if on_postgresql
            else "BEGIN SELECT RAISE(ABORT, 'append-only: request'); END"
        )
        op.execute(f"CREATE TRIGGER {name} {when}{each}{only} {refuse}")


def downgrade() -> None:
    """Take them away."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for name in TRIGGERS:
        op.execute(f"DROP TRIGGER {name}{' ON request' if on_postgresql else ''}")
    op.drop_index(INDEX, TABLE)
    op.drop_column(TABLE, "body_removed_at")
