"""What shops send, word by word as their contracts have it, and the whole record that it becomes.

Each field has a value of its own, so that a word that is read wrong is found.
"""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from connectors.contract import IncomingRecord
from connectors.registry import sources
from connectors.sources.lazada import connector as probe
from connectors.sources.lazada import orders as lazada
from connectors.sources.woocommerce import connector as woocommerce
from connectors.transport.http import HttpAnswer
from connectors.transport.strict_json import dumps, loads

ZONE = ZoneInfo("Asia/Kuala_Lumpur")
PIECE = {
    "order_item_id": 601,
    "order_id": 300,
    "sku": "TEE-BLK-M",
    "shop_sku": "71_MY-9",
    "name": "Tee",
    "variation": "Black, M",
    "status": "delivered",
    "item_price": 55.0,
    "paid_price": 49.5,
    "tax_amount": 2.95,
    "shipping_amount": 4.0,
    "voucher_amount": 5.5,
    "voucher_seller": 3.5,
    "voucher_platform": 2.0,
    "currency": "MYR",
    "reason": "",
    "updated_at": "2026-11-20 09:00:00 +0800",
    "created_at": "2026-11-19 14:03:11 +0800",
}
LAZADA = {
    "order_id": 300,
    "order_number": "300123",
    "items_count": 3,
    "created_at": "2026-11-19 23:30:00 +0800",
    "updated_at": "2026-11-20 08:00:00 +0800",
    "payment_method": "FPX",
    "customer_first_name": "Aisyah",
    "customer_last_name": "Rahman",
    "order_items": [
        PIECE,
        {
            **PIECE,
            "order_item_id": 602,
            "status": "returned",
            "reason": "Too small",
            "updated_at": "2026-11-21 09:00:00 +0800",
        },
        {**PIECE, "order_item_id": 603, "status": "canceled"},
    ],
}
LAZADA_RECORDS = [
    (
        "order",
        "300",
        {
            "number": "300123",
            "status": "refunded_partly",
            "shop_status": "canceled, delivered, returned",
            "order_id": "300",
            "ordered_on": "2026-11-19",
            "updated_at": "2026-11-21T01:00:00Z",
            "channel": "FPX",
            "currency": "MYR",
            "customer_name": "Aisyah Rahman",
            "goods_total": "103.00",
            "shipping_total": "8.00",
            "seller_voucher": "7.00",
            "platform_voucher": "4.00",
            "unexplained_discount": "0.00",
            "buyer_paid": "107.00",
            "total": "111.00",
            "lines": [
                {
                    "pos": 1,
                    "part": "goods",
                    "sku": "TEE-BLK-M",
                    "variant_id": "71_MY-9",
                    "name": "Tee - Black, M",
                    "qty": "2",
                    "price": "55.00",
                    "discount": "7.00",
                    "amount": "103.00",
                    "tax_amount": "5.90",
                    "delivered_qty": "1",
                    "cancelled_qty": "1",
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
        },
    ),
    (
        "refund",
        "602",
        {
            "number": "R-602",
            "status": "refunded",
            "shop_status": "returned",
            "order_id": "300",
            "refunded_on": "2026-11-21",
            "updated_at": "2026-11-21T01:00:00Z",
            "currency": "MYR",
            "reason": "Too small",
            "restock": "returned",
            "total": "51.50",
            "lines": [
                {
                    "pos": 1,
                    "sku": "TEE-BLK-M",
                    "variant_id": "71_MY-9",
                    "name": "Tee - Black, M",
                    "qty": "1",
                    "amount": "51.50",
                }
            ],
        },
    ),
]
WOOCOMMERCE = {
    "id": 4750,
    "number": "4751",
    "status": "processing",
    "currency": "MYR",
    "prices_include_tax": False,
    "date_created_gmt": "2026-11-19T16:03:11",
    "date_modified_gmt": "2026-11-19T18:05:00",
    "date_paid_gmt": "2026-11-19T17:04:00",
    "discount_total": "1.00",
    "shipping_total": "8.00",
    "total": "119.90",
    "total_tax": "9.90",
    "payment_method": "fpx",
    "customer_id": 26,
    "billing": {
        "first_name": "Aisyah",
        "last_name": "Rahman",
        "company": "",
        "address_1": "1 Jalan A",
        "address_2": "Taman B",
        "city": "Ipoh",
        "state": "PRK",
        "postcode": "30000",
        "country": "MY",
        "email": "a@example.com",
        "phone": "0123456789",
    },
    "tax_lines": [{"rate_id": 75, "rate_code": "MY-SST-10"}],
    "line_items": [
        {
            "id": 315,
            "name": "Tee",
            "product_id": 93,
            "variation_id": 94,
            "quantity": 2,
            "sku": "TEE-BLK-M",
            "price": 49.5,
            "subtotal": "100.00",
            "total": "99.00",
            "total_tax": "9.90",
            "taxes": [{"id": 75, "total": "9.90"}],
        },
        {
            "id": 318,
            "name": "Cup",
            "product_id": 95,
            "variation_id": 0,
            "quantity": 1,
            "sku": "CUP",
            "subtotal": "1.00",
            "total": "1.00",
            "total_tax": "0.00",
            "tax_class": "zero-rate",
            "taxes": [],
        },
    ],
    "shipping_lines": [
        {"id": 316, "method_title": "Flat rate", "total": "8.00", "total_tax": "0.00", "taxes": []}
    ],
    "fee_lines": [
        {"id": 317, "name": "Wrapping", "total": "2.00", "total_tax": "0.00", "taxes": []},
        {"id": 319, "name": "Free", "total": "0.00", "total_tax": "0.00"},
    ],
    "refunds": [{"id": 77, "reason": "Too small", "total": "-54.45"}],
}
WOOCOMMERCE_RECORDS = [
    (
        "order",
        "4750",
        {
            "number": "4751",
            "status": "processing",
            "order_id": "4750",
            "ordered_on": "2026-11-20",
            "paid_at": "2026-11-19T17:04:00Z",
            "updated_at": "2026-11-19T18:05:00Z",
            "channel": "fpx",
            "currency": "MYR",
            "customer": "26",
            "customer_name": "Aisyah Rahman",
            "email": "a@example.com",
            "phone": "0123456789",
            "address": "1 Jalan A, Taman B, 30000 Ipoh, PRK, MY",
            "subtotal": "110.00",
            "tax_total": "9.90",
            "total": "119.90",
            "discount_total": "1.00",
            "gift_card_paid": "0.00",
            "refunded_total": "54.45",
            "refund_ids": "77",
            "prices_include_tax": False,
            "lines": [
                {
                    "pos": 1,
                    "line_id": "315",
                    "part": "goods",
                    "sku": "TEE-BLK-M",
                    "variant_id": "94",
                    "name": "Tee",
                    "qty": "2",
                    "price": "50.00",
                    "discount": "1.00",
                    "amount": "99.00",
                    "tax": "MY-SST-10",
                    "tax_amount": "9.90",
                },
                {
                    "pos": 2,
                    "line_id": "318",
                    "part": "goods",
                    "sku": "CUP",
                    "variant_id": "95",
                    "name": "Cup",
                    "qty": "1",
                    "price": "1.00",
                    "discount": "0.00",
                    "amount": "1.00",
                    "tax": "none zero-rate",
                    "tax_amount": "0.00",
                },
                {
                    "pos": 3,
                    "line_id": "316",
                    "part": "shipping",
                    "sku": "SHIPPING",
                    "name": "Flat rate",
                    "qty": "1",
                    "price": "8.00",
                    "discount": "0.00",
                    "amount": "8.00",
                    "tax": "none",
                    "tax_amount": "0.00",
                },
                {
                    "pos": 4,
                    "line_id": "317",
                    "part": "fee",
                    "sku": "FEE",
                    "name": "Wrapping",
                    "qty": "1",
                    "price": "2.00",
                    "discount": "0.00",
                    "amount": "2.00",
                    "tax": "none",
                    "tax_amount": "0.00",
                },
            ],
        },
    ),
    (
        "refund",
        "77",
        {
            "number": "R-77",
            "status": "refunded",
            "order_id": "4750",
            "order_number": "4751",
            "refunded_on": "2026-11-20",
            "currency": "MYR",
            "customer": "26",
            "customer_name": "Aisyah Rahman",
            "reason": "Too small",
            "restock": "unknown",
            "lines_known": False,
            "total": "54.45",
            "lines": [
                {
                    "pos": 1,
                    "part": "adjustment",
                    "sku": "ADJUSTMENT",
                    "name": "Too small",
                    "qty": "1",
                    "price": "54.45",
                    "discount": "0.00",
                    "amount": "54.45",
                    "tax": "none",
                    "tax_amount": "0.00",
                }
            ],
        },
    ),
]


def sent(content: object) -> object:
    """As it is read from the bytes of an answer: no number is a float."""
    return loads(dumps(content))


def test_an_order_of_lazada_is_this_record_and_its_returned_piece_that_refund():
    found = lazada.records_of("orders[0]", sent(LAZADA), ZONE)
    assert all(isinstance(one, IncomingRecord) for one in found), found
    assert [(one.kind, one.external_id, one.body) for one in found] == LAZADA_RECORDS


def test_an_order_of_woocommerce_is_this_record_and_its_refund_that_one():
    found, wrong = woocommerce.records_of("orders[0]", sent(WOOCOMMERCE), ZONE)
    assert wrong == ()
    assert [(one.kind, one.external_id, one.body) for one in found] == WOOCOMMERCE_RECORDS


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"billing": {**WOOCOMMERCE["billing"], "company": "Kedai"}}, "Kedai"),
        ({"customer_id": 0}, "Aisyah Rahman"),
    ],
)
def test_the_buyer_of_woocommerce_is_a_company_or_a_guest(changed, name):
    (order, refund), _ = woocommerce.records_of("o", sent({**WOOCOMMERCE, **changed}), ZONE)
    assert (order.body["customer_name"], refund.body["customer_name"]) == (name, name)
    assert order.body["customer"] == ("26" if "billing" in changed else "guest")


class Shop:
    """A seller at Lazada: the answer to each path."""

    def __init__(self, **answers):
        self.answers, self.asked, self.status = answers, [], 200

    def now(self):
        return datetime(2026, 11, 20, 2, tzinfo=UTC)

    def request(self, _method, url, **_how):
        path = url.partition("?")[0]
        self.asked.append(url)
        name = {"/seller/get": "seller", "/orders/items/get": "items"}
        told = self.answers[name.get(path.removeprefix(SETTINGS["base_url"]), "orders")]
        at = self.now()
        return HttpAnswer(status=self.status, headers={}, body=dumps(told), seconds=0.0, at=at)


ORDERS = {"code": "0", "data": {"count": 0, "orders": []}, "request_id": "r1"}
SELLER = {"code": "0", "data": {"seller_id": 100023, "name": "Kedai"}, "request_id": "r2"}
SETTINGS = {"base_url": "https://api.lazada.com.my/rest", "app_key": "123456"}


def report(orders=ORDERS, seller=SELLER, **settings):
    shop = Shop(orders=orders, seller=seller)
    return shop, probe.report({**SETTINGS, **settings}, "shh:R:A:1790000000", shop)


def test_lazada_says_who_the_seller_is():
    shop, told = report()
    assert [one.ok for one in told.steps] == [True] * len(told.steps)
    assert "Kedai, ID 100023." in {one.words for one in told.steps}
    assert "/orders/get?" in shop.asked[0]
    for asked in ("update_after=2026-11-20T01", "limit=1", "offset=0"):
        assert asked in shop.asked[0]
    _, other = report(seller_id="7")
    assert other.steps[-1].ok is not True
    assert "company.other" in {one.code for one in other.steps}
    assert "Kedai, ID 100023." in {one.words for one in report(seller_id="100023")[1].steps}


def test_lazada_is_asked_again_from_the_moment_of_its_last_order_and_a_little_before():
    listed = {name: told for name, told in LAZADA.items() if name != "order_items"}
    pieces = [{"order_id": 300, "order_items": LAZADA["order_items"]}]
    shop = Shop(
        orders={"code": "0", "data": {"count": 1, "orders": [listed]}, "request_id": "r1"},
        items={"code": "0", "data": pieces, "request_id": "r2"},
    )
    source, cursor = sources()["lazada"], sources()["lazada"].begin(shop.now() - timedelta(days=1))
    for _ in range(2):
        found = source.page(cursor, SETTINGS, "shh:R:A:1790000000", ZONE, shop)
        assert [one.records[0].external_id for one in found.found] == ["300"]
        cursor = found.after
    asked = [parse_qs(urlsplit(one).query) for one in shop.asked if "/orders/get?" in one]
    assert [one["update_after"] for one in asked] == [
        ["2026-11-19T01:49:59+00:00"],
        ["2026-11-19T23:49:59+00:00"],
    ]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("InsufficientPermission", "key.permission"),
        ("InsufficientIsvPermissions", "key.permission"),
        ("IllegalAccessToken", "key.refused"),
        ("IllegalRefreshToken", "key.refused"),
        ("InvalidAppKey", "key.refused"),
        ("AppKeyInvalid", "key.refused"),
        ("E007", "key.refused"),
        ("IncompleteSignature", "key.refused"),
        ("MissingParameter", "key.refused"),
    ],
)
def test_lazada_says_why_it_does_not_answer(code, expected):
    _, told = report({"code": code, "type": "ISV", "message": "No way", "request_id": "r"})
    [wrong] = [one for one in told.steps if one.ok is False]
    assert (wrong.code, "No way" in wrong.words) == (expected, True)


@pytest.mark.parametrize(
    ("answer", "status", "expected"),
    [
        ({"hello": "world"}, 200, "company.unknown"),
        ({**ORDERS, "code": "Unheard", "message": "No way"}, 401, "key.refused"),
        ({**ORDERS, "code": "Unheard", "message": "No way"}, 403, "key.refused"),
        ({**ORDERS, "code": "Unheard", "message": "No way"}, 200, "answer"),
        (ORDERS, 404, "answer"),
        (ORDERS, 302, "reach.redirect"),
    ],
)
def test_lazada_is_not_asked_who_the_seller_is_where_it_does_not_answer(answer, status, expected):
    shop = Shop(orders=answer, seller=SELLER)
    shop.status = status
    told = probe.report(SETTINGS, "shh:R:A:1790000000", shop)
    [wrong] = [one for one in told.steps if one.ok is False]
    assert (wrong.code, len(shop.asked)) == (expected, 1)


@pytest.mark.parametrize("seller", [{"name": "Kedai"}, [], None])
def test_a_seller_that_lazada_does_not_tell_leaves_the_report_as_it_was(seller):
    _, told = report(seller={"code": "0", "data": seller}, seller_id="7")
    assert [one.ok for one in told.steps] == [True] * len(told.steps)
    assert "The shop at api.lazada.com.my answers." in {one.words for one in told.steps}


OTHERS = {
    "sku": "CUP",
    "shop_sku": "71_MY-8",
    "name": "Tee, long",
    "variation": "White, M",
    "item_price": 54.00,
    "paid_price": 48.00,
    "tax_amount": 2.00,
}


@pytest.mark.parametrize("word", OTHERS)
def test_a_piece_of_lazada_that_differs_in_one_word_is_a_line_of_its_own(word):
    pieces = [PIECE, {**PIECE, "order_item_id": 602, word: OTHERS[word]}]
    order = {**LAZADA, "items_count": 2, "order_items": pieces}
    [found] = lazada.records_of("o", sent(order), ZONE)
    assert [one["part"] for one in found.body["lines"]] == ["goods", "goods", "shipping"]
