"""Shopify's webhooks through the portal: each state once, in the order in which things happened."""

import json

import pytest
from sqlalchemy import text

from tests.connectors.shopify import body, sent
from tests.portal.seed import HOOK_SECRET

pytestmark = pytest.mark.sqlite
LATER = "2026-11-19T09:00:00+08:00"


@pytest.fixture
def deliver(app, database):
    """How to send a body to the seeded source, which is a Shopify shop here."""
    with database.write() as session:
        session.execute(text("UPDATE connection SET connector = 'shopify' WHERE name = 'netshop'"))

    def send(given, **how):
        headers, raw = sent(given, secret=HOOK_SECRET, **how)
        return app.test_client().post("/hooks/kedai/netshop", data=raw, headers=headers)

    return send


def versions(database, kind="order"):
    """Status, total and staleness of every version of the records of a kind."""
    with database.read() as session:
        rows = session.execute(
            text(
                "SELECT v.body, v.stale FROM version v JOIN record r ON r.id = v.record_id"
                " WHERE r.type = :kind AND r.external_id IN ('9007199254740993', '77001',"
                " '255858046001') ORDER BY v.no"
            ),
            {"kind": kind},
        )
        found = [(json.loads(row.body), bool(row.stale)) for row in rows]
    return [(told["status"], told.get("total"), stale) for told, stale in found]


def test_an_order_arrives_is_repeated_and_replayed(deliver, database):
    first = deliver(body(), topic="orders/create", event="e-1")
    assert (first.status_code, first.get_json()["new_records"]) == (202, 1)
    again = deliver(body(), topic="orders/create", event="e-1")
    assert (again.status_code, again.get_json()["times"]) == (200, 2)
    for topic, event in (("orders/create", "e-2"), ("orders/paid", "e-1"), ("orders/paid", "")):
        replayed = deliver(body(), topic=topic, event=event)
        assert (replayed.status_code, replayed.get_json()["receipt"]) == (
            200,
            {**first.get_json()["receipt"], "id": replayed.get_json()["receipt"]["id"]},
        )
    assert versions(database) == [("paid", "138.10", False)]


def test_one_event_under_two_topics_with_a_body_each_is_two_deliveries(deliver):
    assert deliver(body("refund"), topic="refunds/create", event="e-1").status_code == 202
    assert deliver(body("order-refunded"), topic="orders/updated", event="e-1").status_code == 202


def test_an_edit_is_a_version_and_an_older_state_never_counts(deliver, database):
    edited = body(updated_at=LATER, note_attributes=[])
    assert deliver(edited, event="e-1").get_json()["new_versions"] == 1
    late = deliver(body(), event="e-2").get_json()
    assert (late["new_versions"], late["stale"]) == (0, 1)
    cancelled = body(updated_at="2026-11-19T10:00:00+08:00", cancelled_at=LATER)
    assert deliver(cancelled, topic="orders/cancelled", event="e-3").status_code == 202
    assert versions(database) == [
        ("paid", "138.10", False),
        ("paid", "138.10", True),
        ("cancelled_kept", "138.10", False),
    ]


def test_a_deleted_order_keeps_its_content_under_the_word_deleted(deliver, database):
    assert deliver({"id": 9007199254740993}, topic="orders/delete", event="e-0").status_code == 202
    assert versions(database) == []
    deliver(body(), event="e-1")
    gone = deliver({"id": 9007199254740993, "x": 1}, topic="orders/delete", event="e-2")
    assert gone.status_code == 422
    other = b'{"id":9007199254740993}'  # as Shopify writes it, without blanks
    assert deliver(other, topic="orders/delete", event="e-3").status_code == 202
    assert versions(database) == [("paid", "138.10", False), ("deleted", "138.10", False)]


@pytest.mark.parametrize("first", ["refund", "order-refunded"])
def test_a_refund_is_one_record_however_often_it_is_told(deliver, database, first):
    topics = {"refund": "refunds/create", "order-refunded": "orders/updated"}
    for name in (first, *(set(topics) - {first}), first):
        assert deliver(body(name), topic=topics[name], event=f"e-{name}").status_code in (200, 202)
    whole, alone = ("refunded", "58.30", False), ("refunded", "58.30", first == "order-refunded")
    assert versions(database, "refund") == ([alone, whole] if first == "refund" else [whole, alone])
    assert versions(database, "delivery") == [("success", None, False)]
    assert versions(database) == [("refunded_partly", "138.10", False)]


def test_a_combination_of_words_that_nobody_knows_is_taken_and_left_to_the_rules(deliver, database):
    assert deliver(body(fulfillment_status="restocked")).status_code == 202
    assert versions(database) == [("paid, restocked", "138.10", False)]


def test_a_large_order_is_taken_whole(deliver, database):
    item = {**body()["line_items"][1], "discount_allocations": [], "tax_lines": []}
    items = [{**item, "id": at, "name": "Mug, 茶杯" * 20} for at in range(1, 1_115)]
    rest = {"shipping_lines": [], "total_tip_received": "0.00", "total_tax": "0.00"}
    answer = deliver(body(line_items=items, total_price="27850.00", **rest))
    assert answer.status_code == 202
    assert versions(database) == [("paid", "27850.00", False)]


def test_a_forged_call_leaves_nothing_and_one_that_does_not_add_up_is_held(deliver, app, database):
    headers, raw = sent(body(), secret="guessed")
    forged = app.test_client().post("/hooks/kedai/netshop", data=raw, headers=headers)
    assert (forged.status_code, forged.get_json()["code"]) == (401, "bad_signature")
    assert versions(database) == []
    answer = deliver(body(total_price="140.00"))
    assert answer.status_code == 202
    [held] = answer.get_json()["held"]
    assert held["where"] == "order.total_price"
    assert versions(database) == [("paid", "140.00", False)]


def test_a_test_notification_is_kept_and_makes_no_record(deliver, database):
    answer = deliver(body(test=True), X_Shopify_Test="true")
    assert (answer.status_code, answer.get_json()["records"]) == (202, 0)
    assert versions(database) == []


def test_the_headers_of_shopify_are_kept_and_no_credential(deliver, database):
    told = {"X_Shopify_Shop_Domain": "kedai.myshopify.com", "Authorization": "Bearer secret"}
    deliver(body(), X_NS16_Event_Id="evt", **told)
    with database.read() as session:
        found = session.execute(text("SELECT headers FROM delivery ORDER BY id DESC")).scalar()
    kept = {name.lower() for name in json.loads(found)}
    assert {"x-shopify-topic", "x-shopify-event-id", "x-shopify-shop-domain"} <= kept
    assert not {name for name in kept if name == "authorization" or name.startswith("x-ns16")}


def test_the_page_of_the_connection_shows_a_signed_example(deliver, visit):
    page = visit("adam").text("/c/kedai/connections/netshop")
    assert "X-Shopify-Hmac-Sha256" in page
    assert "in Base64, over the body alone." in page
    assert "CUP-30" in page
