"""Orders of a Shopify shop go from their signed webhook to a hold and into AutoCount's books."""

from decimal import Decimal

import pytest

from tests.cases.company import Plan, case_body
from tests.cases.conftest import Make

pytestmark = pytest.mark.sqlite
SHOPIFY = Plan(
    template="shopify-autocount",
    maps={"items": ["MUG,MUG,PCS", "TEE,TEE,PCS"], "debtors": ["web,300-S001"]},
)
BOOKS = {"debtors": ["300-S001"], "products": {"MUG": "PCS", "TEE": "PCS", "SHIPPING": "PCS"}}


def test_an_order_is_held_by_the_shipped_template_and_posted_once_it_fits(make: Make) -> None:
    company = make(SHOPIFY, "autocount", **BOOKS)
    order = case_body("13-app-channel", "1-order.json")
    assert company.deliver(order).status_code == 202
    company.work()
    (hold,) = company.holds(order["name"])
    total = Decimal(order["total_price"])
    assert (hold.code, hold.amount, hold.owner) == ("MAP01", total, "sales_admin")
    assert company.documents() == {}

    later = {**order, "source_name": "web", "updated_at": "2026-11-20T12:00:00+08:00"}
    assert company.deliver(later).status_code == 202
    company.work()
    assert company.holds() == []
    assert company.states() == {order["name"]: "posted"}
    document = company.documents()[order["name"]]
    assert Decimal(document["master"]["finalTotal"]) == total
