"""Waiting for the turn to write to SQLite, which one transaction has at a time."""

import sqlite3
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from holding.store import database
from holding.store.database import Database, open_database

RESTORED = "PRAGMA busy_timeout = 30000"


class Scripted:
    """A connection whose turn to write comes after some errors."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.said: list[str] = []

    def execute(self, statement: str) -> None:
        self.said.append(statement)
        if statement == "BEGIN IMMEDIATE" and self.codes:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = self.codes.pop(0)
            raise error


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY, 517, 773])
def test_who_finds_it_taken_in_whatever_way_asks_again(code: int) -> None:
    """Also while another process reads the log of one that was killed: that is busy, too."""
    asked = Scripted(code, code)
    database._begin_to_write(asked)
    assert asked.said.count("BEGIN IMMEDIATE") == 3
    assert (asked.said[0], asked.said[-1]) == ("PRAGMA busy_timeout = 0", RESTORED)


def test_another_error_is_told_at_once() -> None:
    asked = Scripted(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_READONLY)
    with pytest.raises(sqlite3.OperationalError):
        database._begin_to_write(asked)
    assert asked.said.count("BEGIN IMMEDIATE") == 1
    assert asked.said[-1] == RESTORED


@pytest.fixture
def shared(tmp_path: Path) -> Database:
    made = open_database(f"sqlite:///{tmp_path / 'turns.sqlite3'}")
    with made.write() as session:
        session.execute(text("CREATE TABLE said (word TEXT)"))
    return made


def test_who_waits_has_the_next_turn(shared: Database) -> None:
    started = Event()

    def second() -> None:
        started.set()
        with shared.write() as session:
            session.execute(text("INSERT INTO said VALUES ('second')"))

    other = Thread(target=second)
    with shared.write() as session:
        session.execute(text("INSERT INTO said VALUES ('first')"))
        other.start()
        assert started.wait(30)
    other.join(30)
    with shared.read() as session:
        assert list(session.scalars(text("SELECT word FROM said"))) == ["first", "second"]


def test_who_waited_too_long_is_told_that_it_is_locked(
    shared: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.0)
    with shared.write() as mine:
        mine.execute(text("INSERT INTO said VALUES ('mine')"))
        with pytest.raises(OperationalError, match="database is locked"), shared.write() as other:
            other.execute(text("INSERT INTO said VALUES ('other')"))
    with shared.read() as session:
        assert list(session.scalars(text("SELECT word FROM said"))) == ["mine"]
