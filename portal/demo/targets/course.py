"""The month in every target at once: four companies, their stand-ins, the driver, and the counts.

Here: what is started, sent and done by a person, and what the stand-ins' own ledgers hold beside
the driver's list. Not here: who the companies are (samples.py), what is sent (plan.py).
"""

import base64
import hashlib
import hmac
import json
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from portal.demo.company import Settled, settle
from portal.demo.depot_company import wait
from portal.demo.targets.plan import Plan, Wanted, gone, web_order
from portal.terminal.command_frame import Office, Stop
from portal.terminal.processes import Children

if TYPE_CHECKING:
    from portal.demo.load import Hook
    from portal.demo.order import Order
    from portal.demo.setup import Sample

A_CALL: Final = 50  # orders
LIST: Final = "all-targets.json"
LOOK_SECONDS: Final = 0.5
_DAYS: Final = ("InvoiceDate", "ReceiptDate", "BillDate", "PaymentDate")


@dataclass(frozen=True, slots=True)
class Books:
    """A company, and the stand-in of its target with its ledger."""

    settled: Settled
    url: str
    ledger: Path

    @property
    def target(self) -> str:
        """The name of its target."""
        return self.settled.sample.target


@dataclass(frozen=True, slots=True)
class Course:
    """The four companies while their processes run."""

    place: Office
    address: str
    books: Mapping[str, Books]
    plan: Plan

    def load(self, patience: float) -> None:
        """Send everything at once, work it off, then cancel what is cancelled."""
        if not all(each.settled.is_new for each in self.books.values()):
            return
        self._write_down()
        for target in ("aiaccount", "autocount", "autocount_excel"):
            self._send(target, self.plan.orders, "month")
            if target != "autocount":
                self._tell(target, "settlements", self.plan.settlements)
        self._tell("autocount_excel", "purchases", self.plan.purchases)
        self._send_web()
        self._wait(patience)
        self._send("autocount", [gone(order) for order in self.plan.cancelled], "gone")
        self._wait(patience)

    def _write_down(self) -> None:
        """The driver's own list, before anything is sent."""
        told = [
            {**asdict(one), "day": str(one.day), "total": str(one.total)}
            for one in self.plan.wanted
        ]
        (self.place.settings.home / LIST).write_text(json.dumps(told), "utf-8")

    def result(self) -> dict[str, object]:
        """Of each target, its ledger beside the driver's own list."""
        return {name: compared(self.plan, name, one.ledger) for name, one in self.books.items()}

    def _send(self, target: str, orders: "tuple[Order, ...] | list[Order]", what: str) -> None:
        calls = []
        for first in range(0, len(orders), A_CALL):
            some = [order.wire() for order in orders[first : first + A_CALL]]
            raw = json.dumps({"event": "orders.collected", "orders": some}).encode()
            calls.append((f"evt_{target}_{what}_{first}", raw))
        self._hook(target).post(calls, self.place.now)

    def _tell(self, target: str, what: str, records: Sequence[Mapping[str, object]]) -> None:
        """What NetShop tells beside orders, all at once."""
        raw = json.dumps({"event": f"{what}.collected", what: list(records)}).encode()
        self._hook(target).post([(f"evt_{target}_{what}", raw)], self.place.now)

    def _hook(self, target: str) -> "Hook":
        return self.books[target].settled.hook(self.place, self.address, "X-NS16")

    def _send_web(self) -> None:
        """An order a call, as WooCommerce does; its signature is over the body alone."""
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
        """Until nothing is due in any company, and no file waits for a person."""
        limit = time.monotonic() + patience
        for each in self.books.values():
            if each.target != "autocount_excel":
                wait(self.place, each.settled.company_id, patience)
        while not self._at_desk():
            if time.monotonic() > limit:
                raise Stop(f"Files wait after {patience:.0f} seconds", "clearpost doctor")
            time.sleep(LOOK_SECONDS)

    def _at_desk(self) -> bool:
        """A person imports each file, and compares AutoCount's listing; whether all is done."""
        from portal.demo.targets import hand_import

        books = self.books["autocount_excel"]
        return hand_import.work_off(self.place, books.settled, books.url)


def open_course(
    place: Office,
    address: str,
    children: Children,
    home: Path,
    plan: Plan,
    *,
    withheld: int,
) -> Course:
    """The four companies with the stand-ins of their targets; portal and worker run already."""
    from portal.demo.load import there
    from portal.demo.shop import ITEMS
    from portal.demo.targets import samples

    def start(target: str, sample: "Callable[[str], Sample]", *words: str) -> Books:
        ledger = home / f"all-{target}.ledger"
        child = children.start(
            f"connectors.simulators.{target}",
            *("--port", "0", "--ledger", str(ledger), "--home", str(home), *words),
            heard=True,
        )
        url = str(child.first_line()["url"])
        if target == "autocount":
            products = {item.sku: "PCS" for item in ITEMS}
            there(url, "book", debtors=["300-N001"], creditors=["400-N001"], products=products)
        return Books(settle(place, sample(url)), url, ledger)

    kept = ("--withhold", str(withheld), "--seed", "7")
    many = ("--calls-a-minute", "100000")
    books = (
        start("aiaccount", samples.all_kinds, *kept, "--company-name", "Kedai Harian Sdn Bhd"),
        start("autocount", samples.cloud, *kept, *many),
        start("autocount_excel", samples.desktop),
        start("quickbooks", samples.web_shop, *kept, *many),
    )
    return Course(place, address, {one.target: one for one in books}, plan)


def compared(plan: Plan, target: str, ledger: Path) -> dict[str, object]:
    """What a ledger holds beside the list: documents, answers withheld, what was lost or doubled,
    and whether the totals of each day are the same.
    """
    wanted = [one for one in plan.wanted if one.target == target]
    lines = [json.loads(line) for line in ledger.read_text("utf-8").splitlines()]
    made = [one for line in lines for one in _made(target, line)]
    listed = {(one.type, one.number) for one in wanted}
    count = Counter((one.type, one.number) for one in made)
    withheld = [x for x in lines if x.get("effect") == "created" and x.get("answer") == "withheld"]
    return {
        "documents": len(wanted),
        "withheld": len(withheld),
        "lost": len(listed - count.keys()),
        "doubled": sum(count.values()) - len(count),
        "strange": len(count.keys() - listed),
        "days alike": by_day(made) == by_day(wanted),
    }


def by_day(documents: "list[Wanted]") -> dict[tuple[str, date], Decimal]:
    """The totals of each type on each day."""
    found: defaultdict[tuple[str, date], Decimal] = defaultdict(Decimal)
    for one in documents:
        found[one.type, one.day] += one.total
    return dict(found)


def _made(target: str, line: Mapping[str, object]) -> Iterator[Wanted]:
    """The document that a line of a ledger says was made."""
    if line.get("effect") != "created":
        return
    held = line.get("document") or line["stands"]
    stands = json.loads(held) if isinstance(held, str) else held
    master = stands.get("master", stands) if isinstance(stands, dict) else {}
    days = ("docDate", "TxnDate", "date", *_DAYS)
    day = next(str(master[name]) for name in days if name in master)
    yield Wanted(
        target,
        str(line["type"]),
        str(line["number"]),
        date.fromisoformat(day[:10]),
        Decimal(str(line["total"])),
    )


def _call(url: str, raw: bytes, headers: Mapping[str, str]) -> None:
    asked = urllib.request.Request(url, raw, dict(headers))  # noqa: S310 - our own portal
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
        answer.read()
