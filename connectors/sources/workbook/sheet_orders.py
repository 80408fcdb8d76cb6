"""Orders from the sheets of a file, each with what is wrong in it.

Here: which sheet holds orders and which their items, which row belongs to which order, and the
errors that only several rows together show. Not here: what a heading means (headings.py), the
canonical form (kit/canonical_record.py).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError
from connectors.contract.schema import KindSchema
from connectors.contract.uploads import (
    LEFT_OUT,
    Chosen,
    FileColumn,
    FileOrder,
    FileOrders,
    SheetRows,
)
from connectors.kit.canonical_record import (
    COMPANY_CODE,
    LINE_FIELDS,
    ORDER_FIELDS,
    Cell,
    RawRecord,
    canonical,
)
from connectors.kit.delivery_counts import too_long
from connectors.kit.sheet_tables import Sheet, column_name, header_of, place
from connectors.sources.workbook.headings import ERRORS, ITEMS, JOINED, ORDER_ID, ORDERS, matched

_HEAD = tuple(field.name for field in (*ORDER_FIELDS, COMPANY_CODE))
_LINE = tuple(field.name for field in LINE_FIELDS)
_NEEDED: Final = {"orders": ("number", "status"), "items": ("pos",)}
_NAMES: Final = {
    "orders": ("orders", "order", "salesorders"),
    "items": ("orderitems", "items", "orderlines", "lines", "orderdetails", "details"),
}
_EXAMPLES, _EXAMPLE = 2, 40  # values of a column that are shown, and signs of each


@dataclass(frozen=True, slots=True)
class Parts:
    """The sheet of the orders, that of their items, and all there are; one sheet may be both."""

    orders: Sheet
    items: Sheet
    all: tuple[Sheet, ...]

    @property
    def joined(self) -> bool:
        """Whether each row is an item that repeats its order's own columns."""
        return self.orders is self.items


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a sheet: its cells by field, and where it stands."""

    place: str
    cells: Mapping[str, Cell]

    def text(self, *names: str) -> str:
        """The first of these cells that is filled, as text."""
        for name in names:
            if name in self.cells:
                return str(self.cells[name].value).strip()
        return ""

    def named(self) -> str:
        """What tells its order from others."""
        return self.text("id", "number")

    def naming(self, *names: str) -> Cell:
        """The cell that names its order."""
        return next((self.cells[n] for n in names if n in self.cells), Cell(self.place, ""))


_Group = tuple[_Row, Sequence[_Row], tuple[RowError, ...]]
"""The head of an order, its items, and what is wrong with them together."""


def parts_of(sheets: Sequence[Sheet]) -> Parts | str:
    """Which sheet is which; else the name of the sheet that is missing."""
    filled = [sheet for sheet in sheets if sheet.rows]
    by_name = {"".join(c for c in one.name.casefold() if c.isalnum()): one for one in filled}
    found = {
        part: next((by_name[name] for name in names if name in by_name), None)
        for part, names in _NAMES.items()
    }
    heads, items = found["orders"], found["items"]
    if heads is not None and items is not None:
        return Parts(heads, items, tuple(sheets))
    alone = heads or (filled[0] if len(filled) == 1 else None)
    if alone is not None and _holds_items(alone):
        return Parts(alone, alone, tuple(sheets))
    return "orders" if heads is None else "order_items"


def _holds_items(sheet: Sheet) -> bool:
    filled = {name for name, _ in matched(header_of(sheet), JOINED, {}).values()}
    return bool(filled & {"pos", "sku", "qty"}) and "number" in filled


def fields_of(parts: Parts, sheet: str) -> Mapping[str, tuple[str, str]]:
    """The fields that the columns of a sheet can fill; none of a sheet that is not read."""
    if parts.joined:
        return JOINED if sheet == parts.orders.name else {}
    return {parts.orders.name: ORDERS, parts.items.name: ITEMS}.get(sheet, {})


def orders_of_file(parts: Parts, schema: KindSchema, zone: ZoneInfo, chosen: Chosen) -> FileOrders:
    """All orders of the file, good and bad."""
    columns = [column for sheet in _read(parts) for column in _columns(parts, sheet, chosen)]
    filled = {(one.sheet, one.field): one.letter for one in columns if one.field != LEFT_OUT}
    sheets = tuple(
        SheetRows(one.name, sum(number > 1 for number in one.rows), one in _read(parts))
        for one in parts.all
        if one.rows
    )
    missing = tuple(_missing(parts, filled))
    if missing:
        return FileOrders(sheets=sheets, columns=tuple(columns), missing=missing)
    groups, loose = _joined(parts, columns) if parts.joined else _apart(parts, columns)
    seen = Counter(head.named() for head, _, _ in groups)
    return FileOrders(
        sheets=sheets,
        columns=tuple(columns),
        orders=tuple(_order(group, seen, schema, zone) for group in groups),
        errors=tuple(loose),
        letters=filled,
    )


def _read(parts: Parts) -> tuple[Sheet, ...]:
    return (parts.orders,) if parts.joined else (parts.orders, parts.items)


def _columns(parts: Parts, sheet: Sheet, chosen: Chosen) -> Iterator[FileColumn]:
    words = [(column, word) for column, word in header_of(sheet) if word != ERRORS]
    keys = {column: f"{sheet.name}!{column_name(column)}" for column, _ in words}
    mine = {column: chosen[key] for column, key in keys.items() if key in chosen}
    found = matched(words, fields_of(parts, sheet.name), mine)
    first = [row for number, row in sorted(sheet.rows.items())[: _EXAMPLES + 1] if number > 1]
    for column, word in words:
        name, how = found[column]
        yield FileColumn(
            sheet=sheet.name,
            letter=column_name(column),
            heading=word,
            field=name,
            matched_by=how,
            examples=tuple(str(row[column])[:_EXAMPLE] for row in first if column in row),
        )


def _missing(parts: Parts, filled: Mapping[tuple[str, str], str]) -> Iterator[tuple[str, str]]:
    """The needed fields that no column fills, by sheet."""
    for part, sheet in (("orders", parts.orders), ("items", parts.items)):
        for name in _NEEDED[part]:
            if (sheet.name, name) not in filled:
                yield sheet.name, name
    if not parts.joined:
        orders, items = parts.orders.name, parts.items.name
        owners = [name for name in (ORDER_ID, "number") if (items, name) in filled]
        if not owners:
            yield items, ORDER_ID
        elif owners == [ORDER_ID] and (orders, "id") not in filled:
            yield from _nameless(parts, filled)


def _nameless(parts: Parts, filled: Mapping[tuple[str, str], str]) -> Iterator[tuple[str, str]]:
    """Items that name an order by its id, where orders have a number alone: they may mean that."""
    orders, items = parts.orders.name, parts.items.name
    numbers = _texts(parts.orders, filled.get((orders, "number"), ""))
    meant = _texts(parts.items, filled[items, ORDER_ID])
    if meant and not meant & numbers:
        yield orders, "id"


def _texts(sheet: Sheet, letters: str) -> set[str]:
    columns = {column_name(column): column for column, _ in header_of(sheet)}
    at = columns.get(letters, 0)
    return {str(row[at]).strip() for number, row in sheet.rows.items() if number > 1 and at in row}


def _rows(sheet: Sheet, columns: Sequence[FileColumn]) -> Iterator[_Row]:
    letters = {column_name(column): column for column, _ in header_of(sheet)}
    read = [
        (letters[one.letter], one.field)
        for one in columns
        if one.sheet == sheet.name and one.field != LEFT_OUT
    ]
    for number, row in sorted(sheet.rows.items()):
        cells = {
            name: Cell(place(sheet.name, number, column), row[column])
            for column, name in read
            if column in row
        }
        if number > 1 and cells:
            yield _Row(place(sheet.name, number, 1), cells)


def _apart(parts: Parts, columns: Sequence[FileColumn]) -> tuple[list[_Group], list[RowError]]:
    heads = list(_rows(parts.orders, columns))
    owners = _owners(heads)
    items: dict[str, list[_Row]] = {}
    loose = []
    for item in _rows(parts.items, columns):
        owner = owners.get(item.text(ORDER_ID, "number"))
        if owner is None:
            words = f"This item belongs to no order of the sheet {parts.orders.name}."
            cell = item.naming(ORDER_ID, "number")
            loose.append(_wrong(cell, words, "Write the order's id in order_id."))
        else:
            items.setdefault(owner, []).append(item)
    return [(head, items.get(head.place, ()), ()) for head in heads], loose


def _joined(parts: Parts, columns: Sequence[FileColumn]) -> tuple[list[_Group], list[RowError]]:
    groups: dict[str, list[_Row]] = {}
    for row in _rows(parts.orders, columns):
        groups.setdefault(row.named(), []).append(row)
    return [(rows[0], rows, tuple(_unlike(rows))) for rows in groups.values()], []


def _owners(heads: Sequence[_Row]) -> dict[str, str]:
    """The order that an item names, by the order's id or by its number; an id wins."""
    by_number = {head.text("number"): head.place for head in heads}
    by_id = {head.text("id"): head.place for head in heads}
    return {name: where for name, where in {**by_number, **by_id}.items() if name}


def _unlike(rows: Sequence[_Row]) -> Iterator[RowError]:
    """The rows of one order repeat its own columns; where they differ nobody knows which is
    right.
    """
    for row in rows[1:]:
        for name in _HEAD:
            if row.text(name) != rows[0].text(name):
                yield _wrong(
                    row.cells.get(name) or Cell(row.place, ""),
                    f"{name} differs from the first row of this order.",
                    "Repeat the same value in all rows of an order.",
                )


def _order(group: _Group, seen: Mapping[str, int], schema: KindSchema, zone: ZoneInfo) -> FileOrder:
    head, items, errors = group
    if not errors and seen[head.named()] > 1:
        words = "This order occurs twice in the file."
        errors = (_wrong(head.naming("id", "number"), words, "Keep one row for each order."),)
    if not errors and (long := too_long(head.place, len(items))):
        errors = (long,)
    found = errors or canonical(schema, _raw(head, items), zone)
    record = found if isinstance(found, IncomingRecord) else None
    return FileOrder(
        record=record,
        where=head.place,
        rows=tuple(item.place for item in items),
        number=head.text("number")[:50],
        total=_amount(head.text("total")),
        currency=head.text("currency"),
        errors=() if isinstance(found, IncomingRecord) else found,
    )


def _raw(head: _Row, items: Sequence[_Row]) -> RawRecord:
    return RawRecord(
        head.naming("id", "number"),
        {name: cell for name, cell in head.cells.items() if name in _HEAD},
        [{name: cell for name, cell in item.cells.items() if name in _LINE} for item in items],
    )


def _amount(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < 10**15 else None


def _wrong(cell: Cell, message: str, hint: str) -> RowError:
    return RowError(where=cell.where, value=str(cell.value)[:200], message=message, hint=hint)
