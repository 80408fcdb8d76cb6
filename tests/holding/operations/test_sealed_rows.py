"""Every column that is declared as sealed is sealed: whoever edits it with SQL is found out."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    LargeBinary,
    Table,
    insert,
    select,
    text,
)
from sqlalchemy.engine import Connection as Connected
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from holding.db.models import Base, Evaluation, Posting, Reading, Record, RouteStop
from holding.db.models.columns import Json, Moment, Packed, table_of
from holding.operations import sealed_rows
from holding.platform import events, row_trail
from holding.platform.changes import next_revision
from holding.platform.events import record_event
from holding.platform.sealed_tables import OF_COMPANY, OF_RECORD, TABLES_LEFT_OUT, Cover
from tests.holding.life import Life
from tests.holding.operations.test_acts_kept import acted
from tests.holding.operations.test_contents import said

__all__ = ["acted"]

COVERS = (*OF_RECORD, *OF_COMPANY)
MOMENT = datetime(2026, 11, 20, 1, tzinfo=UTC)
WORDS = {
    "reading.kind": "standing",
    "schedule.at": "01:00",
    "route_stop.state": "stopped",
    "import_file.state": "exported",
    "recipient.kind": "mail",
    "recipient.person_id": None,
    "recipient.secret": None,
    "deputy.deputy_id": 2,
    "deputy.until_at": MOMENT + timedelta(days=1),
}
"""Values of columns that take only some words."""


def seal(life: Life) -> None:
    """Link and seal everything, as a worker does when it leaves."""
    database, now = life.shop.database, life.shop.now
    for _ in range(2):
        events.link_due_events(database, now=now, all_events=True)
        row_trail.seal_due_rows(database, now=now, at_once=True)


def without_guards(connection: Connected) -> None:
    """Take away what keeps a row from being changed, as the owner of the database can."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET session_replication_role = replica"))
        return
    raw: Any = connection.connection.driver_connection
    raw.execute("PRAGMA foreign_keys = OFF")
    raw.execute("PRAGMA ignore_check_constraints = ON")
    guards = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    for name in connection.scalars(text(guards)).all():
        connection.execute(text(f'DROP TRIGGER "{name}"'))


def with_guards(connection: Connected) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET session_replication_role = DEFAULT"))
        connection.commit()  # a rollback would take the setting back
        return
    raw: Any = connection.connection.driver_connection
    raw.execute("PRAGMA foreign_keys = ON")
    raw.execute("PRAGMA ignore_check_constraints = OFF")


def sample(connection: Connected, table: Table, column: Column[Any]) -> Any:
    """A value that such a column may have: of a foreign key the first id that there is."""
    if f"{table.name}.{column.name}" in WORDS:
        return WORDS[f"{table.name}.{column.name}"]
    if column.foreign_keys:
        return connection.scalar(select(next(iter(column.foreign_keys)).column).limit(1))
    kinds: tuple[tuple[Any, Any], ...] = (
        (Json, {}),
        (Moment, MOMENT),
        (Date, date(2026, 11, 20)),
        (Boolean, False),
        (BigInteger, 1),
        (LargeBinary, b"bytes"),
    )
    return next((value for kind, value in kinds if isinstance(column.type, kind)), "a word")


@pytest.fixture
def full(acted: Life) -> Life:
    """A shop with at least one row in each table that is sealed, all sealed by a worker."""
    shop = acted.shop
    with shop.database.engine.connect() as connection:
        without_guards(connection)
        for cover in COVERS:
            table = table_of(cover.model)
            if connection.scalar(select(text("1")).select_from(table).limit(1)) is None:
                values = {one.name: sample(connection, table, one) for one in table.columns}
                connection.execute(insert(table).values(values))
        connection.commit()
        with_guards(connection)
    with shop.database.write() as session:
        for record_id in [None, *session.scalars(select(Record.id))]:
            record_event(
                session,
                company_id=shop.company.id,
                at=shop.now,
                actor=None,
                act="audit.noted",
                record_id=record_id,
                body={"say": "Noted."},
            )
    seal(acted)
    assert said(acted) == []
    return acted


def edits(connection: Connected, cover: Cover) -> Iterator[tuple[str, str, str]]:
    """Column, statement and key of an edit of each sealed column in the table's first row."""
    table = table_of(cover.model)
    first = connection.execute(select(*table.primary_key).order_by(*table.primary_key)).first()
    assert first is not None, cover.table
    terms = [f'"{name}" = {value!r}' for name, value in zip(cover.key, first, strict=True)]
    key = "/".join(map(str, first))
    for column in table.columns:
        if column.name not in cover.left_out:
            name = f'"{column.name}"'
            value = another(connection.dialect.name, column, name)
            yield (
                column.name,
                f'UPDATE "{table.name}" SET {name} = {value} WHERE {" AND ".join(terms)}',
                key,
            )


def another(dialect: str, column: Column[Any], name: str) -> str:
    """Another value for a column; in SQLite one that it cannot have."""
    kind = column.type
    if isinstance(kind, Boolean):
        return f"NOT coalesce({name}, {'false' if dialect == 'postgresql' else 0})"
    if isinstance(kind, BigInteger):
        return f"coalesce({name}, 0) + 1000"
    if dialect == "postgresql":
        if isinstance(kind, Moment):
            return f"coalesce({name}, now()) + interval '1 day'"
        if isinstance(kind, Date):
            return f"coalesce({name}, current_date) + 1"
        if isinstance(kind, LargeBinary | Packed):
            return "'\\x1234'::bytea"
    return "'broken'"


def messages(session: Session, life: Life) -> list[str]:
    company_id = life.shop.company.id
    return [one.message for one in sealed_rows.row_breaks(session, company_id)]


def test_each_table_is_sealed_or_left_out_with_a_reason() -> None:
    sealed = {cover.table for cover in COVERS}
    assert sealed | set(TABLES_LEFT_OUT) == set(Base.metadata.tables)
    assert sealed & set(TABLES_LEFT_OUT) == set()
    for cover in COVERS:
        columns = set(table_of(cover.model).columns.keys())
        named = [*cover.state, *cover.cleared, *cover.left_out]
        assert len(named) == len(set(named)), cover.table
        assert set(named) <= columns, cover.table
        assert all(cover.left_out.values()), cover.table
    assert all(TABLES_LEFT_OUT.values())


def test_a_revision_without_an_event_is_sealed_by_the_next_pass(acted: Life) -> None:
    seal(acted)
    database, company_id = acted.shop.database, acted.shop.company.id
    with database.write() as session:
        words = "the period list changed"
        next_revision(
            session,
            company_id,
            "snapshot",
            words,
            person_id=None,
            reason=None,
            now=acted.shop.now,
        )
    with database.read() as session:
        assert messages(session, acted) == []
    seal(acted)
    with database.read() as session:
        assert not row_trail.has_new_revision(session, company_id)
        assert messages(session, acted) == []


@pytest.mark.slow
@pytest.mark.parametrize(("state", "is_named"), [("counting", False), ("stopped", True)])
def test_a_route_stop_needs_an_event_of_the_company_once_it_decides_something(
    acted: Life, state: str, is_named: bool
) -> None:
    seal(acted)
    with acted.shop.database.write() as session:
        company_id = acted.shop.company.id
        session.add(RouteStop(company_id=company_id, route="r", revision=1, state=state))
    with acted.shop.database.read() as session:
        assert any("route_stop" in message for message in messages(session, acted)) is is_named


def new_evaluations(session: Session, life: Life, moments: Sequence[datetime]) -> list[int]:
    """Store a further evaluation of a record at each moment; return their ids."""
    columns = table_of(Evaluation)
    ids = []
    for number, at in zip(("A-1", "A-2"), moments, strict=True):
        record_id = life.shop.record(session, number).id
        query = select(columns).where(columns.c.record_id == record_id).limit(1)
        row = dict(session.execute(query).mappings().one())
        del row["id"]
        new = insert(columns).values({**row, "at": at, "fence": 99}).returning(columns.c.id)
        ids.append(session.scalars(new).one())
    return ids


def new_readings(session: Session, _: Life, moments: Sequence[datetime]) -> list[int]:
    """Store a read-back of the first posting at each moment; return their ids."""
    posting_id = session.scalars(select(Posting.id).order_by(Posting.id).limit(1)).one()
    ids = []
    for at in moments:
        reading = Reading(
            posting_id=posting_id, kind="standing", at=at, sha256="0" * 64, body={}, same=True
        )
        session.add(reading)
        session.flush()
        ids.append(reading.id)
    return ids


@pytest.mark.parametrize(
    ("ahead", "sealed_at_once"),
    [(timedelta(), 0), (timedelta(seconds=20), 0), (timedelta(days=2), 2)],
    ids=["now", "the clock of another machine", "before the clock was set back"],
)
@pytest.mark.parametrize(
    ("store", "mark_column"),
    [(new_evaluations, "evaluation_id"), (new_readings, "reading_id")],
    ids=["evaluation", "reading"],
)
def test_a_row_that_is_not_settled_is_sealed_later(
    acted: Life,
    store: Callable[[Session, Life, Sequence[datetime]], list[int]],
    mark_column: str,
    ahead: timedelta,
    sealed_at_once: int,
) -> None:
    seal(acted)
    database = acted.shop.database
    now = acted.shop.now + 2 * row_trail.EVERY
    with database.write() as session:
        ids = store(session, acted, (now + ahead, now - timedelta(days=1)))
    assert ids == sorted(ids)
    sealed = []
    for moment in (now, now + ahead + 2 * row_trail.EVERY):
        row_trail.seal_due_rows(database, now=moment)
        with database.read() as session:
            assert messages(session, acted) == []
            mark = row_trail.newest_mark(session, acted.shop.company.id)
            sealed.append(sum(row_id <= getattr(mark, mark_column) for row_id in ids))
    assert sealed == [sealed_at_once, 2]


def test_an_edit_of_each_sealed_column_is_named_with_its_row(full: Life) -> None:
    unnoticed, refused, first_elsewhere = [], [], []
    with full.shop.database.engine.connect() as connection:
        without_guards(connection)
        statements = [(cover, *one) for cover in COVERS for one in edits(connection, cover)]
        connection.commit()
        assert len(statements) > 250
        if full.shop.database.dialect == "postgresql":  # the same seals: some columns are enough
            statements = statements[::3]
        for cover, column, statement, key in statements:
            place = f"{cover.table}.{column}"
            try:
                assert connection.execute(text(statement)).rowcount == 1, statement
            except (IntegrityError, DataError):  # PostgreSQL keeps its checks
                refused.append(place)
                connection.rollback()
                without_guards(connection)
                continue
            with Session(connection) as session:
                found = messages(session, full)
                row = f"Table {cover.table}, row {key}"
                if not any(one.startswith((f"{row}:", f"{row},")) for one in found):
                    unnoticed.append(place)
                moves = column in cover.key or column.endswith("_id")
                if found and not moves and not found[0].startswith(row):
                    first_elsewhere.append(place)
            connection.rollback()
            without_guards(connection)
        with_guards(connection)
    assert unnoticed == []
    assert first_elsewhere == []
    assert len(refused) <= 12, refused
