"""Orders that are changed, cancelled and delivered at random while the books keep silent or refuse:
what stands in the books in the end is what the orders say, wherever nobody is asked.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from connectors import registry
from holding.runs.dispatch import push_due
from tests.holding.life import Begun, Life
from tests.holding.posting.test_billing import NetShopWithParcels, in_parts
from tests.holding.posting.test_turns import VOID, with_receipts
from tests.holding.shop import FILES, RULES, line, order

pytestmark = pytest.mark.slow
SEEDS = range(3)
MOODS = ("", "", "", "silent", "away", "later")
RECEIPTS = (
    VOID
    + """
on edit of order for aiaccount.receipt
    money  = total, lines, customer, ordered_on
    other  = status, created_by
    | changed          | do                 |
    | money, not_ready | review by accounts |
    | other            | ignore             |
"""
)
PARTS = """
on edit of order for aiaccount.sales_invoice
    billed  = lines, total, ordered_on
    party   = customer
    rest    = status, created_by
    | changed    | do                  |
    | billed     | ignore              |
    | party      | update              |
    | overbilled | credit note and new |
    | not_ready  | review by accounts  |
    | rest       | ignore              |

on cancel of order for aiaccount.sales_invoice
    | period | do          |
    | -      | credit note |

post order to aiaccount.credit_note reversing aiaccount.sales_invoice as "CN-{reversed}"
    InvoiceNumber  = document_number
    InvoiceDate    = today
    Reason         = "Changed in the shop"
"""
NAMES = {"C-77": "Aisyah Rahman", "C-78": "Boon & Co"}


@dataclass
class Story:
    """What the shop told last of each order, and how much of it left in each parcel."""

    life: Life
    chance: Random
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    left: dict[str, dict[str, int]] = field(default_factory=dict)

    def sell(self, number: str, cartons: int, **given: Any) -> None:
        told = {"total": f"{96 * cartons}.00", "lines": [line(qty=str(cartons))], **given}
        self.orders[number] = told
        self.life.shop.receive(order(number, updated_at=self._now(), **told))
        self._go_on()

    def deliver(self, number: str, parcel: str, pieces: int) -> None:
        status = self.chance.choice(["left", "left", "left", "lost"])
        self.left.setdefault(number, {})[parcel] = pieces if status == "left" else 0
        lines = [{"pos": 1, "of_line": 1, "qty": str(pieces)}]
        body = {"number": f"{number}{parcel}", "order_no": number, "status": status}
        self.life.shop.receive_as(
            "parcel", body | {"left_on": "2026-11-19", "lines": lines}, stamp=self._now()
        )
        self._go_on()

    def end(self) -> None:
        """The books are well again, and time passes."""
        self.life.books.moods = []
        for _ in range(6):
            self.life.shop.clock.advance(7200)
            self.life.work()

    def standing(self, number: str, prefix: str = "") -> list[Any]:
        """The documents of an order that stand in the books: [fields, lines] of each."""
        books = self.life.books
        mine = [n for n in books.shelf if n.rpartition("-")[0] == f"{prefix}{number}"]
        there = [n for n in mine if not books.shelf[n].void and f"CN-{n}" not in books.shelf]
        return [json.loads(books.shelf[n].content) for n in there]

    def _now(self) -> str:
        self.life.shop.clock.advance(60)
        return self.life.shop.now.isoformat()

    def _go_on(self) -> None:
        """All that is due, or a part of it: the next change comes in between."""
        life = self.life
        life.books.moods = [self.chance.choice(MOODS) for _ in range(4)]
        far = self.chance.random()
        if far > 0.6:
            life.work()
            return
        life.shop.judge()
        if far > 0.3:
            push_due(
                life.desk.database,
                life.desk.clock,
                company_id=life.shop.company.id,
                owner="test",
                desk=life.desk,
            )


def told(story: Story, steps: int, step: Callable[[str], None]) -> list[str]:
    """So many random steps, and the orders about which nobody is asked in the end."""
    for _ in range(steps):
        step(f"A-{story.chance.randrange(4)}")
    story.end()
    return [number for number in story.orders if not story.life.held(number)]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_invoice_and_its_receipt_are_both_there_or_both_gone(
    begun: Begun, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    story = Story(with_receipts(begun, monkeypatch, RECEIPTS), Random(seed))
    pick = story.chance.choice

    def step(number: str) -> None:
        status = pick(["paid", "paid", "paid", "pending", "cancelled", "cancelled"])
        story.sell(number, pick([1, 2, 5, 6, 8, 10]), status=status)

    for number in told(story, 20, step):
        invoices, receipts = story.standing(number), story.standing(number, "RC-")
        last = story.orders[number]
        if last["status"] == "cancelled":
            assert (invoices, receipts) == ([], []), number
        if last["status"] == "paid":
            totals = [made["Total"] for made, _ in (*invoices, *receipts)]
            assert totals == [last["total"]] * 2, number


@pytest.mark.parametrize("seed", SEEDS)
def test_the_bills_of_an_order_come_to_what_left_of_it(
    begun: Begun, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(registry, "_SOURCES", (NetShopWithParcels(),))
    life = begun(FILES | {"shop.rules": in_parts(RULES) + PARTS})
    story = Story(life, Random(seed))
    pick = story.chance.choice

    def step(number: str) -> None:
        if story.chance.random() < 0.55:
            story.deliver(number, pick("xyz"), pick([10, 20, 40]))
        else:
            status, before = pick(["paid"] * 5 + ["cancelled"]), story.orders.get(number, {})
            least = int(Decimal(before.get("total", "96.00")) / 96)  # it only grows
            cartons = max(least, pick([1, 2, 3]))
            story.sell(number, cartons, status=status, customer=pick([*NAMES]))

    for number in told(story, 30, step):
        bills, last = story.standing(number), story.orders[number]
        lines = [row for _, rows in bills for row in rows]
        left = sum(story.left.get(number, {}).values())
        if last["status"] == "cancelled":
            assert bills == [], number
            continue
        assert sum(Decimal(row["Quantity"]) for row in lines) == left, number
        assert {made["Customer"] for made, _ in bills} <= {NAMES[last["customer"]]}, number
        if left == 40 * Decimal(last["lines"][0]["qty"]):
            total = Decimal(last["total"])
            assert sum(Decimal(row["LineTotal"]) for row in lines) == total, number
            assert sum(Decimal(made["Total"]) for made, _ in bills) == total, number
