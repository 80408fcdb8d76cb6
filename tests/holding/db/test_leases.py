"""Leases after a clock was set back: none lasts for longer than a lease can."""

from datetime import timedelta

from sqlalchemy import select, update

from holding.db import leases
from holding.db.database import Database
from holding.db.models import Company, Posting, Record
from holding.evaluation.batch import sweep_expired
from holding.posting.claims import release_expired_claims
from tests.support.postings import NOW, make_ready

DAY, LONGEST = timedelta(days=1), timedelta(minutes=4)


def test_a_lease_from_tomorrow_is_over(database: Database, company: Company) -> None:
    with database.write() as session:
        make_ready(session, company, "IV-1")
        for table in (Record, Posting):
            session.execute(update(table).values(lease_owner="dead", lease_until=NOW + DAY))
    assert sweep_expired(database, NOW) == 0
    assert sweep_expired(database, NOW, longest=LONGEST) == 1
    with database.write() as session:
        assert release_expired_claims(session, NOW) == 0
        assert release_expired_claims(session, NOW, longest=LONGEST) == 1
        assert session.scalars(select(Posting.lease_until)).all() == [None]


def test_a_lease_of_this_minute_stays(database: Database, company: Company) -> None:
    with database.write() as session:
        make_ready(session, company, "IV-1")
        session.execute(update(Record).values(lease_owner="busy", lease_until=NOW + LONGEST / 2))
    assert sweep_expired(database, NOW, longest=LONGEST) == 0


def test_a_duty_from_tomorrow_goes_to_who_asks(database: Database) -> None:
    length = timedelta(seconds=15)

    def take(owner: str, at: timedelta) -> bool:
        with database.write() as session:
            return leases.take(
                session, "sweeper", owner=owner, until=NOW + at + length, now=NOW + at
            )

    assert take("dead", DAY)
    assert take("next", timedelta())
    assert not take("third", timedelta(seconds=1))
