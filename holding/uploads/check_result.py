"""Define the result of an upload's check, as values and as stored JSON."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Select, case, func, or_, select
from sqlalchemy.orm import Session

from connectors.contract.pulls import FileColumn, MatchedBy, SheetRows
from holding.db.bulk import Columns, of
from holding.db.models import Connection, Delivery, Person, Record, Upload, Version
from holding.db.models.columns import RecordState, UploadState
from holding.db.models.records import RECORD_STATES
from holding.db.refusal import Sums


class Standing(StrEnum):
    """The result of comparing an order of the file with the stored record."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    OLDER = "older"
    HELD = "held"
    UNKNOWN_CODE = "unknown_code"
    WRONG = "wrong"


STORED = (Standing.NEW, Standing.CHANGED, Standing.HELD, Standing.OLDER)
"""What an import writes; an older one goes to the history of its record and is not judged. A held
one has a cell that is wrong: it is new or changed, and stays on hold until the cell is right.
"""

UNCONFIRMED: Final = (UploadState.CHECKING, UploadState.CHECKED, UploadState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongCell:
    """One error at one cell: its value, the reason, and the nearest known code with its meaning.

    `order` is the number of its order, if it could be read.
    """

    where: str
    label: str
    value: str
    message: str
    hint: str
    order: str
    nearest: str = ""
    nearest_means: str = ""

    @property
    def words(self) -> str:
        """The error in one sentence, as the column Errors shows it."""
        near = f" Nearest known: {self.nearest}." if self.nearest else ""
        value = f" “{self.value}”." if self.value else ""
        return f"{self.label}{value} {self.message}{near} {self.hint}".strip()


@dataclass(frozen=True, slots=True)
class ChangedField:
    """A field of an order that is stored with another value."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ChangedOrder:
    """A changed order: its first differing fields, and how many fields differ."""

    number: str
    kind: str
    external_id: str
    fields: tuple[ChangedField, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """All that the preview of an upload shows.

    `refused`: message and hint of a file that cannot be read. `in_doubt`: a date that can be read
    in several ways. `ways` lists them as (order, resulting date), and `days` is the chosen order.
    `left_out`: first cells of orders with an unknown code. `cells` counts all errors; `wrong` and
    `changed` hold the first errors and changes. `loose` cells belong to no order. `unsummed` orders
    are in `counts` but not in `money`. `beside` counts records derived from others, such as
    payments of payouts, whose money is not summed. `lacking`: fields without a column; without
    them no such records are derived. `withdrawn` counts stored payments that the file's payouts no
    longer contain. `needed`: fields that the rules in force need and no record of the file has.
    `blank`: how many records lack a field that others have; `blank_records`: how many lack any.
    `skipped`: place and text of the first rows that are totals or notes. `fixed`: the values for
    blank cells; `filled`: how many cells of each field got them. `remembered`: the columns are
    chosen as for an earlier file.
    """

    refused: tuple[str, str] | None = None
    sheets: tuple[SheetRows, ...] = ()
    columns: tuple[FileColumn, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    in_doubt: str = ""
    ways: tuple[tuple[str, str], ...] = ()
    days: str = ""
    counts: Mapping[str, int]
    money: Mapping[str, Sums]
    unsummed: int = 0
    wrong: tuple[WrongCell, ...] = ()
    cells: int = 0
    loose: int = 0
    changed: tuple[ChangedOrder, ...] = ()
    left_out: tuple[str, ...] = ()
    beside: int = 0
    lacking: tuple[str, ...] = ()
    withdrawn: int = 0
    needed: tuple[str, ...] = ()
    blank: Mapping[str, int] = field(default_factory=dict)
    blank_records: int = 0
    skipped: tuple[tuple[str, str], ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    filled: Mapping[str, int] = field(default_factory=dict)
    remembered: bool = False

    def count(self, *standings: Standing) -> int:
        """Return how many records have one of these standings; without arguments, all records of
        the file.
        """
        return sum(self.counts.get(standing, 0) for standing in standings or Standing)

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON, for storage."""
        return asdict(self)


def of_json(stored: Mapping[str, Any]) -> CheckResult:
    """Return the result from its stored JSON."""
    refused = stored["refused"]
    return CheckResult(
        refused=(str(refused[0]), str(refused[1])) if refused else None,
        sheets=tuple(SheetRows(**sheet) for sheet in stored["sheets"]),
        columns=tuple(_column(column) for column in stored["columns"]),
        missing=tuple((str(sheet), str(name)) for sheet, name in stored["missing"]),
        in_doubt=stored.get("in_doubt", ""),  # nor was this, nor the next two
        ways=tuple((str(order), str(day)) for order, day in stored.get("ways", ())),
        days=stored.get("days", ""),
        counts=stored["counts"],
        money=stored["money"],
        unsummed=stored.get("unsummed", 0),  # not said by earlier versions
        wrong=tuple(WrongCell(**cell) for cell in stored["wrong"]),
        cells=stored["cells"],
        loose=stored["loose"],
        changed=tuple(_changed(change) for change in stored["changed"]),
        left_out=tuple(stored["left_out"]),
        beside=stored.get("beside", 0),  # nor was this, nor the next two
        lacking=tuple(stored.get("lacking", ())),
        withdrawn=stored.get("withdrawn", 0),
        needed=tuple(stored.get("needed", ())),
        blank=dict(stored.get("blank", {})),
        blank_records=stored.get("blank_records", 0),
        skipped=tuple((str(where), str(text)) for where, text in stored.get("skipped", ())),
        fixed=dict(stored.get("fixed", {})),
        filled=dict(stored.get("filled", {})),
        remembered=bool(stored.get("remembered", False)),
    )


def _column(stored: Mapping[str, Any]) -> FileColumn:
    how, examples = MatchedBy(stored["matched_by"]), tuple(_texts(stored["examples"]))
    return FileColumn(**{**stored, "matched_by": how, "examples": examples})


def _texts(values: Iterable[object]) -> Iterable[str]:
    return (str(value) for value in values)


def _changed(stored: Mapping[str, Any]) -> ChangedOrder:
    return ChangedOrder(
        **{
            **stored,
            "fields": tuple(ChangedField(**changed_field) for changed_field in stored["fields"]),
        }
    )


@dataclass(frozen=True, slots=True)
class UploadRow:
    """A file as its page and the list show it; not its bytes."""

    id: int
    source_id: int
    source: str
    connector: str
    kind: str
    person_id: int | None
    person: str | None
    name: str
    state: UploadState
    at: datetime
    chosen: dict[str, str]
    outcome: dict[str, int]
    with_unknown: bool
    taken: int
    total: int
    confirmed_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None
    result: dict[str, Any] | None

    @property
    def found(self) -> CheckResult | None:
        """The result of the check, or None before its end."""
        return of_json(self.result) if self.result else None

    @property
    def busy(self) -> bool:
        """Whether a worker has it."""
        return self.state in (UploadState.CHECKING, UploadState.IMPORTING)

    @property
    def stopped(self) -> bool:
        """Whether an import ended before its end."""
        return self.state is UploadState.DONE and bool(self.result and self.result["refused"])

    @property
    def confirmed(self) -> bool:
        """Whether a user confirmed the import."""
        return self.state not in UNCONFIRMED


def one(
    session: Session, company_id: int, person_id: int | None, upload_id: int
) -> UploadRow | None:
    """Return an upload if it is confirmed or the person's own; else None."""
    query = _shown_to(company_id, person_id).where(Upload.id == upload_id)
    return UPLOAD.first(session.execute(query))


def _shown_to(company_id: int, person_id: int | None) -> Any:
    return (
        UPLOAD.select()
        .join(Connection, Connection.id == Upload.source_id)
        .outerjoin(Person, Person.id == Upload.person_id)
        .where(Upload.company_id == company_id)
        .where(or_(Upload.state.not_in(UNCONFIRMED), Upload.person_id == person_id))
    )


def listing(
    session: Session, company_id: int, person_id: int | None, before: int | None, most: int
) -> tuple[UploadRow, ...]:
    """Return the confirmed uploads of a company and the person's own uploads, newest first."""
    query = _shown_to(company_id, person_id).order_by(Upload.id.desc()).limit(most)
    return UPLOAD.each(
        session.execute(query if before is None else query.where(Upload.id < before))
    )


def file_of(
    session: Session, company_id: int, person_id: int | None, upload_id: int
) -> bytes | None:
    """Return the file byte for byte, or None if the person may not see the upload."""
    if one(session, company_id, person_id, upload_id) is None:
        return None
    return session.scalar(select(Upload.body).where(Upload.id == upload_id))


@dataclass(frozen=True, slots=True)
class ImportedRecord:
    """The current state of a record that an upload brought; `amount` is in minor units."""

    number: str
    kind: str
    external_id: str
    state: RecordState
    amount: int | None
    currency: str


def count_imported_records(
    session: Session, company_id: int, upload_id: int
) -> dict[RecordState, int]:
    """Return how many of the upload's records are in each state, in the order of the states."""
    query = select(Record.state, func.count()).where(
        Record.company_id == company_id, Record.id.in_(_record_ids(upload_id))
    )
    counts = {row[0]: row[1] for row in session.execute(query.group_by(Record.state))}
    return {state: counts[state] for state in RECORD_STATES if state in counts}


def load_imported_records(
    session: Session, company_id: int, upload_id: int, most: int
) -> list[ImportedRecord]:
    """Return at most `most` records of the upload, those that are not posted first."""
    ranks = {state: rank for rank, state in enumerate(RECORD_STATES)}
    query = (
        select(
            Record.number,
            Record.type,
            Record.external_id,
            Record.state,
            Record.amount,
            Record.currency,
        )
        .where(Record.company_id == company_id, Record.id.in_(_record_ids(upload_id)))
        .order_by(case(ranks, value=Record.state), Record.id)
        .limit(most)
    )
    return [ImportedRecord(*row) for row in session.execute(query)]


def _record_ids(upload_id: int) -> Select[int]:
    """Select the ids of the records that got a version from the upload."""
    return (
        select(Version.record_id)
        .join(Delivery, Delivery.id == Version.delivery_id)
        .where(Delivery.upload_id == upload_id)
    )


UPLOAD = Columns(
    UploadRow(
        id=of(Upload.id),
        source_id=of(Upload.source_id),
        source=of(Connection.name),
        connector=of(Connection.connector),
        kind=of(Upload.kind),
        person_id=of(Upload.person_id),
        person=of(Person.name),
        name=of(Upload.name),
        state=of(Upload.state),
        at=of(Upload.at),
        chosen=of(Upload.chosen),
        outcome=of(Upload.outcome),
        with_unknown=of(Upload.with_unknown),
        taken=of(Upload.taken),
        total=of(Upload.total),
        confirmed_at=of(Upload.confirmed_at),
        ended_at=of(Upload.ended_at),
        expires_at=of(Upload.expires_at),
        result=of(Upload.result),
    ),
    {"source": "connection.name", "person": "person.name"},
)
