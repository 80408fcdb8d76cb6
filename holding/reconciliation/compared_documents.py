"""Compare a document's source, posted and target amounts, classify differences and sum them."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from connectors import registry
from holding.db.models.columns import RecordState
from holding.db.models.postings import ENDED
from holding.programs.posted_differences import total_there
from rules.values.canonical import PostingState


class Standing(StrEnum):
    """Why the sides of a document differ, the most urgent first; the last: they do not."""

    UNEXPLAINED = "unexplained"
    ACCEPTED = "accepted"
    HELD = "held"
    WAITING = "waiting"
    SENDING = "sending"
    UNREAD = "unread"
    CANCELLED = "cancelled"
    IGNORED = "ignored"
    LEFT = "left"
    BY_RULE = "by_rule"
    AGREES = "agrees"


_UNSENT = {
    PostingState.HELD: Standing.HELD,
    PostingState.FAILED: Standing.HELD,
    PostingState.SENDING: Standing.SENDING,
    PostingState.AWAITING: Standing.SENDING,
    PostingState.UNCERTAIN: Standing.SENDING,
}

_PENDING = {
    RecordState.HELD: Standing.HELD,
    RecordState.FAILED: Standing.HELD,
    RecordState.UNCERTAIN: Standing.SENDING,
    RecordState.SENDING: Standing.SENDING,
    RecordState.AWAITING: Standing.SENDING,
    RecordState.READY: Standing.WAITING,
    RecordState.WAITING: Standing.WAITING,
    RecordState.RECEIVED: Standing.WAITING,
}

EXPLAINED = (
    Standing.HELD,
    Standing.WAITING,
    Standing.SENDING,
    Standing.UNREAD,
    Standing.CANCELLED,
    Standing.IGNORED,
    Standing.LEFT,
    Standing.BY_RULE,
)
"""Standings with a known reason why a document is missing or different in the target."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One document of a record, with its three sides in minor units (None: unknown)."""

    posting_id: int
    record_id: int
    record: str
    source: str
    kind: str
    external_id: str
    status: str
    record_state: RecordState
    record_amount: int | None
    record_currency: str
    newest: int | None
    target_id: int
    target: str
    connector: str
    doc_type: str
    number: str
    route: str
    seq: int
    day: date
    state: PostingState
    action: str
    version_id: int
    amount: int | None
    currency: str
    posted_push_id: int | None
    reverses_id: int | None
    in_parts: bool
    seen_at: datetime | None
    seen: Mapping[str, Any] | None
    gone: bool  # posted, and the source would not have it so any more
    accepted: bool  # somebody left it as it was posted
    now: int | None = None  # what the record says of it by then, where that is known

    @property
    def code(self) -> str:
        """The currency of the comparison: the document's, or the record's if it has none.

        Rules may post in another currency than the source's. Such amounts are not compared with the
        record.
        """
        return self.currency or self.record_currency

    @property
    def said(self) -> int | None:
        """The amount in the source.

        The record gives no amount for one of several documents on a route, for a reversal, and for
        another currency. These count as posted. A document deleted in the source counts as zero,
        and an accepted difference as it was accepted.
        """
        if self.gone or self.now is not None:
            return self.now or 0
        own = self.in_parts or self.reverses_id is not None or self.code != self.record_currency
        return self.amount if own else self.record_amount

    @property
    def stands(self) -> bool:
        """Whether the target accepted it and it is not void."""
        void = self.state == PostingState.REVERSED and self.action == "void"
        return self.posted_push_id is not None and not void

    @property
    def posted(self) -> int | None:
        """The posted amount; zero if it was not sent."""
        return self.amount if self.stands else 0

    @property
    def there(self) -> int | None:
        """The amount in the target; None if it was not read back."""
        if not self.stands:
            return 0
        if self.seen is None:
            return None
        if self.seen["found"] == "absent" or self.seen["void"]:
            return 0
        shown = self._total_there()
        return self.amount if shown is None else shown

    @property
    def odd(self) -> bool:
        """Whether the target shows a different amount, or several documents with this number."""
        if self.seen is None or not self.stands or self.seen["found"] == "equal":
            return False
        return self.there != self.amount or not self.seen["differs"]

    @property
    def follows_record(self) -> bool:
        """Whether an edit in the target gave the document the amount that the record has now."""
        return self.odd and self.there != self.amount and self.there == self.said

    def _total_there(self) -> int | None:
        schema = registry.document(self.connector, self.doc_type)
        return total_there(self.seen, schema.total_field if schema else None, self.currency)


class DateUsed(StrEnum):
    """The date by which a document counts: its own, its record's, or the day of posting."""

    DOCUMENT = "document"
    RECORD = "record"
    POSTED = "posted"


@dataclass(frozen=True, slots=True)
class Span:
    """A filter of documents: days (inclusive), kind of date, status, source and channel.

    A blank text matches everything.
    """

    first: date
    last: date
    status: str = ""
    by: DateUsed = DateUsed.DOCUMENT
    source: str = ""
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Agreeing:
    """A count of documents whose sides are equal, with the amount in minor units."""

    target_id: int
    doc_type: str
    day: date
    status: str
    currency: str
    count: int
    minor: int


@dataclass(frozen=True, slots=True)
class Unseen:
    """A count of documents that were not read back.

    It has the source's amount and the posted amount (`ours`) in minor units; None if none has an
    amount.
    """

    target_id: int
    doc_type: str
    day: date
    status: str
    code: str
    stands: bool
    state: PostingState
    count: int
    said: int | None
    ours: int | None

    @property
    def standing(self) -> Standing:
        """The standing of these documents."""
        return Standing.UNREAD if self.stands else _unsent(self.state)


def _unsent(state: PostingState) -> Standing:
    if state in ENDED:
        return Standing.IGNORED if state == PostingState.IGNORED else Standing.CANCELLED
    return _UNSENT.get(state, Standing.WAITING)


def standing_of(row: Compared, let_be: Collection[int]) -> Standing:
    """Return the standing of a document; `let_be` are postings whose target value a user
    accepted.
    """
    if not row.stands:
        return _unsent(row.state)
    # An open hold does not explain it: a hold concerns what was not sent, not what the target
    # shows.
    if row.follows_record:
        return Standing.AGREES
    if row.odd:
        return Standing.ACCEPTED if row.posting_id in let_be else Standing.UNEXPLAINED
    if row.there is None:
        return Standing.UNREAD
    if row.said == row.posted:
        return Standing.AGREES
    if row.accepted:
        return Standing.ACCEPTED
    if row.record_state in _PENDING:
        return _PENDING[row.record_state]
    if row.gone:
        return Standing.LEFT
    return Standing.BY_RULE if row.version_id == row.newest else _older(row)


def _older(row: Compared) -> Standing:
    """Return the standing of a document whose record changed later without an action by the
    rules.
    """
    done = row.record_state in (RecordState.POSTED, RecordState.IGNORED)
    return Standing.BY_RULE if done else Standing.CANCELLED


@dataclass(slots=True)
class Sum:
    """A sum of documents: count, minor units, and how many have no amount."""

    count: int = 0
    minor: int = 0
    unpriced: int = 0

    def add(self, minor: int | None, count: int = 1) -> None:
        """Add documents with this total amount."""
        self.count += count
        self.minor += minor or 0
        self.unpriced += count if minor is None else 0

    def join(self, other: "Sum") -> None:
        """Add another sum."""
        self.count += other.count
        self.minor += other.minor
        self.unpriced += other.unpriced


@dataclass(slots=True)
class Totals:
    """The sums of a day, or of all days, in one currency.

    `by` holds the differences by standing, and the amounts that agree.
    """

    currency: str
    source: Sum = field(default_factory=Sum)
    ours: Sum = field(default_factory=Sum)
    target: Sum = field(default_factory=Sum)
    by: dict[Standing, Sum] = field(default_factory=lambda: defaultdict(Sum))

    @property
    def difference(self) -> int:
        """Source less target, in minor units."""
        return self.source.minor - self.target.minor

    @property
    def differs(self) -> bool:
        """Whether any document is missing or different in the target, even if amounts cancel
        out.
        """
        counts = (one.count for standing, one in self.by.items() if standing is not Standing.AGREES)
        return any(counts)

    @property
    def explained(self) -> Sum:
        """The sum of differences with a known reason."""
        total = Sum()
        for standing in EXPLAINED:
            if standing in self.by:
                total.join(self.by[standing])
        return total

    def of(self, standing: Standing) -> Sum:
        """Return the differences of one standing."""
        return self.by.get(standing, Sum())

    def join(self, other: "Totals") -> None:
        """Add the sums of another day in this currency."""
        self.source.join(other.source)
        self.ours.join(other.ours)
        self.target.join(other.target)
        for standing, found in other.by.items():
            self.by[standing].join(found)
