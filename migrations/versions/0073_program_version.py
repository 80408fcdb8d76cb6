"""Which version of the program works with this database, so that an update is told."""

import sqlalchemy as sa
from alembic import op

revision = "0073"
down_revision = "0072"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of a database with companies an earlier program is known by its schema alone."""
    op.create_table(
        "program_version",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("schema", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_program_version"),
    )
    op.execute(
        "INSERT INTO program_version (id, version, schema)"
        " SELECT 1, '', '0072' WHERE EXISTS (SELECT 1 FROM company)"
    )


def downgrade() -> None:
    """The next program that knows the table finds an earlier one."""
    op.drop_table("program_version")
