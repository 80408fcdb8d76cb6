"""Five companies with three targets in one database, and the workers that serve them all.

Here: setting them up, letting orders arrive, asking for files, looking at memory and what is due.
Not here: what breaks meanwhile, and what must be true (test_f25_soak.py).
"""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, text

from holding.db.database import Database
from holding.db.models import Company, Connection, Posting, Record, Run
from holding.db.models.columns import DUE
from holding.db.refusal import Refusal
from holding.intake import receive
from holding.runs import date_ranges
from holding.runs.status import UNDER_WAY
from tests.faults.abroad import ELSEWHERE
from tests.support.house import DAILY, RULES, House, furnish, make_house, order
from tests.support.simulator import Simulator, simulator

FILE = 500
LEASE = 3  # seconds: a batch of 500 is judged in less, also where two share a lock
AT_ONCE = 5_000  # documents of one run


@dataclass(slots=True)
class Member:
    """One company: how its documents go out, and what it was sent."""

    house: House
    way: str
    share: int
    given: list[str] = field(default_factory=list)
    keys: list[tuple[str, tuple[str, ...], date]] = field(default_factory=list)


SHARES = (("file", 50), ("file", 44), ("at once", 2), ("autocount", 2), ("quickbooks", 2))
"""How the documents of each company go out, and how many of a hundred it has."""


_OF: dict[type[Record | Posting | Run], ColumnElement[bool]] = {
    Record: Record.company_id.in_(select(Company.id)),
    Posting: Posting.connection_id.in_(select(Connection.id)),
    Run: Run.company_id.in_(select(Company.id)),
}
"""Where an index begins: what is asked all the time must not slow down what it measures."""


def _target_of(member: Member) -> Select[Connection]:
    return select(Connection).where(
        Connection.side == "target", Connection.company_id == member.house.company_id
    )


class Fleet:
    """All of them, and the two workers."""

    def __init__(self, members: Sequence[Member], redis_url: str) -> None:
        self.members = members
        self.first = members[0].house
        self.database: Database = self.first.database
        self._told = {"REDIS_URL": redis_url, "CLEARPOST_WORKERS": "1"}
        self._told["CLEARPOST_LEASE_SECONDS"] = str(LEASE)
        self._before = 0.0  # of those that were killed
        self.workers = [self._hire() for _ in range(2)]

    def _hire(self) -> BaseProcess:
        return self.first.worker(**self._told)

    def kill(self, no: int) -> None:
        """kill -9 of a worker; its listener ends by itself, and another one is hired."""
        pid = self.workers[no].pid or 0
        self._before += sum(_cpu(one) for one in (pid, *_children(pid)))
        self.workers[no].kill()
        self.workers[no].join()
        self.workers[no] = self._hire()

    @contextmanager
    def asleep(self, no: int) -> Iterator[None]:
        """A worker and its listener stand still."""
        pids = [self.workers[no].pid or 0, *_children(self.workers[no].pid or 0)]
        for pid in pids:
            _tell(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                _tell(pid, signal.SIGCONT)

    def leave(self) -> None:
        """The workers end as in a deploy."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.join(15)
            if worker.exitcode is None:
                worker.kill()

    def arrive(self, count: int, day: date) -> None:
        """So many orders of this day, in deliveries of a file each."""
        for member in self.members:
            left = max(1, count * member.share // 100)
            while left > 0:
                taken = min(FILE, left)
                left -= taken
                first = 10_000 + len(member.given)
                numbers = tuple(str(first + no) for no in range(taken))
                key = f"evt-{first}"
                assert self._deliver(member, key, numbers, day) == 1
                member.keys.append((key, numbers, day))
                member.given += [f"x-{number}" for number in numbers]

    def repeat(self, chance: Random) -> None:
        """A delivery comes once more."""
        member = chance.choice(self.members)
        assert self._deliver(member, *chance.choice(member.keys)) > 1

    def _deliver(self, member: Member, key: str, numbers: tuple[str, ...], day: date) -> int:
        company_id = member.house.company_id
        with self.database.write() as session:
            source = session.scalars(
                select(Connection).where(
                    Connection.side == "source", Connection.company_id == company_id
                )
            ).one()
            got = receive.receive(
                session,
                company_id=company_id,
                source_id=source.id,
                delivery_key=key,
                kind="order",
                headers={},
                raw=repr(numbers).encode(),
                records=[order(number, _price(number), day) for number in numbers],
                now=datetime.now(UTC),
            )
        assert not isinstance(got, Refusal), got
        return got.times

    def ask_for_files(self) -> None:
        """What an operator does now and then: whatever is ready goes out, as files."""
        for member in self.members:
            if member.way == "file" and (ids := self._ready(member)):
                with self.database.write() as session:
                    target = session.scalars(_target_of(member)).one()
                    now = datetime.now(UTC)
                    date_ranges.add_run(session, target, "range", "sales_invoice", ids, now)

    def _ready(self, member: Member) -> list[int]:
        """The documents that a next run could take; none while there is one."""
        with self.database.read() as session:
            target = session.scalars(_target_of(member)).one()
            mine = select(Run.id).where(Run.connection_id == target.id)
            if session.scalar(mine.where(Run.state.in_(UNDER_WAY)).limit(1)) is not None:
                return []
            ready = select(Posting.id).where(
                Posting.company_id == target.company_id,
                text(Posting.OPEN),
                Posting.state == "ready",
                Posting.due_at.is_(None),
                Posting.lease_until.is_(None),
            )
            return list(session.scalars(ready.order_by(Posting.id).limit(AT_ONCE)))

    def posted(self) -> int:
        """How many records came to an end; which, is for the ledger to say when all is over."""
        companies = [member.house.company_id for member in self.members]
        with self.database.read() as session:
            under_way = select(func.count()).select_from(Record).where(text(Record.OPEN))
            left = session.scalar(under_way.where(Record.company_id.in_(companies))) or 0
        return sum(len(member.given) for member in self.members) - left

    def ages(self) -> dict[str, float]:
        """For how many seconds the oldest work of each kind is due that nobody does."""
        now, ages = datetime.now(UTC), {}
        with self.database.read() as session:
            for table, of in _OF.items():
                due = select(func.min(table.due_at)).where(of, text(DUE), table.due_at <= now)
                oldest = session.scalar(due)
                waits = now - oldest if oldest is not None else timedelta()
                ages[table.__tablename__] = waits.total_seconds()
        return ages

    def cpu(self) -> float:
        """Seconds of processor time of the workers so far."""
        return self._before + sum(_cpu(pid) for pid in self._pids())

    def _pids(self) -> list[int]:
        pids = [worker.pid or 0 for worker in self.workers]
        return pids + [child for pid in pids for child in _children(pid)]

    def memory(self) -> int:
        """MB of the largest worker process."""
        return max(_megabytes(pid) for pid in self._pids())


@contextmanager
def fleet(url: str, home: Path, redis_url: str) -> Iterator[Fleet]:
    """Set up, at work, and sent home at the end."""
    with ExitStack() as stack:
        members: list[Member] = []
        for no, (way, share) in enumerate(SHARES):
            folder = home / f"company-{no}"
            folder.mkdir(parents=True)
            name = way if way in ELSEWHERE else "aiaccount"
            options = ("--calls-a-minute", "1000000") if name == way else ("--dedupe", "nothing")
            target = stack.enter_context(simulator(folder, *options, name=name))
            members.append(Member(_company(url, home, target, no, way, members), way, share))
        made = Fleet(members, redis_url)
        try:
            yield made
        finally:
            made.leave()
            made.database.close()


def _company(
    url: str, home: Path, target: Simulator, no: int, way: str, members: Sequence[Member]
) -> House:
    timing = DAILY if way == "file" else "immediately"
    if not members:
        return make_house(url, home / "home", target, timing=timing)
    first, rules = members[0].house, RULES
    more: dict[str, Any] = {"given": {}}
    if way in ELSEWHERE:
        rules, secret, given = ELSEWHERE[way]
        tokens = {"token_url": f"{target.url}/oauth2/v1/tokens/bearer"}
        given = given | (tokens if way == "quickbooks" else {})
        more = {"connector": way, "secret": secret, "given": given}
    with first.database.write() as session:
        company_id = furnish(
            session,
            first.environment,
            target,
            code=f"kedai{no}",
            rules=rules.replace("TIMING", timing),
            **more,
        )
    return House(first.database, target, first.home, company_id, first.environment)


def _price(number: str) -> Decimal:
    """A shop has many totals, though it may book them all to one customer."""
    return Decimal(20 + int(number) % 199)


def _tell(pid: int, told: signal.Signals) -> None:
    try:
        os.kill(pid, told)
    except ProcessLookupError:
        return


def _children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def _cpu(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            words = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _megabytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            found = next((line for line in file if line.startswith("VmRSS")), "VmRSS: 0")
    except OSError:
        return 0
    return int(found.split()[1]) // 1024
