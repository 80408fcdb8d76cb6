"""What the lines of a Shopify order come to, and that nothing unexplained gets through."""

import json

import pytest

from connectors.contract import Accepted, SourceRefusal
from connectors.registry import read_file
from connectors.sources.shopify.connector import TOPICS
from tests.connectors.shopify import accept, body, record, wrong
from tests.support.published_samples import published
from tests.support.zones import SHOP_ZONE


def both(shop, buyer, currency="SGD"):
    return {
        "shop_money": {"amount": shop, "currency_code": "MYR"},
        "presentment_money": {"amount": buyer, "currency_code": currency},
    }


def plain(**changed):
    """An order of one line of 3 pieces at 10.00 without tax, shipping and tip."""
    line = {"id": 1, "sku": "A", "name": "A", "quantity": 3, "price": "10.00"}
    none = {"shipping_lines": [], "total_tip_received": "0.00", "total_tax": "0.00"}
    whole = {"line_items": [line], "total_price": "30.00", "current_total_price": "30.00"}
    return {**body(**none, **whole), **changed}


def edited(now, **changed):
    """The same after an edit that left `now` pieces."""
    given = plain(**changed)
    given["line_items"][0]["current_quantity"] = now
    return given


def test_the_lines_of_an_order_with_their_amounts():
    found = record(body()).body
    names = ("part", "qty", "price", "discount", "amount", "tax", "tax_rate", "tax_amount")
    assert [tuple(line.get(name) for name in names) for line in found["lines"]] == [
        ("goods", "2", "49.50", "9.00", "90.00", "SST", "0.1", "9.00"),
        ("goods", "1", "25.00", "2.00", "23.00", "SST", "0.1", "2.30"),
        ("shipping", "1", "8.00", "0.00", "8.00", "SST", "0.1", "0.80"),
        ("tip", "1", "5.00", "0.00", "5.00", None, None, "0.00"),
    ]
    assert (found["tax_total"], found["total"]) == ("12.10", "138.10")
    assert [line["pos"] for line in found["lines"]] == [1, 2, 3, 4]


def test_a_total_that_the_lines_do_not_come_to_is_told_with_the_figures():
    for stated in ("140.00", "137.09"):
        told = wrong(body(total_price=stated, current_total_price=stated))["order.total_price"]
        assert (stated in told, "138.10" in told) == (True, True)
    told = wrong(body(total_tax="12.11"))["order.total_tax"]
    assert ("12.11" in told, "12.10" in told) == (True, True)
    assert "order.total_price" in wrong(body(total_price=None))


def test_prices_that_hold_their_tax():
    inside = body(taxes_included=True, total_price="126.00", current_total_price="126.00")
    assert record(inside).body["taxes_included"] is True
    assert record(inside).body["total"] == "126.00"
    assert "order.total_price" in wrong({**inside, "taxes_included": False})


def test_several_taxes_of_a_line_are_one_name_with_their_rates():
    taxes = [
        {"title": "SST", "price": "2.40", "rate": 0.08},
        {"title": "Levy", "price": "0.30", "rate": "0.01"},
    ]
    given = plain(total_tax="2.70", total_price="32.70")
    given["line_items"][0]["tax_lines"] = taxes
    (line,) = record(given).body["lines"]
    assert (line["tax"], line["tax_rate"], line["tax_amount"]) == ("Levy + SST", "0.09", "2.70")


def test_the_shops_own_money_counts_not_the_buyers():
    given = plain(currency="MYR", presentment_currency="SGD", total_price_set=both("30.00", "9.00"))
    given["line_items"][0] |= {"price": "3.00", "price_set": both("10.00", "3.00")}
    found = record(given).body
    assert (found["currency"], found["buyer_currency"]) == ("MYR", "SGD")
    assert (found["total"], found["lines"][0]["price"]) == ("30.00", "10.00")


@pytest.mark.parametrize(
    ("changed", "part", "amount"),
    [
        ({"total_tip_received": "4.00"}, "tip", "4.00"),
        ({"original_total_duties_set": both("4.00", "1.20")}, "duty", "4.00"),
        ({"original_total_additional_fees_set": both("4.00", "1.20")}, "fee", "4.00"),
    ],
)
def test_what_comes_on_top_is_a_line_of_its_own(changed, part, amount):
    found = record(plain(total_price="34.00", **changed)).body["lines"][-1]
    assert (found["part"], found["qty"], found["amount"]) == (part, "1", amount)


def test_duties_hold_their_own_tax():
    given = plain(original_total_duties_set=both("4.00", "1.20"))
    given |= {"total_price": "34.40", "total_tax": "0.40"}
    taxed = {"tax_lines": [{"title": "SST", "price": "0.40", "rate": 0.1}]}
    given["line_items"][0]["duties"] = [taxed]
    found = record(given).body["lines"][-1]
    assert (found["part"], found["tax"], found["tax_amount"]) == ("duty", "SST", "0.40")


def test_a_tip_that_is_a_line_already_counts_once_and_a_gift_card_is_no_goods():
    given = plain(total_tip_received="30.00")
    given["line_items"][0]["tip"] = {"payment_method": "card"}
    assert [line["part"] for line in record(given).body["lines"]] == ["tip"]
    given = plain()
    given["line_items"][0]["gift_card"] = True
    assert [line["part"] for line in record(given).body["lines"]] == ["gift_card"]


def test_discounted_and_removed_shipping():
    ship = {"id": 8, "code": "S", "title": "S", "price": "8.00"}
    less = {**ship, "discount_allocations": [{"amount": "3.00"}]}
    gone = {**ship, "is_removed": True}
    found = record(plain(shipping_lines=[less, gone], total_price="35.00")).body["lines"]
    assert [(line["part"], line["amount"]) for line in found[1:]] == [("shipping", "5.00")]


def test_an_old_discount_of_a_line_counts_where_no_allocation_is_told():
    given = plain(total_price="28.00")
    given["line_items"][0]["total_discount"] = "2.00"
    assert record(given).body["lines"][0]["discount"] == "2.00"
    given["line_items"][0]["discount_allocations"] = [{"amount": "1.50"}, {"amount": "0.50"}]
    assert record(given).body["lines"][0]["discount"] == "2.00"


def test_an_edit_that_took_pieces_off_counts_what_is_left():
    found = record(edited(2, current_total_price="20.00")).body
    assert (found["lines"][0]["qty"], found["total"]) == ("2", "20.00")
    assert "order.total_price" in wrong(edited(2))


def test_pieces_that_were_refunded_were_sold():
    refund = body("refund")
    refund["refund_line_items"][0] |= {"line_item_id": 1, "subtotal": "10.00", "total_tax": "0.00"}
    refund |= {"order_adjustments": []}
    refund["transactions"][0]["amount"] = "10.00"
    given = edited(2, current_total_price="20.00", refunds=[refund])
    line = record(given).body["lines"][0]
    assert (line["qty"], line["refunded_qty"], line["returned_qty"]) == ("3", "1", "1")
    for word in ("no_restock", "cancel", "legacy_restock"):
        refund["refund_line_items"][0]["restock_type"] = word
        assert record(given).body["lines"][0]["returned_qty"] == "0"
    given = edited(1, current_total_price="10.00", refunds=[refund])
    assert record(given).body["lines"][0]["qty"] == "2"
    assert record(given).body["total"] == "20.00"


def test_pieces_sent_are_those_of_fulfilments_that_succeeded():
    sent = {"status": "success", "line_items": [{"id": 1, "quantity": 1}]}
    failed = {"status": "cancelled", "line_items": [{"id": 1, "quantity": 2}]}
    given = plain(fulfillments=[{**body("fulfillment"), **one} for one in (sent, sent, failed)])
    assert record(given).body["lines"][0]["delivered_qty"] == "2"


@pytest.mark.parametrize("amount", ["two", "", "1,5", True, [], "NaN", "1e5", "9" * 20])
def test_an_amount_that_is_none_is_told(amount):
    given = plain()
    given["line_items"][0]["price"] = amount
    assert "order.line_items[0].price" in wrong(given)


@pytest.mark.parametrize("pieces", ["3", -1, True, 1.5])
def test_a_count_that_is_none_is_told(pieces):
    given = plain()
    given["line_items"][0]["quantity"] = pieces
    assert "order.line_items[0].quantity" in wrong(given)


def test_a_free_order_of_nothing_due():
    free = plain(total_price="0.00", current_total_price="0.00")
    free["line_items"][0]["price"] = "0.00"
    assert record(free).body["total"] == "0.00"


def test_who_bought_is_the_company_before_the_person():
    billing = {**body()["billing_address"], "company": "Kedai Maju", "city": "Ipoh"}
    found = record(body(billing_address=billing)).body
    assert found["customer_name"] == "Kedai Maju"
    assert found["address"] == "12 Jalan Ampang, 50450, Ipoh, Wilayah Persekutuan, Malaysia"
    assert record(body(billing_address=None)).body["customer_name"] == "Aisyah Rahman"
    assert "tin" not in record(body(note_attributes=[])).body


def test_every_published_sample_is_a_record_or_a_clear_refusal():
    files = published("shopify")
    read = []
    for file in files:
        raw = file.read_bytes()
        answer = read_file(f"{file.stem}.shopify.json", raw, SHOP_ZONE)
        if isinstance(answer, Accepted):
            assert answer.records or all(e.message and e.hint for e in answer.errors), file
            read += [(file.stem, one.kind) for one in answer.records if not one.faults]
        else:
            assert answer.message
            assert answer.hint
        inner = json.loads(raw)
        inner = inner if isinstance(inner, dict) else {}
        inner = inner.get("order") or inner.get("refund") or inner.get("fulfillment") or inner
        for topic in TOPICS:
            heard = accept(inner, topic=topic)
            assert isinstance(heard, Accepted | SourceRefusal)
    assert len(files) == 20
    assert read == [
        ("activepieces-new_order", "order"),
        ("fulfillment", "delivery"),
        ("order", "delivery"),
    ]


def test_goods_that_were_added_count_where_only_the_current_total_follows():
    added = body(total_price="100.00")
    assert (added["current_total_price"], record(added).body["total"]) == ("138.10", "138.10")
