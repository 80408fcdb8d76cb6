"""Every cell of the AutoCount template's tables, as records that are posted and then change.

Here: for each cell its records, before and after, and the effects that its answer has. Not here:
the cells and their answers (autocount_cells.py), driving them (test_edits.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.acceptance.autocount_cells import TABLE, Cell, cells, fits
from tests.acceptance.depot import (
    Body,
    arrival,
    channel,
    day,
    purchase,
    receipt,
    refund,
    sale,
    van,
)

KINDS = (
    *("order to invoice", "purchase", "refund", "receipt"),
    *("settlement", "settlement payment"),
)
"""Those whose documents AutoCount's cloud interface takes."""
LOCKED_THROUGH = 10  # days ago
PARENT = "4000"
_DELIVERED = {"none": "10", "partly": "6", "whole": "10"}
Effects = list[tuple[str, str]]


@dataclass(frozen=True)
class Story:
    """One cell: what is posted, what then comes, and the one answer that it must get."""

    kind: str
    cell: Cell
    answer: str
    number: str  # of the record
    document: str  # that is posted
    before: list[Body]
    after: list[Body] = field(default_factory=list)

    @property
    def effects(self) -> Effects:
        """What the answer does in AutoCount, and nothing else."""
        back = ("created", f"CN-{self.document}")
        answers: Mapping[str, Effects] = {
            "update": [("updated", self.document)],
            "void": [("voided", self.document)],
            "credit note": [back],
            "credit note and new": [back, ("created", f"IV-{self.number}-2")],
        }
        return answers.get(self.answer, [])


def stories() -> list[Story]:
    """All of them, each with records of its own."""
    makers = {
        "order to invoice": _order,
        "purchase": _purchase,
        "refund": _refund,
        "receipt": _receipt,
        "settlement": _settlement,
        "settlement payment": _payment,
    }
    found = []
    for place, kind in enumerate(KINDS):
        told = [one for one in cells(kind) if _is_a_cell(kind, one[0])]
        for at, (cell, answer) in enumerate(told):
            found.append(makers[kind](3000 + 100 * place + at, at, kind, cell, answer))
    return found


def _is_a_cell(kind: str, cell: Cell) -> bool:
    """Whether it is asked in the table: of cases that no column of its row tells apart, one."""
    (row,) = (row for row in TABLE[kind] if all(map(fits, row, cell)))
    change, _, age, goods = cell
    same_group = kind != KINDS[0] and change == "party"
    same_goods = row[3] == "-" and goods == "partly"
    return (row[2] != "-" or age == "71h") and not same_group and not same_goods


def parents() -> list[Body]:
    """The order that refunds and receipts belong to."""
    return [sale(PARENT, qty="100", price="50.00"), van("D-4000", PARENT, "100")]


def _order(no: int, at: int, kind: str, cell: Cell, answer: str) -> Story:
    change, lock, _, goods = cell
    number, price = str(no), f"{1 + at / 100:.2f}"
    delivery = van(f"D-{no}", number, _DELIVERED[goods], delivered_on=_day(lock))
    second: Body = {"version": 2, "approved_version": 2}
    changes: dict[str, Body] = {
        "amounts": {"price": f"{3 + at / 100:.2f}", **second},
        "party": {"price": price, "branch": "JB", **second},
        "fell back": {"price": price, "status": "draft"},
        "cancelled": {"price": price, "status": "cancelled"},
    }
    before = [sale(number, price=price), delivery]
    after = [sale(number, **changes[change])]
    if goods == "none":
        after.append({**delivery, "status": "cancelled"})
    return Story(kind, cell, answer, number, f"IV-{number}-1", before, after)


def _purchase(no: int, at: int, kind: str, cell: Cell, answer: str) -> Story:
    change, lock, _, goods = cell
    number, price = str(no), f"{1 + at / 100:.2f}"
    made = purchase(number, price, ordered_on=_day(lock))
    second: Body = {"version": 2, "approved_version": 2}
    changes: dict[str, Body] = {
        "amounts": {**purchase(number, f"{3 + at / 100:.2f}"), **second},
        "party": {"branch": "JB", **second},
        "fell back": {"status": "draft"},
        "cancelled": {"status": "cancelled"},
    }
    came = [arrival(f"A-{no}", number, _DELIVERED[goods])] if goods != "none" else []
    after = {**made, **changes[change], "ordered_on": made["ordered_on"]}
    return Story(kind, cell, answer, number, f"PO-{number}-1", [made, *came], [after])


def _changed(
    before: Body, change: str, wait: str, amounts: Body, party: Mapping[str, str]
) -> list[Body]:
    changes: dict[str, Mapping[str, Any]] = {
        "amounts": amounts,
        "party": party,
        "fell back": {"status": wait},
        "cancelled": {"status": "cancelled"},
    }
    return [{**before, **changes[change]}]


def _refund(no: int, at: int, kind: str, cell: Cell, answer: str) -> Story:
    number = f"RF{no}"
    made = refund(number, PARENT, "refunded", refunded_on=_day(cell[1]))
    (line,) = made["lines"]
    amounts = {"total": "2.00", "lines": [{**line, "amount": "2.00"}]}
    after = _changed(made, cell[0], "open", amounts, {"customer": "K-305"})
    return Story(kind, cell, answer, number, f"CN-{number}", [made], after)


def _receipt(no: int, at: int, kind: str, cell: Cell, answer: str) -> Story:
    number, amount = f"R{no}", f"{10 + at}.00"
    made = receipt(number, PARENT, amount, received_on=_day(cell[1]))
    after = _changed(made, cell[0], "pending", {"amount": "99.00"}, {"customer": "K-305"})
    return Story(kind, cell, answer, number, f"RC-{number}", [made], after)


def _settlement(no: int, at: int, kind: str, cell: Cell, answer: str) -> Story:
    number = f"S{no}"
    made = channel(number, _day(cell[1], at))
    other = {"fees": "-300.00", "net": "4700.00"}
    after = _changed(made, cell[0], "open", other, {"supplier": "S-22"})
    return Story(kind, cell, answer, number, number, [made], after)


def _payment(no: int, at: int, kind: str, cell: Cell, answer: str) -> Story:
    number, bill = f"P{no}", f"B{no}"
    made = {
        "kind": "settlement_payment",
        "number": number,
        "settlement": bill,
        "status": "paid",
        "paid_on": _day(cell[1]),
        "supplier": "S-14",
        "method": "Payout",
        "bank_ref": f"IBG-{no}",
        "amount": "310.20",
    }
    after = _changed(made, cell[0], "pending", {"amount": "300.00"}, {"supplier": "S-22"})
    before = [channel(bill, _day(cell[1], at), supplier="S-14"), made]
    return Story(kind, cell, answer, number, f"PV-{number}", before, after)


def _day(lock: str, at: int = 0) -> str:
    return day(LOCKED_THROUGH + 5 + at) if lock == "locked" else day(1 + at)
