"""What people were called before: a name by which a source calls its maker still finds them."""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0085"
down_revision = "0083"
branch_labels = None
depends_on = None

TABLE = "former_name"
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the table, with the names of before that the trail tells of."""
    op.create_table(
        TABLE,
        sa.Column("person_id", WHOLE, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("until_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=f"fk_{TABLE}_person_id"),
        sa.PrimaryKeyConstraint("person_id", "name", name=f"pk_{TABLE}"),
    )
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    refuse = f"BEGIN SELECT RAISE(ABORT, 'append-only: {TABLE}'); END"
    act = "EXECUTE FUNCTION refuse_change()" if on_postgresql else refuse
    each = "FOR EACH ROW" if on_postgresql else ""
    for name, what in (("no_delete", "DELETE"), ("no_change", "UPDATE")):
        op.execute(f"CREATE TRIGGER {TABLE}_{name} BEFORE {what} ON {TABLE} {each} {act}")
    row = f"INSERT INTO {TABLE} (person_id, name, until_at) VALUES (:person, :name, :at)"  # noqa: S608
    for (person, name), at in dict(_told()).items():
        op.get_bind().execute(sa.text(row), {"person": person, "name": name, "at": at})


def _told() -> Iterator[tuple[tuple[int, str], Any]]:
    """Person and name of before, with when it was given up; told in each company of theirs."""
    told = sa.text("SELECT at, body FROM event WHERE act = 'person.renamed' ORDER BY id")
    for row in op.get_bind().execute(told):
        body = json.loads(row.body)
        old, is_called, _ = str(body.get("say", "")).partition(" is called ")
        if is_called and old and body.get("person"):
            yield (int(body["person"]), old), row.at


def downgrade() -> None:
    """Take it away; the trail still tells of each."""
    op.drop_table(TABLE)
