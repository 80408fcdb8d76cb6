"""Each kind of file goes from the upload page to its posted document in at most four pages."""

import io
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from werkzeug.serving import make_server

from tests.browser.conftest import HANDLED
from tests.browser.test_accessible import violations
from tests.cases.company import PASSWORD, CaseCompany, Plan
from tests.cases.conftest import Make, case_database, make, stand_ins  # noqa: F401 - fixtures
from tests.connectors.sources.test_workbook_exports import LAZADA, SHOPEE, SHOPIFY, lazada, shopee

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]
MOST_PAGES = 4
WINDOWS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]


def saved(*rows: Sequence[object]) -> bytes:
    """Return a workbook of one sheet."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


@dataclass(frozen=True, slots=True)
class Upload:
    """A file, what a person sets for all its rows, and the total of each document."""

    name: str
    content: bytes
    values: Mapping[str, str]
    totals: Mapping[str, str]
    items: tuple[str, ...]
    template: str = "workbook-aiaccount"
    maps: Mapping[str, list[str]] = field(default_factory=dict)


WOO = (
    "order_id,order_number,order_date,status,shipping_total,tax_total,order_total,order_currency,"
    "payment_method_title,customer_id,billing_first_name,line_item_1,line_item_2\n"
    "7001,7001,2026-11-20 09:30:00,Processing,8.00,0.00,63.00,MYR,FPX,,Kedai Maju,"
    "name:Earl|product_id:12|sku:TEA|quantity:2|total:30.00|sub_total:30.00,"
    "name:Cup|product_id:13|sku:CUP|quantity:2|total:25.00|sub_total:25.00\n"
)
HAND = (
    "Kedai Contoh\nSales of 20 November\n\n"
    "No;Order No;Date;Customer code;Customer name;Item;Product;Qty;Unit price;Shipping;Total\n"
    "1;H-1;20-Nov-2026;WALK-IN;Siti;TEA;Earl;2;RM 10,50;RM 8,00;RM 37,00\n"
    ";;;;;CUP;Glass;1;8,00;;\n"
    ";Grand Total;;;;;;;;;37,00\n"
)
UPLOADS = {
    "shopify": Upload(
        "orders_export_1.csv",
        SHOPIFY.replace("SST 8%", "NONE").replace(",4.80,72.80", ",0.00,68.00").encode(),
        {"Customer code": "WALK-IN"},
        {"#1001": "68.00"},
        ("MUG", "TEE", "SHIPPING", "DISCOUNT"),
    ),
    "woocommerce": Upload(
        "woocommerce-orders.csv",
        WOO.encode(),
        {
            "Customer code": "C-77",
            "Branch": "KL",
            "Version": "1",
            "Price level": "RETAIL",
            "Tax type": "NONE",
        },
        {"7001": "63.00"},
        (),
        template="orders-quickbooks",
        maps={
            "customers": ["C-77,Kedai Maju,,,58,RETAIL"],
            "items": ["TEA,11,81", "CUP,12,82", "SHIPPING,13,82"],
        },
    ),
    "shopee": Upload(
        "Order.all.20261101_20261130.xlsx",
        saved(SHOPEE, shopee("Mug", "MUG", "20.00", 2), shopee("Pin", "PIN", "10.00", 1)),
        {"Currency": "MYR", "Sales channel": "Shopee", "Tax type": "NONE"},
        {"2611200ABCDE1": "51.90"},
        ("MUG", "PIN", "SHIPPING", "DISCOUNT"),
    ),
    "lazada": Upload(
        "lazada.xlsx",
        saved(LAZADA, lazada(1, "MUG", 20, -2, 3.5), lazada(2, "MUG", 20, 0, 1.4)),
        {"Currency": "MYR", "Customer code": "WALK-IN", "Tax type": "NONE"},
        {"412345678901234": "42.90"},
        ("MUG", "SHIPPING"),
    ),
    "by hand": Upload(
        "sales.csv",
        HAND.encode("cp1252"),
        {
            "Status": "paid",
            "Sales channel": "FPX",
            "Currency": "MYR",
            "Unit (UOM)": "PCS",
            "Tax type": "NONE",
        },
        {"H-1": "37.00"},
        ("TEA", "CUP", "SHIPPING"),
    ),
}


def plan_of(file: Upload) -> Plan:
    """Return the company's template with mappings for what the file names."""
    if file.maps:
        return Plan(template=file.template, connector="workbook", maps=file.maps)
    maps = {
        "debtors": ["WALK-IN,Online Customers", "siti_c,Online Customers"],
        "items": [f"{one},TEA-EARL-100" for one in file.items],
    }
    return Plan(template=file.template, maps=maps)


@dataclass
class Walk:
    """A person at the portal of a company: the page, the pages seen, what the console said."""

    company: CaseCompany
    page: Any
    url: str
    pages: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Count each page that the browser loads, and keep each message of its console."""
        self.page.on("load", lambda page: self.pages.append(page.url))
        self.page.on("console", lambda message: self._hear(message))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def _hear(self, message: Any) -> None:
        handled = any(status in message.text for status in HANDLED)
        if message.type in ("error", "warning") and not handled:
            self.said.append(message.text)

    def picture(self, name: str) -> None:
        """Check the page in each window, and store pictures where a folder is set; without one
        only the pages of the sheet made by hand, which show the most.
        """
        if not name.startswith("by-hand") and "CLEARPOST_PICTURES" not in os.environ:
            return
        for width, scheme in WINDOWS:
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.emulate_media(color_scheme=scheme)
            assert violations(self.page) == "[]"
            assert self.page.evaluate("document.documentElement.scrollWidth") <= width
            if folder := os.environ.get("CLEARPOST_PICTURES"):
                path = Path(folder) / f"{name}-{width}-{scheme}.png"
                self.page.screenshot(path=path, full_page=True)
        self.page.set_viewport_size({"width": 1280, "height": 900})
        self.page.emulate_media(color_scheme="light")


@pytest.fixture
def walk(chromium: Any, make: Make) -> Iterator[Callable[[Plan, str], Walk]]:  # noqa: F811
    """Return a function that opens the portal of a new company with Farah signed in."""
    closing: list[Callable[[], object]] = []

    def opened(plan: Plan, target: str) -> Walk:
        company = make(plan, target)
        server = make_server("127.0.0.1", 0, company.app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        closing.extend((context.close, server.shutdown, thread.join))
        made = Walk(company, context.new_page(), f"http://127.0.0.1:{server.server_port}")
        made.page.goto(f"{made.url}/signin")
        made.page.fill("#email", "farah@kedai.my")
        made.page.fill("#password", PASSWORD)
        made.page.click("button[type=submit]")
        made.page.wait_for_url("**/c/kedai/")
        made.listen()
        return made

    yield opened
    for close in closing:
        close()


@pytest.mark.parametrize("kind", list(UPLOADS))
def test_a_file_is_posted_within_four_pages(walk: Callable[[Plan, str], Walk], kind: str) -> None:
    file = UPLOADS[kind]
    target = "quickbooks" if file.template.endswith("quickbooks") else "aiaccount"
    seen = walk(plan_of(file), target)
    page, name = seen.page, kind.replace(" ", "-")
    page.goto(f"{seen.url}/c/kedai/uploads")
    page.set_input_files("#file", {"name": file.name, "mimeType": "", "buffer": file.content})
    page.click("#uploadgo")
    page.wait_for_url("**/uploads/*")
    seen.company.work_uploads()
    page.locator("#decide").wait_for()  # by itself: the page asks again
    seen.picture(f"{name}-1")
    if file.values:
        for label, value in file.values.items():
            page.locator("#missing").get_by_label(label, exact=True).fill(value)
        page.click("#uploadvalues")
        page.wait_for_load_state()
        seen.company.work_uploads()
        page.locator("#parts").wait_for()
        seen.picture(f"{name}-2")
    assert page.locator("#held").count() == 0, page.locator("#wrong").inner_text()
    page.click("#confirm")
    page.wait_for_load_state()
    seen.company.work_uploads()
    page.locator("#outcome").wait_for()
    seen.picture(f"{name}-3")
    assert len(seen.pages) <= MOST_PAGES, seen.pages
    assert seen.said == []
    seen.company.work()
    posted = {number: seen.company.postings(number) for number in file.totals}
    states = {number: [one[1:] for one in each] for number, each in posted.items()}
    expected = {number: [("posted", Decimal(one))] for number, one in file.totals.items()}
    assert states == expected, seen.company.holds()
    assert len(seen.company.documents()) == len(file.totals)


def test_the_next_file_needs_no_values_and_three_pages(
    walk: Callable[[Plan, str], Walk],
) -> None:
    file = UPLOADS["by hand"]
    seen = walk(plan_of(file), "aiaccount")
    page = seen.page
    for number, day in (("H-1", b"19-Nov"), ("H-2", b"20-Nov")):
        seen.pages.clear()
        content = file.content.replace(b"H-1", number.encode()).replace(b"20-Nov", day)
        page.goto(f"{seen.url}/c/kedai/uploads")
        page.set_input_files("#file", {"name": f"{number}.csv", "mimeType": "", "buffer": content})
        page.click("#uploadgo")
        page.wait_for_url("**/uploads/*")
        seen.company.work_uploads()
        page.locator("#decide").wait_for()
        if number == "H-1":
            for label, value in file.values.items():
                page.locator("#missing").get_by_label(label, exact=True).fill(value)
            page.click("#uploadvalues")
            page.wait_for_load_state()
            seen.company.work_uploads()
        page.click("#confirm")
        page.wait_for_load_state()
        seen.company.work_uploads()
        page.locator("#outcome").wait_for()
    assert len(seen.pages) == 3, seen.pages
    seen.company.work()
    assert seen.company.states() == {"H-1": "posted", "H-2": "posted"}


def test_the_bar_counts_what_its_buttons_import(walk: Callable[[Plan, str], Walk]) -> None:
    file = UPLOADS["by hand"]
    seen = walk(plan_of(file), "aiaccount")
    page = seen.page
    head, rows = file.content.partition(b"1;H-1")[::2]
    first, _, total = (b"1;H-1" + rows).partition(b";Grand")
    unknown = first.replace(b"H-1", b"H-2").replace(b";TEA;", b";SHIPING;")
    content = head + first + unknown + b";Grand" + total
    page.goto(f"{seen.url}/c/kedai/uploads")
    page.set_input_files("#file", {"name": "two.csv", "mimeType": "", "buffer": content})
    page.click("#uploadgo")
    page.wait_for_url("**/uploads/*")
    seen.company.work_uploads()
    page.locator("#decide").wait_for()
    for label, value in file.values.items():
        page.locator("#missing").get_by_label(label, exact=True).fill(value)
    page.click("#uploadvalues")
    page.wait_for_load_state()
    seen.company.work_uploads()
    page.locator("#parts").wait_for()
    bar = " ".join(page.locator("#decide").inner_text().split())
    assert bar.startswith("2 of 2 orders. 1 new, 0 changed. 1 order on hold until the codes")
    assert page.locator("#confirm").inner_text() == "Confirm import of 2 orders"
    seen.picture("by-hand-unknown")
    page.click("#confirmknown")
    page.wait_for_load_state()
    seen.company.work_uploads()
    page.locator("#outcome").wait_for()
    assert list(seen.company.states()) == ["H-1"]
