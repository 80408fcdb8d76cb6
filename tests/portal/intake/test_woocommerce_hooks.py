"""WooCommerce's webhooks through the portal, and the page of a source that is asked."""

import json

import pytest
from sqlalchemy import text

from holding.intake.pulls import start_new_pulls
from tests.connectors.woocommerce import order, signed
from tests.portal.reading import one, plain
from tests.portal.seed import HOOK_SECRET

pytestmark = pytest.mark.sqlite
KEY = "/hooks/kedai/netshop"
PAGE = "/c/kedai/connections/netshop"


@pytest.fixture
def shop(app, database):
    """The seeded source is a WooCommerce shop here; how to send it bytes."""
    with database.write() as session:
        session.execute(
            text(
                "UPDATE connection SET connector = 'woocommerce',"
                " settings = '{\"base_url\":\"http://127.0.0.1:9\"}' WHERE name = 'netshop'"
            )
        )

    def send(given, **headers):
        raw = given if isinstance(given, bytes) else json.dumps(given).encode()
        told = signed(raw, HOOK_SECRET, **headers)
        return app.test_client().post(KEY, data=raw, headers=told)

    return send


def versions(database):
    """Status and staleness of every version of the order."""
    with database.read() as session:
        rows = session.execute(
            text(
                "SELECT v.body, v.stale FROM version v JOIN record r ON r.id = v.record_id"
                " WHERE r.type = 'order' AND r.external_id = '4750' ORDER BY v.no"
            )
        )
        return [(json.loads(row.body)["status"], bool(row.stale)) for row in rows]


def test_an_order_arrives_is_repeated_and_replayed_under_any_name(shop, database):
    first = shop(order())
    assert (first.status_code, first.get_json()["new_records"]) == (202, 3)
    for others in ({}, {"X_WC_Webhook_Delivery_ID": "2"}, {"X_WC_Webhook_Topic": "order.deleted"}):
        assert shop(order(), **others).status_code == 200
    assert versions(database) == [("processing", False)]
    assert one(database, "SELECT max(times) FROM delivery WHERE kind = 'webhook'") == 4


def test_two_orders_of_one_second_share_an_id_and_both_are_taken(shop):
    assert shop(order(refunds=[])).get_json()["new_records"] == 1
    assert shop(order(id=4751, number="4751", refunds=[])).get_json()["new_records"] == 1


def test_an_older_state_never_counts_and_a_cancel_does(shop, database):
    shop(order(date_modified_gmt="2026-11-19T09:00:00", status="completed"))
    assert shop(order()).get_json()["stale"] == 1
    unpaid = {"status": "cancelled", "date_paid_gmt": None}
    shop(order(date_modified_gmt="2026-11-19T10:00:00", **unpaid))
    assert versions(database) == [("completed", False), ("processing", True), ("cancelled", False)]


def test_a_deleted_order_is_in_the_trash_until_it_is_restored(shop, database, clock):
    assert shop({"id": 4750}).get_json()["records"] == 0  # nobody knows it yet
    shop(order())
    clock.advance(60)
    raw = b'{ "id": 4750 }'
    assert shop(raw).get_json()["new_versions"] == 1
    body = json.loads(one(database, "SELECT body FROM version ORDER BY id DESC LIMIT 1"))
    assert body["updated_at"] == f"{clock.now():%Y-%m-%dT%H:%M:%SZ}"  # no moment but its arrival's
    late = shop(order(date_modified_gmt="2026-11-19T07:00:00"))
    assert late.get_json()["stale"] == 1  # it was edited before
    moment = (clock.now()).strftime("%Y-%m-%dT%H:%M:%S")
    assert shop(raw).get_json()["times"] == 2
    assert versions(database)[:2] == [("processing", False), ("trash", False)]
    clock.advance(60)
    later = clock.now().strftime("%Y-%m-%dT%H:%M:%S")
    assert later > moment
    shop(order(date_modified_gmt=later))
    assert versions(database)[-1] == ("processing", False)


def test_the_ping_is_answered_and_counted_and_kept_once(app, shop, database):
    del shop
    for number in (b"12", b"13", b"12"):
        answer = app.test_client().post(KEY, data=b"webhook_id=" + number)
        assert answer.status_code == 200
    rows = "SELECT {} FROM delivery WHERE key = 'ping'"
    assert one(database, rows.format("count(*)")) == 1
    assert one(database, rows.format("times")) == 3
    assert not one(database, rows.format("body"))


def test_a_product_or_a_forged_order_leaves_nothing(shop, app, database):
    before = one(database, "SELECT count(*) FROM delivery")
    told = shop({"id": 93, "regular_price": "49.50", "name": "Tee"})
    assert (told.status_code, told.get_json()["title"]) == (
        422,
        "The delivery holds a product, and no order.",
    )
    raw = json.dumps(order()).encode()
    forged = app.test_client().post(KEY, data=raw, headers=signed(raw, "other"))
    assert forged.status_code == 401
    assert one(database, "SELECT count(*) FROM delivery") == before
    assert shop(order(total="x")).status_code == 202


def test_a_source_that_is_not_asked_says_nothing_of_it(visit):
    assert "Read from" not in visit("olga").text(PAGE)


def test_its_page_says_how_far_it_was_read_and_an_operator_has_it_read(
    shop, visit, database, clock
):
    del shop
    with database.write() as session:
        start_new_pulls(session, clock.now())
    olga = visit("olga")
    page = plain(olga.text(PAGE))
    assert "Changes Not read yet. Next" in page
    assert "Nightly sweep Not read yet. Next" in page
    with database.write() as session:
        session.execute(
            text(
                "UPDATE pull SET due_at = NULL, done_at = start_at, done_found = 3,"
                " wrong = 'The shop did not answer.', wrong_since = start_at WHERE kind = 'pull'"
            )
        )
    page = plain(olga.text(PAGE))
    assert "3 new records. Only when asked." in page
    assert "NetShop could not be read since" in page
    assert "The shop did not answer." in page
    for kind, said in (("pull", "is being read"), ("sweep", "is being swept")):
        assert olga.post(f"{PAGE}/pull", {"kind": kind}, status=303)
        assert f"NetShop {said}" in plain(olga.text(PAGE))
        assert one(database, f"SELECT due_at <= '{clock.now():%Y-%m-%dT%H:%M:%S.%fZ}' FROM pull"
                             f" WHERE kind = '{kind}'") == 1  # fmt: skip
    visit("farah").post(f"{PAGE}/pull", {"kind": "pull"}, status=403)
    visit("olga").post("/c/kedai/connections/aiaccount/pull", {"kind": "pull"}, status=409)
