"""What a filter of the holding list finds."""

import pytest

from holding.db.database import Database
from holding.db.models import Company
from holding.worklist import facets
from holding.worklist.filters import Filter
from tests.holding.shop import DEBTORS, FILES, Shop, open_shop, order
from tests.support.clock import SetClock

NUMBERS = range(10, 35)


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


def test_C34_letters_of_a_name_find_the_holds_of_all_customers_with_them(shop: Shop) -> None:
    named = "".join(f"Bulk {n},Bulk & Co {n}\n" for n in NUMBERS)
    shop.publish(FILES | {"maps/debtors.csv": DEBTORS + named})
    bulk = [order(f"A-{n}", customer=f"Bulk {n}", total="190.00") for n in NUMBERS]
    shop.receive(order("B", total="190.00"), *bulk)
    shop.judge()
    with shop.database.read() as session:
        found = facets.frozen_holds(session, shop.company.id, Filter(view="all", text="bulk"))
    assert {one.number for one in found} == {f"A-{n}" for n in NUMBERS}
