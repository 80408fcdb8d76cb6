"""Webhooks of Shopee and Lazada through the portal: each has its source asked at once, and once."""

import hashlib
import hmac
import json
from datetime import timedelta

import pytest

from holding.connections import connections
from holding.db.models import Connection, Delivery, HookCall, Pull, Record
from tests.connectors.marketplaces import SECRET, SETTINGS, webhook

pytestmark = pytest.mark.sqlite
BASE = "https://clearpost.example"
KEY = f"{SECRET}:refresh"


@pytest.fixture(params=["lazada", "shopee"])
def market(app, database, clock, monkeypatch, request):
    """The seeded source, as a connection of this marketplace, which was read a minute ago."""
    name = request.param
    monkeypatch.setattr(connections, "secrets_of", lambda *_: (KEY,))
    with database.write() as session:
        for row in session.query(Connection).filter_by(name="netshop"):
            row.name = row.connector = name
            row.settings = {**row.settings, **SETTINGS[name]}
            due = clock.now() + timedelta(minutes=14)
            for kind in ("pull", "sweep"):
                session.add(Pull(connection_id=row.id, kind=kind, start_at=clock.now(), due_at=due))
    return name


@pytest.fixture
def deliver(app, market):
    """How to send a webhook that is signed for the address of the connection."""

    def send(given, *, secret=SECRET, signed_for=BASE):
        raw, path = json.dumps(given).encode(), f"/hooks/kedai/{market}"
        more = {"shopee": f"{signed_for}{path}|", "lazada": SETTINGS["lazada"]["app_key"]}[market]
        signed = hmac.new(secret.encode(), more.encode() + raw, hashlib.sha256).hexdigest()
        headers = {"Authorization": signed}
        return app.test_client().post(path, data=raw, headers=headers, base_url=BASE)

    return send


def due(database, kind="pull"):
    """When each reading of this kind is due."""
    with database.read() as session:
        rows = session.query(Pull).filter_by(kind=kind).order_by(Pull.connection_id)
        return [row.due_at for row in rows]


def test_a_webhook_has_its_own_source_read_at_once_and_makes_no_record(
    deliver, market, database, clock
):
    before = due(database)
    with database.read() as session:
        records = session.query(Record).count()
    answer = deliver(webhook(market))
    assert (answer.status_code, answer.get_json()["records"]) == (202, 0)
    after = due(database)
    assert after.count(clock.now()) == 1
    assert sorted(after) == sorted([clock.now(), *before[1:]])
    assert clock.now() not in due(database, "sweep")
    with database.read() as session:
        assert session.query(Record).count() == records


def test_the_same_webhook_again_asks_for_nothing(deliver, market, database, clock):
    deliver(webhook(market))
    with database.write() as session:
        for row in session.query(Pull):
            row.due_at = clock.now() + timedelta(minutes=14)
    again = deliver(webhook(market))
    assert (again.status_code, again.get_json()["times"]) == (200, 2)
    assert clock.now() not in due(database)
    assert deliver(webhook(market, more=1)).status_code == 202
    assert clock.now() in due(database)


def test_a_webhook_about_something_else_is_taken_and_asks_for_nothing(
    deliver, market, database, clock
):
    answer = deliver(webhook(market, data={"item_id": 1}))
    assert answer.status_code == 202
    assert clock.now() not in due(database)


def test_a_source_that_was_never_asked_begins_at_once(deliver, market, database, clock):
    with database.write() as session:
        session.query(Pull).delete()
        for row in session.query(Connection).filter_by(name=market):
            row.key_id = row.key_id or 1
    deliver(webhook(market))
    assert clock.now() in due(database)


def test_forged_ones_are_counted_with_their_reason_and_ask_for_nothing(
    deliver, market, database, clock, visit
):
    with database.read() as session:
        before = session.query(Delivery).count()
    for _ in range(3):
        answer = deliver(webhook(market), secret="guessed")
        assert (answer.status_code, answer.get_json()["code"]) == (401, "bad_signature")
    elsewhere = deliver(webhook(market), signed_for="https://elsewhere.example")
    assert elsewhere.status_code == {"shopee": 401, "lazada": 202}[market]
    with database.read() as session:
        (noted,) = session.query(HookCall).filter_by(outcome="rejected")
        times = {"shopee": 4, "lazada": 3}[market]
        assert (noted.code, noted.times) == ("bad_signature", times)
        assert session.query(Delivery).count() == before + (market == "lazada")
    assert (clock.now() in due(database)) == (market == "lazada")
    page = visit("adam").text(f"/c/kedai/connections/{market}")
    assert "The signature does not match" in page


def test_the_page_shows_address_and_example_and_the_test_delivery_is_read(market, visit):
    person = visit("adam")
    page = person.text(f"/c/kedai/connections/{market}")
    assert f"/hooks/kedai/{market}" in page
    assert "Authorization" in page
    over = {"shopee": "over the whole address above, a bar (|) and the body.",
            "lazada": "over the app key and the body, with nothing between them."}  # fmt: skip
    assert over[market] in page
    person.post(f"/c/kedai/connections/{market}/sendtest", {}, status=303)
    page = person.text(f"/c/kedai/connections/{market}")
    assert "Test delivery: signed and accepted." in page
