"""Orders and payouts of Shopee and Lazada, from the shop's answer to a ledger or a hold."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from holding.access import people
from holding.db.models import Hold, Person, Record
from tests.cases.company import CaseCompany, Plan, case_path

pytestmark = pytest.mark.sqlite
ITEMS = ["MUG,MUG,PCS", "TEE-BLK-M,TEE-BLK-M,PCS", "SHIPPING,SHIPPING,PCS", "VOUCHER,VOUCHER,PCS"]
Make = Callable[..., CaseCompany]
DAY = "2026-11-19"
MOMENT = 1_795_140_000
"""A second of that day in Kuala Lumpur, counted from 1970 on."""


def shop_company(make: Make, shop: str) -> CaseCompany:
    """Return a company under the shop's template, whose books know its debtor and items."""
    party = {"shopee": "S002", "lazada": "L001"}[shop]
    return make(
        Plan(template=f"{shop}-autocount", maps={"items": ITEMS}),
        "autocount",
        debtors=[f"300-{party}"],
        creditors=[f"400-{party}"],
        products=dict.fromkeys(("MUG", "TEE-BLK-M", "SHIPPING", "VOUCHER"), "PCS"),
    )


@pytest.fixture
def feed(tmp_path: Path) -> Callable[[CaseCompany, Mapping[str, Any]], None]:
    """Return a function that reads a file with these contents and lets the workers work."""
    count = iter(range(100))

    def feed_file(company: CaseCompany, content: Mapping[str, Any]) -> None:
        path = tmp_path / f"{next(count)}.{company.connector}.json"
        path.write_text(json.dumps(content), "utf-8")
        company.ingest(path)
        assert company.errors == []
        company.work()

    return feed_file


Feed = Callable[[CaseCompany, Mapping[str, Any]], None]


def amount_of(document: Mapping[str, Any]) -> Decimal:
    """Return what a document adds to the debtor: a receipt and a credit note take off."""
    paid = document.get("paymentDetails")
    if paid:
        return -sum((Decimal(str(one["paymentAmt"])) for one in paid), Decimal(0))
    total = Decimal(str(document["master"]["finalTotal"]))
    return total if document["path"] == "invoice" else -total


def debtor_balance(company: CaseCompany) -> Decimal:
    """Return what the buyers owe in the books."""
    documents = company.documents().items()
    mine = [one for number, one in documents if not number.startswith(("FB-", "FP-"))]
    return sum((amount_of(one) for one in mine), Decimal(0))


def tell_deposit(company: CaseCompany, number: str, deposit: str, rev: str = "1") -> None:
    """Enter what the bank received, as the accounts team does on the hold's page."""
    query = select(Hold.id).join(Record, Record.id == Hold.record_id)
    query = query.where(Record.number == number, Hold.state == "open").order_by(Hold.id)
    who = select(Person.id).where(Person.name == "Farah")
    with company.database.write() as session:
        hold_id, farah = session.scalars(query).first(), session.scalars(who).one()
        people.add_to_team(session, company_id=company.company_id, name="accounts", person_id=farah)
    form = {"path": "deposit", "value": deposit, "reason": "as on the bank statement"}
    form |= {"rev": rev, "op": f"deposit-{number}"}
    company.visit("farah").post(f"/c/kedai/holding/{hold_id}/correct", form, status=303)
    company.work()


# ---- Lazada ----


def test_44_a_line_that_was_cancelled_before_shipping_is_no_line(make: Make) -> None:
    folder = case_path("44-lazada-late-cancel")
    company = shop_company(make, "lazada")
    for number in range(1, 6):
        company.ingest(folder / f"{number}-order.lazada.json")
        company.work()
    posted = company.documents()["70002"]
    assert posted["master"]["finalTotal"] == "100.00"
    assert [(one["productCode"], one["qty"]) for one in posted["details"]] == [("MUG", "1.0000")]
    assert company.holds("70002") == []
    (hold,) = company.holds("70003")
    assert (hold.owner, company.documents()["70003"]["master"]["finalTotal"]) == (
        "accounts",
        "150.00",
    )


def lazada_order(status: str = "delivered", **piece: Any) -> dict[str, Any]:
    """Return order 501 with two mugs of 50.00, of which Lazada bears 4.00 and the seller 6.00."""
    at = "2026-11-19 14:03:11 +0800"
    pieces = [
        {
            "order_item_id": 900 + number,
            "order_id": 501,
            "sku": "MUG",
            "shop_sku": "71_MY-1",
            "name": "Mug",
            "variation": "",
            "item_price": 50.0,
            "paid_price": 45.0,
            "voucher_amount": 5.0,
            "voucher_seller": 3.0,
            "voucher_platform": 2.0,
            "shipping_amount": 0.0,
            "tax_amount": 0.0,
            "currency": "MYR",
            "status": status,
            "created_at": at,
            "updated_at": at,
            **piece,
        }
        for number in (1, 2)
    ]
    head = {"order_id": 501, "order_number": 501, "created_at": at, "updated_at": at}
    head |= {"payment_method": "FPX", "customer_first_name": "N***", "items_count": 2}
    return {**head, "order_items": pieces}


def lazada_statement(price: str = "100.00", number: str = "S1", last: str = "19 Nov 2026") -> Any:
    """Return a statement that pays order 501: its price, less the seller's vouchers and fees."""
    rows = [
        ("Orders-Sales", "Item Price Credit", price),
        ("Orders-Marketing Fees", "Promotional Charges Vouchers", "-6.00"),
        ("Orders-Lazada Fees", "Commission", "-4.00"),
    ]
    net = sum((Decimal(amount) for _, _, amount in rows), Decimal(0))
    transactions = [
        {
            "order_no": "501",
            "transaction_type": kind,
            "fee_name": name,
            "amount": amount,
            "VAT_in_amount": "0",
            "transaction_number": f"{number}-{at}",
            "statement": f"13 Nov 2026 - {last}",
            "payment_ref_id": "IBG-1",
        }
        for at, (kind, name, amount) in enumerate(rows)
    ]
    return {
        "statement_number": number,
        "created_at": "2026-11-20 02:00:00",
        "updated_at": "2026-11-20 03:00:00",
        "payout": f"{net} MYR",
        "paid": "1",
        "transactions": transactions,
    }


def test_invoice_receipt_and_fees_of_lazada_settle_the_debtor(make: Make, feed: Feed) -> None:
    company = shop_company(make, "lazada")
    feed(company, {"orders": [lazada_order()]})
    invoice = company.documents()["501"]
    assert invoice["master"]["finalTotal"] == "94.00", "what the buyer and Lazada pay"
    body = company.body("501")
    assert (body["seller_voucher"], body["platform_voucher"], body["buyer_paid"]) == (
        "6.00",
        "4.00",
        "90.00",
    )
    feed(company, {"statements": [lazada_statement()]})
    tell_deposit(company, "S1", "90.00")
    assert company.holds() == []
    assert debtor_balance(company) == 0
    fees = company.documents()[f"FP-{DAY}"]
    assert amount_of(fees) == Decimal("-4.00"), "the vouchers of Lazada lessen no fee"


def test_a_statement_that_pays_another_amount_is_held_with_the_difference(
    make: Make, feed: Feed
) -> None:
    company = shop_company(make, "lazada")
    feed(company, {"orders": [lazada_order()]})
    feed(company, {"statements": [lazada_statement("99.50")]})
    tell_deposit(company, "S1", "89.50")
    held = {hold.rule: hold for hold in company.holds("S1")}
    assert {hold.owner for hold in held.values()} == {"accounts"}
    text = next(iter(held.values())).text
    assert all(figure in text for figure in ("93.50", "94.00", "0.50", "501")), text
    assert debtor_balance(company) == Decimal("94.00"), "nothing of the payout is booked"


def test_an_order_that_two_statements_pay_is_held_before_the_second_is_sent(
    make: Make, feed: Feed
) -> None:
    company = shop_company(make, "lazada")
    feed(company, {"orders": [lazada_order()]})
    feed(company, {"statements": [lazada_statement()]})
    tell_deposit(company, "S1", "90.00")
    again = lazada_statement(number="S2", last="20 Nov 2026")
    feed(company, {"statements": [again]})
    tell_deposit(company, "S2", "90.00")
    texts = [hold.text for hold in company.holds("S2")]
    assert any("188.00" in text and "94.00" in text for text in texts), texts
    assert debtor_balance(company) == 0


def test_a_discount_of_lazada_that_no_voucher_explains_is_held(make: Make, feed: Feed) -> None:
    company = shop_company(make, "lazada")
    feed(company, {"orders": [lazada_order(voucher_platform=0.0)]})
    (hold,) = company.holds("501")
    assert (hold.owner, hold.amount) == ("accounts", Decimal("90.00"))
    assert "RM 4.00" in hold.text
    assert company.documents() == {}


@pytest.mark.parametrize("seed", range(3))
def test_random_orders_of_lazada_settle_the_debtor(make: Make, feed: Feed, seed: int) -> None:
    """Sellers' and Lazada's vouchers, shipping, fees and returned pieces, in two statements."""
    chance = Random(seed)
    company = shop_company(make, "lazada")
    sold, rows = [], list[list[tuple[str, str, str, str]]]([])
    for number in range(600, 606):
        price, pieces = Decimal(chance.randrange(2000, 9000)) / 100, chance.randrange(1, 4)
        seller = Decimal(chance.randrange(0, 300)) / 100
        platform = Decimal(chance.randrange(0, 300)) / 100
        shipping = Decimal(chance.randrange(0, 600)) / 100
        back = chance.randrange(0, pieces + 1) if chance.random() < 0.5 else 0
        sold.append(lazada_sale(number, price, (seller, platform, shipping), pieces, back))
        whole = price * pieces
        mine = [
            ("Orders-Sales", "Item Price Credit", whole),
            ("Orders-Marketing Fees", "Promotional Charges Vouchers", -seller * pieces),
            ("Orders-Sales", "Shipping Fee (Paid By Customer)", shipping * pieces),
            ("Orders-Logistics", "Shipping Fee Charged by Lazada", Decimal("-7.00")),
            ("Orders-Logistics", "Shipping Fee Voucher (by Lazada)", Decimal("2.00")),
            ("Orders-Lazada Fees", "Commission", -(whole / 20).quantize(Decimal("0.01"))),
            ("Refunds-Sales", "Reversal Item Price", -price * back),
            ("Refunds-Marketing Fees", "Reversal Promotional Charges Vouchers", seller * back),
        ]
        rows.append(
            [(str(number), kind, name, str(amount)) for kind, name, amount in mine if amount]
        )
    feed(company, {"orders": sold})
    for name, some, last in (("S1", rows[:3], "19 Nov 2026"), ("S2", rows[3:], "20 Nov 2026")):
        statement = statement_of(name, [row for each in some for row in each], last)
        feed(company, {"statements": [statement]})
        tell_deposit(company, name, statement["payout"].removesuffix(" MYR"))
    assert company.holds() == []
    assert debtor_balance(company) == 0


def lazada_sale(
    number: int, price: Decimal, borne: tuple[Decimal, Decimal, Decimal], pieces: int, back: int
) -> dict[str, Any]:
    """Return an order of equal pieces; of each: the seller's and Lazada's voucher, the shipping."""
    seller, platform, shipping = (float(one) for one in borne)
    whole = lazada_order()
    piece = {
        **whole["order_items"][0],
        "order_id": number,
        "item_price": float(price),
        "paid_price": float(price - borne[0] - borne[1]),
        "voucher_seller": seller,
        "voucher_platform": platform,
        "voucher_amount": float(borne[0] + borne[1]),
        "shipping_amount": shipping,
    }
    items = [
        {
            **piece,
            "order_item_id": number * 10 + at,
            "status": "returned" if at < back else "delivered",
        }
        for at in range(pieces)
    ]
    return {
        **whole,
        "order_id": number,
        "order_number": number,
        "customer_first_name": f"N{number}",
        "items_count": pieces,
        "order_items": items,
    }


def statement_of(number: str, rows: list[tuple[str, str, str, str]], last: str) -> dict[str, Any]:
    """Return a statement with these transactions: order, type, name, amount."""
    whole = lazada_statement(number=number, last=last)
    about = whole["transactions"][0]
    transactions = [
        {
            **about,
            "order_no": order,
            "transaction_type": kind,
            "fee_name": name,
            "amount": amount,
            "transaction_number": f"{number}-{at}",
        }
        for at, (order, kind, name, amount) in enumerate(rows)
    ]
    net = sum((Decimal(row[3]) for row in rows), Decimal(0))
    return {**whole, "payout": f"{net} MYR", "transactions": transactions}


# ---- Shopee ----


@pytest.mark.parametrize("seed", range(3))
def test_random_orders_of_shopee_settle_the_debtor(make: Make, feed: Feed, seed: int) -> None:
    """Sellers' and Shopee's vouchers, coins, shipping, fees and returns, in two payouts."""
    chance = Random(seed)
    company = shop_company(make, "shopee")
    sold, back, released = [], [], list[dict[str, Any]]()
    for number in range(6):
        key = f"2611SR{number:02}"
        goods = Decimal("60.00")
        shipping, seller, platform, coins, fee = (
            Decimal(chance.randrange(0, most)) / 100 for most in (600, 500, 500, 200, 400)
        )
        paid = goods + shipping - seller - platform - coins
        refund = Decimal(chance.randrange(100, 3000)) / 100 if chance.random() < 0.5 else Decimal(0)
        income = {
            "buyer_total_amount": float(paid),
            "voucher_from_seller": float(seller),
            "voucher_from_shopee": float(platform),
            "coins": float(coins),
            "buyer_paid_shipping_fee": float(shipping),
            "actual_shipping_fee": 6.0,
            "shopee_shipping_rebate": 4.0,
            "commission_fee": float(fee),
            "seller_return_refund": float(refund),
        }
        net = paid + platform + coins - fee - Decimal("2.00") - refund
        extra = {"order_sn": key, "total_amount": float(paid), "buyer_username": f"b{number}"}
        sold.append(shopee_order(**extra, buyer_user_id=number, order_income=income))
        listed = {"order_sn": key, "payout_amount": float(net), "escrow_release_time": MOMENT}
        released.append({"listed": listed, "income": income, "net": net})
        if refund:
            item = {"item_id": 9001, "name": "Mug", "item_sku": "MUG", "amount": 1}
            to_buyer = refund - Decimal(chance.randrange(0, 90)) / 100  # the rest is Shopee's
            item |= {"refund_amount": float(to_buyer)}
            times = {"create_time": MOMENT + number, "update_time": MOMENT + number}
            told = {"return_sn": f"RT{number}", "order_sn": key, "status": "REFUND_PAID"}
            told |= {"refund_amount": float(to_buyer), "currency": "MYR", "item": [item]}
            told |= {"order_income": income, "return_order_sn_list": [f"RT{number}"]}
            back.append({**told, **times})
    feed(company, orders(*sold))
    if back:
        feed(company, {"response": {"return": back}})
    for day, some in ((DAY, released[:3]), ("2026-11-20", released[3:])):
        net = sum((one["net"] for one in some), Decimal(0))
        details = [
            {"order_sn": one["listed"]["order_sn"], "order_income": one["income"]} for one in some
        ]
        payout = {"number": day, "first_day": day, "last_day": day, "currency": "MYR"}
        payout |= {"escrow_list": [one["listed"] for one in some], "escrow_details": details}
        feed(company, {"payouts": [payout]})
        tell_deposit(company, day, str(net))
    assert company.holds() == []
    assert debtor_balance(company) == 0


def shopee_order(**changed: Any) -> dict[str, Any]:
    """Return order 2611SH20 with two mugs of 30.00, of which the buyer paid 52.00."""
    item = {
        "item_id": 9001,
        "item_name": "Mug",
        "item_sku": "MUG",
        "model_id": 1,
        "model_name": "",
        "model_sku": "MUG",
        "model_quantity_purchased": 2,
        "model_original_price": 30.0,
        "model_discounted_price": 30.0,
        "order_item_id": 501,
        "promotion_type": "",
    }
    return {
        "order_sn": "2611SH20",
        "order_status": "SHIPPED",
        "region": "MY",
        "currency": "MYR",
        "cod": False,
        "create_time": MOMENT,
        "update_time": MOMENT,
        "pay_time": MOMENT + 60,
        "payment_method": "Online Banking",
        "total_amount": 52.0,
        "buyer_user_id": 700,
        "buyer_username": "b***h",
        "estimated_shipping_fee": 0.0,
        "item_list": [item],
        **changed,
    }


INCOME = {
    "buyer_total_amount": 52.0,
    "voucher_from_seller": 3.0,
    "voucher_from_shopee": 4.0,
    "coins": 1.0,
    "buyer_paid_shipping_fee": 0.0,
    "actual_shipping_fee": 6.0,
    "shopee_shipping_rebate": 6.0,
    "commission_fee": 2.5,
}


def shopee_payout(net: float = 54.5, **income: Any) -> dict[str, Any]:
    """Return what was released of order 2611SH20 on that day."""
    listed = {"order_sn": "2611SH20", "payout_amount": net, "escrow_release_time": MOMENT}
    return {
        "number": DAY,
        "first_day": DAY,
        "last_day": DAY,
        "currency": "MYR",
        "escrow_list": [listed],
        "escrow_details": [{"order_sn": "2611SH20", "order_income": {**INCOME, **income}}],
    }


def orders(*some: Mapping[str, Any]) -> dict[str, Any]:
    return {"response": {"order_list": list(some)}}


def test_invoice_receipt_and_fees_of_shopee_settle_the_debtor(make: Make, feed: Feed) -> None:
    company = shop_company(make, "shopee")
    feed(company, orders(shopee_order(order_income=INCOME)))
    assert company.holds() == []
    invoice = company.documents()["2611SH20"]
    assert invoice["master"]["finalTotal"] == "57.00", "what the buyer and Shopee pay"
    body = company.body("2611SH20")
    assert (body["seller_voucher"], body["platform_voucher"], body["buyer_paid"]) == (
        "3.00",
        "5.00",
        "52.00",
    )
    feed(company, {"payouts": [shopee_payout()]})
    tell_deposit(company, DAY, "54.50")
    assert company.holds() == []
    assert debtor_balance(company) == 0
    payout = company.body(DAY)
    assert (payout["gross"], payout["fees"], payout["net"]) == ("57.00", "2.50", "54.50")


def test_a_payout_of_shopee_that_pays_another_amount_is_held_with_the_difference(
    make: Make, feed: Feed
) -> None:
    company = shop_company(make, "shopee")
    feed(company, orders(shopee_order(order_income=INCOME)))
    feed(company, {"payouts": [shopee_payout(54.0, buyer_total_amount=51.5)]})
    tell_deposit(company, DAY, "54.00")
    assert {hold.rule for hold in company.holds(DAY)} == {"paid_as_invoiced"}
    hold = company.holds(DAY)[0]
    assert hold.owner == "accounts"
    assert all(figure in hold.text for figure in ("56.50", "57.00", "0.50", "2611SH20")), hold.text
    assert debtor_balance(company) == Decimal("57.00")


def test_an_order_of_shopee_in_two_payouts_is_held_with_both_amounts(
    make: Make, feed: Feed
) -> None:
    """The second payment took the place of the first, so that both were booked."""
    company = shop_company(make, "shopee")
    feed(company, orders(shopee_order(order_income=INCOME)))
    feed(company, {"payouts": [shopee_payout()]})
    tell_deposit(company, DAY, "54.50")
    assert debtor_balance(company) == 0
    again = {**shopee_payout(), "number": "2026-11-20", "first_day": "2026-11-20"}
    again["last_day"] = "2026-11-20"
    feed(company, {"payouts": [again]})
    tell_deposit(company, "2026-11-20", "54.50")
    holds = {hold.rule: hold for hold in company.holds("2026-11-20")}
    assert holds["paid_as_invoiced"].owner == "accounts"
    text = holds["paid_as_invoiced"].text
    assert all(figure in text for figure in ("114.00", "57.00", "2611SH20")), text
    assert debtor_balance(company) == 0


def test_vouchers_that_shopee_does_not_show_are_held_until_it_does(make: Make, feed: Feed) -> None:
    company = shop_company(make, "shopee")
    feed(company, orders(shopee_order()))
    (hold,) = company.holds("2611SH20")
    assert (hold.owner, hold.amount, hold.rule) == (
        "accounts",
        Decimal("52.00"),
        "vouchers_explained",
    )
    assert "RM 8.00" in hold.text
    feed(company, orders(shopee_order(order_income=INCOME)))
    assert company.holds() == []
    assert company.documents()["2611SH20"]["master"]["finalTotal"] == "57.00"


def corner(name: str) -> dict[str, Any]:
    """Return what the shop of a corner case has."""
    told: dict[str, Any] = json.loads(case_path(name, "corners").joinpath("shop.json").read_text())
    return told


def test_corner_01_a_cancelled_order_that_is_completed_after_all_is_one_invoice(
    make: Make, feed: Feed
) -> None:
    company = shop_company(make, "shopee")
    lost, cod, parcels = corner("01-shopee-cancelled-then-completed")["orders"]
    before = {"update_time": lost["create_time"] + 86_400}
    sent = {"order_status": "SHIPPED", "pay_time": cod["create_time"], **before}
    feed(company, orders({**lost, "order_status": "CANCELLED", **before}, {**cod, **sent}))
    feed(company, orders({**parcels, "order_status": "READY_TO_SHIP", **before}))
    assert company.documents().keys() == {"2611SH07"}
    feed(company, orders(lost, cod, parcels))
    totals = {n: one["master"]["finalTotal"] for n, one in company.documents().items()}
    assert totals == {"2611SH01": "60.00", "2611SH07": "45.00", "2611SH08": "80.00"}
    assert [(hold.number, hold.owner) for hold in company.holds()] == [("2611SH07", "accounts")]


def test_corner_03_a_disputed_return_waits_and_an_unknown_word_is_held_by_name(
    make: Make, feed: Feed
) -> None:
    company = shop_company(make, "shopee")
    shop = corner("03-shopee-other-status-words")
    strange = {**shop["orders"][0], "order_sn": "2611SH09", "buyer_username": "c***i"}
    strange["order_status"] = "MOON_PENDING"
    feed(company, orders(*shop["orders"], strange))
    feed(company, {"response": {"return": shop["returns"]}})
    assert company.body("R-RT06")["status"] == "pending"
    assert company.documents() == {}
    states = company.states()
    assert (states["2611SH05"], states["R-RT06"]) == ("waiting", "waiting")
    held = {hold.number: hold for hold in company.holds()}
    assert held.keys() == {"2611SH06", "2611SH09"}
    assert "MOON_PENDING" in held["2611SH09"].text


def test_a_refund_of_an_order_that_was_never_paid_is_held(make: Make, feed: Feed) -> None:
    company = shop_company(make, "shopee")
    back = {**corner("03-shopee-other-status-words")["returns"][0], "status": "REFUND_PAID"}
    unpaid = shopee_order(order_sn="2611SH06", order_status="UNPAID", pay_time=0)
    feed(company, {"response": {"order_list": [unpaid]}})
    feed(company, {"response": {"return": [back]}})
    (hold,) = company.holds("R-RT06")
    assert (hold.rule, hold.owner, hold.amount) == (
        "refund_of_a_paid_order",
        "accounts",
        Decimal("25.00"),
    )


@pytest.mark.parametrize(("back", "left"), [("60.00", 0), ("30.00", 30)])
def test_a_posted_order_of_shopee_that_is_cancelled_is_settled_by_its_refunds_alone(
    make: Make, feed: Feed, back: str, left: int
) -> None:
    company = shop_company(make, "shopee")
    order = shopee_order(total_amount=60.0)
    feed(company, orders(order))
    assert company.states() == {"2611SH20": "posted"}
    item = {"item_id": 9001, "name": "Mug", "item_sku": "MUG", "amount": 1}
    told = {"return_sn": "RT1", "order_sn": "2611SH20", "status": "REFUND_PAID"}
    told |= {"refund_amount": float(back), "currency": "MYR", "create_time": MOMENT + 5}
    told |= {"item": [{**item, "refund_amount": float(back)}], "update_time": MOMENT + 5}
    feed(company, {"response": {"return": [told]}})
    feed(company, orders({**order, "order_status": "CANCELLED", "update_time": MOMENT + 9}))
    held = [(hold.number, hold.code, hold.owner) for hold in company.holds()]
    assert held == ([("2611SH20", "STL01", "accounts")] if left else [])
    assert debtor_balance(company) == left


def test_pieces_of_lazada_that_are_cancelled_after_the_invoice_reach_a_person(
    make: Make, feed: Feed
) -> None:
    """Lazada lists no refund for a cancelled piece, so nothing settles its invoice."""
    company = shop_company(make, "lazada")
    feed(company, {"orders": [lazada_order()]})
    later = {"updated_at": "2026-11-25 10:00:00 +0800"}
    feed(company, {"orders": [lazada_order("canceled", **later) | later]})
    (hold,) = company.holds("501")
    assert (hold.code, hold.owner) == ("STL01", "accounts")


def test_a_parcel_that_shopee_compensates_reaches_a_person(make: Make, feed: Feed) -> None:
    """Neither a sale nor a fee: no route of the payout went, and it waited in silence."""
    company = shop_company(make, "shopee")
    feed(company, orders(shopee_order(order_income=INCOME)))
    nothing = dict.fromkeys(INCOME, 0.0) | {"seller_lost_compensation": 57.0}
    feed(company, {"payouts": [shopee_payout(57.0, **nothing)]})
    tell_deposit(company, DAY, "57.00")
    holds = {hold.rule: hold for hold in company.holds(DAY)}
    assert holds["something_to_post"].owner == "accounts"
    assert "RM 57.00 of adjustments" in holds["something_to_post"].text
    company.reject(DAY)
    company.work()
    assert company.holds() == []


def test_what_shopee_takes_back_alone_reaches_a_person(make: Make, feed: Feed) -> None:
    company = shop_company(make, "shopee")
    feed(company, orders(shopee_order(total_amount=60.0)))
    item = {"item_id": 9001, "name": "Mug", "item_sku": "MUG", "amount": 0, "refund_amount": 26.0}
    told = {"return_sn": "RT1", "order_sn": "2611SH20", "status": "REFUND_PAID", "item": [item]}
    told |= {"refund_amount": 26.0, "currency": "MYR"}
    told |= {"create_time": MOMENT + 5, "update_time": MOMENT + 5}
    feed(company, {"response": {"return": [told]}})
    assert company.documents()["R-RT1"]["master"]["finalTotal"] == "26.00", "no piece came back"
    nothing = dict.fromkeys(INCOME, 0.0) | {"seller_return_refund": 26.0}
    feed(company, {"payouts": [shopee_payout(-26.0, **nothing)]})
    tell_deposit(company, DAY, "-26.00")
    rules = {(hold.rule, hold.owner) for hold in company.holds(DAY)}
    assert ("something_to_post", "accounts") in rules
