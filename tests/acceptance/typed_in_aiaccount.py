"""Invoices that somebody typed into AiAccount under the number that ours will have.

Here: the workbook that is imported there by hand, what becomes of our order, the link. Its contract
looks documents up by their number and party alone, so nothing else can be found there. Not here:
other targets (test_watch.py, paid_by_hand.py).
"""

import io
from datetime import date
from typing import Any, Protocol

import openpyxl
import requests

from tests.acceptance.orders import clean
from tests.acceptance.parts import read
from tests.acceptance.product import APPROVER, FINANCE, House
from tests.acceptance.quiet import BASE, record, rows, send, work

TITLES = (
    *("Invoice Number", "Invoice Date", "Customer", "Currency", "Reference", "Line No"),
    "Description",
    *("Quantity", "Unit Price", "Account Code", "Tax Code", "Line Total", "Classification Code"),
)
HOLDS = """
SELECT hold.id, hold.message FROM hold JOIN record ON record.id = hold.record_id
WHERE record.number = ? AND hold.state = 'open'
"""
WHY = "Mei Ling typed it from the fax"


class Shop(Protocol):
    """The company, and how an order of its shop comes."""

    house: House

    def deliver(self, order: dict[str, Any]) -> None:
        """A delivery that is signed."""

    def posting(self, number: int, document: str) -> str:
        """The state of a document of an order."""


def found_and_linked(shop: Shop) -> None:
    """With another amount it is held with its number and linked, and the difference is held; with
    our content it counts as ours. Nothing is made there either time.
    """
    house = shop.house
    other, same = (clean(no, channel="SHOPEE") for no in (2321, 2322))
    typed(house.target, other, "12.00")
    typed(house.target, same, "10.00")
    for order in (other, same):
        shop.deliver(order)
    work(house)
    assert _made(house, "NS-2322") == ["by_hand"]
    state = "SELECT state FROM posting WHERE number = ? AND doc_type = 'sales_invoice'"
    assert rows(house, state, "NS-2322") == [("posted",)]

    ((hold, message),) = rows(house, HOLDS, "NS-2321")
    assert "The number is already there, with other content" in message, message
    approver = house.visitor(APPROVER)
    pane = read(approver.get(f"{BASE}/holding/{hold}"))
    assert "Details of NS-2321 in AiAccount could not be read" in pane.text, pane.text
    forms = {
        one.attributes["action"].rpartition("/")[2]: one for one in pane.all("form", cls="act")
    }
    send(approver, forms["link"], {**forms["link"].fields(), "reason": WHY})
    work(house)
    assert rows(house, state, "NS-2321") == [("posted",)]
    ((_, left),) = rows(house, HOLDS, "NS-2321")
    assert left == "NS-2321 was changed in the accounting system: Total 10.00 is 12.00 there.", left
    assert _made(house, "NS-2321") == ["by_hand"]
    told = record(house.visitor(FINANCE), 2321, "trace").text
    assert f"linked NS-2321 to NS-2321 in the accounting system: {WHY}" in told


def typed(target: str, order: dict[str, Any], total: str) -> None:
    """Somebody imports a workbook of one invoice there, beside the interface."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Sales Invoices"
    sheet.append(list(TITLES))
    number, day = order["number"], date.fromisoformat(order["ordered_at"][:10])
    (glass,) = order["items"]
    head = [number, day, order["customer"]["name"], "MYR", number, 1, glass["name"]]
    sheet.append([*head, 2, float(total) / 2, "40000", "NT", float(total), "022"])
    out = io.BytesIO()
    book.save(out)
    answer = requests.post(f"{target}/_sim/by_hand", data=out.getvalue(), timeout=10)
    assert answer.status_code == 201, answer.text


def _made(house: House, number: str) -> list[str]:
    """By which calls documents of this number were made there."""
    made = [line for line in house.calls() if line.get("effect") == "created"]
    return [line["call"] for line in made if line.get("number") == number]
