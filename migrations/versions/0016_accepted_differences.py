"""What people accepted as different from what is posted, with the money of both sides."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLE = "accepted_difference"
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OWNERS = ("company", "release", "record", "posting", "push")
BEFORE = """
INSERT INTO accepted_difference
 (company_id, release_id, record_id, posting_id, push_id, version_no, posted)
SELECT p.company_id, r.id, r.record_id, p.id, u.id, MAX(v.no), p.amount
 FROM release r
 JOIN posting p ON p.record_id = r.record_id AND p.route = r.route AND p.seq = r.seq
 JOIN push u ON u.id = p.posted_push_id AND u.made_at <= r.at
 JOIN version v ON v.record_id = r.record_id AND v.sha256 = r.content_sha256
 WHERE r.code = 'STL01' AND r.kind = 'release' AND r.voided_at IS NULL AND p.state = 'posted'
 GROUP BY p.company_id, r.id, r.record_id, p.id, u.id, p.amount
"""
"""What was released before: what the record said of it then is not known any more."""


def upgrade() -> None:
    """Add the table, which keeps what was written, with the releases of changes that there were."""
    op.create_table(
        TABLE,
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        *(sa.Column(f"{name}_id", WHOLE, nullable=False) for name in OWNERS),
        sa.Column("version_no", WHOLE, nullable=False),
        sa.Column("posted", WHOLE, nullable=True),
        sa.Column("wanted", WHOLE, nullable=True),
        *(
            sa.ForeignKeyConstraint([f"{name}_id"], [f"{name}.id"], name=f"fk_{TABLE}_{name}_id")
            for name in OWNERS
        ),
        sa.PrimaryKeyConstraint("id", name=f"pk_{TABLE}"),
        sa.UniqueConstraint("release_id", "posting_id", name=f"uq_{TABLE}_release_id_posting_id"),
    )
    op.create_index(f"ix_{TABLE}_company", TABLE, ["company_id", "id"])
    op.create_index(f"ix_{TABLE}_record", TABLE, ["record_id", "id"])
    op.execute(BEFORE)
    _keep()


def _keep() -> None:
    """Let the table refuse deletes and changes of what was written."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    refuse = f"BEGIN SELECT RAISE(ABORT, 'append-only: {TABLE}'); END"
    act = "EXECUTE FUNCTION refuse_change()" if on_postgresql else refuse
    each = "FOR EACH ROW" if on_postgresql else ""
    names = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(TABLE)]
    fixed = ", ".join(names)
    op.execute(f"CREATE TRIGGER {TABLE}_no_delete BEFORE DELETE ON {TABLE} {each} {act}")
    op.execute(f"CREATE TRIGGER {TABLE}_no_change BEFORE UPDATE OF {fixed} ON {TABLE} {each} {act}")


def downgrade() -> None:
    """Take it away."""
    op.drop_table(TABLE)
