"""Every cell of the QuickBooks template's tables, read from its rules, as records that are posted
and then change.

Here: the cells as the rules have them, for each its records before and after, and what its answer
does. Not here: driving them (test_quickbooks_cells.py).
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from grammar import nodes
from grammar.parsing.parser import parse

Body = dict[str, Any]
OPEN_DAY, LOCKED_DAY, LOCKED_THROUGH = "2026-11-18", "2026-11-05", "2026-11-10"
AGES = {"<=": "71h", ">": "73h"}
PARENT = "Q900"
CHANGES: dict[str, dict[str, Body]] = {
    "order": {
        "prices": {"price": "2.37"},
        "goods": {"more": "1"},
        "heading": {"branch": "JB"},
        "consent": {"version": 2, "approved_version": 2, "approved_by": "Farid"},
        "rest": {"status": "Completed"},
        "not_ready": {"status": "Pending"},
        "cancel": {"status": "cancelled"},
    },
    "receipt": {
        "amounts": {"more": "1.00"},
        "rest": {"bank_ref": "FPX-NEW"},
        "not_ready": {"status": "Authorised"},
        "cancel": {"status": "Voided"},
    },
    "refund": {
        "amounts": {"more": "1.00"},
        "goods": {"status": "Refunded + Items Returned"},
        "not_ready": {"status": "open"},
        "cancel": {"status": "cancelled"},
    },
    "purchase": {
        "amounts": {"price": "2.00"},
        "heading": {"supplier": "S-02"},
        "consent": {"version": 3, "approved_version": 3},
        "rest": {"created_by": "Suresh"},
        "not_ready": {"status": "Received"},
        "cancel": {"status": "cancelled"},
    },
}
"""What changes in each group; a group that the rules have and this has not is not driven."""
NAMES = {"order": "{}-1", "receipt": "RC-{}", "refund": "RF-{}", "purchase": "B-{}"}


@dataclass(frozen=True)
class Cell:
    """One case of a table: the record, what changed, the period, the age of its e-invoice."""

    kind: str
    change: str
    period: str
    age: str
    answer: str


@dataclass(frozen=True)
class Story:
    """One cell with a record of its own: what is posted, and what then comes."""

    cell: Cell
    number: str
    before: Body
    after: Body

    @property
    def document(self) -> str:
        return NAMES[self.cell.kind].format(self.number)

    @property
    def effects(self) -> list[tuple[str, str]]:
        """What the answer does in QuickBooks, and nothing else."""
        kind = self.cell.answer.partition(" ")[0]
        if kind in ("update", "void"):
            return [("updated" if kind == "update" else "voided", self.document)]
        credited = [("created", f"CM-{self.document}")]
        if kind == "credit_and_new":
            return [*credited, ("created", f"{self.number}-2")]
        return credited if kind == "credit_note" else []

    @property
    def holds(self) -> list[tuple[str, str]]:
        """(team, code) of what waits for a person."""
        kind, _, team = self.cell.answer.partition(" ")
        if kind == "review":
            return [(team, "STL01")]
        return [("sales_admin", "STL02")] if kind == "block" else []

    @property
    def state(self) -> str:
        """What the record is afterwards."""
        back = self.cell.answer in ("void", "credit_note")
        return "held" if self.holds else "reversed" if back else "posted"


def cells(rules: dict[str, str]) -> Iterator[Cell]:
    """Every case that the tables tell apart; a `-` is each value that other rows name."""
    ruleset, broken = parse({name: text for name, text in rules.items() if "_test" not in name})
    assert broken == ()
    for edit in ruleset.edits:
        yield from _of(edit.record, edit.table, {group.name for group in edit.groups})
    for cancel in ruleset.cancels:
        for record in cancel.records:
            yield from _of(record.name, cancel.table, set())


def _of(kind: str, table: nodes.Table, groups: set[str]) -> Iterator[Cell]:
    every = {
        "changed": sorted({*groups, "not_ready"}),
        "period": ["locked", "open"],
        "e_invoice_age": sorted(AGES.values()),
        "money_back": ["no"],  # what was refunded is driven by itself, beside its refund
        "money_moved": ["no"],
        "paid_back": ["no"],
    }
    assert set(table.head) <= set(every), f"a new column of {kind}: {table.head}"
    for row in table.rows:
        assert isinstance(row.action, nodes.Action)
        values = [
            _values(cell, every[name]) for name, cell in zip(table.head, row.cells, strict=True)
        ]
        answer = " ".join(filter(None, (row.action.kind, row.action.role)))
        for found in itertools.product(*values):
            told = dict(zip(table.head, found, strict=True))
            if "yes" in (told.get("money_back"), told.get("money_moved"), told.get("paid_back")):
                continue
            change, age = told.get("changed", "cancel"), told.get("e_invoice_age", "")
            yield Cell(kind, change, told["period"], age, answer)


def _values(cell: nodes.Cell, every: list[str]) -> list[str]:
    if isinstance(cell, nodes.Any_):
        return every
    if isinstance(cell, nodes.Compared):
        return [AGES[cell.op]]
    return [_word(value) for value in cell.values]


def _word(value: nodes.Value) -> str:
    if isinstance(value, nodes.Literal):
        return "yes" if value.value is True else "no"
    return value.name


def stories(rules: dict[str, str]) -> list[Story]:
    """All cells, each with a record of its own."""
    told = []
    for at, cell in enumerate(cells(rules)):
        number, make = f"Q{at:03}", MAKERS[cell.kind]
        change = CHANGES[cell.kind][cell.change]
        before, after = (make(number, at, cell, some) for some in ({}, change))
        told.append(Story(cell, number, before, after))
    return told


def parent() -> Body:
    """The order that receipts and refunds belong to; it was sold before anything is given back."""
    return plain(PARENT, price="7000.00", ordered_on=LOCKED_DAY)


def plain(number: str, **change: str) -> Body:
    """An order that nothing holds."""
    return order(number, 0, Cell("order", "", "open", "", ""), change)


def order(number: str, at: int, cell: Cell, change: Body) -> Body:
    price = Decimal("10.00") + at + Decimal(change.get("price", "0"))
    quantity = 10 + int(change.get("more", "0"))
    amount = price * quantity
    return {
        "kind": "order",
        "number": number,
        "status": "Processing",
        "version": 1,
        "created_by": "Mei Ling",
        "ordered_on": _day(cell),
        "branch": "KL",
        "customer": "C-77",
        "customer_name": "Kedai Maju Sdn Bhd",
        "price_level": "TRADE",
        "currency": "MYR",
        "tin": "C22334455660",
        "subtotal": str(amount),
        "tax_total": str(amount / 10),
        "total": str(amount + amount / 10),
        "lines": [_goods(qty=str(quantity), price=str(price), tax="SST")],
        **_without(change, "price", "more"),
    }


def receipt(number: str, at: int, cell: Cell, change: Body) -> Body:
    return {
        "kind": "receipt",
        "number": number,
        "order_number": PARENT,
        "status": "Captured",
        "received_on": _day(cell),
        "customer": "C-77",
        "method": "FPX",
        "bank_ref": f"FPX-{number}",
        "amount": str(Decimal("20.00") + 3 * at + Decimal(change.get("more", "0"))),
        **_without(change, "more"),
    }


def refund(number: str, at: int, cell: Cell, change: Body) -> Body:
    amount = str(Decimal("5.00") + 3 * at + Decimal(change.get("more", "0")))
    return {
        "kind": "refund",
        "number": number,
        "order_number": PARENT,
        "status": "Refunded",
        "refunded_on": _day(cell),
        "customer": "C-77",
        "total": amount,
        "lines": [_goods(qty="1", amount=amount, tax="NONE")],
        **_without(change, "more"),
    }


def purchase(number: str, at: int, cell: Cell, change: Body) -> Body:
    price = Decimal("30.00") + at + Decimal(change.get("price", "0"))
    amount = price * 10
    return {
        "kind": "purchase",
        "number": number,
        "status": "Ready to Bill",
        "version": 2,
        "approved_version": 2,
        "approved_by": "Farid",
        "created_by": "Mei Ling",
        "ordered_on": _day(cell),
        "branch": "KL",
        "supplier": "S-01",
        "tax_total": str(amount / 10),
        "total": str(amount + amount / 10),
        "lines": [_goods(qty="10", price=str(price), tax="SST")],
        **_without(change, "price"),
    }


MAKERS: dict[str, Callable[[str, int, Cell, Body], Body]] = {
    "order": order,
    "receipt": receipt,
    "refund": refund,
    "purchase": purchase,
}


def _goods(**changed: str) -> Body:
    return {"pos": 1, "sku": "CUP-4", "name": "Tea cup", "uom": "PCS", **changed}


def _day(cell: Cell) -> str:
    return LOCKED_DAY if cell.period == "locked" else OPEN_DAY


def _without(change: Body, *names: str) -> Body:
    return {key: value for key, value in change.items() if key not in names}
