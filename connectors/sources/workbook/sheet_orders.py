"""Orders, or records of another kind, from the sheets of a file, each with what is wrong in it.

Here: which row belongs to which record, and the errors that only several rows together show. Not
here: sheets and columns (file_sheets.py), what a heading means (headings.py), what a written day
means (written_days.py), the canonical form (kit/canonical_record.py).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, overload
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError
from connectors.contract.schema import KindSchema
from connectors.contract.uploads import (
    DAYS,
    LEFT_OUT,
    SHORT_DAYS,
    Chosen,
    DayOrder,
    FileColumn,
    FileOrder,
    FileOrders,
    SheetRows,
)
from connectors.kit.canonical_record import Cell, RawRecord, canonical
from connectors.kit.delivery_counts import too_long
from connectors.kit.sheet_tables import Sheet
from connectors.sources.workbook.file_sheets import (
    Parts,
    columns_of,
    filled_columns,
    missing_of,
    sheets_read,
)
from connectors.sources.workbook.headings import id_of
from connectors.sources.workbook.sheet_payments import Payments, lacking, payments_in
from connectors.sources.workbook.sheet_rows import SheetRow
from connectors.sources.workbook.written_days import Said, as_iso, days_of

_DAYS: Final = ("date", "moment")
_SHORTENED: Final = re.compile(r"\d(\.\d+)?E\+\d\d", re.ASCII)
"""How Excel saves a number of more digits than it shows in a CSV file."""
_SUMS: Final = ("amount", "commission", "net")  # what a kind without a total comes to


_Group = tuple[SheetRow, Sequence[SheetRow], tuple[RowError, ...]]
"""The head of an order, its items, and what is wrong with them together."""


def orders_of_file(
    parts: Parts, zone: ZoneInfo, chosen: Chosen, paid: KindSchema | None = None
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


def _written(parts: Parts, columns: Sequence[FileColumn]) -> Iterator[object]:
    """The cells of the columns that hold days."""
    for sheet in sheets_read(parts):
        wanted = [
            at for at, name in filled_columns(sheet, columns) if _holds_days(parts, sheet, name)
        ]
        for number, row in sheet.rows.items() if wanted else ():
            if number > 1:
                yield from (row[at] for at in wanted if at in row)


def _holds_days(parts: Parts, sheet: Sheet, name: str) -> bool:
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

    parts: Parts
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


class _Orders(Sequence[FileOrder]):
    """The orders of a file, each made when it is asked for and kept by nobody."""

    def __init__(
        self,
        groups: Sequence[_Group],
        seen: Mapping[str, int],
        parts: Parts,
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
    parts: Parts,
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


def _raw(head: SheetRow, items: Sequence[SheetRow], parts: Parts) -> RawRecord:
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


def _totals(parts: Parts) -> list[str]:
    """The fields of a record that hold its total; its first line may have one of the name."""
    names = (parts.kind.total_field or "total", *_SUMS)
    return [name for name in names if name in parts.headings.head]


def _amount(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < 10**15 else None


def _wrong(cell: Cell, message: str, hint: str) -> RowError:
    return RowError(where=cell.where, value=str(cell.value)[:200], message=message, hint=hint)
