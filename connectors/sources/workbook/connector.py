"""Read orders and records of other kinds from workbooks and CSV files."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final, overload
from zoneinfo import ZoneInfo

from connectors.contract import (
    Accepted,
    ConnectionForm,
    IncomingRecord,
    RowError,
    Source,
    SourceRefusal,
)
from connectors.contract.pulls import (
    DAYS,
    LEFT_OUT,
    SHORT_DAYS,
    Chosen,
    DayOrder,
    FieldLabel,
    FileColumn,
    FileOrder,
    FileOrders,
    MatchedBy,
    SheetRows,
)
from connectors.contract.schema import KindSchema
from connectors.kit.canonical_record import Cell, RawRecord, canonical
from connectors.kit.delivery import too_long
from connectors.kit.shops import payouts
from connectors.kit.shops.payouts import shared_kinds
from connectors.kit.workbook import (
    Limits,
    Row,
    Sheet,
    WorkbookRefusal,
    place,
    read_csv,
    read_tables,
    run,
)
from connectors.sources.workbook.file_sheets import (
    FileSheets,
    Said,
    as_iso,
    columns_of,
    days_of,
    fields_of,
    filled_columns,
    headings_of,
    id_of,
    labels,
    missing_of,
    parts_of,
    sheets_read,
)

NAME = "workbook"

KINDS = shared_kinds(NAME)

CSV = ".csv"

UPLOAD_SECONDS = 60  # of the processor, to read a file that nobody waits for at a page

FORM = ConnectionForm(
    title="Workbooks and CSV files",
    gives="Records of any kind from files that a person uploads",
    needs="Nothing to connect",
    way="file",
)

_DAYS: Final = ("date", "moment")

_SHORTENED: Final = re.compile(r"\d(\.\d+)?E\+\d\d", re.ASCII)
"""How Excel saves a number of more digits than it shows in a CSV file."""

_SUMS: Final = ("amount", "commission", "net")  # what a kind without a total comes to


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row of a sheet: where it stands, which column each field is read from, and its values;
    cells are made when they are asked for, since a file has a million of them. `days`: how the days
    of a column are read.
    """

    sheet: str
    number: int
    columns: Mapping[str, int]
    values: Row
    days: Mapping[int, DayOrder]

    @property
    def place(self) -> str:
        """Its first cell."""
        return place(self.sheet, self.number, 1)

    def cells(self, names: Collection[str]) -> dict[str, Cell]:
        """Of these fields those that are filled, in the order of the sheet."""
        return {
            name: self._cell(column)
            for name, column in self.columns.items()
            if name in names and column in self.values
        }

    def cell(self, *names: str) -> Cell | None:
        """The first of these cells that is filled."""
        for name in names:
            column = self.columns.get(name)
            if column is not None and column in self.values:
                return self._cell(column)
        return None

    def _cell(self, column: int) -> Cell:
        order, value = self.days.get(column), self.values[column]
        where = place(self.sheet, self.number, column)
        return Cell(where, as_iso(value, order) if order else value)

    def text(self, *names: str) -> str:
        """The same as text."""
        for name in names:
            column = self.columns.get(name)
            if column is not None and column in self.values:
                return str(self.values[column]).strip()
        return ""

    def named(self) -> str:
        """What tells its order from others."""
        return self.text("id", "number")

    def naming(self, *names: str) -> Cell:
        """The cell that names its order."""
        return self.cell(*names) or Cell(self.place, "")


_Group = tuple[SheetRow, Sequence[SheetRow], tuple[RowError, ...]]
"""The head of an order, its items, and what is wrong with them together."""

_NEEDED: Final = ("part", "line_id", "amount")

_SALE: Final = "sale"

Body = Mapping[str, object]


class Workbook:
    """The source `workbook`: the same records as a webhook brings, from a file."""

    name = NAME
    form = FORM
    kinds = KINDS
    suffixes = (".xlsx", CSV)
    headers = ""

    def accept(
        self,
        headers: Mapping[str, str],  # noqa: ARG002
        raw: bytes,  # noqa: ARG002
        secrets: Sequence[str],  # noqa: ARG002
        now: datetime,  # noqa: ARG002
        zone: ZoneInfo,  # noqa: ARG002
    ) -> Accepted | SourceRefusal:
        """Nothing: a workbook carries no signature, so somebody signed in has to bring it."""
        return SourceRefusal(
            405, "no_webhook", "Workbooks are not taken here.", "Upload the file, or use ingest."
        )

    def read(self, name: str, raw: bytes, zone: ZoneInfo) -> Accepted | SourceRefusal:
        """The records of a file; all good ones, and every error of the others. Of which kind they
        are the name of the file says (`refunds.csv`); without such a name they are orders. A column
        that nobody knows is an error, too, and days that can be read in two ways: nobody is there
        to be asked.
        """
        parts = _parts(name, raw, _kind_named(name))
        if isinstance(parts, SourceRefusal):
            return parts
        found = orders_of_file(parts, zone, {})
        if found.in_doubt:
            day = found.in_doubt
            message = f"{day} can be read in more than one way: nothing says which is the day."
            hint = "Write days as 2026-06-05, or upload the file: the page asks which is meant."
            return SourceRefusal(422, "days_in_doubt", message, hint)
        if found.missing:
            sheet, column = found.missing[0]
            message = f"{sheet}: the column {column} is missing."
            return SourceRefusal(422, "missing_column", message, "Row 1 holds the column names.")
        records, of_orders = [], list[RowError]()
        for order in found.orders:
            of_orders += order.errors
            if order.record is not None:
                records.append(order.record)
        return Accepted(
            delivery_id="file-" + hashlib.sha256(raw).hexdigest(),
            records=tuple(records),
            errors=(*_unknown(parts, found.columns), *found.errors, *of_orders),
        )

    def upload(
        self,
        name: str,
        raw: bytes,
        zone: ZoneInfo,
        chosen: Chosen,
        kind: KindSchema,
        beside: Sequence[KindSchema] = (),
    ) -> FileOrders | SourceRefusal:
        """The records of a kind in a file, and the columns that were read for them; beside payouts
        what they pay of each order, where payments of orders may come.
        """
        parts = _parts(name, raw, kind, Limits(cpu_seconds=UPLOAD_SECONDS))
        if isinstance(parts, SourceRefusal):
            return parts
        return orders_of_file(parts, zone, chosen, payment_kind(kind, beside))

    def fields(
        self, sheet_columns: Sequence[FileColumn], kind: KindSchema
    ) -> Mapping[str, tuple[FieldLabel, ...]]:
        """What each sheet's columns can fill: of one sheet alone records and their lines, else
        first those of records.
        """
        headings = headings_of(kind)
        names = tuple(dict.fromkeys(column.sheet for column in sheet_columns))
        kinds = (headings.joined,) if len(names) == 1 else (headings.head, headings.items)
        return {name: labels(kind) for name, kind in zip(names, kinds, strict=False)}

    def with_errors(self, name: str, raw: bytes, errors: Mapping[str, str]) -> bytes | None:
        """The file with what is wrong in each row, made by a child process under limits."""
        limits = Limits()
        only = next((place.rpartition("!")[0] for place in errors), KINDS[0].kind)
        csv = only if name.lower().endswith(CSV) else ""  # the one sheet, as its cells are named
        told = json.dumps({"csv": csv, "errors": dict(errors)}).encode()
        child = "connectors.sources.workbook.file_sheets"
        return run(child, [], told + b"\n" + raw, limits.cpu_seconds * 6)


def _parts(
    name: str, raw: bytes, kind: KindSchema, limits: Limits | None = None
) -> FileSheets | SourceRefusal:
    only = f"{kind.kind}s"
    sheets = read_csv(only, raw) if name.lower().endswith(CSV) else read_tables(raw, limits)
    if isinstance(sheets, WorkbookRefusal):
        status = 413 if sheets.code.startswith("too_") else 422
        return SourceRefusal(status, sheets.code, sheets.message, sheets.hint)
    if name.lower().endswith(CSV):
        return FileSheets(sheets[0], sheets[0], sheets, kind, headings_of(kind))
    found = parts_of(sheets, kind)
    if isinstance(found, str):
        hint = f"Name the sheets {only} and {kind.kind}_items."
        return SourceRefusal(422, "missing_sheet", f"The sheet {found} is missing.", hint)
    return found


def _kind_named(name: str) -> KindSchema:
    """The kind that the name of a file begins with, in the singular or in the plural."""
    stem = name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0].casefold()
    fits = [one for one in KINDS if re.match(rf"({_either(one.kind)})(?![a-z])", stem)]
    return max(fits, key=lambda one: len(one.kind), default=KINDS[0])


def _either(kind: str) -> str:
    """A pattern of one or several of a kind: delivery, deliveries."""
    many = kind.removesuffix("y") + "ies" if kind.endswith("y") else f"{kind}s"
    return "|".join(word.replace("_", "[ _-]") for word in (kind, many))


def _unknown(parts: FileSheets, columns: Sequence[FileColumn]) -> Iterator[RowError]:
    filled = Counter((one.sheet, one.field) for one in columns)
    for one in columns:
        if one.matched_by is MatchedBy.NOTHING and one.field == LEFT_OUT:
            known = fields_of(parts, one.sheet)
            twice = (
                "occurs twice" if filled[one.sheet, one.heading] else "is not known, and not read"
            )
            yield RowError(
                where=f"{one.key}1",
                value=one.heading[:200],
                message=f"The column {one.heading[:50]} {twice}.",
                hint=f"Known: {', '.join(known)}.",
            )


def orders_of_file(
    parts: FileSheets, zone: ZoneInfo, chosen: Chosen, paid: KindSchema | None = None
) -> FileOrders:
    """All records of the file, good and bad; `paid` is the kind of what payouts pay of orders,
    where that comes of them, too.
    """
    columns = [
        column for sheet in sheets_read(parts) for column in columns_of(parts, sheet, chosen)
    ]
    filled = {(one.sheet, one.field): one.letter for one in columns if one.field != LEFT_OUT}
    sheets = tuple(
        SheetRows(one.name, sum(number > 1 for number in one.rows), one in sheets_read(parts))
        for one in parts.all
        if one.rows
    )
    missing = tuple(missing_of(parts, filled))
    if missing:
        return FileOrders(sheets=sheets, columns=tuple(columns), missing=missing)
    days = days_of(_written(parts, columns))
    order = days.order(chosen.get(SHORT_DAYS if DayOrder.YEAR in days.ways else DAYS, ""))
    if days.said is Said.EITHER and order is None:
        return FileOrders(
            sheets=sheets,
            columns=tuple(columns),
            in_doubt=days.example,
            ways=tuple((one, str(as_iso(days.example, one))[:10]) for one in days.ways),
        )
    read = _Reading(parts, columns, order)
    groups, loose = read.joined() if parts.joined else read.apart()
    seen = Counter(head.named() for head, _, _ in groups)
    lacks = lacking(parts, filled) if paid else ()
    payments = None
    if paid and not lacks:
        lines = (row for _, rows, _ in groups for row in rows)
        payments = payments_in(parts, lines, paid, zone)
    return FileOrders(
        sheets=sheets,
        columns=tuple(columns),
        days=order if days.example or days.said is Said.MONTH else None,
        ways=tuple((one, "") for one in days.ways),
        orders=_Orders(groups, seen, parts, zone, payments),
        errors=tuple(loose),
        lacking=lacks,
        letters=filled,
    )


def _written(parts: FileSheets, columns: Sequence[FileColumn]) -> Iterator[object]:
    """The cells of the columns that hold days."""
    for sheet in sheets_read(parts):
        wanted = [
            at for at, name in filled_columns(sheet, columns) if _holds_days(parts, sheet, name)
        ]
        for number, row in sheet.rows.items() if wanted else ():
            if number > 1:
                yield from (row[at] for at in wanted if at in row)


def _holds_days(parts: FileSheets, sheet: Sheet, name: str) -> bool:
    """Whether a field of a sheet is a day or a moment."""
    kind, of_lines = parts.kind, parts.headings.lines
    typed = {one.name: one.type in _DAYS for one in kind.fields}
    lines = {one.name: one.type in _DAYS for one in kind.lines}
    if sheet is not parts.orders:
        return lines.get(name, False)
    return typed.get(name, False) or lines.get(of_lines.get(name, ""), False)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The rows of a file, with its days as they are meant."""

    parts: FileSheets
    columns: Sequence[FileColumn]
    days: DayOrder | None

    def rows(self, sheet: Sheet) -> Iterator[SheetRow]:
        """The filled rows below the headings."""
        read = {name: column for column, name in filled_columns(sheet, self.columns)}
        dated = [name for name in read if self.days and _holds_days(self.parts, sheet, name)]
        days = {read[name]: self.days for name in dated if self.days}
        filled = frozenset(read.values())
        for number, row in sorted(sheet.rows.items()):
            if number > 1 and not filled.isdisjoint(row):
                yield SheetRow(sheet.name, number, read, row, days)

    def apart(self) -> tuple[list[_Group], list[RowError]]:
        """Records with the lines of another sheet, and lines that belong to none."""
        parts = self.parts
        heads = list(self.rows(parts.orders))
        owners = _owners(heads)
        items: dict[str, list[SheetRow]] = {}
        loose, named = [], parts.headings.owner
        for item in self.rows(parts.items):
            owner = owners.get(item.text(named, "number"))
            if owner is None:
                word = parts.kind.kind.replace("_", " ")
                words = f"This item belongs to no {word} of the sheet {parts.orders.name}."
                cell = item.naming(named, "number")
                loose.append(_wrong(cell, words, f"Write the {word}'s id in {named}."))
            else:
                items.setdefault(owner, []).append(item)
        return [(head, items.get(head.place, ()), ()) for head in heads], loose

    def joined(self) -> tuple[list[_Group], list[RowError]]:
        """Records of one sheet: a row a line, or a row a record."""
        if not self.parts.kind.lines:
            return [(row, (), ()) for row in self.rows(self.parts.orders)], []
        groups: dict[str, list[SheetRow]] = {}
        for row in self.rows(self.parts.orders):
            groups.setdefault(row.named(), []).append(row)
        head = [name for name in self.parts.headings.head if name != "id"]
        return [(rows[0], rows, tuple(_unlike(rows, head))) for rows in groups.values()], []


def _owners(heads: Sequence[SheetRow]) -> dict[str, str]:
    """The order that an item names, by the order's id or by its number; an id wins."""
    by_number = {head.text("number"): head.place for head in heads}
    by_id = {head.text("id"): head.place for head in heads}
    return {name: where for name, where in {**by_number, **by_id}.items() if name}


def _wrong(cell: Cell, message: str, hint: str) -> RowError:
    return RowError(where=cell.where, value=str(cell.value)[:200], message=message, hint=hint)


def _unlike(rows: Sequence[SheetRow], head: Sequence[str]) -> Iterator[RowError]:
    """The rows of one order repeat its own columns; where they differ nobody knows which is
    right.
    """
    for row in rows[1:]:
        for name in head:
            if row.text(name) != rows[0].text(name):
                yield _wrong(
                    row.naming(name),
                    f"{name} differs from the first row of this order.",
                    "Repeat the same value in all rows of an order.",
                )


@dataclass(frozen=True, slots=True)
class Payments:
    """The payments of one file: their kind, and how often each id of a sale occurs in it. `fills`:
    field of a line -> what a row fills it by.
    """

    kind: KindSchema
    ids: Mapping[str, int]
    fills: Mapping[str, str]
    zone: ZoneInfo

    def of_payout(
        self, raw: RawRecord, rows: Sequence[SheetRow], body: Body
    ) -> tuple[IncomingRecord, ...] | tuple[RowError, ...]:
        """What a payout pays of each order, or all that is wrong with its entries; `body` is the
        payout in its canonical form.
        """
        told = body.get("lines")
        lines = told if isinstance(told, list) else []
        errors, sales = list[RowError](), list[payouts.Entry]()
        for row, cells, line in zip(rows, raw.lines, lines, strict=True):
            wrong = self._wrong(row, cells, line)
            errors += wrong
            if not wrong and line["part"] == _SALE:
                sales.append(_sale(row, cells, line))
        return tuple(errors) or payouts.payments_of(raw.head, sales, self.kind, self.zone)

    def _wrong(self, row: SheetRow, cells: Mapping[str, Cell], line: Body) -> list[RowError]:
        """What is wrong with an entry, cell by cell."""
        if line.get("part") not in payouts.PARTS:
            known = ", ".join(payouts.PARTS)
            words = "This is not a kind of entry that a payout has."
            return [self._error(row, cells, "part", words, f"Write one of {known}.")]
        if line["part"] != _SALE:
            return []
        found, own = [], _text(line.get("line_id"))
        if line.get("amount") is None:
            found.append(
                self._error(row, cells, "amount", "The sale has no amount.", "Write its amount.")
            )
        if not own or self.ids.get(own, 0) > 1:
            words = "Another sale of this file has the same id." if own else "The sale has no id."
            hint = "Give each sale its own id: it settles an invoice of its own."
            found.append(self._error(row, cells, "line_id", words, hint))
        return found

    def _error(
        self, row: SheetRow, cells: Mapping[str, Cell], name: str, message: str, hint: str
    ) -> RowError:
        blank = Cell(place(row.sheet, row.number, row.columns[self.fills[name]]), "")
        cell = cells.get(name) or blank
        return RowError(where=cell.where, value=str(cell.value)[:200], message=message, hint=hint)


class _Orders(Sequence[FileOrder]):
    """The orders of a file, each made when it is asked for and kept by nobody."""

    def __init__(
        self,
        groups: Sequence[_Group],
        seen: Mapping[str, int],
        parts: FileSheets,
        zone: ZoneInfo,
        payments: Payments | None,
    ) -> None:
        self._groups, self._rest = groups, (seen, parts, zone, payments)

    def __len__(self) -> int:
        return len(self._groups)

    @overload
    def __getitem__(self, at: int) -> FileOrder: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[FileOrder]: ...

    def __getitem__(self, at: int | slice) -> FileOrder | Sequence[FileOrder]:
        if isinstance(at, slice):
            return [_order(group, *self._rest) for group in self._groups[at]]
        return _order(self._groups[at], *self._rest)


def _order(
    group: _Group,
    seen: Mapping[str, int],
    parts: FileSheets,
    zone: ZoneInfo,
    payments: Payments | None,
) -> FileOrder:
    head, items, errors = group
    word = parts.kind.kind.replace("_", " ")
    if not errors and seen[head.named()] > 1:
        words = f"This {word} occurs twice in the file."
        errors = (_wrong(head.naming("id", "number"), words, f"Keep one row for each {word}."),)
    if not errors and _SHORTENED.fullmatch(head.named()):
        words = "A spreadsheet has shortened this number: its last digits are lost."
        hint = "Format the column as text where the file is made, then upload it again."
        errors = (_wrong(head.naming("id", "number"), words, hint),)
    if not errors and (long := too_long(head.place, len(items))):
        errors = (long,)
    raw = _raw(head, items, parts)
    found = errors or canonical(parts.kind, raw, zone)
    record, more = None, tuple[IncomingRecord, ...]()
    if isinstance(found, IncomingRecord):
        paid = payments.of_payout(raw, items, found.body) if payments else ()
        errors = tuple(one for one in paid if isinstance(one, RowError))
        more = tuple(one for one in paid if isinstance(one, IncomingRecord))
        record = None if errors else found
    else:
        errors = found
    return FileOrder(
        record=record,
        where=head.place,
        rows=tuple(item.place for item in items),
        number=head.text("number")[:50],
        total=_amount(head.text(*_totals(parts))),
        currency=head.text("currency"),
        errors=errors,
        more=more,
    )


def _raw(head: SheetRow, items: Sequence[SheetRow], parts: FileSheets) -> RawRecord:
    keys = parts.line_keys
    cells = head.cells(parts.named)
    own = id_of(parts.kind)
    if own in parts.named and (cell := head.cell("id")):
        cells[own] = cell
    lines = [item.cells(keys) for item in items]
    return RawRecord(
        head.naming("id", "number"),
        cells,
        [{keys[key]: cell for key, cell in line.items()} for line in lines],
    )


def _amount(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < 10**15 else None


def _totals(parts: FileSheets) -> list[str]:
    """The fields of a record that hold its total; its first line may have one of the name."""
    names = (parts.kind.total_field or "total", *_SUMS)
    return [name for name in names if name in parts.headings.head]


def payment_kind(kind: KindSchema, beside: Iterable[KindSchema]) -> KindSchema | None:
    """The kind of the payments that come of records of a kind, where they may come at all."""
    if kind.kind != payouts.PAYOUT:
        return None
    return next((one for one in beside if one.kind == payouts.ORDER_PAYMENT), None)


def lacking(parts: FileSheets, filled: Mapping[tuple[str, str], str]) -> tuple[str, ...]:
    """The fields that no column fills and without which no sale is told, as a row has them."""
    fills = {name: key for key, name in parts.line_keys.items()}
    sheet = parts.items.name
    return tuple(fills[name] for name in _NEEDED if (sheet, fills[name]) not in filled)


def _sale(row: SheetRow, cells: Mapping[str, Cell], line: Body) -> payouts.Entry:
    return payouts.Entry(
        place=cells["line_id"].where if "line_id" in cells else row.place,
        line_id=_text(line.get("line_id")),
        part="sale",
        amount=Decimal(str(line["amount"])),
        order_id=_text(line.get("order_id")),
        order_number=_text(line.get("order_number")),
    )


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def payments_in(
    parts: FileSheets, rows: Iterable[SheetRow], kind: KindSchema, zone: ZoneInfo
) -> Payments:
    """The payments of a file with these lines, whose sales are told."""
    fills = {name: key for key, name in parts.line_keys.items()}
    return Payments(kind, Counter(_ids(rows, fills["part"], fills["line_id"])), fills, zone)


def _ids(rows: Iterable[SheetRow], part: str, line_id: str) -> Iterator[str]:
    for row in rows:
        if row.text(part) == _SALE and (found := row.text(line_id)):
            yield found


SOURCE: Source = Workbook()
