"""Links by which people join or set a new password, who has left, and from where one signed in."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    """Who left before is read out of the audit trail."""
    op.create_table(
        "former_member",
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("person_id", WHOLE, nullable=False),
        sa.Column("left_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_former_member_company_id")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_former_member_person_id")
        ),
        sa.PrimaryKeyConstraint("company_id", "person_id", name=op.f("pk_former_member")),
    )
    _links()
    for name in ("device", "address"):
        op.add_column("session", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    _who_left()


def _links() -> None:
    op.create_table(
        "access_link",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("person_id", WHOLE, nullable=True),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("team_ids", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("made_by_id", WHOLE, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.CheckConstraint("kind IN ('join', 'reset')", name=op.f("ck_access_link_kind")),
        sa.CheckConstraint(
            "kind = 'join' OR person_id IS NOT NULL", name=op.f("ck_access_link_person")
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_access_link_company_id")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_access_link_person_id")
        ),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["person.id"], name=op.f("fk_access_link_made_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_access_link_token_hash")),
    )
    op.create_index("ix_access_link_company", "access_link", ["company_id", "id"])


def _who_left() -> None:
    """Everybody whose leaving is told and who has no role there now, with their last leaving."""
    place = op.get_bind()
    there = {
        tuple(row) for row in place.execute(_sql("SELECT company_id, person_id FROM membership"))
    }
    told = "SELECT company_id, at, body FROM event WHERE act = 'person.left' ORDER BY id"
    left = {}
    for company_id, at, body in place.execute(_sql(told)):
        person_id = json.loads(body).get("person")
        if person_id is not None and (company_id, person_id) not in there:
            left[company_id, person_id] = at
    for (company_id, person_id), at in left.items():
        place.execute(
            _sql("INSERT INTO former_member VALUES (:company_id, :person_id, :at)"),
            {"company_id": company_id, "person_id": person_id, "at": at},
        )


def _sql(words: str) -> sa.TextClause:
    return sa.text(words)


def downgrade() -> None:
    """Forget it."""
    for name in ("address", "device"):
        op.drop_column("session", name)
    op.drop_index("ix_access_link_company", "access_link")
    op.drop_table("access_link")
    op.drop_table("former_member")
