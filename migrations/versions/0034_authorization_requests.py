"""People on their way to the page of a target where it is allowed."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
OF = ("company", "connection", "person")


def upgrade() -> None:
    """Nothing else changes."""
    op.create_table(
        "authorization_request",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("state_hash", sa.Text(), nullable=False),
        sa.Column("session_hash", sa.Text(), nullable=False),
        *(sa.Column(f"{name}_id", WHOLE, nullable=False) for name in OF),
        sa.Column("back", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        *(
            sa.ForeignKeyConstraint(
                [f"{name}_id"], [f"{name}.id"], name=op.f(f"fk_authorization_request_{name}_id")
            )
            for name in OF
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorization_request")),
        sa.UniqueConstraint("state_hash", name=op.f("uq_authorization_request_state_hash")),
    )
    op.create_index(
        "ix_authorization_request_connection", "authorization_request", ["connection_id", "id"]
    )


def downgrade() -> None:
    """Who is on the way begins again."""
    op.drop_index("ix_authorization_request_connection", "authorization_request")
    op.drop_table("authorization_request")
