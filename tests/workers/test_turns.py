"""Whose turn it is: nobody's long queue keeps another waiting."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import MagicMock

import pytest
from sqlalchemy import select, update

from holding.db import leases
from holding.db.database import Database
from holding.db.models import Company, Posting, Record
from holding.platform import processes
from holding.platform.settings import Settings
from tests.support.clock import SetClock
from tests.support.factories import make_company
from tests.support.postings import NOW, make_ready
from workers import jobs
from workers.loop import Stop, Worker

BATCHES = 20


@pytest.fixture
def busy_and_quiet(database: Database, company: Company) -> tuple[int, int]:
    """Two companies with rules; the first has records due, the second has none yet."""
    with database.write() as session:
        quiet = make_company(session, "warung")
        for owner in (company, quiet):
            make_ready(session, owner, f"IV-{owner.code}", due=None)
            session.get_one(Company, owner.id).ruleset_version_id = 1
        session.execute(update(Record).where(Record.company_id == company.id).values(due_at=NOW))
        return company.id, quiet.id


def test_a_record_of_a_quiet_company_waits_at_most_three_batches(
    database: Database,
    busy_and_quiet: tuple[int, int],
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    busy, quiet = busy_and_quiet
    served: list[int] = []

    def evaluate(company_id: int) -> int:
        """A batch: the busy company is never done, and meanwhile somebody else gets work."""
        served.append(company_id)
        if company_id == quiet or len(served) == 4:
            due = NOW if company_id == busy else None
            with database.write() as session:
                of_quiet = update(Record).where(Record.company_id == quiet)
                session.execute(of_quiet.values(due_at=due))
        if len(served) >= BATCHES:
            stop.set()
        return 1

    stop = Stop()
    monkeypatch.setattr(jobs, "evaluate", evaluate)
    bench = SimpleNamespace(
        database=database, clock=clock, owner="worker-1", settings=Settings.from_env({})
    )
    worker = Worker(cast(Any, bench), stop, url=None)
    while not stop.is_set():
        worker._work()
    assert served.index(quiet) - 4 <= 3
    assert served.count(quiet) == 1
    with database.read() as session:
        assert session.scalars(select(Posting.state)).all() == ["ready", "ready"]


def test_a_duty_that_is_given_up_waits_for_no_lease(database: Database) -> None:
    until = NOW + timedelta(minutes=1)

    def take(owner: str) -> bool:
        with database.write() as session:
            return leases.take(session, "sweeper", owner=owner, until=until, now=NOW)

    def leave(owner: str) -> None:
        with database.write() as session:
            leases.leave(session, "sweeper", owner=owner)

    assert take("first")
    leave("second")
    assert not take("second")
    leave("first")
    assert take("second")


@pytest.mark.parametrize("kind", ["evaluate", "push"])
def test_a_job_that_calls_for_help_rings_for_its_own_kind(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[tuple[int, str]] = []

    def work(*_given: object, call_help: Callable[[], object], **_more: object) -> object:
        call_help()
        assert rung == [(7, kind)]  # while the work is going on
        return SimpleNamespace(count=0, more=False, woke=False, woke_push=False)

    monkeypatch.setattr(jobs, "bench", lambda: MagicMock())
    monkeypatch.setattr(jobs, "judge_due", work)
    monkeypatch.setattr(jobs, "push_due", work)
    monkeypatch.setattr(processes, "ring", lambda company_id, told: rung.append((company_id, told)))
    getattr(jobs, kind)(7)
    assert rung == [(7, kind)]


@pytest.mark.parametrize("woke", [True, False])
def test_a_push_rings_for_the_judging_when_it_may_have_woken_somebody(
    woke: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[tuple[int, str]] = []
    done = SimpleNamespace(count=1, more=False, woke=woke)
    monkeypatch.setattr(jobs, "bench", lambda: MagicMock())
    monkeypatch.setattr(jobs, "push_due", lambda *_given, **_more: done)
    monkeypatch.setattr(processes, "ring", lambda company_id, told: rung.append((company_id, told)))
    assert jobs.push(7) == 1
    assert rung == [(7, "evaluate")] * woke
