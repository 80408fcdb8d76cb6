"""Orders and refunds as Shopify shops really send them, with `shopify-autocount` to the books."""

from dataclasses import replace
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


def test_a_line_without_a_sku_is_held_by_kind_title_and_amount(make: Make) -> None:
    company = make(
        replace(PLAN, maps={**PLAN.maps, "items": ["MUG,MUG,PCS"]}), "autocount", **BOOKS
    )
    feed(company, "04-gift-card-sold", "1-order")
    holds = company.holds("#S1031")
    assert {(hold.code, hold.owner) for hold in holds} == {("MAP01", "sales_admin")}
    for hold in holds:
        assert "Line 2 (gift card): Gift card RM 50, RM 50.00." in hold.text
        assert "GIFTCARD" in hold.text


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


def refund(order: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Return the order with a refund that has these parts; `money` went back."""
    money = parts.pop("money", None)
    move = {"id": 91, "kind": "refund", "status": "success", "currency": "MYR", "amount": money}
    given = {
        "id": 5990,
        "order_id": order["id"],
        "created_at": "2026-11-20T20:00:00+08:00",
        "processed_at": "2026-11-20T20:00:00+08:00",
        "refund_line_items": [],
        "order_adjustments": [],
        "transactions": [move] if money else [],
        **parts,
    }
    return {**order, "refunds": [given], "updated_at": "2026-11-20T20:00:00+08:00"}


def both(amount: str) -> dict[str, Any]:
    """Return an amount in the shop's and the buyer's money."""
    told = {"amount": amount, "currency_code": "MYR"}
    return {"shop_money": told, "presentment_money": told}


def returned(order: dict[str, Any], subtotal: str, end: str = "return") -> dict[str, Any]:
    """Return the refund line of one piece of the order's first item."""
    item = order["line_items"][0]
    return {
        "id": 77,
        "line_item_id": item["id"],
        "line_item": item,
        "quantity": 1,
        "restock_type": end,
        "subtotal": subtotal,
        "total_tax": "0.00",
    }


def test_shipping_that_is_refunded_on_its_own_is_a_line(company: CaseCompany) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    line = {
        "id": 3,
        "subtotal_amount_set": both("8.00"),
        "tax_amount_set": both("0.00"),
        "shipping_line": {"id": 31, "title": "Standard shipping", "code": "STANDARD"},
    }
    assert company.deliver(order).status_code == 202
    company.work()
    goods = [returned(order, "20.00")]
    told = refund(order, refund_line_items=goods, refund_shipping_lines=[line], money="28.00")
    assert company.deliver(told).status_code == 202
    company.work()
    assert total(company, "R-5990") == Decimal("28.00")
    assert lines(company, "R-5990")[1] == ("SHIPPING", "510-0000", Decimal("8.00"))


def test_duties_and_fees_that_are_refunded_are_lines(company: CaseCompany) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    told = refund(
        order,
        refund_line_items=[returned(order, "20.00")],
        duties=[{"duty_id": 1, "amount_set": both("3.00")}],
        additional_fees=[{"id": 1, "name": "Packing", "price_set": both("2.00")}],
        money="25.00",
    )
    assert company.deliver(told).status_code == 202
    company.work()
    assert total(company, "R-5990") == Decimal("25.00")
    assert lines(company, "R-5990")[1:] == [
        ("DUTY", "432-0000", Decimal("3.00")),
        ("FEE", "501-0000", Decimal("2.00")),
    ]


def exchanged(order: dict[str, Any], price: str, money: str, **more: Any) -> dict[str, Any]:
    """Return the order whose mug came back for a shirt of this price; `money` went back too."""
    item = order["line_items"][0]
    added = {**item, "id": 999, "sku": "TEE-BLK-M", "price": price, "price_set": both(price)}
    told = refund(order, refund_line_items=[returned(order, "100.00")], money=money)
    sums = {"current_total_price": price, "current_total_price_set": both(price)}
    items = [{**item, "current_quantity": 0}, added]
    return {**told, **sums, "line_items": items, "total_outstanding": "0.00", **more}


@pytest.mark.parametrize(("price", "money"), [("60.00", "40.00"), ("100.00", ""), ("130.00", "")])
def test_an_exchange_is_a_credit_note_and_an_invoice_of_the_added_goods(
    company: CaseCompany, price: str, money: str
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    later = exchanged(order, price, money)
    deliver(company, order, later, {**later, "updated_at": "2026-11-21T08:00:00+08:00"})
    assert company.holds() == []
    assert {number: total(company, number) for number in company.documents()} == {
        "#S1081": Decimal("100.00"),
        "#S1081-A": Decimal(price),
        "R-5990": Decimal("100.00"),
    }
    assert lines(company, "#S1081-A") == [("TEE-BLK-M", "500-0000", Decimal(price))]
    assert company.documents()["#S1081-A"]["master"]["docDate"][:10] == "2026-11-20"
    assert Decimal(company.body("R-5990")["paid_back"]) == Decimal(money or 0)


def test_an_exchange_that_comes_with_its_order_is_three_documents(company: CaseCompany) -> None:
    deliver(company, exchanged(case_body("09-restocking-fee", "1-order.json"), "60.00", "40.00"))
    assert company.holds() == []
    assert sorted(company.documents()) == ["#S1081", "#S1081-A", "R-5990"]


def test_an_exchange_that_shopify_lists_with_its_return_is_told_by_the_listed_items(
    company: CaseCompany,
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    listed = {"id": 5, "status": "CLOSED", "exchange_line_items": [{"line_item": {"id": 999}}]}
    told = exchanged(order, "60.00", "40.00", returns=[listed])
    deliver(company, order, changed(told, total_price="160.00"))
    assert company.holds() == []
    assert total(company, "#S1081") == Decimal("100.00")
    assert total(company, "#S1081-A") == Decimal("60.00")


def test_goods_of_an_exchange_may_come_back_too(company: CaseCompany) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    later = exchanged(order, "60.00", "40.00")
    item = later["line_items"][1]
    back = {**returned({"line_items": [item]}, "60.00"), "id": 79}
    (second,) = refund(order, refund_line_items=[back], money="60.00")["refunds"]
    both_back = {
        **later,
        "line_items": [later["line_items"][0], {**item, "current_quantity": 0}],
        "refunds": [*later["refunds"], {**second, "id": 5991}],
        "financial_status": "refunded",
        "updated_at": "2026-11-22T08:00:00+08:00",
    }
    deliver(company, order, later, changed(both_back, current_total_price="0.00"))
    assert company.holds() == []
    assert total(company, "#S1081-A") == total(company, "R-5991") == Decimal("60.00")
    assert sorted(company.documents()) == ["#S1081", "#S1081-A", "R-5990", "R-5991"]


def test_goods_that_are_sold_on_top_of_an_order_are_no_exchange(company: CaseCompany) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    deliver(company, order, exchanged(order, "60.00", "100.00"))
    assert ("STL01", "accounts") in held(company, "#S1081")
    assert "#S1081-A" not in company.documents()


def test_an_exchange_whose_money_is_still_owed_is_held(company: CaseCompany) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    deliver(company, order, exchanged(order, "60.00", "", total_outstanding="-40.00"))
    assert [hold.rule for hold in company.holds("R-5990")] == ["goods_without_money"]
    assert "R-5990" not in company.documents()


def test_goods_of_an_exchange_that_are_not_sent_yet_hold_no_sent_order(
    company: CaseCompany,
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    item = {**order["line_items"][0], "fulfillment_status": "fulfilled"}
    order = {**order, "line_items": [item]}
    later = exchanged(order, "130.00", "", fulfillment_status="partial")
    later |= {"financial_status": "partially_paid", "total_outstanding": "30.00"}
    later["line_items"][1] |= {"fulfillment_status": None}
    deliver(company, order, later)
    assert company.holds() == []
    assert sorted(company.documents()) == ["#S1081", "R-5990"]
    paid = {"financial_status": "paid", "total_outstanding": "0.00"}
    deliver(company, {**later, **paid, "updated_at": "2026-11-22T08:00:00+08:00"})
    assert total(company, "#S1081-A") == Decimal("130.00")


def test_a_cancelled_order_that_was_paid_back_leaves_nothing_behind(company: CaseCompany) -> None:
    order = case_body("16-cancelled-money-kept", "1-order-cancelled.json")
    told = refund(order, refund_line_items=[returned(order, "80.00", "cancel")], money="80.00")
    told = {**told, "financial_status": "refunded"}
    assert company.deliver({**told, "updated_at": "2026-11-22T09:00:00+08:00"}).status_code == 202
    company.work()
    assert company.documents() == {}
    assert company.holds() == []
    assert company.states() == {"#S1161": "dropped", "R-5990": "ignored"}


def test_money_kept_of_a_cancelled_order_is_posted_once_a_person_releases_it(
    company: CaseCompany,
) -> None:
    feed(company, "16-cancelled-money-kept", "2-order-cancelled-part-refund")
    company.release("#S1162")
    company.work()
    assert total(company, "#S1162") == Decimal("80.00")
    assert total(company, "R-5161") == Decimal("60.00")


def taxed(order: dict[str, Any], included: bool, *taxes: str, total: str, tax: str) -> Any:
    """Return an order of RM 9.99 mugs, one for each tax, with the order's own tax and total."""
    item = order["line_items"][0]
    lines = [
        {
            **item,
            "id": 880 + at,
            "price": "9.99",
            "price_set": both("9.99"),
            "tax_lines": [{"title": "SST", "rate": 0.1, "price": one, "price_set": both(one)}],
        }
        for at, one in enumerate(taxes)
    ]
    sums = {"total_price": total, "total_tax": tax, "current_total_price": total}
    return {**changed(order, **sums), "line_items": lines, "taxes_included": included}


def test_an_edit_before_payment_with_its_entry_among_the_refunds_is_not_invoiced(
    company: CaseCompany,
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    item = {**order["line_items"][0], "quantity": 2, "current_quantity": 1}
    edited = changed(order, total_price="200.00", current_total_price="100.00")
    edited |= {"line_items": [item], "total_outstanding": "0.00"}
    told = refund(edited, refund_line_items=[returned(edited, "100.00", "cancel")])
    assert company.deliver(told).status_code == 202
    company.work()
    assert company.holds() == []
    assert total(company, order["name"]) == Decimal("100.00")
    assert company.states()["R-5990"] == "dropped"


def test_pieces_taken_off_after_payment_are_held_until_the_money_goes_back(
    company: CaseCompany,
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    item = {**order["line_items"][0], "quantity": 2, "current_quantity": 1}
    edited = changed(order, total_price="200.00", current_total_price="100.00")
    edited |= {"line_items": [item], "total_outstanding": "-100.00"}
    told = refund(edited, refund_line_items=[returned(edited, "100.00", "cancel")])
    assert company.deliver(told).status_code == 202
    company.work()
    assert total(company, order["name"]) == Decimal("200.00")
    assert ("HLD01", "accounts") in held(company, "R-5990")


def test_shipping_that_an_edit_removed_before_payment_is_not_invoiced(
    company: CaseCompany,
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    line = {"id": 3, "title": "Standard", "code": "STD", "price": "8.00", "is_removed": True}
    edited = changed(order, total_price="108.00", current_total_price="100.00")
    assert company.deliver({**edited, "shipping_lines": [line]}).status_code == 202
    company.work()
    assert company.holds() == []
    assert total(company, order["name"]) == Decimal("100.00")


@pytest.mark.parametrize("adjusted", [True, False])
def test_the_tax_of_refunded_shipping_is_that_of_the_orders_shipping(
    company: CaseCompany, adjusted: bool
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    tax = {"title": "SST", "rate": 0.1, "price": "0.80"}
    sent = {"id": 31, "title": "Standard", "code": "STD", "price": "8.00", "tax_lines": [tax]}
    order = {
        **changed(order, total_price="108.80", current_total_price="108.80", total_tax="0.80"),
        "shipping_lines": [sent],
    }
    line = {"id": 3, "subtotal_amount_set": both("8.00"), "tax_amount_set": both("0.80")}
    entry = {
        "id": 4,
        "kind": "shipping_refund",
        "reason": "Shipping refund",
        "amount": "-8.00",
        "tax_amount": "-0.80",
    }
    parts: dict[str, Any] = (
        {"order_adjustments": [entry]}
        if adjusted
        else {"refund_shipping_lines": [{**line, "shipping_line": {"id": 31}}]}
    )
    told = refund(order, money="8.80", **parts)
    assert company.deliver(told["refunds"][0], "refunds/create").status_code == 202
    company.work()
    assert company.documents() == {}
    assert company.deliver(told).status_code == 202
    company.work()
    assert company.holds() == []
    (row,) = company.documents()["R-5990"]["details"]
    assert (row["taxCode"], Decimal(row["tax"])) == ("S-10", Decimal("0.80"))
    assert total(company, "R-5990") == Decimal("8.80")


def test_a_tax_that_the_shop_rounds_at_the_subtotal_is_that_of_the_invoice(
    company: CaseCompany,
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    told = taxed(order, False, "1.00", "1.00", "1.00", total="32.96", tax="2.99")
    assert company.deliver(told).status_code == 202
    company.work()
    assert company.holds() == []
    master = company.documents()[order["name"]]["master"]
    assert (Decimal(master["tax"]), Decimal(master["finalTotal"])) == (
        Decimal("2.99"),
        Decimal("32.96"),
    )


def test_prices_with_tax_come_to_the_money_that_was_paid(company: CaseCompany) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    by_line = taxed(order, True, "0.91", "0.91", "0.91", total="29.97", tax="2.73")
    assert company.deliver(by_line).status_code == 202
    company.work()
    assert total(company, order["name"]) == Decimal("29.97")
    at_subtotal = taxed(order, True, "0.91", "0.91", "0.91", total="29.97", tax="2.72")
    at_subtotal |= {"id": 4471, "name": "#S4471", "customer": {"id": 99, "first_name": "Other"}}
    at_subtotal["billing_address"] = {"name": "Other"}
    assert company.deliver(at_subtotal).status_code == 202
    company.work()
    (hold,) = company.holds("#S4471")
    assert (hold.code, hold.owner) == ("RND06", "tax_desk")


def test_goods_of_one_refund_that_go_different_ways_are_told_apart_by_line(
    company: CaseCompany,
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    item = order["line_items"][0]
    two = changed(order, total_price="120.00", current_total_price="120.00")
    other = {**item, "id": 182, "sku": "TEE-BLK-M", "price": "20.00", "price_set": both("20.00")}
    two |= {"line_items": [item, other]}
    kept = {**returned({"line_items": [other]}, "20.00", "no_restock"), "id": 78}
    told = refund(two, refund_line_items=[returned(two, "100.00"), kept], money="120.00")
    assert company.deliver(told).status_code == 202
    company.work()
    assert company.holds() == []
    assert [row["goodsReturn"] for row in company.documents()["R-5990"]["details"]] == [True, False]


def test_a_refund_that_cannot_be_read_holds_no_other_refund_of_its_order(
    company: CaseCompany,
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    told = refund(order, refund_line_items=[returned(order, "10.00")], money="10.00")
    bad = {**told["refunds"][0], "id": 5991}
    bad["refund_line_items"] = [returned(order, "ten")]
    assert company.deliver({**told, "refunds": [*told["refunds"], bad]}).status_code == 202
    company.work()
    assert total(company, "R-5990") == Decimal("10.00")
    assert company.holds("R-5990") == []
    assert ("VAL04", "accounts") in held(company, "R-5991")


def test_a_number_that_differs_by_case_is_not_taken_for_a_document_of_somebody_else(
    company: CaseCompany,
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    assert company.deliver({**order, "name": "#aB1"}).status_code == 202
    company.work()
    other = {**changed(order, total_price="100.00"), "id": 4, "name": "#Ab1"}
    other |= {"customer": {"id": 9, "first_name": "Other"}, "billing_address": {"name": "Other"}}
    assert company.deliver(other).status_code == 202
    company.work()
    (hold,) = company.holds()
    assert (hold.code, hold.number, hold.owner) == ("PSH03", "#Ab1", "accounts")
    assert "#aB1" in hold.text
    assert list(company.documents()) == ["#aB1"]


def basket(left: str, outstanding: str, *pieces: int, refunds: Any = ()) -> dict[str, Any]:
    """Return an order of three mugs and a shirt at RM 25: so many pieces of each are left."""
    order = case_body("09-restocking-fee", "1-order.json")
    item = order["line_items"][0]
    cells = {"price": "25.00", "price_set": both("25.00")}
    items = [
        {**item, **cells, "quantity": 3, "current_quantity": pieces[0]},
        {**item, **cells, "id": 182, "sku": "TEE-BLK-M", "quantity": 1},
    ]
    items[1]["current_quantity"] = pieces[1]
    sums = {"total_price": "100.00", "current_total_price": left, "total_outstanding": outstanding}
    given = []
    for at, parts in enumerate(refunds):
        (one,) = refund(order, **parts)["refunds"]
        for line in one["refund_line_items"]:
            line["line_item"] = next(it for it in items if it["id"] == line["line_item_id"])
        given.append({**one, "id": 5990 + at})
    hour = f"2026-11-20T2{len(given)}:{pieces[0]}{pieces[1]}:00+08:00"
    return {**changed(order, **sums), "line_items": items, "refunds": given, "updated_at": hour}


def off(item: int, end: str, pieces: int = 1) -> dict[str, Any]:
    """Return the refund line of pieces at RM 25 of an item."""
    return {
        "id": 70 + item,
        "line_item_id": item,
        "quantity": pieces,
        "restock_type": end,
        "subtotal": f"{25 * pieces}.00",
        "total_tax": "0.00",
    }


MUGS = case_body("09-restocking-fee", "1-order.json")["line_items"][0]["id"]
EDIT = {"refund_line_items": [off(MUGS, "no_restock")]}


def deliver(company: CaseCompany, *orders: dict[str, Any]) -> None:
    """Deliver versions of an order one after the other, with the work behind each."""
    for order in orders:
        assert company.deliver(order).status_code == 202
        company.work()


def test_an_edit_before_payment_stays_one_when_goods_come_back_later(company: CaseCompany) -> None:
    back = {"refund_line_items": [off(182, "return")]}
    paid = basket("75.00", "0.00", 2, 1, refunds=[EDIT])
    deliver(company, paid, basket("50.00", "-25.00", 2, 0, refunds=[EDIT, back]))
    assert total(company, paid["name"]) == Decimal("75.00")
    assert company.holds(paid["name"]) == []
    assert company.body("R-5990")["status"] == "edited"
    assert company.body("R-5991")["status"] == "returned"


def test_an_edit_before_payment_is_one_also_where_goods_came_back_at_once(
    company: CaseCompany,
) -> None:
    back = {"refund_line_items": [off(182, "return")]}
    order = basket("50.00", "-25.00", 2, 0, refunds=[EDIT, back])
    deliver(company, order)
    assert total(company, order["name"]) == Decimal("75.00")
    assert company.body("R-5990")["status"] == "edited"


def discrepancy(amount: str, reason: str = "Refund discrepancy") -> dict[str, Any]:
    """Return an adjustment of a refund."""
    return {
        "id": 5,
        "kind": "refund_discrepancy",
        "reason": reason,
        "amount": amount,
        "tax_amount": "0.00",
    }


@pytest.mark.parametrize(
    ("edit", "money"),
    [
        ({}, {"order_adjustments": [discrepancy("-25.00")]}),
        (
            {"order_adjustments": [discrepancy("25.00", "Pending refund discrepancy")]},
            {"order_adjustments": [discrepancy("-25.00")]},
        ),
        ({}, {}),
    ],
)
def test_pieces_taken_off_after_payment_stay_sold_once_the_money_goes_back(
    company: CaseCompany, edit: Any, money: Any
) -> None:
    removed, sent = {**EDIT, **edit}, {"money": "25.00", **money}
    whole = basket("100.00", "0.00", 3, 1)
    owed = basket("75.00", "-25.00", 2, 1, refunds=[removed])
    settled = basket("75.00", "0.00", 2, 1, refunds=[removed, sent])
    deliver(company, whole, owed, settled)
    assert total(company, whole["name"]) == Decimal("100.00")
    assert company.holds(whole["name"]) == []
    assert company.body(whole["name"])["total"] == "100.00"
    assert [line["part"] for line in company.body(whole["name"])["lines"]] == ["goods", "goods"]
    assert company.body("R-5990")["status"] == "removed"
    if money:
        assert company.body("R-5991")["status"] == "refunded"
    else:
        assert ("SUM01", "accounts") in held(company, "R-5991"), "it does not say what it is for"
        assert {hold.amount for hold in company.holds("R-5991")} == {Decimal("25.00")}


def test_edits_before_and_after_the_payment_are_told_apart(company: CaseCompany) -> None:
    sent = {"money": "25.00", "order_adjustments": [discrepancy("-25.00")]}
    paid = basket("75.00", "0.00", 2, 1, refunds=[EDIT])
    owed = basket("50.00", "-25.00", 1, 1, refunds=[EDIT, EDIT])
    deliver(company, paid, owed, basket("50.00", "0.00", 1, 1, refunds=[EDIT, EDIT, sent]))
    assert total(company, paid["name"]) == Decimal("75.00")
    assert company.body(paid["name"])["total"] == "75.00"
    assert company.holds(paid["name"]) == []
    told = [company.body(f"R-{number}")["status"] for number in (5990, 5991, 5992)]
    assert told == ["edited", "removed", "refunded"]


@pytest.mark.parametrize(("inside", "price"), [(True, "12.21"), (False, "11.10")])
def test_the_tax_of_an_edit_before_payment_is_not_invoiced(
    company: CaseCompany, inside: bool, price: str
) -> None:
    edit = {**off(MUGS, "cancel"), "subtotal": price, "total_tax": "1.11"}
    back = {**off(MUGS, "return", 2), "subtotal": f"{2 * Decimal(price)}", "total_tax": "2.22"}
    refunds = [{"refund_line_items": [edit]}, {"refund_line_items": [back]}]
    order = basket("0.00", "-24.42", 0, 0, refunds=refunds)
    tax = {"title": "SST", "rate": 0.1, "price": "3.33", "price_set": both("3.33")}
    item = {**order["line_items"][0], "price": price, "price_set": both(price), "tax_lines": [tax]}
    sums = {"total_price": "36.63", "total_tax": "3.33", "current_total_tax": "0.00"}
    order = {**changed(order, **sums), "line_items": [item], "taxes_included": inside}
    deliver(company, order)
    assert total(company, order["name"]) == Decimal("24.42")
    assert company.body(order["name"])["tax_total"] == "2.22"
    assert company.holds(order["name"]) == []


def test_an_edit_before_payment_counts_for_a_cancelled_order_too(company: CaseCompany) -> None:
    goods = [off(MUGS, "cancel", 2), off(182, "cancel")]
    adjusted = [discrepancy("20.00")]
    back = {"refund_line_items": goods, "order_adjustments": adjusted, "money": "55.00"}
    order = basket("0.00", "-20.00", 0, 0, refunds=[EDIT, back])
    order |= {"cancelled_at": order["updated_at"], "financial_status": "partially_refunded"}
    deliver(company, order)
    assert company.body(order["name"])["kept"] == "20.00"
    company.release(order["name"])
    company.work()
    assert total(company, order["name"]) == Decimal("75.00")
    assert total(company, "R-5991") == Decimal("55.00")


def test_an_unpaid_order_that_was_edited_and_cancelled_is_dropped(company: CaseCompany) -> None:
    rest = {"refund_line_items": [off(MUGS, "cancel", 2), off(182, "cancel")]}
    order = basket("0.00", "0.00", 0, 0, refunds=[EDIT, rest])
    order |= {"cancelled_at": order["updated_at"], "financial_status": "voided"}
    deliver(company, order)
    assert company.holds() == []
    assert set(company.states().values()) == {"dropped"}


def test_a_part_of_a_refund_that_failed_is_no_fee(company: CaseCompany) -> None:
    back = {"refund_line_items": [off(182, "return")], "money": "10.00"}
    order = basket("75.00", "-15.00", 3, 0, refunds=[back])
    moves = order["refunds"][0]["transactions"]
    moves.append({**moves[0], "id": 92, "status": "failure", "amount": "15.00"})
    deliver(company, order)
    assert list(company.documents()) == [order["name"]]
    assert ("SUM01", "accounts") in held(company, "R-5990")


def test_money_that_is_still_owed_is_no_fee(company: CaseCompany) -> None:
    back = {"refund_line_items": [off(182, "return")], "money": "10.00"}
    deliver(company, basket("75.00", "-15.00", 3, 0, refunds=[back]))
    assert ("SUM01", "accounts") in held(company, "R-5990")


def test_goods_credited_without_money_are_not_credited_again_with_it(company: CaseCompany) -> None:
    back = {"refund_line_items": [off(182, "return")]}
    sent = {"order_adjustments": [discrepancy("-25.00")], "money": "25.00"}
    deliver(company, basket("75.00", "-25.00", 3, 0, refunds=[back]))
    company.release("R-5990")
    company.work()
    assert total(company, "R-5990") == Decimal("25.00")
    deliver(company, basket("75.00", "0.00", 3, 0, refunds=[back, sent]))
    (hold,) = company.holds("R-5991")
    assert (hold.rule, hold.owner) == ("credited_return", "accounts")
    assert "R-5991" in hold.text
    assert "R-5990" in hold.text
    assert "R-5991" not in company.documents()


@pytest.mark.parametrize("stated", ["100.01", "99.99"])
def test_a_cent_between_lines_and_total_is_a_rounding_line(
    company: CaseCompany, stated: str
) -> None:
    order = basket(stated, "0.00", 3, 1)
    order = changed(order, total_price=stated)
    deliver(company, order)
    assert company.holds() == []
    assert total(company, order["name"]) == Decimal(stated)
    assert lines(company, order["name"])[2][0] == "ROUNDING"


def swapped(first: str, **sums: str) -> list[dict[str, Any]]:
    """Return an unpaid order of two mugs, and the same after an edit that took one off, added a
    shirt at RM 30 and was paid; `first` is its total as Shopify states it after the edit.
    """
    order = case_body("09-restocking-fee", "1-order.json")
    cells = {"price": "50.00", "price_set": both("50.00"), "quantity": 2, "current_quantity": 2}
    mugs = {**order["line_items"][0], **cells}
    shirt = {**mugs, "id": 182, "sku": "TEE-BLK-M", "price": "30.00", "price_set": both("30.00")}
    shirt |= {"quantity": 1, "current_quantity": 1}
    unpaid = changed(order, total_price="100.00", current_total_price="100.00")
    unpaid |= {"total_outstanding": "100.00", "financial_status": "pending", "line_items": [mugs]}
    edit = {"refund_line_items": [{**off(MUGS, "no_restock"), "subtotal": "50.00"}]}
    paid = changed(refund(order, **edit), **{"total_price": first, **sums})
    paid["refunds"][0]["refund_line_items"][0]["line_item"] = mugs
    return [unpaid, {**paid, "line_items": [{**mugs, "current_quantity": 1}, shirt]}]


@pytest.mark.parametrize("first", ["100.00", "130.00"])
def test_goods_swapped_before_payment_are_invoiced_at_what_was_paid(
    company: CaseCompany, first: str
) -> None:
    orders = swapped(first, current_total_price="80.00", total_outstanding="0.00")
    deliver(company, *orders)
    assert company.holds() == []
    assert total(company, orders[0]["name"]) == Decimal("80.00")
    assert company.body("R-5990")["status"] == "edited"


def test_goods_swapped_after_payment_are_still_owed_to_the_buyer(company: CaseCompany) -> None:
    orders = swapped("100.00", current_total_price="80.00", total_outstanding="-20.00")
    deliver(company, orders[1])
    assert company.body("R-5990")["status"] == "removed"
    assert [hold.owner for hold in company.holds("R-5990")] == ["accounts"]


def test_shipping_that_a_code_made_free_costs_nothing(company: CaseCompany) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    line = {"id": 3, "title": "Standard", "code": "STD", "price": "8.00", "price_set": both("8.00")}
    line |= {"discounted_price": "0.00", "discounted_price_set": both("0.00")}
    deliver(company, {**order, "shipping_lines": [line]})
    assert company.holds() == []
    assert total(company, order["name"]) == Decimal("100.00")
    assert company.body(order["name"])["lines"][1]["discount"] == "8.00"


def test_a_cent_of_tax_that_an_edit_rounds_the_other_way_is_that_of_the_order(
    company: CaseCompany,
) -> None:
    edit = {**off(MUGS, "no_restock"), "subtotal": "9.95", "total_tax": "1.00"}
    order = basket("10.94", "0.00", 1, 0, refunds=[{"refund_line_items": [edit]}])
    tax = {"title": "SST", "rate": "0.1", "price": "1.99", "price_set": both("1.99")}
    item = {**order["line_items"][0], "price": "9.95", "price_set": both("9.95"), "quantity": 2}
    sums = {"total_price": "21.89", "total_tax": "1.99", "current_total_tax": "0.99"}
    deliver(company, {**changed(order, **sums), "line_items": [{**item, "tax_lines": [tax]}]})
    body = company.body(order["name"])
    assert (body["total"], body["tax_total"], body["lines"][0]["tax_amount"]) == (
        "10.94",
        "0.99",
        "0.99",
    )
    assert "SUM01" not in {hold.code for hold in company.holds()}


def cancelled(order: dict[str, Any], *amounts: str) -> dict[str, Any]:
    """Return the order cancelled, with a refund of its one piece for each amount."""
    told = {**order, "cancelled_at": "2026-11-22T09:00:00+08:00", "fulfillments": []}
    items = [{**item, "current_quantity": 0} for item in order["line_items"]]
    refunds = []
    for at, amount in enumerate(amounts):
        line = returned(order, order["total_price"], "cancel")
        apart = Decimal(order["total_price"]) - Decimal(amount)
        parts = {"order_adjustments": [discrepancy(str(apart))]} if apart else {}
        (one,) = refund(order, refund_line_items=[line], money=amount, **parts)["refunds"]
        refunds.append({**one, "id": 5990 + at})
    whole = sum(map(Decimal, amounts)) == Decimal(order["total_price"])
    return {
        **told,
        "line_items": items,
        "refunds": refunds,
        "financial_status": "refunded" if whole else "partially_refunded",
        "updated_at": "2026-11-22T09:00:00+08:00",
    }


def test_a_posted_order_that_is_cancelled_and_paid_back_is_credited(company: CaseCompany) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    deliver(company, order, cancelled(order, "100.00"))
    assert company.holds() == []
    assert total(company, order["name"]) == total(company, "R-5990") == Decimal("100.00")
    assert company.states() == {order["name"]: "posted", "R-5990": "posted"}
    assert company.body(order["name"])["status"] == "cancelled"
    record = company.visit("farah").get(f"/c/kedai/records/shopify/order/{order['id']}")
    found = company.visit("farah").get("/c/kedai/find?q=%23S108")
    for page in (record, found):
        assert "Cancelled, credited" in page.get_data(as_text=True)


def test_a_posted_order_that_is_cancelled_with_money_kept_names_what_was_kept(
    company: CaseCompany,
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    deliver(company, order, cancelled(order, "80.00"))
    (hold,) = company.holds(order["name"])
    assert (hold.code, hold.owner) == ("STL01", "accounts")
    assert hold.text.endswith("Now: cancelled kept, RM 20.00.")
    company.release(order["name"])
    company.work()
    assert total(company, "R-5990") == Decimal("80.00")
    page = company.visit("farah").get(f"/c/kedai/records/shopify/order/{order['id']}")
    assert "Cancelled, credited" not in page.get_data(as_text=True)


def test_a_posted_order_that_is_cancelled_without_its_refund_is_held(company: CaseCompany) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    deliver(company, order, {**cancelled(order), "financial_status": "voided"})
    (hold,) = company.holds(order["name"])
    assert (hold.code, hold.owner) == ("STL01", "accounts")
    assert list(company.documents()) == [order["name"]]


@pytest.mark.parametrize("channel", ["web", "1354745"])
def test_the_refund_of_a_rejected_order_is_held_and_names_it(
    company: CaseCompany, channel: str
) -> None:
    order = {**case_body("09-restocking-fee", "1-order.json"), "source_name": channel}
    order |= {"currency": "SGD"} if channel == "web" else {}
    deliver(company, order)
    company.reject("#S1081")
    company.work()
    told = refund(order, refund_line_items=[returned(order, "100.00")], money="100.00")
    assert company.deliver(told["refunds"][0], "refunds/create").status_code == 202
    company.work()
    assert company.states() == {"#S1081": "ignored", "R-5990": "held"}
    (hold,) = [one for one in company.holds("R-5990") if one.code == "EVA06"]
    assert hold.text.startswith("It comes after #S1081, which is not posted: rejected")
    company.reject("R-5990")
    company.work()
    assert company.holds() == []


def exchanged_again(
    order: dict[str, Any], second: tuple[str, str], returns: bool = True, **more: Any
) -> dict[str, Any]:
    """Return the order whose mug came back for a shirt of RM 60, with RM 40 paid back, and then
    the shirt for another of this price; `second` is price and money that went back.
    """
    later = exchanged(order, "60.00", "40.00")
    mug, shirt = later["line_items"]
    price, money = second
    other = {**shirt, "id": 1000, "sku": "TEE-BLK-M", "price": price, "price_set": both(price)}
    back = {**returned({"line_items": [shirt]}, "60.00"), "id": 79}
    (again,) = refund(order, refund_line_items=[back], money=money)["refunds"]
    again |= {"id": 5991, "created_at": "2026-11-24T09:00:00+08:00"}
    again["processed_at"] = again["created_at"]
    listed = [{"exchange_line_items": [{"line_item": {"id": one}}]} for one in (999, 1000)]
    return {
        **changed(later, current_total_price=price),
        "line_items": [mug, {**shirt, "current_quantity": 0}, other],
        "refunds": [*later["refunds"], again],
        "returns": listed if returns else [],
        "updated_at": "2026-11-24T09:00:00+08:00",
        **more,
    }


@pytest.mark.parametrize("returns", [True, False])
@pytest.mark.parametrize(("price", "money"), [("45.00", "15.00"), ("60.00", ""), ("75.00", "")])
def test_a_second_exchange_is_a_further_credit_note_and_invoice(
    company: CaseCompany, price: str, money: str, returns: bool
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    first = exchanged(order, "60.00", "40.00")
    deliver(company, order, first, exchanged_again(order, (price, money), returns))
    assert company.holds() == []
    assert {number: total(company, number) for number in company.documents()} == {
        "#S1081": Decimal("100.00"),
        "R-5990": Decimal("100.00"),
        "#S1081-A": Decimal("60.00"),
        "R-5991": Decimal("60.00"),
        "#S1081-B": Decimal(price),
    }
    days = {n: one["master"]["docDate"][:10] for n, one in company.documents().items()}
    assert (days["#S1081-A"], days["#S1081-B"]) == ("2026-11-20", "2026-11-24")


def test_two_exchanges_that_come_together_are_two_invoices(company: CaseCompany) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    deliver(company, exchanged_again(order, ("60.00", "")))
    assert company.holds() == [], "the second costs the same as the first"
    assert sorted(company.documents()) == ["#S1081", "#S1081-A", "#S1081-B", "R-5990", "R-5991"]


def test_what_a_buyer_owes_is_for_the_latest_exchange(company: CaseCompany) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    owing = {"financial_status": "partially_paid", "total_outstanding": "15.00"}
    again = exchanged_again(order, ("75.00", ""), **owing)
    deliver(company, order, exchanged(order, "60.00", "40.00"), again)
    assert company.holds() == []
    assert "#S1081-B" not in company.documents()
    assert company.states()["#S1081-B"] == "waiting"
    paid = {"financial_status": "paid", "total_outstanding": "0.00"}
    deliver(company, {**again, **paid, "updated_at": "2026-11-25T09:00:00+08:00"})
    assert total(company, "#S1081-B") == Decimal("75.00")


def test_exchanges_that_no_money_tells_apart_are_held_and_can_be_settled_by_hand(
    company: CaseCompany,
) -> None:
    """Shopify lists no returns, and one new item of two could be of either exchange."""
    order = case_body("09-restocking-fee", "1-order.json")
    again = exchanged_again(order, ("75.00", ""), returns=False)
    shirt = {**again["line_items"][2], "id": 1001, "price": "20.00", "price_set": both("20.00")}
    again["line_items"].append(shirt)
    again["refunds"][0]["transactions"] = []
    deliver(company, order, exchanged(order, "100.00", ""))
    deliver(company, changed(again, current_total_price="95.00"))
    (hold,) = [one for one in company.holds() if one.number == "#S1081-A"]
    assert (hold.code, hold.owner) == ("STL01", "accounts")
    assert "#S1081-B" not in company.documents()
    company.release("#S1081-A")
    company.work()
    assert [one for one in company.holds() if one.number == "#S1081-A"] == []


def test_the_day_of_an_exchange_stays_when_other_goods_come_back_later(
    company: CaseCompany,
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    second = {**order["line_items"][0], "id": 183, "sku": "TEE-BLK-M"}
    order = {**changed(order, total_price="200.00", current_total_price="200.00"),
             "line_items": [*order["line_items"], second]}  # fmt: skip
    later = exchanged(order, "60.00", "40.00")
    later = {**changed(later, current_total_price="160.00")}
    (
        mug,
        _,
    ) = order["line_items"]
    later["line_items"] = [{**mug, "current_quantity": 0}, second, later["line_items"][1]]
    back = {**returned({"line_items": [second]}, "100.00"), "id": 80}
    (again,) = refund(order, refund_line_items=[back], money="100.00")["refunds"]
    again |= {"id": 5992, "created_at": "2026-11-26T09:00:00+08:00"}
    again["processed_at"] = again["created_at"]
    items = [later["line_items"][0], {**second, "current_quantity": 0}, later["line_items"][2]]
    last = {**changed(later, current_total_price="60.00"), "line_items": items,
            "refunds": [*later["refunds"], again],
            "updated_at": "2026-11-26T09:00:00+08:00"}  # fmt: skip
    deliver(company, order, later, last)
    assert company.holds() == []
    assert company.documents()["#S1081-A"]["master"]["docDate"][:10] == "2026-11-20"


def test_money_that_went_back_for_nothing_is_held_with_its_amount_and_can_be_credited(
    company: CaseCompany,
) -> None:
    """A refund of a transaction alone: no goods, no shipping, no adjustment."""
    order = case_body("09-restocking-fee", "1-order.json")
    deliver(company, order, refund(order, money="5.00"))
    (hold,) = company.holds("R-5990")
    assert (hold.code, hold.owner, hold.amount) == ("SUM01", "accounts", Decimal("5.00"))
    assert hold.text.startswith("RM 5.00 stated, RM 0.00 computed: RM 5.00.")
    company.release("R-5990")
    company.work()
    assert company.holds() == []
    assert lines(company, "R-5990") == [("ADJUSTMENT", "510-0000", Decimal("5.00"))]


def test_a_failed_refund_is_held_for_that_alone(company: CaseCompany) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    told = refund(order, refund_line_items=[returned(order, "100.00")], money="100.00")
    (failed,) = told["refunds"]
    failed = {**failed, "transactions": [{**failed["transactions"][0], "status": "failure"}]}
    (paid,) = refund(order, order_adjustments=[discrepancy("-100.00")], money="100.00")["refunds"]
    deliver(company, order, {**told, "refunds": [failed, {**paid, "id": 5991}]})
    assert [(hold.number, hold.rule) for hold in company.holds()] == [("R-5990", "gate")]
    assert total(company, "R-5991") == Decimal("100.00")
    company.reject("R-5990")
    company.work()
    assert company.holds() == []


def test_a_free_item_that_comes_back_is_a_credit_note_of_nothing(company: CaseCompany) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    free = {**order["line_items"][0], "id": 182, "sku": "TEE-BLK-M"}
    free |= {"price": "0.00", "price_set": both("0.00")}
    order["line_items"].append(free)
    back = returned({"line_items": [free]}, "0.00")
    deliver(company, order, refund(order, refund_line_items=[back]))
    assert company.holds() == []
    assert total(company, "R-5990") == Decimal("0.00")
    assert [row["goodsReturn"] for row in company.documents()["R-5990"]["details"]] == [True]


@pytest.mark.parametrize(("money", "fee"), [("30.00", "-10.00"), ("40.00", "")])
def test_a_fee_that_is_kept_of_an_exchange_is_a_line_of_its_credit_note(
    company: CaseCompany, money: str, fee: str
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    deliver(company, order, exchanged(order, "60.00", money))
    assert company.holds() == []
    assert total(company, "R-5990") == Decimal("100.00") + Decimal(fee or 0)
    kept = [("FEE", "501-0000", Decimal(fee))] if fee else []
    assert lines(company, "R-5990")[1:] == kept


def test_money_of_an_exchange_that_went_nowhere_is_held_with_both_figures(
    company: CaseCompany,
) -> None:
    """RM 100 came back, RM 60 was added, nothing went back, and nothing is owed."""
    order = case_body("09-restocking-fee", "1-order.json")
    told = exchanged(order, "60.00", "1.00")
    failed = {**told["refunds"][0]["transactions"][0], "id": 93, "status": "failure"}
    told["refunds"][0]["transactions"].append({**failed, "amount": "39.00"})
    deliver(company, order, told)
    holds = {hold.code: hold for hold in company.holds("R-5990")}
    assert holds["SUM01"].owner == "accounts"
    assert holds["SUM01"].text.startswith("RM 1.00 stated, RM 40.00 computed: RM 39.00.")


def test_an_exchange_for_less_without_money_is_held_with_both_figures(
    company: CaseCompany,
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    deliver(company, order, exchanged(order, "60.00", ""))
    (hold,) = company.holds("R-5990")
    assert (hold.code, hold.owner) == ("SUM01", "accounts")
    assert hold.text.startswith("RM 0.00 stated, RM 40.00 computed: RM 40.00.")
    company.release("R-5990")
    company.work()
    assert total(company, "R-5990") == Decimal("60.00")


def test_a_refund_of_an_order_that_is_not_paid_does_not_wait_in_silence(
    company: CaseCompany,
) -> None:
    order = case_body("09-restocking-fee", "1-order.json")
    owing = {"financial_status": "partially_paid", "total_outstanding": "40.00"}
    back = {"order_adjustments": [discrepancy("-20.00")], "money": "20.00"}
    deliver(company, changed(refund({**order, **owing}, **back), current_total_price="80.00"))
    (hold,) = company.holds("R-5990")
    assert (hold.rule, hold.owner, hold.amount) == (
        "refund_of_a_paid_order",
        "accounts",
        Decimal("20.00"),
    )
    assert company.documents() == {}
