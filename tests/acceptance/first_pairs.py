"""The shops and books of the story from an empty home: what they ask for, and what is sold.

Here: WooCommerce to QuickBooks, and NetShop to AiAccount. Not here: what every pair shares
(from_nothing.py).
"""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import requests

from tests.acceptance.from_nothing import ZONE, Desk, last_month
from tests.acceptance.product import SIMULATOR_KEY, Product, item, order, until
from tests.support.simulator import ledger_lines

HOOK_SECRET = "woo-hook-demo-4Kd8"
AUTOCOUNT_KEY = "acc_demo_9Tq4Lx"
NETSHOP_ITEMS = ("CUP-GLASS-20", "TEA-JASMIN-80")
ITEMS = {"TEA-JASMIN-80": "Jasmine, 80 g", "CUP-GLASS-20": "Glass cup"}


@contextmanager
def stand_in(product: Product, name: str, *words: str) -> Iterator[dict[str, Any]]:
    """One that runs; what it tells at its start, and the file of its ledger."""
    ledger = product.folder / f"{name}.jsonl"
    given = ("simulate", name, "--port", "0", "--ledger", str(ledger), *words)
    with product.started(*given) as process:
        assert process.stdout
        yield {**json.loads(process.stdout.readline()), "ledger": ledger}


def control(url: str, deed: str, **given: Any) -> None:
    """What a person does in a stand-in."""
    answer = requests.post(f"{url}/_sim/{deed}", json=given, timeout=30)
    assert answer.ok, answer.text


class Books:
    """The stand-in of an accounting system, with the ledger that it keeps itself."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.url = str(told["url"])
        self._ledger = Path(told["ledger"])

    def posted(self) -> list[str]:
        lines = ledger_lines(self._ledger)
        return [one["number"] for one in lines if one["effect"] == "created"]


class WooToQuickBooks(Books):
    """An order of last month and one of today; QuickBooks has the goods under the shop's names."""

    source, target, limit = "WooCommerce", "QuickBooks Online", "5000"
    taxes: ClassVar = {"MY-SST-1 10%": "SST 10% (5)", "none": "NONE (3)"}

    def __init__(self, shop: dict[str, Any], books: dict[str, Any]) -> None:
        super().__init__(books)
        self.shop = shop
        lists = {
            "Item": {"21": ITEMS["TEA-JASMIN-80"], "22": "CUP-GLASS-20", "23": "Shipping"},
            "Customer": {"61": "Kafe Senja Sdn Bhd"},
        }
        control(self.url, "company", lists=lists)

    def fill_source(self, page: Any) -> None:
        page.fill("#key_webhook_secret", HOOK_SECRET)

    def sell(self, page: Any) -> None:
        assert page.input_value("#hook") == self.shop["webhooks_to"]
        day = f"{last_month()[1]}T03:00:00"
        self._sell({"date_created_gmt": day, "date_paid_gmt": day})

    def _sell(self, fields: dict[str, Any]) -> None:
        billing = {"first_name": "Wei Ling", "last_name": "Tan", "company": "Kafe Senja Sdn Bhd"}
        lines = [{"sku": sku, "quantity": 2} for sku in ITEMS]
        shipping = {"id": 400, "method_title": "Post", "total": "8.00", "total_tax": "0.00"}
        fields |= {"customer_id": 102, "billing": billing, "fee_lines": [], "coupon_lines": []}
        fields["shipping_lines"] = [{**shipping, "method_id": "flat_rate", "taxes": []}]
        control(self.shop["url"], "act", act="create", lines=lines, fields=fields)

    def fill_target(self, page: Any) -> None:
        page.fill("#base_url", self.url)
        page.fill("#company_id", "9130347")
        page.fill("#client_id", "AB-clearpost-app")
        page.fill("#key", "qbo-client-3Rk9")

    def allow(self, desk: Desk) -> None:
        page = desk.page
        control(self.url, "redirect", address=page.input_value("#back"))
        page.click("#authorize")
        if not desk.script:
            page.click("#there")
        page.wait_for_url(f"{self.url}/connect/oauth2**")
        desk.looked("intuit")
        desk.press("#connect", f"**{desk.base}/connections/quickbooks#keys")
        desk.said.clear()  # what the browser says of Intuit's page is none of ours
        desk.looked("authorized")

    def map(self, desk: Desk) -> None:
        desk.until_checked()
        desk.step("mappings")
        desk.looked("missing")
        desk.press("#toexact", "**/mappings/exact")
        desk.looked("exact")

        def listed() -> bool:
            """QuickBooks' lists are read in the background."""
            page = desk.go(f"{desk.base}/mappings/exact")
            return "4 of 4 missing values match exactly" in page.inner_text("main")

        until(listed, "exact matches of all values")
        desk.page.fill("#reason", "As QuickBooks lists them")
        desk.page.click("#acceptexact")
        desk.page.wait_for_selector("text=4 mappings accepted.")
        desk.looked("mapped")

    def sell_again(self) -> str:
        self._sell({})
        return "WC-2"


class NetShopToAiAccount(Books):
    """An order of last month and one of today, of a customer and an item that AiAccount lists
    nowhere: all their codes are typed in one form.
    """

    source, target, limit = "NetShop", "AiAccount", "5000"
    taxes: ClassVar[dict[str, str]] = {}
    secret = hook = ""

    def fill_source(self, page: Any) -> None:
        """Nothing: its secret is made by Clearpost."""

    def sell(self, page: Any) -> None:
        self.secret, self.hook = page.input_value("#secret"), page.input_value("#hook")
        self._sell(1, f"{last_month()[1]}T11:00:00+08:00")

    def _sell(self, number: int, moment: str) -> None:
        stamps = {"ordered_at": moment, "paid_at": moment, "updated_at": moment}
        lines = [item(at, sku=sku, name=sku) for at, sku in enumerate(NETSHOP_ITEMS, 1)]
        sold = {"event": "order.updated", "order": order(number, items=lines, **stamps)}
        raw, stamp, event = json.dumps(sold).encode(), str(int(time.time())), f"evt_{number}"
        signed = hmac.new(self.secret.encode(), f"{stamp}.{event}.".encode() + raw, hashlib.sha256)
        headers = {
            "Timestamp": stamp,
            "Event-Id": event,
            "Signature": f"sha256={signed.hexdigest()}",
        }
        told = {f"X-NS16-{name}": value for name, value in headers.items()}
        answer = requests.post(self.hook, data=raw, headers=told, timeout=30)
        assert answer.status_code == 202, answer.text

    def fill_target(self, page: Any) -> None:
        page.fill("#base_url", self.url)
        page.fill("#company_id", "CMP-1042")
        page.fill("#key", SIMULATOR_KEY)
        if page.query_selector("#company_name"):
            page.fill("#company_name", "Kedai Contoh Sdn Bhd")

    def allow(self, desk: Desk) -> None:
        """Nothing: its key was pasted."""

    def map(self, desk: Desk) -> None:
        desk.map_all({"C-101": "Warung Melati", **{sku: sku for sku in NETSHOP_ITEMS}})

    def sell_again(self) -> str:
        self._sell(2, datetime.now(ZONE).isoformat(timespec="seconds"))
        return "NS-2"


@contextmanager
def woo_to_quickbooks(
    product: Product, address: str, code: str = "kedai-contoh"
) -> Iterator[WooToQuickBooks]:
    """Both stand-ins, the shop with the address and the secret that its owner entered there."""
    hook = f"{address}/hooks/{code}/woocommerce"
    with (
        stand_in(product, "woocommerce", "--to", hook, "--secret", HOOK_SECRET) as shop,
        stand_in(product, "quickbooks") as books,
    ):
        yield WooToQuickBooks(shop, books)


@contextmanager
def netshop_to_aiaccount(product: Product, address: str) -> Iterator[NetShopToAiAccount]:
    """The stand-in of AiAccount; NetShop only sends."""
    del address
    with stand_in(product, "aiaccount") as books:
        yield NetShopToAiAccount(books)


class WorkbookToAutoCount(Books):
    """A sheet of one order of last month; the codes of its debtor and its item are typed."""

    source, target, limit = "Workbooks and CSV files", "AutoCount Cloud", ""
    taxes: ClassVar[dict[str, str]] = {}

    def fill_source(self, page: Any) -> None:
        """Nothing: there is nothing to connect."""

    def sell(self, page: Any) -> None:
        page.click("#uploadfile")
        page.set_input_files("#file", {"name": "sales.csv", "mimeType": "", "buffer": _sheet()})
        page.click("#uploadgo")
        page.wait_for_url("**/uploads/*")
        page.locator("#confirm").wait_for()
        page.click("#confirm")
        page.locator("#outcome").wait_for()

    def fill_target(self, page: Any) -> None:
        for name, value in {
            "base_url": self.url,
            "company_id": "1042",
            "key_id": "cp-demo",
            "key": AUTOCOUNT_KEY,
            "locked_through": "none",
        }.items():
            page.fill(f"#{name}", value)
        page.select_option("#marketplace_module", "off")

    def allow(self, desk: Desk) -> None:
        """Nothing: its key was pasted."""

    def map(self, desk: Desk) -> None:
        desk.map_all({"FPX": "300-W001", "TEE-BLK-M": "TEE-BLK-M"})

    def sell_again(self) -> str:
        raise AssertionError("a workbook sells nothing by itself: a person uploads the next sheet")


def _sheet() -> bytes:
    """A CSV file of one order, as a person makes it."""
    day = f"{last_month()[1]:%d/%m/%Y}"
    row = f"H-1,paid,{day},FPX,MYR,Aisyah Rahman,TEE-BLK-M,Tee,PCS,2,49.50,NONE,99.00"
    head = "Order No,Status,Date,Sales channel,Currency,Customer name,Item,Product,Unit (UOM),Qty,"
    return f"{head}Unit price,Tax type,Total\n{row}\n".encode()


@contextmanager
def workbook_to_autocount(product: Product) -> Iterator[WorkbookToAutoCount]:
    """The stand-in of AutoCount; a person carries the sheet."""
    with stand_in(product, "autocount") as books:
        yield WorkbookToAutoCount(books)
