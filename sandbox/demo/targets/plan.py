"""Plan the deliveries to the four companies of every target, and the expected documents."""

import base64
import csv
import hashlib
import hmac
import io
import json
import re
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from portal.starters.pairs import read_template
from portal.terminal.command_frame import Installation, Stop
from portal.terminal.processes import Children
from sandbox.demo import shop
from sandbox.demo.command import Settled, settle, wait
from sandbox.demo.generator import MALAYSIA, Month
from sandbox.demo.setup import SIMULATOR_KEY, Colleague, Sample
from sandbox.demo.shop import CENT, Order, cents

if TYPE_CHECKING:
    from sandbox.demo.generator import Hook
    from sandbox.demo.setup import Sample
    from sandbox.demo.shop import Order

READY: Final = ("paid", "packed", "Delivered", "Completed")

MOST: Final = Decimal("3000.00")  # above it somebody approves

RATE_ID: Final = 75

CANCELLED_EACH: Final = 40  # one of so many orders is cancelled after it was posted

WEEKS: Final = 4

_KNOWN: Final = {item.sku: item.tax for item in shop.ITEMS}

A_CALL: Final = 50  # orders

LIST: Final = "all-targets.json"

LOOK_SECONDS: Final = 0.5

_DAYS: Final = ("InvoiceDate", "ReceiptDate", "BillDate", "PaymentDate")

BLOGGERS: Final = tuple(f"B-{number}" for number in range(11, 19))

BUYER, WALK_IN = "59", "60"
"""Customers of QuickBooks: who buys for a business, and who walks in."""

_GONE: Final = "    | no       | open   | review by accounts |\n"

_BACK: Final = "    | no       | open   | credit note        |\n"

_CREDIT: Final = """
# The mirror of an invoice whose order was cancelled.
post order to autocount.credit_note reversing autocount.invoice as "CN-{reversed}"
    DocDate  = today
    Reason   = "Order cancelled"
"""

_ONCE: Final = (
    'post order to autocount.invoice as "{number}"\n',
    'post order to autocount.invoice as "{number}-{posting}"\n',
)
"""An invoice that may be taken back needs a number that may come again."""

_BOX: Final = "    1 BOX      = 12 PCS\n"

_HAMPER_AFTER: Final = '    1 CTN    of "TEA-EARL-100"  = 40 PCS\n'

_HAMPER: Final = '    1 BOX    of "GFT-HAMPER-L"  = 6 PCS\n'

_CARTONS: Final = (
    "    1 BOX                       = 12 PCS\n"
    "    1 CTN                       = 4 BOX\n"
    f"{_HAMPER_AFTER}{_HAMPER}"
)


@dataclass(frozen=True, slots=True, order=True)
class Wanted:
    """A document that a target must hold once: its day there, and its total."""

    target: str
    type: str
    number: str
    day: date
    total: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """The deliveries, and the documents that the targets must hold in the end."""

    orders: tuple[Order, ...]
    web: tuple[Order, ...]
    cancelled: tuple[Order, ...]
    settlements: tuple[Mapping[str, object], ...]
    purchases: tuple[Mapping[str, object], ...]
    wanted: tuple[Wanted, ...]


def plan(month: Month, today: date, most: int) -> Plan:
    """Return a plan with at most this many orders of the month, spread over its days."""
    plain = [order for order in _unchanged_orders(month) if _is_plain(order, today)]
    orders = _spread(plain, most)
    web = tuple(order for order in map(_convert_to_pieces, orders) if _has_equal_tax(order))
    cancelled = orders[:: max(2, min(CANCELLED_EACH, most // 2))]
    settlements = tuple(_settlements(today, most))
    purchases = tuple(_purchases(today, most))
    documents = (
        *(document for order in orders for document in _of_order(order)),
        *(Wanted("quickbooks", "invoice", f"WC-{o.id}", o.day, o.total) for o in web),
        *(
            Wanted("autocount", "credit_note", f"CN-{order.number}-1", today, order.total)
            for order in cancelled
        ),
        *(document for settlement in settlements for document in _of_settlement(settlement)),
        *(document for purchase in purchases for document in _of_purchase(purchase)),
    )
    return Plan(orders, web, cancelled, settlements, purchases, tuple(sorted(documents)))


def _spread(orders: Sequence[Order], most: int) -> tuple[Order, ...]:
    """Return at most this many orders, evenly from all days."""
    if len(orders) <= most:
        return tuple(orders)
    return tuple(orders[index * len(orders) // most] for index in range(most))


def _unchanged_orders(month: Month) -> Sequence[Order]:
    """Return the orders that came in the collected call of their day and never changed."""
    changed = {order.id for delivery in month.later for order in delivery.orders}
    calls = [delivery for delivery in month.first if delivery.event == "orders.collected"]
    return [order for call in calls for order in call.orders if order.id not in changed]


def _is_plain(order: Order, today: date) -> bool:
    """Check whether no rule of a template would hold the order."""
    return (
        order.status in READY
        and order.paid_at is not None
        and 2 <= (today - order.day).days <= 28
        and (order.customer in shop.CUSTOMERS or order.customer.code == shop.WALK_IN)
        and order.total <= MOST
        and order.said_tax is None
        and order.round_off == 0
        and order.approved_by is None
        and order.version == 1
        and order.currency == shop.CURRENCY
        and all(
            _KNOWN.get(line.sku) == line.tax
            and line.uom in ("PCS", "BOX", "CTN")
            and line.delivered is None
            and line.qty == line.qty.to_integral_value()
            for line in order.lines
        )
    )


def _convert_to_pieces(order: Order) -> Order:
    """Return the order as a shop without units sells it: a carton is one piece at its price."""
    return replace(order, lines=tuple(replace(line, uom="PCS") for line in order.lines))


def _has_equal_tax(order: Order) -> bool:
    """Check whether the tax on the sum equals the lines' tax: QuickBooks taxes the sum."""
    taxed = sum((line.amount for line in order.lines if line.tax == "SST"), Decimal(0))
    return cents(taxed * Decimal("0.10")) == order.tax_total


def _settlements(today: date, most: int) -> list[Mapping[str, object]]:
    """Return each blogger's earnings per week; the older half is paid."""
    settlements: list[Mapping[str, object]] = []
    for index, blogger in enumerate(BLOGGERS[: max(1, most // 10)]):
        for week in range(1, WEEKS + 1):
            last = today - timedelta(days=7 * week - 3)
            paid = datetime.combine(last + timedelta(days=2), datetime.min.time(), MALAYSIA)
            is_paid = week > WEEKS // 2
            settlements.append(
                {
                    "id": f"ST-{blogger[2:]}{week}",
                    "blogger": blogger,
                    "period": f"{last - timedelta(days=6)}/{last}",
                    "amount": str(Decimal(80 + 13 * index + 7 * week) + CENT * (index * 10 + week)),
                    "currency": shop.CURRENCY,
                    "status": "paid" if is_paid else "approved",
                    "paid_at": (paid + timedelta(hours=10)).isoformat() if is_paid else None,
                }
            )
    return settlements


def _purchases(today: date, most: int) -> list[Mapping[str, object]]:
    """Return each week's purchase orders; the newest week has not been delivered yet."""
    purchases: list[Mapping[str, object]] = []
    for week in range(WEEKS):
        for index, item in enumerate(shop.ITEMS[: max(1, most // 10)]):
            day = today - timedelta(days=7 * week + 2)
            ordered_at = datetime.combine(day, datetime.min.time(), MALAYSIA) + timedelta(hours=9)
            qty, price = 10 + index, cents(item.price / 2)
            line = {"pos": 1, "sku": item.sku, "name": item.name, "qty": qty, "price": str(price)}
            purchases.append(
                {
                    "id": f"PR-{week}{index:02}",
                    "number": f"PR-{week}{index:02}",
                    "status": "received" if week else "approved",
                    "ordered_at": ordered_at.isoformat(),
                    "items": [line],
                    "total": str(qty * price),
                }
            )
    return purchases


def _of_order(order: Order) -> tuple[Wanted, ...]:
    paid = (order.paid_at or order.ordered_at).astimezone(MALAYSIA).date()
    number, total = order.number, order.total
    delivered = order.status in READY[2:]
    return (
        Wanted("aiaccount", "sales_invoice", number, order.day, total),
        Wanted("aiaccount", "sales_receipt", f"RC-{number}", paid, total),
        Wanted("autocount", "invoice", f"{number}-1", order.day, total),
        Wanted("autocount_excel", "sales_order", f"CP-S-{number}", order.day, total),
        Wanted("autocount_excel", "ar_payment", f"CP-R-{number}", paid, total),
        *(
            (Wanted("autocount_excel", "delivery_order", f"CP-D-{number}", order.day, total),)
            if delivered
            else ()
        ),
    )


def _of_settlement(settlement: Mapping[str, object]) -> tuple[Wanted, ...]:
    number, total = str(settlement["id"]), Decimal(str(settlement["amount"]))
    day = date.fromisoformat(str(settlement["period"]).rpartition("/")[2])
    bills = (
        Wanted("aiaccount", "expense_bill", number, day, total),
        Wanted("autocount_excel", "ap_invoice", f"CP-B-{number}", day, total),
    )
    if settlement["paid_at"] is None:
        return bills
    paid = datetime.fromisoformat(str(settlement["paid_at"])).date()
    return (
        *bills,
        Wanted("aiaccount", "expense_payment", f"PV-{number}", paid, total),
        Wanted("autocount_excel", "ap_payment", f"CP-P-{number}", paid, total),
    )


def _of_purchase(purchase: Mapping[str, object]) -> tuple[Wanted, ...]:
    if purchase["status"] != "received":
        return ()
    day, total = (
        date.fromisoformat(str(purchase["ordered_at"])[:10]),
        Decimal(str(purchase["total"])),
    )
    number = f"CP-G-{purchase['number']}"
    return (Wanted("autocount_excel", "goods_received_note", number, day, total),)


def cancel_order(order: Order) -> Order:
    """Return the order as NetShop sends it when it is cancelled later."""
    return order.later(90, status="cancelled")


def web_order(order: Order) -> dict[str, object]:
    """Return the order in WooCommerce's format, without units and with moments in UTC."""
    lines = [
        {
            "id": 300 + line.pos,
            "name": line.name,
            "sku": line.sku,
            "product_id": 90 + line.pos,
            "variation_id": 0,
            "quantity": int(line.qty),
            "tax_class": "",
            "subtotal": f"{cents(line.qty * line.price):.2f}",
            "subtotal_tax": f"{line.tax_due:.2f}",
            "total": f"{line.amount:.2f}",
            "total_tax": f"{line.tax_due:.2f}",
            "taxes": [{"id": RATE_ID, "total": f"{line.tax_due:.2f}"}] if line.tax_due else [],
            "meta_data": [],
        }
        for line in order.lines
    ]
    discount = sum((line.discount or Decimal(0) for line in order.lines), Decimal(0))
    rate = {"rate_code": "MY-SST-1", "rate_id": RATE_ID, "label": "SST", "rate_percent": 10}
    walks_in = order.customer.code == shop.WALK_IN
    return {
        "id": order.id,
        "parent_id": 0,
        "number": str(order.id),
        "status": "completed" if order.status in READY[2:] else "processing",
        "currency": order.currency,
        "prices_include_tax": False,
        "customer_id": 0 if walks_in else int(order.customer.code.removeprefix("C-")),
        "billing": {"company": order.customer.name, "address_1": order.customer.address or ""},
        "payment_method": order.channel,
        "line_items": lines,
        "shipping_lines": [],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [],
        "tax_lines": [{**rate, "tax_total": f"{order.tax_total:.2f}"}] if order.tax_total else [],
        "discount_total": f"{discount:.2f}",
        "total_tax": f"{order.tax_total:.2f}",
        "total": f"{order.total:.2f}",
        "date_created_gmt": _utc(order.ordered_at),
        "date_paid_gmt": _utc(order.paid_at or order.ordered_at),
        "date_modified_gmt": _utc(order.updated_at),
    }


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


@dataclass(frozen=True, slots=True)
class Books:
    """A company, with the simulator of its target and that simulator's ledger."""

    settled: Settled
    url: str
    ledger: Path

    @property
    def target(self) -> str:
        """The name of its target."""
        return self.settled.sample.target


@dataclass(frozen=True, slots=True)
class Course:
    """The demo's run with four companies, one for each target, while their processes run."""

    place: Installation
    address: str
    books: Mapping[str, Books]
    plan: Plan

    def load(self, patience: float) -> None:
        """Send everything at once, wait until it is posted, then cancel the cancelled orders."""
        if not all(books.settled.is_new for books in self.books.values()):
            return
        self._store_expected_documents()
        for target in ("aiaccount", "autocount", "autocount_excel"):
            self._send(target, self.plan.orders, "month")
            if target != "autocount":
                self._send_records(target, "settlements", self.plan.settlements)
        self._send_records("autocount_excel", "purchases", self.plan.purchases)
        self._send_web()
        self._wait(patience)
        self._send("autocount", [cancel_order(order) for order in self.plan.cancelled], "gone")
        self._wait(patience)

    def _store_expected_documents(self) -> None:
        """Write the list of expected documents to the home folder, before anything is sent."""
        documents = [
            {**asdict(document), "day": str(document.day), "total": str(document.total)}
            for document in self.plan.wanted
        ]
        (self.place.settings.home / LIST).write_text(json.dumps(documents), "utf-8")

    def result(self) -> dict[str, object]:
        """Return, for each target, the comparison of its ledger with the expected documents."""
        return {
            name: compare_ledger(self.plan, name, books.ledger)
            for name, books in self.books.items()
        }

    def _send(self, target: str, orders: "tuple[Order, ...] | list[Order]", what: str) -> None:
        calls = []
        for first in range(0, len(orders), A_CALL):
            some = [order.wire() for order in orders[first : first + A_CALL]]
            raw = json.dumps({"event": "orders.collected", "orders": some}).encode()
            calls.append((f"evt_{target}_{what}_{first}", raw))
        self._hook(target).post(calls, self.place.now)

    def _send_records(
        self, target: str, what: str, records: Sequence[Mapping[str, object]]
    ) -> None:
        """Send NetShop's other records of one kind in one call."""
        raw = json.dumps({"event": f"{what}.collected", what: list(records)}).encode()
        self._hook(target).post([(f"evt_{target}_{what}", raw)], self.place.now)

    def _hook(self, target: str) -> "Hook":
        return self.books[target].settled.hook(self.place, self.address, "X-NS16")

    def _send_web(self) -> None:
        """Send one order per call, as WooCommerce does; its signature covers the body alone."""
        hook = self._hook("quickbooks")
        for order in self.plan.web:
            raw = json.dumps(web_order(order)).encode()
            digest = hmac.new(hook.secret.encode(), raw, hashlib.sha256).digest()
            headers = {
                "Content-Type": "application/json",
                "X-WC-Webhook-Topic": "order.updated",
                "X-WC-Webhook-Resource": "order",
                "X-WC-Webhook-Event": "updated",
                "X-WC-Webhook-Signature": base64.b64encode(digest).decode(),
                "X-WC-Webhook-ID": "12",
                "X-WC-Webhook-Delivery-ID": hashlib.sha256(raw).hexdigest()[:32],
            }
            _call(f"{hook.address}{hook.path}", raw, headers)

    def _wait(self, patience: float) -> None:
        """Wait until no work is due in any company and no file waits for a person."""
        limit = time.monotonic() + patience
        for books in self.books.values():
            if books.target != "autocount_excel":
                wait(self.place, books.settled.company_id, patience)
        while not self._at_desk():
            if time.monotonic() > limit:
                raise Stop(f"Files wait after {patience:.0f} seconds", "clearpost doctor")
            time.sleep(LOOK_SECONDS)

    def _at_desk(self) -> bool:
        """Import each waiting file as a person would, and return whether no work is left."""
        from sandbox.demo.targets import hand_import

        books = self.books["autocount_excel"]
        return hand_import.work_off(self.place, books.settled, books.url)


def _call(url: str, raw: bytes, headers: Mapping[str, str]) -> None:
    request = urllib.request.Request(url, raw, dict(headers))  # noqa: S310 - our own portal
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        answer.read()


def open_course(
    place: Installation,
    address: str,
    children: Children,
    home: Path,
    plan: Plan,
    *,
    withheld: int,
) -> Course:
    """Open the four companies with the simulators of their targets; portal and worker run
    already.
    """
    from sandbox.demo.generator import act_in_target
    from sandbox.demo.shop import ITEMS
    from sandbox.demo.targets import plan as samples

    def start(target: str, sample: "Callable[[str], Sample]", *words: str) -> Books:
        ledger = home / f"all-{target}.ledger"
        child = children.start(
            f"sandbox.simulators.{target}",
            *("--port", "0", "--ledger", str(ledger), "--home", str(home), *words),
            heard=True,
        )
        url = str(child.first_line()["url"])
        if target == "autocount":
            products = {item.sku: "PCS" for item in ITEMS}
            act_in_target(
                url, "book", debtors=["300-N001"], creditors=["400-N001"], products=products
            )
        return Books(settle(place, sample(url)), url, ledger)

    withhold_options = ("--withhold", str(withheld), "--seed", "7")
    pace_options = ("--calls-a-minute", "100000")
    books = (
        start(
            "aiaccount",
            samples.all_kinds,
            *withhold_options,
            "--company-name",
            "Kedai Harian Sdn Bhd",
        ),
        start("autocount", samples.cloud, *withhold_options, *pace_options),
        start("autocount_excel", samples.desktop),
        start("quickbooks", samples.web_shop, *withhold_options, *pace_options),
    )
    return Course(
        place, address, {company_books.target: company_books for company_books in books}, plan
    )


def compare_ledger(plan: Plan, target: str, ledger: Path) -> dict[str, object]:
    """Compare a ledger with the list of expected documents.

    Return counts of documents, withheld answers, lost, doubled and unexpected documents, and
    whether the totals of each day are equal.
    """
    expected = [document for document in plan.wanted if document.target == target]
    lines = [json.loads(line) for line in ledger.read_text("utf-8").splitlines()]
    created = [document for line in lines for document in _created_documents(target, line)]
    listed = {(document.type, document.number) for document in expected}
    count = Counter((document.type, document.number) for document in created)
    withheld = [
        entry
        for entry in lines
        if entry.get("effect") == "created" and entry.get("answer") == "withheld"
    ]
    return {
        "documents": len(expected),
        "withheld": len(withheld),
        "lost": len(listed - count.keys()),
        "doubled": sum(count.values()) - len(count),
        "strange": len(count.keys() - listed),
        "days alike": totals_by_day(created) == totals_by_day(expected),
    }


def _created_documents(target: str, line: Mapping[str, object]) -> Iterator[Wanted]:
    """Yield the document that a line of a ledger records as created."""
    if line.get("effect") != "created":
        return
    stored = line.get("document") or line["stands"]
    content = json.loads(stored) if isinstance(stored, str) else stored
    master = content.get("master", content) if isinstance(content, dict) else {}
    days = ("docDate", "TxnDate", "date", *_DAYS)
    day = next(str(master[name]) for name in days if name in master)
    yield Wanted(
        target,
        str(line["type"]),
        str(line["number"]),
        date.fromisoformat(day[:10]),
        Decimal(str(line["total"])),
    )


def totals_by_day(documents: "list[Wanted]") -> dict[tuple[str, date], Decimal]:
    """Return the totals of each document type on each day."""
    totals: defaultdict[tuple[str, date], Decimal] = defaultdict(Decimal)
    for document in documents:
        totals[document.type, document.day] += document.total
    return dict(totals)


def all_kinds(url: str) -> Sample:
    """Return AiAccount's four document types, from NetShop; they are posted at once, not at
    night.
    """
    customer_rows = [(row.code, row.tin, row.name) for row in shop.CUSTOMERS]
    files = _starter("netshop-aiaccount-daily") | {
        "maps/debtors.csv": _table(
            "customer tin debtor", [*customer_rows, (shop.WALK_IN, "", "Cash sales")]
        ),
        "maps/items.csv": _table("sku item", [(row.sku, row.sku) for row in shop.ITEMS]),
        "maps/channels.csv": _table(
            "channel account", [(row, "12000") for row in sorted({*shop.CHANNELS})]
        ),
        "maps/bloggers.csv": _table("blogger supplier payee", _payees()),
    }
    files["names.rules"] = files["names.rules"].replace(_HAMPER_AFTER, _HAMPER_AFTER + _HAMPER)
    files["posting.rules"] = re.sub(r"    daily .*", "    immediately", files["posting.rules"])
    name = "Kedai Harian Sdn Bhd"
    settings = {
        "base_url": url,
        "app_url": url,
        "company_id": shop.TARGET_COMPANY,
        "company_name": name,
    }
    return _sample("harian", name, "netshop aiaccount", SIMULATOR_KEY, settings, files)


def _starter(word: str) -> dict[str, str]:
    """Return a template without its tests, which use the template's own sample names."""
    files = read_template(word)
    return {path: text for path, text in files.items() if not path.endswith("_test.rules")}


def _table(names: str, rows: Iterable[Sequence[str | None]]) -> str:
    """Return a CSV file with these columns."""
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\n")
    sheet.writerow(names.split())
    sheet.writerows(rows)
    return out.getvalue()


def _payees() -> list[tuple[str, str, str]]:
    return [(blogger, f"Blogger {blogger[2:]}", f"Blogger {blogger[2:]}") for blogger in BLOGGERS]


def _sample(
    code: str,
    name: str,
    pair: str,
    key: str,
    settings: Mapping[str, object],
    files: Mapping[str, str],
) -> Sample:
    source, target = pair.split()
    return Sample(
        code=code,
        name=name,
        source=source,
        target=target,
        key=key,
        settings=settings,
        people=_people(code),
        title=f"The month of {name}",
        files=files,
    )


def _people(code: str) -> Sequence[Colleague]:
    """Return the fewest people that a company needs for four-eyes approval."""
    return (
        Colleague("finance", "Nurul Huda", ("accounts", "sales_admin", "tax_desk"), company=code),
        Colleague("consultant", "Chen Li Na", company=code),
        Colleague("publisher", "Joseph Anak Belaga", company=code),
        Colleague("admin", "Kamala Devi", ("it_support",), company=code),
    )


def cloud(url: str) -> Sample:
    """Return AutoCount's invoices from NetShop, and credit notes for cancelled orders."""
    starter = _starter("netshop-autocount")
    files = starter | {
        "maps/debtors.csv": _table(
            "channel debtor", [(row, "300-N001") for row in sorted({*shop.CHANNELS})]
        ),
        "maps/tins.csv": "tin,debtor\n",
        "maps/items.csv": _table("sku item", [(row.sku, row.sku) for row in shop.ITEMS]),
        "names.rules": starter["names.rules"].replace(_BOX, _CARTONS),
        "posting.rules": starter["posting.rules"].replace(*_ONCE) + _CREDIT,
        "changes.rules": starter["changes.rules"].replace(_GONE, _BACK),
    }
    name = "Kedai Awan Sdn Bhd"
    settings = {
        "base_url": url,
        "company_id": "1042",
        "company_name": name,
        "key_id": "cp-demo",
        "quantity_decimals": "4",  # as the book of the stand-in keeps them
        "price_decimals": "4",
        "locked_through": "none",
    }
    return _sample("awan", name, "netshop autocount", "acc_demo_9Tq4Lx", settings, files)


def desktop(_url: str) -> Sample:
    """Return AutoCount's receipts, bills and payments from NetShop, in files for a person to
    import.
    """
    text = Path(__file__).with_name("desktop.rules").read_text("utf-8")
    settings = {"company_id": "meja", "number_prefix": "CP-", "locked_through": "none"}
    source = "netshop autocount_excel"
    return _sample("meja", "Kedai Meja Sdn Bhd", source, "", settings, {"desktop.rules": text})


def web_shop(url: str) -> Sample:
    """Return QuickBooks invoices from WooCommerce."""
    customer_rows = [(item.code.removeprefix("C-"), BUYER) for item in shop.CUSTOMERS]
    items = [
        (item.sku, "12" if item.sku.startswith("CUP-") else "11", "PCS") for item in shop.ITEMS
    ]
    files = _starter("woocommerce-quickbooks") | {
        "maps/customers.csv": _table("customer id", [*customer_rows, ("guest", WALK_IN)]),
        "maps/items.csv": _table("sku id unit", items),
        "maps/tins.csv": "customer,tin,id\n",
    }
    settings = {
        "base_url": url,
        "company_id": "9130347",
        "client_id": "AB-clearpost-app",
        "token_url": f"{url}/oauth2/v1/tokens/bearer",
    }
    key = "qbo-client-3Rk9:qbo-refresh-5Mx8-0"
    name = "Kedai Jaring Sdn Bhd"
    return _sample("jaring", name, "woocommerce quickbooks", key, settings, files)
