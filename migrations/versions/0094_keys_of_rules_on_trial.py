"""What rules on trial look for among other records is found by keys of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0094"
down_revision = "0093"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Nothing is on trial that has any; what is, makes them with its next turn."""
    _table(
        "trial_index",
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("version_id", WHOLE, nullable=False),
        key=("company_id", "rules"),
    )
    _table(
        "trial_key",
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("record_id", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name="fk_trial_key_record_id_record"),
        key=("company_id", "rules", "name", "value", "record_id"),
    )


def _table(name: str, *parts: sa.schema.SchemaItem, key: tuple[str, ...]) -> None:
    op.create_table(
        name,
        sa.Column("company_id", WHOLE, nullable=False),
        *parts,
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=f"fk_{name}_company_id_company"
        ),
        sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """As it was."""
    op.drop_table("trial_key")
    op.drop_table("trial_index")
