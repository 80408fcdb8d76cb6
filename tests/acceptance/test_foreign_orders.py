"""An order in another currency than the books': at the rate of its own day, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.london import RULES
from tests.acceptance.product import Product, free_environment
from tests.acceptance.quiet import rows
from tests.acceptance.trader import Trader, opened_trader

pytestmark = pytest.mark.slow
DAY = datetime.now(UTC).date().replace(day=1)
LINE = {
    "pos": 1,
    "sku": "TEA-01",
    "name": "Tea",
    "uom": "PCS",
    "qty": "2",
    "price": "50.00",
    "tax": "x",
}
HELD = "SELECT class, message FROM hold WHERE number LIKE ? AND closed_at IS NULL"
RATES = """
map rate
    match    exact
    "MYR"    -> 1.00
    missing  hold for accounts  say "No rate of {key}."

gate order
"""


def _rules(rate: str) -> str:
    """Those of a shop, of an interface of its own; its documents name no currency."""
    text = RULES.read_text("utf-8").replace("source netshop", "source intake")
    text = text.replace("from netshop", "from intake").replace("currency  GBP", "currency  MYR")
    text = text.replace("Europe/London", "Asia/Kuala_Lumpur").replace("300-W001", "300-C077")
    own = "    currency       text\n"
    text = text.replace(own, f"{own}    exchange_rate  decimal  optional\n")
    text = text.replace("total, currency, customer", "total, currency, exchange_rate, customer")
    text = text.replace("\ngate order\n", RATES if "rate(" in rate else "\ngate order\n")
    return text.replace("    CurrencyCode        = currency\n", rate)


@contextmanager
def _opened(command: Path, folder: Path, rate: str) -> Iterator[Trader]:
    product = Product(command, folder, free_environment())
    rules = folder / "rules"
    rules.mkdir()
    (rules / "shop.rules").write_text(_rules(rate), "utf-8")
    with opened_trader(product, rules, "autocount", teams=("accounts", "sales_admin")) as trader:
        yield trader


def _order(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "kind": "order",
        "id": number,
        "number": f"SO-{number}",
        "status": "paid",
        "ordered_on": DAY.isoformat(),
        "customer": "C-901",
        "customer_name": "Sentosa Trading",
        "currency": "SGD",
        "subtotal": "100.00",
        "tax_total": "0.00",
        "total": "100.00",
        "lines": [LINE],
        **changes,
    }


def _rates(shop: Trader) -> dict[str, str]:
    documents = shop.books["autocount"].documents()
    return {one["master"]["docNo"]: str(one["master"].get("currencyRate")) for one in documents}


def _held(shop: Trader, number: str) -> list[tuple[str, str]]:
    return [(told, words) for told, words in rows(shop, HELD, f"{number}%")]


def test_100_dollars_are_never_100_ringgit(command: Path, tmp_path: Path) -> None:
    """Under rules that speak of no currency at all."""
    with _opened(command, tmp_path, "") as shop:
        shop.take(_order(1), _order(2, currency="MYR"))
        shop.work_on(1)
        assert shop.books["autocount"].made() == ["SO-2-1"]
        [(error_class, words)] = _held(shop, "SO-1")
        assert error_class == "missing_field"
        assert "the document is in SGD: it says how much MYR 1 SGD is." in words
        assert {one["call"] for one in shop.books["autocount"].called("SO-1-1")} <= {"lookup"}


def test_a_foreign_order_goes_at_the_rate_of_its_shop(command: Path, tmp_path: Path) -> None:
    rate = "    CurrencyRate        = exchange_rate otherwise rate(currency)\n"
    with _opened(command, tmp_path, rate) as shop:
        shop.take(_order(1), _order(2, exchange_rate="3.4125"), _order(3, currency="MYR"))
        shop.work_on(2)
        assert {n: Decimal(told) for n, told in _rates(shop).items()} == {
            "SO-2-1": Decimal("3.4125"),
            "SO-3-1": Decimal(1),
        }
        assert [words for _, words in _held(shop, "SO-1")] == ["No rate of SGD."]
