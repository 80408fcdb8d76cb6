"""Lists of a target's codes from files that people give in, and parties that are not one."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0040"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
KINDS = "\"kind\" IN ('customer', 'vendor', 'item')"
NOW = "to_file_id IS NULL"
KEYS = ("code_key", "name_key", "tin_key", "registration_key")


def upgrade() -> None:
    """None was given in before."""
    _files()
    _codes()
    op.create_table(
        "kept_apart",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("first", sa.Text(), nullable=False),
        sa.Column("second", sa.Text(), nullable=False),
        sa.Column("person_id", WHOLE, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        *_references("kept_apart", {"company_id": "company", "person_id": "person"}),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_apart")),
        sa.UniqueConstraint(
            "company_id", "first", "second", name=op.f("uq_kept_apart_company_id_first_second")
        ),
    )


def _files() -> None:
    own = {"company_id": "company", "connection_id": "connection", "person_id": "person"}
    counts = ("entries", "added", "changed", "gone")
    op.create_table(
        "list_file",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("connection_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("person_id", WHOLE, nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        *[sa.Column(name, WHOLE, nullable=False) for name in counts],
        sa.CheckConstraint(KINDS, name=op.f("ck_list_file_kind")),
        *_references("list_file", own),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_file")),
    )
    op.create_index("ix_list_file_of", "list_file", ["connection_id", "kind", "id"])


def _codes() -> None:
    own = {
        "connection_id": "connection",
        "from_file_id": "list_file",
        "to_file_id": "list_file",
    }
    op.create_table(
        "listed_code",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("connection_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        *[
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("code", "name", "tin", "registration")
        ],
        sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()),
        *[sa.Column(name, sa.Text(), nullable=False) for name in KEYS],
        sa.Column("from_file_id", WHOLE, nullable=False),
        sa.Column("to_file_id", WHOLE, nullable=True),
        *_references("listed_code", own),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listed_code")),
    )
    _index("uq_listed_code_now", "code", NOW, unique=True)
    for name in KEYS[:2]:
        ops = {name: "text_pattern_ops"}
        _index(f"ix_listed_code_{name}", name, NOW, postgresql_ops=ops)
    for name in KEYS[2:]:
        _index(f"ix_listed_code_{name}", name, f"{NOW} AND {name} <> ''")
    op.create_index("ix_listed_code_from", "listed_code", ["from_file_id"])
    op.create_index("ix_listed_code_to", "listed_code", ["to_file_id"])


def _index(name: str, column: str, term: str, **more: object) -> None:
    where = sa.text(term)
    columns = ["connection_id", "kind", column]
    op.create_index(
        name, "listed_code", columns, sqlite_where=where, postgresql_where=where, **more
    )


def _references(table: str, own: dict[str, str]) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}"))
        for column, to in own.items()
    ]


def downgrade() -> None:
    """The lists are forgotten; every mapping that came of them stays."""
    op.drop_table("kept_apart")
    op.drop_table("listed_code")
    op.drop_table("list_file")
