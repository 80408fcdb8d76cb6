"""The SKU that people gave an item, of a target whose documents name it by an id of its own."""

from alembic import op

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None

_WHERE = "to_file_id IS NULL AND sku_key <> ''"


def upgrade() -> None:
    """Blank of every entry, until its target is read again."""
    for name in ("sku", "sku_key"):
        op.execute(f"ALTER TABLE listed_code ADD COLUMN {name} VARCHAR DEFAULT '' NOT NULL")
    columns = "connection_id, kind, sku_key"
    op.execute(f"CREATE INDEX ix_listed_code_sku_key ON listed_code ({columns}) WHERE {_WHERE}")


def downgrade() -> None:
    """They are read again by a program that knows them."""
    op.execute("DROP INDEX ix_listed_code_sku_key")
    for name in ("sku_key", "sku"):
        op.drop_column("listed_code", name)
