"""F26 and F27: from a backup, and through a change of the schema."""

import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, make_url, select, text

from holding.database import Database
from holding.migrate import downgrade, upgrade
from holding.models import Record
from tests.faults.amounts import Done, amount
from tests.faults.yard import nothing_wrong
from tests.support.house import House

CROWD = amount(1_000, 100_000, 100_000)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def test_f26_restored_from_a_backup(
    house_of: Callable[..., House], done: Done, tmp_path: Path
) -> None:
    """What was posted after the backup stands there already: it is found and not sent again."""
    house = house_of("--dedupe", "nothing", dedupe="none")
    file = str(make_url(house.database.url).database)
    copy = tmp_path / "backup.sqlite3"
    sent = house.orders(amount(3, 30, 300))
    with house.working("--no-redis"):
        house.wait_until(lambda states: states.get("posted", 0) > 0)
        with sqlite3.connect(file) as here, sqlite3.connect(copy) as there:
            here.backup(there)
        house.wait_for({"posted": len(sent)}, seconds=60)
    done.faults += 1
    house.database.close()
    for rest in ("", "-wal", "-shm"):
        Path(f"{file}{rest}").unlink(missing_ok=True)
    shutil.copyfile(copy, file)
    house.database = Database(house.database.url, durable=False)
    house.drain({"posted": len(sent)}, seconds=120)
    assert len(house.target.lines("created")) == len(sent)
    found = house.compared(sent)
    done.records += len(sent)
    assert (found.lost, found.doubled) == (0, 0), found.details


def test_f27_the_schema_goes_up_and_down(house: House, done: Done) -> None:
    """A worker of this program meets another schema: it waits or ends, and nothing is lost."""
    sent = house.orders(amount(5, 50, 500))
    house.drain({"posted": len(sent)}, seconds=60)
    sent += house.orders(5)
    _crowd(house, CROWD)
    with house.working("--no-redis"):
        for _ in range(2):
            downgrade(house.database.url, "0003")
            time.sleep(0.5)  # a moment in which it finds the wrong schema
            upgrade(house.database.url)
            done.faults += 1
    _crowd(house, 0)
    house.drain({"posted": len(sent)}, seconds=60)
    nothing_wrong(house, sent, done)


def _crowd(house: House, count: int) -> None:
    """So many records that ask for nothing, or none of them any more."""
    columns = [column.name for column in Record.__table__.columns]
    others = {"id": "1000000 + no", "family": "1000000 + no", "state": "'ignored'"}
    others |= {"external_id": "'crowd-' || no", "number": "'crowd-' || no", "due_at": "NULL"}
    values = ", ".join(others.get(name, f"record.{name}") for name in columns)
    with house.database.write() as session:
        if not count:
            session.execute(text("DELETE FROM record WHERE id > 1000000"))
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
