"""What becomes of the rows of an import: New, Update or Error, each for itself.

Here: the checks of a row, a document made of its good rows, its total. Not here: reading the
workbook (rows_read.py), writing ledger lines (api.py).

A number that is taken is overwritten. An Error leaves its row out, and the others go on; with
`whole_documents` it leaves out the document. A fault that was planned for a document turns what
becomes of it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final

from connectors.simulators.autocount_excel.books import Books
from connectors.simulators.autocount_excel.rows_read import RowRead, Values
from connectors.simulators.autocount_excel.sheet_columns import KNOCKS_OFF, SHEETS, Column

_CENT: Final = Decimal("0.01")
_ADDED: Final = frozenset({"debtors", "creditors", "agents", "locations"})
"""What the tick boxes "auto-create" can add."""
FAULTS: Final = {
    "closed_period": "all of its rows are in error: the date is locked",
    "failed_after": "its rows are told as errors, though they were imported",
    "row_left_out": "its first row is in error, the others are imported",
    "silent_drop": "its rows are told as imported, and nothing is there",
}
"""What goes wrong with one document, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One import: its type, who presses the button, and the tick box."""

    type: str
    user: str
    auto_create: bool = False


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What an import amounts to: the state of each row, the documents, the codes that it added."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    documents: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # New or Update
    made: list[dict[str, str]] = field(default_factory=list)


def imported(
    books: Books, asked: Asked, rows: Sequence[RowRead], planned: Mapping[str, str]
) -> Outcome:
    """Decide about every row; nothing is changed here. `planned`: number -> the fault it meets."""
    outcome = Outcome()
    faults = {one.row: _fault(books, asked, one.values) for one in rows}
    by_number: dict[str, list[RowRead]] = defaultdict(list)
    for one in rows:
        by_number[one.values.get("DocNo", "")].append(one)
    states: dict[int, str] = {}
    for number, mine in by_number.items():
        fault = planned.get(number, "")
        faults |= _planned(fault, mine)
        good = [one for one in mine if not faults[one.row]]
        if books.whole_documents and len(good) < len(mine):
            for one in good:
                faults[one.row] = "Another row of the document has an error"
            good = []
        if good:
            there = (asked.type, number.casefold()) in books.documents
            state = "Update" if there else "New"
            states |= {one.row: state for one in good}
            if fault != "silent_drop":
                outcome.documents.append((state, _document(books, asked.type, number, good)))
                outcome.made += _new_codes(books, asked, good)
            if fault == "failed_after":
                faults |= {one.row: "Import failed" for one in good}
    outcome.rows = [_told(one, states, faults) for one in rows]
    return outcome


def _planned(fault: str, mine: Sequence[RowRead]) -> dict[int, str]:
    """The errors that a fault brings to the rows of its document."""
    if fault == "closed_period":
        words = "Transaction date is locked, you can unlock it from Tools"
        return {one.row: words for one in mine}
    return {mine[0].row: "Item code not found"} if fault == "row_left_out" else {}


def _told(one: RowRead, states: Mapping[int, str], faults: Mapping[int, str]) -> dict[str, Any]:
    told = {"row": one.row, "doc_no": one.values.get("DocNo", "")}
    if faults[one.row]:
        return {**told, "state": "Error", "message": faults[one.row]}
    return {**told, "state": states[one.row]}


def _fault(books: Books, asked: Asked, values: Values) -> str:
    """The first thing wrong with a row; blank when nothing is."""
    sheet = SHEETS[asked.type]
    for column in sheet.columns:
        if found := _cell_fault(books, asked, column, values.get(column.name, "")):
            return found
    if books.locked(date.fromisoformat(values["DocDate"]), asked.user):
        day = date.fromisoformat(values["DocDate"])
        return f"Transaction date {day:%d/%m/%Y} is locked, you can unlock it from Tools"
    if "PaymentAmt" in values and Decimal(values["PaymentAmt"]) <= 0:
        return "Net total must be greater than 0"
    if sheet.total == "lines":
        return _line_fault(books, values)
    return _payment_fault(books, asked.type, values) if sheet.total == "PaymentAmt" else ""


def _cell_fault(books: Books, asked: Asked, column: Column, value: str) -> str:
    if value == "":
        return f"Mandatory field {column.name} is empty" if column.must else ""
    if column.type == "number" and not _is_number(value):
        return f"{column.name} is not a number"
    if column.type == "date" and not _is_date(value):
        return f"{column.name} is not a date"
    if column.type == "mark" and value not in ("T", "F"):
        return f"{column.name} has an invalid format"
    if column.most and len(value) > column.most:
        return f"{column.name} is too long"
    if column.master and not books.masters.knows(column.master, value):
        added = asked.auto_create and column.master in _ADDED
        return "" if added else f"{_spoken(column.name)} {value} not found"
    return ""


def _spoken(name: str) -> str:
    """The column as the desktop says it: `Debtor code`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()


def _line_fault(books: Books, values: Values) -> str:
    item, unit = values.get("ItemCode", ""), values.get("UOM", "")
    if not item and not values.get("AccNo"):
        return "Mandatory field ItemCode is empty"
    if item and not unit:
        return "Mandatory field UOM is empty"
    if item and unit not in books.masters.items[item]:
        return f"UOM {unit} of item {item} not found"
    return ""


def _payment_fault(books: Books, kind: str, values: Values) -> str:
    number = values.get("KnockOffDocNo", "")
    if not number:
        return ""
    knocked = books.documents.get((KNOCKS_OFF[kind], number.casefold()))
    if knocked is None:
        return f"Knock off document {number} not found"
    if Decimal(values.get("KnockOffAmt") or 0) > Decimal(values["PaymentAmt"]):
        return "Knock off amount exceeds the payment"
    return ""


def _document(books: Books, kind: str, number: str, rows: Sequence[RowRead]) -> dict[str, Any]:
    head = rows[0].values
    return {
        "type": kind,
        "number": number,
        "date": head["DocDate"],
        "party": head[SHEETS[kind].party],
        "currency": head.get("CurrencyCode", "MYR"),
        "total": str(_total(books, kind, rows)),
        "rows": [dict(one.values) for one in rows],
    }


def _total(books: Books, kind: str, rows: Iterable[RowRead]) -> Decimal:
    whole = SHEETS[kind].total
    total = Decimal(0)
    for one in rows:
        values = one.values
        if whole == "lines":
            amount = Decimal(values["Qty"]) * Decimal(values["UnitPrice"])
            amount = _round(amount - _discount(values.get("Discount", ""), amount))
        else:
            amount = Decimal(values[whole])
        total += amount
        if values.get("InclusiveTax") != "T":
            total += _round(amount * _rate(books, values) / 100)
    return total


def _rate(books: Books, values: Values) -> Decimal:
    return books.masters.tax_codes.get(values.get("TaxCode", ""), Decimal(0))


def _discount(text: str, amount: Decimal) -> Decimal:
    if text.endswith("%"):
        return amount * Decimal(text[:-1]) / 100
    return Decimal(text) if text else Decimal(0)


def _round(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)


def _new_codes(books: Books, asked: Asked, rows: Sequence[RowRead]) -> list[dict[str, str]]:
    columns = [one for one in SHEETS[asked.type].columns if one.master in _ADDED]
    return [
        {"master": column.master, "code": one.values[column.name]}
        for one in rows
        for column in columns
        if one.values.get(column.name)
        and not books.masters.knows(column.master, one.values[column.name])
    ]


def _is_number(value: str) -> bool:
    try:
        return Decimal(value).is_finite()
    except InvalidOperation:
        return False


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
