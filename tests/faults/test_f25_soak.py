"""F25: for long, five companies and three targets, and all faults mixed in."""

import os
import sqlite3
import time
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import make_url

from holding.platform import processes
from tests.faults.abroad import ELSEWHERE
from tests.faults.amounts import Done, amount
from tests.faults.fleet import LEASE, Fleet, Member, fleet
from tests.faults.test_f07_doorbells import redis_url
from tests.faults.yard import nothing_wrong

__all__ = ["redis_url"]
SOAK = int(os.environ.get("CLEARPOST_SOAK", "0")) or amount(100, 5_000, 100_000)
SEED = int(os.environ.get("CLEARPOST_SEED", "25"))
LONG = 20_000  # from here on the rate is that of the work, not of the faults
PARTS = 10 if SOAK < LONG else 50  # five to a tenth: each tenth meets each misfortune once
LARGEST_WAL = 256 * 1024 * 1024
OLDEST_DUE = 60.0
LATEST = 600.0  # a part that takes longer has stuck
GROWTH = 1.2
LAST_DAY = date(2026, 11, 19)
SETTLED = 300.0  # five minutes: by then everything is loaded that will be
EVERYWHERE = ("timeout_after", "error_500_after", "unavailable", "html_502_after")
AT_AIACCOUNT = (*EVERYWHERE, "cut_body", "garbage_after", "rate_limited")
"""The others do not say how long to wait after a 429: one is a minute of rest, as it should be."""


class Soak:
    """The course of it: what was measured, and what broke."""

    def __init__(self, there: Fleet, file: Path, redis: str, done: Done) -> None:
        self.there, self.file, self.redis, self.done = there, file, redis, done
        self.chance = Random(SEED)
        self.began = time.monotonic()
        self.sent = 0
        self.ages: list[dict[str, float]] = []
        self.largest_wal = 0
        self.curve: list[tuple[float, int]] = []
        self.marks: list[tuple[float, int]] = [(0.0, 0)]  # when so many were posted
        self.rest = 0.0
        self.bag: list[str] = []

    def part(self, count: int, *, last: bool) -> None:
        """So many orders of the next day, something that breaks, and work until little is left."""
        self.there.arrive(count, LAST_DAY - timedelta(days=PARTS - 1 - len(self.curve)))
        self.sent = sum(len(member.given) for member in self.there.members)
        self._misfortune()
        self.until_posted(self.sent - count // 2)
        self.marks.append((self.seconds, self.there.posted()))
        if last:
            self.until_posted(self.sent)
            self.rest = self.seconds - self.marks[-1][0]
        self.curve.append((self.seconds, self.there.memory()))

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def until_posted(self, count: int) -> None:
        limit = time.monotonic() + LATEST
        while (posted := self.there.posted()) < count:
            assert time.monotonic() < limit, (posted, count, [_told(one) for one in self._all])
            self.there.ask_for_files()
            self.ages.append(self.there.ages())
            wal = Path(f"{self.file}-wal")
            self.largest_wal = max(self.largest_wal, wal.stat().st_size if wal.exists() else 0)
            time.sleep(0.2)

    @property
    def _all(self) -> tuple[Member, ...]:
        return tuple(self.there.members)

    def _misfortune(self) -> None:
        """The targets answer badly, and one thing more happens; everything happens in turn."""
        files = [member for member in self._all if member.way == "file"]
        singly = [member for member in self._all if member.way != "file"]
        for member in singly:
            known = EVERYWHERE if member.way in ELSEWHERE else AT_AIACCOUNT
            # Each at most once: a document that meets `unavailable` twice while others pass is held
            # for a person (TGT12, test_f29_lookups.py), and nobody works here.
            self._answers_badly(member, self.chance.sample(known, 3))
        if len(self.curve) % 5 in (1, 3):  # a lost file is hundreds of doubts
            self._answers_badly(self.chance.choice(files), [self._next_of_a_file()])
        ways: tuple[Callable[[], object], ...] = (
            lambda: self.there.kill(self.chance.randrange(2)),
            lambda: processes.connect(self.redis).flushall(),
            self._locked,
            lambda: self.there.repeat(self.chance),
            self._asleep,
        )
        ways[len(self.curve) % len(ways)]()
        self.there.repeat(self.chance)
        self.done.faults += 2

    def _answers_badly(self, member: Member, plan: list[str]) -> None:
        member.house.target.control("faults", plan=plan)
        self.done.faults += len(plan)

    def _next_of_a_file(self) -> str:
        """Every kind before one comes again."""
        self.bag = self.bag or self.chance.sample(AT_AIACCOUNT, len(AT_AIACCOUNT))
        return self.bag.pop()

    def _locked(self) -> None:
        other = sqlite3.connect(self.file, isolation_level=None, timeout=30)
        other.execute("BEGIN IMMEDIATE")
        time.sleep(1)  # nobody can write for so long
        other.execute("ROLLBACK")
        other.close()

    def _asleep(self) -> None:
        with self.there.asleep(self.chance.randrange(2)):
            time.sleep(2.3 * LEASE)

    def told(self) -> dict[str, object]:
        """What is printed at the end."""
        return {
            "seed": SEED,
            "records": self.sent,
            "seconds": round(self.seconds),
            "rss_mb": [megabytes for _, megabytes in self.curve],
            "records_a_second": self.rates(),
            "rest_seconds": round(self.rest),
            "oldest_due_p99": {kind: round(self.p99(kind), 1) for kind in self.ages[0]},
            "largest_wal_mb": self.largest_wal // 1024 // 1024,
            "cpu_seconds": round(self.there.cpu()),
        }

    def rates(self) -> list[float]:
        """Records that were posted in each tenth, a second. The last half of the last part is no
        part of it: its end is a wait for what was put off for a minute, with nothing to do beside.
        """
        ends = self.marks[:: PARTS // 10]
        return [round((more - many) / (b - a), 1) for (a, many), (b, more) in pairwise(ends)]

    def p99(self, kind: str) -> float:
        """The age of the oldest due work, which all but one look in a hundred were below."""
        return sorted(ages[kind] for ages in self.ages)[int(len(self.ages) * 0.99)]

    def growth(self) -> float:
        """The memory at the end against that after five minutes, or after four tenths."""
        settled = [mb for at, mb in self.curve if at <= SETTLED] or [self.curve[0][1]]
        early = max(settled[-1], *(mb for _, mb in self.curve[: len(self.curve) * 2 // 5]))
        return self.curve[-1][1] / early


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def test_f25_soak(
    database_url: str,
    tmp_path: Path,
    redis_url: str,
    done: Done,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = Path(make_url(database_url).database or "")
    with fleet(database_url, tmp_path, redis_url) as there:
        soak = Soak(there, file, redis_url, done)
        try:
            for no in range(PARTS):
                soak.part(SOAK // PARTS, last=no == PARTS - 1)
        finally:
            with capsys.disabled():
                print(f"\nsoak {soak.told()}", flush=True)
        there.leave()
        for member in there.members:
            nothing_wrong(member.house, member.given, done)
    assert soak.largest_wal < LARGEST_WAL
    assert max(map(soak.p99, soak.ages[0])) < OLDEST_DUE
    assert soak.growth() < GROWTH, soak.curve
    if SOAK >= LONG:
        assert min(soak.rates()) >= 0.7 * soak.rates()[0], soak.rates()


def _told(member: Member) -> tuple[str, list[tuple[str, str | None, str]]]:
    return member.way, member.house.told()[:5]
