"""The company of the histories: its rules, its people, its orders, made once and copied.

Here: the template, opening a copy of it, and the web calls and workers that act on it. Not here:
in which order they act (history.py).
"""

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, TypeVar

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from connectors.contract import IncomingRecord
from connectors.transport import strict_json
from holding.access.actors import SYSTEM, Actor, load_keys
from holding.access.people import add_to_team
from holding.approvals import approve as approvals_approve
from holding.connections import connections
from holding.connections.channel import Desk
from holding.connections.connections import CALLS_PER_MINUTE
from holding.db.models import Company, Connection, Hold, Posting
from holding.db.models.columns import moment_of
from holding.db.refusal import Refusal
from holding.evaluation.evaluate_due import judge_due
from holding.intake import receive
from holding.platform.backup import upgrade
from holding.platform.changes import next_revision, wake_all_unsent
from holding.platform.settings import Settings
from holding.runs.dispatch import open_desk, push_due
from tests.faults.target import Wire, WireHttp
from tests.faults.tasks import Moving, OneWriter, Points
from tests.support.factories import make_person
from tests.support.house import RULES, make_house
from tests.support.simulator import DEMO_KEY
from workers.jobs import Bench
from workers.loop import Sweeper

START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
LIMIT = 500
APPROVE = f"""
approve order for aiaccount.sales_invoice
    when     total > {LIMIT}.00
    by       accounts
    say      "{{total}} is above the limit."
"""
LEASE, ANSWER, SETTLE, SWEEP = 60.0, 40.0, 30.0, 5.0
CLAIMED = "('ready', 'posted', 'sending', 'uncertain', 'awaiting')"
NEXT = f"""
SELECT (SELECT min(at) FROM (
    SELECT min(due_at) AS at FROM posting WHERE state IN {CLAIMED}
    UNION ALL SELECT min(lease_until) FROM posting
    UNION ALL SELECT min(due_at) FROM record
    UNION ALL SELECT min(lease_until) FROM record
    UNION ALL SELECT min(due_at) FROM run
    UNION ALL SELECT min(lease_until) FROM run
)), (SELECT max(open_until) FROM throttle WHERE breaker <> 'closed')
"""  # one statement: it is asked after every turn
HOST = "ai.example.test"
CONNECTION = select(Connection).where(
    Connection.side == bindparam("side"), Connection.company_id == bindparam("company")
)
WAITING = select(Hold.posting_id).where(Hold.state == "open", Hold.code == "APP01")
APPROVERS = ("lim@example.test", "siti@example.test")


@dataclass(frozen=True)
class Template:
    """A migrated file with the company in it, and what its processes are told."""

    file: Path
    company_id: int
    approvers: tuple[Actor, ...]
    admin: Actor
    settings: Settings
    environment: dict[str, str]


@cache
def template() -> Template:
    """Made once a process."""
    home = Path(tempfile.mkdtemp(prefix="clearpost-town-", dir=_quick_folder()))
    file = home / "template.sqlite3"
    upgrade(f"sqlite:///{file}")
    target: Any = SimpleNamespace(url=f"https://{HOST}")
    house = make_house(f"sqlite:///{file}", home / "home", target, rules=RULES + APPROVE)
    with house.database.write() as session:
        company = session.get_one(Company, house.company_id)
        given = [make_person(session, company, email, "approver") for email in APPROVERS]
        for person in given:
            add_to_team(session, company_id=house.company_id, name="accounts", person_id=person.id)
        admin = make_person(session, company, "admin@example.test", "admin", "operator")
    house.database.close()
    told = {"CLEARPOST_SETTLE_SECONDS": str(SETTLE), "CLEARPOST_LEASE_SECONDS": str(LEASE)}
    told |= {"CLEARPOST_ANSWER_SECONDS": str(ANSWER), "CLEARPOST_SWEEP_SECONDS": str(SWEEP)}
    settings = Settings.from_env(house.environment | told)
    actors = tuple(_actor(house.company_id, person, "approver") for person in given)
    gc.collect()
    gc.freeze()  # what stays is not looked through for cycles in every history
    manager = _actor(house.company_id, admin, "admin", "operator")
    return Template(file, house.company_id, actors, manager, settings, house.environment)


def _actor(company_id: int, person: Any, *roles: str) -> Actor:
    return Actor(person.id, person.name, person.email, company_id, frozenset(roles))


def _connection(session: Session, side: str, company_id: int) -> Connection:
    return session.scalars(CONNECTION, {"side": side, "company": company_id}).one()


def _quick_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Town:
    """One copy of the company with its target, its clock and its workers."""

    secret = DEMO_KEY

    def __init__(
        self,
        database: OneWriter,
        folder: Path,
        *,
        dedupe: str,
        lag: float = 0,
        made: Template | None = None,
    ) -> None:
        self.made = made or template()
        self.database, self.clock = database, Moving(START)
        self.wire = Wire(folder, self.clock, dedupe, lag)
        self.wires = {HOST: self.wire}
        self.points = Points()
        self.failures: list[str] = []
        self.company_id = self.made.company_id
        self._keys = load_keys(self.made.settings)
        assert not isinstance(self._keys, Refusal)

    def settle(self, older_than: float = 0) -> None:
        """Whatever is on its way to any target for so long arrives."""
        for wire in self.wires.values():
            wire.settle(older_than)

    def worker(self, name: str, seed: int) -> Iterator[int]:
        """A worker: turn after turn, each as workers/loop.py makes it; how much was done."""
        desk = open_desk(
            self.database,
            self.clock,
            owner=name,
            settings=self.made.settings,
            chance=Random(seed),
        )
        assert isinstance(desk, Desk)
        http = WireHttp(self.clock, self.wires, seconds=ANSWER)
        desk = Desk(**{field: getattr(desk, field) for field in Desk.__slots__} | {"http": http})
        bench = Bench(self.made.settings, self.database, self.clock, desk, name)  # type: ignore[arg-type]
        sweeper, swept = Sweeper(bench), -SWEEP
        while True:
            if self.clock.monotonic() - swept >= SWEEP:
                sweeper.sweep()
                swept = self.clock.monotonic()
            done = 0
            for kind, company_id in sweeper.due():
                try:
                    work = self._judge if kind == "evaluate" else self._push
                    done += work(bench, company_id)
                except Exception as error:  # as workers/jobs.py `safely` does
                    self.failures.append(f"{kind}: {type(error).__name__}: {error}")
            yield done

    def _judge(self, bench: Bench, company_id: int) -> int:
        return judge_due(
            self.database,
            bench.clock,
            company_id=company_id,
            owner=bench.owner,
            lease_seconds=LEASE,
        ).count

    def _push(self, bench: Bench, company_id: int) -> int:
        pushed = push_due(
            self.database,
            bench.clock,
            company_id=company_id,
            owner=bench.owner,
            desk=bench.desk,
        )
        assert not isinstance(pushed, Refusal)
        return pushed.count

    def deliver(self, key: str, *orders: IncomingRecord, company_id: int = 0) -> str:
        """A webhook; the same key again is the same delivery."""
        to = company_id or self.company_id
        with self.database.write() as session:
            source = _connection(session, "source", to)
            got = receive.receive(
                session,
                company_id=to,
                source_id=source.id,
                delivery_key=key,
                kind="order",
                headers={},
                raw=repr(orders).encode(),
                records=orders,
                now=self.clock.now(),
            )
        return got.code if isinstance(got, Refusal) else "kept"

    def approve(self, by: int) -> int:
        """One of the approvers approves everything that waits for it; how much it was."""
        with self.database.read() as session:
            waiting = [found for found in session.scalars(WAITING) if found is not None]
        if not waiting:
            return 0
        with self.database.write() as session:
            got = approvals_approve.approve(
                session, self.made.approvers[by], waiting, "Looks right.", self.clock.now()
            )
        return 0 if isinstance(got, Refusal) else len(got.done)

    def pause(self, *, on: bool) -> None:
        with self.database.write() as session:
            target = _connection(session, "target", self.company_id)
            now = self.clock.now()
            if on:
                connections.pause(session, self.made.admin, target.id, "a history", now=now)
            else:
                connections.resume(session, self.made.admin, target.id, now=now)

    def rekey(self) -> None:
        """The same secret is stored once more: every judging under way is stale."""
        with self.database.write() as session:
            target = _connection(session, "target", self.company_id)
            connections.set_key(
                session,
                SYSTEM,
                target.id,
                self.secret,
                now=self.clock.now(),
                keys=self._keys,  # type: ignore[arg-type]
            )

    def world_changes(self) -> None:
        """Something changes that every unsent record is judged again for."""
        with self.database.write() as session:
            now = self.clock.now()
            next_revision(
                session, self.company_id, "setting", "a word", person_id=None, reason="", now=now
            )
            wake_all_unsent(session, self.company_id, now)

    def allow(self, per_minute: int) -> None:
        """The target takes so many calls a minute, as its connection says."""
        with self.database.write() as session:
            target = _connection(session, "target", self.company_id)
            target.settings = {**target.settings, CALLS_PER_MINUTE: per_minute}

    def open_work(self) -> list[tuple[str, str]]:
        """(number, state) of everything that has not come to rest."""
        resting = ("posted", "held", "failed", "dropped", "ignored", "waiting", "reversed")
        with self.database.read() as session:
            query = select(Posting.number, Posting.state).where(Posting.state.not_in(resting))
            return [(number, state) for number, state in session.execute(query)]

    def next_moment(self) -> datetime | None:
        """When somebody has something to do next; None when all is at rest."""
        with self.database.engine.connect() as connection:
            work, opens = connection.exec_driver_sql(NEXT).one()
        found = max(work, opens) if work and opens and moment_of(opens) > self.clock.now() else work
        return moment_of(found) if found else None


_DATABASES: dict[Path, OneWriter] = {}


T = TypeVar("T", bound=Town)


@contextmanager
def town(*, dedupe: str = "nothing", lag: float = 0) -> Iterator[Town]:
    """A fresh copy; the engine and what it has compiled are used again."""
    with copied(template(), partial(Town, dedupe=dedupe, lag=lag)) as opened:
        yield opened


@contextmanager
def copied(made: Template, opening: Callable[..., T]) -> Iterator[T]:
    """A fresh copy of what was made, opened."""
    folder = made.file.parent / f"history-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    file = made.file.parent / f"history-{os.getpid()}.sqlite3"
    database = _DATABASES.setdefault(file, OneWriter(f"sqlite:///{file}", durable=False))
    database.close()
    for rest in ("-wal", "-shm"):
        Path(f"{file}{rest}").unlink(missing_ok=True)
    shutil.copyfile(made.file, file)
    database.holder = None
    opened = opening(database, folder, made=made)
    before, strict_json._PLAN = strict_json._PLAN, opened.points  # type: ignore[assignment]
    gc.disable()  # what a history leaves behind is looked for after it
    try:
        yield opened
    finally:
        gc.enable()
        strict_json._PLAN = before
        database.close()
