"""Waiting for the turn to write to SQLite, which one transaction has at a time."""

import fcntl
import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from holding.db import database
from holding.db.database import Database, WriteTurns, open_database

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
    WriteTurns(None).begin(asked)
    assert asked.said.count("BEGIN IMMEDIATE") == 3
    assert (asked.said[0], asked.said[-1]) == ("PRAGMA busy_timeout = 0", RESTORED)


def test_another_error_is_told_at_once() -> None:
    asked = Scripted(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_READONLY)
    with pytest.raises(sqlite3.OperationalError):
        WriteTurns(None).begin(asked)
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


def wait_until(seen: Callable[[], bool]) -> None:
    """Until others have come so far; a test that waits in vain fails."""
    pause, until = Event(), monotonic() + 30
    while not seen():
        assert monotonic() < until
        pause.wait(0.001)


def write(shared: Database, word: str, *, many: bool) -> Thread:
    """Somebody else who writes a word, and has begun to ask for the turn."""

    def said() -> None:
        with shared.write(many=many) as session:
            session.execute(text("INSERT INTO said VALUES (:word)"), {"word": word})

    other = Thread(target=said)
    other.start()
    return other


def words(shared: Database) -> list[str]:
    with shared.read() as session:
        return list(session.scalars(text("SELECT word FROM said")))


def waits(shared: Database) -> bool:
    """Whether somebody is seen to wait for the turn."""
    return WriteTurns(shared.engine.url.database)._somebody_waits()


@pytest.mark.parametrize("round_", range(20))
def test_who_writes_much_leaves_the_turn_to_who_waits(
    shared: Database, monkeypatch: pytest.MonkeyPatch, round_: int
) -> None:
    """Turn after turn without a pause: the one who waits has the next, not one of the later."""
    monkeypatch.setattr(database, "PATIENCE", 30.0)
    monkeypatch.setattr(database, "ASKED_AGAIN", 0.001 * (1 + round_ % 7))
    with shared.write(many=True) as session:
        session.execute(text("DELETE FROM said"))
        hook = write(shared, "hook", many=False)
        wait_until(lambda: waits(shared))
    with shared.write(many=True) as session:
        session.execute(text("INSERT INTO said VALUES ('batch')"))
    hook.join(30)
    assert words(shared) == ["hook", "batch"]
    assert not waits(shared)


def test_who_left_the_turn_for_long_is_waited_for_too(
    shared: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    with shared.write(many=True) as session:
        session.execute(text("DELETE FROM said"))
        one = write(shared, "one", many=True)
        wait_until(lambda: waits(shared))
    monkeypatch.setattr(database, "PATIENCE", 30.0)
    with shared.write(many=True) as session:
        session.execute(text("INSERT INTO said VALUES ('two')"))
    one.join(30)
    assert words(shared) == ["one", "two"]


def test_a_lock_that_nobody_gives_back_keeps_nobody_from_writing(
    shared: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    with Path(f"{shared.engine.url.database}-waiting").open("w") as kept:
        fcntl.flock(kept, fcntl.LOCK_SH)
        write(shared, "much", many=True).join(30)
        assert words(shared) == ["much"]
        fcntl.flock(kept, fcntl.LOCK_EX)
        with shared.write(many=True) as session:
            session.execute(text("INSERT INTO said VALUES ('mine')"))
            hook = write(shared, "hook", many=False)
            hook.join(0.02)
        hook.join(30)
    assert words(shared) == ["much", "mine", "hook"]


def test_nobody_but_its_owner_opens_the_file_of_the_lock(shared: Database) -> None:
    with shared.write(many=True) as session:
        session.execute(text("DELETE FROM said"))
    mode = Path(f"{shared.engine.url.database}-waiting").stat().st_mode
    assert mode & 0o077 == 0
