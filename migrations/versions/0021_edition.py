"""The edition of the rules language in which rules were published; before, there was one.

What a version says of itself stays as it was written, what came to it since included. A database
that was here before and went back tells the editions by the events of its publishes.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

FIXED = (
    "id, company_id, no, hash, revision, change_id, author_id, published_by_id, published_at,"
    " engine"
)


def upgrade() -> None:
    """Every version that is there has the only edition there was, unless its event says more."""
    op.add_column(
        "ruleset_version", sa.Column("edition", sa.Integer, nullable=False, server_default="1")
    )
    _editions_told()
    _refuse_changes_of(f"{FIXED}, backtest_id, backtest_sha256, edition")


def downgrade() -> None:
    """Forget it."""
    _refuse_changes_of(FIXED)
    op.drop_column("ruleset_version", "edition")


def _editions_told() -> None:
    bind = op.get_bind()
    told = (
        "SELECT company_id, CAST(body AS TEXT) FROM event"
        " WHERE act IN ('rules.published', 'rules.rolled_back') ORDER BY id"
    )
    for company, text in bind.execute(sa.text(told)).all():
        body = json.loads(text)
        if "edition" in body and "version" in body:
            bind.execute(
                sa.text(
                    "UPDATE ruleset_version SET edition = :edition"
                    " WHERE company_id = :company AND no = :no"
                ),
                {"edition": body["edition"], "company": company, "no": body["version"]},
            )


def _refuse_changes_of(columns: str) -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    on = " ON ruleset_version" if postgresql else ""
    op.execute(f"DROP TRIGGER ruleset_version_no_change{on}")
    refuse = (
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        if postgresql
        else "BEGIN SELECT RAISE(ABORT, 'append-only: ruleset_version'); END"
    )
    op.execute(
        f"CREATE TRIGGER ruleset_version_no_change BEFORE UPDATE OF {columns} ON ruleset_version"
        f" {refuse}"
    )
