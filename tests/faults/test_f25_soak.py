"""F25 to F27: for long, from a backup, and through a change of the schema."""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import make_url

from holding.database import Database
from holding.migrate import downgrade, upgrade
from tests.faults.amounts import Done, amount
from tests.faults.yard import nothing_wrong
from tests.support.house import House

SOAK = int(os.environ.get("CLEARPOST_SOAK", "0")) or amount(100, 1500, 100_000)
SEED = int(os.environ.get("CLEARPOST_SEED", "25"))
FAULTS = ("timeout_after", "error_500_after", "cut_body", "unavailable", "garbage_after")
LARGEST_WAL = 256 * 1024 * 1024


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def test_f25_soak(
    house_of: Callable[..., House], done: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    house, chance = house_of("--dedupe", "nothing"), Random(SEED)
    sent: list[str] = []
    began, curve, rates = time.monotonic(), [], []
    workers = [house.worker("--no-redis") for _ in range(2)]
    for part in range(10):
        started = time.monotonic()
        sent += house.orders(SOAK // 10)
        house.target.control("faults", plan=[chance.choice(FAULTS) for _ in range(5)])
        if part % 3 == 1:
            workers[0].kill()
            workers[0].join()
            workers[0] = house.worker("--no-redis")
            done.faults += 1
        done.faults += 5
        house.wait_until(_posted(len(sent)), seconds=3600)
        rates.append(SOAK // 10 / (time.monotonic() - started))
        curve.append(_megabytes(workers[1].pid or 0))
    for worker in workers:
        worker.terminate()
        worker.join(15)
    with capsys.disabled():
        told = {"seed": SEED, "records": len(sent), "seconds": round(time.monotonic() - began)}
        print(
            f"\nsoak {told | {'rss_mb': curve, 'records_a_second': [round(r, 1) for r in rates]}}"
        )
    assert _wal(house) < LARGEST_WAL
    assert curve[-1] <= curve[4] * 1.2 + 10, curve
    nothing_wrong(house, sent, done)


def _posted(count: int) -> Callable[[dict[str, int]], bool]:
    return lambda states: states.get("posted", 0) == count


def _megabytes(pid: int) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        found = next(line for line in file if line.startswith("VmRSS"))
    return int(found.split()[1]) // 1024


def _wal(house: House) -> int:
    wal = Path(f"{make_url(house.database.url).database}-wal")
    return wal.stat().st_size if wal.exists() else 0


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
    upgrade(house.database.url)
    sent += house.orders(5)
    with house.working("--no-redis"):
        for _ in range(2):
            downgrade(house.database.url, "0003")
            time.sleep(0.5)  # a moment in which it finds the wrong schema
            upgrade(house.database.url)
            done.faults += 1
    house.drain({"posted": len(sent)}, seconds=60)
    nothing_wrong(house, sent, done)
