"""NetShop's webhook: who is let in, and what an order becomes."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import Accepted, SourceRefusal
from connectors.kit.delivery import sign
from connectors.registry import read_file, sources
from sandbox.simulators.netshop.deliveries import delivery, sample_order, sample_settlement, signed
from tests.support.zones import SHOP_ZONE

NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
SECRET = "hush"


def accept(sent, *, secrets=(SECRET,), now=NOW, raw=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    given = {**sent.headers, **named}
    raw = sent.raw if raw is None else raw
    return sources()["netshop"].accept(given, raw, secrets, now, SHOP_ZONE)


def one(**changed):
    return delivery([sample_order(**changed)], event_id="evt_9001", secret=SECRET, now=NOW)


def test_the_signature_vectors():
    vector = "c744f8f5839de861360e154d34c57a333a6700dd3e4b60bbfd647f11be33ba1c"
    assert sign("hush", "1763600000", "evt_9001", b'{"id":1}') == f"sha256={vector}"
    empty = hmac.new(b"", b"1.e.", hashlib.sha256).hexdigest()
    assert sign("", "1", "e", b"") == f"sha256={empty}"


def test_a_signed_delivery_is_let_in_under_its_event_id():
    answer = accept(one())
    assert isinstance(answer, Accepted)
    assert answer.delivery_id == "evt_9001"
    assert answer.problems == ()


def test_header_names_in_any_case():
    sent = one()
    lower = {name.lower(): value for name, value in sent.headers.items()}
    upper = {name.upper(): value for name, value in sent.headers.items()}
    for headers in (lower, upper):
        source = sources()["netshop"]
        assert isinstance(source.accept(headers, sent.raw, [SECRET], NOW, SHOP_ZONE), Accepted)


def test_two_live_secrets_while_one_is_replaced():
    assert isinstance(accept(one(), secrets=["new", SECRET]), Accepted)
    assert accept(one(), secrets=["new"]).status == 401
    assert accept(one(), secrets=[]).status == 401
    unsigned = delivery([sample_order()], event_id="e", secret="", now=NOW)
    assert accept(unsigned, secrets=["", SECRET]).status == 401


def test_a_signature_that_leaves_the_event_id_out_says_how_to_sign():
    sent = one()
    stamp = next(v for name, v in sent.headers.items() if name.lower().endswith("timestamp"))
    over = hmac.new(SECRET.encode(), f"{stamp}.".encode() + sent.raw, hashlib.sha256).hexdigest()
    name = next(name for name in sent.headers if name.lower().endswith("signature"))
    answer = accept(sent, **{name.replace("-", "_"): f"sha256={over}"})
    assert (answer.status, answer.code) == (401, "event_id_not_signed")
    assert "timestamp + '.' + event id" in answer.hint
    answer = accept(sent, secrets=["new"], **{name.replace("-", "_"): f"sha256={over}"})
    assert (answer.status, answer.code) == (401, "bad_signature")


@pytest.mark.parametrize("minutes", [-5, 0, 5])
def test_inside_the_window(minutes):
    assert isinstance(accept(one(), now=NOW + timedelta(minutes=minutes)), Accepted)


@pytest.mark.parametrize("seconds", [-301, 301, 86_400, -86_400])
def test_outside_the_window(seconds):
    answer = accept(one(), now=NOW + timedelta(seconds=seconds))
    assert (answer.status, answer.code) == (401, "old_timestamp")


def test_forgeries():
    sent = one()
    same_value = json.dumps(json.loads(sent.raw), indent=1).encode()
    forged = [
        accept(sent, raw=sent.raw + b" "),
        accept(sent, raw=sent.raw[:-1]),
        accept(sent, raw=same_value),
        accept(sent, raw=b""),
        accept(sent, X_NS16_Timestamp=str(int(NOW.timestamp()) + 1)),
        accept(sent, X_NS16_Signature=""),
        accept(sent, X_NS16_Signature="sha256="),
        accept(sent, X_NS16_Signature=sent.headers["X-NS16-Signature"].upper()),
        accept(sent, X_NS16_Signature=sent.headers["X-NS16-Signature"][7:]),
        accept(sent, X_NS16_Signature="sha256=" + "é" * 64),
        accept(sent, X_NS16_Event_Id=""),
        accept(sent, X_NS16_Event_Id="evt_9002"),
        accept(sent, X_NS16_Event_Id="evt_900"),
    ]
    assert {(answer.status, isinstance(answer, SourceRefusal)) for answer in forged} == {
        (401, True)
    }


@pytest.mark.parametrize("bits", range(0, 64, 5))
def test_one_other_digit_in_the_signature(bits):
    sent = one()
    signature = sent.headers["X-NS16-Signature"]
    at = 7 + bits
    other = "0" if signature[at] != "0" else "1"
    assert accept(sent, X_NS16_Signature=signature[:at] + other + signature[at + 1 :]).status == 401


@pytest.mark.parametrize("timestamp", ["", "now", "-1", "1e9", "٣", "9" * 30, "999999999999"])
def test_a_timestamp_that_is_none_even_when_signed(timestamp):
    sent = one()
    signature = sign(SECRET, timestamp, "evt_9001", sent.raw)
    answer = accept(sent, X_NS16_Timestamp=timestamp, X_NS16_Signature=signature)
    assert answer.status == 401


def test_an_event_id_that_is_none():
    assert accept(one(), X_NS16_Event_Id="a b").status == 400
    assert accept(one(), X_NS16_Event_Id="x" * 129).status == 400


def test_an_order_in_its_canonical_form():
    (record,) = accept(one(delivered=True, created_by="Mei")).records
    assert (record.kind, record.external_id, record.number) == ("order", "10231", "NS-10231")
    assert record.stamp == "2026-11-19T06:03:12Z"
    lines = record.body["lines"]
    assert {**record.body, "lines": len(lines)} == {
        "number": "NS-10231",
        "status": "paid",
        "ordered_on": "2026-11-19",
        "paid_at": "2026-11-19T06:03:11Z",
        "updated_at": "2026-11-19T06:03:12Z",
        "channel": "FPX",
        "currency": "MYR",
        "customer": "C-88",
        "customer_name": "Aisyah Rahman",
        "tin": "IG24680135790",
        "address": "12 Jalan Ampang, 50450 Kuala Lumpur",
        "subtotal": "108.90",
        "tax_total": "9.90",
        "round_off": "0.00",
        "total": "118.80",
        "created_by": "Mei",
        "version": 1,
        "delivered": True,
        "lines": 2,
    }
    assert lines[0] == {
        "pos": 1,
        "sku": "TEE-BLK-M",
        "name": "Tee, black, M",
        "uom": "PCS",
        "qty": "2",
        "price": "49.50",
        "tax": "SST",
    }


def test_the_day_is_the_shops_own():
    (record,) = accept(one(ordered_at="2026-11-18T17:30:00Z")).records
    assert record.body["ordered_on"] == "2026-11-19"


@pytest.mark.parametrize(
    ("total", "told"),
    [
        ("49.5", "49.50"),
        (49.5, "49.50"),
        (49, "49.00"),
        ("0.0300", "0.03"),
        ("49.505", "49.505"),
        ("-0", "0.00"),
        ("-0.00", "0.00"),
        ("+3", "3.00"),
        ("-0.5", "-0.50"),
        ("1e2", "100.00"),
        (" 7 ", "7.00"),
    ],
)
def test_an_amount_has_one_text(total, told):
    (record,) = accept(one(total=total)).records
    assert record.body["total"] == told


def test_status_and_sku_stay_exactly_as_they_came():
    order = sample_order(status=" Refunded + Items Returned")
    order["items"][0]["sku"] = "tea-1 "
    (record,) = accept(delivery([order], event_id="e", secret=SECRET, now=NOW)).records
    assert record.body["status"] == " Refunded + Items Returned"
    assert record.body["lines"][0]["sku"] == "tea-1 "


def test_missing_null_and_blank_are_all_absent():
    bodies = []
    for channel in (None, ""):
        bodies.append(accept(one(channel=channel)).records[0].body)
    order = sample_order()
    del order["channel"]
    bodies.append(accept(delivery([order], event_id="e", secret=SECRET, now=NOW)).records[0].body)
    assert bodies[0] == bodies[1] == bodies[2]
    assert "channel" not in bodies[0]


def test_several_orders_at_once():
    orders = [sample_order(n) for n in range(1, 4)]
    answer = accept(delivery(orders, event_id="e", secret=SECRET, now=NOW))
    assert [record.external_id for record in answer.records] == ["1", "2", "3"]


def test_a_file_needs_no_signature_and_is_its_own_delivery():
    raw = one().raw
    answer = read_file("orders.JSON", raw, SHOP_ZONE)
    assert answer.delivery_id == "file-" + hashlib.sha256(raw).hexdigest()
    assert answer.records == accept(one()).records


def test_too_many_orders():
    raw = b'{"orders":[' + b",".join([b"{}"] * 5_001) + b"]}"
    assert accept(signed(raw, event_id="e", secret=SECRET, now=NOW)).code == "too_many"


def settled(**changed):
    sent = [sample_settlement(**changed)]
    return delivery(sent, kind="settlement", event_id="evt_88", secret=SECRET, now=NOW)


def test_a_settlement_in_its_canonical_form():
    told = {"paid_at": "2026-11-20T09:00:00+08:00", "updated_at": "2026-11-20T09:00:01+08:00"}
    (record,) = accept(settled(status="paid", **told)).records
    assert (record.kind, record.external_id, record.number) == ("settlement", "ST-88", "ST-88")
    assert record.stamp == "2026-11-20T01:00:01Z"
    assert record.body == {
        "number": "ST-88",
        "status": "paid",
        "blogger": "B-12",
        "period": "2026-11-10/2026-11-16",
        "settled_on": "2026-11-16",
        "paid_at": "2026-11-20T01:00:00Z",
        "updated_at": "2026-11-20T01:00:01Z",
        "currency": "MYR",
        "commission": "250.00",
    }


def test_a_settlement_needs_the_same_proof_and_comes_from_a_file_too():
    sent = settled()
    assert accept(sent, secrets=["new"]).status == 401
    assert accept(sent, raw=sent.raw.replace(b"250.00", b"950.00")).status == 401
    assert read_file("november.json", sent.raw, SHOP_ZONE).records == accept(sent).records


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"period": "November"}, "settlement.period"),
        ({"amount": "two"}, "settlement.amount"),
        ({"paid_at": "2026-11-20T09:00:00"}, "settlement.paid_at"),
        ({"id": None}, "settlement.id"),
    ],
)
def test_a_settlement_that_cannot_be_read_says_where(changed, where):
    answer = accept(settled(**changed))
    assert where in {error.where for error in answer.problems}


def test_both_kinds_may_come_together_and_a_bad_one_stops_no_other():
    given = {
        "orders": [sample_order(1), "nothing"],
        "settlements": [sample_settlement(), sample_settlement("ST-89")],
    }
    answer = accept(signed(json.dumps(given).encode(), event_id="e", secret=SECRET, now=NOW))
    kinds = [(record.kind, record.number) for record in answer.records]
    assert kinds == [("order", "NS-1"), ("settlement", "ST-88"), ("settlement", "ST-89")]
    assert [error.where for error in answer.problems] == ["orders[1]"]


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"kind":"settlement"}'])
def test_what_holds_neither_is_refused(body):
    assert accept(signed(body, event_id="e", secret=SECRET, now=NOW)).code == "no_order"
