"""Which part something waits for: of one company, by its moment, on both databases."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from holding.connections.master_data import month_of
from holding.db.database import Database
from holding.db.models import Company, Connection, Posting, Record, Throttle
from holding.operations.idle_work import Part, load_waits, long_waits
from holding.operations.latency import measure_latency
from holding.operations.target_figures import list_workers, target_figures
from holding.rulesets.target_ways import load_late_calls
from holding.worklist.filters import own_companies
from holding.worklist.search import find_whereabouts
from tests.support.factories import make_company, make_person
from tests.support.postings import NOW, make_ready
from tests.support.zones import SHOP_ZONE

LATER = NOW + timedelta(minutes=11)
Told = list[tuple[Part, str, int, int]]


def told(database: Database, company: Company, now: datetime = LATER) -> Told:
    with database.read() as session:
        waited = load_waits(session, company.id, now)
        found = long_waits(waited, load_late_calls(session, company.id, now))
    return [(one.part, one.connection, one.count, one.minutes) for one in found]


@pytest.fixture
def other(database: Database, company: Company) -> Company:
    """Two documents are due in the company, one in another; no record is."""
    with database.write() as session:
        second = make_company(session, "warung")
        for owner, numbers in ((company, ("IV-1", "IV-2")), (second, ("IV-3",))):
            for number in numbers:
                make_ready(session, owner, number)
        session.execute(update(Record).values(due_at=None))
        session.execute(update(Posting).values(due_at=NOW))
    return second


def throttle(database: Database, company: Company, **values: object) -> None:
    """What stands in the row of the company's target."""
    with database.write() as session:
        key = session.scalars(
            select(Connection.id).where(
                Connection.company_id == company.id, Connection.side == "target"
            )
        ).one()
        row = session.get(Throttle, key) or Throttle(connection_id=key)
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)


def test_what_nobody_took_for_ten_minutes_waits_for_us(
    database: Database, company: Company, other: Company
) -> None:
    assert told(database, company, NOW + timedelta(minutes=9, seconds=59)) == []
    assert told(database, company) == [(Part.OURS, "", 2, 11)]
    assert told(database, other) == [(Part.OURS, "", 1, 11)]


def test_what_a_dead_worker_keeps_waits_for_us_and_what_is_paused_for_nobody(
    database: Database, company: Company, other: Company
) -> None:
    with database.write() as session:
        leased = update(Posting).where(Posting.number == "IV-1")
        session.execute(leased.values(due_at=None, lease_owner="a:1", lease_until=NOW))
        paused = update(Connection).where(Connection.company_id == other.id)
        session.execute(paused.values(paused_at=NOW))
    assert told(database, company) == [(Part.OURS, "", 2, 11)]
    assert told(database, other) == []


def test_a_target_that_is_away_and_a_quota_that_is_spent_are_named_instead(
    database: Database, company: Company, other: Company
) -> None:
    throttle(database, company, breaker="open", opened_at=NOW - timedelta(minutes=5))
    assert told(database, company) == [(Part.TARGET, "aiaccount", 2, 16)]
    throttle(database, company, breaker="open", opened_at=LATER - timedelta(minutes=5))
    assert told(database, company) == []
    month = month_of(LATER, SHOP_ZONE)
    spent = {"quota_limit": 5, "quota_used": 5, "quota_month": month}
    throttle(database, company, breaker="closed", opened_at=None, **spent)
    assert told(database, company) == [(Part.QUOTA, "aiaccount", 2, 11)]
    assert told(database, other) == [(Part.OURS, "", 1, 11)]


def test_the_other_figures_are_of_one_company_too(
    database: Database, company: Company, other: Company
) -> None:
    with database.write() as session:
        person = make_person(session, other, "siti@warung.my", "viewer", "finance")
        person_id = person.id
    with database.read() as session:
        assert measure_latency(session, company.id, LATER).records == 0
        assert list_workers(session, company.id, LATER) == ()
        (figures,) = target_figures(session, company.id, LATER)
        assert (figures.connection, figures.sent, figures.failure_share) == ("aiaccount", 0, 0.0)
        (found,) = find_whereabouts(session, other.id, "IV-3", hidden=())
        assert [one.number for one in found.documents] == ["IV-3"]
        assert find_whereabouts(session, company.id, "IV-3", hidden=()) == ()
        (line,) = own_companies(session, person_id)
        assert (line.code, line.roles, line.held, line.targets) == (
            "warung",
            ("finance", "viewer"),
            0,
            1,
        )
