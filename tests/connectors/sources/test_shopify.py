"""Shopify's webhook: who is let in, which topics are read, and what an order becomes."""

import json

import pytest

from connectors.contract import Accepted
from connectors.kit.delivery import body_signed
from connectors.registry import read_file, sources
from connectors.sources.shopify.connector import SAMPLE_ID, TOPICS
from connectors.sources.shopify.refunds import order_status
from tests.connectors.shopify import NOW, SECRET, accept, body, record, sent, wrong
from tests.support.zones import SHOP_ZONE


def test_the_signature_vector():
    assert body_signed(b'{"id":1}', "VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY=", ["hush"])


def test_a_signed_call_is_let_in_under_its_topic_and_event():
    answer = accept(body(), topic="orders/paid", event="b54557e4")
    assert isinstance(answer, Accepted)
    assert (answer.delivery_id, answer.problems) == ("orders/paid b54557e4", ())
    assert answer.signature == sent(body())[0]["X-Shopify-Hmac-Sha256"]


def test_the_example_of_its_page_is_taken():
    made = sources()["shopify"].example(f"{SECRET}:shpat_1", NOW, "evt-9")
    answer = sources()["shopify"].accept(made.headers, made.body, [SECRET], NOW, SHOP_ZONE)
    (found,) = answer.records
    assert (answer.problems, answer.delivery_id) == ((), "orders/create evt-9")
    assert (found.number, found.body["status"], found.body["total"]) == ("#TEST-1", "paid", "60.00")


def test_without_an_event_id_the_call_is_known_by_what_is_there():
    assert accept(body(), event="", X_Shopify_Webhook_Id="w-1").delivery_id == "orders/updated w-1"
    assert accept(body(), event="a b").delivery_id.startswith("body-")


def test_header_names_in_any_case_and_two_live_secrets():
    headers, raw = sent(body())
    lower = {name.lower(): value for name, value in headers.items()}
    for secrets, given in ((["new", SECRET], headers), ([SECRET], lower)):
        answer = sources()["shopify"].accept(given, raw, secrets, NOW, SHOP_ZONE)
        assert isinstance(answer, Accepted)


def test_forgeries():
    headers, raw = sent(body())
    given = headers["X-Shopify-Hmac-Sha256"]
    other = sent(body(), secret="other")[0]["X-Shopify-Hmac-Sha256"]
    forged = [
        (headers, raw + b" ", [SECRET]),
        (headers, b"", [SECRET]),
        (headers, raw.replace(b"138.10", b"938.10"), [SECRET]),
        (headers, raw, ["new"]),
        (headers, raw, []),
        *(({**headers, "X-Shopify-Hmac-Sha256": word}, raw, [SECRET, ""])
          for word in ("", given.lower(), given[:-1], other, f"sha256={given}", "é" * 44)),
    ]  # fmt: skip
    answers = [sources()["shopify"].accept(h, r, s, NOW, SHOP_ZONE) for h, r, s in forged]
    assert {answer.status for answer in answers} == {401}
    blank = sent(body(), secret="")
    assert sources()["shopify"].accept(*blank, [""], NOW, SHOP_ZONE).status == 401


@pytest.mark.parametrize("topic", ["", "products/update", "Orders/delete", "Orders/create", "é"])
def test_a_topic_that_is_not_read_is_refused_with_those_that_are(topic):
    answer = accept(body(), topic=topic)
    assert (answer.status, answer.code) == (422, "unknown_topic")
    assert all(known in answer.hint for known in TOPICS)


@pytest.mark.parametrize(
    ("topic", "name"),
    [("orders/create", "refund"), ("refunds/create", "order"), ("orders/paid", "fulfillment")],
)
def test_the_topic_is_not_signed_so_the_body_must_look_like_it(topic, name):
    answer = accept(body(name), topic=topic)
    assert answer.status == 422
    assert topic in answer.message


def test_a_test_notification_and_a_test_payment_make_no_record():
    for given in (body(test=True), body(id=SAMPLE_ID), body("order-refunded", test=True)):
        answer = accept(given)
        assert (answer.records, answer.problems) == ((), ())
    refund = body("refund")
    refund["transactions"][0]["test"] = True
    for given in (refund, body("refund", order_id=SAMPLE_ID)):
        assert accept(given, topic="refunds/create").records == ()
    # Nobody signed this header: a real order under it is a real order.
    assert len(accept(body(), X_Shopify_Test="true").records) == 1


def test_a_deleted_order_is_told_by_its_id_alone():
    answer = accept({"id": 9007199254740993}, topic="orders/delete", event="e-1")
    gone, *of_exchanges = answer.withdrawn
    assert [one.external_id for one in of_exchanges][:2] == [
        f"{gone.external_id}-{x}" for x in "AB"
    ]
    assert (gone.kind, gone.external_id, gone.status) == ("order", "9007199254740993", "deleted")
    assert (answer.records, answer.delivery_id) == ((), "orders/delete e-1")
    assert answer.signature
    for other in (body(), {"id": "x"}, {"id": True}, {"id": 1, "test": True}, [], {}):
        assert accept(other, topic="orders/delete").status == 422


def test_an_id_above_two_to_the_53_stays_exact():
    assert record(body()).external_id == "9007199254740993"
    assert record(body()).body["order_id"] == "9007199254740993"


def test_the_day_is_the_shops_own_and_the_stamp_utc():
    found = record(body(processed_at="2026-11-18T16:30:00Z"))
    assert (found.body["ordered_on"], found.stamp) == ("2026-11-19", "2026-11-18T16:12:00Z")
    assert (
        record(body(processed_at=None, created_at="2026-11-18T15:59:00Z")).body["ordered_on"]
        == "2026-11-18"
    )


def test_a_moment_without_a_zone_is_not_guessed():
    assert "order.updated_at" in wrong(body(updated_at="2026-11-19T00:12:00"))


STATUSES = [
    ((False, "paid", ""), "paid"),
    ((False, "paid", "partial"), "partially_delivered"),
    ((False, "paid", "fulfilled"), "delivered"),
    ((False, "paid", "restocked"), "paid, restocked"),
    ((False, "partially_refunded", "fulfilled"), "refunded_partly"),
    ((False, "refunded", "fulfilled"), "refunded"),
    ((True, "refunded", ""), "cancelled"),
    ((True, "paid", "fulfilled"), "cancelled_kept"),
    ((True, "voided", ""), "cancelled"),
    ((False, "authorized", ""), "unpaid"),
    ((False, "pending", "fulfilled"), "unpaid"),
    ((False, "partially_paid", ""), "unpaid"),
    ((False, "voided", ""), "unpaid"),
    ((False, "expired", ""), "unpaid"),
    ((False, "Paid", ""), "Paid, nothing sent"),
    ((False, "on_the_moon", "partial"), "on_the_moon, partial"),
]


@pytest.mark.parametrize(("told", "word"), STATUSES)
def test_the_words_of_an_order_come_to_one(told, word):
    cancelled, financial, fulfillment = told
    kept = word == "cancelled_kept"
    assert order_status(cancelled, financial, fulfillment, keeps_money=kept) == word
    found = record(
        body(
            cancelled_at="2026-11-19T10:00:00+08:00" if cancelled else None,
            financial_status=financial,
            fulfillment_status=fulfillment or None,
        )
    )
    assert found.body["status"] == word
    assert found.body["financial_status"] == financial


def test_an_order_without_any_status_is_not_read():
    assert "order.financial_status" in wrong(body(financial_status=None))


def test_a_file_of_the_api_needs_no_signature_and_is_its_own_delivery():
    raw = json.dumps({"orders": [body(), body("order-refunded", id=7)]}).encode()
    answer = read_file("export.SHOPIFY.json", raw, SHOP_ZONE)
    assert answer.problems == ()
    kinds = [one.kind for one in answer.records]
    assert kinds == ["order", "order", "delivery", "refund"]
    assert read_file("x.shopify.json", b'{"products":[]}', SHOP_ZONE).code == "no_order"
    assert read_file("x.shopify.json", json.dumps(body()).encode(), SHOP_ZONE).records


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b'{"id":1,"id":2}', b"\xff"])
def test_a_signed_body_that_is_no_order_is_refused(raw):
    assert 400 <= accept(raw).status < 500


def test_what_is_no_object_or_no_list_is_told_with_its_place():
    assert "order.customer" in wrong(body(customer="Aisyah"))
    assert "order.refunds" in wrong(body(refunds={"id": 1}))
    assert "order.line_items" in wrong(body(line_items=[]))
    assert "order.line_items" in wrong(body(line_items=[{"id": 1}] * 5_001))


def test_a_large_order_is_read_whole():
    item = {**body()["line_items"][1], "discount_allocations": [], "tax_lines": []}
    items = [{**item, "id": at} for at in range(1, 1_115)]
    whole = {"line_items": items, "shipping_lines": [], "total_tip_received": "0.00"}
    found = record(body(**whole, total_tax="0.00", total_price="27850.00"))
    assert len(found.body["lines"]) == 1_114


def test_a_webhook_of_another_shop_of_the_same_app_is_refused():
    """Shopify signs with the secret of the app: the domain beside it says which shop it was."""
    own = sources()["shopify"].bound({"base_url": "https://Kedai.myshopify.com"}, "")
    loose = sources()["shopify"].bound({"base_url": "http://127.0.0.1:8104"}, "")
    for domain, taken in (("kedai.myshopify.com", True), ("toko.myshopify.com", False)):
        headers, raw = sent(body(), X_Shopify_Shop_Domain=domain)
        assert isinstance(loose.accept(headers, raw, [SECRET], NOW, SHOP_ZONE), Accepted)
        answer = own.accept(headers, raw, [SECRET], NOW, SHOP_ZONE)
        assert isinstance(answer, Accepted) is taken
    assert (answer.status, answer.code) == (403, "another_shop")
    assert answer.message == (
        "It comes from toko.myshopify.com, and this connection is of kedai.myshopify.com."
    )
    headers, raw = sent(body())
    assert isinstance(own.accept(headers, raw, [SECRET], NOW, SHOP_ZONE), Accepted)
