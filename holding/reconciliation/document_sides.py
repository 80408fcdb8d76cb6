"""Query the documents of some days with their source, posted and target columns."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    Text,
    and_,
    case,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from connectors import registry
from holding.db.bulk import Columns, known, of, whole_sum
from holding.db.kept_plans import KEPT, at_most
from holding.db.models import (
    AcceptedDifference,
    Company,
    Connection,
    Posting,
    Reading,
    Record,
    Version,
)
from holding.db.models.columns import RecordState
from holding.db.models.records import FINAL_STATES
from holding.reconciliation.compared_documents import (
    Compared,
    DateUsed,
    Span,
)
from rules.values.canonical import PostingState, dumps

DOCUMENTS = sorted({document.name for document in registry.schemas()[0]})
"""All document types, because the index of days starts with the type."""
CHANNEL: Final = "channel"
"""The record field for the sales channel or payment method."""
CHANNELS_FROM: Final = 100
"""How many of the newest records are searched for channels."""
_Sold = msgspec.defstruct("_Sold", [(CHANNEL, Any, None)])
_sold: Callable[[str], Any] = msgspec.json.Decoder(_Sold).decode

_FIRST: ColumnElement[int] = literal_column("1")
_source, _target = aliased(Connection, name="source"), aliased(Connection, name="target")
_other = aliased(Posting, name="other")
_of_route = (_other.record_id == Posting.record_id, _other.route == Posting.route)
_is_first, _is_further = Posting.seq == _FIRST, _other.seq != _FIRST
is_in_parts: ColumnElement[bool] = or_(
    # beside a first document, as most are, only further ones are looked for: they have an index
    and_(_is_first, exists().where(*_of_route, _is_further)),
    and_(~_is_first, exists().where(*_of_route, _other.seq != Posting.seq)),
)
# Stored with the posting by each evaluation, because stored verdicts do not contain gates.
is_gone: ColumnElement[bool] = and_(Posting.withdrawn, Posting.state == PostingState.POSTED)
_COLUMNS = Compared(
    posting_id=of(Posting.id),
    record_id=of(Posting.record_id),
    record=of(Record.number),
    source=of(_source.name),
    kind=of(Record.type),
    external_id=of(Record.external_id),
    status=of(Record.status),
    record_state=of(Record.state),
    record_amount=of(Record.amount),
    record_currency=of(Record.currency),
    newest=of(Record.version_id),
    target_id=of(Posting.connection_id),
    target=of(_target.name),
    connector=of(_target.connector),
    doc_type=of(Posting.doc_type),
    number=of(Posting.number),
    route=of(Posting.route),
    seq=of(Posting.seq),
    day=known(Posting.doc_date),  # of which date it is depends on what is asked for
    state=of(Posting.state),
    action=of(Posting.action),
    version_id=of(Posting.version_id),
    amount=of(Posting.amount),
    currency=of(Posting.currency),
    posted_push_id=of(Posting.posted_push_id),
    reverses_id=of(Posting.reverses_id),
    in_parts=of(is_in_parts.label("in_parts")),
    seen_at=of(Posting.read_at),
    seen=of(Reading.body),
    gone=of(is_gone.label("gone")),
    accepted=False,
)
_RENAMED = {
    "record": "record.number",
    "source": "source.name",
    "kind": "record.type",
    "newest": "record.version_id",
    "target_id": "posting.connection_id",
    "target": "target.name",
    "connector": "target.connector",
    "seen_at": "posting.read_at",
    "seen": "reading.body",
}


def ever_accepted(company_id: int) -> ColumnElement[bool]:
    """Return the condition that a difference of the posting was ever accepted.

    Such postings are few; whether the acceptance still counts is checked for each.
    """
    accepted = select(AcceptedDifference.posting_id)
    return Posting.id.in_(accepted.where(AcceptedDifference.company_id == company_id))


_agrees: Final = and_(
    Posting.reading_id.is_not(None),  # first: of what nobody read back no other document is asked
    Posting.state == PostingState.POSTED,
    Record.state == RecordState.POSTED,
    ~Posting.withdrawn,
    Reading.same,
    Posting.amount == Record.amount,
    Posting.currency == Record.currency,
    Posting.reverses_id.is_(None),
    ~is_in_parts,
)


def all_sides_agree(company_id: int) -> ColumnElement[bool]:
    """Return the condition that all sides of a posting are equal."""
    return and_(_agrees, ~ever_accepted(company_id))


def agreeing_page(
    session: Session,
    company_id: int,
    span: Span,
    place: tuple[int, str],
    *,
    after: int = 0,
    most: int = 50,
) -> tuple[Compared, ...]:
    """Return agreeing documents of a target, a type and the span's first day, after an id."""
    target_id, doc_type = place
    one_day = replace(span, last=span.first)
    columns = compared_columns(company_id, literal(span.first, Date).label("day"))
    zone, rows = zone_of(session, company_id, span), columns.select()
    query = with_connection_names(in_span(rows, company_id, zone, one_day)).where(
        all_sides_agree(company_id),
        Posting.connection_id == target_id,
        Posting.doc_type == doc_type,
        Posting.id > after,
    )
    return columns.each(session.execute(query.order_by(Posting.id).limit(most)))


def compared_columns(company_id: int, day: ColumnElement[Any]) -> Columns[Compared]:
    """Return the columns of a compared document; `day` is the date that counts."""
    ever = ever_accepted(company_id).label("accepted")
    return Columns(replace(_COLUMNS, day=of(day), accepted=of(ever)), _RENAMED)


def zone_of(session: Session, company_id: int, span: Span) -> str:
    """Return the time zone if documents count by time of posting, otherwise a blank text."""
    by_moment = span.by is DateUsed.POSTED
    return session.get_one(Company, company_id).zone if by_moment else ""


def day_column(zone: str, span: Span) -> ColumnElement[Any]:
    """Return the date column of a span, or the local day of a posting time."""
    if span.by is not DateUsed.POSTED:
        return (Posting if span.by is DateUsed.DOCUMENT else Record).doc_date.expression
    during = [(and_(Posting.posted_at >= begin, Posting.posted_at < end), literal(day, Date))
              for day, begin, end in _midnights(zone, span)]  # fmt: skip
    return case(*during)


def in_span(query: Select[Any], company_id: int, zone: str, span: Span) -> Select[Any]:
    """Limit a query to postings of a span, so that the index of days is used."""
    targets = select(Connection.id).where(
        Connection.company_id == company_id, Connection.side == "target"
    )
    return (
        query.select_from(Posting)
        .join(Record, Record.id == Posting.record_id)
        .outerjoin(Reading, Reading.id == Posting.reading_id)
        .where(Posting.company_id == company_id, Posting.connection_id.in_(targets))
        .where(Posting.doc_type.in_(DOCUMENTS))
        .where(*_during(company_id, zone, span), *_of_records(company_id, span))
    )


def _during(company_id: int, zone: str, span: Span) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions for the days, by the date that counts."""
    if span.by is DateUsed.POSTED:
        days = list(_midnights(zone, span))
        yield Posting.posted_at >= days[0][1]
        yield Posting.posted_at < days[-1][2]
    elif span.by is DateUsed.RECORD:
        yield Record.company_id == company_id  # so that its index of days is asked
        yield Record.doc_date.between(span.first, span.last)
    else:
        yield Posting.doc_date.between(span.first, span.last)


def _midnights(zone: str, span: Span) -> Iterator[tuple[date, datetime, datetime]]:
    """Yield each day with its start and end in the company's time zone."""
    at = ZoneInfo(zone)
    for n in range((span.last - span.first).days + 1):
        day = span.first + timedelta(days=n)
        begin, end = (datetime.combine(one, time.min, at) for one in (day, day + timedelta(1)))
        yield day, begin, end


def _of_records(company_id: int, span: Span) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions for status, source and channel."""
    if span.status:
        yield Record.status == span.status
    if span.source:
        yield Record.source_id.in_(
            select(Connection.id).where(
                Connection.company_id == company_id,
                Connection.side == "source",
                Connection.name == span.source,
            )
        )
    if span.channel:
        # the text of its newest content without the channel is another: unlike LIKE, `replace`
        # tells small letters from large ones in both databases
        body = type_coerce(Version.body, Text)
        told = dumps({CHANNEL: span.channel})[1:-1]
        yield exists().where(Version.id == Record.version_id, func.replace(body, told, "") != body)


def list_channels(session: Session, company_id: int) -> tuple[str, ...]:
    """Return the channels of the newest records."""
    newest = (
        select(Record.version_id)
        .where(Record.company_id == company_id)
        .order_by(Record.seen_at.desc(), Record.id.desc())
        .limit(at_most(CHANNELS_FROM))
    )
    rows = session.scalars(
        select(type_coerce(Version.body, Text)).where(Version.id.in_(newest)),
        execution_options=KEPT,
    )
    channel_names = {_sold(body).channel for body in rows if body}
    return tuple(sorted(name for name in channel_names if isinstance(name, str) and name))


def with_connection_names(query: Select[Any]) -> Select[Any]:
    """Join the names of source and target to a query."""
    return query.join(_source, _source.id == Record.source_id).join(
        _target, _target.id == Posting.connection_id
    )


def count_without_document(
    session: Session, company_id: int, span: Span
) -> tuple[tuple[str, int, int], ...]:
    """Return (currency, count, minor units) of records without a document in any day's sum.

    Records without a date are included.
    """
    made = exists().where(_other.record_id == Record.id, _MADE[span.by])
    states = _NOT_POSTED if span.by is DateUsed.POSTED else _OPEN_STATES
    open_ones = (
        select(Record.currency, Record.amount)
        .where(Record.company_id == company_id, Record.state.in_(states), ~made)
        .where(*_of_records(company_id, span))
    )
    # each by the index of days: for both in one term SQLite reads every record of the company
    each = union_all(
        open_ones.where(Record.doc_date.between(span.first, span.last)),
        open_ones.where(Record.doc_date.is_(None)),
    ).subquery()
    sums = select(each.c.currency, func.count().label("n"), whole_sum(each.c.amount).label("minor"))
    rows = session.execute(sums.group_by(each.c.currency), execution_options=KEPT)
    return tuple(sorted((row.currency, int(row.n), int(row.minor or 0)) for row in rows))


_OPEN_STATES = (RecordState.RECEIVED, RecordState.HELD, RecordState.WAITING, RecordState.FAILED)
_MADE = {
    DateUsed.DOCUMENT: _other.doc_date.is_not(None),
    DateUsed.RECORD: true(),
    DateUsed.POSTED: _other.posted_at.is_not(None),
}
"""When a document of a record is in the sum of some day."""
_NOT_POSTED = tuple(state for state in RecordState if state not in FINAL_STATES)


def newest_day(session: Session, company_id: int) -> date | None:
    """Return the latest day with a document."""
    of_company, targets = Connection.company_id == company_id, Connection.side == "target"
    of_company_postings, documents = (
        Posting.company_id == company_id,
        Posting.doc_type.in_(DOCUMENTS),
    )
    newest = select(func.max(Posting.doc_date)).where(of_company_postings, documents)
    days = [
        session.scalar(newest.where(Posting.connection_id == target_id))
        for target_id in session.scalars(select(Connection.id).where(of_company, targets)).all()
    ]
    return max((day for day in days if day is not None), default=None)
