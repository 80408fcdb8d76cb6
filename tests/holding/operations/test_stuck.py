"""Work of a worker that is gone, and nobody else's, can be given back; once, and by who may."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.db.database import Database
from holding.db.models import Company, Event, Posting, Record
from holding.db.refusal import Refusal
from holding.operations import stuck_work
from holding.operations.stuck_work import Kind, Requeued
from holding.platform import processes
from tests.support.factories import make_company
from tests.support.postings import NOW, make_ready

OLGA = Actor(
    person_id=None,
    name="Olga",
    email="olga@kedai.my",
    company_id=None,
    roles=frozenset({"operator"}),
)
LEASE = {
    "due_at": None,
    "lease_owner": "a:1",
    "lease_until": NOW + timedelta(seconds=60),
    "fence": 7,
}


@pytest.fixture
def held(database: Database, company: Company) -> int:
    """A document that worker a:1 has in hand; the worker gave a sign now."""
    with database.write() as session:
        posting = make_ready(session, company, "IV-1")
        session.execute(update(Record).values(due_at=None))
        session.execute(update(Posting).values(**LEASE))
        sign(session, NOW)
        return posting.id


def sign(session: Session, now: datetime) -> None:
    processes.beat(session, "a:1", started_at=NOW, now=now, next_by=now + timedelta(seconds=30))


def found(database: Database, company: Company, seconds: float) -> list[str]:
    with database.read() as session:
        at = NOW + timedelta(seconds=seconds)
        return [one.label for one in stuck_work.list_stuck(session, company.id, at)]


def ask(
    database: Database, actor: Actor, item: int, *, fence: int = 7, seconds: float = 61.0
) -> Requeued | Refusal:
    with database.write() as session:
        at = NOW + timedelta(seconds=seconds)
        return stuck_work.requeue(session, actor, Kind.DOCUMENT, item, fence, at)


def test_only_what_a_worker_that_is_gone_has_in_hand_is_stuck(
    database: Database, company: Company, held: int
) -> None:
    assert found(database, company, 29) == []
    assert found(database, company, 31) == ["IV-1"]  # silent, before the lease ends
    with database.write() as session:
        sign(session, NOW + timedelta(seconds=30))
    assert found(database, company, 31) == []
    assert found(database, company, 61) == ["IV-1"]  # the lease is over, whoever lives
    with database.write() as session:
        processes.end_heartbeat(session, "a:1", NOW + timedelta(seconds=31))
    assert found(database, company, 32) == ["IV-1"]


def test_a_worker_that_never_gave_a_sign_is_told_by_its_lease_alone(
    database: Database, company: Company, held: int
) -> None:
    with database.write() as session:
        session.execute(update(Posting).values(lease_owner="child:2"))
    assert found(database, company, 59) == []
    assert found(database, company, 60) == ["IV-1"]


def test_it_is_given_back_once_with_a_new_fence_and_a_line_in_the_trace(
    database: Database, company: Company, held: int
) -> None:
    olga = replace(OLGA, company_id=company.id)
    answer = ask(database, olga, held)
    assert not isinstance(answer, Refusal)
    assert answer.say == "Olga put IV-1 back into the queue: its worker a:1 is gone."
    with database.read() as session:
        row = session.get_one(Posting, held)
        assert (row.lease_owner, row.lease_until, row.fence, row.crashes) == (None, None, 8, 1)
        assert row.due_at == NOW + timedelta(seconds=61)
        event = session.scalars(select(Event).where(Event.act == "work.requeued")).one()
        assert (event.posting_id, event.record_id) == (held, row.record_id)
        assert event.body["say"] == answer.say
    again = ask(database, olga, held)
    assert isinstance(again, Refusal)
    assert again.status == 409


@pytest.mark.parametrize(("fence", "seconds"), [(6, 61), (7, 20)])
def test_what_is_in_other_hands_or_alive_stays(
    database: Database, company: Company, held: int, fence: int, seconds: float
) -> None:
    answer = ask(database, replace(OLGA, company_id=company.id), held, fence=fence, seconds=seconds)
    assert isinstance(answer, Refusal)
    assert answer.status == 409
    with database.read() as session:
        assert session.get_one(Posting, held).lease_owner == "a:1"


def test_nobody_of_another_company_and_nobody_without_the_role_gives_it_back(
    database: Database, company: Company, held: int
) -> None:
    with database.write() as session:
        other = make_company(session, "warung")
    theirs = ask(database, replace(OLGA, company_id=other.id), held)
    assert isinstance(theirs, Refusal)
    assert theirs.status == 409
    finance = replace(OLGA, company_id=company.id, roles=frozenset({"finance"}))
    refused = ask(database, finance, held)
    assert isinstance(refused, Refusal)
    assert refused.status == 403
    assert found(database, other, 61) == []
