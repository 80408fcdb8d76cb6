"""The sheets of a file: which holds the records of a kind and which their lines, and what each
column fills.

Here: sheets, columns and the fields that no column fills. Not here: what a heading means
(headings.py), the rows (sheet_orders.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.contract.schema import KindSchema
from connectors.contract.uploads import LEFT_OUT, Chosen, FileColumn
from connectors.kit.sheet_tables import Sheet, column_name, header_of
from connectors.sources.workbook.headings import ERRORS, Headings, headings_of, matched

_EXAMPLES, _EXAMPLE = 2, 40  # values of a column that are shown, and signs of each


@dataclass(frozen=True, slots=True)
class Parts:
    """The sheet of the records, that of their lines, and all there are; one sheet may be both, and
    a kind without lines has none of its own.
    """

    orders: Sheet
    items: Sheet
    all: tuple[Sheet, ...]
    kind: KindSchema
    headings: Headings

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
        """What a row fills of a line -> the field of the line."""
        headings = self.headings
        return headings.lines if self.joined else headings.apart


def parts_of(sheets: Sequence[Sheet], kind: KindSchema) -> Parts | str:
    """Which sheet is which; else the name of the sheet that is missing."""
    filled = [sheet for sheet in sheets if sheet.rows]
    by_name = {_letters(one.name): one for one in filled}
    word = _letters(kind.kind)
    heads = _first(by_name, (f"{word}s", word, f"sales{word}s"))
    words = ("items", "lines", "details")
    items = _first(by_name, [name for one in words for name in (f"{word}{one}", one)])
    if heads is not None and items is not None and kind.lines:
        return Parts(heads, items, tuple(sheets), kind, headings_of(kind))
    alone = heads or (filled[0] if len(filled) == 1 else None)
    if alone is not None and (not kind.lines or _holds_items(alone, kind)):
        return Parts(alone, alone, tuple(sheets), kind, headings_of(kind))
    return f"{kind.kind}s" if heads is None else f"{kind.kind}_items"


def _letters(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def _first(by_name: Mapping[str, Sheet], names: Sequence[str]) -> Sheet | None:
    return next((by_name[name] for name in names if name in by_name), None)


def _holds_items(sheet: Sheet, kind: KindSchema) -> bool:
    headings = headings_of(kind)
    filled = {name for name, _ in matched(header_of(sheet), headings.joined, {}).values()}
    return bool(filled & headings.lines.keys()) and "number" in filled


def fields_of(parts: Parts, sheet: str) -> Mapping[str, tuple[str, str]]:
    """The fields that the columns of a sheet can fill; none of a sheet that is not read."""
    headings = parts.headings
    if parts.joined:
        return headings.joined if sheet == parts.orders.name else {}
    return {parts.orders.name: headings.head, parts.items.name: headings.items}.get(sheet, {})


def filled_columns(sheet: Sheet, columns: Sequence[FileColumn]) -> list[tuple[int, str]]:
    """The columns of a sheet that are read, with the field that each fills."""
    letters = {column_name(column): column for column, _ in header_of(sheet)}
    return [
        (letters[one.letter], one.field)
        for one in columns
        if one.sheet == sheet.name and one.field != LEFT_OUT
    ]


def sheets_read(parts: Parts) -> tuple[Sheet, ...]:
    """The sheets whose rows count."""
    return (parts.orders,) if parts.joined else (parts.orders, parts.items)


def columns_of(parts: Parts, sheet: Sheet, chosen: Chosen) -> Iterator[FileColumn]:
    """The columns of a sheet with what each fills, but for the one that we ourselves add."""
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


def missing_of(parts: Parts, filled: Mapping[tuple[str, str], str]) -> Iterator[tuple[str, str]]:
    """The needed fields that no column fills, by sheet."""
    for part, sheet in (("orders", parts.orders), ("items", parts.items)):
        for name in _needed(parts, part):
            if (sheet.name, name) not in filled:
                yield sheet.name, name
    if not parts.joined:
        orders, items, owner = parts.orders.name, parts.items.name, parts.headings.owner
        owners = [name for name in (owner, "number") if (items, name) in filled]
        if not owners:
            yield items, owner
        elif owners == [owner] and (orders, "id") not in filled:
            yield from _nameless(parts, filled)


def _needed(parts: Parts, part: str) -> Iterator[str]:
    """The fields without which no record of the kind can be read."""
    if part == "orders":
        yield from (one.name for one in parts.kind.fields if one.required)
        return
    named = {name: key for key, name in parts.headings.lines.items()}
    for one in parts.kind.lines:
        if one.required:
            yield named[one.name] if parts.joined else one.name


def _nameless(parts: Parts, filled: Mapping[tuple[str, str], str]) -> Iterator[tuple[str, str]]:
    """Items that name an order by its id, where orders have a number alone: they may mean that."""
    orders, items = parts.orders.name, parts.items.name
    numbers = _texts(parts.orders, filled.get((orders, "number"), ""))
    meant = _texts(parts.items, filled[items, parts.headings.owner])
    if meant and not meant & numbers:
        yield orders, "id"


def _texts(sheet: Sheet, letters: str) -> set[str]:
    columns = {column_name(column): column for column, _ in header_of(sheet)}
    at = columns.get(letters, 0)
    return {str(row[at]).strip() for number, row in sheet.rows.items() if number > 1 and at in row}
