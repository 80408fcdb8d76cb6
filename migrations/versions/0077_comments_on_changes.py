"""What people write beside a change of the rules, and a change that goes back to its writer."""

import sqlalchemy as sa
from alembic import op

revision = "0077"
down_revision = "0076"
branch_labels = None
depends_on = None

TABLE = "change_comment"
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OWNERS = ("company", "change", "person")


def upgrade() -> None:
    """Add the table, which keeps what was written."""
    op.create_table(
        TABLE,
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        *(sa.Column(f"{name}_id", WHOLE, nullable=False) for name in OWNERS),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("returns", sa.Boolean(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        *(
            sa.ForeignKeyConstraint([f"{name}_id"], [f"{name}.id"], name=f"fk_{TABLE}_{name}_id")
            for name in OWNERS
        ),
        sa.PrimaryKeyConstraint("id", name=f"pk_{TABLE}"),
    )
    op.create_index(f"ix_{TABLE}_change", TABLE, ["change_id", "id"])
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    refuse = f"BEGIN SELECT RAISE(ABORT, 'append-only: {TABLE}'); END"
    act = "EXECUTE FUNCTION refuse_change()" if on_postgresql else refuse
    each = "FOR EACH ROW" if on_postgresql else ""
    fixed = ", ".join(["id", *(f"{name}_id" for name in OWNERS), "body", "returns", "at"])
    op.execute(f"CREATE TRIGGER {TABLE}_no_delete BEFORE DELETE ON {TABLE} {each} {act}")
    op.execute(f"CREATE TRIGGER {TABLE}_no_change BEFORE UPDATE OF {fixed} ON {TABLE} {each} {act}")


def downgrade() -> None:
    """Take it away."""
    op.drop_table(TABLE)
