"""The month in every target: what is sent, the list beside it, and a ledger that is not like it."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.contract import Accepted, IncomingRecord
from connectors.sources.woocommerce.connector import WooCommerce
from sandbox.demo.generator import generate_month
from sandbox.demo.shop import Order
from sandbox.demo.targets.plan import Plan, Wanted, compare_ledger, plan, web_order
from tests.support.zones import SHOP_ZONE

TODAY = date(2026, 11, 20)
KINDS = {
    "aiaccount": {"sales_invoice", "sales_receipt", "expense_bill", "expense_payment"},
    "autocount": {"invoice", "credit_note"},
    "autocount_excel": {
        *("sales_order", "delivery_order", "goods_received_note"),
        *("ar_payment", "ap_invoice", "ap_payment"),
    },
    "quickbooks": {"invoice"},
}


@pytest.fixture(scope="module")
def whole() -> Plan:
    return plan(generate_month(TODAY), TODAY, 1000)


def test_most_orders_of_the_month_go_everywhere(whole: Plan) -> None:
    assert len(whole.orders) > 350
    assert len({order.day for order in whole.orders}) == 27
    assert len(whole.web) > 0.9 * len(whole.orders)
    assert len(whole.settlements) == 32
    found = Counter((one.target, one.type) for one in whole.wanted)
    assert {t: {k for target, k in found if target == t} for t in KINDS} == KINDS
    assert len({(one.target, one.type, one.number) for one in whole.wanted}) == len(whole.wanted)


def test_a_few_orders_are_of_all_days_alike_and_of_all_kinds() -> None:
    few = plan(generate_month(TODAY), TODAY, 12)
    assert len(few.orders) == 12
    assert len({order.day for order in few.orders}) > 9
    assert {(one.target, one.type) for one in few.wanted} == {
        (target, kind) for target, kinds in KINDS.items() for kind in kinds
    }


def test_woocommerce_reads_each_order_as_it_was_meant(whole: Plan) -> None:
    for order in whole.web[::10]:
        [record] = _read(order)
        body = record.body
        assert (body["total"], body["tax_total"]) == (str(order.total), str(order.tax_total))
        assert body["ordered_on"] == str(order.day)
        told = body["lines"]
        assert isinstance(told, list)
        lines = [(line["sku"], line["amount"], line["tax"]) for line in told]
        taxes = {True: "MY-SST-1", False: "none"}
        assert lines == [
            (one.sku, str(one.amount), taxes[bool(one.tax_due)]) for one in order.lines
        ]


def test_what_a_ledger_lacks_has_twice_or_otherwise_is_told(whole: Plan, tmp_path: Path) -> None:
    wanted = [one for one in whole.wanted if one.target == "quickbooks"]
    right = {"lost": 0, "doubled": 0, "strange": 0, "days alike": True}
    assert _compared(whole, tmp_path, wanted) == right
    assert _compared(whole, tmp_path, wanted[1:]) == {**right, "lost": 1, "days alike": False}
    twice = _compared(whole, tmp_path, [*wanted, wanted[0]])
    assert twice == {**right, "doubled": 1, "days alike": False}
    other = Wanted("quickbooks", "invoice", "WC-1", TODAY, Decimal("1.00"))
    more = _compared(whole, tmp_path, [*wanted, other])
    assert more == {**right, "strange": 1, "days alike": False}
    first = wanted[0]
    moved = Wanted(first.target, first.type, first.number, TODAY, first.total)
    assert _compared(whole, tmp_path, [moved, *wanted[1:]]) == {**right, "days alike": False}


def _read(order: Order) -> Sequence[IncomingRecord]:
    answer = WooCommerce().read("a.json", json.dumps(web_order(order)).encode(), SHOP_ZONE)
    assert isinstance(answer, Accepted)
    assert answer.errors == ()
    return answer.records


def _compared(whole: Plan, folder: Path, made: Sequence[Wanted]) -> dict[str, object]:
    """What is said of a ledger of QuickBooks with these documents."""
    lines = [
        {
            "effect": "created",
            "type": one.type,
            "number": one.number,
            "total": str(one.total),
            "stands": json.dumps({"TxnDate": str(one.day)}),
        }
        for one in made
    ]
    file = folder / "ledger"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    told = compare_ledger(whole, "quickbooks", file)
    return {name: told[name] for name in ("lost", "doubled", "strange", "days alike")}
