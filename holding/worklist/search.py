"""Search records and documents by number or customer."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import product
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    true,
    union,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from grammar.text.finding_codes import ErrorClass
from holding.access.actors import hiding_each
from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.kept_plans import KEPT, at_most
from holding.db.models import (
    Attempt,
    Cause,
    Connection,
    Hold,
    Person,
    Posting,
    Push,
    Record,
    Request,
    Team,
)
from holding.db.models.columns import RecordState
from holding.db.models.decisions import HOLD_OPEN
from holding.mappings import party_merge
from holding.records.waits import Cause as WaitCause
from holding.records.waits import waits_of
from rules.decisions.verdict import reason_to_show
from rules.values.canonical import PostingState

MOST = 50

SOME: Final = 500  # of what a million records have in common, not all are sorted by age

MOST_PARTIES: Final = 20

VARIED: Final = 4  # first letters of a beginning that are tried in both cases

MOST_LETTERS: Final = 8  # of a whole number: 256 spellings

LAST: Final = "\U0010ffff"  # behind whatever a number goes on with

_OF_RECORD = aliased(Posting)

_TRIES = (
    select(func.coalesce(func.max(_OF_RECORD.tries), 0))
    .where(_OF_RECORD.record_id == Record.id, _OF_RECORD.state == Record.state)
    .correlate(Record)
    .scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class Found:
    """A matching record, and the number that matched."""

    id: int
    company_id: int
    number: str
    source: str
    kind: str
    external_id: str
    party: str
    state: RecordState
    tries: int  # of its documents that are in this state
    amount: int | None
    currency: str
    seen_at: datetime
    document: str | None


FOUND = Columns(
    Found(
        id=of(Record.id),
        company_id=of(Record.company_id),
        number=of(Record.number),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        party=of(Record.party),
        state=of(Record.state),
        tries=of(_TRIES.label("tries")),
        amount=of(Record.amount),
        currency=of(Record.currency),
        seen_at=of(Record.seen_at),
        document=of(Posting.number),
    ),
    {"source": "connection.name", "kind": "record.type", "document": "posting.number"},
)


_LAST_KEY = (
    select(Request.key_tail)
    .join(Attempt, Attempt.request_id == Request.id)
    .join(Push, Push.id == Attempt.push_id)
    .where(Push.posting_id == Posting.id, Request.kind == "push")
    .order_by(Attempt.id.desc())
    .limit(1)
    .correlate(Posting)
    .scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the record, posted or planned.

    `target_ref` is its id in the target, `key_tail` the end of the key that it was last sent with.
    """

    record_id: int
    number: str
    connection: str
    doc_type: str
    state: PostingState
    reason: str
    amount: int | None
    currency: str
    target_ref: str | None
    posted_at: datetime | None
    key_tail: str


_DOCUMENT = Columns(
    Document(
        record_id=of(Posting.record_id),
        number=of(Posting.number),
        connection=of(Connection.name),
        doc_type=of(Posting.doc_type),
        state=of(Posting.state),
        reason=of(Posting.reason),
        amount=of(Posting.amount),
        currency=of(Posting.currency),
        target_ref=of(Posting.target_ref),
        posted_at=of(Posting.posted_at),
        key_tail=of(func.coalesce(_LAST_KEY, "").label("key_tail")),
    ),
    {"connection": "connection.name"},
)


@dataclass(frozen=True, slots=True)
class ConnectionWait:
    """A time that a document waited for its connection; `until` is None while it lasts."""

    number: str
    connection: str
    cause: WaitCause
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class OpenHold:
    """An open hold; `owner` is a user, or the team without one."""

    record_id: int
    hold: int
    code: str
    error_class: ErrorClass
    message: str
    owner: str | None
    opened_at: datetime


_HOLD = Columns(
    OpenHold(
        record_id=of(Hold.record_id),
        hold=of(Hold.id),
        code=of(Hold.code),
        error_class=of(Hold.error_class),
        message=of(Hold.message),
        owner=of(func.coalesce(Person.name, Team.shown).label("owner")),
        opened_at=of(Hold.opened_at),
    ),
    {"hold": "hold.id"},
)


@dataclass(frozen=True, slots=True)
class OfRecord:
    """The longest waiting open hold of a record, with its cause's label.

    `table` is the mapping table that lacks a value, if that is the cause.
    """

    record_id: int
    hold_id: int
    cause_id: int
    label: str
    table: str | None


OF_RECORD = Columns(
    OfRecord(
        record_id=of(Hold.record_id),
        hold_id=of(Hold.id),
        cause_id=of(Cause.id),
        label=of(Cause.label),
        table=of(Cause.table_name),
    ),
    {"hold_id": "hold.id", "cause_id": "cause.id", "table": "cause.table_name"},
)


def find_exact(session: Session, company_id: int, text: str) -> tuple[Found, ...]:
    """Return records with exactly this number, document number or document id in the target."""
    return find_exact_in(session, [company_id], text)


def find_exact_in(session: Session, companies: Sequence[int], text: str) -> tuple[Found, ...]:
    """Return exact matches in several companies, in one query."""
    return _find_any(session, companies, [text])


def find_any_case(session: Session, company_id: int, text: str) -> tuple[Found, ...]:
    """Return exact matches in any case of their letters: NS-12 and ns-12 are two records."""
    return _find_any(session, [company_id], sorted(spellings(text, MOST_LETTERS)))


def _find_any(
    session: Session, companies: Sequence[int], texts: Sequence[str]
) -> tuple[Found, ...]:
    parameters = {"companies": list(companies), "texts": list(texts)}
    return _each_once(FOUND.each(session.execute(_exact(), parameters, execution_options=KEPT)))


def _each_once(rows: Iterable[Found]) -> tuple[Found, ...]:
    unique: dict[tuple[int, str, str, str], Found] = {}
    for row in rows:
        unique.setdefault((row.company_id, row.source, row.kind, row.external_id), row)
    return tuple(unique.values())


@cache
def _exact() -> Select[Any]:
    """Return the query, cached because building it costs more than running it."""
    companies: BindParameter[Any] = bindparam("companies", expanding=True)
    texts = bindparam("texts", type_=Text, expanding=True)
    records = select(Record.id).where(Record.company_id.in_(companies))
    postings = select(Posting.record_id).where(Posting.company_id.in_(companies))
    equal = (  # one index for each: OR over the join of both reads all records
        records.where(Record.number.in_(texts)),
        records.where(Record.external_id.in_(texts)),
        postings.where(Posting.number.in_(texts)),
        postings.where(Posting.target_ref.in_(texts)),
    )
    fits = union(*(select(_newest(query).subquery()) for query in equal)).subquery()
    this_first = case((or_(Posting.number.in_(texts), Posting.target_ref.in_(texts)), 0), else_=1)
    return (
        FOUND.select()
        .select_from(Record)
        .join(fits, fits.c.id == Record.id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Posting, Posting.record_id == Record.id)
        .order_by(Record.id.desc(), this_first, Posting.id)
        .limit(at_most(MOST))
    )


def _newest(records: Select[int]) -> Select[int]:
    """Limit the matches to a page's newest.

    For more rows PostgreSQL would read all records.
    """
    (record_id,) = records.limit(at_most(SOME)).subquery().c
    return select(record_id).order_by(record_id.desc()).limit(at_most(MOST))


def find_similar(session: Session, company_id: int, text: str) -> tuple[Found, ...]:
    """Return records whose number starts with the text, or whose customer contains it; newest
    first.

    If very many numbers match, only some are returned. A customer is searched by its newest
    record's name.
    """
    return find_similar_in(session, [company_id], text)


def find_similar_in(session: Session, companies: Sequence[int], text: str) -> tuple[Found, ...]:
    """Return similar matches in several companies, in two queries."""
    sqlite = session.get_bind().dialect.name == "sqlite"
    records = select(Record.id).where(Record.company_id.in_(companies))
    postings = select(Posting.record_id).where(Posting.company_id.in_(companies))
    begins = [
        query.where(_begins(number, start, sqlite=sqlite), _goes_on(number, text)).limit(SOME)
        for start in sorted(beginnings(text))
        for query, number in ((records, Record.number), (postings, Posting.number))
    ]
    of_party = [
        select(Record.id)
        .where(Record.company_id == company_id, Record.party_key == key)
        .order_by(Record.seen_at.desc())
        .limit(MOST)
        for company_id, key in _parties(session, companies, text)
    ]
    fits = union(*(select(query.subquery()) for query in (*begins, *of_party))).subquery()
    rows = session.execute(
        FOUND.select()
        .select_from(Record)
        .join(fits, fits.c.id == Record.id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Posting, (Posting.record_id == Record.id) & (Posting.seq == 1))
        .order_by(Record.seen_at.desc(), Record.id.desc())
        .limit(MOST)
    )
    return _each_once(FOUND.each(rows))


def spellings(text: str, most: int) -> frozenset[str]:
    """Return how a number is spelled in other cases: ns-12 for NS-12, and nS-12, Ns-12.

    With more than `most` letters, only the usual spellings.
    """
    usual = frozenset({text, text.upper(), text.lower(), text.capitalize(), text.title()})
    letters = sum(letter.lower() != letter.upper() for letter in text)
    if letters > most or not text.isascii():
        return usual
    cases = ({letter.lower(), letter.upper()} for letter in text)
    return frozenset("".join(combination) for combination in product(*cases))


def beginnings(text: str) -> frozenset[str]:
    """Return how a number begins in other cases; a beginning ends where more letters would vary.

    Only the first letters vary, so that few ranges of an index are read.
    """
    if not text.isascii():  # SQLite knows no case of other letters
        return frozenset({text, text.upper(), text.lower()})
    starts, letters = [""], 0
    for character in text:
        cases = {character.lower(), character.upper()}
        letters += len(cases) > 1
        if letters > VARIED:
            break
        starts = [start + variant for start in starts for variant in sorted(cases)]
    return frozenset(starts)


def _goes_on(number: Any, text: str) -> ColumnElement[bool]:
    """Return the condition that a number begins with the text in any case of its letters."""
    if not text.isascii():  # its spellings are whole, for SQLite knows no case of other letters
        return true()
    goes_on: ColumnElement[bool] = func.lower(number).startswith(text.lower(), autoescape=True)
    return goes_on


def _begins(number: Any, start: str, *, sqlite: bool) -> ColumnElement[bool]:
    """Return the condition for a prefix, in the form that uses each database's index."""
    if sqlite:
        return and_(number >= start, number < start + LAST)
    begins: ColumnElement[bool] = number.startswith(start, autoescape=True)
    return begins


def _parties(session: Session, companies: Sequence[int], text: str) -> list[tuple[int, str]]:
    """Return company and key of customers whose name contains the text, up to a limit per
    company.
    """
    most = max(1, MOST_PARTIES // len(companies))
    named = [
        (company_id, party_merge.keys_named(company_id, text, most).subquery())
        for company_id in companies
    ]
    queries = [select(literal(company_id).label("of"), keys.c.key) for company_id, keys in named]
    return [(row.of, row.key) for row in session.execute(union_all(*queries))]


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """One record with its documents and open holds; amounts are in minor units."""

    number: str
    source: str
    kind: str
    external_id: str
    state: RecordState
    amount: int | None
    currency: str
    seen_at: datetime
    documents: tuple[Document, ...]
    holds: tuple[OpenHold, ...]
    waits: tuple[ConnectionWait, ...]


def find_whereabouts(
    session: Session,
    company_id: int,
    number: str,
    *,
    hidden: Collection[str],
    now: datetime | None = None,
) -> tuple[Whereabouts, ...]:
    """Return the records with exactly this number, source id or document number, newest first.

    The values of hidden fields are masked in texts.
    """
    records = find_exact(session, company_id, number)
    ids = [record.id for record in records]
    hide = hiding_each(session, ids, hidden)
    documents, holds = _documents(session, ids), _holds(session, ids)
    connection_waits = waits_of(session, ids, now) if ids else ()
    return tuple(
        Whereabouts(
            number=record.number,
            source=record.source,
            kind=record.kind,
            external_id=record.external_id,
            state=record.state,
            amount=record.amount,
            currency=record.currency,
            seen_at=record.seen_at,
            documents=tuple(
                replace(
                    document,
                    reason=hide(record.id, reason_to_show(document.reason, document.state)),
                )
                for document in documents
                if document.record_id == record.id
            ),
            holds=tuple(
                replace(hold, message=hide(record.id, hold.message))
                for hold in holds
                if hold.record_id == record.id
            ),
            waits=tuple(
                ConnectionWait(wait.number, wait.target, wait.cause, wait.since, wait.until)
                for wait in connection_waits
                if wait.record_id == record.id
            ),
        )
        for record in records
    )


def _documents(session: Session, ids: Sequence[int]) -> tuple[Document, ...]:
    query = _DOCUMENT.select().join(Connection, Connection.id == Posting.connection_id)
    query = query.where(bulk.among(Posting.record_id, ids)).order_by(Posting.id)
    return _DOCUMENT.each(session.execute(query))


def _holds(session: Session, ids: Sequence[int]) -> tuple[OpenHold, ...]:
    query = (
        _HOLD.select()
        .outerjoin(Person, Person.id == Hold.person_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .where(bulk.among(Hold.record_id, ids), HOLD_OPEN)
        .order_by(Hold.id)
    )
    return _HOLD.each(session.execute(query))


def first_holds(
    session: Session, company_id: int, record_ids: Collection[int]
) -> dict[int, OfRecord]:
    """Return the oldest open hold of each record; other records are left out."""
    if not record_ids:
        return {}
    query = (
        OF_RECORD.select()
        .join(Cause, Cause.id == Hold.cause_id)
        .where(Hold.company_id == company_id, HOLD_OPEN)
        .where(bulk.among(Hold.record_id, sorted(set(record_ids))))
        .order_by(Hold.id.desc())
    )
    return {hold.record_id: hold for hold in OF_RECORD.each(session.execute(query))}
