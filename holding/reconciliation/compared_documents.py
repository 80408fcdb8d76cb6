"""Documents on three sides: what the source said, what was posted, what the target shows.

Here: one document with its sides and why they differ; pure. Not here: reading them from the
database (document_sides.py), adding up days (daily_totals.py).

Each difference has one standing. What the target shows otherwise than it was posted is unexplained
until somebody accepts it: a hold explains what was not sent, never what the books have wrong.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from connectors import registry
from holding.db.models.columns import RecordState, to_minor
from holding.db.models.postings import ENDED
from rules.values.posting_states import PostingState


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


@dataclass(frozen=True, slots=True)
class Compared:
    """One document of a record, with its three sides in minor units (None: not known)."""

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
        """The currency in which its sides are compared: that of the document, where one is known.

        Rules may post in another currency than the source sells in; such amounts are not compared
        with the record's.
        """
        return self.currency or self.record_currency

    @property
    def said(self) -> int | None:
        """Its amount as the source said. Of several documents that one record makes under a
        route, of one that takes another back, and of one in another currency the record gives no
        amount: each counts as it was made. One that is gone in the source counts as nothing there,
        and one of which somebody accepted a difference as it was accepted.
        """
        if self.gone or self.now is not None:
            return self.now or 0
        own = self.in_parts or self.reverses_id is not None or self.code != self.record_currency
        return self.amount if own else self.record_amount

    @property
    def stands(self) -> bool:
        """Whether it was taken by the target, and not made void since."""
        void = self.state == PostingState.REVERSED and self.action == "void"
        return self.posted_push_id is not None and not void

    @property
    def posted(self) -> int | None:
        """What was posted; nothing of what was not sent."""
        return self.amount if self.stands else 0

    @property
    def there(self) -> int | None:
        """What the target shows of it; None where it was not read back."""
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
        """Whether the target shows it otherwise in what makes its amount, or nobody can say what it
        shows: two documents of its number.
        """
        if self.seen is None or not self.stands or self.seen["found"] == "equal":
            return False
        return self.there != self.amount or not self.seen["differs"]

    def _total_there(self) -> int | None:
        schema = registry.document(self.connector, self.doc_type)
        field = schema.total_field if schema else None
        told = [value for line, name, value in (self.seen or {})["differs"]
                if (line, name) == (0, field)]  # fmt: skip
        try:
            return to_minor(Decimal(told[0]), self.currency) if told else None
        except (InvalidOperation, OverflowError):
            return None


class DateUsed(StrEnum):
    """By which of its dates a document counts: the one that it has in the books, the one that the
    source gives its record, or the day on which the target took it.
    """

    DOCUMENT = "document"
    RECORD = "record"
    POSTED = "posted"


@dataclass(frozen=True, slots=True)
class Span:
    """Which documents: of these days, both included, by which date; their records with a status, of
    a source by its name, and sold through a channel. A blank word lets any through.
    """

    first: date
    last: date
    status: str = ""
    by: DateUsed = DateUsed.DOCUMENT
    source: str = ""
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Agreeing:
    """Documents whose sides are equal, counted: money in minor units."""

    target_id: int
    doc_type: str
    day: date
    status: str
    currency: str
    count: int
    minor: int


@dataclass(frozen=True, slots=True)
class Unseen:
    """Documents of one standing of which nothing was read back, counted. `said` is what the source
    said of them and `ours` what was posted, in minor units: None where none of them has an amount.
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
        """Where they stand."""
        return Standing.UNREAD if self.stands else _unsent(self.state)


def standing_of(row: Compared, let_be: Collection[int]) -> Standing:
    """Where a document stands. `let_be`: the postings of which somebody let stand what the target
    shows.
    """
    if not row.stands:
        return _unsent(row.state)
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
    """The record changed since it was posted, and the rules had nothing done about it."""
    done = row.record_state in (RecordState.POSTED, RecordState.IGNORED)
    return Standing.BY_RULE if done else Standing.CANCELLED


def _unsent(state: PostingState) -> Standing:
    if state in ENDED:
        return Standing.IGNORED if state == PostingState.IGNORED else Standing.CANCELLED
    return _UNSENT.get(state, Standing.WAITING)


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
