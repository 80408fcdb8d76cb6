"""Orders of a WooCommerce shop under its shipped template: held with their figures, or posted."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.houses import COMPANY
from tests.acceptance.many import run_all
from tests.acceptance.product import ADMIN, CURRENT_COMPANY, Product, free_environment
from tests.acceptance.quiet import rows
from tests.acceptance.template_records import begin
from tests.acceptance.trader import Trader, opened_trader

pytestmark = pytest.mark.slow
SECRET = "hook-secret-of-the-shop"
HELD = """
SELECT hold.code, team.name, hold.message FROM hold
JOIN record ON record.id = hold.record_id LEFT JOIN team ON team.id = hold.team_id
WHERE hold.state = 'open' AND record.number = ? ORDER BY hold.id
"""
TEAMS = ("accounts", "sales_admin", "tax_desk")


@pytest.fixture(scope="module")
def shop(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    product = Product(command, tmp_path_factory.mktemp("shop-orders"), free_environment())
    rules = begin(product, "woocommerce-quickbooks")
    with opened_trader(product, rules, "quickbooks", teams=TEAMS) as trader:
        by_admin = (*COMPANY, "--as", ADMIN)
        words = ("connection", "add", "woocommerce", *by_admin, "--side", "source")
        ran = run_all(
            product, [words, ("connection", "key", "woocommerce", *by_admin)], {1: SECRET}
        )
        assert [one.code in (0, None) for one in ran] == [True, True], ran
        yield trader


def send(shop: Trader, order: dict[str, Any], secret: str = SECRET) -> requests.Response:
    """Send an order as the webhook of the shop does."""
    raw = json.dumps(order).encode()
    signature = base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()
    headers = {
        "Content-Type": "application/json",
        "X-WC-Webhook-Topic": "order.updated",
        "X-WC-Webhook-Resource": "order",
        "X-WC-Webhook-Signature": signature,
        "X-WC-Webhook-Delivery-ID": hashlib.sha256(raw).hexdigest(),
    }
    url = f"{shop.address}/hooks/{CURRENT_COMPANY}/woocommerce"
    return requests.post(url, data=raw, headers=headers, timeout=20)


def order(number: int, *lines: tuple[str, str], tax: str, **changes: Any) -> dict[str, Any]:
    """Return a paid order: amount and tax of each line; its total is the sum of both."""
    total = sum((Decimal(part) for line in lines for part in line), Decimal())
    items = [
        {
            "id": at,
            "name": "Jasmine tea",
            "product_id": 11,
            "sku": "TEA-JASMIN-80",
            "quantity": 1,
            "tax_class": "",
            "subtotal": amount,
            "total": amount,
            "total_tax": line_tax,
            "taxes": [{"id": 75, "total": line_tax}],
        }
        for at, (amount, line_tax) in enumerate(lines, 1)
    ]
    rate = {"rate_code": "MY-SST-1", "rate_id": 75, "rate_percent": 10, "compound": False}
    return {
        "id": number,
        "number": str(number),
        "status": "processing",
        "currency": "MYR",
        "prices_include_tax": False,
        "date_created_gmt": "2026-11-20T02:00:00",
        "date_modified_gmt": "2026-11-20T02:05:00",
        "date_paid_gmt": "2026-11-20T02:01:00",
        "total": f"{total:.2f}",
        "total_tax": tax,
        "discount_total": "0.00",
        "customer_id": 101,
        "payment_method": "fpx",
        "billing": {"first_name": "Siti", "last_name": f"Buyer {number}"},
        "line_items": items,
        "tax_lines": [rate],
        "shipping_lines": [],
        "fee_lines": [],
        "refunds": [],
        **changes,
    }


def held(shop: Trader, number: str) -> list[tuple[Any, ...]]:
    """Return code, team and words of what holds a record."""
    return rows(shop, HELD, number)


def posted(shop: Trader) -> dict[str, tuple[Decimal, Decimal]]:
    """Return total and tax of each document in QuickBooks by its number."""
    return {
        one["DocNumber"]: (
            Decimal(str(one["TotalAmt"])),
            Decimal(str(one["TxnTaxDetail"]["TotalTax"])),
        )
        for one in shop.books["quickbooks"].documents()
    }


def test_R01_what_does_not_fit_is_stored_and_held_and_only_the_unattributable_is_refused(
    shop: Trader,
) -> None:
    fits = order(5101, ("20.00", "2.00"), tax="2.00")
    apart = {**fits, "total": "27.00"}
    answer = send(shop, {**apart, "refunds": [{"id": 91, "total": "-two"}]})
    assert answer.status_code == 202, answer.text
    assert {one["where"] for one in answer.json()["held"]} == {"order.refunds[0].total"}
    shop.work()
    [(code, team, words)] = held(shop, "5101")
    assert (code, team) == ("CHK01", "accounts")
    assert all(figure in words for figure in ("RM 22.00", "RM 27.00", "RM 5.00")), words
    assert ("VAL04", "sales_admin") in [one[:2] for one in held(shop, "R-91")]

    bad = order(5102, ("30.00", "3.00"), tax="3.00")
    bad["line_items"][0]["total"] = "thirty"
    assert send(shop, bad).status_code == 202
    shop.work()
    assert ("VAL04", "sales_admin") in [one[:2] for one in held(shop, "5102")]
    assert posted(shop) == {}

    assert send(shop, fits, secret="guessed").status_code == 401
    assert send(shop, {**fits, "id": None, "number": "5103"}).status_code == 422
    assert rows(shop, "SELECT count(*) FROM record WHERE number = '5103'") == [(0,)]

    for good in (fits, order(5102, ("30.00", "3.00"), tax="3.00")):
        assert send(shop, {**good, "date_modified_gmt": "2026-11-20T03:00:00"}).status_code == 202
    shop.work()
    assert held(shop, "5101") == held(shop, "5102") == []
    assert posted(shop) == {
        "WC-5101": (Decimal("22.00"), Decimal("2.00")),
        "WC-5102": (Decimal("33.00"), Decimal("3.00")),
    }


def test_R02_the_tax_that_the_target_works_out_is_compared_before_anything_is_sent(
    shop: Trader,
) -> None:
    before = posted(shop).keys()
    assert send(shop, order(5201, ("100.00", "8.00"), tax="8.00")).status_code == 202
    shop.work()
    words = [one for one in held(shop, "5201") if one[1] == "tax_desk"]
    assert any("8.00" in text for *_, text in words), held(shop, "5201")
    assert posted(shop).keys() == before
    right = order(5201, ("100.00", "10.00"), tax="10.00", date_modified_gmt="2026-11-20T03:00:00")
    assert send(shop, right).status_code == 202
    shop.work()
    assert posted(shop)["WC-5201"] == (Decimal("110.00"), Decimal("10.00"))


def test_R05_a_document_comes_to_the_money_that_was_due_however_the_shop_rounds(
    shop: Trader,
) -> None:
    sold = {
        5301: order(5301, ("27.18", "2.72"), ("9.08", "0.91"), tax="3.63", prices_include_tax=True),
        5302: order(5302, ("9.95", "0.995"), ("9.95", "0.995"), tax="1.99"),
        5303: order(5303, *(("9.081818", "0.908182"),) * 3, tax="2.72", prices_include_tax=True),
    }
    for one in sold.values():
        assert send(shop, one).status_code == 202
    shop.work()
    assert {number: posted(shop)[f"WC-{number}"][0] for number in sold} == {
        5301: Decimal("39.89"),
        5302: Decimal("21.89"),
        5303: Decimal("29.97"),
    }
