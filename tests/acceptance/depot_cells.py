"""Every cell of the AutoCount template's tables, as records that are posted and then change.

Here: for each cell its records, before and after, and the effects that its answer has. Not here:
the cells and their answers (autocount_cells.py), driving them (test_edits.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tests.acceptance.autocount_cells import (
    BILLED,
    NOT_TAKEN,
    SAMPLES,
    SETTLED,
    Case,
    answer,
    cases,
)
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
from tests.acceptance.rule_tables import Cell, Tables

LOCKED_THROUGH = 10  # days ago
PARENT = "4000"
_DELIVERED = {"none": "10", "partly": "6", "whole": "10"}
Effects = list[tuple[str, str]]


@dataclass(frozen=True)
class Story:
    """One case: what is posted, what then comes, the cells it comes to, and the one answer."""

    kind: str  # of the document
    cell: Case
    number: str  # of the record
    document: str  # that is posted
    before: list[Body]
    after: list[Body] = field(default_factory=list)
    hit: frozenset[Cell] = frozenset()
    answer: str = ""

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


def stories(tables: Tables) -> list[Story]:
    """All cases of the rules in force, each with records of its own."""
    makers = {
        "invoice": _order,
        "purchase_order": _purchase,
        "credit_note": _refund,
        "ar_payment": _receipt,
        "ap_invoice": _settlement,
        "ap_payment": _payment,
    }
    assert tables.record.keys() == makers.keys() == SAMPLES.keys() - NOT_TAKEN
    found = []
    for place, (kind, make) in enumerate(makers.items()):
        asked = [case for case in cases(tables, kind) if _is_a_case(tables, kind, case)]
        for at, case in enumerate(asked):
            hit, told = answer(tables, kind, case)
            made = make(3000 + 100 * place + at, at, kind, case)
            found.append(replace(made, hit=frozenset(hit), answer=told))
    return found


def _is_a_case(tables: Tables, kind: str, case: Case) -> bool:
    """Whether it is driven: of those that come to the same cells one, and of an order's invoice
    one for each state of its goods, because they are what is billed.
    """
    change, lock, age, goods = case
    hit, _ = answer(tables, kind, case)
    by_age = hit != answer(tables, kind, (change, lock, "71h", goods))[0]
    by_goods = hit != answer(tables, kind, (change, lock, age, "none"))[0]
    counts = {
        "whole": by_goods or kind == BILLED,
        "partly": kind == BILLED and change in ("amounts", "overbilled"),
    }
    # What refunds settle stays as it is: the rules' own tests drive that.
    return change != SETTLED and (age == "71h" or by_age) and counts.get(goods, True)


def parents() -> list[Body]:
    """The order that refunds and receipts belong to, with its delivery."""
    sold = day(LOCKED_THROUGH + 6)  # before anything of it came back
    return [
        sale(PARENT, qty="100", price="50.00", ordered_on=sold),
        van(f"D-{PARENT}", PARENT, "100"),
    ]


def _order(no: int, at: int, kind: str, cell: Case) -> Story:
    change, lock, _, goods = cell
    number, price = str(no), f"{1 + at / 100:.2f}"
    delivery = van(f"D-{no}", number, _DELIVERED[goods], delivered_on=_day(lock))
    second: Body = {"version": 2, "approved_version": 2}
    changes: dict[str, Body] = {
        "amounts": {"price": f"{3 + at / 100:.2f}", **second},
        "party": {"price": price, "branch": "JB", **second},
        "not_ready": {"price": price, "status": "draft"},
        "rest": {"price": price, "created_by": "Suresh"},
        "cancelled": {"price": price, "status": "cancelled"},
    }
    before = [sale(number, price=price), delivery]
    after = [sale(number, **changes[change])] if change in changes else []
    if change == "overbilled" and goods == "partly":
        after.append(van(f"D-{no}", number, "4", delivered_on=_day(lock)))
    if goods == "none":
        after.append({**delivery, "status": "cancelled"})
    return Story(kind, cell, number, f"IV-{number}-1", before, after)


def _purchase(no: int, at: int, kind: str, cell: Case) -> Story:
    change, lock, _, goods = cell
    number, price = str(no), f"{1 + at / 100:.2f}"
    made = purchase(number, price, ordered_on=_day(lock))
    second: Body = {"version": 2, "approved_version": 2}
    changes: dict[str, Body] = {
        "amounts": {**purchase(number, f"{3 + at / 100:.2f}"), **second},
        "party": {"branch": "JB", **second},
        "not_ready": {"status": "draft"},
        "rest": {"status": "Sent to Supplier"},
        "cancelled": {"status": "cancelled"},
    }
    came = [arrival(f"A-{no}", number, _DELIVERED[goods])] if goods != "none" else []
    after = {**made, **changes[change], "ordered_on": made["ordered_on"]}
    return Story(kind, cell, number, f"PO-{number}-1", [made, *came], [after])


def _changed(before: Body, change: str, wait: str, **others: Body) -> list[Body]:
    """The record again, with what belongs to the group that changes."""
    states = {"not_ready": {"status": wait}, "cancelled": {"status": "cancelled"}}
    return [{**before, **{**states, **others}[change]}]


def _refund(no: int, at: int, kind: str, cell: Case) -> Story:
    number = f"RF{no}"
    (line,), total = refund(number, PARENT, "refunded")["lines"], f"{2.5 + at / 100:.2f}"
    mine = {"total": total, "lines": [{**line, "amount": total}]}
    made = refund(number, PARENT, "refunded", refunded_on=_day(cell[1]), **mine)
    amounts = {"total": "2.00", "lines": [{**line, "amount": "2.00"}]}
    goods = {"status": "Refunded + Items Returned"}
    after = _changed(made, cell[0], "open", amounts=amounts, goods=goods)
    return Story(kind, cell, number, f"CN-{number}", [made], after)


def _receipt(no: int, at: int, kind: str, cell: Case) -> Story:
    number, amount = f"R{no}", f"{10 + at}.00"
    made = receipt(number, PARENT, amount, received_on=_day(cell[1]))
    amounts, rest = {"amount": "99.00"}, {"bank_ref": "FPX-OTHER"}
    after = _changed(made, cell[0], "pending", amounts=amounts, rest=rest)
    return Story(kind, cell, number, f"RC-{number}", [made], after)


def _settlement(no: int, at: int, kind: str, cell: Case) -> Story:
    number = f"S{no}"
    made = channel(number, _day(cell[1], at))
    amounts, rest = {"fees": "-300.00", "net": "4700.00"}, {"status": "paid"}
    after = _changed(made, cell[0], "open", amounts=amounts, rest=rest)
    return Story(kind, cell, number, number, [made], after)


def _payment(no: int, at: int, kind: str, cell: Case) -> Story:
    number, bill = f"P{no}", f"B{no}"
    made = {
        "kind": "settlement_payment",
        "number": number,
        "settlement": bill,
        "status": "paid",
        "paid_on": _day(cell[1], at),
        "supplier": "S-14",
        "method": "Payout",
        "bank_ref": f"IBG-{no}",
        "amount": "310.20",
    }
    amounts, rest = {"amount": "300.00"}, {"bank_ref": "IBG-OTHER"}
    after = _changed(made, cell[0], "pending", amounts=amounts, rest=rest)
    before = [channel(bill, _day(cell[1], at), supplier="S-14"), made]
    return Story(kind, cell, number, f"PV-{number}", before, after)


def _day(lock: str, at: int = 0) -> str:
    return day(LOCKED_THROUGH + 5 + at) if lock == "locked" else day(1 + at)
