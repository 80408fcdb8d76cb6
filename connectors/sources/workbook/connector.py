"""Read orders and records of other kinds from workbooks and CSV files."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
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
    FIXED,
    LEFT_OUT,
    SHORT_DAYS,
    Chosen,
    DayOrder,
    FieldLabel,
    FileColumn,
    FileOrder,
    FileOrders,
    Layouts,
    MatchedBy,
    SheetRows,
    values_set,
)
from connectors.contract.schema import FieldType, KindSchema
from connectors.kit.canonical_record import Cell, RawRecord, read_record
from connectors.kit.delivery import too_long
from connectors.kit.order_sums import amount_of, complete_order, settle_sums
from connectors.kit.shops import payouts
from connectors.kit.shops.payouts import shared_kinds
from connectors.kit.workbook import (
    Limits,
    WorkbookRefusal,
    column_name,
    header_of,
    place,
    read_tables,
    run,
)
from connectors.sources.workbook.delimited import read_delimited
from connectors.sources.workbook.file_sheets import (
    ORDER,
    FileSheets,
    columns_of,
    fields_of,
    find_header,
    fixed_values,
    headings_of,
    id_of,
    labels,
    missing_of,
    one_sheet,
    parts_of,
    sheets_read,
)
from connectors.sources.workbook.known_exports import EXTRA, SUMMED
from connectors.sources.workbook.order_lines import (
    SheetOrder,
    blank_cells,
    complete_rows,
    number_lines,
)
from connectors.sources.workbook.sheet_rows import (
    Group,
    RowReader,
    SheetRow,
    currency_errors,
    written_values,
    wrong_cell,
)
from connectors.sources.workbook.text_values import (
    OrderEvidence,
    as_iso,
    days_of,
    decimals_of,
)
from grammar.text.finding_codes import INTAKE_FAULTS

NAME = "workbook"

KINDS = shared_kinds(NAME)

CSV = ".csv"

UPLOAD_SECONDS = 60  # of the processor, to read a file that nobody waits for at a page

FORM = ConnectionForm(
    title="Workbooks and CSV files",
    statements=("settlement",),
    gives="Records of any kind from files that a person uploads",
    needs="Nothing to connect",
    way="file",
)

_DAYS: Final[tuple[FieldType, ...]] = ("date", "moment")

_AMOUNTS: Final[tuple[FieldType, ...]] = ("money",)

_SHORTENED: Final = re.compile(r"\d(\.\d+)?E\+\d\d", re.ASCII)
"""How Excel saves a number of more digits than it shows in a CSV file."""

_SUMS: Final = ("amount", "commission", "net")  # what a kind without a total comes to


_NEEDED: Final = ("part", "line_id", "amount")

_SALE: Final = "sale"

REFUND: Final = "refund"

Body = Mapping[str, object]


class Workbook:
    """The source `workbook`: equal records to a webhook's, from a file."""

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
        """Refuse: a workbook is not signed, so only a signed-in user can bring it."""
        return SourceRefusal(
            405, "no_webhook", "Workbooks are not taken here.", "Upload the file, or use ingest."
        )

    def read(self, name: str, raw: bytes, zone: ZoneInfo) -> Accepted | SourceRefusal:
        """Return the records of a file: all good ones, and every error of the others."""
        return self.read_as_before(name, raw, zone, lambda _kind, _columns: {})

    def read_as_before(
        self, name: str, raw: bytes, zone: ZoneInfo, layouts: Layouts
    ) -> Accepted | SourceRefusal:
        """Return the records of a file, read with the columns that a person chose for an earlier
        file.

        The name of the file names the kind (`refunds.csv`); without such a name the records are
        orders. An unknown column is an error, and so are ambiguous days, because no person can
        choose.
        """
        parts = _parts(name, raw, _kind_named(name))
        if isinstance(parts, SourceRefusal):
            return parts
        columns = [
            column for sheet in sheets_read(parts) for column in columns_of(parts, sheet, {})
        ]
        layout = layouts(parts.kind.kind, columns)
        file_orders = orders_of_file(parts, zone, layout)
        set_names = {name for name, value in values_set(layout, FIXED).items() if value}
        if unused := sorted(set_names - file_orders.fixed.keys()):
            message = f"No value can be set for {', '.join(unused)}."
            hint = "No field of these records has this name."
            return SourceRefusal(422, "unused_value", message, hint)
        if file_orders.in_doubt:
            day = file_orders.in_doubt
            message = f"{day} can be read in more than one way: nothing says which is the day."
            hint = "Write days as 2026-06-05, or upload the file: the page asks which is meant."
            return SourceRefusal(422, "days_in_doubt", message, hint)
        if file_orders.missing:
            names = ", ".join(column for _, column in file_orders.missing)
            message = f"{file_orders.missing[0][0]}: missing columns: {names}."
            hint = "Add what is missing, or set one value for all rows: --set status=paid."
            return SourceRefusal(422, "missing_column", message, hint)
        records, of_orders = [], list[RowError]()
        for order in file_orders.orders:
            if order.record is None:
                of_orders += order.errors
            else:
                records.append(order.record)
        return Accepted(
            delivery_id="file-" + hashlib.sha256(raw).hexdigest(),
            records=tuple(records),
            errors=(
                *_unknown_column_errors(parts, file_orders.columns),
                *file_orders.errors,
                *of_orders,
            ),
            skipped=file_orders.skipped,
            filled={
                (name, file_orders.fixed[name]): count for name, count in file_orders.filled.items()
            },
        )

    def upload(
        self,
        name: str,
        raw: bytes,
        zone: ZoneInfo,
        chosen: Chosen,
        kind: KindSchema,
        other_kinds: Sequence[KindSchema] = (),
    ) -> FileOrders | SourceRefusal:
        """Return the records of a kind in a file, and the columns that were read for them.

        With payouts, also their payments of orders where `other_kinds` allows that kind.
        """
        parts = _parts(name, raw, kind, Limits(cpu_seconds=UPLOAD_SECONDS))
        if isinstance(parts, SourceRefusal):
            return parts
        return orders_of_file(parts, zone, chosen, payment_kind(kind, other_kinds))

    def fields(
        self, sheet_columns: Sequence[FileColumn], kind: KindSchema
    ) -> Mapping[str, tuple[FieldLabel, ...]]:
        """Return sheet -> the fields that its columns can fill.

        A single sheet fills records and lines; of two sheets the first fills records.
        """
        headings = headings_of(kind)
        names = tuple(dict.fromkeys(column.sheet for column in sheet_columns))
        together = {**headings.joined, **headings.extras}
        kinds = (together,) if len(names) == 1 else (headings.head, headings.items)
        return {name: labels(kind) for name, kind in zip(names, kinds, strict=False)}

    def with_errors(self, name: str, raw: bytes, errors: Mapping[str, str]) -> bytes | None:
        """Return the file with the errors of each row, made by a child process under limits."""
        limits = Limits()
        only = next((place.rpartition("!")[0] for place in errors), KINDS[0].kind)
        csv = only if name.lower().endswith(CSV) else ""  # the one sheet, as its cells are named
        header = json.dumps({"csv": csv, "errors": dict(errors)}).encode()
        child = "connectors.sources.workbook.file_sheets"
        return run(child, [], header + b"\n" + raw, limits.cpu_seconds * 6)


def _parts(
    name: str, raw: bytes, kind: KindSchema, limits: Limits | None = None
) -> FileSheets | SourceRefusal:
    only = f"{kind.kind}s"
    sheets = read_delimited(only, raw) if name.lower().endswith(CSV) else read_tables(raw, limits)
    if isinstance(sheets, WorkbookRefusal):
        status = 413 if sheets.code.startswith("too_") else 422
        return SourceRefusal(status, sheets.code, sheets.message, sheets.hint)
    sheets = tuple(find_header(sheet, [kind]) for sheet in sheets)
    if name.lower().endswith(CSV):
        return one_sheet(sheets[0], sheets, kind)
    sheets_or_missing = parts_of(sheets, kind)
    if isinstance(sheets_or_missing, str):
        hint = f"Name the sheets {only} and {kind.kind}_items."
        return SourceRefusal(
            422, "missing_sheet", f"The sheet {sheets_or_missing} is missing.", hint
        )
    return sheets_or_missing


def _kind_named(name: str) -> KindSchema:
    """Return the kind whose singular or plural the file name begins with."""
    stem = name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0].casefold()
    matching_kinds = [
        kind for kind in KINDS if re.match(rf"({_kind_pattern(kind.kind)})(?![a-z])", stem)
    ]
    return max(matching_kinds, key=lambda kind: len(kind.kind), default=KINDS[0])


def _kind_pattern(kind: str) -> str:
    """Return a pattern for the singular or plural of a kind: delivery, deliveries."""
    plural = kind.removesuffix("y") + "ies" if kind.endswith("y") else f"{kind}s"
    return "|".join(word.replace("_", "[ _-]") for word in (kind, plural))


def _unknown_column_errors(parts: FileSheets, columns: Sequence[FileColumn]) -> Iterator[RowError]:
    if parts.export is not None:  # it has many columns that no document needs
        return
    filled = Counter((file_column.sheet, file_column.field) for file_column in columns)
    for file_column in columns:
        if file_column.matched_by is MatchedBy.NOTHING and file_column.field == LEFT_OUT:
            known_fields = [
                name for name in fields_of(parts, file_column.sheet) if not name.startswith(EXTRA)
            ]
            problem = (
                "occurs twice"
                if filled[file_column.sheet, file_column.heading]
                else "is not known, and not read"
            )
            yield RowError(
                where=f"{file_column.key}1",
                value=file_column.heading[:200],
                message=f"The column {file_column.heading[:50]} {problem}.",
                hint=f"Known: {', '.join(known_fields)}.",
            )


def orders_of_file(
    parts: FileSheets, zone: ZoneInfo, chosen: Chosen, paid: KindSchema | None = None
) -> FileOrders:
    """Return all records of the file, good and bad.

    `paid` is the kind of a payout's payments of orders, if the file may bring them too.
    """
    columns = [
        column for sheet in sheets_read(parts) for column in columns_of(parts, sheet, chosen)
    ]
    filled = {
        (column.sheet, column.field): column.letter
        for column in columns
        if column.field != LEFT_OUT
    }
    parts = replace(parts, fixed=fixed_values(parts, chosen, filled))
    sheets = tuple(
        SheetRows(
            sheet.name, sum(row > sheet.header for row in sheet.rows), sheet in sheets_read(parts)
        )
        for sheet in parts.all
        if sheet.rows
    )
    missing = tuple(missing_of(parts, filled))
    if missing:
        return FileOrders(sheets=sheets, columns=tuple(columns), missing=missing, fixed=parts.fixed)
    days = days_of(written_values(parts, columns, _DAYS))
    order = days.order(chosen.get(SHORT_DAYS if DayOrder.YEAR in days.ways else DAYS, ""))
    if days.evidence is OrderEvidence.EITHER and order is None:
        return FileOrders(
            sheets=sheets,
            columns=tuple(columns),
            in_doubt=days.example,
            fixed=parts.fixed,
            ways=tuple(
                (day_order, str(as_iso(days.example, day_order))[:10]) for day_order in days.ways
            ),
        )
    decimals = decimals_of(written_values(parts, columns, _AMOUNTS))
    rows = RowReader(parts, columns, order, decimals, zone)
    groups, unassigned_errors = rows.joined() if parts.joined else rows.apart()
    number_counts = Counter(head.named() for head, _, _ in groups)
    lacks = lacking(parts, filled) if paid else ()
    payments = None
    if paid and not lacks:
        lines = (row for _, rows, _ in groups for row in rows)
        payments = payments_in(parts, lines, paid, zone)
    return FileOrders(
        sheets=sheets,
        columns=tuple(columns),
        days=order if days.example or days.evidence is OrderEvidence.MONTH else None,
        ways=tuple((day_order, "") for day_order in days.ways),
        orders=_Orders(groups, number_counts, parts, zone, payments),
        errors=tuple(unassigned_errors),
        skipped=tuple(rows.skipped),
        fixed=parts.fixed,
        filled=_filled_cells(groups, parts),
        lacking=lacks,
        letters=filled,
    )


def _filled_cells(groups: Iterable[Group], parts: FileSheets) -> dict[str, int]:
    """Return field -> how many cells of records and lines its fixed value fills."""
    counts: Counter[str] = Counter()
    of_head = parts.fixed.keys() & {*parts.named, *parts.headings.extras}
    of_lines = parts.fixed.keys() & parts.line_keys.keys()
    for head, items, _ in groups if parts.fixed else ():
        counts.update(name for name in of_head if head.cell(name) is None)
        counts.update(name for item in items for name in of_lines if item.cell(name) is None)
    return {name: counts[name] for name in parts.fixed if counts[name]}


@dataclass(frozen=True, slots=True)
class Payments:
    """The payments of one file: their kind, and how often each sale's id occurs in it.

    `fills`: field of a line -> the column field that fills it.
    """

    kind: KindSchema
    ids: Mapping[str, int]
    fills: Mapping[str, str]
    zone: ZoneInfo

    def of_payout(
        self, raw: RawRecord, rows: Sequence[SheetRow], body: Body
    ) -> tuple[IncomingRecord, ...] | tuple[RowError, ...]:
        """Return a payout's payments of orders, or all errors of its entries.

        `body` is the payout in its canonical form.
        """
        body_lines = body.get("lines")
        lines = body_lines if isinstance(body_lines, list) else []
        errors, sales = list[RowError](), list[payouts.Entry]()
        for row, cells, line in zip(rows, raw.lines, lines, strict=True):
            entry_errors = self._wrong(row, cells, line)
            errors += entry_errors
            if not entry_errors and line["part"] == _SALE:
                sales.append(_sale(row, cells, line))
        return tuple(errors) or payouts.payments_of(raw.head, sales, self.kind, self.zone)

    def _wrong(self, row: SheetRow, cells: Mapping[str, Cell], line: Body) -> list[RowError]:
        """Return the errors of an entry, cell by cell."""
        if line.get("part") not in payouts.PARTS:
            part_names = ", ".join(payouts.PARTS)
            words = "This is not a kind of entry that a payout has."
            return [self._error(row, cells, "part", words, f"Write one of {part_names}.")]
        if line["part"] != _SALE:
            return []
        errors, sale_id = [], _text(line.get("line_id"))
        if line.get("amount") is None:
            errors.append(
                self._error(row, cells, "amount", "The sale has no amount.", "Write its amount.")
            )
        if not sale_id or self.ids.get(sale_id, 0) > 1:
            words = (
                "Another sale of this file has the same id." if sale_id else "The sale has no id."
            )
            hint = "Give each sale its own id: it settles an invoice of its own."
            errors.append(self._error(row, cells, "line_id", words, hint))
        return errors

    def _error(
        self, row: SheetRow, cells: Mapping[str, Cell], name: str, message: str, hint: str
    ) -> RowError:
        blank = Cell(place(row.sheet, row.number, row.columns[self.fills[name]]), "")
        cell = cells.get(name) or blank
        return RowError(where=cell.where, value=str(cell.value)[:200], message=message, hint=hint)


class _Orders(Sequence[FileOrder]):
    """The orders of a file, each made when it is read and not cached."""

    def __init__(
        self,
        groups: Sequence[Group],
        number_counts: Mapping[str, int],
        parts: FileSheets,
        zone: ZoneInfo,
        payments: Payments | None,
    ) -> None:
        self._groups, self._rest = groups, (number_counts, parts, zone, payments)

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
    group: Group,
    number_counts: Mapping[str, int],
    parts: FileSheets,
    zone: ZoneInfo,
    payments: Payments | None,
) -> FileOrder:
    head, items, errors = group
    raw, own_errors = _raw(head, items, parts)
    record_or_errors = _unattributable(
        head, items, number_counts[head.named()] > 1, parts.kind
    ) or read_record(parts.kind, raw, zone, (*errors, *own_errors))
    record, more = None, tuple[IncomingRecord, ...]()
    if isinstance(record_or_errors, IncomingRecord):
        record, more = _with_payments(record_or_errors, raw, items, payments)
        record = _with_columns(record, parts)
        errors = record.errors
    else:
        errors = record_or_errors
    return FileOrder(
        record=record,
        where=head.place,
        rows=(*(item.place for item in items), *[head.place] * (len(raw.lines) - len(items))),
        number=head.text("number")[:50],
        total=_total(raw, parts),
        currency=str(raw.head["currency"].value) if "currency" in raw.head else "",
        errors=errors,
        more=more,
    )


def _unattributable(
    head: SheetRow, items: Sequence[SheetRow], repeated: bool, kind: KindSchema
) -> tuple[RowError, ...]:
    """Return the errors for which these rows cannot be stored as a record; empty if they can.

    Only a repeated or shortened number and too many lines count. With any other error the record
    is stored and held.
    """
    word, name = kind.kind.replace("_", " "), head.naming("id", "number")
    if repeated:
        words = f"This {word} occurs twice in the file."
        return (wrong_cell(name, words, f"Keep one row for each {word}."),)
    if _SHORTENED.fullmatch(head.named()):
        words = "A spreadsheet has shortened this number: its last digits are lost."
        hint = "Format the column as text where the file is made, then upload it again."
        return (wrong_cell(name, words, hint),)
    long = too_long(head.place, len(items))
    return (long,) if long else ()


def _with_payments(
    record: IncomingRecord, raw: RawRecord, items: Sequence[SheetRow], payments: Payments | None
) -> tuple[IncomingRecord, tuple[IncomingRecord, ...]]:
    """Return a payout and what it pays of each order; no payment of a payout with a fault."""
    results = payments.of_payout(raw, items, record.body) if payments else ()
    record = record.with_faults(result for result in results if isinstance(result, RowError))
    if record.faults:
        return record, ()
    return record, tuple(result for result in results if isinstance(result, IncomingRecord))


def _with_columns(record: IncomingRecord, parts: FileSheets) -> IncomingRecord:
    """Return the record whose faults name their columns as the file calls them."""
    if not record.errors:
        return record
    headings = {
        (sheet.name, column_name(column)): word
        for sheet in sheets_read(parts)
        for column, word in header_of(sheet)
    }
    errors = []
    for error in record.errors:
        sheet, _, cell = error.where.rpartition("!")
        column = headings.get((sheet, cell.rstrip("0123456789")), "")
        errors.append(replace(error, column=column) if column else error)
    body = {name: value for name, value in record.body.items() if name != INTAKE_FAULTS}
    return replace(record, body=body, errors=()).with_faults(errors)


def _raw(
    head: SheetRow, items: Sequence[SheetRow], parts: FileSheets
) -> tuple[RawRecord, tuple[RowError, ...]]:
    """Return the record as its rows hold it, and what is wrong with the record as a whole."""
    keys = parts.line_keys
    cells = {**_fixed(parts, parts.named, head.place), **head.cells(parts.named)}
    id_field = id_of(parts.kind)
    if id_field in parts.named and (cell := head.cell("id")):
        cells[id_field] = cell
    lines = [
        {
            keys[key]: cell
            for key, cell in {**_fixed(parts, keys, item.place), **item.cells(keys)}.items()
        }
        for item in items
    ]
    order = SheetOrder(
        place=head.place,
        head=cells,
        lines=lines,
        extras=_extras(head, items, parts),
        line_extras=[item.cells(parts.headings.extras) for item in items],
        interpreted=False,
        export=parts.export,
    )
    if parts.kind.lines:
        numbered = number_lines(order)
        carried = parts.joined and any(not item.named() for item in items)
        order.interpreted = numbered or carried or bool(parts.export or order.extras)
    if parts.kind.kind == ORDER:
        order.errors += currency_errors(order.head, (head, *items))
        if order.interpreted:
            complete_rows(order, parts.kind)
    order.errors += blank_cells(order, parts.kind, _places(head, parts), head.place)
    raw = RawRecord(head.naming("id", "number"), cells, lines)
    raw = complete_order(raw) if parts.kind.kind == ORDER else raw
    if parts.kind.kind in (ORDER, REFUND) and not order.interpreted:
        raw, differences = settle_sums(raw)
        order.errors += differences
    return raw, tuple(order.errors)


def _fixed(parts: FileSheets, names: Collection[str], where: str) -> dict[str, Cell]:
    return {
        name: Cell(where, fixed_value) for name, fixed_value in parts.fixed.items() if name in names
    }


def _places(head: SheetRow, parts: FileSheets) -> dict[str, tuple[str, str]]:
    """Return the letters and the heading of each field's column."""
    words = dict(header_of(parts.orders))
    return {
        name: (column_name(column), words[column])
        for name, column in head.columns.items()
        if column in words
    }


def _extras(head: SheetRow, items: Sequence[SheetRow], parts: FileSheets) -> dict[str, Cell]:
    """Return the order's columns that no field holds; amounts of its rows are added up."""
    cells = {
        **_fixed(parts, parts.headings.extras, head.place),
        **head.cells(parts.headings.extras),
    }
    for name in SUMMED & cells.keys():
        amounts = [amount_of(item.cell(name)) for item in items]
        known_amounts = [amount for amount in amounts if amount is not None]
        cells[name] = Cell(cells[name].where, str(sum(known_amounts, Decimal(0))))
    return cells


def _total(raw: RawRecord, parts: FileSheets) -> Decimal | None:
    return next((amount_of(raw.head[name]) for name in _totals(parts) if name in raw.head), None)


def _totals(parts: FileSheets) -> list[str]:
    """Return the fields of a record that hold its total; its first line may have one with that
    name.
    """
    names = (parts.kind.total_field or "total", *_SUMS)
    return [name for name in names if name in parts.headings.head]


def payment_kind(kind: KindSchema, other_kinds: Iterable[KindSchema]) -> KindSchema | None:
    """Return the kind of the payments that records of a kind may bring, or None."""
    if kind.kind != payouts.PAYOUT:
        return None
    return next(
        (candidate for candidate in other_kinds if candidate.kind == payouts.ORDER_PAYMENT), None
    )


def lacking(parts: FileSheets, filled: Mapping[tuple[str, str], str]) -> tuple[str, ...]:
    """Return the required fields of a sale that no column fills, by their name in a row."""
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
    """Return the payments of a file with these lines."""
    fills = {name: key for key, name in parts.line_keys.items()}
    return Payments(kind, Counter(_ids(rows, fills["part"], fills["line_id"])), fills, zone)


def _ids(rows: Iterable[SheetRow], part: str, line_id: str) -> Iterator[str]:
    for row in rows:
        if row.text(part) == _SALE and (sale_id := row.text(line_id)):
            yield sale_id


SOURCE: Source = Workbook()
