"""What is written once stays as it was written: every table that says so, on both databases."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Connection, Date, Integer, LargeBinary, Table, Text, text
from sqlalchemy.exc import DatabaseError

from holding.db.database import Database
from holding.db.models import Base
from holding.db.models.columns import Json, Moment

AT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
# Columns that are written later, to what, and what is then refused; None: it may go on changing.
LATER: Mapping[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "evaluation": ({"facts": None}, {"facts": {"made": "up"}}),
    "version": ({"body": None}, {"body": {"made": "up"}}),
    "approval": (
        {"voided_at": AT, "voided_by_id": None, "voided_fields": ["Total"]},
        {"voided_at": None, "voided_by_id": None, "voided_fields": None},
    ),
    "release": (
        {"voided_at": AT, "voided_by_id": None},
        {"voided_at": None, "voided_by_id": None},
    ),
    "dating": ({"voided_at": AT}, {"voided_at": None}),
    "mapping_entry": ({"to_revision": 2}, {"to_revision": None}),
    "snapshot_item": ({"to_revision": 2}, {"to_revision": None}),
    "deputy": ({"ended_at": AT, "ended_by_id": None}, {"ended_at": None, "ended_by_id": None}),
    "request": (
        {
            "body": None,
            "body_removed_at": AT,
            "state": "answered",
            "deadline_at": AT,
            "answered_at": AT,
            "status": 413,
            "answer": b"no",
            "answer_sha256": "x",
        },
        {"body": b"another", "body_removed_at": AT},
    ),
    "attempt": (
        {"state": "accepted", "error_class": "", "error": "", "target_ref": "r", "proof": b""},
        None,
    ),
}
NEVER = (
    "revision",
    "ruleset_version",
    "rule_file",
    "story_form",
    "backtest",
    "retry",
    "accepted_difference",
    "note",
    "change_comment",
    "former_name",
    "event",
    "event_link",
    "posting_line",
    "reading",
)
OWN: Mapping[str, Any] = {
    "revision.kind": "rules",
    "note.kind": "note",
    "attempt.state": "sending",
    "deputy.deputy_id": 2,
    "deputy.until_at": AT + timedelta(days=1),
    "reading.kind": "standing",
    "request.kind": "push",
}


def value_of(column: Column[Any]) -> Any:
    """Something that the column takes."""
    name = f"{column.table.name}.{column.name}"
    given: tuple[tuple[type, Any], ...] = (
        (Moment, AT),
        (Json, {}),
        (Date, date(2026, 11, 20)),
        (Boolean, False),
        (LargeBinary, b""),
        (Text, "x"),
        (Integer, 1),
    )
    plain = next((value for kind, value in given if isinstance(column.type, kind)), 1)
    return OWN.get(name, plain)


def row_in(connection: Connection, table: Table) -> None:
    """One row; whether there is what it belongs to is not asked."""
    if connection.dialect.name == "sqlite":
        plain: Any = connection.connection.driver_connection
        plain.execute("PRAGMA foreign_keys = OFF")
    else:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
    needed = [column for column in table.columns if not column.nullable]
    connection.execute(table.insert().values({c.name: value_of(c) for c in needed}))
    connection.commit()


def refused(connection: Connection, statement: Any) -> bool:
    try:
        with connection.begin_nested():
            connection.execute(statement)
    except DatabaseError as error:
        if "append-only" not in str(error):
            raise
        return True
    return False


@pytest.mark.parametrize("name", [*LATER, *NEVER])
def test_a_row_stays_as_it_was_written(database: Database, name: str) -> None:
    table = Base.metadata.tables[name]
    once, again = LATER.get(name, ({}, None))
    with database.engine.connect() as connection:
        row_in(connection, table)
        assert refused(connection, table.delete())
        fixed = [column for column in table.columns if column.name not in once]
        changed = [c.name for c in fixed if not refused(connection, table.update().values({c: c}))]
        assert changed == []
        if once:
            assert connection.execute(table.update().values(once)).rowcount == 1
        if again is not None:
            assert refused(connection, table.update().values(again))
