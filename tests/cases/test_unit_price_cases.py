"""Prices of a piece: what is posted has the shop's amounts, tax and total, with nothing on hold.

AiAccount and AutoCount multiply quantity by price and round amount and tax themselves.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.cases.company import CaseCompany, Plan, case_body
from tests.cases.conftest import Make
from tests.cases.shop_payloads import (
    money,
    refunded_line,
    rounded,
    shopify_line,
    shopify_order,
    shopify_refund,
)
from tests.cases.test_upload_cases import upload, written

pytestmark = pytest.mark.sqlite
RATE = Decimal("0.1")
PIECE, BOX = "CUP", "CUP-DOZEN"
"""A box is twelve pieces."""


class Sold(NamedTuple):
    """A line of an order: price of a unit, quantity, discount on the line, item."""

    price: str
    qty: int = 1
    off: str = "0.00"
    sku: str = PIECE

    @property
    def amount(self) -> Decimal:
        """What the line comes to in the shop's prices."""
        return Decimal(self.price) * self.qty - Decimal(self.off)


class Money(NamedTuple):
    """Tax and total of a document."""

    tax: Decimal
    total: Decimal


def tax_in(amount: Decimal, *, inside: bool) -> Decimal:
    """Return the tax of a line as shops round it."""
    return rounded(amount * RATE / (1 + RATE) if inside else amount * RATE)


def due(lines: Sequence[Sold], *, inside: bool) -> Money:
    """Return what the shop charged."""
    tax = sum((tax_in(line.amount, inside=inside) for line in lines), Decimal(0))
    total = sum((line.amount for line in lines), Decimal(0))
    return Money(tax, total if inside else total + tax)


# ---- the shops ---------------------------------------------------------------------------------


def woocommerce(number: int, lines: Sequence[Sold], *, inside: bool) -> dict[str, Any]:
    """Return an order of WooCommerce, whose amounts are always without tax."""
    order = case_body("29-woo-guest", "1-order.json")
    first, items = order["line_items"][0], []
    for at, line in enumerate(lines, 1):
        tax = tax_in(line.amount, inside=inside)
        before = Decimal(line.price) * line.qty
        before -= tax_in(before, inside=True) if inside else 0
        amounts = {"subtotal": str(before), "total": str(line.amount - (tax if inside else 0))}
        taxes = [{"id": 75, "total": str(tax), "subtotal": str(tax)}]
        item = {"id": at, "sku": line.sku, "quantity": line.qty, "total_tax": str(tax)}
        items.append({**first, **item, **amounts, "taxes": taxes})
    tax, total = due(lines, inside=inside)
    sums = {"total": str(total), "total_tax": str(tax), "prices_include_tax": inside}
    named = {"id": number, "number": str(number), "customer_id": 101}
    return {**order, "line_items": items, **named, **sums}


def shopify(number: int, lines: Sequence[Sold], *, inside: bool) -> dict[str, Any]:
    """Return an order of Shopify."""
    items = []
    for at, line in enumerate(lines, 1):
        tax = tax_in(line.amount, inside=inside)
        taxes = [{"title": "SST", "rate": 0.1} | money("price", tax)]
        item = shopify_line(number * 10 + at, line.sku, line.price, line.qty, off=line.off)
        items.append(item | {"tax_lines": taxes, "taxable": True})
    return shopify_order(number, items, taxes_included=inside)


def netshop(number: int, lines: Sequence[Sold], *, inside: bool) -> dict[str, Any]:
    """Return an order of NetShop."""
    tax, total = due(lines, inside=inside)
    items = [
        {
            "sku": PIECE,
            "name": "Cup",
            "qty": line.qty,
            "uom": "BOX" if line.sku == BOX else "PCS",
            "price": line.price,
            "discount": line.off,
            "tax": "SST",
        }
        for line in lines
    ]
    order = {
        "id": number,
        "number": f"NS-{number}",
        "status": "paid",
        "ordered_at": "2026-11-20T10:00:00+08:00",
        "paid_at": "2026-11-20T10:05:00+08:00",
        "updated_at": "2026-11-20T10:06:00+08:00",
        "channel": "FPX",
        "currency": "MYR",
        "customer": {"id": "C-7", "name": "Warung Melati"},
        "items": items,
        "prices_include_tax": inside,
        "subtotal": str(total - tax),
        "tax_total": str(tax),
        "total": str(total),
        "version": 1,
    }
    return {"order": order}


Shop = Callable[..., dict[str, Any]]


class Pair(NamedTuple):
    """A template with the shop's payload and the books of its target."""

    shop: Shop
    plan: Plan
    target: str
    books: dict[str, Any]


CUPS = [f"{PIECE},{PIECE},PCS", f"{BOX},{PIECE},BOX"]
BOOKS = {"debtors": ["300-S001", "300-N001"], "products": {PIECE: "PCS"}}
PAIRS = {
    "woocommerce-aiaccount": Pair(
        woocommerce,
        Plan(
            template="woocommerce-aiaccount", maps={"items": CUPS, "debtors": ["101,Warung Melati"]}
        ),
        "aiaccount",
        {},
    ),
    "shopify-aiaccount": Pair(
        shopify,
        Plan(template="shopify-aiaccount", maps={"items": CUPS, "debtors": ["web,Online buyers"]}),
        "aiaccount",
        {},
    ),
    "netshop-aiaccount": Pair(
        netshop,
        Plan(
            template="netshop-aiaccount",
            maps={"items": [f"{PIECE},{PIECE}"], "debtors": ["C-7,Melati"]},
        ),
        "aiaccount",
        {},
    ),
    "shopify-autocount": Pair(
        shopify,
        Plan(template="shopify-autocount", maps={"items": CUPS, "debtors": ["web,300-S001"]}),
        "autocount",
        BOOKS,
    ),
    "netshop-autocount": Pair(
        netshop,
        Plan(
            template="netshop-autocount",
            maps={"items": [f"{PIECE},{PIECE}"], "debtors": ["FPX,300-N001"]},
        ),
        "autocount",
        BOOKS,
    ),
    "shopify-quickbooks": Pair(
        shopify,
        Plan(
            template="shopify-quickbooks",
            maps={"items": [f"{PIECE},12,PCS", f"{BOX},12,BOX"], "debtors": ["web,58"]},
        ),
        "quickbooks",
        {},
    ),
    "woocommerce-quickbooks": Pair(
        woocommerce,
        Plan(
            template="woocommerce-quickbooks",
            maps={"items": [f"{PIECE},12,PCS", f"{BOX},12,BOX"], "customers": ["101,59"]},
        ),
        "quickbooks",
        {},
    ),
}
ORDERS = {
    "sixteen": [Sold("16.00")],
    "two single sen": [Sold("0.01"), Sold("0.01"), Sold("16.00")],
    "three with a discount": [Sold("4.00", 3, "2.00")],
    "three with an odd discount": [Sold("9.99", 3, "10.00"), Sold("16.00")],
    "a box": [Sold("10.20", 1, sku=BOX)],
    "twelve boxes": [Sold("8.33", 12, sku=BOX)],
    "many pieces with a discount": [Sold("1.99", 1237, "33.37")],
}


def feed(company: CaseCompany, folder: Path, body: dict[str, Any]) -> None:
    """Let the shop send an order or refund, and let the workers work."""
    if "order" in body:
        path = folder / "sent.json"
        path.write_text(json.dumps(body), "utf-8")
        company.ingest(path)
        assert company.errors == []
    else:
        assert company.deliver(body).status_code == 202
    company.work()


def booked(document: dict[str, Any]) -> Money:
    """Return tax and total of a document in the target's books."""
    if "master" in document:
        head = document["master"]
        return Money(Decimal(head["tax"]), Decimal(head["finalTotal"]))
    if "TotalAmt" in document:
        tax = document.get("TxnTaxDetail", {}).get("TotalTax", 0)
        return Money(Decimal(str(tax)), Decimal(str(document["TotalAmt"])))
    return Money(Decimal(str(document["tax"])), Decimal(str(document["total"])))


@pytest.mark.parametrize("inside", [True, False], ids=["inclusive", "exclusive"])
@pytest.mark.parametrize("name", PAIRS)
def test_an_order_is_booked_for_its_tax_and_total(
    make: Make, tmp_path: Path, name: str, inside: bool
) -> None:
    pair = PAIRS[name]
    company = make(pair.plan, pair.target, **pair.books)
    for number, lines in enumerate(ORDERS.values(), 5001):
        feed(company, tmp_path, pair.shop(number, lines, inside=inside))
    assert [f"{hold.number} {hold.text}" for hold in company.holds()] == []
    documents = {key[-4:]: booked(one) for key, one in company.documents().items()}
    expected = {
        str(number): due(lines, inside=inside) for number, lines in enumerate(ORDERS.values(), 5001)
    }
    assert documents == expected


@pytest.mark.parametrize("inside", [True, False], ids=["inclusive", "exclusive"])
@pytest.mark.parametrize("name", [name for name in PAIRS if name.startswith("shopify")])
def test_one_of_three_discounted_pieces_is_refunded_for_its_money(
    make: Make, tmp_path: Path, name: str, inside: bool
) -> None:
    pair = PAIRS[name]
    company = make(pair.plan, pair.target, **pair.books)
    order = shopify(5001, [Sold("4.00", 3, "2.00")], inside=inside)
    (line,) = order["line_items"]
    feed(company, tmp_path, order)
    for number, pieces in ((1, 1), (2, 2)):
        back = refunded_line(line, pieces)
        paid = Decimal(back["subtotal"]) + (0 if inside else Decimal(back["total_tax"]))
        refund = shopify_refund(number, 5001, str(paid), [back])
        company.deliver(refund)
        company.work()
        assert [f"{hold.number} {hold.text}" for hold in company.holds()] == []
        assert booked(company.documents()[f"R-{number}"]).total == paid


@pytest.mark.parametrize("inside", [True, False], ids=["inclusive", "exclusive"])
@pytest.mark.parametrize("template", ["netshop-aiaccount-refunds", "netshop-autocount"])
def test_one_of_three_discounted_pieces_of_netshop_is_refunded_for_its_money(
    make: Make, tmp_path: Path, template: str, inside: bool
) -> None:
    pair = PAIRS["netshop-autocount" if "autocount" in template else "netshop-aiaccount"]
    company = make(replace(pair.plan, template=template), pair.target, **pair.books)
    body = netshop(5001, [Sold("4.00", 3, "2.00")], inside=inside)
    feed(company, tmp_path, body)
    charged = due([Sold("4.00", 3, "2.00")], inside=inside).total
    moment = "2026-11-21T10:00:00+08:00"
    refund = {
        "id": "R-1",
        "status": "Refunded + Items Returned",
        "amount": str(rounded(charged / 3)),
        "refunded_at": moment,
        "updated_at": moment,
        "items": [{"pos": 1, "sku": PIECE, "qty": 1, "uom": "PCS"}],
    }
    later = body["order"] | {"refunds": [refund], "updated_at": moment, "version": 2}
    feed(company, tmp_path, {"order": later})
    assert [f"{hold.number} {hold.text}" for hold in company.holds()] == []
    (document,) = [one for key, one in company.documents().items() if key.endswith("R-1")]
    assert booked(document).total == rounded(charged / 3)


def test_a_sheet_of_inclusive_prices_is_booked_for_its_money_in_aiaccount(
    make: Make, tmp_path: Path
) -> None:
    items, debtors = [f"{PIECE},{PIECE}"], ["C-7,Melati"]
    plan = Plan(template="workbook-aiaccount", maps={"items": items, "debtors": debtors})
    company = make(plan, "aiaccount")
    rows = "".join(
        f"H-1,20-Nov-2026,C-7,Melati,{PIECE},Cup,{qty},{price},1.45,16.02\n"
        for qty, price in ((2, "0.01"), (1, "16.00"))
    )
    head = "Order No,Date,Customer code,Customer name,Item,Product,Qty,Unit price,"
    path = written(tmp_path, f"{head}Total tax,Total\n{rows}")
    same = {"status": "paid", "channel": "FPX", "currency": "MYR", "uom": "PCS", "tax": "SST"}
    upload(company, path, **same, prices_include_tax="yes")
    company.work()
    assert [f"{hold.number} {hold.text}" for hold in company.holds()] == []
    assert booked(company.documents()["H-1"]) == Money(Decimal("1.45"), Decimal("16.02"))
