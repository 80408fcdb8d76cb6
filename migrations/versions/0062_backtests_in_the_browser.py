"""Backtests of a change over what is stored, and the records of each cell of their matrix."""

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
RUNNING = sa.text("ended_at IS NULL")
STOPS = sa.text("stops")
ENDINGS = "\"ending\" IN ('done', 'person', 'closed')"


def upgrade() -> None:
    """Two tables; nothing that was there changes."""
    op.create_table(
        "backtest_run",
        sa.Column("id", WHOLE, nullable=False),
        *(sa.Column(f"{name}_id", WHOLE, nullable=False) for name in ("company", "change", "old")),
        sa.Column("person_id", WHOLE, nullable=True),
        sa.Column("first", sa.Date(), nullable=True),
        sa.Column("last", sa.Date(), nullable=True),
        sa.Column("started_at", MOMENT, nullable=False),
        *(sa.Column(name, WHOLE, nullable=False) for name in ("until_id", "seen_id", "total")),
        *(sa.Column(name, WHOLE, nullable=False) for name in ("looked", "gone")),
        sa.Column("counted", sa.Text(), nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ending", sa.Text(), nullable=True),
        sa.Column("backtest_id", WHOLE, nullable=True),
        sa.CheckConstraint(ENDINGS, name=op.f("ck_backtest_run_ending")),
        *(_key("backtest_run", name) for name in ("company", "change", "person", "backtest")),
        _key("backtest_run", "old", "ruleset_version"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backtest_run")),
    )
    op.create_index(
        "uq_backtest_run_running",
        "backtest_run",
        ["company_id"],
        unique=True,
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
    op.create_index("ix_backtest_run_change", "backtest_run", ["change_id", "id"])
    op.create_table(
        "backtest_result",
        sa.Column("run_id", WHOLE, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("kind", "route", "was", "would")),
        sa.Column("record_id", WHOLE, nullable=False),
        sa.Column("evaluation_id", WHOLE, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount", WHOLE, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("stops", sa.Boolean(), nullable=False),
        _key("backtest_result", "run", "backtest_run"),
        _key("backtest_result", "record"),
        sa.PrimaryKeyConstraint(
            *("run_id", "kind", "route", "was", "would", "record_id"),
            name=op.f("pk_backtest_result"),
        ),
    )
    op.create_index(
        "ix_backtest_result_stops",
        "backtest_result",
        ["run_id", "amount", "record_id"],
        sqlite_where=STOPS,
        postgresql_where=STOPS,
    )


def _key(table: str, column: str, other: str = "") -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_id")
    return sa.ForeignKeyConstraint([f"{column}_id"], [f"{other or column}.id"], name=name)


def downgrade() -> None:
    """Forget them; what was recorded of one stays."""
    op.drop_table("backtest_result")
    op.drop_table("backtest_run")
