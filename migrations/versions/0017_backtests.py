"""What backtests said, kept for the rule book; a change named a run that nothing ever wrote."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
TABLE = "backtest"


def upgrade() -> None:
    """Add the table, which keeps what was written; take the column away."""
    op.create_table(
        TABLE,
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("person_id", WHOLE, nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("old_hash", sa.Text(), nullable=False),
        *(sa.Column(name, WHOLE, nullable=False) for name in ("records", "differ", "bad")),
        sa.Column("rules", sa.Text(), nullable=False),
        *(
            sa.ForeignKeyConstraint([f"{name}_id"], [f"{name}.id"], name=f"fk_{TABLE}_{name}_id")
            for name in ("company", "person")
        ),
        sa.PrimaryKeyConstraint("id", name=f"pk_{TABLE}"),
    )
    op.create_index(f"ix_{TABLE}_company", TABLE, ["company_id", "hash", "id"])
    for act, word in (("DELETE", "delete"), ("UPDATE", "change")):
        _refuse(act, f"{TABLE}_no_{word}")
    op.drop_column("change", "backtest_run_id")


def downgrade() -> None:
    """Take the table away; the column comes back, empty as it was."""
    op.add_column("change", sa.Column("backtest_run_id", WHOLE, nullable=True))
    op.drop_table(TABLE)


def _refuse(act: str, name: str) -> None:
    """A trigger that refuses the act; `refuse_change` is a function of the database since 0001."""
    if op.get_bind().dialect.name == "postgresql":
        then = "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    else:
        then = f"BEGIN SELECT RAISE(ABORT, 'append-only: {TABLE}'); END"
    op.execute(f"CREATE TRIGGER {name} BEFORE {act} ON {TABLE} {then}")
