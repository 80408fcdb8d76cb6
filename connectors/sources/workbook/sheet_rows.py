"""Read the rows of a file into records with their lines: carry down, group, skip totals."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import RowError
from connectors.contract.pulls import DayOrder, FileColumn
from connectors.contract.schema import FieldType
from connectors.kit.canonical_record import Cell
from connectors.kit.workbook import Row, Sheet, header_of, place
from connectors.sources.workbook.file_sheets import (
    ERRORS,
    FileSheets,
    filled_columns,
    sheets_read,
)
from connectors.sources.workbook.known_exports import (
    CANCELLED,
    PACKED,
    PACKED_PARTS,
    PACKED_WORDS,
)
from connectors.sources.workbook.text_values import (
    ColumnReading,
    Decimals,
    as_iso,
    currency_of,
)

_TOTAL: Final = re.compile(
    r"(?:grand|sub|order|page|net)?[ -]?totals?(?: (?:amount|sales|orders))?"
    r"(?: ?\((?:rm|myr)\)| rm| myr)?[ :.]*"
    r"|jumlah(?: besar| keseluruhan)?[ :.]*|sum[ :.]*|合计|总计|總計",
    re.IGNORECASE,
)

_DASHES: Final = frozenset({"-", "--", "\u2013", "\u2014"})

_NEXT_ITEM: Final = re.compile(r";(?=(?:id|name|product_id):)")

_TEXT_EXTRAS: Final = frozenset(
    {
        "+shipping_name",
        "+shipping_tax",
        "+first_name",
        "+last_name",
        "+company",
        "+order_tax",
        "+cancelled_at",
        "+line_taxable",
        PACKED,
    }
)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row of a sheet: its place, the column that each field is read from, and its values.

    Cells are created on request, since a file has a million cells. `readings`: how the cells of a
    column are read. `below`: further rows of this record, which fill the cells that this row leaves
    blank.
    """

    sheet: str
    number: int
    columns: Mapping[str, int]
    values: Row
    readings: Mapping[int, ColumnReading]
    below: Sequence["SheetRow"] = ()
    packed: Mapping[str, Cell] = field(default_factory=dict)
    """Fields of a line that share one cell."""

    @property
    def place(self) -> str:
        """Return its first cell."""
        return place(self.sheet, self.number, 1)

    def cells(self, names: Collection[str]) -> dict[str, Cell]:
        """Return the filled cells of these fields, in the order of the sheet."""
        ordered_names = dict.fromkeys((*self.columns, *self.packed))
        cells = {name: self.cell(name) for name in ordered_names if name in names}
        return {name: cell for name, cell in cells.items() if cell is not None}

    def cell(self, *names: str) -> Cell | None:
        """Return the first of these cells that is filled."""
        for name in names:
            if name in self.packed:
                return self.packed[name]
            column = self.columns.get(name, 0)
            for row in (self, *self.below):
                if column in row.values:
                    return row._read(column)
        return None

    def _read(self, column: int) -> Cell:
        reading, value = self.readings.get(column), self.values[column]
        where = place(self.sheet, self.number, column)
        if reading is None:
            return Cell(where, value)
        return Cell(where, reading.read(as_iso(value, reading.days) if reading.days else value))

    def written(self, name: str) -> object:
        """Return the value of a field as the file has it in this row; None where it is blank."""
        column = self.columns.get(name)
        return None if column is None else self.values.get(column)

    def text(self, *names: str) -> str:
        """Return the first of these cells that is filled, as text."""
        cell = self.cell(*names)
        return "" if cell is None else str(cell.value).strip()

    def named(self) -> str:
        """Return the record's id, or its number if the row has no id."""
        return self.text("id", "number")

    def naming(self, *names: str) -> Cell:
        """Return the cell that names its record."""
        return self.cell(*names) or Cell(self.place, "")


Group = tuple[SheetRow, Sequence[SheetRow], tuple[RowError, ...]]
"""The head of a record, its lines, and what is wrong with them together."""


def field_types(parts: FileSheets, sheet: Sheet) -> Mapping[str, FieldType]:
    """Return the type of each field that a column of the sheet can fill."""
    lines = {field_schema.name: field_schema.type for field_schema in parts.kind.lines}
    if sheet is not parts.orders:
        return lines
    amounts: dict[str, FieldType] = {
        name: "money" for name in parts.headings.extras if name not in _TEXT_EXTRAS
    }
    named = {key: lines[name] for key, name in parts.headings.lines.items()}
    return {
        **amounts,
        **named,
        **{field_schema.name: field_schema.type for field_schema in parts.kind.fields},
    }


def written_values(
    parts: FileSheets, columns: Sequence[FileColumn], types: Collection[FieldType]
) -> Iterator[object]:
    """Return the cells of the columns that hold values of these types."""
    for sheet in sheets_read(parts):
        typed = field_types(parts, sheet)
        positions = [at for at, name in filled_columns(sheet, columns) if typed.get(name) in types]
        for number, row in sheet.rows.items() if positions else ():
            if number > sheet.header:
                yield from (row[at] for at in positions if at in row)


@dataclass(frozen=True, slots=True)
class RowReader:
    """The rows of a file, with its days and amounts as they are meant. `skipped` collects rows that
    are no records.
    """

    parts: FileSheets
    columns: Sequence[FileColumn]
    days: DayOrder | None
    decimals: Decimals
    zone: ZoneInfo
    skipped: list[RowError] = field(default_factory=list)

    def rows(self, sheet: Sheet) -> Iterator[SheetRow]:
        """Return the filled rows below the headings, without totals and repeated headings."""
        read = {name: column for column, name in filled_columns(sheet, self.columns)}
        typed = field_types(self.parts, sheet)
        readings = {
            column: ColumnReading(typed[name], self.zone, self.days, self.decimals)
            for name, column in read.items()
            if typed.get(name, "text") != "text"
        }
        filled = frozenset(read.values())
        packed = [at for at, name in filled_columns(sheet, self.columns) if name == PACKED]
        error_columns = {column for column, word in header_of(sheet) if word == ERRORS}
        headings = sheet.rows.get(sheet.header)  # again where files were put together
        for number, values in sorted(sheet.rows.items()):
            if number <= sheet.header or error_columns.issuperset(values):
                continue
            # A dash is a day or an amount that there is none of.
            cells = {
                at: value
                for at, value in values.items()
                if at not in readings or str(value).strip() not in _DASHES
            }
            row = SheetRow(sheet.name, number, read, cells, readings)
            word = self._total_of(row)
            if word or filled.isdisjoint(values) or values == headings:
                self.skipped.append(_skipped(row, word))
            elif packed:
                yield from _unpacked(row, packed)
            else:
                yield row

    def _total_of(self, row: SheetRow) -> str:
        """Return the word by which the row is a total; blank for every other row."""
        words = (str(value).strip() for value in row.values.values() if isinstance(value, str))
        word = next((text for text in words if _TOTAL.fullmatch(text)), "")
        if not word:
            return ""
        named = [row.text(name) for name in ("id", "number", "sku")]
        return word if all(not text or _TOTAL.fullmatch(text) for text in named) else ""

    def apart(self) -> tuple[list[Group], list[RowError]]:
        """Return the records with lines from another sheet, and an error for each other line."""
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
                loose.append(wrong_cell(cell, words, f"Write the {word}'s id in {named}."))
            else:
                items.setdefault(owner, []).append(item)
        return [(head, items.get(head.place, ()), ()) for head in heads], loose

    def joined(self) -> tuple[list[Group], list[RowError]]:
        """Return the records of one sheet, in which each row is a line or a whole record."""
        if not self.parts.kind.lines:
            return [(row, (), ()) for row in self.rows(self.parts.orders)], []
        groups: dict[str, list[SheetRow]] = {}
        keys: dict[str, str] = {}
        last = ""
        for row in self.rows(self.parts.orders):
            key = self._key_of(row, keys) or (last if self._continues(row) else "")
            if not key and self._is_note(row):
                self.skipped.append(_skipped(row, ""))
                continue
            last = key
            groups.setdefault(key, []).append(row)
        return [self._group(rows) for rows in groups.values()], []

    def _key_of(self, row: SheetRow, keys: dict[str, str]) -> str:
        """Return the id or number of the row's record; only its first row may have the id."""
        number, record_id = row.text("number"), row.text("id")
        if not record_id:
            return keys.get(number, number)
        if number:
            keys.setdefault(number, record_id)
        return record_id

    def _continues(self, row: SheetRow) -> bool:
        """Check whether a row without a number has only line fields.

        Then it continues the record of the row above, as with merged cells.
        """
        named = self.parts.headings.lines.keys()
        head = self.parts.headings.head.keys() - named
        return not row.cells(head) and bool(row.cells(named))

    def _is_note(self, row: SheetRow) -> bool:
        """Check whether a row without a number holds a remark below the table and no amount."""
        return len(row.values) == 1 and not row.readings.keys() & row.values.keys()

    def _group(self, rows: Sequence[SheetRow]) -> Group:
        if self.parts.export is not None and self.parts.export.row_is_piece:
            kept_rows = [row for row in rows if row.text("status").casefold() not in CANCELLED]
            message = "This piece was cancelled and is not read."
            cancelled = [row for row in rows if row not in kept_rows] if kept_rows else []
            self.skipped.extend(wrong_cell(row.naming("status"), message, "") for row in cancelled)
            rows = kept_rows or rows
        first = rows[0]
        head = SheetRow(
            first.sheet, first.number, first.columns, first.values, first.readings, rows[1:]
        )
        names = [name for name in self.parts.headings.head if name != "id"]
        words = dict(header_of(self.parts.orders))
        return head, rows, tuple(_differing_cells(head, rows, names, words))


def _unpacked(row: SheetRow, columns: Sequence[int]) -> Iterator[SheetRow]:
    """Return a row for each item of an order that is written in one row."""
    cells = [
        Cell(place(row.sheet, row.number, at), row.values[at]) for at in columns if at in row.values
    ]
    items = [Cell(cell.where, text) for cell in cells for text in _NEXT_ITEM.split(str(cell.value))]
    filled = [cell for cell in items if str(cell.value).strip()]
    for item in filled:
        yield replace(row, packed=_parts_of_item(item))
    if not filled:
        yield row


def _parts_of_item(item: Cell) -> dict[str, Cell]:
    """Return the fields of a line from `name:Tea|product_id:7|sku:TEA-1|quantity:2|total:30.00`.

    A part that does not begin with a known word and a colon continues the part before it.
    """
    texts: dict[str, str] = {}
    word = ""
    for part in str(item.value).split("|"):
        name, colon, text = part.partition(":")
        if colon and name.strip() in PACKED_WORDS:
            word = name.strip()
            texts[word] = text
        elif word:
            texts[word] += f"|{part}"
    return {
        field: Cell(item.where, texts[word].strip())
        for word, field in PACKED_PARTS.items()
        if texts.get(word, "").strip()
    }


def _skipped(row: SheetRow, word: str) -> RowError:
    message = "This row is a total and is not read." if word else "This row names no record."
    text = word or next((str(value) for value in row.values.values()), "")
    return RowError(where=row.place, value=text[:200], message=message, hint="")


def _owners(heads: Sequence[SheetRow]) -> dict[str, str]:
    """Return id or number -> the place of its record.

    If an id equals another record's number, the id takes precedence.
    """
    by_number = {head.text("number"): head.place for head in heads}
    by_id = {head.text("id"): head.place for head in heads}
    return {name: where for name, where in {**by_number, **by_id}.items() if name}


def wrong_cell(cell: Cell, message: str, hint: str) -> RowError:
    """Return the error of a cell."""
    return RowError(where=cell.where, value=str(cell.value)[:200], message=message, hint=hint)


def _differing_cells(
    head: SheetRow, rows: Sequence[SheetRow], names: Sequence[str], words: Mapping[int, str]
) -> Iterator[RowError]:
    """Yield an error for each cell that differs from the record's first filled cell of its field.

    `head` is the record's first row, completed by its further rows. Only the fields in `names` are
    compared. A blank cell never differs. `words` maps a column to its heading.
    """
    for row in rows[1:]:
        for name in names:
            cell = row.cell(name)
            if cell is not None and str(cell.value).strip() != head.text(name):
                heading = words.get(row.columns[name], name)
                yield wrong_cell(
                    cell,
                    f"{heading} differs from the first row of this order.",
                    "Repeat the same value in all rows of an order.",
                )


def currency_errors(head: dict[str, Cell], rows: Sequence[SheetRow]) -> list[RowError]:
    """Return errors for amounts written in another currency than the order's.

    If the order states no currency, it takes the first currency of its amounts.
    """
    stated = str(head["currency"].value).strip().upper() if "currency" in head else ""
    errors = []
    for row in rows:
        for column, reading in row.readings.items():
            value = row.values.get(column)
            if reading.type != "money" or not isinstance(value, str):
                continue
            written = currency_of(value)
            if not written:
                continue
            cell = Cell(place(row.sheet, row.number, column), value)
            if not stated:
                stated = written
                head["currency"] = Cell(cell.where, written)
            elif written != stated:
                words = f"This amount is in {written}, and the order is in {stated}."
                errors.append(wrong_cell(cell, words, "Write all amounts in the order's currency."))
    return list(dict.fromkeys(errors))
