"""The edition of the rules language in which rules were published; before, there was one."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Every version that stands has the only edition there was."""
    op.add_column(
        "ruleset_version", sa.Column("edition", sa.Integer, nullable=False, server_default="1")
    )


def downgrade() -> None:
    """Forget it."""
    op.drop_column("ruleset_version", "edition")
