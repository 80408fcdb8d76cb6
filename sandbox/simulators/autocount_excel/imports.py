"""Import the rows of a workbook: New, Update or Error for each; hold the books."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final

from connectors.kit.workbook import CellValue, Limits, WorkbookRefusal, sheets_of
from connectors.kit.workbook_child import RefusedError, read
from sandbox.simulators.base.server import Act, Scripted, last_day

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


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `most` is the longest text, 0 where it is no text."""

    name: str
    type: str = "text"
    most: int = 0
    must: bool = False
    master: str = ""


_DEBTOR = Column("DebtorCode", most=12, must=True, master="debtors")

_CREDITOR = Column("CreditorCode", most=12, must=True, master="creditors")

_AT_ONCE = (
    Column("PaymentMethod", most=20, must=True, master="payment_methods"),
    Column("PaymentAmt", "number", must=True),
    Column("ChequeNo", most=20),
)

_CLASSIFIED = Column("Classification", most=3)

KNOCKS_OFF: Final[Mapping[str, str]] = {"ar_payment": "invoice", "ap_payment": "ap_invoice"}
"""Which documents a payment knocks off."""

Values = dict[str, str]

MAX_FILE: Final = 20 * 1024 * 1024

SWITCHES: Final = {
    "faults": "what goes wrong with a document: fault, and its number or the next ones (count)",
    "lock": "the last closed day (through), but not for these users (except)",
    "masters": "codes that are added, items with their units and rates",
    "whole_documents": "one row in error leaves out its document (on)",
    "edit_before_import": "rows of the next import that are changed or left out (rows)",
    "by_hand": "a document that is corrected or typed (type, number, date, party, total)",
    "clock": "the present moment (offset_seconds)",
    "reads": "reads that are refused (see the other stand-ins)",
    "reset": "a new account book",
}
"""What a test switches, and what each is given: POST /_sim/NAME."""

Place = tuple[str, str]  # type of document, number in small letters

Document = Mapping[str, Any]

_CODES: Final = (
    "debtors", "creditors", "accounts", "terms", "agents", "locations", "currencies",
    "payment_methods",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One import: its type, who presses the button, and the tick box."""

    type: str
    user: str
    auto_create: bool = False


@dataclass(slots=True, kw_only=True)
class Outcome:
    """The result of an import: the state of each row, the documents, and the codes that it
    added.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    documents: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # New or Update
    made: list[dict[str, str]] = field(default_factory=list)


class Books(Scripted):
    """The state of the simulator."""

    def rewind(self) -> None:
        """Reset to a new account book."""
        super().rewind()
        self.masters = Masters()
        self.documents: dict[Place, Document] = {}
        self.locked_through: date | None = None
        self.lock_exceptions: set[str] = set()
        self.whole_documents = False
        self.edits: list[Mapping[str, Any]] = []
        self.imports = 0

    def locked(self, day: date, user: str) -> bool:
        """Check whether this user may not enter documents on that day."""
        shut = self.locked_through is not None and day <= self.locked_through
        return shut and user not in self.lock_exceptions

    def take(self, line: Mapping[str, Any]) -> None:
        """Apply a ledger line."""
        if line["effect"] == "import":
            self.edits, self.imports = [], self.imports + 1
        for code in line.get("made", ()):
            getattr(self.masters, code["master"]).add(code["code"])
        if line.get("stands"):
            self.documents[(line["type"], str(line["number"]).casefold())] = line["stands"]
            self.effects += line["call"] == "import"

    def acts(self) -> dict[str, Act]:
        """Return AutoCount desktop's control acts."""
        return super().acts() | {
            "lock": self._set_lock,
            "masters": self._add_masters,
            "whole_documents": self._set_whole,
            "edit_before_import": self._plan_edits,
        }

    def _set_lock(self, body: Mapping[str, Any]) -> None:
        self.locked_through = last_day(body)
        self.lock_exceptions = set(map(str, body.get("except", ())))

    def _add_masters(self, body: Mapping[str, Any]) -> None:
        for name in _CODES:
            getattr(self.masters, name).update(map(str, body.get(name, ())))
        taxes = body.get("tax_codes", {})
        self.masters.tax_codes |= {str(k): Decimal(str(v)) for k, v in taxes.items()}
        for item, units in body.get("items", {}).items():
            self.masters.items[str(item)] = {str(k): Decimal(str(v)) for k, v in units.items()}

    def _set_whole(self, body: Mapping[str, Any]) -> None:
        self.whole_documents = bool(body.get("on", True))

    def _plan_edits(self, body: Mapping[str, Any]) -> None:
        self.edits = list(body.get("rows", ()))


@dataclass(slots=True)
class RowRead:
    """One row of the first sheet, its number there, its cells by header."""

    row: int
    values: Values


def imported(
    books: Books, import_run: Asked, rows: Sequence[RowRead], planned: Mapping[str, str]
) -> Outcome:
    """Decide about every row; nothing is changed here. `planned`: number -> the fault it meets."""
    outcome = Outcome()
    faults = {row.row: _fault(books, import_run, row.values) for row in rows}
    by_number: dict[str, list[RowRead]] = defaultdict(list)
    for row in rows:
        by_number[row.values.get("DocNo", "")].append(row)
    states: dict[int, str] = {}
    for number, document_rows in by_number.items():
        fault = planned.get(number, "")
        faults |= _planned(fault, document_rows)
        good = [row for row in document_rows if not faults[row.row]]
        if books.whole_documents and len(good) < len(document_rows):
            for row in good:
                faults[row.row] = "Another row of the document has an error"
            good = []
        if good:
            exists = (import_run.type, number.casefold()) in books.documents
            state = "Update" if exists else "New"
            states |= {row.row: state for row in good}
            if fault != "silent_drop":
                outcome.documents.append((state, _document(books, import_run.type, number, good)))
                outcome.made += _new_codes(books, import_run, good)
            if fault == "failed_after":
                faults |= {row.row: "Import failed" for row in good}
    outcome.rows = [_told(row, states, faults) for row in rows]
    return outcome


def _fault(books: Books, import_run: Asked, values: Values) -> str:
    """Return a row's first fault, or blank."""
    sheet = SHEETS[import_run.type]
    for column in sheet.columns:
        if problem := _cell_fault(books, import_run, column, values.get(column.name, "")):
            return problem
    if books.locked(date.fromisoformat(values["DocDate"]), import_run.user):
        day = date.fromisoformat(values["DocDate"])
        return f"Transaction date {day:%d/%m/%Y} is locked, you can unlock it from Tools"
    if "PaymentAmt" in values and Decimal(values["PaymentAmt"]) <= 0:
        return "Net total must be greater than 0"
    if sheet.total == "lines":
        return _line_fault(books, values)
    return _payment_fault(books, import_run.type, values) if sheet.total == "PaymentAmt" else ""


def _cell_fault(books: Books, import_run: Asked, column: Column, value: str) -> str:
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
        added = import_run.auto_create and column.master in _ADDED
        return "" if added else f"{_spoken(column.name)} {value} not found"
    return ""


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


def _spoken(name: str) -> str:
    """Return a column's name in the desktop program: `Debtor code`."""
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


def _planned(fault: str, rows: Sequence[RowRead]) -> dict[int, str]:
    """Return the errors of a planned fault by row."""
    if fault == "closed_period":
        words = "Transaction date is locked, you can unlock it from Tools"
        return {row.row: words for row in rows}
    return {rows[0].row: "Item code not found"} if fault == "row_left_out" else {}


def _document(books: Books, kind: str, number: str, rows: Sequence[RowRead]) -> dict[str, Any]:
    head = rows[0].values
    return {
        "type": kind,
        "number": number,
        "date": head["DocDate"],
        "party": head[SHEETS[kind].party],
        "currency": head.get("CurrencyCode", "MYR"),
        "total": str(total_of(books, kind, rows)),
        "rows": [dict(row.values) for row in rows],
    }


def total_of(books: Books, kind: str, rows: Iterable[RowRead]) -> Decimal:
    """Return what AutoCount works out as the total of a document's rows."""
    total_column = SHEETS[kind].total
    total = Decimal(0)
    for row in rows:
        values = row.values
        if total_column == "lines":
            amount = Decimal(values["Qty"]) * Decimal(values["UnitPrice"])
            amount = _round(amount - _discount(values.get("Discount", ""), amount))
        else:
            amount = Decimal(values[total_column])
        total += amount
        if values.get("InclusiveTax") != "T":
            total += _round(amount * _rate(books, values) / 100)
    return total


def _round(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)


def _discount(text: str, amount: Decimal) -> Decimal:
    if text.endswith("%"):
        return amount * Decimal(text[:-1]) / 100
    return Decimal(text) if text else Decimal(0)


def _rate(books: Books, values: Values) -> Decimal:
    return books.masters.tax_codes.get(values.get("TaxCode", ""), Decimal(0))


def _new_codes(books: Books, import_run: Asked, rows: Sequence[RowRead]) -> list[dict[str, str]]:
    columns = [column for column in SHEETS[import_run.type].columns if column.master in _ADDED]
    return [
        {"master": column.master, "code": row.values[column.name]}
        for row in rows
        for column in columns
        if row.values.get(column.name)
        and not books.masters.knows(column.master, row.values[column.name])
    ]


def _told(row: RowRead, states: Mapping[int, str], faults: Mapping[int, str]) -> dict[str, Any]:
    summary = {"row": row.row, "doc_no": row.values.get("DocNo", "")}
    if faults[row.row]:
        return {**summary, "state": "Error", "message": faults[row.row]}
    return {**summary, "state": states[row.row]}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One type of document: its columns, whose document it is, and where its total comes from."""

    columns: tuple[Column, ...]
    party: str
    total: str = "lines"  # or the one column that has it


class UnreadableError(Exception):
    """An import that is impossible; the text explains why."""


def rows_of(
    content: bytes, names: Sequence[str], template: Mapping[str, str] | None = None
) -> list[RowRead]:
    """Return the rows below the headings.

    Unknown headings are ignored without a message, even for a surplus space; without a row of
    headings nothing can be imported. A company's header mapping (`template`, heading -> column)
    replaces the names that it sets.
    """
    meant = {name: name for name in names if name not in (template or {}).values()}
    meant |= template or {}
    if len(content) > MAX_FILE:
        raise UnreadableError("The file is too large")
    try:
        sheets = sheets_of(list(read(content, Limits())))
    except RefusedError as refused:
        raise UnreadableError(refused.refusal.message) from None
    if isinstance(sheets, WorkbookRefusal) or not sheets:
        raise UnreadableError("No sheet in the file")
    rows = sheets[0].rows
    heads = {at: meant[str(value)] for at, value in rows.get(1, {}).items() if str(value) in meant}
    if "DocNo" not in heads.values():
        raise UnreadableError("The header row is not there")
    return [RowRead(no, _values(rows[no], heads)) for no in sorted(rows) if no > 1]


def _values(row: Mapping[int, CellValue], heads: Mapping[int, str]) -> Values:
    return {heads[at]: _text(value) for at, value in row.items() if at in heads}


def _text(value: CellValue) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def edited(rows: Sequence[RowRead], changes: Sequence[Mapping[str, Any]]) -> Iterator[RowRead]:
    """Yield the rows after a person's edits: `row`, `column` and `value`, or `row` and `delete`."""
    for row in rows:
        row_changes = [change for change in changes if change.get("row") == row.row]
        if any(change.get("delete") for change in row_changes):
            continue
        new_values = {
            str(change["column"]): str(change["value"])
            for change in row_changes
            if "column" in change
        }
        yield RowRead(row.row, {**row.values, **new_values})


@dataclass(slots=True)
class Masters:
    """Known codes; an item has its units with their rates in the base unit, which is the first."""

    debtors: set[str] = field(
        default_factory=lambda: {"300-W001", "300-K210", "300-K211", "300-C001"}
    )
    creditors: set[str] = field(
        default_factory=lambda: {"400-B012", "400-S014", "400-S022", "400-M001"}
    )
    accounts: set[str] = field(
        default_factory=lambda: {"500-0000", "510-0000", "610-0001", "905-0000"}
    )
    terms: set[str] = field(default_factory=lambda: {"C.O.D.", "Net 30 days"})
    agents: set[str] = field(default_factory=lambda: {"LIWEI"})
    locations: set[str] = field(default_factory=lambda: {"HQ", "JB01"})
    currencies: set[str] = field(default_factory=lambda: {"MYR", "SGD"})
    payment_methods: set[str] = field(default_factory=lambda: {"BANK", "FPX", "CASH", "CLEARING"})
    tax_codes: dict[str, Decimal] = field(
        default_factory=lambda: {"S-10": Decimal(10), "SR-8": Decimal(8), "NT": Decimal(0)}
    )
    items: dict[str, dict[str, Decimal]] = field(
        default_factory=lambda: {
            "TEE-BLK-M": {"PCS": Decimal(1), "PACK": Decimal(6), "BOX": Decimal(24)},
            "SHIP": {"UNIT": Decimal(1)},
            "SOAP90": {"PCS": Decimal(1), "CTN": Decimal(24)},
        }
    )

    def knows(self, master: str, code: str) -> bool:
        """Check whether a code exists."""
        return code in getattr(self, master)


def _traded(party: Column, *where: Column, more: tuple[Column, ...] = ()) -> tuple[Column, ...]:
    return (
        Column("DocNo", most=20, must=True),
        Column("DocDate", "date", must=True),
        party,
        Column(party.name.replace("Code", "Name"), most=100),
        Column("Ref", most=40),
        Column("Description", most=80),
        Column("DisplayTerm", most=30, must=True, master="terms"),
        *where,
        Column("CurrencyCode", most=5, must=True, master="currencies"),
        Column("CurrencyRate", "number", must=True),
        Column("InclusiveTax", "mark", must=True),
        *more,
        Column("ItemCode", most=30, master="items"),
        Column("DtlDescription", most=100, must=True),
        Column("AccNo", most=12, master="accounts"),
        Column("Location", most=8, master="locations"),
        Column("UOM", most=8),
        Column("Qty", "number", must=True),
        Column("UnitPrice", "number", must=True),
        Column("Discount", most=20),
        Column("TaxCode", most=14, master="tax_codes"),
    )


def _sold(*more: Column) -> tuple[Column, ...]:
    agent = Column("SalesAgent", most=12, master="agents")
    place = Column("SalesLocation", most=8, master="locations")
    return _traded(_DEBTOR, agent, place, more=more)


def _paid(party: Column, *more: Column) -> tuple[Column, ...]:
    return (
        Column("DocNo", most=20, must=True),
        Column("DocDate", "date", must=True),
        party,
        Column("PaymentMethod", most=20, must=True, master="payment_methods"),
        Column("PaymentAmt", "number", must=True),
        Column("ChequeNo", most=40),
        *more,
        Column("KnockOffDocNo", most=20),
        Column("KnockOffAmt", "number"),
    )


SHEETS: Final[Mapping[str, Sheet]] = {
    "sales_order": Sheet(_sold(), "DebtorCode"),
    "delivery_order": Sheet(_sold(), "DebtorCode"),
    "goods_received_note": Sheet(
        _traded(_CREDITOR, Column("PurchaseLocation", most=8, master="locations")), "CreditorCode"
    ),
    "invoice": Sheet((*_sold(), _CLASSIFIED), "DebtorCode"),
    "cash_sale": Sheet((*_sold(*_AT_ONCE), _CLASSIFIED), "DebtorCode"),
    "credit_note": Sheet(
        (
            *_sold(Column("OurInvoiceNo", most=20), Column("Reason", most=80)),
            _CLASSIFIED,
            Column("GoodsReturn", "mark"),
        ),
        "DebtorCode",
    ),
    "ar_payment": Sheet(_paid(_DEBTOR, Column("Description", most=80)), "DebtorCode", "PaymentAmt"),
    "ap_invoice": Sheet(
        (
            Column("DocNo", most=20, must=True),
            Column("SupplierInvoiceNo", most=50),
            Column("DocDate", "date", must=True),
            _CREDITOR,
            Column("Description", most=80),
            Column("DisplayTerm", most=30, must=True, master="terms"),
            Column("CurrencyCode", most=5, must=True, master="currencies"),
            Column("CurrencyRate", "number", must=True),
            Column("AccNo", most=12, must=True, master="accounts"),
            Column("DtlDescription", most=100),
            Column("TaxCode", most=14, master="tax_codes"),
            Column("Amount", "number", must=True),
        ),
        "CreditorCode",
        "Amount",
    ),
    "ap_payment": Sheet(_paid(_CREDITOR), "CreditorCode", "PaymentAmt"),
}
