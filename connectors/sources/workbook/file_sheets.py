"""Find the sheets and columns of a file that hold records, and write errors into a file."""

import copy
import io
import json
import sys
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import openpyxl
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell, MergedCell
from openpyxl.styles import Alignment
from openpyxl.utils import get_column_letter

from connectors.contract.pulls import (
    FIXED,
    LEFT_OUT,
    REMEMBERED,
    Chosen,
    FieldLabel,
    FileColumn,
    MatchedBy,
    values_set,
)
from connectors.contract.schema import FieldSchema, KindSchema
from connectors.kit.delivery_limits import MEGABYTE
from connectors.kit.shops.payouts import shared_kinds
from connectors.kit.workbook import (
    CellValue,
    Limits,
    Row,
    Sheet,
    WorkbookRefusal,
    Written,
    column_name,
    confine,
    header_of,
    sheets_of,
    write_sheets,
)
from connectors.kit.workbook_child import check_archive, read
from connectors.sources.workbook.delimited import read_delimited
from connectors.sources.workbook.known_exports import (
    EXTRA,
    EXTRAS,
    PACKED,
    PACKED_PARTS,
    SECOND_MEANINGS,
    WEAK_HEADINGS,
    KnownExport,
    bare_heading,
    recognize_export,
)
from connectors.sources.workbook.text_values import DecimalSign, read_amount

_TAX_TYPE, _TAX_TOTAL = "tax", "tax_total"

_EXAMPLES, _EXAMPLE = 2, 40  # values of a column that are shown, and signs of each

MOST_UNPACKED: Final = 48 * MEGABYTE
"""Of all parts of a workbook, which is about a million cells: openpyxl takes ten times as much."""

_WIDTH: Final = 60  # of the column Errors, in signs

_LONGEST: Final = 32_767  # signs of a cell

Errors = Mapping[str, Mapping[int, str]]

ERRORS: Final = "Errors"
"""The column that we ourselves add to a file that goes back."""

_HEAD: Final[Mapping[str, tuple[str, str]]] = {
    "id": ("Order ID", "order id, shop order id"),
    "number": (
        "Order number",
        "order no, order number, order num, order ref, order reference, invoice no, inv no, no",
    ),
    "status": ("Status", "order status, state"),
    "ordered_on": (
        "Order date",
        "date, order date, ordered, ordered at, date ordered, invoice date, inv date, sales date",
    ),
    "paid_at": ("Paid at", "paid on, paid, payment date, date paid"),
    "updated_at": ("Last change", "updated, last updated, last change, modified, changed at"),
    "channel": ("Sales channel", "payment method, channel, paid by, payment mode, payment type"),
    "currency": ("Currency", "ccy, cur, currency code"),
    "exchange_rate": ("Exchange rate", "fx rate, currency rate, rate of exchange, conversion rate"),
    "customer": (
        "Customer code",
        "cust, customer code, cust code, customer id, debtor, debtor code",
    ),
    "customer_name": ("Customer name", "buyer, buyer name, customer name, debtor name"),
    "tin": ("TIN", "tax identification number, customer tin, buyer tin"),
    "address": ("Address", "billing address, customer address"),
    "subtotal": ("Subtotal", "sub total, total before tax"),
    "tax_total": ("Total tax", "total tax, tax amount, tax total"),
    "round_off": ("Rounding", "round off, rounding adjustment, cash rounding"),
    "prices_include_tax": (
        "Prices include tax",
        "tax inclusive, tax included, inclusive of tax, price includes tax, prices incl tax",
    ),
    "total": ("Total", "grand total, order total, total amount"),
    "company_code": ("Company code", "company code, company"),
    "created_by": ("Created by", "created by, made by, entered by"),
    "approved_by": ("Approved by", "approved by"),
    "approved_version": ("Approved version", "approved version"),
    "version": ("Version", "order version, revision"),
    "delivered": ("Delivered", "all delivered, fully delivered"),
}

_LINE: Final[Mapping[str, tuple[str, str]]] = {
    "pos": ("Line number", "line, line no, line number, position"),
    "sku": ("Item code (SKU)", "item code, item, stock code, product code, article, item no"),
    "name": ("Item name", "item name, description, product, product name, item description"),
    "uom": ("Unit (UOM)", "unit, unit of measure"),
    "qty": ("Quantity", "quantity, ordered quantity"),
    "price": ("Unit price", "unit price, price each, u price, price per unit, selling price"),
    "discount": ("Discount", "line discount, discount amount"),
    "tax": ("Tax type", "tax type, tax code, tax word"),
    "delivered_qty": ("Delivered quantity", "quantity delivered, delivered quantity"),
    "returned_qty": ("Returned quantity", "quantity returned, returned quantity"),
}

_OTHER: Final[Mapping[str, tuple[str, str]]] = {
    "order_number": ("Order number", "order no, order ref, for order, of order"),
    "order_line": ("Line of the order", "order line no, order line number"),
    "refunded_on": ("Refund date", "date, refunded, refunded at, date refunded"),
    "delivered_on": ("Delivery date", "date, delivered at, date delivered, do date"),
    "arrived_on": ("Arrival date", "date, arrived, received, date received, grn date"),
    "received_on": ("Receipt date", "date, received, received at, date received, payment date"),
    "settled_on": ("Settlement date", "date, settled, settled at, statement date"),
    "paid_on": ("Payment date", "date, paid, paid at, date paid"),
    "deposited_on": ("Deposit date", "date, deposited, deposited at, payout date, transfer date"),
    "supplier": ("Supplier code", "vendor, vendor code, creditor, creditor code"),
    "supplier_name": ("Supplier name", "vendor name, creditor name"),
    "registration": ("Registration number", "brn, registration no, company no, reg no, ssm no"),
    "amount": ("Amount", "amt, sum"),
    "tax_amount": ("Tax of the line", "line tax"),
    "method": ("Payment method", "paid by, method of payment, channel"),
    "bank_ref": ("Bank reference", "bank ref no, reference, transaction id, cheque no"),
    "blogger": ("Blogger", "influencer, affiliate, blogger code, blogger id"),
    "commission": ("Commission", "amount, earned"),
    "period": ("Period", "week"),
    "gross": ("Gross", "gross amount, sales"),
    "fees": ("Fees", "total fees, charges"),
    "fee": ("Fee", "charge"),
    "fee_tax": ("Tax on fees", "service tax, sst on fees"),
    "refunds": ("Refunds", "total refunds, refunded"),
    "refund": ("Refund", "refunded"),
    "net": ("Net", "net amount"),
    "deposit": ("Bank deposit", "bank amount, amount received"),
    "line_id": ("Line ID", "entry id, sale id, line reference"),
    "part": ("Kind of entry", "type, entry type, transaction type"),
    "settlement": ("Settlement", "settlement no, settlement number, statement"),
    "branch": ("Branch", "outlet, location"),
    "warehouse": ("Warehouse", "store, stock location"),
    "agent": ("Salesperson", "sales agent, sales person, agent"),
    "project": ("Project", "job"),
    "reason": ("Reason", "remark, remarks, notes"),
}

ORDER: Final = "order"

_KINDS: Final = shared_kinds("workbook")

_HEADER_WITHIN: Final = 30  # rows: titles and filters of a report stand above its column names

_NUMBERED: Final = frozenset({"pos", "line_pos"})
"""What the reader numbers itself where no column has it."""

_LINE_OF: Final = "line_"
"""Before a field of a line where one row has a field of the same name for the whole record."""


@dataclass(frozen=True, slots=True)
class Headings:
    """The labels and usual names of columns, by field: of records, of lines, and of rows that hold
    both.

    `lines` maps a field of a row to the line's field that it fills, if both are in a row. `apart`
    is the equivalent for lines with their own sheet, where `owner` names the record by its id.
    """

    head: Mapping[str, tuple[str, str]]
    items: Mapping[str, tuple[str, str]]
    joined: Mapping[str, tuple[str, str]]
    lines: Mapping[str, str]
    apart: Mapping[str, str]
    owner: str
    fields: frozenset[str]
    extras: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Columns that become lines or parts of other fields, where a row holds a whole order."""


@dataclass(frozen=True, slots=True)
class FileSheets:
    """The sheet of the records, the sheet of their lines, and all sheets.

    A sheet may hold both. A kind without lines has no sheet for lines.
    """

    orders: Sheet
    items: Sheet
    all: tuple[Sheet, ...]
    kind: KindSchema
    headings: Headings
    export: KnownExport | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Field -> the value that its blank cells are filled with."""

    @property
    def joined(self) -> bool:
        """Whether each row is a line that repeats its record's own columns, or a whole record."""
        return self.orders is self.items

    @property
    def named(self) -> frozenset[str]:
        """The fields of a record of this kind."""
        return self.headings.fields

    @property
    def line_keys(self) -> Mapping[str, str]:
        """A row's field -> the line's field that it fills."""
        headings = self.headings
        return headings.lines if self.joined else headings.apart


def parts_of(sheets: Sequence[Sheet], kind: KindSchema) -> FileSheets | str:
    """Find the sheet of the records and the sheet of their lines; else return the name of the
    missing sheet.
    """
    filled = [sheet for sheet in sheets if sheet.rows]
    by_name = {_letters(sheet.name): sheet for sheet in filled}
    word = _letters(kind.kind)
    heads = _first(by_name, (f"{word}s", word, f"sales{word}s"))
    words = ("items", "lines", "details")
    items = _first(by_name, [name for suffix in words for name in (f"{word}{suffix}", suffix)])
    if heads is not None and items is not None and kind.lines:
        return FileSheets(heads, items, tuple(sheets), kind, headings_of(kind))
    record_sheet = heads or (filled[0] if len(filled) == 1 else _only_known(filled, kind))
    if record_sheet is not None and (not kind.lines or _holds_items(record_sheet, kind)):
        return one_sheet(record_sheet, sheets, kind)
    return f"{kind.kind}s" if heads is None else f"{kind.kind}_items"


def one_sheet(sheet: Sheet, sheets: Iterable[Sheet], kind: KindSchema) -> FileSheets:
    """Return the file whose one sheet holds the records together with their lines."""
    export = known_export(sheet, kind)
    return FileSheets(sheet, sheet, tuple(sheets), kind, headings_of(kind), export)


def known_export(sheet: Sheet, kind: KindSchema) -> KnownExport | None:
    """Return the export whose headings the sheet has; only orders are exported so."""
    if kind.kind != ORDER:
        return None
    return recognize_export([word for _, word in header_of(sheet)])


def _only_known(sheets: Sequence[Sheet], kind: KindSchema) -> Sheet | None:
    """Return the only sheet that holds records with lines, beside notes or lists for choices."""
    fitting = [sheet for sheet in sheets if _holds_items(sheet, kind)]
    return fitting[0] if len(fitting) == 1 else None


def find_header(sheet: Sheet, kinds: Iterable[KindSchema]) -> Sheet:
    """Return the sheet with the row of its column names.

    Among the first rows, this is the row that names the most fields of a kind. Title rows may
    precede it.
    """
    first = [number for number in sorted(sheet.rows) if number <= _HEADER_WITHIN]
    if not first:
        return sheet
    kinds = tuple(kinds)
    counts = {number: _fields_named(sheet.rows[number], kinds) for number in first}
    best = max(first, key=lambda number: (counts[number], -number))
    return replace(sheet, header=best if counts[best] > 1 else 1)


def _fields_named(row: Row, kinds: Sequence[KindSchema]) -> int:
    words = [(column, str(value).strip()) for column, value in row.items()]
    counts = []
    for kind in kinds:
        export = recognize_export([word for _, word in words]) if kind.kind == ORDER else None
        headings = headings_of(kind)
        names = export.fields if export else {}
        read = matched(words, {**headings.joined, **headings.extras}, {}, names)
        counts.append(sum(name != LEFT_OUT for name, _ in read.values()))
    return max(counts, default=0)


def _letters(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def _first(by_name: Mapping[str, Sheet], names: Sequence[str]) -> Sheet | None:
    return next((by_name[name] for name in names if name in by_name), None)


def _holds_items(sheet: Sheet, kind: KindSchema) -> bool:
    headings, export = headings_of(kind), known_export(sheet, kind)
    names = export.fields if export else {}
    read = matched(header_of(sheet), {**headings.joined, **headings.extras}, {}, names)
    filled = {name for name, _ in read.values()}
    return bool(filled & headings.lines.keys()) and not filled.isdisjoint({"number", "id"})


def fields_of(parts: FileSheets, sheet: str) -> Mapping[str, tuple[str, str]]:
    """Return the fields that the columns of a sheet can fill; empty for a sheet that is not
    read.
    """
    headings = parts.headings
    if parts.joined:
        fields = {**headings.joined, **headings.extras}
        return fields if sheet == parts.orders.name else {}
    return {parts.orders.name: headings.head, parts.items.name: headings.items}.get(sheet, {})


def filled_columns(sheet: Sheet, columns: Sequence[FileColumn]) -> list[tuple[int, str]]:
    """Return each column of a sheet that is read, with the field that it fills."""
    letters = {column_name(column): column for column, _ in header_of(sheet)}
    return [
        (letters[column.letter], column.field)
        for column in columns
        if column.sheet == sheet.name and column.field != LEFT_OUT
    ]


def sheets_read(parts: FileSheets) -> tuple[Sheet, ...]:
    """Return the sheets whose rows are read."""
    return (parts.orders,) if parts.joined else (parts.orders, parts.items)


def columns_of(parts: FileSheets, sheet: Sheet, chosen: Chosen) -> Iterator[FileColumn]:
    """Yield the columns of a sheet with the field that each fills.

    Our own column Errors is left out.
    """
    words = [(column, word) for column, word in header_of(sheet) if word != ERRORS]
    keys = {column: f"{sheet.name}!{column_name(column)}" for column, _ in words}
    chosen_fields = {column: chosen[key] for column, key in keys.items() if key in chosen}
    names = parts.export.fields if parts.export else {}
    matches = matched(words, fields_of(parts, sheet.name), chosen_fields, names)
    below = [sheet.rows[number] for number in sorted(sheet.rows) if number > sheet.header]
    first = below[:_EXAMPLES]
    matches |= _tax_amounts(matches, below, fields_of(parts, sheet.name))
    for column, word in words:
        name, how = matches[column]
        yield FileColumn(
            sheet=sheet.name,
            letter=column_name(column),
            heading=word,
            field=name,
            matched_by=how,
            examples=tuple(str(row[column])[:_EXAMPLE] for row in first if column in row),
        )


def _tax_amounts(
    matches: Mapping[int, tuple[str, MatchedBy]],
    rows: Sequence[Mapping[int, object]],
    fields: Collection[str],
) -> dict[int, tuple[str, MatchedBy]]:
    """Return the column of tax types, if it holds amounts instead: it fills the tax of the order.

    Whole numbers and numbers up to 1 may be rates, which a tax type may be called by.
    """
    taken_fields = {name for name, _ in matches.values()}
    for column, (name, how) in matches.items():
        if name != _TAX_TYPE or how is MatchedBy.PERSON:
            continue
        texts = [str(row[column]) for row in rows if str(row.get(column) or "").strip()]
        amounts = [read_amount(text, DecimalSign.POINT) for text in texts]
        numbers = [Decimal(amount) for amount in amounts if amount is not None]
        all_integers = all(amount == amount.to_integral_value() for amount in numbers)
        if len(numbers) < len(texts) or all_integers or max(numbers) <= 1:
            continue
        free = _TAX_TOTAL in fields and _TAX_TOTAL not in taken_fields
        return {column: (_TAX_TOTAL, how) if free else (LEFT_OUT, MatchedBy.NOTHING)}
    return {}


def fixed_values(
    parts: FileSheets, chosen: Chosen, filled: Collection[tuple[str, str]]
) -> Mapping[str, str]:
    """Return field -> the value for its blank cells. `filled`: sheet and field of each column.

    A value set for an earlier file only applies to fields without a column. The blank cells of this
    file have not been reviewed.
    """
    known_names = {name for sheet in sheets_read(parts) for name in fields_of(parts, sheet.name)}
    columns = {name for _, name in filled}
    if PACKED in columns:
        columns.update(PACKED_PARTS.values())
    remembered = {
        name: value for name, value in values_set(chosen, REMEMBERED).items() if name not in columns
    }
    values = {**remembered, **values_set(chosen, FIXED)}
    return {name: value for name, value in values.items() if value and name in known_names}


def missing_of(
    parts: FileSheets, filled: Mapping[tuple[str, str], str]
) -> Iterator[tuple[str, str]]:
    """Yield (sheet, field) for each required field that no column fills."""
    for part, sheet in (("orders", parts.orders), ("items", parts.items)):
        for name in _needed(parts, part):
            named = (sheet.name, name) in filled or name in parts.fixed
            if not named and name not in _NUMBERED:
                yield sheet.name, name
    if not parts.joined:
        orders, items, owner = parts.orders.name, parts.items.name, parts.headings.owner
        owners = [name for name in (owner, "number") if (items, name) in filled]
        if not owners:
            yield items, owner
        elif owners == [owner] and (orders, "id") not in filled:
            yield from _missing_order_id(parts, filled)


def _needed(parts: FileSheets, part: str) -> Iterator[str]:
    """Yield the fields that a record of this kind cannot be read without."""
    if part == "orders":
        yield from (
            field_schema.name for field_schema in parts.kind.fields if field_schema.required
        )
        return
    named = {name: key for key, name in parts.headings.lines.items()}
    for field_schema in parts.kind.lines:
        if field_schema.required:
            yield named[field_schema.name] if parts.joined else field_schema.name


def _missing_order_id(
    parts: FileSheets, filled: Mapping[tuple[str, str], str]
) -> Iterator[tuple[str, str]]:
    """Yield the orders' id column as missing if the items' order references need it.

    They do not need it if they match order numbers.
    """
    orders, items = parts.orders.name, parts.items.name
    numbers = _texts(parts.orders, filled.get((orders, "number"), ""))
    meant = _texts(parts.items, filled[items, parts.headings.owner])
    if meant and not meant & numbers:
        yield orders, "id"


def _texts(sheet: Sheet, letters: str) -> set[str]:
    columns = {column_name(column): column for column, _ in header_of(sheet)}
    at = columns.get(letters, 0)
    rows = (row for number, row in sheet.rows.items() if number > sheet.header)
    return {str(row[at]).strip() for row in rows if at in row}


def main() -> None:
    """Read standard input, write the workbook; nothing when the file cannot be read."""
    limits = replace(Limits(), memory_bytes=1024 * 1024 * 1024)
    confine(memory_bytes=limits.memory_bytes, cpu_seconds=limits.cpu_seconds * 3)
    options = json.loads(sys.stdin.buffer.readline())
    workbook = written(sys.stdin.buffer.read(), options["csv"], options["errors"], limits)
    if workbook is None:
        sys.exit(1)
    sys.stdout.buffer.write(workbook)


def written(raw: bytes, csv: str, errors: Mapping[str, str], limits: Limits) -> bytes | None:
    """Return the workbook with an error message added for each cell of `errors`.

    `csv` is the sheet name of a CSV file, else blank. Returns None or raises RefusedError if the
    file cannot be read.
    """
    words = _by_row(errors)
    if not csv:
        check_archive(raw, limits)
        warnings.simplefilter("ignore")
        if (workbook := kept(raw, words)) is not None:
            return workbook
    sheets = read_delimited(csv, raw) if csv else sheets_of(list(read(raw, limits)))
    if isinstance(sheets, WorkbookRefusal):
        return None
    headed = [find_header(sheet, _KINDS) for sheet in sheets]
    return write_sheets({sheet.name: _rows(sheet, words.get(sheet.name, {})) for sheet in headed})


def _by_row(errors: Mapping[str, str]) -> Mapping[str, Mapping[int, str]]:
    """Return sheet -> row -> error messages of that row, one line for each cell."""
    messages_by_sheet: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for place, words in errors.items():
        sheet, _, cell = place.rpartition("!")
        digits = cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        if digits.isdecimal():
            messages_by_sheet[sheet][int(digits)].append(f"{cell}: {words}")
    return {
        sheet: {row: "\n".join(messages) for row, messages in rows.items()}
        for sheet, rows in messages_by_sheet.items()
    }


def _rows(sheet: Sheet, errors: Mapping[int, str]) -> Sequence[Sequence[Written]]:
    """Return all rows unchanged, with the column Errors last.

    An Errors column from before is replaced.
    """
    headings = header_of(sheet)
    old = {column for column, word in headings if word == ERRORS}
    width = max((column for row in sheet.rows.values() for column in row), default=0)
    kept_columns = [column for column in range(1, width + 1) if column not in old]
    table: list[Sequence[Written]] = []
    for number in range(1, max(sheet.rows, default=0) + 1):
        row = sheet.rows.get(number, {})
        error_text = ERRORS if number == sheet.header and errors else errors.get(number)
        table.append([*(_written(row.get(column)) for column in kept_columns), error_text])
    return table


def _written(value: CellValue | None) -> Written:
    if isinstance(value, datetime):
        return value.date() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if value is None or isinstance(value, str | Decimal | date) else str(value)


def kept(raw: bytes, errors: Errors) -> bytes | None:
    """Return the workbook with these errors (sheet -> row -> message), its layout preserved.

    None if it is too large or holds content that openpyxl cannot read. The caller has checked the
    archive.
    """
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MOST_UNPACKED:
            return None
    try:
        book = openpyxl.load_workbook(io.BytesIO(raw), data_only=True, keep_links=False)
        for sheet in book.worksheets:
            _tell(sheet, errors.get(sheet.title, {}))
        out = io.BytesIO()
        book.save(out)
    except Exception:  # noqa: BLE001 - openpyxl raises whatever a strange part causes
        return None
    return out.getvalue()


def _tell(sheet: Any, errors: Mapping[int, str]) -> None:
    """Write the column Errors: where the sheet has one already, else behind all that is filled."""
    old = sorted(cell.column for cell in _cells(sheet) if cell.value == ERRORS)
    for cell in _cells(sheet):
        if cell.column in old:
            cell.value = None
    if not errors:
        return
    header = _header_row(sheet)
    at = old[0] if old else _behind(sheet)
    letter, head = get_column_letter(at), sheet.cell(header, max(at - 1, 1))
    for row, words in {header: ERRORS, **errors}.items():
        cell = sheet.cell(row, at)
        cell.value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", words)[:_LONGEST]
        cell.data_type = "s"  # never a formula
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    if not old:
        _like(sheet.cell(header, at), head)
        sheet.column_dimensions[letter].width = _WIDTH


def _header_row(sheet: Any) -> int:
    rows: dict[int, dict[int, CellValue]] = {}
    for cell in _cells(sheet):
        if cell.row <= _HEADER_WITHIN and cell.value is not None:
            rows.setdefault(cell.row, {})[cell.column] = str(cell.value)
    return find_header(Sheet(sheet.title, rows), _KINDS).header


def _cells(sheet: Any) -> Iterator[Cell]:
    """Yield the cells that exist in the sheet.

    A cell far out does not create the cells in between.
    """
    for cell in tuple(sheet._cells.values()):  # iter_rows makes all that are missing
        if not isinstance(cell, MergedCell):
            yield cell


def _behind(sheet: Any) -> int:
    """Return the first column to the right of all filled and all merged cells."""
    filled = max((cell.column for cell in _cells(sheet) if cell.value is not None), default=0)
    merged = max((int(cell_range.max_col) for cell_range in sheet.merged_cells.ranges), default=0)
    return max(filled, merged) + 1


def _like(cell: Any, other: Any) -> None:
    """Give a heading the looks of the one beside it."""
    cell.font, cell.fill = copy.copy(other.font), copy.copy(other.fill)
    cell.border = copy.copy(other.border)


@cache
def headings_of(kind: KindSchema) -> Headings:
    """Return the column names of a record kind.

    The kind's own words precede the words of its number and id. So `Refund no` is the number of a
    refund, and the order's number is another of its fields.
    """
    word = kind.kind.replace("_", " ")
    head = {"id": _own("id", word), "number": _own("number", word), "status": _own("status", word)}
    fields = [
        field_schema
        for field_schema in kind.fields
        if field_schema.name not in head and field_schema.name != id_of(kind)
    ]
    head |= {field_schema.name: _said(field_schema, word, _HEAD) for field_schema in fields}
    named = frozenset(field_schema.name for field_schema in kind.fields)
    if not kind.lines:
        return Headings(head, {}, head, {}, {}, "", named)
    extras = EXTRAS if kind.kind == ORDER else {}
    items = {field_schema.name: _said(field_schema, word, _LINE) for field_schema in kind.lines}
    lines = {_LINE_OF + name if name in head else name: name for name in items}
    line_headings = {key: _beside(items[name], key != name) for key, name in lines.items()}
    owner = id_of(kind)
    owners = {owner: _owner(word), "number": head["number"]}
    apart = {name: name for name in items}
    joined = {**head, **line_headings}
    return Headings(head, {**owners, **items}, joined, lines, apart, owner, named, extras)


def _own(name: str, word: str) -> tuple[str, str]:
    """Return the label and usual names of a record's id, number or status; for orders the
    established ones.
    """
    label, usual = _HEAD[name]
    if word == "order":
        return label, usual
    capital = word.capitalize()
    if name == "id":
        return f"{capital} ID", f"{word} id"
    if name == "number":
        more = f"{word} no, {word} number, {word} num, {word} ref, doc no, document no, no"
        return f"{capital} number", more
    return label, f"{word} status, state"


def _said(
    field_schema: FieldSchema, word: str, first: Mapping[str, tuple[str, str]]
) -> tuple[str, str]:
    """Return the label of a field and its usual names; for a field without a description, its own
    name.
    """
    plain = field_schema.name.replace("_", " ")
    label_and_names = (
        first.get(field_schema.name)
        or _OTHER.get(field_schema.name)
        or _HEAD.get(field_schema.name)
    )
    return label_and_names or (plain.capitalize(), f"{word} {plain}")


def _beside(label_and_names: tuple[str, str], clashes: bool) -> tuple[str, str]:
    label, _ = label_and_names
    return (f"{label} of the line", f"line {label}") if clashes else label_and_names


def _owner(word: str) -> tuple[str, str]:
    return f"{word.capitalize()} ID", f"{word} id, shop {word} id, {word}"


def id_of(kind: KindSchema) -> str:
    """Return the field name by which other records refer to the id of this kind, such as
    `order_id`.
    """
    return f"{kind.kind}_id"


def labels(fields: Mapping[str, tuple[str, str]]) -> tuple[FieldLabel, ...]:
    """Return the fields with their labels, as a list to choose from."""
    return tuple(FieldLabel(name, label) for name, (label, _) in fields.items())


def matched(
    words: Sequence[tuple[int, str]],
    fields: Mapping[str, tuple[str, str]],
    chosen: Mapping[int, str],
    export_fields: Mapping[str, str] = MappingProxyType({}),
) -> dict[int, tuple[str, MatchedBy]]:
    """Return column -> (field, how it was matched).

    A field is filled by a single column. The user's choice comes first, then the heading of a known
    export. Then the first column with exactly the field's name, then the first with a usual name.
    """
    matches = {
        column: (name, MatchedBy.PERSON)
        for column, name in chosen.items()
        if name == LEFT_OUT or name in fields
    }
    taken_fields = {name for name, _ in matches.values()}
    if export_fields:
        return {**_matched_by_export(words, fields, export_fields, taken_fields), **matches}
    usual = {
        bare_heading(word): name  # a field of the record goes before a column that becomes a line
        for name, (label, text) in sorted(fields.items(), key=lambda item: item[0][:1] != EXTRA)
        for word in (name.removeprefix(EXTRA), label, *text.split(", "))
    }
    second = {**usual, **{word: name for word, name in SECOND_MEANINGS.items() if name in fields}}
    passes = (
        (MatchedBy.NAME, {}),
        *((MatchedBy.MEANING, names) for names in (usual, usual, second)),
    )
    for rank, (how, names) in enumerate(passes):
        for column, word in words:
            heading = bare_heading(word)
            name = word if how is MatchedBy.NAME else names.get(heading, LEFT_OUT)
            if how is MatchedBy.MEANING and WEAK_HEADINGS.get(heading, 0) >= rank:
                continue
            if column not in matches and name in fields and name not in taken_fields:
                matches[column] = (name, how)
                taken_fields.add(name)
    return {column: matches.get(column, (LEFT_OUT, MatchedBy.NOTHING)) for column, _ in words}


def _matched_by_export(
    words: Sequence[tuple[int, str]],
    fields: Mapping[str, tuple[str, str]],
    export_fields: Mapping[str, str],
    taken_fields: Collection[str],
) -> dict[int, tuple[str, MatchedBy]]:
    """Return the columns of a known export; the others are not read."""
    read: dict[int, tuple[str, MatchedBy]] = {}
    filled = set(taken_fields)
    for column, word in words:
        name = export_fields.get(bare_heading(word), LEFT_OUT)
        if name in fields and (name not in filled or name == PACKED):
            read[column] = (name, MatchedBy.MEANING)
            filled.add(name)
        else:
            read[column] = (LEFT_OUT, MatchedBy.NOTHING)
    return read


if __name__ == "__main__":
    main()
