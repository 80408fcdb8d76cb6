"""Define what a source offers: webhooks, pages of changes, uploads, and records."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from connectors.contract.calls import ConnectionReport
from connectors.contract.schema import ConnectionForm, KindSchema, Setting, split_list
from connectors.contract.targets import Settings
from connectors.transport.http import Http
from grammar.text.finding_codes import INTAKE_FAULTS, ErrorClass

READING = (
    Setting(
        name="pull_minutes",
        label="Ask for changes",
        hint="What a webhook did not bring comes with the next answer. Blank: every 15 minutes.",
        kind="choice",
        choices={
            "5": "Every 5 minutes",
            "15": "Every 15 minutes",
            "60": "Every hour",
            "0": "In the night only",
        },
    ),
    Setting(
        name="sweep_at",
        label="Nightly sweep at",
        hint="When the last days are read once more, by the clock of the source. Blank: 02:30.",
        example="02:30",
        kind="time",
    ),
    Setting(
        name="sweep_days",
        label="Days that the sweep reads",
        hint="How many days back it looks for changes. Blank: 7.",
        example="7",
        kind="whole",
    ),
    Setting(
        name="compare_days",
        label="Days that the sweep compares",
        hint="How many days back it compares what arrived with what is there, to find what was "
        "deleted or changed without a sign. At most 90; 0: it does not compare. Blank: 30.",
        example="30",
        kind="whole",
        zero=True,
    ),
    Setting(
        name="pull_from",
        label="Changes from this day on",
        hint="Blank: from when it is connected, so that nothing older is posted a second time.",
        example="2026-11-01",
        kind="day",
    ),
)
"""What every source is asked that can be asked for changes."""

LEFT_OUT = ""
"""The field of a column that is not read."""

Chosen = Mapping[str, str]
"""Column of a sheet as `orders!C` -> the field that a person chose for it, or LEFT_OUT. A field
after `FIXED` -> the value that a person set for its blank cells in this very file; after
`REMEMBERED` -> the value set for an earlier file, used only where no column fills the field.
"""

FIXED: Final = "="

REMEMBERED: Final = "~"


def values_set(chosen: Chosen, mark: str) -> dict[str, str]:
    """Return field -> value of the choices that begin with FIXED or REMEMBERED."""
    return {key.removeprefix(mark): value for key, value in chosen.items() if key.startswith(mark)}


DAYS: Final = "days"

SHORT_DAYS: Final = "short_days"
"""The keys of `Chosen` that are no columns: which number of 05/06/2026 is the day, and which of
05/06/26; who answered the one was not asked whether the year comes first.
"""

DOCUMENT_TYPES: Final = "document_types"

SUMS_DIFFER: Final = "SUM01"

FIELD_NOT_READ: Final = "VAL04"

NOT_IN_SOURCE: Final = "SRC01"
"""The finding codes for which the judge holds a record with intake faults."""

FAULTS: Final = 50
"""Most faults that one record lists."""

_INDEX: Final = re.compile(r"\[\d+\]")

_ROW: Final = re.compile(r"(![A-Z]{1,3})\d+$", re.ASCII)
"""The row of a cell such as `orders!E2`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowError:
    """One thing wrong at one place of a delivery: `orders!C17` or `order.items[2].qty`."""

    where: str
    value: str
    message: str
    hint: str
    field: str = ""
    """The record's own field, such as `total` or `lines[0].price`; blank if none is concerned."""
    optional: bool = False
    """Whether a person may release the record without this value; never for an amount."""
    stated: Decimal | None = None
    computed: Decimal | None = None
    """Both figures where they differ: what the source states, and what its parts come to."""
    column: str = ""
    """What a file calls the column of the cell."""
    code: str = FIELD_NOT_READ
    """The finding code of a fault without figures."""

    @property
    def as_fault(self) -> dict[str, object]:
        """Return the fault as the record's body stores it.

        Only the last step of the place is stored: the position in a delivery or a page differs
        each time, and would make a new version of an unchanged record. So would the row of a cell
        in a file that grows each week: its sheet and column are stored.
        """
        cell = _ROW.search(self.where) is not None
        step = self.where if self.column else _INDEX.sub("", self.where.rpartition(".")[2])
        words = {
            "where": _ROW.sub(r"\1", self.where) if cell else step,
            "column": self.column,
            "value": self.value,
            "message": self.message,
            "hint": self.hint,
            "field": self.field,
        }
        fault: dict[str, object] = {name: storable(word) for name, word in words.items() if word}
        if self.optional:
            fault["release"] = "yes"
        if self.stated is None or self.computed is None:
            return {"code": self.code, **fault}
        figures = {"stated": format(self.stated, "f"), "computed": format(self.computed, "f")}
        return {"code": SUMS_DIFFER, **fault, **figures}


def storable(text: str) -> str:
    """Return the text with lone surrogates and NULs escaped, because databases cannot store
    them.
    """
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingRecord:
    """One record as it arrived, already in its canonical form. `stamp` is the source's own
    change stamp.
    """

    kind: str
    external_id: str
    number: str
    stamp: str | None
    body: dict[str, object]
    errors: tuple[RowError, ...] = field(default=(), compare=False)
    """What does not fit or cannot be read, with its place in the delivery; kept in `body`, too."""

    @property
    def faults(self) -> list[dict[str, object]]:
        """Return what does not fit or cannot be read; the judge holds the record for each."""
        faults = self.body.get(INTAKE_FAULTS)
        return list(faults) if isinstance(faults, list) else []

    def with_faults(self, errors: Iterable[RowError]) -> "IncomingRecord":
        """Return the record with these errors added, which hold it. At most FAULTS are listed."""
        faults, listed = self.faults, list(self.errors)
        for error in errors:
            fault = error.as_fault
            if fault not in faults and len(faults) < FAULTS:
                faults.append(fault)
                listed.append(error)
            elif _ROW.search(error.where) and error not in listed and len(listed) < FAULTS:
                listed.append(error)  # the same fault in another row of the file
        if not faults:
            return self
        return replace(self, body={**self.body, INTAKE_FAULTS: faults}, errors=tuple(listed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """One object of a page as the source wrote it: its records, or why it has none.

    `raw` is JSON and is stored if any of its records is new. One order may be several records: the
    order and its refunds.
    """

    raw: bytes
    records: tuple[IncomingRecord, ...] = ()
    errors: tuple[RowError, ...] = ()
    missing: tuple[IncomingRecord, ...] = ()
    """Records that the source names and does not show: of a stored one the stored content stays,
    and it is held.
    """

    @property
    def problems(self) -> tuple[RowError, ...]:
        """Return what is wrong with the records, and the errors of those without an id."""
        records = (*self.records, *self.missing)
        return (*(error for record in records for error in record.errors), *self.errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the source returned.

    `after` is the cursor of the next page: read at once if there is `more`, else at the next pull,
    with an overlap included. `wrong` names a part that could not be read, such as a shop's payouts
    while its orders can be. The source repeats it until that part can be read.
    """

    found: Sequence[Pulled]
    after: str
    more: bool
    wrong: "NoPage | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPage:
    """Why no page was read, in a sentence for people, and what they can do.

    `pause` is the source's requested pause in seconds, if it names any.
    """

    words: str
    hint: str = ""
    pause: float | None = None
    key_refused: bool = False
    """It did not accept our key, which may have ended early where it is exchanged for others."""

    @property
    def sentence(self) -> str:
        """Why, and what can be done about it."""
        return f"{self.words} {self.hint}".strip()


def not_in_source(kind: str, number: str) -> RowError:
    """Return the fault of a record that its source no longer shows. A person may release it."""
    return RowError(
        where="source",
        value=number,
        message=f"The source no longer shows {kind.replace('_', ' ')} {number}.",
        hint="If it was deleted there, correct what is posted; if it should exist, restore it "
        "there. Release the hold with the reason if what is posted stays.",
        optional=True,
        code=NOT_IN_SOURCE,
    )


@runtime_checkable
class Pulls(Protocol):
    """A source that is polled for changes."""

    @property
    def calls_a_minute(self) -> int:
        """The number of calls a minute that the source allows; a connection may set a lower
        limit.
        """
        ...

    def begin(self, since: datetime) -> str:
        """Return the cursor from which every change at or after this moment shows."""
        ...

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """Return the changes that follow a cursor, oldest first, with one or few read-only calls.

        `settings` include the address (`base_url`); `secret` is the connection's newest.
        """
        ...


@runtime_checkable
class ListsAll(Protocol):
    """A pulled source with a complete list: it has each record that changed at or after the pull's
    start time. A record that the list lacks no longer exists in the source.
    """

    @property
    def lists_back(self) -> timedelta | None:
        """Return the maximum age of listed records by `ordered_on`; None without a limit."""
        ...

    def listed_kinds(self, settings: Settings) -> Collection[str]:
        """Return the record kinds whose list is complete with these settings."""
        ...


class DayOrder(StrEnum):
    """Which number of a date such as 05/06/2026 comes first.

    `YEAR`: a two-digit year, then the month.
    """

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


class MatchedBy(StrEnum):
    """How a column was matched with its field."""

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
        """The column's key in `Chosen`, such as `orders!C`."""
        return f"{self.sheet}!{self.letter}"


Layouts = Callable[[str, Sequence[FileColumn]], Chosen]
"""The kind of a file's records and its columns -> what a person chose for such a file before."""


@dataclass(frozen=True, slots=True)
class SheetRows:
    """A sheet of the file, its number of rows below the headings, and whether it is read."""

    name: str
    rows: int
    used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOrder:
    """One order of the file: the record, or why there is none.

    `more` are further records made from its rows: for a payout, its payment of each order. `where`
    is its first cell (`orders!A17`), `rows` the first cell of each line, in order. `number` and
    `total` are set as far as they could be read, even without a record.
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
        """All records of the order, its own first; empty if the order could not be read."""
        return () if self.record is None else (self.record, *self.more)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOrders:
    """The content of a file.

    `missing`: the required fields that no column fills, by sheet. `in_doubt`: an ambiguous day that
    only a person can interpret. If either is set, nothing else was read. `ways`: the possible day
    orders, and what the ambiguous day would be in each. `days`: the day order that was used.

    `errors` belong to no order, such as an item whose order is not in the file. `skipped`: rows
    that are no records, such as totals. `lacking`: fields that no column fills, so that further
    records cannot be made, such as payments of payouts. `orders` is lazy: an order is built each
    time it is read.
    """

    sheets: tuple[SheetRows, ...]
    columns: tuple[FileColumn, ...]
    missing: tuple[tuple[str, str], ...] = ()
    in_doubt: str = ""
    ways: tuple[tuple[DayOrder, str], ...] = ()
    days: DayOrder | None = None
    orders: Sequence[FileOrder] = ()
    errors: tuple[RowError, ...] = ()
    skipped: tuple[RowError, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Field -> the value that its blank cells are filled with."""
    filled: Mapping[str, int] = field(default_factory=dict)
    """Field -> how many cells are filled with its fixed value."""
    lacking: tuple[str, ...] = ()
    letters: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(sheet, field) -> the letters of its column."""

    def place(self, start: str, name: str) -> str:
        """Return the cell of a field in the row of another cell: `orders!A17` and status give
        `orders!C17`.
        """
        sheet, _, cell = start.rpartition("!")
        row = cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        return f"{sheet}!{self.letters.get((sheet, name), 'A')}{row}"


@dataclass(frozen=True, slots=True)
class SourceRefusal:
    """A delivery that is rejected as a whole; `status` is the HTTP status of the response."""

    status: int
    code: str
    message: str
    hint: str = ""


def document_types(titles: Mapping[str, str]) -> Setting:
    """Return the setting that limits a target's document types, from name -> title.

    A blank value allows all types.
    """
    return Setting(
        name=DOCUMENT_TYPES,
        label="Document types it takes",
        hint="A document of any other type is not sent by it. Leave all blank to allow all.",
        kind="some_of",
        choices=titles,
    )


def types_taken(settings: Mapping[str, object], known_types: Iterable[str]) -> frozenset[str]:
    """Return the document types that these settings allow. A blank setting allows all known
    types.
    """
    return frozenset(split_list(str(settings.get(DOCUMENT_TYPES, "")))) or frozenset(known_types)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A document in a listing that the target itself exported.

    `row` is its row in that listing. A date or total that cannot be read is None. `cancelled`: the
    listing marks the document as cancelled.
    """

    number: str
    party: str
    date: date | None
    total: Decimal | None
    row: int
    cancelled: bool = False


@runtime_checkable
class ImportedByHand(Protocol):
    """A target without an interface: a person imports its file and records the outcome."""

    def class_of(self, message: str) -> ErrorClass:
        """Return the error class of the import's message about a rejected row."""
        ...

    def listed(self, raw: bytes) -> tuple[Listed, ...] | SourceRefusal:
        """Return the documents of a listing saved as a workbook, or why it cannot be read."""
        ...


@runtime_checkable
class ShowsImports(Protocol):
    """A target with a web page that shows the result of an import."""

    def import_page(self, settings: Settings, answer: bytes) -> str:
        """Return the address of the target's page about the call with this answer.

        The page belongs to the company of these settings; blank if there is none.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """A record that its source deleted, sending only the id.

    `status` is the source's status word for a deleted record.
    """

    kind: str
    external_id: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A delivery that could be read: its records, and errors of those without an id.

    `signature` is set by a source whose scheme signs the body alone. `delivery_id` is then
    unsigned, so an equal signature marks a repeated delivery.
    """

    delivery_id: str
    signature: str = ""
    records: tuple[IncomingRecord, ...]
    errors: tuple[RowError, ...] = ()
    skipped: tuple[RowError, ...] = ()
    """Rows of a file that are no records, such as totals."""
    filled: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(field, value that a person set) -> how many blank cells of a file have it."""
    withdrawn: tuple[Withdrawn, ...] = ()
    changed: bool = False
    """It says that something changed there, and not what: the source is to be asked at once."""
    ping: bool = False
    """It only tries whether somebody listens, and nobody signed it: nothing of it is kept but
    that it came.
    """

    @property
    def problems(self) -> tuple[RowError, ...]:
        """Return what is wrong with the records, and the errors of those without an id."""
        return (*(error for record in self.records for error in record.errors), *self.errors)


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
        other_kinds: Sequence[KindSchema] = (),
    ) -> FileOrders | SourceRefusal:
        """Return the records of this kind in a file, or why the file is refused.

        Columns are matched by their headings unless `chosen` names a field. `other_kinds`: kinds
        that the rows may produce, too.
        """
        ...

    def fields(
        self, sheet_columns: Sequence[FileColumn], kind: KindSchema
    ) -> Mapping[str, tuple[FieldLabel, ...]]:
        """Return sheet -> the fields that its columns can fill, for these columns of a file."""
        ...

    def read_as_before(
        self, name: str, raw: bytes, zone: ZoneInfo, layouts: Layouts
    ) -> Accepted | SourceRefusal:
        """Return the records of an unattended file, read with the layout of an earlier one."""
        ...

    def with_errors(self, name: str, raw: bytes, errors: Mapping[str, str]) -> bytes | None:
        """Return the file as a workbook with a column Errors.

        `errors` maps a cell to the words for its row. Text stays text and never becomes a formula.
        None if the file can no longer be read.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleCall:
    """A signed delivery as a sender makes it: headers, body, and a sentence that explains the
    signature.
    """

    headers: Mapping[str, str]
    body: bytes
    signed: str


@runtime_checkable
class SignsMore(Protocol):
    """A source whose senders also sign the address that they call, or a setting of the
    connection.
    """

    def bound(self, settings: Settings, address: str) -> "Source":
        """Return the source bound to one connection and its webhook's address."""
        ...


@runtime_checkable
class ShowsExample(Protocol):
    """A source that can show how a delivery to it is signed."""

    def example(self, secret: str, now: datetime, event_id: str) -> ExampleCall:
        """Return a small delivery signed with this secret at this moment; `accept` takes it."""
        ...


@runtime_checkable
class Testable(Protocol):
    """A source that can check step by step whether it can be read."""

    def test(self, settings: Settings, secret: str, zone: ZoneInfo, http: Http) -> ConnectionReport:
        """Return the steps of a read-only test."""
        ...


class Source(Protocol):
    """A system or file from which records come."""

    @property
    def name(self) -> str:
        """The source's word in a rule file."""
        ...

    @property
    def form(self) -> ConnectionForm:
        """The connection form that a person fills in."""
        ...

    @property
    def kinds(self) -> tuple[KindSchema, ...]:
        """The record kinds it delivers."""
        ...

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The file endings that `read` understands."""
        ...

    @property
    def headers(self) -> str:
        """The prefix of its webhook headers for signature and name; blank without webhooks."""
        ...

    def accept(
        self,
        headers: Mapping[str, str],
        raw: bytes,
        secrets: Sequence[str],
        now: datetime,
        zone: ZoneInfo,
    ) -> Accepted | SourceRefusal:
        """Verify the sender of a delivery, then read it.

        `zone` is the source's time zone: it decides the day of a moment, and applies to moments
        without a zone.
        """
        ...

    def read(self, name: str, raw: bytes, zone: ZoneInfo) -> Accepted | SourceRefusal:
        """Read a file that a signed-in user uploaded; `zone` as in `accept`."""
        ...
