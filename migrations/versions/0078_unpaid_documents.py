"""Lists of unpaid invoices and bills: whose each is, and what is left to pay."""

import sqlalchemy as sa
from alembic import op

revision = "0078"
down_revision = "0077"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BEFORE = "'customer', 'vendor', 'item'"
AFTER = f"{BEFORE}, 'invoice', 'bill'"
CHECKED = ("list_file", "list_reading")
WHERE = "to_file_id IS NULL AND party <> ''"


def upgrade() -> None:
    """None was read before; whoever sweeps next begins."""
    _allow(BEFORE, AFTER)
    for name in ("party", "currency"):
        column = sa.Column(name, sa.Text(), server_default="", nullable=False)
        op.add_column("listed_code", column)
    op.add_column("listed_code", sa.Column("left_minor", WHOLE, nullable=True))
    columns = "connection_id, kind, party"
    op.execute(f"CREATE INDEX ix_listed_code_party ON listed_code ({columns}) WHERE {WHERE}")


def downgrade() -> None:
    """Lists of unpaid documents are forgotten: the program of before knows none. They are read once
    more by one that does.
    """
    gone = "kind IN ('invoice', 'bill')"
    for table in ("list_part", "list_reading", "listed_code", "list_file"):
        op.execute(f"DELETE FROM {table} WHERE {gone}")  # noqa: S608 - names from above
    op.execute("DROP INDEX ix_listed_code_party")
    for name in ("left_minor", "currency", "party"):
        op.drop_column("listed_code", name)
    _allow(AFTER, BEFORE)


def _allow(before: str, after: str) -> None:
    """SQLite keeps a check as text and has no statement for another one: the text is replaced, as
    its documentation says for changes that leave the rows alone.
    """
    if op.get_bind().dialect.name == "postgresql":
        for table in CHECKED:
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_kind")
            check = f'CHECK ("kind" IN ({after}))'
            op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_kind {check}")
        return
    op.execute("PRAGMA writable_schema = ON")
    for table in CHECKED:
        op.get_bind().execute(
            sa.text(
                "UPDATE sqlite_master SET sql = replace(sql, :old, :new)"
                " WHERE type = 'table' AND name = :name"
            ),
            {"old": f"({before})", "new": f"({after})", "name": table},
        )
    op.execute("PRAGMA writable_schema = RESET")
