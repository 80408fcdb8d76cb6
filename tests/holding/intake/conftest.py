"""A shelf that is connected, and a worker that reads it."""

import pytest

from connectors import registry
from connectors.transport.http import Http
from holding.access.actors import SYSTEM
from holding.connections import connections
from holding.db.database import Database
from holding.db.models import Company
from holding.db.refusal import Refusal
from holding.intake.pulls import PullCount, pull_due, start_new_pulls
from tests.holding.desks import KEYS
from tests.holding.intake.pulling import SETTINGS, Read
from tests.holding.intake.shelf import Shelf
from tests.support.clock import SetClock
from tests.support.factories import make_connection


@pytest.fixture
def shelf(
    monkeypatch: pytest.MonkeyPatch, database: Database, company: Company, clock: SetClock
) -> Shelf:
    made = Shelf()
    monkeypatch.setattr(registry, "_SOURCES", (made,))
    with database.write() as session:
        row = make_connection(session, company, "shelf", side="source", settings=SETTINGS)
        told = connections.set_key(
            session, SYSTEM, row.id, "key-of-the-shelf", now=clock.now(), keys=KEYS
        )
        assert not isinstance(told, Refusal)
    return made


@pytest.fixture
def read(database: Database, company: Company, clock: SetClock) -> Read:
    """What a worker does at this moment: begin what is new, then read until nothing is due."""

    def reading() -> PullCount:
        with database.write() as session:
            start_new_pulls(session, clock.now())
        pages = new = 0
        more = True
        while more:
            done = pull_due(
                database,
                clock,
                company_id=company.id,
                owner="worker-1",
                http=Http(clock),
                keys=KEYS,
                lease_seconds=60,
            )
            pages, new, more = pages + done.pages, new + done.new, done.more
            clock.advance(0.001)
        return PullCount(pages, new)

    return reading
