"""The distributor on AutoCount: the shipped template in force, a stand-in that notes every effect.

Here: furnishing the company, its records, delivering them, reading what was done there. Not here:
what a test asks of it.
"""

import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests

from tests.acceptance.houses import COMPANY, ROLES, TABLE, open_doors
from tests.acceptance.many import run_all
from tests.acceptance.parts import Part, read
from tests.acceptance.product import ADMIN, BEGUN, CURRENT_COMPANY, House, Product
from tests.acceptance.quiet import BASE, ask_target, work

SECRET, SIMULATOR_KEY = "intake-secret-of-the-test", "acc_demo_9Tq4Lx"
TEAMS = ("accounts", "sales_admin", "purchasing", "warehouse", "finance_manager", "tax_desk")
NOT_BY_THE_CLOUD = "    after    autocount.delivery_order\n"
BY_NIGHT = "    daily    at 02:00 by received_on\n"
Body = dict[str, Any]


@dataclass
class Depot(House):
    """A company whose pages are served, and whose work waits until it is told to be done."""

    def take(self, *records: Mapping[str, Any]) -> Body:
        """A signed delivery of these records, judged and carried out; what the hook answered."""
        answer = self.post_records(*records)
        assert answer.ok, answer.text
        self.work()
        told: Body = answer.json()
        return told

    def post_records(self, *records: Mapping[str, Any]) -> requests.Response:
        """The same without any work."""
        raw = json.dumps({"records": records}).encode()
        stamp = str(int(time.time() + self.offset()))
        event_id = f"evt_{next(self._events)}"
        content = f"{stamp}.{event_id}.".encode() + raw
        digest = hmac.new(SECRET.encode(), content, hashlib.sha256)
        headers = {
            "X-Clearpost-Timestamp": stamp,
            "X-Clearpost-Signature": f"sha256={digest.hexdigest()}",
            "X-Clearpost-Event-Id": event_id,
        }
        address = f"{self.address}/hooks/{CURRENT_COMPANY}/intake"
        return requests.post(address, data=raw, headers=headers, timeout=60)

    def work(self) -> None:
        """A worker does what is due, then ends."""
        work(self)

    def work_on(self, count: int) -> None:
        """So many effects come: AutoCount takes few calls at once, so minutes go by between."""
        wanted = len(self.effects()) + count
        for _ in range(9 + count):
            self.work()
            if len(self.effects()) >= wanted:
                return
            self.move(minutes=1)

    def offset(self) -> float:
        """By how many seconds the product's clock is moved."""
        file = self.product.home / "clock"
        return float(file.read_text()) if file.exists() else 0.0

    def move(self, **by: float) -> None:
        """Time passes in all processes."""
        self.product.shift_clock(self.offset() + timedelta(**by).total_seconds())

    def effects(self, *words: str) -> list[tuple[str, str]]:
        """(effect, number) of what was done in AutoCount to documents that name one of these."""
        done = ("created", "updated", "voided")
        found = [(c["effect"], c["number"]) for c in self.calls() if c["effect"] in done]
        return [one for one in found if not words or any(word in one[1] for word in words)]

    def document(self, number: str) -> Body:
        """A document as it stands in AutoCount's books."""
        shown = requests.get(f"{self.target}/_sim/documents", timeout=10).json()["documents"]
        found: Body = next(one for one in shown if one["master"]["docNo"] == number)
        return found

    def stock(self) -> dict[tuple[str, str], int]:
        """What has come or gone, by location and product, as the stand-in counts it."""
        told = requests.get(f"{self.target}/_sim/stock", timeout=10).json()["by_location"]
        found = Counter[tuple[str, str]]()
        for places in told.values():
            for place, products in places.items():
                found.update({(place, code): int(n) for code, n in products.items()})
        return dict(found)

    def moved(self, before: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
        """What came or went since then, without what stayed."""
        now = self.stock()
        each = {one: now.get(one, 0) - before.get(one, 0) for one in {*now, *before}}
        return {one: by for one, by in each.items() if by}

    def lock(self, through: str) -> None:
        """AutoCount closes its books up to a day (or `none`), and the connection is told."""
        ask_target(self, "lock", through=None if through == "none" else through)
        by_admin = (*COMPANY, "--as", ADMIN)
        told = f"locked_through={through}"
        self.product.run("connection", "set", "autocount", *by_admin, "--set", told)
        self.product.run("connection", "test", "autocount", *by_admin)

    def page(self, kind: str, number: str, tab: str = "seven") -> Part:
        """A tab of a record's page."""
        path = f"{BASE}/records/intake/{kind}/{number}?tab={tab}"
        return read(self.person("finance").get(path))

    def person(self, role: str) -> Any:
        """Somebody of this role, signed in once."""
        email = f"{role}@kedai.example"
        if email not in self.signed_in:
            self.signed_in[email] = self.visitor(email)
        return self.signed_in[email]

    @property
    def signed_in(self) -> dict[str, Any]:
        found: dict[str, Any] = self.__dict__.setdefault("_signed_in", {})
        return found


@contextmanager
def opened_depot(product: Product, rules: Path) -> Iterator[Depot]:
    """The company under these rules; pages are served, workers run when told."""
    ledger = product.folder / "ledger"
    many = ("--calls-a-minute", "10000", "--hang", "0.5")  # seconds that a slow call takes
    words = ("simulate", "autocount", "--port", "0", "--ledger", str(ledger), *many)
    with product.started(*words) as target:
        assert target.stdout
        url = json.loads(target.stdout.readline())["url"]
        passwords = _furnish(product, url, rules)
        depot = Depot(product, "", url, ledger, SECRET, passwords)
        with depot.doors:
            open_doors(depot)
            yield depot


def cut_for_the_cloud(product: Product, folder: Path, *more: tuple[str, str]) -> Path:
    """The shipped template without what AutoCount's cloud interface does not take, as it says.

    Payments go at once here, not in the night.
    """
    product.run("init", str(folder), "--template", "orders-autocount")
    (folder / "goods.rules").unlink()
    for tests in folder.glob("*_test.rules"):
        tests.unlink()
    posting = folder / "posting.rules"
    text = posting.read_text("utf-8")
    for clause, instead in ((NOT_BY_THE_CLOUD, ""), (BY_NIGHT, "    immediately\n")):
        assert clause in text
        text = text.replace(clause, instead)
    posting.write_text(text, "utf-8")
    for name, added in more:
        (folder / name).write_text(added, "utf-8")
    return folder


def _furnish(product: Product, url: str, rules: Path) -> dict[str, str]:
    product.prepare()
    emails = [f"{role}@kedai.example" for role in ROLES]
    teams = [word for team in TEAMS for word in ("--team", team)]
    people = [
        ("user", "add", email, *COMPANY, "--role", role, *teams)
        for email, role in zip(emails, ROLES, strict=True)
    ]
    by_admin = (*COMPANY, "--as", ADMIN)
    settings = ("company_id=1042", "company_name=Cahaya Timur", "key_id=cp-demo")
    pairs = [f"base_url={url}", *settings, "locked_through=none", "price_decimals=4"]
    sets = [word for pair in pairs for word in ("--set", pair)]
    commands = [
        ("migrate",),
        ("company", "add", CURRENT_COMPANY, "--name", "Cahaya Timur"),
        *people,
        ("connection", "add", "intake", *by_admin, "--side", "source"),
        ("connection", "key", "intake", *by_admin),
        ("connection", "add", "autocount", *by_admin, "--side", "target", *TABLE, *sets),
        ("connection", "key", "autocount", *by_admin),
        ("connection", "test", "autocount", *by_admin),
        ("rules", "push", str(rules), *COMPANY, "--as", "consultant@kedai.example"),
        ("publish", "1", *COMPANY, "--as", "publisher@kedai.example"),
    ]
    count = len(people)
    ran = run_all(product, commands, {3 + count: SECRET, 5 + count: SIMULATOR_KEY})
    for words, one in zip(commands, ran, strict=True):
        assert one.code in (0, None), f"{words}\n{one.out}\n{one.err}"
    product.let_live()
    told = [one.out.split("only now: ")[1].split()[0] for one in ran[2 : 2 + count]]
    return dict(zip(emails, told, strict=True))


# ---- records ----


def day(before: int = 0) -> str:
    """The day in Malaysia on which the tests began, or so many days before."""
    return (BEGUN - timedelta(days=before)).date().isoformat()


def sale(number: str, qty: str = "10", price: str = "2.50", **changes: Any) -> Body:
    """An approved order of tissues, by the piece; its version says which edit it is."""
    version = changes.get("version", 1)
    total = f"{float(qty) * float(price):.2f}"
    line = {"pos": 1, "sku": "TISSUE-3P", "name": "Tissues", "uom": "PCS", "tax": "NONE"}
    return {
        "kind": "order",
        "number": number,
        "status": "approved",
        "version": version,
        "approved_version": version,
        "approved_by": "Mei Ling",
        "created_by": "Ali",
        "ordered_on": day(4),
        "customer": "K-210",
        "customer_name": f"Kedai {number}",
        "branch": "KL",
        "tax_total": "0.00",
        "total": total,
        "lines": [{**line, "qty": qty, "price": price}],
        **changes,
    }


def van(number: str, order: str, qty: str, **changes: Any) -> Body:
    """A confirmed delivery of so many pieces of an order."""
    line = {"pos": 1, "order_line": 1, "sku": "TISSUE-3P", "uom": "PCS", "qty": qty}
    return {
        "kind": "delivery",
        "number": number,
        "order_number": order,
        "status": "confirmed",
        "delivered_on": day(2),
        "customer": "K-210",
        "branch": "KL",
        "lines": [line],
        **changes,
    }


def purchase(number: str, price: str, **changes: Any) -> Body:
    """An approved purchase of ten tissues, by the piece."""
    line = {"pos": 1, "sku": "TISSUE-3P", "uom": "PCS", "tax": "NONE"}
    return {
        "kind": "purchase",
        "number": number,
        "status": "approved",
        "version": 1,
        "approved_version": 1,
        "approved_by": "Mei Ling",
        "created_by": "Suresh",
        "ordered_on": day(4),
        "supplier": "S-14",
        "branch": "KL",
        "tax_total": "0.00",
        "total": f"{10 * float(price):.2f}",
        "lines": [{**line, "qty": "10", "price": price}],
        **changes,
    }


def arrival(number: str, order: str, qty: str) -> Body:
    """So many pieces of a purchase came in."""
    line = {"pos": 1, "order_line": 1, "sku": "TISSUE-3P", "uom": "PCS", "qty": qty}
    return {
        "kind": "arrival",
        "number": number,
        "order_number": order,
        "status": "confirmed",
        "arrived_on": day(1),
        "supplier": "S-14",
        "branch": "KL",
        "lines": [line],
    }


def refund(number: str, order: str, status: str, **changes: Any) -> Body:
    """One piece's money, with its goods or without."""
    line = {"pos": 1, "order_line": 1, "sku": "TISSUE-3P", "uom": "PCS", "qty": "1"}
    return {
        "kind": "refund",
        "number": number,
        "order_number": order,
        "status": status,
        "refunded_on": day(1),
        "customer": "K-210",
        "customer_name": f"Kedai {order}",
        "branch": "KL",
        "total": "2.50",
        "lines": [{**line, "amount": "2.50", "tax": "NONE"}],
        **changes,
    }


def receipt(number: str, order: str, amount: str = "25.00", **changes: Any) -> Body:
    """Money that came in for an order yesterday."""
    return {
        "kind": "receipt",
        "number": number,
        "order_number": order,
        "status": "cleared",
        "received_on": day(1),
        "customer": "K-210",
        "method": "FPX",
        "bank_ref": f"FPX-{number}",
        "amount": amount,
        **changes,
    }


def channel(number: str, settled_on: str, **changes: Any) -> Body:
    """What a marketplace settled, and what it kept for itself."""
    return {
        "kind": "settlement",
        "number": number,
        "status": "approved",
        "supplier": "SHOPEE",
        "settled_on": settled_on,
        "gross": "5000.00",
        "fees": "-310.20",
        "refunds": "0.00",
        "net": "4689.80",
        **changes,
    }
