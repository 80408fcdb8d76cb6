"""Records of which no rule posts anything: settled at once, and others are compared with them."""

import re
from pathlib import Path

import pytest

from tests.acceptance.houses import COMPANY
from tests.acceptance.london import RULES, opened_london, publish, take
from tests.acceptance.orders import clean
from tests.acceptance.pages import head, record_page, words
from tests.acceptance.product import FINANCE, House, Product, Visitor
from tests.acceptance.quiet import BASE, work

pytestmark = pytest.mark.slow
DELIVERIES = Path(__file__).with_name("deliveries.rules")
ROUTE = """
map creditor
    match    exact
    "C-901"  -> "400-B012"
    missing  hold for sales_admin  say "Carrier {key} is no creditor."

gate delivery
    wait     open
    ready    confirmed

duplicates of delivery
    unique by number in history
    else     hold for accounts
    say      "{number} is here already."

post delivery to autocount.ap_invoice as "{number}"
    immediately
    we own   the rest  else review by accounts
    DocNo           = document_number
    SupplierInvoiceNo = number
    DocDate         = delivered_on
    CreditorCode    = creditor(customer)
    CreditorName    = customer
    DisplayTerm     = "C.O.D."
    AccNo           = "610-0000"
    DtlDescription  = "Carriage"
    Amount          = 5.00

on edit of delivery
    all_of_it  = order_number, status, delivered_on, customer
    | changed              | do                 |
    | all_of_it, not_ready | review by accounts |

on cancel of delivery
    | period | do                 |
    | -      | review by accounts |
"""


def note(number: str, **changes: str) -> dict[str, str]:
    """A delivery note of order NS-21."""
    given = {"kind": "delivery", "id": number, "number": number, "order_number": "NS-21"}
    told = {"status": "confirmed", "delivered_on": "2026-11-20", "customer": "C-101"}
    return {**given, **told, **changes}


def of_note(visitor: Visitor, number: str) -> str:
    """The page of a delivery note."""
    return visitor.get(f"{BASE}/records/intake/delivery/{number}")


def today(visitor: Visitor) -> dict[str, int]:
    """The sums of today on the dashboard."""
    page = visitor.get(f"{BASE}/")
    found = re.findall(r"<dt>([^<]*)</dt><dd>([\d,]+)</dd>", page)
    return {name: int(count) for name, count in found}


def state(house: House, number: str) -> str:
    told = house.product.json("trace", number, *COMPANY, "--json")
    return str(told["state"])


def test_T12a_a_record_that_nothing_posts_is_settled_and_still_used(
    product: Product, tmp_path: Path
) -> None:
    rules = RULES.read_text("utf-8") + DELIVERIES.read_text("utf-8")
    with opened_london(product, tmp_path, rules) as house:
        finance = house.visitor(FINANCE)
        house.deliver(clean(21, currency="GBP"))
        work(house)
        held = "Nothing of NS-21 is delivered."
        assert held in words(record_page(finance, 21))

        take(house, note("D-1"), note("D-2", order_number="NS-99"))
        work(house)
        page = of_note(finance, "D-1")
        assert head(page).startswith("For reference")
        assert "no rule posts records of this kind" in words(page)
        assert "Waiting" not in head(page)
        found = words(finance.get(f"{BASE}/find?q=D-2"))
        assert "For reference" in found
        sums = today(finance)
        assert (sums["waiting"], sums["for reference"], sums["received"]) == (0, 2, 3)
        assert state(house, "D-1") == "reference"
        # it is not gone: the order is compared with it
        assert held not in words(record_page(finance, 21))
        assert "Customer C-101 is no debtor" in words(record_page(finance, 21))
        product.run("invariants", *COMPANY)  # its state follows from what it became: I8

        # a correction of it is a version like any other, and leaves it where it stands
        take(house, note("D-1", status="open"))
        work(house)
        assert held in words(record_page(finance, 21))
        assert state(house, "D-1") == "reference"

        publish(house, tmp_path, rules + ROUTE, 2)
        work(house)
        assert "waiting" in head(of_note(finance, "D-1")).lower()
        assert head(of_note(finance, "D-2")).startswith("On hold")
