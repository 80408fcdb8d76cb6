"""Which entries a posting was made with, without a look at both rows for each use.

There are several uses a document, and PostgreSQL looked at a row, locked it and counted its lockers
for every one of them, twice. The entries cannot be deleted, and no posting is ever deleted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLE = "posting_use"
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEYS = {"entry_id": "mapping_entry", "posting_id": "posting"}


def upgrade() -> None:
    """Take the foreign keys away."""
    if op.get_bind().dialect.name == "sqlite":
        _new_table(keys=False)
        return
    for column in KEYS:
        op.drop_constraint(f"fk_{TABLE}_{column}", TABLE, type_="foreignkey")


def downgrade() -> None:
    """Give them back."""
    if op.get_bind().dialect.name == "sqlite":
        _new_table(keys=True)
        return
    for column, there in KEYS.items():
        op.create_foreign_key(f"fk_{TABLE}_{column}", TABLE, there, [column], ["id"])


def _new_table(*, keys: bool) -> None:
    """The same rows in a new table; triggers that speak of it by name are left alone."""
    op.execute("PRAGMA legacy_alter_table = ON")
    op.rename_table(TABLE, f"{TABLE}_before")
    op.drop_index(f"ix_{TABLE}_posting_id", f"{TABLE}_before")
    checks = [
        sa.ForeignKeyConstraint([column], [f"{there}.id"], name=op.f(f"fk_{TABLE}_{column}"))
        for column, there in KEYS.items()
        if keys
    ]
    op.create_table(
        TABLE,
        *(sa.Column(column, WHOLE, nullable=False) for column in KEYS),
        *checks,
        sa.PrimaryKeyConstraint(*KEYS, name=op.f(f"pk_{TABLE}")),
        sqlite_with_rowid=False,
    )
    op.execute(f"INSERT INTO {TABLE} SELECT entry_id, posting_id FROM {TABLE}_before")  # noqa: S608
    op.drop_table(f"{TABLE}_before")
    op.create_index(op.f(f"ix_{TABLE}_posting_id"), TABLE, ["posting_id"])
    op.execute("PRAGMA legacy_alter_table = OFF")
