"""The shop of tests of lists: AiAccount has a key and passed its test."""

import pytest

from holding.access.actors import SYSTEM
from holding.connections.connections import set_key
from holding.db.database import Database
from holding.db.models import Company
from holding.db.refusal import Refusal
from tests.holding.desks import KEYS
from tests.holding.shop import Shop, open_shop, start
from tests.support.clock import SetClock
from tests.support.factories import connection_named


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    found = open_shop(database, company, clock)
    with database.write() as session:
        row = connection_named(session, company, "aiaccount")
        kept = set_key(session, SYSTEM, row.id, "aia_live_1", now=clock.now(), keys=KEYS)
        assert not isinstance(kept, Refusal), kept
    return found
