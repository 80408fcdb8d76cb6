"""F26 and F27: from a backup, and through a change of the schema."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, func, make_url, select, text, update

from holding.access.actors import SYSTEM
from holding.connections import connections
from holding.db.database import Database
from holding.db.models import Connection, Record, Singleton
from holding.platform.backup import VERSION, Restored, back_up, restore
from tests.faults.amounts import Done, amount
from tests.faults.yard import nothing_wrong, until_stopped
from tests.support.house import House

CROWD = amount(1_000, 100_000, 100_000)
REAL = 1_000_000  # ids above it are the crowd


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def test_f26_restored_from_a_backup(
    house_of: Callable[..., House], done: Done, tmp_path: Path
) -> None:
    """What was posted after the backup is found in the target and not sent again, although the
    target would take each number twice. The invariants name the documents that the restored
    database does not know.
    """
    house = house_of("--dedupe", "nothing")
    file = str(make_url(house.database.url).database)
    copy = tmp_path / "backup.sqlite3"
    sent = house.orders(amount(3, 30, 300))
    stops = {"CLEARPOST_FAULTS": "push.after_answer_commit=stop@1"}
    with house.working("--no-redis", **stops) as worker:
        until_stopped(worker.pid or 0)
        assert back_up(house.database.url, copy) is None
        with sqlite3.connect(copy) as there:
            meant = {str(row[0]) for row in there.execute("SELECT number FROM push")}
        os.kill(worker.pid or 0, signal.SIGCONT)
        house.wait_for({"posted": len(sent)}, seconds=60)
    done.faults += 1
    house.database.close()
    for rest in ("", "-wal", "-shm"):
        Path(f"{file}{rest}").unlink(missing_ok=True)
    assert isinstance(restore(house.database.url, copy, datetime.now(UTC)), Restored)
    house.database = Database(house.database.url, durable=False)
    _resume(house)
    house.drain({"posted": len(sent)}, seconds=120)
    created = [line["number"] for line in house.target.lines("created")]
    assert len(created) == len(sent)
    forgotten = set(created) - meant
    assert forgotten
    words = (
        "{} stands in the target with a content that we never sent.",
        "{} stands in the target and we never meant to send it.",
    )
    nothing_wrong(
        house, sent, done, known=[word.format(one) for one in forgotten for word in words]
    )


def _resume(house: House) -> None:
    """Resume the target, which the restore paused."""
    with house.database.write() as session:
        target = session.scalars(select(Connection).where(Connection.side == "target")).one()
        assert target.paused_at is not None
        refused = connections.resume(session, SYSTEM, target.id, now=datetime.now(UTC))
        assert refused is None


def test_f27_another_schema_version_and_back(house: House, done: Done) -> None:
    """A worker meets another schema: it claims nothing until the schema fits, and nothing is
    lost.
    """
    sent = house.orders(amount(5, 50, 500))
    house.drain({"posted": len(sent)}, seconds=60)
    sent += house.orders(5)
    _crowd(house, CROWD)
    with house.working("--no-redis") as worker:
        for _ in range(2):
            _wait_for_sweeps(house, active=True)  # a worker that starts later would end at once
            _schema_becomes(house, "0003")
            _wait_for_sweeps(house, active=False)
            _make_due(house)
            time.sleep(1)  # three sweeps in which it could claim
            assert _waiting(house) == len(sent)
            _schema_becomes(house, VERSION)
            house.wait_until(lambda states: states.get("posted") == len(sent))
            house.wait_until(lambda _states: _waiting(house) == 0)
            done.faults += 1
        assert worker.is_alive()
    _crowd(house, 0)
    nothing_wrong(house, sent, done)


def _schema_becomes(house: House, version: str) -> None:
    with house.database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})


def _wait_for_sweeps(house: House, *, active: bool) -> None:
    """Wait until a worker holds the duty to sweep, which each sweep prolongs, or none does."""
    limit = time.monotonic() + 30
    sweeping = select(func.count()).select_from(Singleton)
    while True:
        with house.database.read() as session:
            held = session.scalar(sweeping.where(Singleton.until > datetime.now(UTC)))
        if bool(held) == active:
            return
        assert time.monotonic() < limit, f"held: {held}"
        time.sleep(0.05)


def _make_due(house: House) -> None:
    """Every record of the shop asks to be judged again."""
    with house.database.write() as session:
        due = update(Record).where(Record.id <= REAL).values(due_at=datetime.now(UTC))
        session.execute(due)


def _waiting(house: House) -> int:
    """How many are due and claimed by nobody."""
    free = select(func.count(Record.id)).where(
        Record.due_at.is_not(None), Record.lease_owner.is_(None)
    )
    with house.database.read() as session:
        return session.scalar(free) or 0


def _crowd(house: House, count: int) -> None:
    """So many records that ask for nothing, or none of them any more."""
    columns = [column.name for column in Record.__table__.columns]
    others = {"id": f"{REAL} + no", "family": f"{REAL} + no", "state": "'ignored'"}
    others |= {"external_id": "'crowd-' || no", "number": "'crowd-' || no", "due_at": "NULL"}
    values = ", ".join(others.get(name, f"record.{name}") for name in columns)
    with house.database.write() as session:
        if not count:
            session.execute(delete(Record).where(Record.id > REAL))
            return
        session.execute(
            text(
                f"WITH RECURSIVE crowd(no) AS (SELECT 1 UNION ALL SELECT no + 1 FROM crowd"
                f" WHERE no < :count) INSERT INTO record ({', '.join(columns)})"
                f" SELECT {values} FROM crowd, (SELECT * FROM record LIMIT 1) record"
            ),
            {"count": count},
        )
        assert session.scalar(select(func.count(Record.id))) >= count  # type: ignore[operator]
