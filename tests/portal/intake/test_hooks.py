"""Webhooks: one delivery in, one honest answer out."""

import base64
import hashlib
import hmac
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

import pytest
from sqlalchemy import text

from connectors import registry
from connectors.contract import Accepted, SourceRefusal
from connectors.sources.netshop.connector import NetShop
from tests.portal.seed import HOOK_SECRET

pytestmark = pytest.mark.sqlite
URL = "/hooks/kedai/netshop"


def wire(number="SO-900", **changes):
    order = {
        "id": number,
        "number": number,
        "status": "paid",
        "ordered_at": "2026-11-18T10:00:00+08:00",
        "currency": "MYR",
        "updated_at": "2026-11-18T11:00:00+08:00",
        "channel": "web",
        "customer": {"id": "C-77", "name": "Aisyah", "tin": None, "address": None},
        "created_by": "shop",
        "version": 1,
        "items": [
            {
                "pos": 1,
                "sku": "TEA-1",
                "name": "Tea",
                "uom": "CTN",
                "qty": "2",
                "price": "96.00",
                "tax": "NT",
            }
        ],
        "subtotal": "192.00",
        "tax_total": "0.00",
        "round_off": "0.00",
        "total": "192.00",
    }
    return {"event": "order.updated", "order": order | changes}


@pytest.fixture
def deliver(app, clock):
    def send(body, event="evt-1", secret=HOOK_SECRET, url=URL, **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        stamp = str(int(clock.now().timestamp()))
        digest = hmac.new(secret.encode(), f"{stamp}.{event}.".encode() + raw, hashlib.sha256)
        signed = {
            "X-NS16-Timestamp": stamp,
            "X-NS16-Signature": f"sha256={digest.hexdigest()}",
            "X-NS16-Event-Id": event,
            "Content-Type": "application/json",
        }
        return app.test_client().post(url, data=raw, headers=signed | headers)

    return send


@pytest.mark.parametrize(
    "external_id",
    ["a/../b", "../../signin", "a//b", "/a/", "..", "?tab=raw#x", "50%", "a%2Fb", "a b"],
)
def test_a_record_has_a_page_whatever_its_id_is(deliver, visit, external_id):
    order = wire(id=external_id, number="SO-951")
    assert deliver(order).status_code == 202
    found = visit("farah").get("/c/kedai/find?q=SO-951", status=303)
    there = urljoin("http://localhost/c/kedai/find", found.headers["Location"])
    address = urlsplit(there)
    assert address.path.startswith("/c/kedai/records/netshop/order/")
    assert (address.query, address.fragment) == ("", "")
    assert "SO-951" in visit("farah").text(address.path)


def count(database, table):
    with database.read() as session:
        return session.execute(text(f"SELECT count(*) FROM {table}")).scalar()


def test_new_repeated_and_changed(deliver, database):
    before = count(database, "record")
    first = deliver(wire())
    assert first.status_code == 202, first.get_json()
    assert first.get_json()["new_records"] == 1
    again = deliver(wire())
    assert again.status_code == 200
    assert again.get_json()["receipt"] == first.get_json()["receipt"]
    assert again.get_json()["times"] == 2
    other = deliver(wire(total="1.00"))
    assert other.status_code == 409
    assert other.content_type == "application/problem+json"
    assert count(database, "record") == before + 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"event": NaN}', 422),
        (b'{"a": 1, "a": 2}', 400),
        (b"[" * 200_000, 400),
        (b"\xff\xfe", 400),
        (b"", 400),
    ],
)
def test_bad_json_is_told_apart(deliver, database, body, status):
    before = count(database, "delivery")
    answer = deliver(body)
    assert answer.status_code == status, answer.get_data()
    told = answer.get_json()
    assert told["code"]
    assert told["what"]
    assert told["todo"]
    assert count(database, "delivery") == before


def test_a_forged_signature_is_refused(deliver, database):
    before = count(database, "delivery")
    assert deliver(wire(), secret="guessed").status_code == 401
    assert deliver(wire(), **{"X-NS16-Signature": "sha256="}).status_code == 401
    assert deliver(wire(), **{"X-NS16-Timestamp": "1"}).status_code == 401
    assert count(database, "delivery") == before


def test_a_huge_body_is_not_read(app, deliver):
    answer = deliver(b"x" * (20 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.get_json()["code"] == "http.413"


def test_T29b_an_order_of_too_many_lines_is_held_and_a_delivery_of_too_many_is_refused(
    deliver, database
):
    item = wire()["order"]["items"][0]
    lines = [item | {"pos": pos} for pos in range(1, 5_002)]
    answer = deliver(wire(id=901, number="SO-901", total=None, items=lines), event="evt-901")
    assert answer.status_code == 202
    [held] = answer.get_json()["held"]
    assert (held["record"], held["where"]) == ("SO-901", "order.items")
    assert "at most 5,000 lines; this one has 5,001" in held["message"]
    before = [count(database, table) for table in ("delivery", "record", "event")]
    answer = deliver({"settlements": [{"id": n, "rows": [0] * 5_000} for n in range(21)]})
    assert answer.status_code == 413
    assert "at most 100,000 lines. This one has 105,000" in answer.get_json()["what"]
    assert [count(database, table) for table in ("delivery", "record", "event")] == before
    twice = deliver(
        wire(id=902, number="SO-902", total=None, items=[item] * 1_114), event="evt-902"
    )
    assert (twice.status_code, bool(twice.get_json()["held"])) == (202, True)
    real = [item | {"pos": pos} for pos in range(1, 1_115)]
    good = deliver(wire(id=902, number="SO-902", total=None, items=real), event="evt-903")
    assert (good.status_code, good.get_json()["held"]) == (202, [])


def test_an_unknown_address_says_little(deliver):
    for url in ("/hooks/nobody/netshop", "/hooks/kedai/nothing", "/hooks/kedai/aiaccount"):
        assert deliver(wire(), url=url).status_code == 404


def test_a_value_that_cannot_be_read_names_its_place_and_its_record_is_stored(deliver, database):
    before = count(database, "record")
    answer = deliver(wire(id=77, total="many"))
    assert answer.status_code == 202
    assert [one["where"] for one in answer.get_json()["held"]] == ["order.total"]
    assert count(database, "record") == before + 1


def test_only_the_record_without_an_id_is_refused(deliver, database):
    before = count(database, "record")
    good, bad = wire(id=78)["order"], wire(id=None)["order"]
    answer = deliver({"orders": [bad, good]})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "delivery.errors")
    assert [one["where"] for one in answer.get_json()["errors"]] == ["orders[0].id"]
    assert count(database, "record") == before + 1


def test_what_was_refused_stays_listed_behind_twenty_good_calls(deliver, visit, database):
    bad = wire(id=None, number="NS-LOST")
    for event in ("lost-1", "lost-2"):
        assert deliver(bad, event=event).status_code == 422
    for at in range(20):
        assert (
            deliver(wire(id=800 + at, number=f"NS-{800 + at}"), event=f"ok-{at}").status_code == 202
        )
    page = visit("olga").text("/c/kedai/connections/netshop")
    assert "Refused in the last 30 days: 2 calls" in page
    assert "NS-LOST" in page
    assert "NS-LOST" in visit("olga").text("/c/kedai/find?q=ns-lost")
    assert "2 calls of NetShop" in visit("olga").text("/c/kedai/")


def test_an_unknown_status_word_is_taken_and_left_to_the_rules(deliver):
    assert deliver(wire(number="SO-901", status="Teleported"), event="evt-9").status_code == 202


def test_a_locked_database_is_told_in_words_and_when_to_come_again(
    app, deliver, database, monkeypatch
):
    monkeypatch.setattr("holding.db.database.BUSY_SECONDS", 0)
    database.close()  # connections made from now on do not wait
    before = count(database, "delivery")
    with closing(sqlite3.connect(database.engine.url.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = deliver(wire(number="SO-905"), event="evt-905")
        page = app.test_client().get("/signin")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert answer.get_json()["title"] == "Clearpost is busy."
    assert "locked" not in answer.get_data(as_text=True)
    assert page.status_code == 200
    assert count(database, "delivery") == before
    assert deliver(wire(number="SO-905"), event="evt-905").status_code == 202


def versions(database, number):
    with database.read() as session:
        found = session.execute(
            text(
                "SELECT v.no FROM version v JOIN record r ON r.id = v.record_id "
                "WHERE r.number = :number ORDER BY v.no"
            ),
            {"number": number},
        )
        return found.scalars().all()


def test_T31_a_captured_call_under_another_event_id_brings_no_old_state_back(
    deliver, app, database
):
    """Without a change stamp nothing else would tell the old state from a new one."""
    paid, cancelled = (
        wire(number="SO-931", status=status, updated_at=None) for status in ("paid", "cancelled")
    )
    captured = deliver(paid, event="evt-931").request
    assert deliver(cancelled, event="evt-932").status_code == 202
    assert versions(database, "SO-931") == [1, 2]
    headers = {k: v for k, v in captured.headers.items() if k.startswith("X-Ns16")}
    raw = json.dumps(paid).encode()
    before = count(database, "delivery")
    for event in ("evt-933", "evt-932", "evt-9", "evt-931x"):
        again = app.test_client().post(URL, data=raw, headers=headers | {"X-Ns16-Event-Id": event})
        assert (again.status_code, again.get_json()["code"]) == (401, "bad_signature")
    assert (versions(database, "SO-931"), count(database, "delivery")) == ([1, 2], before)
    repeated = app.test_client().post(URL, data=raw, headers=headers)
    assert (repeated.status_code, repeated.get_json()["times"]) == (200, 2)
    assert versions(database, "SO-931") == [1, 2]


def test_T31_who_signs_without_the_event_id_is_told_what_to_sign(deliver, app, clock, database):
    raw, stamp = json.dumps(wire(number="SO-941")).encode(), str(int(clock.now().timestamp()))
    digest = hmac.new(HOOK_SECRET.encode(), stamp.encode() + b"." + raw, hashlib.sha256)
    headers = {
        "X-NS16-Timestamp": stamp,
        "X-NS16-Signature": f"sha256={digest.hexdigest()}",
        "X-NS16-Event-Id": "evt-941",
    }
    before = count(database, "delivery")
    answer = app.test_client().post(URL, data=raw, headers=headers)
    told = answer.get_json()
    assert (answer.status_code, told["code"]) == (401, "event_id_not_signed")
    assert told["what"] == "The signature does not cover the event id, so nothing was taken."
    assert told["todo"] == (
        "Sign timestamp + '.' + event id + '.' + the raw body with the secret of this connection."
    )
    assert count(database, "delivery") == before
    assert deliver(wire(number="SO-941"), event="evt-941").status_code == 202


class BodyAlone(NetShop):
    """A shop of a foreign scheme: it signs the body alone, so its id is not proved."""

    def accept(self, headers, raw, secrets, now, zone):
        lower = {name.lower(): value for name, value in headers.items()}
        given = lower["x-wc-webhook-signature"]
        if given not in [body_signature(raw, secret) for secret in secrets]:
            return SourceRefusal(401, "bad_signature", "The signature does not match.")
        read = self.read("hook.json", raw, zone)
        assert isinstance(read, Accepted)
        return replace(read, delivery_id=lower["x-wc-webhook-delivery-id"], signature=given)


def body_signature(raw, secret=HOOK_SECRET):
    return base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()


def test_T31_where_the_body_alone_is_signed_an_equal_signature_makes_no_version(
    app, database, monkeypatch
):
    monkeypatch.setattr(registry, "sources", lambda: {"netshop": BodyAlone()})

    def send(order, event):
        raw = json.dumps(order).encode()
        told = {
            "X-WC-Webhook-Signature": body_signature(raw),
            "X-WC-Webhook-Delivery-Id": event,
        }
        return app.test_client().post(URL, data=raw, headers=told)

    paid, cancelled = (
        wire(number="SO-951", status=status, updated_at=None) for status in ("paid", "cancelled")
    )
    first = send(paid, "d-1")
    assert (first.status_code, send(cancelled, "d-2").status_code) == (202, 202)
    for times, event in enumerate(("d-3", "d-2", "d-1", "d-4"), 2):
        again = send(paid, event)
        assert (again.status_code, again.get_json()["times"]) == (200, times)
        assert again.get_json()["receipt"]["delivery"] == first.get_json()["receipt"]["delivery"]
    assert versions(database, "SO-951") == [1, 2]
    assert send(wire(number="SO-951", status="paid", version=3), "d-3").status_code == 202
    assert versions(database, "SO-951") == [1, 2, 3]


def test_a_flood_of_strangers_writes_no_more_than_its_first(deliver, database, statements):
    """Who does not prove who they are gets an answer each time; what is noted of them is bounded,
    so that they keep no worker from writing. Who does prove it is not hindered by them.
    """
    told = [deliver(wire(), event=f"evt-{n}", secret="wrong") for n in range(90)]
    assert {one.status_code for one in told} == {401}
    writes = [one for one in statements if one.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert 0 < len(writes) <= 60 * 2 + 2
    with database.read() as session:
        assert session.execute(text("SELECT sum(times) FROM hook_call")).scalar() == 60
    assert deliver(wire(), event="evt-good").status_code == 202
