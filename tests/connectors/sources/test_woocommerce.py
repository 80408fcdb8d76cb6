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
        assert (answer.problems, answer.withdrawn, answer.ping) == ((), (), False)
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
        "gift_card_paid": "0.00",
        "refund_ids": "7001, 7002",
        "refunded_total": "11.50",
        "prices_include_tax": False,
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
        "tax_rate": "0.1",
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
            "refunded_on": "2026-11-19",
            "currency": "MYR",
            "customer": "26",
            "customer_name": "Aisyah Rahman",
            "restock": "unknown",
            "lines_known": False,
            **reason,
            "total": total,
            "lines": [
                {
                    "pos": 1,
                    "part": "adjustment",
                    "sku": "ADJUSTMENT",
                    "name": name,
                    "qty": "1",
                    "price": total,
                    "discount": "0.00",
                    "amount": total,
                    "tax": "none",
                    "tax_amount": "0.00",
                }
            ],
        }
        for key, reason, name, total in (
            (7001, {"reason": "Broken"}, "Broken", "11.00"),
            (7002, {}, "Refund of an amount", "0.50"),
        )
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
    assert where in {error.where for error in answer.problems}
    assert all(error.message and error.hint for error in answer.problems)


def test_a_deleted_order_is_told_by_its_id_alone():
    answer = accept(sample("deleted"))
    assert answer.withdrawn == (Withdrawn(kind="order", external_id="4750", status="trash"),)
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
    lines = body(order(line_items=many))["lines"]
    assert len(lines) == delivery_limits.LINES + 3, "shipping, a fee, and what the total lacks"
    assert accept(order(line_items=[*many, line])).problems[0].where == "order.line_items"


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
    assert {error.where for error in told.problems} >= {"orders[1].total"}
    assert read_file("one.woocommerce.json", b'{"id": 4750}', SHOP_ZONE).status == 422


@pytest.mark.skipif(not SHARED.is_dir(), reason="NO SHARED PAYLOADS: 4 samples were not read")
def test_each_shared_sample_is_a_record_or_a_clear_refusal():
    found = {}
    for path in sorted(SHARED.glob("*.json")):
        answer = accept(path.read_bytes())
        refused = isinstance(answer, SourceRefusal)
        found[path.stem] = answer.message if refused else [one.number for one in answer.records]
        assert refused or answer.problems == ()
    assert found == {
        "order": ["17"],
        **{
            n: f"The delivery holds a {n}, and no order." for n in ("coupon", "customer", "product")
        },
    }


@pytest.mark.parametrize(
    ("bad", "where"),
    [({"id": 7002, "total": "x"}, "total"), ({"id": None, "total": "-1.00"}, "id")],
)
def test_a_refund_that_cannot_be_read_holds_itself_alone(bad, where):
    refunds = [bad, {"id": 7001, "reason": "", "total": "-11.00"}]
    answer = accept(order(status="cancelled", refunds=refunds))
    held = ["R-7002"] if bad["id"] else []
    assert [one.number for one in answer.records] == ["4750", *held, "R-7001"]
    assert [one.number for one in answer.records if one.faults] == held
    assert {error.where for error in answer.problems} >= {f"order.refunds[0].{where}"}


def line(**changed):
    """Return a line of goods without tax, with other values."""
    amounts = {"subtotal": "10.00", "total": "10.00", "total_tax": "0.00"}
    told = {"id": 1, "name": "Mug", "product_id": 88, "variation_id": 0, "quantity": 1, "sku": "M"}
    return {**told, **amounts, "taxes": [], **changed}


def plain(*lines, **changed):
    """Return an order of these lines alone."""
    given = {"line_items": list(lines), "shipping_lines": [], "fee_lines": [], "refunds": []}
    return order(**{**given, "total_tax": "0.00", "total": "10.00", **changed})


def test_entities_are_decoded_once_in_every_text():
    billing = {"company": "O&#039;Neil &amp; Sons", "address_1": "Lot&nbsp;1"}
    found = body(plain(line(name="Tea &#8211; Black &amp;amp; White"), billing=billing))
    assert found["lines"][0]["name"] == "Tea \u2013 Black &amp; White"
    assert (found["customer_name"], found["address"]) == ("O'Neil & Sons", "Lot\u00a01")
    for text in ("R&D &copy me", "a=1&amp=2", "Fish & chips; peas", "Fuse &ampere; 5"):
        assert body(plain(line(name=text)))["lines"][0]["name"] == text


def test_a_deleted_product_has_no_variant_and_no_sku():
    (found,) = body(plain(line(product_id=0, sku=None)))["lines"]
    assert (found.get("sku"), found.get("variant_id"), found["name"]) == (None, None, "Mug")
    (found,) = body(plain(line(sku="")))["lines"]
    assert (found.get("sku"), found["variant_id"]) == (None, "88")


def test_a_line_of_no_pieces_is_none_unless_it_costs_something():
    gone = line(id=2, quantity=0, subtotal="0.00", total="0.00")
    assert len(body(plain(line(), gone))["lines"]) == 1
    costs = {**gone, "total": "1.00", "subtotal": "1.00"}
    assert len(body(plain(line(), costs, total="11.00"))["lines"]) == 2
    free = line(id=3, subtotal="0.00", total="0.00")
    assert len(body(plain(line(), free))["lines"]) == 2


def test_a_gift_card_is_a_payment():
    cards = [{"id": 1, "code": "X", "amount": "6.00"}, {"id": 2, "code": "Y", "amount": 1.5}]
    found = body(plain(line(), total="2.50", gift_cards=cards))
    told = (found["total"], found["subtotal"], found["gift_card_paid"])
    assert told == ("10.00", "10.00", "7.50")
    found = body(plain(line(), total="10.00", gift_cards=cards))  # it did not lower the total
    assert (found["total"], found["gift_card_paid"]) == ("10.00", "7.50")


@pytest.mark.parametrize(
    ("total", "rounding"),
    [("20.00", None), ("20.01", "0.01"), ("19.98", "-0.02"), ("20.03", None), ("19.97", None)],
)
def test_rounding_of_a_sen_a_line_is_a_line(total, rounding):
    lines = [line(), line(id=2)]
    found = [one for one in body(plain(*lines, total=total))["lines"] if one["part"] == "rounding"]
    assert [one["amount"] for one in found] == ([rounding] if rounding else [])
    assert [(one["pos"], one["sku"]) for one in found] == ([(3, "ROUNDING")] if rounding else [])


@pytest.mark.parametrize(
    ("status", "paid", "refunds", "told"),
    [
        ("cancelled", "2026-11-19T06:04:00", (), "cancelled, money kept"),
        ("cancelled", "2026-11-19T06:04:00", ("-4.00",), "cancelled, money kept"),
        ("cancelled", "2026-11-19T06:04:00", ("-4.00", "-6.00"), "cancelled"),
        ("cancelled", "2026-11-19T06:04:00", ("-4.00", "abc"), "cancelled, money kept"),
        ("cancelled", None, (), "cancelled"),
        ("cancelled", None, ("abc",), "cancelled"),
        ("processing", "2026-11-19T06:04:00", (), "processing"),
    ],
)
def test_a_cancelled_order_whose_money_stayed_says_so(status, paid, refunds, told):
    given = [{"id": at, "total": total} for at, total in enumerate(refunds, 1)]
    found = accept(plain(line(), status=status, date_paid_gmt=paid, refunds=given)).records[0]
    assert found.body["status"] == told


def test_a_paid_cancelled_order_of_an_unknown_total_may_have_kept_money():
    paid = {"status": "cancelled", "date_paid_gmt": "2026-11-19T06:04:00"}
    found = accept(plain(line(), total="abc", **paid)).records[0]
    assert found.body["status"] == "cancelled, money kept"


def refund(**changed):
    """Return a refund as `GET /orders/ID/refunds` lists it."""
    given = {"id": 7001, "date_created_gmt": "2026-11-21T17:00:00", "reason": "", "line_items": []}
    return {**given, "shipping_lines": [], "fee_lines": [], **changed}


def refunded(given, **changed):
    """Return the canonical refund of an order."""
    answer = accept(order(refunds=[given], **changed))
    assert answer.errors == ()
    return answer.records[1].body


def back(**changed):
    """Return a line of goods as a refund lists it."""
    meta = [{"id": 5, "key": "_refunded_item_id", "value": "315"}]
    amounts = {"quantity": -1, "subtotal": "-44.55", "total": "-44.55", "total_tax": "-4.46"}
    taxes = [{"id": 75, "total": "-4.46", "subtotal": ""}]
    told = {"id": 900, "name": "Tee", "product_id": 93, "variation_id": 94, "sku": "TEE-BLK-M"}
    return {**told, **amounts, "taxes": taxes, "meta_data": meta, **changed}


def test_a_listed_refund_has_its_lines_and_its_day():
    shipping = {"id": 901, "method_title": "Post", "total": "-8.00", "total_tax": "-0.80"}
    taxed = {**shipping, "taxes": [{"id": 75, "total": "-0.80"}]}
    found = refunded(refund(amount="57.81", line_items=[back()], shipping_lines=[taxed]))
    assert (found["refunded_on"], found["lines_known"]) == ("2026-11-22", True)
    told = [
        tuple(one[name] for name in ("line_id", "part", "sku", "qty", "amount", "tax_amount"))
        for one in found["lines"]
    ]
    assert told == [
        ("315", "goods", "TEE-BLK-M", "1", "44.55", "4.46"),
        ("901", "shipping", "SHIPPING", "1", "8.00", "0.80"),
    ]
    assert {one["tax"] for one in found["lines"]} == {"MY-SST-1"}


def test_the_amount_of_a_refund_rules_and_the_rest_is_a_line():
    found = refunded(refund(amount="44.01", line_items=[back()]))  # RM 5.00 for handling were kept
    told = [(one["part"], one["amount"], one["tax_amount"]) for one in found["lines"]]
    assert told == [("goods", "44.55", "4.46"), ("adjustment", "-5.00", "0.00")]


def test_money_back_for_goods_that_stay_is_no_return_of_goods():
    stays = back(quantity=0, subtotal="-5.00", total="-5.00", total_tax="-0.50")
    (found,) = refunded(refund(amount="5.50", line_items=[stays]))["lines"]
    told = {name: found[name] for name in ("part", "sku", "qty", "amount", "tax", "tax_amount")}
    assert told == {
        "part": "adjustment",
        "sku": "ADJUSTMENT",
        "qty": "1",
        "amount": "5.00",
        "tax": "MY-SST-1",
        "tax_amount": "0.50",
    }


def test_a_listed_refund_without_lines_is_an_amount_that_is_known():
    found = refunded(refund(amount="10.00"))
    assert (found["lines_known"], [one["part"] for one in found["lines"]]) == (True, ["adjustment"])


def test_a_refund_of_everything_has_the_lines_of_its_order():
    found = refunded({"id": 7001, "reason": "", "total": "-113.11"})
    assert (found["lines_known"], len(found["lines"])) == (True, 4)
    sums = [sum(Decimal(one[n]) for one in found["lines"]) for n in ("amount", "tax_amount")]
    assert sums == [Decimal("103.10"), Decimal("10.01")]


def test_a_connection_that_asks_leaves_refunds_to_the_shops_list():
    raw = json.dumps(order()).encode()
    source = sources()["woocommerce"].bound({"base_url": "https://shop.example"}, "")
    answer = source.accept(signed(raw), raw, [CONSUMER], NOW, SHOP_ZONE)
    assert ([one.kind for one in answer.records], answer.changed) == (["order"], True)
    alone = source.accept(signed(raw), raw, [SECRET], NOW, SHOP_ZONE)
    assert ([one.kind for one in alone.records], alone.changed) == (
        ["order", *["refund"] * 2],
        False,
    )
    raw = json.dumps(order(refunds=[])).encode()
    assert source.accept(signed(raw), raw, [CONSUMER], NOW, SHOP_ZONE).changed is False
