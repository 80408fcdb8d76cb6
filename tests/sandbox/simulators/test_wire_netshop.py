"""The stand-in of the shop and its reader, each beside deliveries that neither of them wrote."""

import json
from datetime import UTC, datetime

import pytest

from connectors.registry import sources
from sandbox.simulators.netshop.deliveries import (
    delivery,
    sample_delivery,
    sample_order,
    sample_payout,
    sample_purchase,
    sample_settlement,
    signed,
)
from tests.connectors.recorded import recorded
from tests.support.zones import SHOP_ZONE

NOW = datetime.fromtimestamp(1763600000, UTC)
SAMPLES = {
    "order": sample_order(),
    "delivery": sample_delivery(),
    "purchase": sample_purchase(),
    "settlement": sample_settlement(),
    "payout": sample_payout(),
}
ORDER = {
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
    "version": 1,
    "lines": [
        {
            "pos": 1,
            "sku": "TEE-BLK-M",
            "name": "Tee, black, M",
            "uom": "PCS",
            "qty": "2",
            "price": "49.50",
            "tax": "SST",
        },
        {
            "pos": 2,
            "sku": "SHIP",
            "name": "Shipping",
            "uom": "PCS",
            "qty": "1",
            "price": "9.90",
            "tax": "NONE",
        },
    ],
}
SETTLEMENT = {
    "number": "ST-88",
    "status": "approved",
    "blogger": "B-12",
    "period": "2026-11-10/2026-11-16",
    "settled_on": "2026-11-16",
    "currency": "MYR",
    "commission": "250.00",
}
_OF_ORDER = {"order_id": "10231", "order_number": "NS-10231"}
PAYOUT = {
    "number": "PO-2026-47",
    "status": "paid",
    "deposited_on": "2026-11-20",
    "updated_at": "2026-11-20T01:30:00Z",
    "currency": "MYR",
    "bank_ref": "IBG-5512",
    "gross": "118.80",
    "refunds": "0.00",
    "fees": "3.56",
    "fee_tax": "0.28",
    "adjustments": "0.00",
    "net": "114.96",
    "deposit": "114.96",
    "lines": [
        {
            "pos": 1,
            "line_id": "PO-2026-47-1",
            "part": "sale",
            **_OF_ORDER,
            "name": "Order NS-10231",
            "amount": "118.80",
        },
        {
            "pos": 2,
            "line_id": "PO-2026-47-2",
            "part": "fee",
            **_OF_ORDER,
            "name": "Payment gateway",
            "amount": "-3.56",
        },
        {
            "pos": 3,
            "line_id": "PO-2026-47-3",
            "part": "fee_tax",
            **_OF_ORDER,
            "name": "Service tax",
            "amount": "-0.28",
        },
    ],
}
PAID = {
    "number": "PO-2026-47-1",
    "status": "paid",
    "payout": "PO-2026-47",
    **_OF_ORDER,
    "paid_on": "2026-11-20",
    "updated_at": "2026-11-20T01:30:00Z",
    "currency": "MYR",
    "amount": "118.80",
}
_APPROVED = {"created_by": "Mei", "approved_by": "Ravi", "company_code": "kedai"}
_PLACE = {"branch": "KL", "warehouse": "W1"}
_TEE = {"pos": 1, "sku": "TEE-BLK-M", "name": "Tee, black, M"}
DELIVERY = {
    "number": "DO-7001",
    "status": "delivered",
    "updated_at": "2026-11-20T02:15:01Z",
    "order_number": "NS-10231",
    "delivered_on": "2026-11-20",
    "customer": "C-88",
    "customer_name": "Aisyah Rahman",
    "tin": "IG24680135790",
    "registration": "202001234567",
    **_PLACE,
    **_APPROVED,
    "approved_version": 1,
    "version": 1,
    "lines": [{**_TEE, "uom": "PCS", "qty": "2", "order_line": 1}],
}
PURCHASE = {
    "number": "PR-301",
    "status": "approved",
    "updated_at": "2026-11-18T03:30:00Z",
    "ordered_on": "2026-11-18",
    "supplier": "S-40",
    "supplier_name": "Kilang Tekstil Sdn Bhd",
    "tin": "C20880050010",
    "registration": "198801005678",
    **_PLACE,
    **_APPROVED,
    "approved_version": 2,
    "version": 2,
    "tax_total": "0.00",
    "total": "4800.00",
    "lines": [{**_TEE, "uom": "CTN", "qty": "5", "price": "960.00", "tax": "NONE"}],
}
RECORDS = {
    "order": [("order", ORDER)],
    "delivery": [("delivery", DELIVERY)],
    "purchase": [("purchase", PURCHASE)],
    "settlement": [("settlement", SETTLEMENT)],
    "payout": [("payout", PAYOUT), ("order_payment", PAID)],
}


def read(headers, raw):
    return sources()["netshop"].accept(headers, raw, ["hush"], NOW, SHOP_ZONE)


@pytest.mark.parametrize("kind", RECORDS)
def test_T33b_the_shop_sends_what_was_recorded(kind):
    (call,) = recorded("netshop", kind)["deliver"]
    sent = delivery([SAMPLES[kind]], event_id="evt_9001", secret="hush", now=NOW, kind=kind)
    assert sent.raw.decode() == call.body
    assert sent.headers == call.headers


@pytest.mark.parametrize("kind", RECORDS)
def test_T33b_the_recorded_delivery_is_read(kind):
    (call,) = recorded("netshop", kind)["deliver"]
    answer = read(call.headers, call.content)
    assert answer.errors == ()
    assert [(one.kind, one.body) for one in answer.records] == RECORDS[kind]


@pytest.mark.parametrize("kind", RECORDS)
def test_T33c_a_word_that_only_one_side_has_is_found(kind):
    """Each word of the delivery under another name: what is read is another record, or none.

    Without positions the order of the lines counts, which is the same here.
    """
    (call,) = recorded("netshop", kind)["deliver"]
    survived = []
    for word in sorted(set(_words(json.loads(call.body)[kind]))):
        changed = call.body.replace(f'"{word}":', f'"{word}x":').encode()
        sent = signed(changed, event_id="evt_1", secret="hush", now=NOW)
        records = read(sent.headers, sent.raw).records
        if [(one.kind, one.body) for one in records] == RECORDS[kind]:
            survived.append(word)
    assert survived == (["pos"] if "items" in SAMPLES[kind] else [])


def _words(value):
    """The words that say something."""
    for inner in value if isinstance(value, list) else ():
        yield from _words(inner)
    for word, inner in value.items() if isinstance(value, dict) else ():
        if inner is not None:
            yield word
            yield from _words(inner)


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"kind": "discount"}, "payout.lines[0].kind"),
        ({"amount": None}, "payout.lines[0].amount"),
        ({"amount": "ten"}, "payout.lines[0].amount"),
        ({"id": ""}, "payout.lines[0]"),
    ],
)
def test_a_payout_with_a_line_that_says_nothing_known_is_held(changed, place):
    payout = sample_payout()
    payout["lines"][0] |= changed
    sent = delivery([payout], event_id="evt_1", secret="hush", now=NOW, kind="payout")
    answer = read(sent.headers, sent.raw)
    assert answer.errors == ()
    held = answer.records[0]
    assert held.kind == "payout"
    assert held.faults
    assert place in {error.where for error in held.errors}
