"""An order in another currency than the books': at the rate of its own day, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.london import RULES
from tests.acceptance.parts import read
from tests.acceptance.product import Product, free_environment
from tests.acceptance.quiet import BASE, rows
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


def _debtor_is_in(shop: Trader, currency: str) -> None:
    parties = {"debtor": {"300-C077": {"currencyCode": currency}}}
    shop.books["autocount"].control("book", parties=parties)


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
        assert "A document in SGD needs this rate: MYR for 1 SGD." in words
        assert {one["call"] for one in shop.books["autocount"].called("SO-1-1")} <= {"lookup"}
        [(hold_id,)] = rows(shop, "SELECT id FROM hold WHERE code = 'VAL05'")
        for role in ("finance", "consultant"):
            page = read(shop.visitor(f"{role}@kedai.example").get(f"{BASE}/holding/{hold_id}"))
            ways = [page.one("p", id=f"{way}_{hold_id}").text for way in ("wayout", "rules")]
            assert "SO-1" in ways[0]
            assert ways[1].startswith("consultant can") == (role == "finance"), ways


def test_a_foreign_order_goes_at_the_rate_of_its_shop(command: Path, tmp_path: Path) -> None:
    rate = "    CurrencyRate        = exchange_rate otherwise rate(currency)\n"
    with _opened(command, tmp_path, rate) as shop:
        _debtor_is_in(shop, "SGD")
        shop.take(_order(1), _order(2, exchange_rate="3.4125"))
        shop.work_on(1)
        _debtor_is_in(shop, "MYR")
        shop.take(_order(3, currency="MYR"), _order(4, exchange_rate="3.4125"))
        shop.work_on(1)
        assert {n: Decimal(told) for n, told in _rates(shop).items()} == {
            "SO-2-1": Decimal("3.4125"),
            "SO-3-1": Decimal(1),
        }
        assert [words for _, words in _held(shop, "SO-1")] == ["No rate of SGD."]
        [(_, words)] = _held(shop, "SO-4")
        assert "Customer 300-C077 is in MYR in autocount, and SO-4-1 is in SGD" in words
