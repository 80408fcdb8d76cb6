"""Notices: who is told of what, and each message to them; and the signal of totals that differ."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
BEFORE = "'many_failures', 'authorization_lost', 'close_blocked'"
STATES = "'due', 'claimed', 'sending', 'sent', 'unknown', 'failed', 'nothing'"
DUE = sa.text("due_at IS NOT NULL")


def upgrade() -> None:
    """Nobody was told before."""
    _signals_of(f"{BEFORE}, 'totals_differ'")
    op.create_table(
        "recipient",
        sa.Column("id", WHOLE, nullable=False),
        *_keys("recipient", company_id="company"),
        sa.Column("kind", sa.Text(), nullable=False),
        *_keys("recipient", nullable=True, person_id="person", team_id="team"),
        sa.Column("address", sa.Text(), nullable=False, server_default=""),
        sa.Column("secret", sa.Text(), nullable=True),
        *[
            sa.Column(name, sa.Boolean(), nullable=False)
            for name in ("digest", "urgent", "packets")
        ],
        sa.Column("made_at", MOMENT, nullable=False),
        *_keys("recipient", nullable=True, made_by_id="person"),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "\"kind\" IN ('person', 'mail', 'webhook')", name=op.f("ck_recipient_kind")
        ),
        sa.CheckConstraint(
            "(kind = 'person') = (person_id IS NOT NULL)", name=op.f("ck_recipient_person")
        ),
        sa.CheckConstraint(
            "(kind = 'webhook') = (secret IS NOT NULL)", name=op.f("ck_recipient_secret")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipient")),
    )
    op.create_index("ix_recipient_company", "recipient", ["company_id", "id"])
    op.create_table(
        "notice",
        sa.Column("id", WHOLE, nullable=False),
        *_keys("notice", company_id="company", recipient_id="recipient"),
        *[
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("kind", "key", "subject", "body")
        ],
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("tries", WHOLE, nullable=False, server_default="0"),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("answer", sa.Text(), nullable=False, server_default=""),
        sa.CheckConstraint(
            "\"kind\" IN ('digest', 'urgent', 'packet', 'test')", name=op.f("ck_notice_kind")
        ),
        sa.CheckConstraint(f'"state" IN ({STATES})', name=op.f("ck_notice_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint(
            "recipient_id", "kind", "key", name=op.f("uq_notice_recipient_id_kind_key")
        ),
    )
    op.create_index("ix_notice_company", "notice", ["company_id", "id"])
    op.create_index(
        "ix_notice_due",
        "notice",
        ["company_id", "due_at", "id"],
        sqlite_where=DUE,
        postgresql_where=DUE,
    )


def downgrade() -> None:
    """Who was told is forgotten; the trail still tells of recipients."""
    op.drop_table("notice")
    op.drop_table("recipient")
    op.execute("DELETE FROM signal WHERE kind = 'totals_differ'")
    _signals_of(BEFORE)


def _signals_of(kinds: str) -> None:
    with op.batch_alter_table("signal") as table:
        table.drop_constraint(op.f("ck_signal_kind"), type_="check")
        table.create_check_constraint(op.f("ck_signal_kind"), f"kind IN ({kinds})")


def _keys(table: str, *, nullable: bool = False, **to: str) -> list[sa.Column[int]]:
    """Columns that name rows of other tables."""
    return [
        sa.Column(
            own, WHOLE, sa.ForeignKey(f"{name}.id", name=f"fk_{table}_{own}"), nullable=nullable
        )
        for own, name in to.items()
    ]
