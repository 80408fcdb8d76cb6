"""What stands in the target: read back, watched, found when it was typed there by hand.

One company posts to AutoCount, where people work in the documents, and to AiAccount; a test moves
its clock and lets a worker run.
"""

import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance import typed_in_aiaccount
from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.many import run_all
from tests.acceptance.orders import buyer, clean, later, priced
from tests.acceptance.paid_by_hand import found_and_linked
from tests.acceptance.parts import Part, answers, read, state
from tests.acceptance.product import (
    ADMIN,
    APPROVER,
    CURRENT_COMPANY,
    FINANCE,
    House,
    Product,
    Visitor,
    free_environment,
)
from tests.acceptance.quiet import BASE, ask_target, record, work
from tests.support.simulator import ledger_lines

RULES = Path(__file__).with_name("watched.rules")
KEY = ("cp-demo", "acc_demo_9Tq4Lx")
HOUR = 3600


@dataclass
class Watch:
    """The company, its AutoCount, and how far its clock was moved."""

    house: House
    books: str
    ledger: Path
    moved: float = 0.0

    def goes_by(self, seconds: float) -> None:
        """Time passes, and a worker does what is due then."""
        self.moved += seconds
        self.house.product.shift_clock(self.moved)
        work(self.house)

    def there(self, act: str, **given: Any) -> None:
        """What somebody does in AutoCount itself."""
        answer = requests.post(f"{self.books}/_sim/{act}", json=given, timeout=10)
        assert answer.ok, answer.text

    def effects(self, number: str) -> list[str]:
        """What AutoCount's own ledger says was done to a document."""
        lines = ledger_lines(self.ledger)
        done = ("created", "updated", "voided")
        return [
            one["effect"] for one in lines if one.get("number") == number and one["effect"] in done
        ]

    def post(self, number: int, **changes: Any) -> dict[str, Any]:
        """An order that is posted and read back."""
        order = clean(number, **changes)
        self.deliver(order)
        work(self.house)
        return order

    def deliver(self, order: dict[str, Any]) -> None:
        """A delivery that is signed by the clock of the house."""
        raw = json.dumps({"event": "order.updated", "orders": [order]}).encode()
        key = f"evt_{order['id']}_{order['version']}"
        answer = self.house.post_hook(raw, event_id=key, at=time.time() + self.moved)
        assert answer.status_code == 202, answer.text

    def page(self, number: int, tab: str = "seven") -> Part:
        """A tab of the record page."""
        return record(self.house.visitor(FINANCE), number, tab)

    def row(self, number: int, document: str) -> Part:
        """The row of a document of an order, on its record page."""
        rows = self.page(number).all("tr", role="row")
        return next(
            one for one in rows if any(c.text == document for c in one.all("span", cls="mono"))
        )

    def posting(self, number: int, document: str) -> str:
        """The state of a document of an order."""
        return self.row(number, document).one("span", cls="chip").text

    def found(self, number: int) -> list[str]:
        """What the open exceptions of an order say, each on its own page."""
        finance = self.house.visitor(FINANCE)
        panes = [read(finance.get(page)) for page in hold_pages(finance, number)]
        return [
            " ".join(
                part.text for part in (pane.one("h1"), *pane.one("div", cls="out").all("p")[:1])
            )
            for pane in panes
        ]


@pytest.fixture(scope="module")
def watch(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    folder = tmp_path_factory.mktemp("watch")
    rules = folder / "watched"
    rules.mkdir()
    shutil.copy(RULES, rules)
    product = Product(command, folder, free_environment())
    ledger = folder / "autocount.jsonl"
    # Days of the moved clock pass within a minute of AutoCount's own, so its limit is raised.
    unlimited = ("--calls-a-minute", "10000")
    words = ("simulate", "autocount", "--port", "0", "--ledger", str(ledger), *unlimited)
    with quiet(product, rules) as house, product.started(*words) as target:
        assert target.stdout
        url = json.loads(target.stdout.readline())["url"]
        given = {"base_url": url, "company_id": "1042", "key_id": KEY[0], "locked_through": "none"}
        pairs = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
        by = (*COMPANY, "--as", ADMIN)
        done = run_all(
            product,
            [
                ("connection", "add", "autocount", *by, "--side", "target", *pairs),
                ("connection", "key", "autocount", *by),
                ("connection", "test", "autocount", *by),
            ],
            said={1: KEY[1]},
        )
        assert [one.code in (0, None) for one in done] == [True] * 3, done
        yield Watch(house, url, ledger)


def test_F28_what_it_says(watch: Watch) -> None:
    watch.post(2801)
    watch.there("by_hand", number="NS-2801-1", master={"remark1": "Gift card enclosed"})
    watch.goes_by(25 * HOUR)
    page = watch.page(2801, "trace")
    assert "remark1 is Gift card enclosed there" in page.text
    assert (watch.posting(2801, "NS-2801-1"), watch.found(2801)) == ("Posted", [])
    watch.there("by_hand", number="NS-2801-1", details=[{"unitPrice": 6}])
    watch.goes_by(25 * HOUR)
    (said,) = watch.found(2801)
    told = "NS-2801-1 was changed in the accounting system: line 1 UnitPrice 5.00 is 6 there"
    assert told in said, said
    assert "FinalTotal 10.00 is 12 there" in said
    assert "Remark1" not in said
    (pane,) = hold_pages(watch.house.visitor(FINANCE), 2801)
    table = read(watch.house.visitor(FINANCE).get(pane)).one("table", cls="beside")
    beside = [[cell.text for cell in row.all("td")] for row in table.all("tr", role="row")]
    assert beside == [
        ["line 1 UnitPrice", "5.00", "6, differs"],
        ["FinalTotal", "10.00", "12, differs"],
        ["Remark1 theirs", "Web shop", "Gift card enclosed"],
    ]
    look = watch.row(2801, "NS-2801-1").one("a").attributes["href"]
    changed = answers(read(watch.house.visitor(FINANCE).get(look)))[5]
    assert changed.startswith("Yes, since version 1 was sent: in AutoCount, seen "), changed
    assert ", changed by ADMIN: " in changed
    watch.goes_by(25 * HOUR)
    assert watch.found(2801) == [said]
    assert watch.effects("NS-2801-1") == ["created"]


def test_G05_whether_it_was_changed_after_sync(watch: Watch) -> None:
    """By its source, once carried on and once too late to count, and by hand in the target."""
    order = watch.post(501)
    assert _changed(watch, 501) == ("No. Version 1 is the latest version.", [])
    watch.deliver(later(order, customer=buyer(501, name="Warung Mekar")))
    work(watch.house)
    updated = (
        "Yes, since version 1 was sent: version 2 at <then> from NetShop:"
        " customer name: Buyer 501 → Warung Mekar;"
        " NS-501-1 updated in AutoCount at <then> with version 2"
    )
    assert _changed(watch, 501) == (f"{updated}.", [])
    assert watch.effects("NS-501-1") == ["created", "updated"]
    watch.deliver(later(order, minutes=-9, version=3, customer=buyer(501, name="Warung")))
    work(watch.house)
    late = "version 3 at <then> from NetShop came late: older than what was known, not checked"
    assert _changed(watch, 501) == (f"{updated}; {late}.", [])
    watch.there(
        "by_hand", number="NS-501-1", by="SITI", details=[{"description": "Glass, chipped"}]
    )
    watch.goes_by(25 * HOUR)
    text, red = _changed(watch, 501)
    there = "in AutoCount, seen <then>, changed by SITI: "
    assert text.startswith(f"{updated}; {late}; {there}")
    assert text.endswith(
        "description of line 1 is Glass, chipped there, not Kopitiam glass, 200 ml."
    )
    assert red == [text]


def _changed(watch: Watch, number: int) -> tuple[str, list[str]]:
    """The answer, and what of it is red, with <then> for each moment."""
    look = watch.row(number, f"NS-{number}-1").one("a").attributes["href"]
    page = read(watch.house.visitor(FINANCE).get(look))
    red = [part.text for part in page.one("li", id="answer_5").all("span", cls="t-bad")]
    return _then(answers(page)[5]), [_then(text) for text in red]


def _then(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "<then>", text)


def test_G19_what_it_says(watch: Watch) -> None:
    order = watch.post(1901)
    watch.there("by_hand", number="NS-1901-1", details=[{"description": "Glass, chipped"}])
    watch.deliver(later(order, items=priced("8.00")))
    for hours in (0, 1, 25):
        watch.goes_by(hours * HOUR)
    theirs, ours = sorted(watch.found(1901), key=lambda said: "amounts changed" in said)
    assert "line 1 DtlDescription Kopitiam glass, 200 ml is Glass, chipped there" in theirs
    assert "NS-1901-1 is posted, but amounts changed" in ours
    assert watch.effects("NS-1901-1") == ["created"]


def test_F13_what_it_says(watch: Watch) -> None:
    orders = {minutes: watch.post(1300 + minutes) for minutes in (1, 2)}
    valid = time.time() + watch.moved + 8 * HOUR
    for minutes, order in orders.items():
        told = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(valid + minutes * 60))
        head = {"eInvoiceValidatedTimeStamp": told}
        watch.there("by_hand", number=f"{order['number']}-1", master=head)
    watch.goes_by(
        72 * HOUR + 90
    )  # the first was valid 72 h and 30 s ago, the second half a minute less
    for order in orders.values():
        watch.deliver(later(order, status="cancelled"))
    work(watch.house)
    assert watch.effects("NS-1302-1") == ["created", "voided"]
    assert watch.effects("NS-1301-1") == ["created"]
    assert watch.effects("CN-NS-1301-1") == ["created"]


def test_E23_what_it_says(watch: Watch) -> None:
    for number, fault in ((2301, "silent_drop"), (2302, "wrong_company")):
        ask_target(watch.house, "faults", fault=fault)
        watch.post(number, channel="SHOPEE")
    watch.goes_by(40)
    for number in (2301, 2302):
        page = watch.page(number)
        assert state(page) == "On hold", page.text[:600]
        assert "Unconfirmed" in page.text
        assert (
            f"accepted NS-{number}, but NS-{number} is not there (company CMP-1042)." in page.text
        )
    assert watch.found(2301) != []
    made = [c for c in watch.house.calls() if c["effect"] == "created"]
    assert [(c["number"], c["company"]) for c in made] == [("NS-2302", "CMP-2001")]

    watch.deliver(clean(2303))
    work(watch.house, env={"CLEARPOST_SETTLE_SECONDS": "30"})
    assert watch.posting(2303, "NS-2303-1") == "Posted", "as far as the answer says"
    watch.there("by_hand", number="NS-2303-1", details=[{"unitPrice": 6}])
    watch.goes_by(40)
    (said,) = watch.found(2303)
    assert "FinalTotal 10.00 is 12 there" in said
    page = watch.page(2303)
    assert state(page) == "On hold"


# ---- typed there by hand ----


def typed(number: str, order: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The invoice of an order as somebody types it into AutoCount, under a number of its own."""
    head = {
        "docNo": number,
        "docDate": order["ordered_at"][:10],
        "debtorCode": "300-W001",
        "debtorName": "Web customer",
        "creditTerm": "C.O.D.",
        "salesLocation": "HQ",
    }
    row = {"accNo": "500-0000", "description": "Two glasses", "qty": 1, "unitPrice": 10}
    return {"master": {**head, **changes}, "details": [row]}


def hold_pages(visitor: Visitor, number: int) -> list[str]:
    """The addresses of the open exceptions of an order."""
    name = f"NS-{number}"
    listing, found = read(visitor.get(f"{BASE}/holding?q={name}")), []
    for group in listing.all("details", cls="group"):
        key = group.attributes["id"].removeprefix("group_")
        opened = read(visitor.get(f"{BASE}/holding?q={name}&open={key}"))
        found += [a.attributes["href"] for a in opened.all("a", cls="strong") if a.text == name]
    return found


def decide(visitor: Visitor, page: str, act: str, reason: str) -> None:
    """Send the form of one act on the page of an exception."""
    forms = read(visitor.get(page)).all("form", cls="act")
    form = next(one for one in forms if one.attributes["action"].endswith(f"/{act}"))
    path = form.attributes["action"]
    answer = visitor.session.post(
        visitor.address + path,
        {**form.fields(), "reason": reason},
        headers={"Referer": visitor.address + path},
        timeout=30,
    )
    assert answer.ok, answer.text[:800]


def test_C23_what_it_says(watch: Watch, product: Product) -> None:
    order = clean(2311)
    watch.there("typed", body=typed("IV-000077", order))
    watch.deliver(order)
    work(watch.house)
    approver = watch.house.visitor(APPROVER)
    (page,) = hold_pages(approver, 2311)
    pane = read(approver.get(page))
    assert "possible_manual_entry" in pane.text
    assert "AutoCount already has IV-000077 for 300-W001 over RM 10.00" in pane.text
    assert watch.effects("NS-2311-1") == []

    decide(approver, page, "link", "Typed by Mei Ling before the order came over")
    watch.goes_by(25 * HOUR)
    assert (watch.posting(2311, "IV-000077"), watch.found(2311)) == ("Posted", [])
    assert (watch.effects("NS-2311-1"), watch.effects("IV-000077")) == ([], ["created"])
    assert watch.house.product.json("invariants", "--json")[CURRENT_COMPANY]["breaches"] == []
    told = watch.page(2311, "trace").text
    assert (
        "approver linked NS-2311-1 to IV-000077 in the accounting system: Typed by Mei Ling" in told
    )
    typed_in_aiaccount.found_and_linked(watch)
    found_and_linked(product)


def test_C14_what_it_says(watch: Watch) -> None:
    approver = watch.house.visitor(APPROVER)
    pages = {}
    for number in (1401, 1402, 1403):
        order = clean(number, items=priced(f"{number}.00"))
        body = typed(f"IV-{number}", order, ref="telephone")
        body["details"][0]["unitPrice"] = number
        watch.there("typed", body=body)
        watch.deliver(order)
        work(watch.house)
        (pages[number],) = hold_pages(approver, number)
    table = read(approver.get(pages[1401])).one("table", cls="beside")
    heads = [cell.text for cell in table.all("th")]
    assert heads[1:] == ["Clearpost (not sent): NS-1401-1", "In AutoCount: IV-1401"]
    shown = {
        cells[0].text: cells for cells in (row.all("td") for row in table.all("tr", role="row"))
    }
    assert [cell.text for cell in shown["Ref"][1:]] == ["NS-1401", "telephone, differs"]
    assert [cell.text for cell in shown["FinalTotal"][1:]] == ["1401.00", "1401.00"]
    acts = [
        form.attributes["action"].rpartition("/")[2]
        for form in read(approver.get(pages[1401])).all("form", cls="act")
    ]
    assert {"link", "reject", "release"} <= set(acts)

    _only_an_approver_lets_a_second_one_be_made(watch, pages[1402])
    decide(approver, pages[1401], "reject", "The same, nothing to do")
    decide(approver, pages[1402], "release", "A second order on the telephone")
    decide(approver, pages[1403], "link", "Typed by Siti from the fax")
    watch.goes_by(60)
    assert (watch.posting(1401, "NS-1401-1"), watch.effects("NS-1401-1")) == (
        "Not posted (rejected)",
        [],
    )
    assert (watch.posting(1402, "NS-1402-1"), watch.effects("NS-1402-1")) == ("Posted", ["created"])
    assert (watch.posting(1403, "IV-1403"), watch.effects("NS-1403-1")) == ("Posted", [])
    assert "linked NS-1403-1 to IV-1403" in watch.page(1403, "trace").text
    assert "The same, nothing to do" in watch.page(1401, "trace").text
    released = "(possible manual entry): A second order on the telephone"
    assert released in watch.page(1402, "trace").text


def _only_an_approver_lets_a_second_one_be_made(watch: Watch, page: str) -> None:
    """Who may not approve is refused, on the page and at the door; nothing is made of it."""
    finance = watch.house.visitor(FINANCE)
    shown = finance.get(page)
    answer = finance.post(f"{page}/release", shown, reason="It is another one")
    assert answer.status_code == 403, answer.text[:800]
    watch.goes_by(60)
    assert watch.effects("NS-1402-1") == []
    assert len(watch.found(1402)) == 1
