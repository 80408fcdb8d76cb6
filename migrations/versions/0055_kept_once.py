"""What repeats in stories is kept once for each version of rules; deliveries are kept packed.

What was stored before is read as it stands, so that nothing is written again on the way up. On the
way down everything is written as it was, for a program that knows nothing of this.
"""

import zlib

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0047"
branch_labels = None
depends_on = None

TABLE = "story_form"
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PACKED = b"\x00z"
SHORTENED = 0x20  # in the second byte of zlib's header: it needs a dictionary
AT_ONCE = 200
STORIES = """
SELECT push.id, push.trace AS kept, story_form.body AS form FROM push
 JOIN evaluation ON evaluation.id = push.evaluation_id
 JOIN story_form ON story_form.ruleset_version_id = evaluation.ruleset_version_id
 WHERE push.id > :after AND push.trace IS NOT NULL ORDER BY push.id LIMIT :most
"""
DELIVERIES = """
SELECT id, body AS kept FROM delivery
 WHERE id > :after AND body IS NOT NULL ORDER BY id LIMIT :most
"""


def upgrade() -> None:
    """Add the table, which keeps what was written."""
    op.create_table(
        TABLE,
        sa.Column("ruleset_version_id", WHOLE, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ruleset_version_id"], ["ruleset_version.id"], name=f"fk_{TABLE}_ruleset_version_id"
        ),
        sa.PrimaryKeyConstraint("ruleset_version_id", name=f"pk_{TABLE}"),
    )
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    refuse = f"BEGIN SELECT RAISE(ABORT, 'append-only: {TABLE}'); END"
    act = "FOR EACH ROW EXECUTE FUNCTION refuse_change()" if on_postgresql else refuse
    op.execute(f"CREATE TRIGGER {TABLE}_no_delete BEFORE DELETE ON {TABLE} {act}")
    op.execute(f"CREATE TRIGGER {TABLE}_no_change BEFORE UPDATE ON {TABLE} {act}")


def downgrade() -> None:
    """Every story and every delivery whole again."""
    bind = op.get_bind()
    stories = sa.text("UPDATE push SET trace = :whole WHERE id = :id")
    for row in _each(bind, STORIES):
        if row.kept[1:2] and row.kept[1] & SHORTENED:
            told = zlib.decompressobj(zdict=row.form).decompress(row.kept)
            bind.execute(stories, {"id": row.id, "whole": zlib.compress(told)})
    deliveries = sa.text("UPDATE delivery SET body = :whole WHERE id = :id")
    for row in _each(bind, DELIVERIES):
        if row.kept.startswith(PACKED):
            bind.execute(deliveries, {"id": row.id, "whole": _unpacked(row.kept)})
    op.drop_table(TABLE)


def _unpacked(kept):
    """What was packed; what only begins so was stored before, and stays."""
    try:
        return zlib.decompress(kept[len(PACKED) :])
    except zlib.error:
        return kept


def _each(bind, query):
    """Rows in the order of their ids, a few at a time: a database may have millions."""
    after = 0
    while rows := bind.execute(sa.text(query), {"after": after, "most": AT_ONCE}).all():
        yield from rows
        after = rows[-1].id
