"""A posted document says itself whether its source would still have it posted."""

import sqlalchemy as sa
from alembic import op

revision = "0095"
down_revision = "0094"
branch_labels = None
depends_on = None

HELD = """
UPDATE posting SET withdrawn = :yes WHERE state = 'posted' AND EXISTS (
    SELECT 1 FROM hold WHERE hold.record_id = posting.record_id AND hold.route = posting.route
    AND hold.state = 'open' AND hold.code = 'STL01'
    AND hold.rule IN ('cancel', 'not_ready'))
"""


def upgrade() -> None:
    """Of what is on hold for it that is known; what rules leave as it is says so when it is next
    judged.
    """
    op.add_column(
        "posting",
        sa.Column("withdrawn", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.execute(sa.text(HELD).bindparams(yes=True))


def downgrade() -> None:
    """As it was."""
    op.drop_column("posting", "withdrawn")
