"""Payouts of Shopify Payments beside the invoices and credit notes of their orders."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cases.company import CaseCompany, Plan
from tests.cases.conftest import Make
from tests.cases.shop_payloads import (
    SST,
    refunded_line,
    shopify_line,
    shopify_order,
    shopify_payout,
    shopify_refund,
    shopify_shipping,
)
from tests.cases.test_marketplace_cases import amount_of, debtor_balance, tell_deposit

pytestmark = pytest.mark.sqlite
CODES = ("MUG", "TEE-BLK-M", "SHIPPING", "GIFTCARD", "FEE", "ROUNDING", "ADJUSTMENT")


@pytest.fixture
def company(make: Make) -> CaseCompany:
    """The company under the shipped template, with its debtor, creditor and items."""
    plan = Plan(
        template="shopify-autocount",
        maps={"items": [f"{code},{code},PCS" for code in CODES], "debtors": ["web,300-S001"]},
    )
    books: dict[str, Any] = {
        "debtors": ["300-S001"],
        "creditors": ["400-S001"],
        "accounts": ["430-0000", "431-0000", "432-0000", "501-0000", "906-0000"],
        "products": dict.fromkeys(CODES, "PCS"),
    }
    return make(plan, "autocount", **books)


def send(company: CaseCompany, *bodies: dict[str, Any]) -> None:
    for body in bodies:
        assert company.deliver(body).status_code == 202
        company.work()


def pay_out(company: CaseCompany, folder: Path, payout: dict[str, Any]) -> None:
    path = folder / f"{payout['id']}.shopify.json"
    path.write_text(json.dumps({"payouts": [payout]}), "utf-8")
    company.ingest(path)
    company.work()
    tell_deposit(company, str(payout["id"]), payout["amount"])


def order_with_code(number: int = 1) -> dict[str, Any]:
    """Return two mugs and a tee with a code of 10.00 over both lines, 10% tax, and shipping."""
    lines = [
        shopify_line(11, "MUG", "30.00", 2, off="7.50", taxes=SST),
        shopify_line(12, "TEE-BLK-M", "20.00", off="2.50", taxes=SST),
    ]
    return shopify_order(number, lines, shipping=[shopify_shipping("6.00", SST)])


def test_a_partial_return_of_a_discounted_order_settles_the_debtor(
    company: CaseCompany, tmp_path: Path
) -> None:
    order = order_with_code()
    assert order["total_price"] == "83.60"
    send(company, order)
    mug = refunded_line(order["line_items"][0])
    # half of 52.50 and of its tax of 5.25, each rounded up for itself
    send(company, shopify_refund(51, 1, "28.88", [mug]))
    assert company.holds() == []
    assert amount_of(company.documents()["R-51"]) == Decimal("-28.88")
    moved = [("charge", "83.60", "2.51", 1), ("refund", "-28.88", "0.00", 1)]
    pay_out(company, tmp_path, shopify_payout(70001, *moved))
    assert company.holds() == []
    assert debtor_balance(company) == 0
    assert amount_of(company.documents()["FP-70001"]) == Decimal("-2.51")


def test_an_order_that_two_payouts_pay_is_held_with_both(
    company: CaseCompany, tmp_path: Path
) -> None:
    send(company, order_with_code())
    pay_out(company, tmp_path, shopify_payout(70001, ("charge", "83.60", "0.00", 1)))
    assert debtor_balance(company) == 0
    pay_out(company, tmp_path, shopify_payout(70002, ("charge", "83.60", "0.00", 1)))
    (hold,) = [one for one in company.holds("70002") if one.rule == "not_paid_above_invoice"]
    assert hold.owner == "accounts"
    assert all(figure in hold.text for figure in ("167.20", "83.60")), hold.text
    assert debtor_balance(company) == 0


def test_parts_of_a_payment_in_two_payouts_settle_the_debtor(
    company: CaseCompany, tmp_path: Path
) -> None:
    send(company, order_with_code())
    pay_out(company, tmp_path, shopify_payout(70001, ("charge", "50.00", "0.00", 1)))
    later = shopify_payout(70002, ("charge", "33.60", "0.00", 1)) | {"date": "2026-11-25"}
    pay_out(company, tmp_path, later)
    assert company.holds() == []
    assert debtor_balance(company) == 0


def test_a_refund_without_a_credit_note_holds_its_payout(
    company: CaseCompany, tmp_path: Path
) -> None:
    """The webhook of the refund was lost: the receipt alone would leave the debtor open."""
    send(company, order_with_code())
    moved = [("charge", "83.60", "0.00", 1), ("refund", "-28.88", "0.00", 1)]
    pay_out(company, tmp_path, shopify_payout(70001, *moved))
    (hold,) = [one for one in company.holds("70001") if one.rule == "not_returned_above_credit"]
    assert hold.owner == "accounts"
    assert all(figure in hold.text for figure in ("28.88", "0.00")), hold.text
    mug = refunded_line(order_with_code()["line_items"][0])
    send(company, shopify_refund(51, 1, "28.88", [mug]))
    assert company.holds() == []
    assert debtor_balance(company) == 0


def test_an_order_that_a_gift_card_paid_in_part_is_paid_with_less(
    company: CaseCompany, tmp_path: Path
) -> None:
    send(company, order_with_code())
    pay_out(company, tmp_path, shopify_payout(70001, ("charge", "63.60", "0.00", 1)))
    assert company.holds() == []
    assert debtor_balance(company) == Decimal("20.00"), "what the gift card paid"
