"""Orders and refunds as Shopify shops really send them, with `shopify-autocount` to the books."""

from decimal import Decimal
from typing import Any

import pytest

from tests.cases.company import CaseCompany, Plan, case_body
from tests.cases.conftest import Make

pytestmark = pytest.mark.sqlite
KINDS = ("SHIPPING", "GIFTCARD", "TIP", "DUTY", "FEE", "ROUNDING", "ADJUSTMENT")
GOODS = ("MUG", "TEE-BLK-M")
PLAN = Plan(
    template="shopify-autocount",
    maps={
        "items": [f"{code},{code},PCS" for code in (*GOODS, *KINDS)],
        "debtors": ["web,300-S001", "pos,300-S001"],
    },
)
BOOKS = {
    "debtors": ["300-S001"],
    "accounts": ["430-0000", "431-0000", "432-0000", "501-0000", "906-0000"],
    "products": dict.fromkeys((*GOODS, *KINDS), "PCS"),
}


@pytest.fixture
def company(make: Make) -> CaseCompany:
    """The company under the shipped template, with its items, debtors and accounts."""
    return make(PLAN, "autocount", **BOOKS)


def feed(company: CaseCompany, case: str, *files: str) -> None:
    """Deliver files of a case one after the other, with the work behind each."""
    for file in files:
        answer = company.deliver(case_body(case, f"{file}.json"))
        assert answer.status_code in (200, 202), answer.get_json()
        company.work()


def total(company: CaseCompany, number: str) -> Decimal:
    """Return the total of a document in the books."""
    return Decimal(company.documents()[number]["master"]["finalTotal"])


def lines(company: CaseCompany, number: str) -> list[tuple[str, str, Decimal]]:
    """Return item, account and amount of each line of a document in the books."""
    return [
        (row["productCode"], row["accNo"], Decimal(row["subTotal"]))
        for row in company.documents()[number]["details"]
    ]


def held(company: CaseCompany, number: str) -> list[tuple[str, str]]:
    """Return code and owner of the open holds of a record."""
    return [(hold.code, hold.owner) for hold in company.holds(number)]


def changed(order: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Return an order with other values, which count also for the amounts in both currencies."""
    both = {
        f"{name}_set": {"shop_money": {"amount": value, "currency_code": "MYR"}}
        for name, value in values.items()
        if name.endswith("_price") or name.startswith(("total_", "current_total_"))
    }
    return {**order, **values, **both}


def test_a_cent_of_a_converted_order_is_a_rounding_line(company: CaseCompany) -> None:
    feed(company, "03-shop-money-rounding", "1-order")
    assert held(company, "#S1021") == []
    assert total(company, "#S1021") == Decimal("100.00")
    assert lines(company, "#S1021")[3] == ("ROUNDING", "906-0000", Decimal("0.01"))


def test_a_gift_card_that_is_sold_is_owed_to_its_holder(company: CaseCompany) -> None:
    feed(company, "04-gift-card-sold", "1-order")
    assert sorted(lines(company, "#S1031")) == [
        ("GIFTCARD", "430-0000", Decimal("50.00")),
        ("MUG", "500-0000", Decimal("20.00")),
    ]


def test_an_edit_before_payment_takes_its_share_of_discount_and_tax(company: CaseCompany) -> None:
    feed(company, "07-edit-keeps-discount", "1-order")
    assert total(company, "#S1061") == Decimal("42.24")
    (line,) = company.body("#S1061")["lines"]
    assert (line["qty"], line["discount"], line["amount"]) == ("1", "9.60", "38.40")
    assert line["tax_amount"] == "3.84"


def test_an_edit_after_payment_is_an_invoice_and_a_credit_note(company: CaseCompany) -> None:
    feed(company, "07-edit-keeps-discount", "2-order-after-payment")
    assert total(company, "#S1062") == Decimal("84.48")
    assert total(company, "R-5061") == Decimal("42.24")


def test_a_fee_that_is_kept_of_a_return_is_a_line_of_its_own(company: CaseCompany) -> None:
    feed(company, "09-restocking-fee", "1-order", "2-order-updated")
    assert total(company, "#S1081") == Decimal("100.00")
    assert total(company, "R-5081") == Decimal("90.00")
    assert lines(company, "R-5081") == [
        ("MUG", "510-0000", Decimal("100.00")),
        ("FEE", "501-0000", Decimal("-10.00")),
    ]


def test_a_fee_that_shopify_states_as_an_adjustment_is_credited_as_stated(
    company: CaseCompany,
) -> None:
    order = case_body("09-restocking-fee", "3-order.json")
    assert company.deliver(order).status_code == 202
    company.work()
    feed(company, "09-restocking-fee", "4-refund-with-discrepancy")
    assert total(company, "R-5082") == Decimal("90.00")


def test_cash_rounding_is_a_field_and_no_part_of_the_total(company: CaseCompany) -> None:
    feed(company, "10-pos-cash-rounding", "1-order")
    assert total(company, "#S1101") == Decimal("12.33")
    assert company.body("#S1101")["round_off"] == "0.02"


def test_a_free_order_is_an_invoice_of_nothing(company: CaseCompany) -> None:
    feed(company, "11-free-order", "1-order")
    assert total(company, "#S1111") == Decimal("0.00")


def test_an_app_without_a_debtor_is_held_for_sales(company: CaseCompany) -> None:
    feed(company, "13-app-channel", "1-order")
    (hold,) = company.holds()
    assert (hold.code, hold.owner) == ("MAP01", "sales_admin")
    assert "1354745" in hold.text


def test_a_tip_goes_to_its_own_account(company: CaseCompany) -> None:
    feed(company, "14-tip", "1-order")
    assert lines(company, "#S1141")[1] == ("TIP", "431-0000", Decimal("5.00"))


@pytest.mark.parametrize(
    ("file", "number", "kept"),
    [
        ("1-order-cancelled", "#S1161", "80.00"),
        ("2-order-cancelled-part-refund", "#S1162", "20.00"),
    ],
)
def test_a_cancelled_order_with_money_kept_reaches_a_person(
    company: CaseCompany, file: str, number: str, kept: str
) -> None:
    feed(company, "16-cancelled-money-kept", file)
    (hold,) = company.holds(number)
    assert (hold.code, hold.owner, hold.rule) == ("CHK01", "accounts", "nothing_kept")
    assert f"{kept} kept" in hold.text
    assert hold.amount == Decimal("80.00")
    assert company.documents() == {}
    assert [one for one in company.holds() if one.number != number] == []


def test_goods_that_come_back_without_money_are_a_return(company: CaseCompany) -> None:
    feed(company, "18-return-without-money", "1-order", "2-order-updated")
    assert total(company, "#S1181") == Decimal("100.00")
    (hold,) = company.holds("R-5181")
    assert (hold.rule, hold.owner, hold.amount) == (
        "goods_without_money",
        "accounts",
        Decimal("100.00"),
    )


def test_money_without_goods_is_credited(company: CaseCompany) -> None:
    feed(company, "19-goodwill-refund", "1-order-updated")
    assert total(company, "R-5191") == Decimal("5.00")


def test_a_refund_in_the_money_of_the_buyer_is_credited_in_the_shop_s(
    company: CaseCompany,
) -> None:
    feed(company, "20-foreign-buyer-refund", "1-order", "2-refund-create")
    assert total(company, "R-5201") == Decimal("47.13")


def test_a_line_that_is_added_to_a_booked_order_is_held(company: CaseCompany) -> None:
    feed(company, "45-shopify-upsell-added", "1-order", "2-order-edited")
    (hold,) = company.holds("#S1061")
    assert hold.amount == Decimal("65.00")
    assert total(company, "#S1061") != Decimal("65.00")


def test_two_equal_refunds_of_one_day_are_two_credit_notes(company: CaseCompany) -> None:
    feed(company, "46-two-equal-refunds", "1-order", "2-order-updated")
    assert total(company, "R-5211") == total(company, "R-5212") == Decimal("10.00")
