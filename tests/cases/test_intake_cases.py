"""What does not fit is stored and held with its figures; only what has no identity is refused."""

from decimal import Decimal

import pytest

from tests.cases.company import Plan, case_body
from tests.cases.conftest import Make

pytestmark = pytest.mark.sqlite
SHOPIFY = Plan(
    template="shopify-autocount",
    maps={
        "items": ["MUG,MUG,PCS", "TEE,TEE,PCS", "TEA,TEA,PCS"],
        "debtors": ["web,300-S001"],
    },
)
BOOKS = {
    "debtors": ["300-S001"],
    "products": {"MUG": "PCS", "TEE": "PCS", "TEA": "PCS", "SHIPPING": "PCS"},
}


def test_lines_two_sen_off_the_total_are_held_with_both_figures(make: Make) -> None:
    company = make(SHOPIFY, "autocount", **BOOKS)
    order = case_body("03-shop-money-rounding", "1-order.json")
    order["presentment_currency"] = order["currency"]  # no conversion explains the difference
    order["total_price"] = order["total_price_set"]["shop_money"]["amount"] = "100.01"
    answer = company.deliver(order)
    assert answer.status_code == 202
    (told,) = (answer.get_json() or {})["held"]
    assert (told["stated"], told["computed"], told["difference"]) == ("100.01", "99.99", "0.02")
    company.work()
    (hold,) = [one for one in company.holds(order["name"]) if one.code == "SUM01"]
    assert hold.amount == Decimal("100.01")
    assert hold.owner == "accounts"
    assert hold.text.startswith("RM 100.01 stated, RM 99.99 computed: RM 0.02.")
    assert company.documents() == {}


def test_a_record_without_an_id_is_refused_for_that_alone(make: Make) -> None:
    company = make(SHOPIFY, "autocount", **BOOKS)
    order = case_body("03-shop-money-rounding", "1-order.json")
    answer = company.deliver({**order, "presentment_currency": order["currency"], "id": None})
    told = answer.get_json() or {}
    assert (answer.status_code, told["code"]) == (422, "delivery.errors")
    assert told["errors"][0]["where"] == "order.id"
    assert told["title"].startswith("1 record ")
    company.work()
    assert company.holds() == []


def test_a_value_that_cannot_be_read_is_one_reason_and_no_blank_field(make: Make) -> None:
    company = make(SHOPIFY, "autocount", **BOOKS)
    order = case_body("09-restocking-fee", "1-order.json")
    order["line_items"][0] |= {"name": "Mu\x00g"}
    assert company.deliver(order).status_code == 202
    company.work()
    (hold,) = company.holds(order["name"])
    assert (hold.code, hold.rule) == ("VAL04", "intake line.name")


def test_amounts_that_follow_from_an_unreadable_one_stay_blank(make: Make) -> None:
    company = make(SHOPIFY, "autocount", **BOOKS)
    order = case_body("09-restocking-fee", "1-order.json")
    order["line_items"][0]["price_set"]["shop_money"]["amount"] = "NaN"
    assert company.deliver(order).status_code == 202
    company.work()
    codes = [hold.code for hold in company.holds(order["name"])]
    assert "VAL04" in codes
    assert "CHK01" not in codes, "a sum of what is not known is not compared"
    (line,) = company.body(order["name"])["lines"]
    assert "amount" not in line


def test_corner_11_a_long_name_is_posted_and_a_longer_one_is_held_in_true_words(
    make: Make,
) -> None:
    company = make(SHOPIFY, "autocount", **BOOKS)
    order = case_body("09-restocking-fee", "1-order.json")
    order["line_items"][0] |= {"name": "N" * 3000}
    order["billing_address"] |= {"name": "B" * 3000}
    assert company.deliver(order).status_code == 202
    company.work()
    assert company.holds() == []
    master = company.documents()[order["name"]]["master"]
    assert 0 < len(master["debtorName"]) < 3000
    order |= {"id": 5, "name": "#S5"}
    order["line_items"][0] |= {"name": "N" * 4001}
    assert company.deliver(order).status_code == 202
    company.work()
    (hold,) = [one for one in company.holds("#S5") if one.code == "VAL01"]
    assert "is longer than 4000 characters" in hold.text
