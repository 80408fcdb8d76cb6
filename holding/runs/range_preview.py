"""Preview a date range: which documents a sync would send now, and why each other one waits."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Select, and_, exists, func, select, text
from sqlalchemy.orm import Session, aliased

from holding.connections import limits
from holding.connections.master_data import zone_of
from holding.db import bulk
from holding.db.models import Cause, Company, Connection, Hold, Posting, Record, Run
from holding.db.models.columns import PostingWait, among_words
from holding.db.models.decisions import is_open
from holding.db.models.postings import BOOKED_STATES, IN_FLIGHT_STATES
from holding.db.refusal import Refusal, Sums, by_key, check_figure, of_posting, plural
from holding.platform.states import GONE
from holding.rulesets.admission import find_disagreement
from holding.runs.status import (
    NEEDS_ADMIN,
    UNDER_WAY,
    last_run,
    stop_pills,
    stopped_routes,
)
from rules.values.canonical import PostingState

SHOWN: Final = 50
"""How many documents are listed for each reason."""

BEING_SENT: Final = "It is being sent now."
NO_ANSWER: Final = "It was sent, and the accounting system has not confirmed it yet."
IN_A_RUN: Final = "It goes out with a run that is under way."
CHECKED_AGAIN: Final = "It is checked again."

_ON_HOLD: Final = (PostingState.HELD, PostingState.FAILED, PostingState.POSTED)
"""States of open documents that a hold stops, and of those that vanished in the target."""

_source = aliased(Connection, name="source")

_held = aliased(Hold, name="held")

_oldest_hold = (
    select(func.min(_held.id))
    .where(_held.posting_id == Posting.id, is_open(_held.state))
    .correlate(Posting)
    .scalar_subquery()
)


_VANISHED = exists().where(
    _held.posting_id == Posting.id, is_open(_held.state), _held.code.in_(sorted(GONE))
)
"""Of a posted document: a reading did not find it in the target."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A number of documents and their amounts."""

    count: int
    money: Sums

    @property
    def figure(self) -> int:
        """Return a number that differs when the amounts differ. It is never shown."""
        return check_figure(self.money)


@dataclass(frozen=True, slots=True)
class WaitingDocument:
    """A document of the range that a sync would not send now, with its record's address."""

    number: str
    doc_type: str
    source: str
    kind: str
    external_id: str
    currency: str
    amount: int | None


@dataclass(frozen=True, slots=True)
class Reason:
    """Documents that wait for one reason.

    `cause_id`: the group of holds, if there is one. `documents`: the first documents.
    """

    why: str
    cause_id: int | None
    count: int
    money: Sums
    documents: tuple[WaitingDocument, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPreview:
    """What a date range would send now, and what waits for which reason.

    `ready`: ids of the documents to send, by document type. `ready_count` also counts those that
    are ready and cannot go now. `early`: how many of those to send wait only for the hour of their
    daily run. `blocks`: why a document type cannot be started. `quota_until`:
    when documents go again that the month's quota keeps back, or None; `note` is the sentence.
    """

    will_send: Bucket
    already_posted: Bucket
    held: Bucket
    waiting: Bucket
    in_flight: Bucket
    ready: Mapping[str, tuple[int, ...]]
    money: Mapping[str, Sums]
    ready_count: int
    early: int
    waits: tuple[Reason, ...]
    blocks: Mapping[str, Refusal]
    quota_until: date | None
    note: str


def preview(
    session: Session,
    company_id: int,
    connection_id: int,
    doc_type: str,
    first: date,
    last: date,
    now: datetime,
) -> SyncPreview:
    """Return the documents of a date range by what happens to them in a sync.

    An empty `doc_type` means all types. A document without a date counts on its record's day.
    """
    connection = session.get_one(Connection, connection_id)
    of_type = _of_type(company_id, connection_id, doc_type)
    of_range = of_type.where(text(f"posting.{Posting.OPEN}"))
    rows = session.execute(of_range.where(Posting.doc_date.between(first, last))).all()
    vanished = of_type.where(Posting.state == PostingState.POSTED, _VANISHED)
    rows = [*rows, *session.execute(vanished.where(Posting.doc_date.between(first, last)))]
    undated = of_range.where(Posting.doc_date.is_(None), Record.doc_date.between(first, last))
    rows = [*rows, *session.execute(undated)]
    ready = [row for row in rows if _is_complete(row)]
    blocks = find_blocks(session, connection, {row.doc_type for row in ready})
    sendable, kept_back = _split(session, connection, ready, blocks, now)
    over_quota = [row for row, why in kept_back if why is None]
    quota_until = limits.first_of_next_month(now, zone_of(session, company_id))
    quota_words = f"The month's quota of {connection.name} is used up until {quota_until}."
    if sendable:
        more = plural(len(sendable), "more document")
        quota_words = f"The month's quota of {connection.name} allows {more} until {quota_until}."
    others = [row for row in rows if not _is_complete(row)]
    reasons = [
        *((row, why or quota_words, None) for row, why in kept_back),
        *((row, *_reason_to_wait(row)) for row in others),
    ]
    sendable_rows: dict[str, list[Any]] = defaultdict(list)
    for row in sendable:
        sendable_rows[row.doc_type].append(row)
    return SyncPreview(
        will_send=_bucket(sendable),
        already_posted=_posted(session, company_id, connection_id, doc_type, (first, last)),
        held=_bucket(row for row in others if row.state in _ON_HOLD),
        waiting=_bucket(row for row in others if row.state == PostingState.WAITING),
        in_flight=_bucket(row for row in others if row.state in IN_FLIGHT_STATES),
        ready={of: tuple(row.id for row in sendable_rows[of]) for of in sorted(sendable_rows)},
        money={of: _bucket(some).money for of, some in sendable_rows.items()},
        ready_count=len(ready),
        early=sum(row.state == PostingState.WAITING for row in sendable),
        waits=_by_reason(session, reasons),
        blocks=blocks,
        quota_until=quota_until if over_quota else None,
        note=quota_words if over_quota else "",
    )


def _is_complete(row: Any) -> bool:
    """Check whether a document is ready, or only its daily hour is still to come."""
    early = row.state == PostingState.WAITING and row.waits == PostingWait.HOUR
    return early or bool(row.state == PostingState.READY)


def _of_type(company_id: int, connection_id: int, doc_type: str) -> Select[*tuple[Any, ...]]:
    """Return the query for the documents of a target, in the order in which they go."""
    query = (
        select(
            Posting.id,
            Posting.state,
            Posting.doc_type,
            Posting.number,
            Posting.reason,
            Posting.waits,
            Posting.lease_until,
            Cause.id.label("cause_id"),
            Cause.label.label("cause"),
            *of_posting(),
        )
        .join(Record, Record.id == Posting.record_id)
        .outerjoin(Hold, and_(Hold.id == _oldest_hold, among_words(Posting.state, _ON_HOLD)))
        .outerjoin(Cause, Cause.id == Hold.cause_id)
        .where(Posting.company_id == company_id, Posting.connection_id == connection_id)
        .order_by(*limits.MOST_URGENT)
    )
    return query.where(Posting.doc_type == doc_type) if doc_type else query


def _posted(
    session: Session, company_id: int, connection_id: int, doc_type: str, days: tuple[date, date]
) -> Bucket:
    currency, minor = of_posting()
    query = (
        select(currency, func.count(), bulk.whole_sum(minor))
        .where(Posting.company_id == company_id, Posting.connection_id == connection_id)
        .where(Posting.doc_date.between(*days), among_words(Posting.state, BOOKED_STATES))
        .where(~_VANISHED)
        .group_by(currency)
    )
    rows = session.execute(query.where(Posting.doc_type == doc_type) if doc_type else query).all()
    money = by_key((None, code, amount) for code, _, amount in rows)
    return Bucket(sum(count for _, count, _ in rows), money.get(None, {}))


def _bucket(rows: Iterable[Any]) -> Bucket:
    amounts = [(None, row.currency, row.minor) for row in rows]
    return Bucket(len(amounts), by_key(amounts).get(None, {}))


def _split(
    session: Session,
    connection: Connection,
    ready: Sequence[Any],
    blocks: Mapping[str, Refusal],
    now: datetime,
) -> tuple[list[Any], list[tuple[Any, str | None]]]:
    """Return the documents that go now, and the others with the reason; None is the quota."""
    in_runs = postings_under_way(session, connection.id)
    left = limits.documents_left(session, connection, now)
    sendable: list[Any] = []
    kept_back: list[tuple[Any, str | None]] = []
    for row in ready:
        block = blocks.get(row.doc_type)
        if row.lease_until is not None:
            kept_back.append((row, BEING_SENT))
        elif block is not None:
            kept_back.append((row, block.words))
        elif row.id in in_runs:
            kept_back.append((row, IN_A_RUN))
        elif left is not None and len(sendable) >= left:
            kept_back.append((row, None))
        else:
            sendable.append(row)
    return sendable, kept_back


def _reason_to_wait(row: Any) -> tuple[str, int | None]:
    """Return why a document that is not ready waits, and its group of holds."""
    if row.cause is not None:
        return row.cause, row.cause_id
    if row.state in IN_FLIGHT_STATES:
        return NO_ANSWER, None
    return row.reason or CHECKED_AGAIN, None


def _by_reason(
    session: Session, reasons: Sequence[tuple[Any, str, int | None]]
) -> tuple[Reason, ...]:
    """Group documents by their reason, the most frequent first, and load the shown ones."""
    groups: dict[tuple[str, int | None], list[Any]] = defaultdict(list)
    for row, why, cause_id in reasons:
        groups[why, cause_id].append(row)
    documents = _documents(session, [row.id for some in groups.values() for row in some[:SHOWN]])
    found = [
        Reason(
            why,
            cause_id,
            len(some),
            _bucket(some).money,
            tuple(documents[row.id] for row in some[:SHOWN]),
        )
        for (why, cause_id), some in groups.items()
    ]
    return tuple(sorted(found, key=lambda reason: (-reason.count, reason.why)))


def _documents(session: Session, ids: Collection[int]) -> dict[int, WaitingDocument]:
    if not ids:
        return {}
    rows = session.execute(
        select(Posting.id, Posting.number, Posting.doc_type, _source.name.label("source"))
        .add_columns(Record.type.label("kind"), Record.external_id, *of_posting())
        .join(Record, Record.id == Posting.record_id)
        .join(_source, _source.id == Record.source_id)
        .where(bulk.among(Posting.id, ids))
    )
    return {
        row.id: WaitingDocument(
            row.number,
            row.doc_type,
            row.source,
            row.kind,
            row.external_id,
            row.currency,
            row.minor,
        )
        for row in rows
    }


def postings_under_way(session: Session, connection_id: int) -> set[int]:
    """Return the postings of runs that have not ended."""
    filters = session.scalars(
        select(Run.filter).where(Run.connection_id == connection_id, Run.state.in_(UNDER_WAY))
    )
    return {key for each in filters for key in (each or {}).get("postings", ())}


def find_blocks(
    session: Session, connection: Connection, doc_types: Collection[str]
) -> dict[str, Refusal]:
    """Return why no run of a document type can be started now, by document type."""
    if not doc_types:
        return {}
    block = next(_blocks_of_connection(session, connection), None)
    if block is not None:
        return dict.fromkeys(doc_types, block)
    stopped = stopped_routes(session, connection.company_id)
    found = {of: _block_of_type(session, connection, of, stopped) for of in sorted(doc_types)}
    return {of: refusal for of, refusal in found.items() if refusal is not None}


def _blocks_of_connection(session: Session, connection: Connection) -> Iterator[Refusal]:
    company = session.get_one(Company, connection.company_id)
    if not company.live:
        words = f"You cannot start a sync, because {company.name} did not go live yet."
        yield Refusal("sync.not_live", words, "An administrator finishes the set-up first.")
    if connection.paused_at is not None:
        words = f"{connection.name} is paused: {connection.pause_reason or 'no reason given'}"
        yield Refusal("sync.paused", words, "Resume it first.")
    pill = stop_pills(session, [connection.id], company.zone).get(connection.id)
    if pill is not None and pill.detail in NEEDS_ADMIN:
        yield Refusal("sync.unusable", f"{connection.name} cannot be used now.", pill.detail)
    wrong = find_disagreement(session, connection.id)
    if wrong is not None:
        words = f"{connection.name} rounds {wrong.there}, and the rules in force say {wrong.here}."
        yield Refusal("sync.rounding", words, "Make both say the same.")


def _block_of_type(
    session: Session, connection: Connection, doc_type: str, stopped: Collection[str]
) -> Refusal | None:
    if any(f"{word}.{doc_type}" in stopped for word in (connection.name, connection.connector)):
        words = f"{doc_type.replace('_', ' ')} has stopped: one change moves more than usual."
        return Refusal("sync.stopped", words, "A person has to review it under Stops and resume.")
    last = last_run(session, connection.id, doc_type)
    if last is not None and last.kind != "immediate" and last.state in UNDER_WAY:
        return Refusal(
            "sync.running",
            "You cannot start a sync now, because another one is running.",
            "Wait until it has ended.",
        )
    return None
