"""A file that a person uploads, as orders or other records with the cells they come from.

Here: the protocol of a source that reads such files, and what it tells: sheets, columns and the
field that each fills, orders with what is wrong with them. Not here: reading a file (connectors/
sources/workbook), what an order changes here (holding/uploads).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from connectors.contract.schema import KindSchema
from connectors.contract.sources import IncomingRecord, RowError, SourceRefusal

LEFT_OUT = ""
"""The field of a column that is not read."""

Chosen = Mapping[str, str]
"""Column of a sheet as `orders!C` -> the field that a person chose for it, or LEFT_OUT."""


DAYS: Final = "days"
SHORT_DAYS: Final = "short_days"
"""The keys of `Chosen` that are no columns: which number of 05/06/2026 is the day, and which of
05/06/26; who answered the one was not asked whether the year comes first.
"""


class DayOrder(StrEnum):
    """Which number comes first where a day is written as 05/06/2026; only before a month the year,
    where it has two digits.
    """

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


class MatchedBy(StrEnum):
    """How a column found its field."""

    NAME = "name"
    MEANING = "meaning"
    PERSON = "person"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class FieldLabel:
    """A field that a column can fill, and what people call it."""

    name: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileColumn:
    """One column of a sheet: its heading, the field it fills, its first values as text."""

    sheet: str
    letter: str
    heading: str
    field: str
    matched_by: MatchedBy
    examples: tuple[str, ...]

    @property
    def key(self) -> str:
        """Its name in `Chosen`."""
        return f"{self.sheet}!{self.letter}"


@dataclass(frozen=True, slots=True)
class SheetRows:
    """A sheet of the file, how many rows stand below its headings, and whether it is read."""

    name: str
    rows: int
    used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOrder:
    """One order of the file: the record, or why there is none. `more` are records that come of it
    beside: of a payout what it pays of each order.

    `where` is its first cell (`orders!A17`), `rows` the cells at which its lines begin, in their
    order. `number` and `total` stand as far as they could be read, without the record, too.
    """

    record: IncomingRecord | None
    where: str
    rows: tuple[str, ...]
    number: str
    total: Decimal | None
    currency: str
    errors: tuple[RowError, ...] = ()
    more: tuple[IncomingRecord, ...] = ()

    @property
    def records(self) -> tuple[IncomingRecord, ...]:
        """All that comes of it, its own record first; nothing where something is wrong."""
        return () if self.record is None else (self.record, *self.more)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOrders:
    """What a file holds. `missing`: the needed fields that no column fills, by sheet; `in_doubt`: a
    day of which only a person can say what it means; in both cases nothing else was read. `days`:
    how such days were read. `ways`: what the days in doubt can mean: how they are read, and what
    the one in doubt then is. `errors` belong to no order, such as an item whose order is not in the
    file. `lacking`: fields that no column fills, for which nothing comes beside the records, such
    as payments beside payouts. An order is made when it is asked for, and again when it is asked
    for again.
    """

    sheets: tuple[SheetRows, ...]
    columns: tuple[FileColumn, ...]
    missing: tuple[tuple[str, str], ...] = ()
    in_doubt: str = ""
    ways: tuple[tuple[DayOrder, str], ...] = ()
    days: DayOrder | None = None
    orders: Sequence[FileOrder] = ()
    errors: tuple[RowError, ...] = ()
    lacking: tuple[str, ...] = ()
    letters: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(sheet, field) -> the letters of its column."""

    def place(self, start: str, name: str) -> str:
        """The cell of a field in the row of another cell: `orders!A17` and status, `orders!C17`."""
        sheet, _, cell = start.rpartition("!")
        row = cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        return f"{sheet}!{self.letters.get((sheet, name), 'A')}{row}"


@runtime_checkable
class ReadsUploads(Protocol):
    """A source that reads the workbooks and CSV files of people."""

    def upload(
        self,
        name: str,
        raw: bytes,
        zone: ZoneInfo,
        chosen: Chosen,
        kind: KindSchema,
        beside: Sequence[KindSchema] = (),
    ) -> FileOrders | SourceRefusal:
        """The records of this kind in a file, its columns matched by their headings except where
        somebody chose; or why it is not read at all. `beside`: kinds that may come of them, too.
        """
        ...

    def fields(
        self, sheet_columns: Sequence[FileColumn], kind: KindSchema
    ) -> Mapping[str, tuple[FieldLabel, ...]]:
        """Sheet -> the fields that its columns can fill, for these columns of a file."""
        ...

    def with_errors(self, name: str, raw: bytes, errors: Mapping[str, str]) -> bytes | None:
        """The file as a workbook with a column Errors: the words for each cell of `errors` in its
        row. Text stays text, nothing is a formula. None when it cannot be read any more.
        """
        ...
