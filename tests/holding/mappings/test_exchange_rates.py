"""Which day's exchange rate a document takes: that of its record, whenever it is judged or sent."""

from datetime import date
from typing import Any

import pytest

from holding.db.database import Database
from holding.db.models import Company
from holding.mappings.fixes import Fixed
from tests.holding.fixing import fix
from tests.holding.shop import FILES, RULES, Shop, open_shop, order, start
from tests.support.clock import SetClock

FOREIGN = (
    RULES.replace(
        "    created_by  text     optional\n",
        "    created_by  text     optional\n    currency    text\n"
        "    exchange_rate  decimal  optional\n",
        1,
    )
    .replace(
        '    Currency       = "MYR"\n',
        "    Currency       = currency\n    ExchangeRate   = {rate}\n",
    )
    .replace("    when     total > 1000.00", '    when     currency = "MYR" and total > 1000.00')
    .replace(
        "units\n    base     PCS",
        'map rate\n    match    exact\n    "MYR"    -> 1.00\n    "SGD"    -> 3.40\n'
        '    missing  hold for sales_admin  say "No rate of {key}."\n\nunits\n    base     PCS',
    )
    .replace(
        "billed  = lines, total, ordered_on, customer",
        "billed  = lines, total, ordered_on, customer, currency, exchange_rate",
    )
)


def _files(rate: str) -> dict[str, str]:
    return FILES | {"shop.rules": FOREIGN.replace("{rate}", rate, 1)}


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """A shop whose rules have a rate for each currency."""
    found = open_shop(database, company, clock)
    found.publish(_files("rate(currency)"))
    return found


def _receive(shop: Shop, *orders: dict[str, Any]) -> None:
    stamp = shop.now.isoformat()
    shop.receive(*({"currency": "SGD", "updated_at": stamp, **one} for one in orders))
    shop.judge()


def _rate(shop: Shop, number: str) -> str:
    with shop.database.read() as session:
        content = shop.posting(session, number).content
    assert content is not None
    return str(content["fields"]["ExchangeRate"])


def test_a_document_takes_the_rate_of_its_own_day(shop: Shop) -> None:
    """Not that of the day on which it arrived, is judged, or goes out."""
    told = fix(shop, "rate", "SGD", "3.50", since=date(2026, 11, 18))
    assert isinstance(told, Fixed), told
    _receive(shop, order("NS-1", ordered_on="2026-11-17"), order("NS-2", ordered_on="2026-11-18"))
    _receive(shop, order("NS-3", ordered_on="2026-11-18", currency="MYR"))
    assert (_rate(shop, "NS-1"), _rate(shop, "NS-2"), _rate(shop, "NS-3")) == (
        "3.4",
        "3.5",
        "1",
    )


def test_an_order_that_moves_to_another_day_takes_the_rate_of_that(shop: Shop) -> None:
    fix(shop, "rate", "SGD", "3.50", since=date(2026, 11, 18))
    _receive(shop, order("NS-1", ordered_on="2026-11-18"))
    assert _rate(shop, "NS-1") == "3.5"
    shop.clock.advance(60)
    _receive(shop, order("NS-1", ordered_on="2026-11-17"))
    assert _rate(shop, "NS-1") == "3.4"


def test_the_shops_own_rate_goes_with_its_order(shop: Shop) -> None:
    shop.publish(_files("exchange_rate otherwise rate(currency)"))
    _receive(shop, order("NS-1", exchange_rate="3.4125"), order("NS-2"))
    assert (_rate(shop, "NS-1"), _rate(shop, "NS-2")) == ("3.4125", "3.4")
    shop.clock.advance(60)
    _receive(shop, order("NS-1", exchange_rate="3.5"))
    assert _rate(shop, "NS-1") == "3.5", "a corrected order is sent with its corrected rate"


def test_a_currency_without_a_rate_is_held(shop: Shop) -> None:
    _receive(shop, order("NS-1", currency="USD"))
    with shop.database.read() as session:
        assert [hold.message for hold in shop.holds(session, "NS-1")] == ["No rate of USD."]
