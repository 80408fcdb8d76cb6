"""Rules that come into force later find what a record was before, as if they had been there."""

import pytest
from sqlalchemy import delete, select, update

from grammar.text.vocabulary import Edition
from holding.db.database import Database
from holding.db.models import Company, LinkKey, Record, RulesetVersion
from holding.db.models.columns import table_of
from tests.holding.shop import FILES, RULES, Shop, open_shop, order
from tests.support.clock import SetClock
from tests.support.databases import unlock

BY_CUSTOMER = {**FILES, "shop.rules": RULES.replace("unique by number", "unique by customer")}
UNSEEN = "C-77\u200b"


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


def keys(shop: Shop) -> set[tuple[str, str, str]]:
    """What duplicate rules compare: by number of the record."""
    with shop.database.read() as session:
        query = select(Record.number, LinkKey.name, LinkKey.value).join(
            Record, Record.id == LinkKey.record_id
        )
        rows = [row for row in session.execute(query) if not row.name.startswith(LinkKey.OF_LINKS)]
        return {(row.number, row.name, row.value) for row in rows}


def changes_its_customer(shop: Shop) -> None:
    shop.receive(order("NS-1"))
    shop.judge()
    shop.receive(order("NS-1", customer="C-78", updated_at="2026-11-18T07:30:00Z"))
    shop.judge()


def held(shop: Shop, number: str) -> list[str]:
    with shop.database.read() as session:
        return [hold.code for hold in shop.holds(session, number)]


def test_a_former_customer_is_compared_by_rules_that_came_later(shop: Shop) -> None:
    shop.publish()
    changes_its_customer(shop)
    shop.publish(BY_CUSTOMER)
    shop.receive(order("NS-2"))
    shop.judge()
    assert held(shop, "NS-2") == ["DUP01"]


def test_what_they_keep_is_what_they_would_have_kept_from_the_start(shop: Shop) -> None:
    shop.publish(BY_CUSTOMER)
    changes_its_customer(shop)
    before = keys(shop)
    assert sorted(value for _, _, value in before) == [
        "NS-1",
        '{"customer":"c-77"}',
        '{"customer":"c-78"}',
    ]
    with shop.database.write() as session:
        session.execute(delete(LinkKey))
        session.execute(update(Company).values(linked_version_id=None))
    shop.receive(order("NS-3", customer="C-79"))
    shop.judge()
    assert {one for one in keys(shop) if one[0] == "NS-1"} == before


def test_a_later_edition_compares_former_contents_as_it_sees_them(shop: Shop) -> None:
    """Up to the third, what nobody sees made another value: of a document that is out, too."""
    shop.publish(BY_CUSTOMER)
    with shop.database.write() as session:
        unlock(session)
        session.execute(update(table_of(RulesetVersion)).values(edition=Edition.THIRD))
    shop.receive(order("NS-1", customer=UNSEEN))
    shop.judge()
    shop.receive(order("NS-1", customer="C-78", updated_at="2026-11-18T07:30:00Z"))
    shop.judge()
    shop.publish({**BY_CUSTOMER, "shop.rules": BY_CUSTOMER["shop.rules"] + "\n# again\n"})
    shop.receive(order("NS-2"))
    shop.judge()
    assert held(shop, "NS-2") == ["DUP01"]
