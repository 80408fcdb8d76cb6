"""What a workbook or CSV file holds, as plain values, and why one is not read.

Here: sheets, cells, limits and refusals as data. Not here: reading and writing (workbook.py),
which runs apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from math import inf

from connectors.kit.delivery_limits import DELIVERY_BYTES, DELIVERY_LINES, MEGABYTE


@dataclass(frozen=True, slots=True)
class CellError:
    """A cell that holds no value: `#N/A`, or a formula nobody has worked out."""

    words: str

    def __str__(self) -> str:
        return self.words


CellValue = str | Decimal | datetime | date | bool | CellError
Row = Mapping[int, CellValue]


class CompactRow(Mapping[int, CellValue]):
    """A row that is its values and no more: which column stands at which place is kept once for all
    rows with the same columns. A dict of each would be most of what a large file takes.
    """

    __slots__ = ("_places", "_values")

    def __init__(self, places: Mapping[int, int], values: Sequence[CellValue]) -> None:
        self._places, self._values = places, values

    def __getitem__(self, column: int) -> CellValue:
        """The value of a column; KeyError where it is blank."""
        return self._values[self._places[column]]

    def __contains__(self, column: object) -> bool:
        """Whether a column is filled."""
        return column in self._places

    def __iter__(self) -> Iterator[int]:
        """The filled columns, from the left."""
        return iter(self._places)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._places)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its rows by number, the cells of a row by column number, both from 1. Blank
    cells are left out.
    """

    name: str
    rows: Mapping[int, Row]


@dataclass(frozen=True, slots=True)
class WorkbookRefusal:
    """Why a file is not read at all."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a workbook may be at most, and what reading it may use. `told_bytes` is what its cells
    come to: a text that is in the file once may stand in a million of them.
    """

    file_bytes: int = DELIVERY_BYTES
    entries: int = 2_000
    inflated_bytes: int = 200 * MEGABYTE
    ratio: int = 100
    ratio_from_bytes: int = MEGABYTE
    rows: int = DELIVERY_LINES
    columns: int = 200
    told_bytes: int = 100 * MEGABYTE
    memory_bytes: int = 512 * MEGABYTE
    cpu_seconds: int = 20

    def too_many(self, sheet: str, rows: int, columns: int) -> WorkbookRefusal | None:
        """Why a sheet that reaches down to this row and over so many columns is not read; its first
        row has the headings, `rows` may stand below it.
        """
        code, hint = "too_many_rows", "Split it, and delete what lies outside the table."
        if rows > self.rows + 1:
            words = f"{sheet} has more than {self.rows:,} rows below its headings."
            return WorkbookRefusal(code, words, hint)
        if columns > self.columns:
            return WorkbookRefusal(code, f"{sheet} has more than {self.columns} columns.", hint)
        return None


@lru_cache(maxsize=256)
def column_name(column: int) -> str:
    """The letters of a column: 1 is A, 28 is AB. Each cell of a file asks, of few columns."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def place(sheet: str, row: int, column: int) -> str:
    """A cell as people find it: `orders!C17`."""
    return f"{sheet}!{column_name(column)}{row}"


def header_of(sheet: Sheet) -> Sequence[tuple[int, str]]:
    """The columns of the first row with their words, trimmed."""
    first = sheet.rows.get(1, {})
    return [(column, str(value).strip()) for column, value in sorted(first.items())]


SURE = frozenset({str, float, int, bool})
"""Kinds of values of which calamine is always exact."""


class UnsureError(Exception):
    """A value that the quick reader does not tell exactly."""


def told_exactly(value: object) -> list[str] | None:
    """The kind and the text of a cell; most are texts, and numbers that are whole."""
    if value.__class__ is str:
        return ["t", str(value)] if value else None
    return kind_and_text(exact(value))


def exact(value: object) -> object:
    """The value of a cell as it is: calamine tells numbers as floats, and a day as one without a
    time. Raises UnsureError at a time without a date, and at a day in the year that spreadsheets
    count wrong.
    """
    if isinstance(value, (time, timedelta)) or (isinstance(value, date) and value.year < 1901):
        raise UnsureError
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a cell has no zone
    return value


def kind_and_text(value: object) -> list[str] | None:
    """The kind of a value and its text; None for an empty cell."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return ["b", "yes" if value else "no"]
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, (datetime, date)):
        return ["m", value.isoformat()]
    if isinstance(value, str):
        return ["t", value]
    return ["e", f"{value}, which is a time without a date"]


def _number(value: float) -> list[str]:
    """The number a person typed: a spreadsheet keeps 15 digits, further ones are no data. A longer
    whole number has lost some where they are not told or are noughts: as an id it would be another.
    """
    if isinstance(value, int) and not _has_lost_digits(value):
        return ["n", str(value)]
    if _KEPT <= abs(value) < inf:
        return ["e", "a number too long to be exact"]
    text = repr(value)
    if sum(sign.isdigit() for sign in text.split("e")[0].lstrip("-0.")) > 15:
        text = format(value, ".15g")
    return ["n", text] if text.lstrip("-") not in {"inf", "nan"} else ["e", "a number out of range"]


def _has_lost_digits(value: int) -> bool:
    if abs(value) < _KEPT:
        return False
    behind = 10 ** (len(str(abs(value))) - _DIGITS)
    return abs(value) >= _LONGEST or value % behind == 0


_DIGITS = 15
_KEPT = 10**_DIGITS
_LONGEST = 10**18
