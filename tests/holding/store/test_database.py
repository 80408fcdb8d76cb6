"""One database: what its errors tell, and what becomes of a connection that was cut."""

import gc
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from holding.store import database as opening
from holding.store.database import BUSY_SECONDS, UNAVAILABLE, Database, open_database
from holding.tables import Company


def test_an_error_of_the_database_names_no_values(database: Database) -> None:
    with pytest.raises(DBAPIError) as found, database.read() as session:
        session.execute(text("SELECT * FROM nowhere WHERE name = :name"), {"name": "Aisyah binti"})
    assert "nowhere" in str(found.value)
    assert "Aisyah" not in str(found.value)


def test_a_connection_that_was_cut_is_replaced_unseen(database_url: str) -> None:
    """As after a restart of the server, or of what stands between."""
    database = open_database(database_url)  # as the product opens it
    if database.engine.dialect.name == "sqlite":
        pytest.skip("a file has no connection that somebody else could cut")
    with database.engine.connect() as killer:
        with database.engine.connect() as other:
            pid = other.scalar(text("SELECT pg_backend_pid()"))
        cut = text("SELECT pg_terminate_backend(:pid, 10000)")  # waits until it is gone
        assert killer.scalar(cut, {"pid": pid}) is True
        with database.read() as session:
            assert session.scalar(text("SELECT 1")) == 1
    database.close()


def test_postgresql_does_not_compile_short_statements(database_url: str) -> None:
    database = open_database(database_url)
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no such compiler")
    with database.read() as session:
        assert session.scalar(text("SHOW jit")) == "off"
    database.close()


def test_postgresql_keeps_what_it_prepared_from_page_to_page(database_url: str) -> None:
    """A page does not have its statements read again, which were read for the one before."""
    database = open_database(database_url)
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite keeps its statements itself")
    query = select(Company.id).where(Company.code == "nowhere")
    for _ in range(8):
        with database.read() as session:
            session.execute(query)
    with database.read() as session:
        prepared = session.scalars(text("SELECT statement FROM pg_prepared_statements")).all()
    assert [one for one in prepared if "company.code" in one]
    database.close()


def test_postgresql_forgets_what_it_prepared_for_a_column_that_changed(database_url: str) -> None:
    """Only one page meets that a column has another type by now."""
    database, other = open_database(database_url), open_database(database_url)
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite reads its statements again by itself")
    asked = text("SELECT told FROM probe")
    with other.write() as session:
        session.execute(text("DROP TABLE IF EXISTS probe"))
        session.execute(text("CREATE TABLE probe AS SELECT 1 AS told"))
    for _ in range(8):
        with database.read() as session:
            session.execute(asked)
    with other.write() as session:
        session.execute(text("ALTER TABLE probe ALTER told TYPE text"))
    with suppress(DBAPIError), database.read() as session:
        session.execute(asked)
    with database.read() as session:
        assert session.scalar(asked) == "1"
    with other.write() as session:
        session.execute(text("DROP TABLE probe"))
    database.close()
    other.close()


def test_what_was_begun_and_dropped_is_not_kept(database: Database, company: Company) -> None:
    """A connection that nobody gave back, as when its thread was ended."""
    lost = database._writing.connect()
    lost.execute(update(Company).values(name="Half"))
    del lost
    gc.collect()
    with database.read() as session:
        assert session.get_one(Company, company.id).name == company.name


def test_a_reading_session_leaves_nothing_behind(database: Database, company: Company) -> None:
    with database.read() as session:
        session.get_one(Company, company.id).name = "Other"
    with suppress(DBAPIError), database.read() as session:
        session.get_one(Company, company.id).name = "Other"
        session.flush()
    with suppress(DBAPIError), database.read() as session:
        session.execute(update(Company).values(name="Other"))
    with database.read() as session:
        assert session.get_one(Company, company.id).name == company.name


def test_a_database_that_was_closed_is_opened_again_by_who_reads(database_url: str) -> None:
    database = open_database(database_url)
    with database.read() as session:
        session.execute(text("SELECT 1"))
    database.close()
    with database.read() as session:
        session.execute(text("SELECT 1"))
    assert database.engine.pool is database._reading.pool
    assert database.engine.pool.checkedin() == 1  # type: ignore[attr-defined]
    database.close()


def test_many_who_write_at_once_all_get_their_turn(database: Database, company: Company) -> None:
    def change(_: int) -> None:
        with database.write() as session:
            session.execute(update(Company).values(revision=Company.revision + 1))

    with ThreadPoolExecutor(16) as people:
        list(people.map(change, range(400)))
    with database.read() as session:
        assert session.scalar(select(Company.revision)) == company.revision + 400


def test_who_waits_too_long_to_write_is_told_and_may_ask_again(
    database_url: str, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = open_database(database_url), open_database(database_url)
    if mine.dialect != "sqlite":
        pytest.skip("only SQLite lets one write at a time")
    change = update(Company).where(Company.id == company.id).values(revision=Company.revision + 1)
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.05)
    with other.write() as held:
        held.execute(change)
        with pytest.raises(UNAVAILABLE, match="locked"), mine.write() as session:
            session.execute(change)
    monkeypatch.undo()
    for _ in range(2):
        with mine.write() as session:
            session.execute(change)
            waits = session.scalar(text("PRAGMA busy_timeout"))
            assert waits == BUSY_SECONDS * 1000  # of whatever else meets a lock
    for one in (mine, other):
        one.close()
