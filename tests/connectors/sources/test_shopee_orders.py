"""Shopee: what its orders and returns become."""

import pytest

from connectors.registry import sources
from tests.connectors.marketplaces import errors, recorded_order, recorded_return, records


def order(**changed):
    return {**recorded_order("shopee"), **changed}


def item(**changed):
    return {**recorded_order("shopee")["item_list"][0], **changed}


def body(content, kind="order"):
    """The canonical record of one order or return."""
    told = {"return": [content]} if kind == "refund" else {"order_list": [content]}
    (found,) = records("shopee", {"response": told})
    assert found.kind == kind
    return found.body


def wrong(content):
    return errors("shopee", {"response": {"order_list": [content]}})


def test_an_order_in_its_canonical_form():
    assert body(order()) == {
        "number": "2511190001",
        "status": "paid",
        "shop_status": "READY_TO_SHIP",
        "order_id": "2511190001",
        "ordered_on": "2025-11-19",
        "paid_at": "2025-11-19T05:44:10Z",
        "updated_at": "2025-11-19T05:45:00Z",
        "cod": False,
        "channel": "Online Banking",
        "currency": "MYR",
        "customer": "9007199254740993",
        "customer_name": "a***h",
        "goods_total": "99.00",
        "shipping_total": "8.00",
        "unexplained_discount": "5.50",
        "buyer_paid": "101.50",
        "total": "101.50",
        "lines": [
            {
                "pos": 1,
                "line_id": "501",
                "part": "goods",
                "item_id": "9007199254740997",
                "variant_id": "9007199254740999",
                "sku": "TEE-BLK-M",
                "name": "Tee - Black,M",
                "promotion": "bundle_deal",
                "qty": "2",
                "price": "55.00",
                "discount": "11.00",
                "amount": "99.00",
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
            {
                "pos": 3,
                "part": "adjustment",
                "sku": "ADJUSTMENT",
                "name": "Vouchers, coins and subsidies",
                "qty": "1",
                "price": "-5.50",
                "discount": "0.00",
                "amount": "-5.50",
            },
        ],
    }


INCOME = {
    "buyer_total_amount": 101.50,
    "voucher_from_seller": 2.00,
    "voucher_from_shopee": 3.00,
    "coins": 0.50,
    "buyer_paid_shipping_fee": 8.00,
    "actual_shipping_fee": 12.40,
    "commission_fee": 2.19,
}


def sold(**changed):
    """What an order with this income was sold for, and its lines that are no goods."""
    told = body(order(order_income={**INCOME, **changed}))
    names = ("seller_voucher", "platform_voucher", "unexplained_discount", "buyer_paid", "total")
    lines = [(one["part"], one["amount"]) for one in told["lines"] if one["part"] != "goods"]
    return tuple(told[name] for name in names), lines


def test_what_shopee_bears_is_sold_and_what_the_seller_bears_is_not():
    amounts, lines = sold()
    assert amounts == ("2.00", "3.50", "0.00", "101.50", "105.00")
    assert lines == [("shipping", "8.00"), ("discount", "-2.00")]


@pytest.mark.parametrize("name", ["shopee_discount", "payment_promotion", "credit_card_promotion"])
def test_each_amount_that_shopee_bears_is_part_of_the_total(name):
    (_, borne, _, paid, total), _ = sold(**{name: 1.25})
    assert (borne, paid, total) == ("4.75", "101.50", "106.25")


def test_a_price_that_shopee_lowered_is_sold_for_the_price_before():
    amounts, lines = sold(shopee_discount=10.00)
    assert amounts == ("2.00", "13.50", "0.00", "101.50", "115.00")
    assert lines[-1] == ("price_support", "10.00")


def test_fees_of_the_buyer_to_shopee_are_lines_of_their_own():
    amounts, lines = sold(buyer_transaction_fee=1.00, voucher_from_seller=3.00)
    assert (amounts[2], amounts[4]) == ("0.00", "105.00")
    assert lines[1:] == [("discount", "-3.00"), ("fee", "1.00")]


@pytest.mark.parametrize(("seller", "left"), [(1.99, "0.01"), (2.50, "-0.50")])
def test_what_no_amount_explains_is_named_and_part_of_no_voucher(seller, left):
    amounts, lines = sold(voucher_from_seller=seller)
    assert (amounts[2], amounts[4]) == (left, "105.00")
    assert lines[-1][0] == "adjustment"


def test_an_income_that_cannot_be_read_is_told_with_its_place():
    told = wrong(order(order_income={**INCOME, "coins": "many"}))
    assert list(told) == ["order_list[0].order_income.coins"]


def test_a_return_in_its_canonical_form():
    assert body(recorded_return(), "refund") == {
        "number": "R-2511200007",
        "status": "refunded",
        "shop_status": "REFUND_PAID",
        "order_id": "2511190001",
        "refunded_on": "2025-11-20",
        "updated_at": "2025-11-20T06:26:40Z",
        "currency": "MYR",
        "reason": "ITEM_DAMAGED",
        "restock": "unknown",
        "total": "49.50",
        "lines": [
            {
                "pos": 1,
                "part": "goods",
                "item_id": "9007199254740997",
                "variant_id": "9007199254740999",
                "sku": "TEE-BLK-M",
                "name": "Tee",
                "qty": "1",
                "amount": "49.50",
            }
        ],
    }


@pytest.mark.parametrize(
    ("total", "parts"),
    [
        (107.00, ["goods", "shipping"]),
        (107.01, ["goods", "shipping", "adjustment"]),
        (99.00, ["goods", "shipping", "adjustment"]),
    ],
)
def test_the_lines_come_to_the_total_to_the_cent(total, parts):
    told = body(order(total_amount=total))
    assert [line["part"] for line in told["lines"]] == parts
    cents = sum(round(float(line["amount"]) * 100) for line in told["lines"])
    assert cents == round(total * 100)


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({"actual_shipping_fee": 6.20}, "8.00"),
        ({"actual_shipping_fee": 6.20, "actual_shipping_fee_confirmed": True}, "8.00"),
        ({"actual_shipping_fee": 6.20, "estimated_shipping_fee": None}, None),
        ({"actual_shipping_fee": None, "estimated_shipping_fee": None}, None),
        ({"estimated_shipping_fee": 0}, "0.00"),
    ],
)
def test_the_shipping_is_what_was_known_at_the_sale(changed, shown):
    told = body(order(**changed))
    assert told.get("shipping_total") == shown
    parts = [line["part"] for line in told["lines"]]
    assert ("shipping" in parts) == (shown not in (None, "0.00"))


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"actual_shipping_fee": 6.20}, None),
        ({"actual_shipping_fee": 6.20, "actual_shipping_fee_confirmed": True}, "6.20"),
        ({"actual_shipping_fee": 0, "actual_shipping_fee_confirmed": True}, "0.00"),
        ({"actual_shipping_fee": None, "actual_shipping_fee_confirmed": True}, None),
    ],
)
def test_what_the_carrier_charges_is_told_once_confirmed_and_changes_no_line(told, shown):
    before, after = body(order()), body(order(**told))
    assert after.pop("carrier_charge", None) == shown
    assert after == before


def test_the_day_of_a_return_is_said_to_move_with_each_change():
    later = {**recorded_return(), "update_time": recorded_return()["update_time"] + 86_400}
    assert body(later, "refund")["refunded_on"] == "2025-11-21"
    for name in ("shopee", "lazada"):
        (kind,) = [one for one in sources()[name].kinds if one.kind == "refund"]
        (day,) = [one for one in kind.fields if one.name == "refunded_on"]
        assert "moves with each" in day.meaning, name


STATUSES = [
    ({"order_status": "UNPAID", "pay_time": None}, "unpaid"),
    ({"order_status": "READY_TO_SHIP"}, "paid"),
    ({"order_status": "PROCESSED"}, "paid"),
    ({"order_status": "RETRY_SHIP"}, "paid"),
    ({"order_status": "READY_TO_SHIP", "cod": True, "pay_time": None}, "unpaid"),
    ({"order_status": "READY_TO_SHIP", "cod": True, "pay_time": 0}, "unpaid"),
    ({"order_status": "READY_TO_SHIP", "cod": True}, "paid"),
    ({"order_status": "SHIPPED", "cod": True, "pay_time": None}, "shipped"),
    ({"order_status": "TO_CONFIRM_RECEIVE"}, "delivered"),
    ({"order_status": "COMPLETED"}, "delivered"),
    ({"order_status": "IN_CANCEL"}, "exception"),
    ({"order_status": "TO_RETURN"}, "exception"),
    ({"order_status": "CANCELLED"}, "cancelled"),
    ({"order_status": "completed"}, "completed"),
    ({"order_status": "ON_THE_MOON"}, "ON_THE_MOON"),
]


@pytest.mark.parametrize(("changed", "word"), STATUSES)
def test_every_status_has_its_word_and_an_unknown_one_stays(changed, word):
    assert body(order(**changed))["status"] == word


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("REQUESTED", "pending"),
        ("PROCESSING", "pending"),
        ("JUDGING", "pending"),
        ("ACCEPTED", "pending"),
        ("REFUND_PAID", "refunded"),
        ("CANCELLED", "cancelled"),
        ("CLOSED", "closed"),
        ("LOST", "LOST"),
    ],
)
def test_a_return_is_a_refund_only_once_its_money_went_back(status, word):
    told = body({**recorded_return(), "status": status}, "refund")
    assert (told["status"], told["restock"]) == (word, "unknown")


def test_pieces_that_come_back_are_given_back_each_at_its_price():
    back = recorded_return()
    several = [{**back["item"][0], "amount": 3}, {**back["item"][0], "refund_amount": 10.00}]
    told = body({**back, "item": several, "refund_amount": 158.50}, "refund")
    lines = [(one["qty"], one["amount"]) for one in told["lines"]]
    assert lines == [("3", "148.50"), ("1", "10.00")]


def test_what_is_given_back_beside_the_goods_is_a_line_too():
    told = body({**recorded_return(), "refund_amount": 57.50}, "refund")
    assert [(one["part"], one["amount"]) for one in told["lines"]] == [
        ("goods", "49.50"),
        ("adjustment", "8.00"),
    ]
    only_money = body({**recorded_return(), "item": []}, "refund")
    assert [one["part"] for one in only_money["lines"]] == ["adjustment"]


def test_a_variation_without_a_sku_and_a_product_without_variations():
    goods = item(model_sku="", model_id=0, model_name="", item_sku=" Tee ")
    line = body(order(item_list=[goods]))["lines"][0]
    assert (line["sku"], line["name"]) == (" Tee ", "Tee")
    assert "variant_id" not in line


def test_the_day_is_the_shops_own_and_moments_count_seconds_or_thousandths():
    late = 1763568000  # 2025-11-19 16:00:00 UTC is the 20th in Kuala Lumpur
    assert body(order(create_time=late))["ordered_on"] == "2025-11-20"
    assert body(order(create_time=late - 1))["ordered_on"] == "2025-11-19"
    told = body(order(update_time=1763531100123))
    assert told["updated_at"] == "2025-11-19T05:45:00.123000Z"


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"order_sn": ""}, "order_list[0].order_sn"),
        ({"order_status": ""}, "order_list[0].order_status"),
        ({"update_time": None}, "order_list[0].update_time"),
        ({"update_time": "1763531100"}, "order_list[0].update_time"),
        ({"create_time": -1}, "order_list[0].create_time"),
        ({"total_amount": None}, "order_list[0].total_amount"),
        ({"total_amount": "much"}, "order_list[0].total_amount"),
        ({"item_list": []}, "order_list[0].item_list"),
        ({"item_list": {}}, "order_list[0].item_list"),
        ({"item_list": [item(model_quantity_purchased=1.5)]},
         "order_list[0].item_list[0].model_quantity_purchased"),
        ({"item_list": [item(model_quantity_purchased=None)]},
         "order_list[0].item_list[0].model_quantity_purchased"),
        ({"item_list": [item(model_discounted_price=None)]},
         "order_list[0].item_list[0].model_discounted_price"),
    ],
)  # fmt: skip
def test_an_order_that_cannot_be_read_says_where(changed, where):
    found = wrong(order(**changed))
    assert where in found
    assert all(words.endswith(".") for words in found.values())


def test_a_return_that_says_no_amount_is_told():
    told = {"return": [{**recorded_return(), "refund_amount": None}]}
    assert list(errors("shopee", told)) == ["return[0].refund_amount"]
