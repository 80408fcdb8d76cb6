"""Open holds are tallied; whoever changes one marks its record, and a worker folds the marks.

Every record that has an open hold is marked here: until a worker has folded it, pages count it. So
the tally is right from its first moment, however many there are.
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LOOKS = ("state", "cause_id", '"class"', "team_id", "person_id", "snoozed_until", "code", "book",
         "record_id")  # fmt: skip
OPEN = sa.text("state = 'open'")
MONEY = ("amount", "currency")
MARK = "INSERT INTO tally_mark (company_id, record_id)"
FUNCTION = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
 {mark};
 RETURN NULL;
END $$
"""
TRIGGERS = (
    ("hold_tally_insert", "hold", "INSERT", (), "NEW.company_id, NEW.record_id"),
    ("hold_tally_update", "hold", "UPDATE", LOOKS, "NEW.company_id, NEW.record_id"),
    ("hold_tally_delete", "hold", "DELETE", (), "OLD.company_id, OLD.record_id"),
    ("record_tally_update", "record", "UPDATE", MONEY, "NEW.company_id, NEW.id"),
)
"""Name, table, act, the columns whose change counts, and the record."""


def upgrade() -> None:
    """Make the tables and the triggers, and mark what is held now."""
    op.create_table(
        "hold_tally",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("cause_id", WHOLE, nullable=False),
        sa.Column("shape", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        *[
            sa.Column(name, WHOLE, nullable=False, server_default="0")
            for name in ("records", "minor", "blank")
        ],
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_hold_tally_company_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold_tally")),
        sa.UniqueConstraint(
            "company_id",
            "cause_id",
            "shape",
            "currency",
            name=op.f("uq_hold_tally_company_id_cause_id_shape_currency"),
        ),
    )
    op.create_table(
        "tallied_record",
        sa.Column("record_id", WHOLE, nullable=False),
        sa.Column("cause_id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("tally_id", WHOLE, nullable=False),
        sa.Column("minor", WHOLE, nullable=True),
        *[
            sa.ForeignKeyConstraint([own], [f"{table}.id"], name=op.f(f"fk_tallied_record_{own}"))
            for own, table in (
                ("record_id", "record"),
                ("company_id", "company"),
                ("tally_id", "hold_tally"),
            )
        ],
        sa.PrimaryKeyConstraint("record_id", "cause_id", name=op.f("pk_tallied_record")),
    )
    op.create_table(
        "tally_mark",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("record_id", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tally_mark")),
    )
    op.create_index("ix_tally_mark_company", "tally_mark", ["company_id", "record_id"])
    op.create_index(
        "ix_hold_team",
        "hold",
        ["company_id", "team_id", "person_id", "opened_at"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    for trigger in TRIGGERS:  # before the marks: what an older worker commits is marked, too
        _make(*trigger)
    op.execute(
        f"{MARK} SELECT DISTINCT company_id, record_id FROM hold WHERE state = 'open'"  # noqa: S608 - ours
    )


def _make(name: str, table: str, act: str, columns: tuple[str, ...], record: str) -> None:
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    other = "IS DISTINCT FROM" if on_postgresql else "IS NOT"
    changed = " OR ".join(f"OLD.{one} {other} NEW.{one}" for one in columns)
    when = f"WHEN ({changed})" if columns else ""
    of = f"OF {', '.join(columns)}" if columns else ""
    mark = f"{MARK} VALUES ({record})"
    if on_postgresql:
        op.execute(FUNCTION.format(name=name, mark=mark))
    then = f"EXECUTE FUNCTION {name}()" if on_postgresql else f"BEGIN {mark}; END"
    each = "FOR EACH ROW" if on_postgresql else ""
    op.execute(f"CREATE TRIGGER {name} AFTER {act} {of} ON {table} {each} {when} {then}")


def downgrade() -> None:
    """Forget the tally: whatever it says can be counted."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for name, table, *_ in TRIGGERS:
        op.execute(f"DROP TRIGGER {name}{f' ON {table}' if on_postgresql else ''}")
        if on_postgresql:
            op.execute(f"DROP FUNCTION {name}()")
    op.drop_index("ix_hold_team", "hold")
    op.drop_index("ix_tally_mark_company", "tally_mark")
    for table in ("tally_mark", "tallied_record", "hold_tally"):
        op.drop_table(table)
