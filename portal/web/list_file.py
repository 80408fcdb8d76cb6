"""Write a list as CSV, workbook or JSON. All formats have equal columns and rows.

The first row, or `meta` in JSON, holds the filter. No cell is ever a formula.
"""

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import IO, Final, TypeVar

from connectors.kit.workbook import CSV, Written, stream_csv, stream_sheets
from holding.db.models.columns import from_minor

Row = TypeVar("Row")
Key = TypeVar("Key")
MOST: Final = 100_000
"""Rows of one file; of more, none is cut off: the list is refused with what to do."""
NO_FILTER: Final = "none, all rows"


class FileKind(StrEnum):
    """The shapes of a list; the word is the ending of its address and of its name."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


MEDIA: Final = {
    FileKind.CSV: CSV,
    FileKind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileKind.JSON: "application/json",
}


_NAMED: Final = (
    ("accounting system", "target"),
    ("accounting documents", "target documents"),
    ("accounting side", "target side"),
    ("posting rule", "route"),
)
"""Words of heads -> what JSON, which programs read, calls them."""


def _name(head: str) -> str:
    return _named(head.lower()).replace(" ", "_")


def _named(text: str) -> str:
    for words, named in _NAMED:
        text = text.replace(words, named)
    return text


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under their heads; read once, one after the other."""

    title: str
    heads: Sequence[str]
    rows: Iterable[Sequence[Written]]

    @property
    def keys(self) -> list[str]:
        """The headings as JSON names; a renamed heading keeps its JSON name."""
        return [_name(head) for head in self.heads]


@dataclass(frozen=True, slots=True)
class ListFile:
    """A list to write to a file.

    `title` names it in sentences, `word` in the file name. `filter` maps the filter's names to the
    chosen values, in readable words. `typed` names the filters that the user typed, which may
    contain a person's name.
    """

    title: str
    word: str
    tables: Sequence[Table]
    filter: Mapping[str, str] = field(default_factory=dict)
    typed: frozenset[str] = frozenset()
    beside: Sequence[Table] = ()
    """Sheets that only the workbook has, behind its own: sums of the same rows."""
    record_id: int | None = None
    """The record that it is a part of: that it was taken is an event of this record."""

    @property
    def filter_line(self) -> str:
        """The filter in one line."""
        return ", ".join(f"{word}: {text}" for word, text in self.filter.items()) or NO_FILTER


class TooManyError(Exception):
    """A list has more rows than a file holds."""


@dataclass(slots=True)
class Counted:
    """Rows that went by; more than a file holds end it."""

    rows: int = 0

    def each(self, rows: Iterable[Sequence[Written]]) -> Iterator[Sequence[Written]]:
        """Yield the rows while counting. Raises TooManyError above the limit."""
        for row in rows:
            self.rows += 1
            if self.rows > MOST:
                raise TooManyError
            yield row


def write_list(out: IO[bytes], kind: FileKind, listed: ListFile, about: Mapping[str, str]) -> int:
    """Write the list and return its number of rows.

    JSON also contains `about` beside the filter.
    """
    count = Counted()
    if kind is FileKind.JSON:
        text = io.TextIOWrapper(out, "utf-8")
        text.writelines(_json(listed, about, count))
        text.detach()
    elif kind is FileKind.XLSX:
        sheets = {table.title[:31]: _sheet(listed, table, count) for table in listed.tables}
        sheets |= {t.title: _sheet(listed, t, Counted()) for t in listed.beside}
        stream_sheets(out, sheets, prefixed=True)
    else:
        stream_csv(out, _lines(listed, count))
    return count.rows


def each_page(
    ask: Callable[[Key | None], Sequence[Row]], key: Callable[[Row], Key], most: int
) -> Iterator[Sequence[Row]]:
    """Yield all pages of a list that is paged by key.

    `most` is the page size; a query may return one row more.
    """
    after: Key | None = None
    while found := ask(after):
        shown = found[:most]
        yield shown
        if len(found) < most:
            return
        after = key(shown[-1])


def by_currency(money: Mapping[str, int], books: str) -> list[tuple[str, Decimal]]:
    """Return a sum as (currency, amount) rows, the books' currency first.

    Without any amount, return zero in that currency.
    """
    found = sorted((code or books, minor) for code, minor in money.items())
    found.sort(key=lambda one: one[0] != books)
    return [(code, from_minor(minor, code)) for code, minor in found or [(books, 0)]]


def _sheet(listed: ListFile, table: Table, count: Counted) -> Iterator[Sequence[Written]]:
    yield ("Filter", listed.filter_line)
    yield table.heads
    yield from count.each(table.rows)


def _lines(listed: ListFile, count: Counted) -> Iterator[Sequence[Written]]:
    """Yield the rows of all tables, separated by blank rows."""
    yield ("Filter", listed.filter_line)
    for number, table in enumerate(listed.tables):
        if number:
            yield ()
        yield table.heads
        yield from count.each(table.rows)


def _json(listed: ListFile, about: Mapping[str, str], count: Counted) -> Iterator[str]:
    asked = {_named(word): text for word, text in listed.filter.items()}
    meta = {"list": listed.title, **about, "filter": asked}
    yield f'{{"meta": {json.dumps(meta, ensure_ascii=False)}'
    for table in listed.tables:
        name = "rows" if len(listed.tables) == 1 else table.title.lower()
        yield f",\n{json.dumps(name)}: ["
        between = "\n"
        for row in count.each(table.rows):
            told = dict(zip(table.keys, map(_plain, row), strict=True))
            yield between + json.dumps(told, ensure_ascii=False)
            between = ",\n"
        yield "]"
    yield "}\n"


def _plain(cell: Written) -> str | int | None:
    """Return a cell as JSON shows it. Amounts and dates become text, so that no digit is lost."""
    return cell if cell is None or isinstance(cell, (str, int)) else str(cell)
