"""One database: what its errors tell, and what becomes of a connection that was cut."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from holding.db import database as write_turns
from holding.db.database import UNAVAILABLE, Database, open_database
from holding.db.models import Company


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
        assert session.scalar(text("SHOW max_parallel_workers_per_gather")) == "0"
    database.close()


@pytest.mark.slow
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
    monkeypatch.setattr(write_turns, "BUSY_SECONDS", 0.05)
    with other.write() as held:
        held.execute(change)
        with pytest.raises(UNAVAILABLE, match="locked"), mine.write() as session:
            session.execute(change)
    monkeypatch.undo()
    for _ in range(2):
        with mine.write() as session:
            session.execute(change)
            waits = session.scalar(text("PRAGMA busy_timeout"))
            assert waits == write_turns.BUSY_SECONDS * 1000  # of whatever else meets a lock
    for one in (mine, other):
        one.close()
