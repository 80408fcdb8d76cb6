"""WooCommerce's webhook: who is let in, and what an order becomes."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.contract import Accepted, SourceRefusal
from connectors.contract.pulls import Withdrawn
from connectors.kit import delivery_limits
from connectors.registry import read_file, sources
from tests.connectors.woocommerce import NOW, SECRET, accept, body, order, sample, signed
from tests.support.zones import SHOP_ZONE

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "payloads" / "woocommerce"
CONSUMER = f"{SECRET}:ck_1:cs_1"


def let_in(headers, raw, *secrets):
    return sources()["woocommerce"].accept(headers, raw, secrets, NOW, SHOP_ZONE)


def test_a_signed_delivery_is_known_by_its_signature():
    raw = json.dumps(order()).encode()
    for headers in (signed(raw), {n.lower(): v for n, v in signed(raw).items()}):
        answer = let_in(headers, raw, SECRET)
        assert isinstance(answer, Accepted)
        assert answer.delivery_id == answer.signature == signed(raw)["X-WC-Webhook-Signature"]
        assert (answer.errors, answer.withdrawn, answer.ping) == ((), (), False)
    others = {"X_WC_Webhook_Delivery_ID": "another", "X_WC_Webhook_Topic": "order.deleted"}
    assert let_in(signed(raw, **others), raw, SECRET) == answer  # nobody signed these


def test_the_key_may_say_how_to_ask_and_two_may_be_live():
    raw = json.dumps(order()).encode()
    for secrets in ((CONSUMER,), ("new:ck_2:cs_2", CONSUMER), ("new", SECRET)):
        assert isinstance(let_in(signed(raw), raw, *secrets), Accepted)
    colons = "a:b:c"
    assert isinstance(let_in(signed(raw, colons), raw, f"{colons}:ck_1:cs_1"), Accepted)
    assert isinstance(let_in(signed(raw, colons), raw, colons), Accepted)
    assert let_in(signed(raw, CONSUMER), raw, CONSUMER).status == 401


def test_forgeries():
    raw = json.dumps(order()).encode()
    good = signed(raw)
    name = "X-WC-Webhook-Signature"
    given = good[name]
    forged = [
        let_in(good, raw + b" ", SECRET),
        let_in(good, raw.replace(b"113.11", b"913.11"), SECRET),
        let_in(good, b"", SECRET),
        let_in(good, raw),
        let_in(good, raw, "other", ""),
        let_in(signed(raw, ""), raw, "", SECRET),
        *(let_in({**good, name: word}, raw, SECRET)
          for word in ("", given.lower(), given[:-2], "é" * 44, "A" + given[1:])),
    ]  # fmt: skip
    assert {(one.status, bool(one.hint)) for one in forged} == {(401, True)}


def test_the_ping_is_unsigned_and_says_nothing():
    answer = let_in({"Content-Type": "application/x-www-form-urlencoded"}, b"webhook_id=12", SECRET)
    assert isinstance(answer, Accepted)
    assert (answer.ping, answer.delivery_id, answer.records) == (True, "ping", ())
    for raw in (b"webhook_id=12&x=1", b"webhook_id=", b"webhook_id=" + b"1" * 64, b"webhook_id=x"):
        assert let_in({}, raw, SECRET).status == 401
    forged = let_in({"X-WC-Webhook-Signature": "A" * 44}, b"webhook_id=12", SECRET)
    assert (forged.status, forged.code) == (401, "bad_signature"), "what is signed is no ping"


def test_an_order_in_its_canonical_form():
    answer = accept(order())
    first, *refunds = answer.records
    assert (first.kind, first.external_id, first.number) == ("order", "4750", "4750")
    assert first.stamp == "2026-11-19T06:05:00Z"
    lines = first.body.pop("lines")
    assert first.body == {
        "number": "4750",
        "status": "processing",
        "order_id": "4750",
        "ordered_on": "2026-11-19",
        "paid_at": "2026-11-19T06:04:00Z",
        "updated_at": "2026-11-19T06:05:00Z",
        "channel": "fpx",
        "currency": "MYR",
        "customer": "26",
        "customer_name": "Aisyah Rahman",
        "email": "a@example.com",
        "phone": "0123456789",
        "address": "1 Jalan A, Taman B, 30000 Ipoh, PRK, MY",
        "subtotal": "103.10",
        "tax_total": "10.01",
        "total": "113.11",
        "discount_total": "9.90",
        "refunded_total": "11.50",
    }
    assert lines[0] == {
        "pos": 1,
        "line_id": "315",
        "part": "goods",
        "sku": "TEE-BLK-M",
        "variant_id": "94",
        "name": "Tee, black, M",
        "qty": "2",
        "price": "49.50",
        "discount": "9.90",
        "amount": "89.10",
        "tax": "MY-SST-1",
        "tax_amount": "8.91",
    }
    told = [(one["pos"], one["part"], one["sku"], one["amount"], one["tax"]) for one in lines[1:]]
    assert told == [
        (2, "goods", "RICE-1", "3.00", "none zero-rate"),
        (3, "shipping", "SHIPPING", "8.00", "MY-SST-1"),
        (4, "fee", "FEE", "3.00", "MY-SST-1"),
    ]
    assert lines[1]["variant_id"] == "95"
    assert [line["name"] for line in lines[2:]] == ["Post", "Gift wrapping"]
    assert [one.body for one in refunds] == [
        {
            "number": f"R-{key}",
            "status": "refunded",
            "order_id": "4750",
            "order_number": "4750",
            "currency": "MYR",
            "customer": "26",
            "customer_name": "Aisyah Rahman",
            "restock": "unknown",
            **reason,
            "total": total,
        }
        for key, reason, total in ((7001, {"reason": "Broken"}, "11.00"), (7002, {}, "0.50"))
    ]
    assert {(one.kind, one.stamp) for one in refunds} == {("refund", first.stamp)}


def test_lines_add_up_to_the_total():
    found = body(order())
    amounts = sum(Decimal(one["amount"]) for one in found["lines"])
    taxes = sum(Decimal(one["tax_amount"]) for one in found["lines"])
    assert (str(amounts), str(taxes)) == (found["subtotal"], found["tax_total"])
    for one in found["lines"]:
        made = Decimal(one["qty"]) * Decimal(one["price"]) - Decimal(one["discount"])
        assert made == Decimal(one["amount"])


def test_a_third_of_a_total_comes_to_the_amount_again():
    line = {**sample()["line_items"][0], "quantity": 3, "subtotal": "100.00", "total": "100.00"}
    (found, *_) = body(order(line_items=[line]))["lines"]
    assert found["price"] == "33.33333333"
    assert round(Decimal(found["price"]) * 3, 2) == Decimal(found["amount"])


@pytest.mark.parametrize(
    ("changed", "field", "told"),
    [
        ({"date_created_gmt": "2026-11-18T15:59:59"}, "ordered_on", "2026-11-18"),
        ({"date_created_gmt": "2026-11-18T16:00:00"}, "ordered_on", "2026-11-19"),
        ({"date_created_gmt": "2026-11-18T16:00:00Z"}, "ordered_on", "2026-11-19"),
        ({"date_paid_gmt": None}, "paid_at", None),
        ({"date_paid_gmt": ""}, "paid_at", None),
        ({"customer_id": 0}, "customer", "guest"),
        ({"status": "wc-packed"}, "status", "wc-packed"),
        ({"total": 113.11}, "total", "113.11"),
        ({"total": "113.1100"}, "total", "113.11"),
        ({"number": "A-4750"}, "number", "A-4750"),
        ({"refunds": []}, "refunded_total", "0.00"),
        ({"billing": {"company": "Kafe 陈", "first_name": "x"}}, "customer_name", "Kafe 陈"),
        ({"billing": {"company": ""}}, "customer_name", None),
        ({"billing": None}, "address", None),
    ],
)
def test_one_field_at_a_time(changed, field, told):
    assert body(order(**changed)).get(field) == told


def test_a_tax_that_no_rate_names_and_two_on_one_line():
    line = sample()["line_items"][0]
    two = [{"id": 76, "total": "1.00"}, {"id": 75, "total": "8.91"}, {"id": 77, "total": ""}]
    assert body(order(line_items=[{**line, "taxes": two}]))["lines"][0]["tax"] == "MY-SST-1+rate 76"


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"total": "12,50"}, "order.total"),
        ({"total": None, "total_tax": "x"}, "order.total_tax"),
        ({"number": ""}, "order.number"),
        ({"status": None}, "order.status"),
        ({"id": None}, "order.id"),
        ({"date_modified_gmt": "yesterday"}, "order.date_modified_gmt"),
        ({"date_created_gmt": "2026-13-01T00:00:00"}, "order.date_created_gmt"),
        ({"line_items": "none"}, "order.line_items"),
        ({"line_items": ["none"]}, "order.line_items"),
        ({"fee_lines": {}}, "order.fee_lines"),
        ({"shipping_lines": {}}, "order.shipping_lines"),
        ({"tax_lines": {}}, "order.tax_lines"),
        ({"refunds": {}}, "order.refunds"),
        ({"refunds": [{"id": 1, "total": "x"}]}, "order.refunds"),
        ({"refunds": [{"id": None, "total": "-1.00"}]}, "order.refunds[0].id"),
        ({"line_items": [{"quantity": "two", "total": "1.00"}]}, "order.line_items[0].quantity"),
        ({"line_items": [{"quantity": 1, "total": "1e400"}]}, "order.line_items[0].total"),
        ({"line_items": [{"quantity": 0, "total": "1.00", "subtotal": []}]},
         "order.line_items[0].subtotal"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_where(changed, where):
    answer = accept(order(**changed))
    if isinstance(answer, SourceRefusal):
        assert answer.status in (400, 422)
        return
    assert answer.records == ()
    assert where in {error.where for error in answer.errors}
    assert all(error.message and error.hint for error in answer.errors)


def test_a_deleted_order_is_told_by_its_id_alone():
    answer = accept(sample("deleted"))
    assert answer.withdrawn == (Withdrawn(kind="order", external_id="4750", status="trash"),)
    assert answer.records == ()
    assert accept({"id": True}).status == 422
    assert accept({"id": "4750"}).status == 422


@pytest.mark.parametrize("topic", ["customer.deleted", "product.deleted"])
def test_a_customer_that_was_deleted_takes_no_order_of_its_id_away(topic):
    """Its body is an id alone, too, and nobody signs the topic: it can only keep something out."""
    raw = json.dumps(sample("deleted")).encode()
    answer = let_in(signed(raw, X_WC_Webhook_Topic=topic), raw, SECRET)
    assert (answer.status, answer.code) == (422, "no_order")
    assert topic in answer.message
    for told in ("order.deleted", "order.updated", ""):
        assert let_in(signed(raw, X_WC_Webhook_Topic=told), raw, SECRET).withdrawn


@pytest.mark.parametrize("name", ["coupon", "product", "customer"])
def test_other_things_of_a_shop_are_refused_by_name(name):
    answer = accept(sample(name))
    assert (answer.status, answer.code) == (422, "no_order")
    assert answer.message == f"The delivery holds a {name}, and no order."
    assert "Order created" in answer.hint


@pytest.mark.slow
def test_huge_but_valid():
    line = sample()["line_items"][1]
    many = [{**line, "id": at} for at in range(delivery_limits.LINES)]
    assert len(body(order(line_items=many))["lines"]) == delivery_limits.LINES + 2
    assert accept(order(line_items=[*many, line])).errors[0].where == "order.line_items"


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"1", b'{"id":', b"\xff", b'{"id":1,"id":2}'])
def test_what_is_no_order_is_refused(raw):
    answer = accept(raw)
    assert 400 <= answer.status < 500
    assert answer.hint


def test_a_file_holds_one_order_or_many():
    raw = json.dumps([order(), order(id=4751, number="4751", refunds=[])]).encode()
    answer = read_file("may.woocommerce.json", raw, SHOP_ZONE)
    assert [(one.kind, one.number) for one in answer.records if one.kind == "order"] == [
        ("order", "4750"),
        ("order", "4751"),
    ]
    bad = json.dumps([order(), order(total="x")]).encode()
    told = read_file("may.woocommerce.json", bad, SHOP_ZONE)
    assert {error.where for error in told.errors} >= {"orders[1].total"}
    assert read_file("one.woocommerce.json", b'{"id": 4750}', SHOP_ZONE).status == 422


@pytest.mark.skipif(not SHARED.is_dir(), reason="NO SHARED PAYLOADS: 4 samples were not read")
def test_each_shared_sample_is_a_record_or_a_clear_refusal():
    found = {}
    for path in sorted(SHARED.glob("*.json")):
        answer = accept(path.read_bytes())
        refused = isinstance(answer, SourceRefusal)
        found[path.stem] = answer.message if refused else [one.number for one in answer.records]
        assert refused or answer.errors == ()
    assert found == {
        "order": ["17"],
        **{
            n: f"The delivery holds a {n}, and no order." for n in ("coupon", "customer", "product")
        },
    }
