"""Drafts of rule files, a time from which a change is in force, and shadows with their verdicts."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
RUNNING = sa.text("ended_at IS NULL")
DIFFERS = sa.text("differs")
ENDINGS = "ending IN ('person', 'time', 'limit', 'closed')"


def upgrade() -> None:
    """Three tables, and three columns of a change; nothing that was there changes."""
    op.add_column("change", sa.Column("starts_at", MOMENT, nullable=True))
    op.add_column("change", sa.Column("starts_by_id", WHOLE, nullable=True))
    op.add_column(
        "change", sa.Column("starts_reason", sa.Text(), nullable=False, server_default="")
    )
    op.create_table(
        "rule_draft",
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("person_id", WHOLE, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("base_id", WHOLE, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("saved_at", MOMENT, nullable=False),
        *_keys("rule_draft", "company", "person"),
        sa.PrimaryKeyConstraint("company_id", "person_id", "path", name=op.f("pk_rule_draft")),
    )
    _shadow()
    _verdict()


def _shadow() -> None:
    op.create_table(
        "shadow",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("change_id", WHOLE, nullable=False),
        sa.Column("person_id", WHOLE, nullable=True),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        *(sa.Column(name, WHOLE, nullable=False) for name in ("since_id", "seen_id")),
        *(sa.Column(name, WHOLE, nullable=False) for name in ("judged", "differ", "unread")),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ending", sa.Text(), nullable=True),
        sa.CheckConstraint(ENDINGS, name=op.f("ck_shadow_ending")),
        *_keys("shadow", "company", "change", "person"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shadow")),
    )
    op.create_index(
        "uq_shadow_running",
        "shadow",
        ["company_id"],
        unique=True,
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
    op.create_index("ix_shadow_change", "shadow", ["change_id", "id"])


def _verdict() -> None:
    op.create_table(
        "shadow_verdict",
        sa.Column("shadow_id", WHOLE, nullable=False),
        sa.Column("evaluation_id", WHOLE, nullable=False),
        sa.Column("record_id", WHOLE, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("differs", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("was", "would", "hash")),
        *_keys("shadow_verdict", "shadow", "record"),
        sa.PrimaryKeyConstraint("shadow_id", "evaluation_id", name=op.f("pk_shadow_verdict")),
    )
    op.create_index(
        "ix_shadow_verdict_differs",
        "shadow_verdict",
        ["shadow_id", "evaluation_id"],
        sqlite_where=DIFFERS,
        postgresql_where=DIFFERS,
    )


def _keys(table: str, *others: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint(
            [f"{other}_id"], [f"{other}.id"], name=op.f(f"fk_{table}_{other}_id")
        )
        for other in others
    ]


def downgrade() -> None:
    """Forget them; what was published stays."""
    for name in ("shadow_verdict", "shadow", "rule_draft"):
        op.drop_table(name)
    for name in ("starts_reason", "starts_by_id", "starts_at"):
        op.drop_column("change", name)
