"""A digest tells a person of some sources nothing of the others."""

import pytest

from holding.access import people
from holding.access.actors import OPERATOR
from holding.company import directory
from holding.db.database import Database
from holding.db.models import Company, Connection
from holding.operations import digests
from tests.holding.shop import Shop, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.factories import connection_named


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """NS-2 does not add up: the accounts team has it, and Lim is in that team."""
    shop = open_shop(database, company, clock)
    shop.publish()
    shop.receive(order("NS-2", total="200.00"))
    shop.judge()
    return shop


def test_a_digest_ends_where_the_sources_of_its_person_do(shop: Shop) -> None:
    lim = shop.actor("lim").person_id or 0
    with shop.database.write() as session:
        for team in ("accounts", "sales_admin"):
            people.add_to_team(session, company_id=shop.company.id, name=team, person_id=lim)
        netshop = connection_named(session, shop.company, "netshop")
        blog = Connection(
            company_id=shop.company.id,
            name="blog",
            side="source",
            connector=netshop.connector,
            settings={},
        )
        session.add(blog)
        session.flush()
        told = digests.of_person(session, shop.company.id, lim)
        assert (len(told.groups), told.records) == (1, 1)
        for source, groups in ((blog, 0), (netshop, 1)):
            directory.limit(
                session,
                OPERATOR,
                company_id=shop.company.id,
                person_id=lim,
                source_ids=[source.id],
                now=shop.now,
            )
            told = digests.of_person(session, shop.company.id, lim)
            assert (len(told.groups), told.records) == (groups, groups)
