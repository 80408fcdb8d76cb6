"""A refund of Shopify: what was given back, what became of the goods, where the money is."""

import json

import pytest

from connectors.registry import read_file
from tests.connectors.shopify import accept, body, record, wrong
from tests.support.zones import SHOP_ZONE

TOPIC = "refunds/create"


def refund(**changed):
    return body("refund", **changed)


def line(**changed):
    return {**refund()["refund_line_items"][0], **changed}


def paid(amount="49.50", **changed):
    return {**refund()["transactions"][0], "amount": amount, **changed}


def goods(*lines, transactions=None):
    """A refund of goods alone."""
    return refund(
        refund_line_items=list(lines),
        order_adjustments=[],
        transactions=[paid()] if transactions is None else transactions,
    )


def read(given):
    return record(given, "refund", topic=TOPIC).body


def test_a_refund_is_the_same_by_itself_and_inside_its_order():
    alone = record(refund(), "refund", topic=TOPIC)
    inside = record(body("order-refunded"), "refund")
    shipping = inside.body["lines"][1]
    assert {name: shipping.pop(name) for name in ("tax", "tax_rate")} == {
        "tax": "SST",
        "tax_rate": "0.1",
    }, "which only its order says"
    assert alone.body == inside.body
    assert str(alone.stamp) < str(inside.stamp), "so that it never counts after its order"
    assert (alone.external_id, alone.number) == ("77001", "R-77001")


def test_so_is_a_fulfilment():
    alone = record(body("fulfillment"), "delivery", topic="fulfillments/create")
    assert alone == record(body("order-refunded"), "delivery")
    assert alone.external_id == "255858046001"


def test_a_fulfilment_that_never_changed_is_as_old_as_it_is():
    given = body("fulfillment", created_at="2026-11-19T16:20:00+08:00", updated_at=None)
    found = record(given, "delivery", topic="fulfillments/create")
    assert (found.stamp, found.body["delivered_on"]) == ("2026-11-19T08:20:00Z", "2026-11-19")


def test_goods_and_shipping_that_were_given_back():
    found = read(refund())
    assert (found["status"], found["restock"]) == ("refunded", "returned")
    assert (found["tax_total"], found["total"], found["paid_back"]) == ("5.30", "58.30", "58.30")
    names = ("part", "sku", "qty", "amount", "tax_amount", "restock")
    assert [tuple(one.get(name) for name in names) for one in found["lines"]] == [
        ("goods", "TEE-BLK-M", "1", "45.00", "4.50", "returned"),
        ("shipping", None, "1", "8.00", "0.80", None),
    ]


@pytest.mark.parametrize(
    ("word", "end"),
    [
        ("return", "returned"),
        ("cancel", "cancelled"),
        ("no_restock", "none"),
        ("legacy_restock", "unknown"),
        (None, "unknown"),
        ("", "unknown"),
        ("Return", "Return"),
        ("by_drone", "by_drone"),
    ],
)
def test_only_the_exact_word_brings_goods_back(word, end):
    found = read(goods(line(restock_type=word)))
    assert (found["restock"], found["lines"][0]["restock"]) == (end, end)


def test_lines_that_end_differently_are_mixed_and_shipping_alone_moves_no_goods():
    two = goods(line(), line(id=2, restock_type="no_restock"), transactions=[paid("99.00")])
    assert read(two)["restock"] == "mixed"
    alone = refund(refund_line_items=[], transactions=[paid("8.80")])
    assert (read(alone)["restock"], read(alone)["total"]) == ("none", "8.80")


@pytest.mark.parametrize(
    ("transactions", "status", "total", "back"),
    [
        ([paid()], "refunded", "49.50", "49.50"),
        ([paid("40.00"), paid("9.50")], "refunded", "49.50", "49.50"),
        ([paid(status="pending")], "pending", "49.50", "0.00"),
        ([paid("40.00"), paid("9.50", status="pending")], "pending", "49.50", "40.00"),
        ([paid(status="failure"), paid()], "refunded", "49.50", "49.50"),
        ([paid(status="failure")], "failed", None, "0.00"),
        ([paid(status="error")], "failed", None, "0.00"),
        ([], "returned", None, None),
        ([paid(kind="void")], "returned", None, None),
    ],
)
def test_the_money_of_a_refund(transactions, status, total, back):
    found = read(goods(line(), transactions=transactions))
    assert (found["status"], found.get("total"), found.get("paid_back")) == (status, total, back)


def test_without_tax_the_total_is_known_without_money_too():
    found = read(goods(line(total_tax="0.00"), transactions=[]))
    assert (found["status"], found["total"]) == ("returned", "45.00")


def test_money_that_the_lines_do_not_come_to_is_told_with_the_figures():
    told = wrong(goods(line(), transactions=[paid("49.52")]), topic=TOPIC)["refund.transactions"]
    assert ("49.52" in told, "49.50" in told) == (True, True)


def test_the_money_says_whether_the_amounts_hold_their_tax():
    beside, inside = read(goods(line())), read(goods(line(), transactions=[paid("45.00")]))
    assert (beside["taxes_included"], beside["total"]) == (False, "49.50")
    assert (inside["taxes_included"], inside["total"]) == (True, "45.00")
    assert "taxes_included" not in read(goods(line(total_tax="0"), transactions=[paid("45.00")]))


def test_a_difference_that_a_person_typed_is_a_line():
    kept = {"id": 4, "kind": "refund_discrepancy", "reason": "Refund discrepancy"}
    given = goods(line(), transactions=[paid("40.00")])
    given["order_adjustments"] = [{**kept, "amount": "9.50", "tax_amount": "0.00"}]
    found = read(given)
    assert [(one["part"], one["amount"]) for one in found["lines"]] == [
        ("goods", "45.00"),
        ("adjustment", "-9.50"),
    ]
    assert found["total"] == "40.00"


def test_money_in_the_buyers_currency_is_compared_in_it_and_told_in_the_shops():
    def both(shop, buyer):
        return {
            "shop_money": {"amount": shop, "currency_code": "MYR"},
            "presentment_money": {"amount": buyer, "currency_code": "SGD"},
        }

    given = line(subtotal_set=both("45.00", "13.50"), total_tax_set=both("4.50", "1.35"))
    found = read(goods(given, transactions=[paid("14.85", currency="SGD")]))
    assert (found["currency"], found["total"], found["status"]) == ("MYR", "49.50", "refunded")
    assert "paid_back" not in found
    assert "refund.transactions" in wrong(
        goods(given, transactions=[paid("49.50", currency="SGD")]), topic=TOPIC
    )


def test_money_that_moves_later_is_a_later_state():
    assert record(refund(), "refund", topic=TOPIC).stamp == "2026-11-20T00:59:02Z"
    later = refund(transactions=[paid("58.30", processed_at="2026-11-23T10:00:00+08:00")])
    assert record(later, "refund", topic=TOPIC).stamp == "2026-11-23T02:00:00Z"


def test_an_article_that_the_refund_does_not_name_is_that_of_its_order():
    given = body("order-refunded")
    del given["refunds"][0]["refund_line_items"][0]["line_item"]
    found = record(given, "refund").body["lines"][0]
    assert (found["sku"], found["tax"]) == ("TEE-BLK-M", "SST")


@pytest.mark.parametrize(
    ("given", "where"),
    [
        (refund(refund_line_items=[], order_adjustments=[]), "refund.transactions"),
        (
            refund(refund_line_items=[], order_adjustments=[], transactions=[]),
            "refund.refund_line_items",
        ),
        (goods(line(subtotal=None, subtotal_set=None)), "refund.refund_line_items[0].subtotal"),
        (goods(line(quantity="x")), "refund.refund_line_items[0].quantity"),
        (refund(created_at="yesterday"), "refund.created_at"),
        (refund(id=None), "refund.id"),
        (refund(transactions="none"), "refund.transactions"),
    ],
)
def test_a_refund_that_cannot_be_read_says_where(given, where):
    assert where in wrong(given, topic=TOPIC)
    assert all(record.faults for record in accept(given, topic=TOPIC).records)


def test_a_fulfilment_without_lines_is_told():
    given = body("fulfillment", line_items=[])
    assert "fulfillment.line_items" in wrong(given, topic="fulfillments/update")


def test_a_file_holds_refunds_and_fulfilments_too():
    raw = json.dumps({"refund": refund(), "fulfillments": [body("fulfillment")]}).encode()
    answer = read_file("a.shopify.json", raw, SHOP_ZONE)
    assert [one.kind for one in answer.records] == ["delivery", "refund"]
