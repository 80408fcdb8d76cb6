"""Open holds are tallied by source, target, amount and age, too; ages are counted to a midnight
that is noted for each company. People keep filters of the holding area under a name.

Whoever changes the target of a hold marks its record from now on. Every record that has an open
hold is marked here: until a worker has folded it, pages count it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0075"
down_revision = "0074"
branch_labels = None
depends_on = None

LOOKS = ("state", "cause_id", '"class"', "team_id", "person_id", "snoozed_until", "code", "book",
         "record_id", "opened_at", "answer_by", "posting_id")  # fmt: skip
FINE = 1 << 40
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.Text()
MARK = "INSERT INTO tally_mark (company_id, record_id)"
HELD = "SELECT DISTINCT company_id, record_id FROM hold WHERE state = 'open'"
MARKED = f"{MARK} VALUES (NEW.company_id, NEW.record_id)"
ON_HOLD = "hold_tally_update"


def upgrade() -> None:
    """Mark by one column more, and what is held now."""
    op.add_column("company", sa.Column("ages_from", MOMENT, nullable=True))
    _of_holds((*LOOKS, "connection_id"))
    op.execute(f"{MARK} {HELD}")
    op.create_table(
        "saved_view",
        sa.Column("id", WHOLE, nullable=False),
        *[sa.Column(name, WHOLE, nullable=False) for name in ("company_id", "person_id")],
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", JSON, nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        *[
            sa.ForeignKeyConstraint(
                [f"{table}_id"], [f"{table}.id"], name=op.f(f"fk_saved_view_{table}_id")
            )
            for table in ("company", "person")
        ],
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint(
            "company_id", "person_id", "name", name=op.f("uq_saved_view_company_id_person_id_name")
        ),
    )


def downgrade() -> None:
    """What is tallied by finer shapes than a program of before reads, it counts anew."""
    op.drop_table("saved_view")
    _of_holds(LOOKS)
    op.drop_column("company", "ages_from")
    for table in ("tallied_record", "hold_tally"):
        op.execute(f"DELETE FROM {table} WHERE cause_id > {FINE} OR cause_id = 0")  # noqa: S608 - ours
    op.execute(f"{MARK} {HELD}")


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _of_holds(columns: tuple[str, ...]) -> None:
    """Mark a record when one of these columns of a hold of it changes."""
    on_postgresql = _on_postgresql()
    other = "IS DISTINCT FROM" if on_postgresql else "IS NOT"
    op.execute(f"DROP TRIGGER {ON_HOLD}{' ON hold' if on_postgresql else ''}")
    changed = " OR ".join(f"OLD.{one} {other} NEW.{one}" for one in columns)
    then = f"EXECUTE FUNCTION {ON_HOLD}()" if on_postgresql else f"BEGIN {MARKED}; END"
    each = "FOR EACH ROW" if on_postgresql else ""
    act = f"UPDATE OF {', '.join(columns)}"
    op.execute(f"CREATE TRIGGER {ON_HOLD} AFTER {act} ON hold {each} WHEN ({changed}) {then}")
