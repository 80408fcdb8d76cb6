"""Finding records and documents by number or customer.

Here: exact numbers first, then names, each from one index. Not here: full text.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
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
    union,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from holding.db.bulk import Columns, of
from holding.db.models import Connection, Posting, Record
from holding.db.models.columns import RecordState
from holding.db.together import KEPT, at_most
from holding.mappings import party_merge as party_names

MOST = 50
SOME: Final = 500  # of what a million records have in common, not all are sorted by age
MOST_PARTIES: Final = 20
LAST: Final = "\U0010ffff"  # behind whatever a number goes on with


@dataclass(frozen=True, slots=True)
class Found:
    """A record that fits, and by which number."""

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


_OF_RECORD = aliased(Posting)
_TRIES = (
    select(func.coalesce(func.max(_OF_RECORD.tries), 0))
    .where(_OF_RECORD.record_id == Record.id, _OF_RECORD.state == Record.state)
    .correlate(Record)
    .scalar_subquery()
)
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


def exact(session: Session, company_id: int, text: str) -> tuple[Found, ...]:
    """Records whose own number, whose document's number, or whose document's id in its target is
    exactly this.
    """
    return exact_in(session, [company_id], text)


def exact_in(session: Session, companies: Sequence[int], text: str) -> tuple[Found, ...]:
    """The same of several companies, by one statement."""
    given = {"companies": list(companies), "text": text}
    return _each_once(FOUND.each(session.execute(_exact(), given, execution_options=KEPT)))


@cache
def _exact() -> Select[Any]:
    """Stands ready: to make it costs more than its answer."""
    companies: BindParameter[Any] = bindparam("companies", expanding=True)
    text = bindparam("text", type_=Text)
    mine = select(Record.id).where(Record.company_id.in_(companies))
    theirs = select(Posting.record_id).where(Posting.company_id.in_(companies))
    equal = (  # one index for each: OR over the join of both reads all records
        mine.where(Record.number == text),
        mine.where(Record.external_id == text),
        theirs.where(Posting.number == text),
        theirs.where(Posting.target_ref == text),
    )
    fits = union(*(select(_newest(one).subquery()) for one in equal)).subquery()
    this_first = case((or_(Posting.number == text, Posting.target_ref == text), 0), else_=1)
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
    """As many of these as a page has. PostgreSQL reads all records for more than that, of which it
    shows these.
    """
    (found,) = records.limit(at_most(SOME)).subquery().c
    return select(found).order_by(found.desc()).limit(at_most(MOST))


def alike(session: Session, company_id: int, text: str) -> tuple[Found, ...]:
    """Records whose number begins so, or whose customer has these letters; newest first.

    Of a beginning that very many numbers have, some are found; a customer is known by the name of
    the newest record.
    """
    return alike_in(session, [company_id], text)


def alike_in(session: Session, companies: Sequence[int], text: str) -> tuple[Found, ...]:
    """The same of several companies, by two statements."""
    sqlite = session.get_bind().dialect.name == "sqlite"
    mine = select(Record.id).where(Record.company_id.in_(companies))
    theirs = select(Posting.record_id).where(Posting.company_id.in_(companies))
    begins = [
        query.where(_begins(number, start, sqlite=sqlite)).limit(SOME)
        for start in {text, text.upper(), text.lower()}
        for query, number in ((mine, Record.number), (theirs, Posting.number))
    ]
    of_party = [
        select(Record.id)
        .where(Record.company_id == company_id, Record.party_key == key)
        .order_by(Record.seen_at.desc())
        .limit(MOST)
        for company_id, key in _parties(session, companies, text)
    ]
    fits = union(*(select(one.subquery()) for one in (*begins, *of_party))).subquery()
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


def _parties(session: Session, companies: Sequence[int], text: str) -> list[tuple[int, str]]:
    """Company and key of customers whose name has these letters, as many of each company."""
    most = max(1, MOST_PARTIES // len(companies))
    named = [
        (company_id, party_names.keys_named(company_id, text, most).subquery())
        for company_id in companies
    ]
    each = [select(literal(company_id).label("of"), keys.c.key) for company_id, keys in named]
    return [(row.of, row.key) for row in session.execute(union_all(*each))]


def _begins(number: Any, start: str, *, sqlite: bool) -> ColumnElement[bool]:
    """The condition that a number begins so, as the index of each database is asked for it."""
    if sqlite:
        return and_(number >= start, number < start + LAST)
    begins: ColumnElement[bool] = number.startswith(start, autoescape=True)
    return begins


def _each_once(rows: Iterable[Found]) -> tuple[Found, ...]:
    kept: dict[tuple[int, str, str, str], Found] = {}
    for row in rows:
        kept.setdefault((row.company_id, row.source, row.kind, row.external_id), row)
    return tuple(kept.values())
