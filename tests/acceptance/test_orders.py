"""Paid orders become sales invoices, and no others."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.acceptance.conftest import STARTER, NewProduct
from tests.acceptance.houses import opened
from tests.acceptance.orders import buyer, clean, later
from tests.acceptance.pages import record_page, until_head, words
from tests.acceptance.product import (
    CURRENT_COMPANY,
    FINANCE,
    House,
    item,
    until,
)

pytestmark = pytest.mark.slow
PIECES = {"PCS": 1, "BOX": 12}
TAX_CODES = {"SST": "MY-SALES10", "NONE": "NT"}
TAXED = {"SST": Decimal("1.1"), "NONE": Decimal(1)}


@pytest.fixture(scope="module")
def house(new_product: NewProduct, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The company on each database."""
    with opened(new_product(tmp_path_factory.mktemp("house")), STARTER) as found:
        yield found


def test_E01_paid_orders_become_sales_invoices(house: House) -> None:
    paid = [clean(n, status=status(n), items=bought(n)) for n in range(100, 112)]
    unpaid = [clean(n, status="pending", paid_at=None) for n in range(112, 115)]
    mixed = sorted(paid + unpaid, key=lambda order: order["id"] % 4)
    assert house.deliver(*mixed).json()["new_records"] == 15

    until(lambda: len(house.created()) >= 12, "12 documents")
    finance = house.visitor(FINANCE)
    for order in unpaid:
        until_head(finance, order["id"], "Waiting")
    made = [line for line in house.calls() if line["effect"] == "created"]
    assert sorted(line["number"] for line in made) == [order["number"] for order in paid]
    documents = {line["number"]: line for line in made}
    for order in paid:
        line = documents[order["number"]]
        assert told(line["document"]) == wanted(order), order["number"]
        assert Decimal(line["total"]) == Decimal(order["total"])
        assert line["body_sha256"] in words(record_page(finance, order["id"], "pushes"))

    page = words(finance.get(f"/c/{CURRENT_COMPANY}/"))
    assert "received 15 posted 12 on hold 0 waiting 3 not posted 0" in page


def status(number: int) -> str:
    """Each of the words that mean paid, as NetShop spells them."""
    return ("paid", "packed", "Delivered", "Completed")[number % 4]


def bought(number: int) -> list[dict[str, Any]]:
    """One to three lines: pieces and boxes, with tax and without."""
    lines = [
        item(1, qty=str(number - 99)),
        item(2, sku="TRAY-RATTAN-M", uom="BOX", qty="2", price="30.00", tax="NONE"),
        item(3, sku="POT-GLASS-60", qty="3", price="12.50"),
    ]
    return lines[: number % 3 + 1]


def told(document: dict[str, Any]) -> dict[str, Any]:
    """What the simulator keeps of an invoice, numbers as numbers."""
    head = ("InvoiceNumber", "InvoiceDate", "Customer", "Currency", "Reference")
    exact = ("Quantity", "UnitPrice", "LineTotal", "DiscountAmount")
    plain = ("LineNo", "SKU", "Description", "UOM", "TaxCode", "AccountCode")
    return {
        **{name: document[name] for name in head},
        "lines": [
            {**{n: line[n] for n in plain}, **{n: Decimal(line[n]) for n in exact}}
            for line in document["lines"]
        ],
    }


def wanted(order: dict[str, Any]) -> dict[str, Any]:
    """The invoice that an order should come to, reckoned here."""
    return {
        "InvoiceNumber": order["number"],
        "InvoiceDate": order["ordered_at"][:10],
        "Customer": "Warung Melati",
        "Currency": "MYR",
        "Reference": order["number"],
        "lines": [wanted_line(line) for line in order["items"]],
    }


def wanted_line(line: dict[str, Any]) -> dict[str, Any]:
    """The line of the invoice, in pieces."""
    pieces = PIECES[line["uom"]]
    return {
        "LineNo": str(line["pos"]),
        "SKU": line["sku"],
        "Description": line["name"],
        "UOM": "PCS",
        "TaxCode": TAX_CODES[line["tax"]],
        "AccountCode": "40000",
        "Quantity": Decimal(line["qty"]) * pieces,
        "UnitPrice": Decimal(line["price"]) / pieces,
        "LineTotal": Decimal(line["qty"]) * Decimal(line["price"]) * TAXED[line["tax"]],
        "DiscountAmount": Decimal(0),
    }


EDITS: dict[int, tuple[str, dict[str, Any]]] = {
    201: ("On hold", {"items": [item(1, qty="3")]}),  # amounts
    202: ("On hold", {"customer": buyer(202, name="Another name")}),  # party
    203: ("On hold", {"status": "returned"}),  # it may not go any more
    204: ("Posted", {"channel": "Cash"}),  # the rest
    205: ("On hold", {"status": "cancelled"}),
}


def test_every_edit_and_cancel_of_the_shop_ends_in_its_effect(house: House) -> None:
    """A person decides about each; nothing is sent again, and what does not matter is ignored."""
    orders = {no: clean(no, items=[item(1, price=f"{no}.00")]) for no in EDITS}
    house.deliver(*orders.values())
    until(lambda: set(orders) <= {int(n[3:]) for n in house.created()}, "5 documents")
    finance = house.visitor(FINANCE)
    for no in EDITS:
        until_head(finance, no, "Posted")
    sent = writes_of(house)
    changed = {no: {"items": orders[no]["items"], **change} for no, (_, change) in EDITS.items()}
    house.deliver(*(later(orders[no], **change) for no, change in changed.items()))
    for no, (word, _) in EDITS.items():
        page = words(until_head(finance, no, word))
        assert "version 2" in page
        assert ("It stays until a person decides." in page) is (word == "On hold")
    assert writes_of(house) == sent


def writes_of(house: House) -> list[str]:
    """What was written there or tried: the number of each document, call by call."""
    return [call["number"] for call in house.calls() if call["call"] in ("json", "xlsx")]
