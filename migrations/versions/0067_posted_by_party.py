"""What a party owes is found by the documents that are posted for it, not among a company's."""

from alembic import op

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of posted documents alone."""
    columns = "company_id, party"
    op.execute(f"CREATE INDEX ix_posting_party ON posting ({columns}) WHERE state = 'posted'")


def downgrade() -> None:
    """Proposals to merge two parties become slow in a large company."""
    op.execute("DROP INDEX ix_posting_party")
