"""Amounts of Shopee and Lazada as their documentation states them, up to the ledger."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from holding.access import people
from holding.db.models import Person
from tests.cases.company import CaseCompany
from tests.cases.test_marketplace_cases import (
    DAY,
    INCOME,
    MOMENT,
    Feed,
    Make,
    amount_of,
    debtor_balance,
    feed,
    lazada_order,
    orders,
    shop_company,
    shopee_order,
    shopee_payout,
    statement_of,
    tell_deposit,
)

__all__ = ["feed"]
pytestmark = pytest.mark.sqlite
PLAIN: Mapping[str, float] = dict.fromkeys(INCOME, 0.0) | {"buyer_total_amount": 60.0}
"""The income of two mugs of 30.00 without vouchers, from which nothing is kept."""


def returned(**changed: Any) -> dict[str, Any]:
    """Return a paid return of one mug of order 2611SH20."""
    item = {"item_id": 9001, "name": "Mug", "item_sku": "MUG", "amount": 1, "refund_amount": 30.0}
    times = {"create_time": MOMENT + 5, "update_time": MOMENT + 5}
    head = {"return_sn": "RT1", "order_sn": "2611SH20", "status": "REFUND_PAID"}
    one = {**head, **times, "refund_amount": 30.0, "currency": "MYR", "item": [item], **changed}
    return {"response": {"return": [one]}}


def join_team(company: CaseCompany, name: str, team: str) -> None:
    """Add a person to a team."""
    with company.database.write() as session:
        person = session.scalars(select(Person.id).where(Person.name == name)).one()
        people.add_to_team(session, company_id=company.company_id, name=team, person_id=person)


def payments(company: CaseCompany) -> dict[str, Decimal]:
    """Return what the receipt and the bill of the payout state."""
    return {
        number[:2]: amount_of(document)
        for number, document in company.documents().items()
        if number.startswith(("RC-", "FB-", "FP-"))
    }


@pytest.mark.parametrize("sign", [1, -1])
def test_a_return_in_a_payout_of_shopee_is_taken_off_whatever_its_sign(
    make: Make, feed: Feed, sign: int
) -> None:
    company = shop_company(make, "shopee")
    feed(company, orders(shopee_order(total_amount=60.0, order_income=PLAIN)))
    feed(company, returned())
    kept = {"commission_fee": 1.2, "reverse_shipping_fee": 4.0}
    kept |= {"seller_return_refund": sign * 30.0}
    feed(company, {"payouts": [shopee_payout(24.8, **{**PLAIN, **kept})]})
    tell_deposit(company, DAY, "24.80")
    assert company.holds() == []
    assert debtor_balance(company) == 0
    payout = company.body(DAY)
    assert (payout["refunds"], payout["fees"], payout["adjustments"]) == ("30.00", "5.20", "0.00")


def test_a_disputed_return_of_shopee_is_taken_off_once(make: Make, feed: Feed) -> None:
    company = shop_company(make, "shopee")
    feed(company, orders(shopee_order(total_amount=60.0, order_income=PLAIN)))
    feed(company, returned())
    both = {"seller_return_refund": -30.0, "drc_adjustable_refund": 30.0}
    feed(company, {"payouts": [shopee_payout(30.0, **{**PLAIN, **both})]})
    tell_deposit(company, DAY, "30.00")
    assert company.holds() == []
    lines = company.body(DAY)["lines"]
    assert [(line["part"], line["amount"]) for line in lines] == [
        ("sale", "60.00"),
        ("refund", "-30.00"),
    ]


def test_every_fee_that_shopee_takes_in_malaysia_is_a_fee(make: Make, feed: Feed) -> None:
    company = shop_company(make, "shopee")
    feed(company, orders(shopee_order(total_amount=60.0, order_income=PLAIN)))
    kept = {
        "commission_fee": 1.2,
        "shipping_seller_protection_fee_amount": 0.5,
        "ads_escrow_top_up_fee_or_technical_support_fee": 5.0,
        "seller_order_processing_fee": 0.5,
    }
    feed(company, {"payouts": [shopee_payout(52.8, **{**PLAIN, **kept})]})
    tell_deposit(company, DAY, "52.80")
    assert company.holds() == []
    assert company.body(DAY)["fees"] == "7.20"
    assert payments(company)["FP"] == Decimal("-7.20")


def test_a_claim_of_a_return_is_held_by_its_name(make: Make, feed: Feed) -> None:
    company = shop_company(make, "shopee")
    feed(company, orders(shopee_order(total_amount=60.0, order_income=PLAIN)))
    claim = {"rsf_seller_protection_fee_claim_amount": 4.0, "commission_fee": 1.0}
    feed(company, {"payouts": [shopee_payout(63.0, **{**PLAIN, **claim})]})
    tell_deposit(company, DAY, "63.00")
    assert {(hold.rule, hold.owner) for hold in company.holds()} == {("nothing_else", "accounts")}
    assert all("RM 4.00" in hold.text for hold in company.holds())
    names = [line["name"] for line in company.body(DAY)["lines"] if line["part"] == "adjustment"]
    assert names == ["Rsf seller protection fee claim amount"]
    join_team(company, "Lim", "accounts")
    company.release(DAY)
    company.work()
    assert debtor_balance(company) == 0


def test_a_line_of_shopee_without_pieces_is_no_line(make: Make, feed: Feed) -> None:
    """The seller cancelled one of two articles before it was sent."""
    company = shop_company(make, "shopee")
    (mug,) = shopee_order()["item_list"]
    mug = {**mug, "model_quantity_purchased": 1}
    gone = {**mug, "item_sku": "TEE-BLK-M", "model_sku": "TEE-BLK-M", "order_item_id": 502}
    gone |= {"model_quantity_purchased": 0}
    feed(company, orders(shopee_order(total_amount=30.0, item_list=[mug, gone])))
    assert company.holds() == []
    posted = company.documents()["2611SH20"]
    assert posted["master"]["finalTotal"] == "30.00"
    assert [one["productCode"] for one in posted["details"]] == ["MUG"]


def test_a_gift_of_shopee_is_a_line_of_nothing(make: Make, feed: Feed) -> None:
    company = shop_company(make, "shopee")
    (mug,) = shopee_order()["item_list"]
    free = {**mug, "item_sku": "TEE-BLK-M", "model_sku": "TEE-BLK-M", "order_item_id": 502}
    free |= {"model_quantity_purchased": 1, "model_original_price": 19.0}
    free |= {"model_discounted_price": 0.0, "promotion_type": "gift_with_purchase"}
    feed(company, orders(shopee_order(total_amount=60.0, item_list=[mug, free])))
    assert company.holds() == []
    assert company.documents()["2611SH20"]["master"]["finalTotal"] == "60.00"


@pytest.mark.parametrize("shop", ["shopee", "lazada"])
def test_an_article_without_a_sku_is_held_with_its_title_line_and_amount(
    make: Make, feed: Feed, shop: str
) -> None:
    company = shop_company(make, shop)
    if shop == "shopee":
        (mug,) = shopee_order()["item_list"]
        mug |= {"item_sku": "", "model_sku": "", "item_name": "Kopi tarik"}
        feed(company, orders(shopee_order(total_amount=60.0, item_list=[mug])))
        number, amount = "2611SH20", "60.00"
    else:
        feed(company, {"orders": [lazada_order(sku="", name="Kopi tarik")]})
        number, amount = "501", "94.00"
    texts = [hold.text for hold in company.holds(number)]
    assert any("Kopi tarik" in text and amount in text for text in texts), texts
    assert {hold.owner for hold in company.holds(number)} == {"sales_admin"}


def test_pieces_of_lazada_with_vouchers_and_shipping_of_their_own(make: Make, feed: Feed) -> None:
    """Of three pieces one is cancelled: its price, voucher and shipping count nowhere."""
    company = shop_company(make, "lazada")
    whole = lazada_order()
    first, second = whole["order_items"]
    first |= {"shipping_amount": 2.1}
    second |= {"paid_price": 50.0, "voucher_seller": 0.0, "voucher_platform": 0.0}
    second |= {"shipping_amount": 1.9}
    gone = {**first, "order_item_id": 903, "status": "canceled", "shipping_amount": 1.0}
    order = {**whole, "items_count": 3, "order_items": [first, second, gone]}
    feed(company, {"orders": [order]})
    assert company.holds() == []
    posted = company.documents()["501"]
    # 50.00 - 3.00 of the seller; 50.00; shipping 2.10 + 1.90
    assert posted["master"]["finalTotal"] == "101.00"
    body = company.body("501")
    assert (body["seller_voucher"], body["platform_voucher"], body["buyer_paid"]) == (
        "3.00",
        "2.00",
        "99.00",
    )


def test_an_order_of_lazada_in_two_statements_is_settled_by_both(make: Make, feed: Feed) -> None:
    """The second piece arrived after the first statement was closed."""
    company = shop_company(make, "lazada")
    feed(company, {"orders": [lazada_order()]})
    sale = ("501", "Orders-Sales", "Item Price Credit", "50.00")
    voucher = ("501", "Orders-Marketing Fees", "Promotional Charges Vouchers", "-3.00")
    fee = ("501", "Orders-Lazada Fees", "Commission", "-2.00")
    for number, last in (("S1", "19 Nov 2026"), ("S2", "20 Nov 2026")):
        feed(company, {"statements": [statement_of(number, [sale, voucher, fee], last)]})
        tell_deposit(company, number, "45.00")
        if number == "S1":
            holds = company.holds()
            assert {(hold.rule, hold.owner) for hold in holds} == {("paid_whole", "accounts")}
            assert all(figure in holds[0].text for figure in ("47.00", "94.00"))
    assert company.holds() == []
    assert debtor_balance(company) == 0


@pytest.mark.parametrize("kind", ["Orders-Lazada Fees", "Other Services-Marketing Fees"])
def test_a_fee_of_lazada_that_belongs_to_no_order_is_in_the_bill(
    make: Make, feed: Feed, kind: str
) -> None:
    company = shop_company(make, "lazada")
    feed(company, {"orders": [lazada_order()]})
    rows = [
        ("501", "Orders-Sales", "Item Price Credit", "100.00"),
        ("501", "Orders-Marketing Fees", "Promotional Charges Vouchers", "-6.00"),
        ("501", "Orders-Lazada Fees", "Commission", "-4.00"),
        ("", kind, "Sponsored Discovery - Top up", "-12.00"),
    ]
    feed(company, {"statements": [statement_of("S1", rows, "19 Nov 2026")]})
    tell_deposit(company, "S1", "78.00")
    assert company.holds() == []
    assert debtor_balance(company) == 0
    assert payments(company)["FP"] == Decimal("-16.00")


def test_a_statement_of_lazada_with_a_fee_alone_is_a_bill(make: Make, feed: Feed) -> None:
    company = shop_company(make, "lazada")
    rows = [("", "Orders-Lazada Fees", "Sponsored Discovery", "-12.00")]
    feed(company, {"statements": [statement_of("S1", rows, "19 Nov 2026")]})
    tell_deposit(company, "S1", "-12.00")
    assert payments(company)["FP"] == Decimal("-12.00")


@pytest.mark.parametrize(
    ("kind", "name", "amount"),
    [
        ("Refunds-Claims", "Lost Claim", "50.00"),
        ("Orders-Claims", "Shipping Fee Claims", "5.00"),
        ("Orders-Lazada Fees", "Lazada Bonus - LZD co-fund", "2.00"),
        ("Other Services-Sales", "Seller Incentive", "3.00"),
    ],
)
def test_what_lazada_pays_beside_a_sale_is_no_fee_below_zero(
    make: Make, feed: Feed, kind: str, name: str, amount: str
) -> None:
    company = shop_company(make, "lazada")
    feed(company, {"orders": [lazada_order()]})
    rows = [
        ("501", "Orders-Sales", "Item Price Credit", "100.00"),
        ("501", "Orders-Marketing Fees", "Promotional Charges Vouchers", "-6.00"),
        ("501", "Orders-Lazada Fees", "Commission", "-4.00"),
        ("501", kind, name, amount),
    ]
    feed(company, {"statements": [statement_of("S1", rows, "19 Nov 2026")]})
    net = Decimal("90.00") + Decimal(amount)
    tell_deposit(company, "S1", str(net))
    assert company.body("S1")["fees"] == "4.00"
    holds = company.holds()
    assert {(hold.rule, hold.owner) for hold in holds} == {("nothing_else", "accounts")}
    assert f"RM {amount}" in holds[0].text


def test_a_subsidy_under_the_name_of_today_lessens_the_carriers_charge(
    make: Make, feed: Feed
) -> None:
    company = shop_company(make, "lazada")
    feed(company, {"orders": [lazada_order()]})
    rows = [
        ("501", "Orders-Sales", "Item Price Credit", "100.00"),
        ("501", "Orders-Marketing Fees", "Promotional Charges Vouchers", "-6.00"),
        ("501", "Orders-Logistics", "Shipping Fee Paid by Seller", "-5.00"),
        ("501", "Orders-Logistics", "Auto. Shipping fee subsidy (by Lazada)", "6.00"),
    ]
    feed(company, {"statements": [statement_of("S1", rows, "19 Nov 2026")]})
    tell_deposit(company, "S1", "95.00")
    body = company.body("S1")
    assert (body["fees"], body["adjustments"]) == ("0.00", "1.00")
    assert {(hold.rule, hold.owner) for hold in company.holds()} == {("nothing_else", "accounts")}


RETURNED_PIECE = ("501", "Refunds-Sales", "Reversal Item Price", "-50.00")
RETURNED_VOUCHER = (
    "501",
    "Refunds-Marketing Fees",
    "Reversal Promotional Charges Vouchers",
    "3.00",
)


@pytest.mark.parametrize(
    "name", ["Reversal shipping Fee (Paid by Customer)", "Shipping Fee Refund to Customer"]
)
def test_shipping_that_lazada_gives_back_to_the_buyer_is_a_credit_note(
    make: Make, feed: Feed, name: str
) -> None:
    """It was a fee: the sale's shipping stayed on the debtor, and the bill was too high."""
    company = shop_company(make, "lazada")
    whole = lazada_order()
    for piece in whole["order_items"]:
        piece |= {"shipping_amount": 2.5}
    whole["order_items"][0] |= {"status": "returned"}
    feed(company, {"orders": [whole]})
    assert company.documents()["501"]["master"]["finalTotal"] == "99.00"
    rows = [
        ("501", "Orders-Sales", "Item Price Credit", "100.00"),
        ("501", "Orders-Marketing Fees", "Promotional Charges Vouchers", "-6.00"),
        ("501", "Orders-Logistics", "Shipping Fee (Paid By Customer)", "5.00"),
        ("501", "Orders-Lazada Fees", "Commission", "-4.00"),
        RETURNED_PIECE,
        RETURNED_VOUCHER,
        ("501", "Refunds-Logistics", name, "-2.50"),
    ]
    feed(company, {"statements": [statement_of("S1", rows, "19 Nov 2026")]})
    tell_deposit(company, "S1", "45.50")
    assert company.holds() == []
    body = company.body("S1")
    assert (body["gross"], body["refunds"], body["fees"]) == ("99.00", "49.50", "4.00")
    credit = company.documents()["R-S1-6"]
    assert amount_of(credit) == Decimal("-2.50")
    assert [one["productCode"] for one in credit["details"]] == ["SHIPPING"]
    assert debtor_balance(company) == 0
    assert payments(company)["FP"] == Decimal("-4.00")


def test_the_same_statement_again_gives_shipping_back_once(make: Make, feed: Feed) -> None:
    company = shop_company(make, "lazada")
    whole = lazada_order()
    whole["order_items"][0] |= {"shipping_amount": 5.0}
    feed(company, {"orders": [whole]})
    rows = [
        ("501", "Orders-Sales", "Item Price Credit", "100.00"),
        ("501", "Orders-Marketing Fees", "Promotional Charges Vouchers", "-6.00"),
        ("501", "Orders-Logistics", "Shipping Fee (Paid By Customer)", "5.00"),
        ("501", "Refunds-Logistics", "Reversal shipping Fee (Paid by Customer)", "-5.00"),
    ]
    for paid in ("0", "1"):
        statement = statement_of("S1", rows, "19 Nov 2026") | {"paid": paid}
        feed(company, {"statements": [statement]})
    tell_deposit(company, "S1", "94.00", rev="2")
    assert company.holds() == []
    assert debtor_balance(company) == 0
    assert sum(number.startswith("R-") for number in company.documents()) == 1


@pytest.mark.parametrize(
    ("kind", "name", "order", "amount", "part"),
    [
        ("Orders-Sales", "Free Shipping Max Fee", "501", "-2.00", "fee"),
        ("Orders-Lazada Fees", "Free Shipping Max Fee", "501", "-2.00", "fee"),
        ("Orders-Sales", "Seller balance adjustments - Debit", "", "-7.00", "adjustment"),
        ("Orders-Sales", "Seller Two Transfer From", "", "7.00", "adjustment"),
        ("Refunds-Logistics", "Reversal Shipping Fee Voucher (by Lazada)", "501", "-2.00", "fee"),
        ("Refunds-Logistics", "Return shipping fees", "501", "-3.00", "fee"),
        ("Refunds-Lazada Fees", "Lazada Bonus - Reversal", "501", "-2.00", "adjustment"),
    ],
)
def test_what_a_transaction_of_lazada_is_follows_its_name_too(
    make: Make, feed: Feed, kind: str, name: str, order: str, amount: str, part: str
) -> None:
    company = shop_company(make, "lazada")
    feed(company, {"orders": [lazada_order()]})
    rows = [
        ("501", "Orders-Sales", "Item Price Credit", "100.00"),
        ("501", "Orders-Marketing Fees", "Promotional Charges Vouchers", "-6.00"),
        (order, kind, name, amount),
    ]
    feed(company, {"statements": [statement_of("S1", rows, "19 Nov 2026")]})
    tell_deposit(company, "S1", str(Decimal("94.00") + Decimal(amount)))
    body = company.body("S1")
    assert [(line["part"], line["amount"]) for line in body["lines"]] == [
        ("sale", "94.00"),
        (part, amount),
    ]
    rules = {(hold.rule, hold.owner) for hold in company.holds()}
    assert rules == (set() if part == "fee" else {("nothing_else", "accounts")})


@pytest.mark.parametrize(("buyer", "held"), [(701, False), (700, True), (None, False)])
def test_buyers_of_shopee_with_one_masked_name_are_told_apart_by_their_id(
    make: Make, feed: Feed, buyer: int | None, held: bool
) -> None:
    company = shop_company(make, "shopee")
    feed(company, orders(shopee_order(total_amount=60.0)))
    other = shopee_order(total_amount=60.0, order_sn="2611SH21", buyer_user_id=buyer)
    feed(company, orders(other))
    holds = [(hold.code, hold.number, hold.owner) for hold in company.holds()]
    assert holds == ([("DUP01", "2611SH21", "accounts")] if held else [])
    assert ("2611SH21" in company.documents()) is not held


def test_two_buyers_of_lazada_with_one_masked_name_are_two(make: Make, feed: Feed) -> None:
    company = shop_company(make, "lazada")
    feed(company, {"orders": [lazada_order()]})
    other = lazada_order() | {"order_id": 502, "order_number": 502}
    for piece in other["order_items"]:
        piece |= {"order_id": 502, "order_item_id": piece["order_item_id"] + 10}
    feed(company, {"orders": [other]})
    assert company.holds() == []
    assert company.documents().keys() == {"501", "502"}
    again = {**other, "order_id": 503}
    feed(company, {"orders": [again]})
    assert {(hold.rule, hold.owner) for hold in company.holds()} == {("duplicates", "accounts")}


def priced_return(
    income: Mapping[str, Any], *numbers: str, refund: float = 26.0, pieces: int = 1
) -> dict[str, Any]:
    """Return a paid return of order 2611SH20, with the order's income and its returns' numbers."""
    item = {"item_id": 9001, "name": "Mug", "item_sku": "MUG", "amount": pieces}
    more = {"order_income": dict(income), "return_order_sn_list": list(numbers or ("RT1",))}
    return returned(refund_amount=refund, item=[item | {"refund_amount": refund}], **more)


@pytest.mark.parametrize("lowered", [False, True])
def test_a_partial_return_with_a_voucher_of_shopee_settles_the_debtor(
    make: Make, feed: Feed, lowered: bool
) -> None:
    """57.00 sold, of which Shopee bore 5.00. Of the mug that came back the buyer gets 26.00, and
    Shopee takes 28.50 from the seller: its share of 2.50 was on no credit note.
    """
    company = shop_company(make, "shopee")
    feed(company, orders(shopee_order(order_income=INCOME)))
    after = {**INCOME, "seller_return_refund": -28.5}
    after |= {"prorated_shopee_voucher_offset_return_items": 2.0}
    after |= {"prorated_coins_value_offset_return_items": 0.5}
    checkout = {"shopee_voucher": 4.0, "seller_voucher": 3.0}
    if lowered:  # the final value of the voucher, with the first one kept at the checkout
        after |= {"voucher_from_shopee": 2.0, "buyer_payment_info": checkout}
    feed(company, priced_return(after))
    assert company.holds() == []
    credit = company.documents()["R-RT1"]
    assert amount_of(credit) == Decimal("-28.50")
    assert [one["productCode"] for one in credit["details"]] == ["MUG", "VOUCHER"]
    payout = shopee_payout(26.0, **after)
    if lowered:
        payout["escrow_details"][0] |= {"buyer_payment_info": checkout}
    feed(company, {"payouts": [payout]})
    tell_deposit(company, DAY, "26.00")
    assert company.holds() == []
    body = company.body(DAY)
    assert (body["gross"], body["refunds"], body["fees"]) == ("57.00", "28.50", "2.50")
    assert debtor_balance(company) == 0
    feed(company, orders(shopee_order(order_income=after, update_time=MOMENT + 99)))
    assert company.holds() == [], "what was sold stays what it was"


def test_a_rebate_that_shopee_takes_back_with_a_return_is_credited(make: Make, feed: Feed) -> None:
    """Shopee paid 4.00 of two mugs; with one mug back it pays 2.00."""
    company = shop_company(make, "shopee")
    income = {**PLAIN, "buyer_total_amount": 56.0, "shopee_discount": 4.0}
    income |= {"original_shopee_discount": 4.0}
    (mug,) = shopee_order()["item_list"]
    mug |= {"model_discounted_price": 28.0}
    order = shopee_order(total_amount=56.0, item_list=[mug], order_income=income)
    feed(company, orders(order))
    assert company.documents()["2611SH20"]["master"]["finalTotal"] == "60.00"
    after = {**income, "seller_return_refund": -28.0, "shopee_discount": 2.0}
    feed(company, priced_return(after, refund=28.0))
    assert amount_of(company.documents()["R-RT1"]) == Decimal("-30.00")
    feed(company, {"payouts": [shopee_payout(30.0, **after)]})
    tell_deposit(company, DAY, "30.00")
    assert company.holds() == []
    assert debtor_balance(company) == 0


def test_a_whole_return_with_a_voucher_of_shopee_settles_the_debtor(make: Make, feed: Feed) -> None:
    company = shop_company(make, "shopee")
    feed(company, orders(shopee_order(order_income=INCOME)))
    after = {**INCOME, "seller_return_refund": -57.0, "commission_fee": 0.0}
    feed(company, priced_return(after, refund=52.0, pieces=2))
    cancelled = shopee_order(order_status="CANCELLED", update_time=MOMENT + 9, order_income=after)
    feed(company, orders(cancelled))
    assert company.holds() == []
    assert debtor_balance(company) == 0


def test_a_return_whose_share_shopee_does_not_show_yet_is_held(make: Make, feed: Feed) -> None:
    company = shop_company(make, "shopee")
    feed(company, orders(shopee_order(order_income=INCOME)))
    feed(company, priced_return(INCOME))
    (hold,) = company.holds()
    assert (hold.rule, hold.owner, hold.number) == ("platform_share_known", "accounts", "R-RT1")
    assert all(figure in hold.text for figure in ("RM 26.00", "RM 5.00"))
    feed(company, priced_return({**INCOME, "seller_return_refund": -28.5}))
    assert company.holds() == []
    assert amount_of(company.documents()["R-RT1"]) == Decimal("-28.50")


def test_several_returns_of_an_order_that_shopee_supported_are_held_with_a_way_out(
    make: Make, feed: Feed
) -> None:
    """The income has one sum for all of them."""
    company = shop_company(make, "shopee")
    feed(company, orders(shopee_order(order_income=INCOME)))
    after = {**INCOME, "seller_return_refund": -57.0}
    feed(company, priced_return(after, "RT1", "RT2"))
    (hold,) = company.holds()
    assert (hold.rule, hold.owner) == ("platform_share_known", "accounts")
    join_team(company, "Lim", "accounts")
    company.release("R-RT1")
    company.work()
    assert amount_of(company.documents()["R-RT1"]) == Decimal("-26.00")
