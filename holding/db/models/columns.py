"""Base class, column types and state enums shared by all tables."""

import zlib
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, ClassVar, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    BindParameter,
    CheckConstraint,
    ColumnElement,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TextClause,
    bindparam,
    literal_column,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql.expression import SQLColumnExpression
from sqlalchemy.types import TypeDecorator, TypeEngine

from rules.values.canonical import OneText, PostingState, dumps, parse_json
from rules.values.cause_keys import CauseKey, Clearing

LARGEST = 2**63

_PLACES = dict.fromkeys(
    ("JPY", "KRW", "VND", "CLP", "ISK", "XAF", "XOF", "XPF"), 0
) | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)

PACKED = b"\x00z"

T = TypeVar("T", bound=OneText)

W = TypeVar("W", bound=StrEnum)

WHOLE = BigInteger().with_variant(Integer, "sqlite")

Id = Annotated[int, mapped_column(WHOLE, primary_key=True)]

DUE = "due_at IS NOT NULL AND lease_until IS NULL"

LEASED = "lease_until IS NOT NULL"


def moment_text(value: datetime) -> str:
    """Return a moment as fixed-width text in UTC, so that text order is time order."""
    if value.tzinfo is None:
        message = f"a moment without its zone: {value!r}"
        raise ValueError(message)
    return _utc_text(value if value.tzinfo is UTC else value.astimezone(UTC))


@lru_cache(maxsize=256)  # the rows of a batch have the same few moments
def _utc_text(value: datetime) -> str:
    return value.isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


def moment_of(text: str) -> datetime:
    """Return the moment of its stored text."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


class Moment(TypeDecorator[datetime]):
    """A moment in UTC; a naive value is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return fixed-width text on SQLite, timestamptz elsewhere."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Convert to the stored value."""
        if value is None:
            return None
        text = moment_text(value)
        return text if dialect.name == "sqlite" else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:  # noqa: ARG002
        """Return the conversion from the stored value, without a call in between for speed."""
        return _stored_moment


def _stored_moment(value: str | datetime | None) -> datetime | None:
    if value is None:
        return None
    return moment_of(value) if isinstance(value, str) else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """A JSON value kept as canonical text: sorted keys, no spaces, no floats."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Convert to the stored value."""
        return None if value is None else dumps(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:  # noqa: ARG002
        """Return the conversion from the stored value, without a call in between for speed."""
        return _value_of


def _value_of(text: str | None) -> Any:
    return None if text is None else parse_json(text)


class Packed(TypeDecorator[bytes]):
    """Bytes that are stored compressed where that is shorter: `PACKED`, then zlib.

    Other bytes and older ones are stored unchanged; bytes that begin like packed ones are always
    packed.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """Convert to the stored value."""
        if value is None:
            return None
        packed = PACKED + zlib.compress(value)
        shorter = len(packed) < len(value) or value.startswith(PACKED)
        return packed if shorter else value

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """Convert from the stored value."""
        if value is None or not value.startswith(PACKED):
            return value
        try:
            return zlib.decompress(value[len(PACKED) :])
        except zlib.error:  # never packed, or changed since: whoever compares hashes sees which
            return value


class AsText(TypeDecorator[T]):
    """A value of ours that is kept as the one text it has."""

    impl = Text
    cache_ok = True

    def __init__(self, made_by: type[T]) -> None:
        super().__init__()
        self.made_by = made_by

    def process_bind_param(self, value: T | str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Convert to the stored value; the prefix of a search is a text already."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> T | None:  # noqa: ARG002
        """Convert from the stored value."""
        return None if value is None else self.made_by.parse(value)


class Word(TypeDecorator[W]):
    """A column type for one of our own words, stored as text."""

    impl = Text
    cache_ok = True

    def __init__(self, words: type[W]) -> None:
        super().__init__()
        self.words = words
        self._of = {word.value: word for word in words}

    def process_bind_param(self, value: W | str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Convert to the stored value."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> W | None:  # noqa: ARG002
        """Convert from the stored value; raise KeyError for an unknown word."""
        return None if value is None else self._of[value]


def places_of(currency: str) -> int:
    """Return how many decimals the currency has."""
    return _PLACES.get(currency.upper(), 2)


def is_currency(text: str) -> bool:
    """Check whether a text has a currency's form: three capital letters."""
    return len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()


class BeyondBooksError(OverflowError):
    """An amount that no column holds; its text is for people."""


@lru_cache(maxsize=1024)
def to_minor(amount: Decimal, currency: str) -> int:
    """Return an amount in whole minor units (sen), rounded half up."""
    scaled = amount.scaleb(places_of(currency)).to_integral_value(rounding=ROUND_HALF_UP)
    if abs(scaled) >= LARGEST:
        message = f"{amount} {currency} is more than the books can hold"
        raise BeyondBooksError(message)
    return int(scaled)


def from_minor(minor: int, currency: str) -> Decimal:
    """Return the amount of minor units, with the currency's decimals."""
    return Decimal(minor).scaleb(-places_of(currency))


def moment(name: str) -> BindParameter[Any]:
    """Return a parameter for a moment; it is cached, because building one costs more."""
    return bindparam(name, type_=Moment())


def words(values: Iterable[str]) -> str:
    """Return words as an SQL list."""
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


class Base(DeclarativeBase):
    """All tables of holding."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: WHOLE,
        str: Text,
        bytes: LargeBinary,
        date: Date,
        datetime: Moment,
        CauseKey: AsText(CauseKey),
        Clearing: AsText(Clearing),
        PostingState: Word(PostingState),
    }


def table_of(model: type[Base]) -> Table:
    """Return the table itself: statements on it run without the ORM's own work."""
    table = model.__table__
    if not isinstance(table, Table):
        raise TypeError(model)
    return table


def ref(column: str, *, primary_key: bool = False, index: bool = False) -> Any:
    """Return a foreign key to the id of a table, or to `table.column`."""
    target = column if "." in column else f"{column}.id"
    return mapped_column(ForeignKey(target), primary_key=primary_key, index=index)


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """Return the named check that a state column holds one of its words."""
    return CheckConstraint(f'"{column}" IN {words(values)}', name=column)


def is_word(column: SQLColumnExpression[Any], word: str) -> ColumnElement[bool]:
    """Return the condition that a column has this word.

    The word is literal in the statement, as in the partial indexes that serve it.
    """
    return column == literal_column(f"'{word}'")


def among_words(column: Any, values: Iterable[str]) -> ColumnElement[bool]:
    """Return the condition that a column has one of these words, literal in the statement."""
    return cast(ColumnElement[bool], column.in_([literal_column(f"'{word}'") for word in values]))


def partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index over the rows where a condition holds; a query must repeat it literally."""
    term: TextClause = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=term, postgresql_where=term)


def by_number(name: str) -> Index:
    """Return an index by document number that also finds prefixes on PostgreSQL.

    Its default depends on the language's sort order.
    """
    return Index(name, "company_id", "number", postgresql_ops={"number": "text_pattern_ops"})


class Work:
    """The columns of a row that is its own queue entry: when due, whose, which try may write."""

    due_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")
    crashes: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")


class ShadowEnd(StrEnum):
    """Why a shadow ended."""

    PERSON = "person"
    TIME = "time"
    LIMIT = "limit"
    CLOSED = "closed"


class Shadow(Base):
    """A rule change that evaluates new records beside the rules in force, without effect, until
    `until` at most.

    `since_id` is the last evaluation before it began, `seen_id` the newest evaluation it examined.
    `judged` counts its verdicts, `differ` the differing verdicts, `unread` the records it could not
    evaluate.
    """

    __tablename__ = "shadow"
    __table_args__ = (
        partial("uq_shadow_running", "company_id", where="ended_at IS NULL", unique=True),
        Index("ix_shadow_change", "change_id", "id"),
        one_of("ending", ShadowEnd),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    change_id: Mapped[int] = ref("change")
    person_id: Mapped[int | None] = ref("person")
    started_at: Mapped[datetime]
    until: Mapped[datetime]
    since_id: Mapped[int]
    seen_id: Mapped[int]
    judged: Mapped[int] = mapped_column(WHOLE, default=0)
    differ: Mapped[int] = mapped_column(WHOLE, default=0)
    unread: Mapped[int] = mapped_column(WHOLE, default=0)
    ended_at: Mapped[datetime | None]
    ending: Mapped[ShadowEnd | None] = mapped_column(Word(ShadowEnd))


class ShadowVerdict(Base):
    """A shadow's result for one evaluation: `was` and `would` are route -> state and codes.

    `hash` is its whole outcome's hash; blank where it could not be judged.
    """

    __tablename__ = "shadow_verdict"
    __table_args__ = (
        partial("ix_shadow_verdict_differs", "shadow_id", "evaluation_id", where="differs"),
    )

    shadow_id: Mapped[int] = ref("shadow", primary_key=True)
    evaluation_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    record_id: Mapped[int] = ref("record")
    at: Mapped[datetime]
    differs: Mapped[bool]
    was: Mapped[Any] = mapped_column(Json)
    would: Mapped[Any] = mapped_column(Json)
    hash: Mapped[str]


class TrialIndex(Base):
    """The progress of indexing lookup keys for rules on trial: the keys (TrialKey) of all versions
    up to `version_id` exist. `rules` is the hash of the rule files.
    """

    __tablename__ = "trial_index"
    __table_args__ = ({"sqlite_with_rowid": False},)

    company_id: Mapped[int] = ref("company", primary_key=True)
    rules: Mapped[str] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(WHOLE, default=0)


class TrialKey(Base):
    """A value by which rules on trial would find a record, of any of its versions."""

    __tablename__ = "trial_key"
    __table_args__ = ({"sqlite_with_rowid": False},)

    company_id: Mapped[int] = ref("company", primary_key=True)
    rules: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    record_id: Mapped[int] = ref("record", primary_key=True)


class BacktestEnd(StrEnum):
    """Why a backtest in the browser ended."""

    DONE = "done"
    PERSON = "person"
    CLOSED = "closed"


class BacktestRun(Base):
    """A change that judges stored records, beside the version `old_id` that was in force then.

    It covers the evaluations up to `until_id` and has judged them up to `seen_id`. `total` records
    are expected, `looked` are counted so far, `gone` can no longer be judged. `counted` is the
    tally so far; `backtest_id` is the stored result at the end.
    """

    __tablename__ = "backtest_run"
    __table_args__ = (
        partial("uq_backtest_run_running", "company_id", where="ended_at IS NULL", unique=True),
        Index("ix_backtest_run_change", "change_id", "id"),
        one_of("ending", BacktestEnd),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    change_id: Mapped[int] = ref("change")
    old_id: Mapped[int] = ref("ruleset_version")
    person_id: Mapped[int | None] = ref("person")
    first: Mapped[date | None]
    last: Mapped[date | None]
    started_at: Mapped[datetime]
    until_id: Mapped[int]
    seen_id: Mapped[int] = mapped_column(WHOLE, default=0)
    total: Mapped[int]
    looked: Mapped[int] = mapped_column(WHOLE, default=0)
    gone: Mapped[int] = mapped_column(WHOLE, default=0)
    counted: Mapped[Any] = mapped_column(Json)
    ended_at: Mapped[datetime | None]
    ending: Mapped[BacktestEnd | None] = mapped_column(Word(BacktestEnd))
    backtest_id: Mapped[int | None] = ref("backtest")


class BacktestResult(Base):
    """One record under one route in a backtest: the first ones of each cell of its matrix.

    `amount` is in minor units of `currency`, which is blank where neither side knows it.
    """

    __tablename__ = "backtest_result"
    __table_args__ = (
        partial("ix_backtest_result_stops", "run_id", "amount", "record_id", where="stops"),
    )

    run_id: Mapped[int] = ref("backtest_run", primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    was: Mapped[str] = mapped_column(primary_key=True)
    would: Mapped[str] = mapped_column(primary_key=True)
    record_id: Mapped[int] = ref("record", primary_key=True)
    evaluation_id: Mapped[int]
    state: Mapped[str]
    amount: Mapped[int]
    currency: Mapped[str]
    stops: Mapped[bool]


class RecordState(StrEnum):
    """A record's state: of several postings the first in this order.

    `reference` is final without a posting: no rule posts records of its kind, others are compared
    with it.
    """

    RECEIVED = "received"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    HELD = "held"
    SENDING = "sending"
    AWAITING = "awaiting"
    READY = "ready"
    WAITING = "waiting"
    POSTED = "posted"
    REVERSED = "reversed"
    DROPPED = "dropped"
    IGNORED = "ignored"
    REFERENCE = "reference"


class Compared(StrEnum):
    """The result of comparing a record with its source in the nightly sweep."""

    SAME = "same"
    CHANGED = "changed"
    MISSING = "missing"


class PostingWait(StrEnum):
    """The only reason that keeps a complete document waiting: the target's answer on its items, or
    its daily hour.
    """

    ITEM_SETUP = "item_setup"
    HOUR = "hour"


class PushState(StrEnum):
    """The state of one push; the last four are final."""

    INTENT = "intent"
    SENDING = "sending"
    AWAITING = "awaiting"
    UNCERTAIN = "uncertain"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    CONFLICT = "conflict"
    DROPPED = "dropped"


class AttemptState(StrEnum):
    """The result of one call for a push; the last four are results of a lookup."""

    SENDING = "sending"
    AWAITING = "awaiting"
    UNCERTAIN = "uncertain"
    ACCEPTED = "accepted"
    EXISTING = "existing"
    REFUSED = "refused"
    TEMPORARY = "temporary"
    SPLIT = "split"
    EQUAL = "equal"
    DIFFERENT = "different"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class RequestState(StrEnum):
    """The state of one call."""

    SENDING = "sending"
    ANSWERED = "answered"
    UNANSWERED = "unanswered"


class RunState(StrEnum):
    """The state of a run."""

    DUE = "due"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ImportFileState(StrEnum):
    """The state of a file that a person imports in a target; the last three are final.

    After `mismatch` a person may still add findings.
    """

    EXPORTED = "exported"
    HANDED_OVER = "handed_over"
    IMPORTED = "imported"
    MISMATCH = "mismatch"
    RECONCILED = "reconciled"
    WITHDRAWN = "withdrawn"


class UploadState(StrEnum):
    """The state of an uploaded file; no record is stored before `importing`."""

    CHECKING = "checking"
    CHECKED = "checked"
    IMPORTING = "importing"
    DONE = "done"
    FAILED = "failed"


class ListKind(StrEnum):
    """The kind of a list's entries: the words by which a document's field refers to them or pays
    them.
    """

    CUSTOMER = "customer"
    VENDOR = "vendor"
    ITEM = "item"
    INVOICE = "invoice"
    BILL = "bill"

    @property
    def unpaid(self) -> bool:
        """Whether it is a list of unpaid documents, whose entries disappear once they are paid."""
        return self in (ListKind.INVOICE, ListKind.BILL)

    @property
    def sold(self) -> bool:
        """Whether it lists documents that customers owe."""
        return self is ListKind.INVOICE


class HoldState(StrEnum):
    """Whether a hold is open, and else how it ended."""

    OPEN = "open"
    CLEARED = "cleared"
    RELEASED = "released"
    APPROVED = "approved"


class StopState(StrEnum):
    """Whether a change is still counted, has stopped its route, or was resumed."""

    COUNTING = "counting"
    STOPPED = "stopped"
    RESUMED = "resumed"


class ChangeState(StrEnum):
    """The state of a change of the rules."""

    DRAFT = "draft"
    REVIEW = "review"
    PUBLISHED = "published"
    CLOSED = "closed"


class KeyState(StrEnum):
    """Whether the key of a connection is in use."""

    NEW = "new"
    ACTIVE = "active"
    OLD = "old"
    DISABLED = "disabled"


class BreakerState(StrEnum):
    """Whether a connection is called: `open` it is not, `half_open` one call is tried."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class SignalKind(StrEnum):
    """Why a signal is raised."""

    MANY_FAILURES = "many_failures"
    AUTHORIZATION_LOST = "authorization_lost"
    CLOSE_BLOCKED = "close_blocked"
    TOTALS_DIFFER = "totals_differ"


class RecipientKind(StrEnum):
    """The channel by which a recipient of notices is reached."""

    PERSON = "person"
    MAIL = "mail"
    WEBHOOK = "webhook"


class NoticeKind(StrEnum):
    """Why a notice is sent."""

    DIGEST = "digest"
    URGENT = "urgent"
    PACKET = "packet"
    TEST = "test"
    RETURNED = "returned"


class NoticeState(StrEnum):
    """The state of a notice; the last four are final.

    `unknown`: it may have arrived and is not sent again. `nothing`: there was nothing to report.
    """

    DUE = "due"
    CLAIMED = "claimed"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    FAILED = "failed"
    NOTHING = "nothing"


NOW = moment("now")
