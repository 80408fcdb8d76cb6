"""Add the seals of rows, and refuse TRUNCATE of what an auditor relies on."""

from alembic import op

revision = "0106"
down_revision = "0105"
branch_labels = None
depends_on = None

_TYPES = {
    "sqlite": {"id": "INTEGER", "key": "INTEGER", "moment": "VARCHAR(27)"},
    "postgresql": {"id": "bigserial", "key": "bigint", "moment": "timestamp with time zone"},
}

_COLUMNS = ", ".join(
    (
        *("id", "company_id", "record_id", "table_name", "last", "through", "evaluation_id"),
        *("reading_id", "at", "body"),
    )
)

_OF_COMPANY = "WHERE record_id IS NULL"

_INDEXES = (
    "CREATE INDEX ix_row_seal_company ON row_seal (company_id, id)",
    "CREATE INDEX ix_row_seal_record ON row_seal (record_id, id) WHERE record_id IS NOT NULL",
    f"CREATE INDEX ix_row_seal_table ON row_seal (company_id, table_name, id) {_OF_COMPANY}",
)

_KEPT = (
    *("event", "event_link", "row_seal", "record", "delivery", "version", "evaluation", "hold"),
    *("release", "accepted_difference", "dating", "retry", "note", "escalation", "posting"),
    *("approval", "push", "posting_line", "attempt", "request", "reading", "revision"),
    *("ruleset_version", "rule_file", "change", "change_file", "change_comment", "backtest"),
    *("mapping_table", "mapping_entry", "list_file", "import_file", "membership", "deputy"),
)
"""Tables that nobody may empty with one statement, past the triggers on each row."""


def upgrade() -> None:
    """Create the table, which workers fill, and the triggers."""
    dialect = op.get_bind().dialect.name
    types = _TYPES[dialect]
    op.execute(
        f"""CREATE TABLE row_seal (
            id {types["id"]} NOT NULL,
            company_id {types["key"]} NOT NULL,
            record_id {types["key"]},
            table_name TEXT,
            last {types["key"]},
            through {types["key"]} NOT NULL,
            evaluation_id {types["key"]} NOT NULL,
            reading_id {types["key"]} NOT NULL,
            at {types["moment"]} NOT NULL,
            body TEXT NOT NULL,
            CONSTRAINT pk_row_seal PRIMARY KEY (id),
            CONSTRAINT fk_row_seal_company_id FOREIGN KEY (company_id) REFERENCES company (id),
            CONSTRAINT fk_row_seal_record_id FOREIGN KEY (record_id) REFERENCES record (id)
        )"""
    )
    for index in _INDEXES:
        op.execute(index)
    if dialect == "sqlite":
        refuse = "BEGIN SELECT RAISE(ABORT, 'append-only: row_seal'); END"
    else:
        refuse = "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    change = f"CREATE TRIGGER row_seal_no_change BEFORE UPDATE OF {_COLUMNS} ON row_seal"
    op.execute(f"{change} {refuse}")
    op.execute(f"CREATE TRIGGER row_seal_no_delete BEFORE DELETE ON row_seal {refuse}")
    if dialect == "postgresql":
        for table in _KEPT:
            op.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )


def downgrade() -> None:
    """Drop both; the events that seal the rows stay in the chain."""
    if op.get_bind().dialect.name == "postgresql":
        for table in _KEPT:
            op.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")
    op.execute("DROP TABLE row_seal")
