"""Lazada: what a webhook may do, and what its orders and pieces become."""

import itertools
import json

import pytest

from connectors.contract import Accepted
from connectors.sources.lazada.calls import sign
from tests.connectors.marketplaces import (
    NOW,
    SECRET,
    accept,
    errors,
    read,
    recorded_order,
    records,
    source_of,
    webhook,
)
from tests.connectors.recorded import recorded
from tests.support.zones import SHOP_ZONE


def piece(status="pending", **changed):
    told = {**recorded_order("lazada")["order_items"][0], "status": status}
    return {**told, **changed}


def order(*pieces, **changed):
    rows = [{**one, "order_item_id": 600 + at} for at, one in enumerate(pieces, 1)]
    count = {"items_count": len(rows)}
    return {**recorded_order("lazada"), "order_items": rows, **count, **changed}


def told(*pieces, **changed):
    """The canonical order of these pieces, with its refunds."""
    first, *refunds = records("lazada", {"orders": [order(*pieces, **changed)]})
    assert first.kind == "order"
    assert {one.kind for one in refunds} <= {"refund"}
    return first.body, [one.body for one in refunds]


def status(*words):
    return told(*(piece(word) for word in words))[0]["status"]


def test_the_signature_vector_of_a_question():
    query = {"access_token": "test", "app_key": "123456", "order_id": "1234"}
    query |= {"sign_method": "sha256", "timestamp": "1517820392000"}
    assert sign("helloworld", "/order/get", query) == (
        "4190D32361CFB9581350222F345CB77F3B19F0E31D162316848A2C1FFD5FAB4A"
    )


def test_the_recorded_webhook_is_taken_for_its_app_only():
    (call,) = recorded("lazada", "order")["deliver"]
    told = source_of("lazada").accept(call.headers, call.content, [SECRET], NOW, SHOP_ZONE)
    assert isinstance(told, Accepted)
    assert (told.changed, told.records) == (True, ())
    other = source_of("lazada", app_key="999")
    assert other.accept(call.headers, call.content, [SECRET], NOW, SHOP_ZONE).status == 401
    loud = {"AUTHORIZATION": call.headers["Authorization"].upper()}
    again = source_of("lazada").accept(loud, call.content, [SECRET], NOW, SHOP_ZONE)
    assert again == told  # in capitals it is the same delivery


@pytest.mark.parametrize(
    ("changed", "asks"),
    [
        ({}, True),
        ({"message_type": 14, "data": {"trade_order_id": "1", "status": "DELIVERED"}}, True),
        ({"message_type": 10, "data": {"reverse_order_id": "1"}}, True),
        ({"message_type": 5, "data": {"item_id": 1}}, False),
        ({"message_type": 0, "data": {}}, False),
        ({"message_type": 0, "data": None}, False),
    ],
)
def test_only_a_webhook_that_names_an_order_has_it_asked(changed, asks):
    answer = accept("lazada", webhook("lazada", **changed))
    assert isinstance(answer, Accepted)
    assert (answer.changed, answer.records) == (asks, ())


@pytest.mark.parametrize("kind", [None, "0", True, 1.5])
def test_a_webhook_without_a_type_is_none(kind):
    assert accept("lazada", webhook("lazada", message_type=kind)).code == "no_webhook"


def test_an_order_and_its_returned_piece_in_their_canonical_form():
    one, back = records("lazada", {"orders": [recorded_order("lazada")]})
    assert (one.external_id, back.external_id) == ("9007199254740993", "602")
    assert one.body == {
        "number": "9007199254740993",
        "status": "refunded_partly",
        "shop_status": "delivered, returned",
        "order_id": "9007199254740993",
        "ordered_on": "2026-11-19",
        "updated_at": "2026-11-20T01:00:00Z",
        "channel": "MIXEDCARD",
        "currency": "MYR",
        "customer_name": "Aisyah R***n",
        "goods_total": "99.00",
        "shipping_total": "8.00",
        "seller_voucher": "11.00",
        "platform_voucher": "0.00",
        "unexplained_discount": "0.00",
        "buyer_paid": "107.00",
        "total": "107.00",
        "lines": [
            {
                "pos": 1,
                "part": "goods",
                "sku": "TEE-BLK-M",
                "variant_id": "71_MY-9",
                "name": "Tee - Black / M",
                "qty": "2",
                "price": "55.00",
                "discount": "11.00",
                "amount": "99.00",
                "tax_amount": "0.00",
                "delivered_qty": "1",
                "cancelled_qty": "0",
                "returned_qty": "1",
            },
            {
                "pos": 2,
                "part": "shipping",
                "sku": "SHIPPING",
                "name": "Shipping",
                "qty": "1",
                "price": "8.00",
                "discount": "0.00",
                "amount": "8.00",
            },
        ],
    }
    assert back.body == {
        "number": "R-602",
        "status": "refunded",
        "shop_status": "returned",
        "order_id": "9007199254740993",
        "refunded_on": "2026-11-20",
        "updated_at": "2026-11-20T01:00:00Z",
        "currency": "MYR",
        "reason": "Damaged",
        "restock": "returned",
        "total": "49.50",
        "lines": [
            {
                "pos": 1,
                "sku": "TEE-BLK-M",
                "variant_id": "71_MY-9",
                "name": "Tee - Black / M",
                "qty": "1",
                "amount": "49.50",
            }
        ],
    }


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["unpaid"], "unpaid"),
        (["pending"], "paid"),
        (["topack", "packed", "toship", "ready_to_ship"], "paid"),
        (["shipped"], "shipped"),
        (["shipped", "pending"], "paid"),
        (["delivered", "confirmed"], "delivered"),
        (["delivered", "shipped"], "partially_delivered"),
        (["canceled"], "cancelled"),
        (["canceled", "canceled"], "cancelled"),
        (["canceled", "pending"], "paid"),
        (["canceled", "delivered"], "delivered"),
        (["returned"], "refunded"),
        (["shipped_back_success", "lost_by_3pl", "canceled"], "refunded"),
        (["delivered", "returned"], "refunded_partly"),
        (["delivered", "damaged_by_3pl"], "refunded_partly"),
        (["failed", "delivered"], "exception"),
        (["shipped_back"], "exception"),
        (["shipped_back_failed", "returned"], "exception"),
        (["unpaid", "pending"], "unpaid"),
        (["moon", "pending"], "moon, pending"),
        (["Delivered"], "Delivered"),
        (["moon", "canceled"], "canceled, moon"),
    ],
)
def test_one_status_of_all_pieces_in_whatever_order_they_come(words, word):
    orders = set(itertools.islice(itertools.permutations(words), 6))
    assert {status(*one) for one in orders} == {word}


def test_equal_pieces_are_one_line_and_a_cancelled_one_was_not_sold():
    body, refunds = told(piece("pending"), piece("canceled"), piece("pending", sku="MUG"))
    goods = [(one["sku"], one["qty"], one["cancelled_qty"]) for one in body["lines"][:-1]]
    assert goods == [("TEE-BLK-M", "1", "1"), ("MUG", "1", "0")]
    assert (body["goods_total"], body["shipping_total"], body["total"]) == (
        "99.00",
        "8.00",
        "107.00",
    )
    assert refunds == []


@pytest.mark.parametrize(
    "changed",
    [
        {"sku": "tee-blk-m"},
        {"sku": "TEE-BLK-M "},
        {"shop_sku": "71_MY-8"},
        {"paid_price": 49.49},
        {"item_price": 55.01},
        {"voucher_seller": 5.49},
        {"voucher_platform": 0.01},
        {"variation": "Black / L"},
    ],
)
def test_what_differs_by_a_word_or_a_cent_is_another_line(changed):
    body, _ = told(piece(), piece(**changed))
    assert [one["qty"] for one in body["lines"][:-1]] == ["1", "1"]


def test_49_5_and_49_50_are_the_same_price():
    body, _ = told(piece(paid_price="49.5"), piece(paid_price="49.50"))
    assert [one["qty"] for one in body["lines"][:-1]] == ["2"]


def test_a_line_whose_pieces_are_all_cancelled_is_left_out():
    """A line of 0 pieces could be posted nowhere."""
    body, _ = told(piece("delivered"), piece("canceled", sku="MUG"), piece("canceled", sku="MUG"))
    assert [(one["sku"], one["qty"]) for one in body["lines"]] == [
        ("TEE-BLK-M", "1"),
        ("SHIPPING", "1"),
    ]
    assert (body["status"], body["total"], body["buyer_paid"]) == ("delivered", "53.50", "53.50")


def test_what_lazada_bears_is_sold_and_what_the_seller_bears_is_not():
    by_both = {"voucher_seller": 2.00, "voucher_platform": 3.50}
    body, refunds = told(piece("delivered", **by_both), piece("returned", **by_both))
    assert {
        name: body[name]
        for name in ("seller_voucher", "platform_voucher", "unexplained_discount", "buyer_paid")
    } == {
        "seller_voucher": "4.00",
        "platform_voucher": "7.00",
        "unexplained_discount": "0.00",
        "buyer_paid": "107.00",
    }
    assert (body["total"], body["lines"][0]["discount"]) == ("114.00", "4.00")
    assert [one["total"] for one in refunds] == ["53.00"], "the seller loses what it had sold"


@pytest.mark.parametrize(
    ("vouchers", "unexplained"),
    [
        ({"voucher_seller": 5.50, "voucher_platform": 0}, "0.00"),
        ({"voucher_seller": 5.00, "voucher_platform": 0}, "0.50"),
        ({"voucher_seller": None, "voucher_platform": None}, "5.50"),
        ({"voucher_seller": 0, "voucher_platform": 6.00}, "-0.50"),
    ],
)
def test_a_discount_that_no_voucher_explains_is_an_amount_of_its_own(vouchers, unexplained):
    body, _ = told(piece("delivered", **vouchers))
    assert body["unexplained_discount"] == unexplained


def test_an_order_that_is_cancelled_whole_keeps_its_pieces():
    body, refunds = told(piece("canceled"), piece("canceled"))
    assert (body["lines"][0]["qty"], body["lines"][0]["cancelled_qty"]) == ("2", "2")
    assert (body["total"], refunds) == ("107.00", [])


@pytest.mark.parametrize(
    ("word", "restock"),
    [
        ("returned", "returned"),
        ("shipped_back_success", "returned"),
        ("lost_by_3pl", "none"),
        ("damaged_by_3pl", "none"),
        ("package_scrapped", "none"),
    ],
)
def test_a_piece_that_came_back_or_is_lost_is_a_refund_of_its_own(word, restock):
    body, refunds = told(piece(word), piece(word), piece("delivered"))
    found = [(one["number"], one["restock"], one["total"]) for one in refunds]
    assert found == [("R-601", restock, "49.50"), ("R-602", restock, "49.50")]
    assert body["lines"][0]["qty"] == "3"  # a refund never changes what was sold


@pytest.mark.parametrize("word", ["canceled", "failed", "shipped_back", "moon", "shipped"])
def test_no_other_piece_is_a_refund(word):
    assert told(piece(word))[1] == []


def test_the_day_is_the_shops_own_and_the_latest_moment_of_all_counts():
    body, _ = told(
        piece(updated_at="2026-11-21 00:00:00 +0800"), created_at="2026-11-19 16:01:00 Z"
    )
    assert (body["ordered_on"], body["updated_at"]) == ("2026-11-20", "2026-11-20T16:00:00Z")


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"order_id": None}, "orders[0].order_id"),
        ({"order_items": []}, "orders[0].order_items"),
        ({"order_items": {}}, "orders[0].order_items"),
        ({"items_count": 3}, "orders[0].items_count"),
        ({"created_at": "2026-11-19 14:03:11"}, "orders[0].created_at"),
        ({"updated_at": "yesterday"}, "orders[0].updated_at"),
        ({"updated_at": 1763531100}, "orders[0].updated_at"),
        ({"created_at": "2026-13-19 14:03:11 +0800"}, "orders[0].created_at"),
    ],
)
def test_an_order_that_cannot_be_read_says_where(changed, where):
    found = errors("lazada", {"orders": [order(piece(), **changed)]})
    assert where in found
    assert all(words.endswith(".") for words in found.values())


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"paid_price": None}, "paid_price"),
        ({"paid_price": "much"}, "paid_price"),
        ({"status": None}, "status"),
        ({"updated_at": "2026"}, "updated_at"),
    ],
)
def test_a_piece_that_cannot_be_read_says_where(changed, name):
    bad = {**piece("returned"), **changed}
    found = errors("lazada", {"orders": [order(piece("returned"), bad)]})
    assert f"orders[0].order_items[1].{name}" in found


def test_two_currencies_in_one_order_are_wrong():
    found = errors("lazada", {"orders": [order(piece(), piece(currency="SGD"))]})
    assert found == {"orders[0].order_items": "The pieces have the currencies MYR and SGD."}


def test_a_file_is_a_list_an_answer_or_one_order():
    one = order(piece())
    for content in (one, [one], {"orders": [one]}, {"code": "0", "data": {"orders": [one]}}):
        assert [found.kind for found in records("lazada", content)] == ["order"]
    assert read("lazada", {"code": "0"}).code == "no_order"
    assert read("lazada", b"{").status == 400
    assert read("lazada", [one] * 5_001).status == 413
    assert "at most 5,000 lines" in str(errors("lazada", order(*[piece()] * 5_001)))


def test_a_large_order_is_read_whole():
    raw = json.dumps([order(*(piece(sku=f"杯-{at % 400}") for at in range(2_000)))]).encode()
    (found,) = records("lazada", raw)
    assert len(found.body["lines"]) == 401
