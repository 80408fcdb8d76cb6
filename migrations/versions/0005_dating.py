"""What people say of a document's day, and that they do not also approve it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
FIXED = "id, record_id, route, instead_of, day, person_id, reason, at, operation_id"
OWN_HAND = """EXISTS (SELECT 1 FROM posting p JOIN dating d
 ON d.record_id = p.record_id AND d.route = p.route AND d.voided_at IS NULL
 WHERE p.id = NEW.posting_id AND d.person_id IN (NEW.person_id, NEW.for_person_id))"""


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def upgrade() -> None:
    """Add the table, let it keep what was written, and refuse the dater's own approval."""
    op.create_table(
        "dating",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("record_id", WHOLE, nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("instead_of", sa.Date(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("person_id", WHOLE, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("operation_id", sa.Text(), nullable=True),
        sa.Column("voided_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name="fk_dating_record_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_dating_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_dating"),
    )
    standing = sa.text("voided_at IS NULL")
    op.create_index(
        "uq_dating_standing",
        "dating",
        ["record_id", "route"],
        unique=True,
        sqlite_where=standing,
        postgresql_where=standing,
    )
    if _on_postgresql():
        each, refuse = "FOR EACH ROW", "EXECUTE FUNCTION refuse_change()"
        op.execute(
            "CREATE FUNCTION refuse_hand_dating() RETURNS trigger LANGUAGE plpgsql AS $$\n"
            f"BEGIN IF {OWN_HAND} THEN RAISE EXCEPTION 'duties kept apart: approval'"
            " USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$"
        )
        op.execute(
            "CREATE TRIGGER approval_dating BEFORE INSERT ON approval"
            " FOR EACH ROW EXECUTE FUNCTION refuse_hand_dating()"
        )
    else:
        each, refuse = "", "BEGIN SELECT RAISE(ABORT, 'append-only: dating'); END"
        op.execute(
            f"CREATE TRIGGER approval_dating BEFORE INSERT ON approval WHEN {OWN_HAND}"
            " BEGIN SELECT RAISE(ABORT, 'duties kept apart: approval'); END"
        )
    op.execute(
        f"CREATE TRIGGER dating_once BEFORE UPDATE OF voided_at ON dating {each}"
        f" WHEN (OLD.voided_at IS NOT NULL) {refuse}"
    )
    op.execute(f"CREATE TRIGGER dating_no_delete BEFORE DELETE ON dating {each} {refuse}")
    op.execute(
        f"CREATE TRIGGER dating_no_change BEFORE UPDATE OF {FIXED} ON dating {each} {refuse}"
    )


def downgrade() -> None:
    """Take it away."""
    on_postgresql = _on_postgresql()
    op.execute(f"DROP TRIGGER approval_dating{' ON approval' if on_postgresql else ''}")
    if on_postgresql:
        op.execute("DROP FUNCTION refuse_hand_dating()")
    op.drop_table("dating")
