"""By which digest the hash of an evaluation was made.

Those that stand already were made by the first, which counts every text.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0011"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the column."""
    digest = sa.Column("digest", WHOLE, nullable=False, server_default="1")
    op.add_column("evaluation", digest)


def downgrade() -> None:
    """Take it away."""
    op.drop_column("evaluation", "digest")
