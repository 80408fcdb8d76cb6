"""A second factor at sign-in: authenticator apps, recovery codes, sign-ins that are half done.

The column `totp` of a person goes: it was planned for this, and nothing was ever written in it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0091"
down_revision = "0090"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Nobody has a second factor, and no company asks for one."""
    op.add_column(
        "company",
        sa.Column("needs_second_factor", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("session", sa.Column("factor_at", MOMENT))
    op.drop_column("person", "totp")
    op.create_table(
        "second_factor",
        sa.Column("person_id", WHOLE, nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("made_in", sa.Text(), nullable=False),
        sa.Column("confirmed_at", MOMENT),
        sa.Column("last_step", WHOLE, nullable=False, server_default="0"),
        _of_person("second_factor"),
        sa.PrimaryKeyConstraint("person_id", name="pk_second_factor"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("person_id", WHOLE, nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
        _of_person("recovery_code"),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_code"),
    )
    op.create_table(
        "sign_in_step",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("person_id", WHOLE, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        _of_person("sign_in_step"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sign_in_step"),
    )
    for table in ("recovery_code", "sign_in_step"):
        op.create_index(f"ix_{table}_person_id", table, ["person_id"])


def downgrade() -> None:
    """Who had a second factor signs in by the password alone; the audit log keeps who had one."""
    for table in ("sign_in_step", "recovery_code", "second_factor"):
        op.drop_table(table)
    op.drop_column("session", "factor_at")
    op.drop_column("company", "needs_second_factor")
    op.add_column("person", sa.Column("totp", sa.Text()))


def _of_person(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=f"fk_{table}_person_id")
