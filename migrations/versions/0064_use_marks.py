"""Documents judged before all their entries were noted are marked, for a worker to note the rest.

Marked is every document of before. Which entries those were only the rules can say, so a migration
cannot: the worker takes the marks away as it goes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision = "0062"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """No mark is ever added later: what is judged from now on has its entries."""
    op.create_table(
        "use_mark",
        sa.Column("posting_id", WHOLE, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("posting_id", name=op.f("pk_use_mark")),
    )
    op.execute("INSERT INTO use_mark (posting_id) SELECT id FROM posting")


def downgrade() -> None:
    """What was noted stays; what was not is marked again on the way up."""
    op.drop_table("use_mark")
