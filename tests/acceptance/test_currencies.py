"""A company that is not in Malaysia: days and money are its own; no two currencies are added."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.houses import COMPANY
from tests.acceptance.london import RULES, opened_london
from tests.acceptance.orders import clean
from tests.acceptance.pages import record_page, words
from tests.acceptance.product import ADMIN, FINANCE, House, Product, Visitor
from tests.acceptance.quiet import BASE, work

pytestmark = pytest.mark.slow
NBSP = "\u00a0"


@pytest.fixture
def house(product: Product, tmp_path: Path) -> Iterator[House]:
    """Its rules hold every order."""
    with opened_london(product, tmp_path, RULES.read_text("utf-8")) as made:
        yield made


def a_summer_evening(hour: int, minute: int) -> datetime:
    """A moment of last July, in UTC."""
    return datetime(datetime.now(UTC).year - 1, 7, 10, hour, minute, tzinfo=UTC)


def of_july(number: int, moment: datetime, **changes: Any) -> dict[str, Any]:
    at = moment.isoformat()
    return clean(number, ordered_at=at, paid_at=at, updated_at=at, **{"currency": "GBP", **changes})


def seen(visitor: Visitor, path: str) -> str:
    """The text of a page; an amount stands beside its sign."""
    shown = words(visitor.get(BASE + path)).replace(NBSP, " ")
    return shown.replace("£ ", "£").replace("RM  ", "RM ")


def test_T09a_an_order_gets_the_day_of_its_own_zone(house: House) -> None:
    late, evening = a_summer_evening(23, 30), a_summer_evening(22, 30)
    answer = house.deliver(of_july(1, late), of_july(2, evening))
    assert answer.status_code == 202, answer.text
    work(house)
    finance = house.visitor(FINANCE)
    for number, day in ((1, late.date() + timedelta(days=1)), (2, evening.date())):
        versions = words(record_page(finance, number, "raw"))
        assert day.isoformat() in versions, versions[:2000]
        assert f'"ordered_on": "{day}"' in versions
    assert "Times are Europe/London" in finance.get(f"{BASE}/")


def test_T09a_the_zone_of_the_connection_counts_before_that_of_the_company(house: House) -> None:
    product = house.product
    told = product.run(
        "connection", "set", "netshop", *COMPANY, "--as", ADMIN, "--set", "zone=Mars/Base", code=1
    )
    assert "“Mars/Base” is not a time zone" in told.stdout + told.stderr
    tokyo = ("--set", "zone=Asia/Tokyo")
    product.run("connection", "set", "netshop", *COMPANY, "--as", ADMIN, *tokyo)
    moment = a_summer_evening(15, 30)
    house.deliver(of_july(3, moment))
    work(house)
    shown = words(record_page(house.visitor(FINANCE), 3, "raw"))
    assert f'"ordered_on": "{moment.date() + timedelta(days=1)}"' in shown


def test_T09c_every_sum_is_shown_in_its_own_currency(house: House) -> None:
    house.deliver(clean(11, currency="GBP"), clean(12, currency="GBP"))
    work(house)
    finance = house.visitor(FINANCE)
    for path in ("/", "/holding", "/holding/ageing", "/mappings/missing", "/connections/autocount"):
        shown = seen(finance, path)
        assert "£20.00" in shown, (path, shown[700:2200])
        assert "RM" not in shown, path
    house.deliver(clean(13, currency="MYR", customer={"id": "C-101", "name": "Buyer 13"}))
    work(house)
    both = "£20.00 + RM 10.00"
    dashboard = seen(finance, "/")
    assert f"3 records need attention: {both}" in dashboard
    # who must act, its foot, and the causes have both as well, and nothing has their sum
    assert dashboard.count(both) >= 4, dashboard
    assert "30.00" not in dashboard
    for path in ("/holding", "/holding/ageing", "/mappings/missing", "/connections/autocount"):
        shown = seen(finance, path)
        assert both in shown, (path, shown[700:2200])
        assert "30.00" not in shown
        assert "another currency" not in shown
