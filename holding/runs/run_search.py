"""Search runs and pushes by time, target, document type and the documents they carried.

Two search words may match two different documents of one run.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, union, union_all
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract.schema import DocumentSchema
from holding.db.models import Attempt, Connection, Posting, Push, Record, Request, Run
from holding.db.models.columns import PushState
from holding.db.refusal import Refusal
from holding.mappings import party_merge
from holding.runs.run_history import (
    LINE,
    NOT_SENT,
    RUN,
    PushLine,
    RunRow,
    has_answer,
    push_columns,
    run_columns,
)

A_PAGE: Final = 50
MOST_COUNTED: Final = 1000
"""More than that nobody counts, to say how many a filter hides."""
MOST_PARTIES: Final = 200
FEW: Final = 2_000
"""Up to so many records of a party its runs are found from them; of more, run by run."""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """The search values; blank and None set no limit.

    `first` is the earliest start. `until` is the first moment after the range.
    """

    record: str = ""
    first: datetime | None = None
    until: datetime | None = None
    customer: str = ""
    vendor: str = ""
    invoice: str = ""
    payment: str = ""
    connector: str = ""
    connection: str = ""

    @property
    def narrows(self) -> bool:
        """Return whether any value is set."""
        return self != RunFilter()


@dataclass(frozen=True, slots=True)
class DocumentTypes:
    """The document types of all targets, by party and by purpose."""

    customer: frozenset[str]
    vendor: frozenset[str]
    invoice: frozenset[str]
    payment: frozenset[str]


def document_types() -> DocumentTypes:
    """Return the names of all targets' document types, divided by party and by purpose.

    A type whose schema has no `amounts` counts as a payment, even a sales receipt. Every other type
    counts as an invoice, including bills and credit notes.
    """
    schemas = [one for target in registry.targets().values() for one in target.documents]
    payments = frozenset(one.name for one in schemas if one.amounts is None)
    return DocumentTypes(
        frozenset(one.name for one in schemas if _party(one) == "customer"),
        frozenset(one.name for one in schemas if _party(one) == "vendor"),
        frozenset(one.name for one in schemas) - payments,
        payments,
    )


def search_runs(
    session: Session,
    company_id: int,
    wanted: RunFilter,
    *,
    after: int | None = None,
    most: int = A_PAGE,
) -> tuple[RunRow, ...] | Refusal:
    """Return the matching runs after this id, newest first, or a refusal if the search is too
    broad.
    """
    terms: list[ColumnElement[bool]] = [Run.company_id == company_id]
    if wanted.first is not None:
        terms.append(Run.made_at >= wanted.first)
    if wanted.until is not None:
        terms.append(Run.made_at < wanted.until)
    if wanted.connector or wanted.connection:
        terms.append(Run.connection_id.in_(_connections(session, company_id, wanted)))
    if after is not None:
        terms.append(_behind(session, company_id, after))
    types = document_types()
    terms += _carried_numbers(company_id, wanted, types)
    for text, party_types in ((wanted.customer, types.customer), (wanted.vendor, types.vendor)):
        if not text:
            continue
        keys = session.scalars(party_merge.keys_named(company_id, text, MOST_PARTIES + 1)).all()
        if len(keys) > MOST_PARTIES:
            words = f"More than {MOST_PARTIES} names have “{text}” in them."
            return Refusal("runs.parties", words, "Enter more letters of the name.", 422)
        terms.append(_carried_party(session, company_id, keys, party_types))
    newest = (Run.made_at.desc(), Run.id.desc())
    matching = select(Run.id).where(*terms).order_by(*newest).limit(most).subquery()
    query = (
        run_columns().join(matching, matching.c.id == Run.id).where(Run.company_id == company_id)
    )
    return RUN.each(session.execute(query.order_by(*newest)))


def _party(document: DocumentSchema) -> str:
    """Return whether the document's party is a customer or a vendor."""
    references = (one.refers for one in document.header if one.name == document.party_field)
    return next(references, "")


def _connections(session: Session, company_id: int, wanted: RunFilter) -> list[int]:
    query = select(Connection.id).where(Connection.company_id == company_id)
    if wanted.connector:
        query = query.where(Connection.connector == wanted.connector)
    if wanted.connection:
        query = query.where(Connection.name == wanted.connection)
    return list(session.scalars(query))


def _behind(session: Session, company_id: int, after: int) -> ColumnElement[bool]:
    """Return the condition for runs after this one in the list; false if it does not exist."""
    query = select(Run.made_at).where(Run.company_id == company_id, Run.id == after)
    at = session.scalars(query).one_or_none()
    if at is None:
        return false()
    return and_(Run.made_at <= at, or_(Run.made_at < at, Run.id < after))


def _carried_numbers(
    company_id: int, wanted: RunFilter, types: DocumentTypes
) -> list[ColumnElement[bool]]:
    """Return conditions by document number.

    Few runs match, so they are found from the documents.
    """
    terms: list[ColumnElement[bool]] = []
    if wanted.record:
        records = select(Record.id).where(Record.company_id == company_id)
        spellings = _spellings(wanted.record)
        fits = union(
            records.where(Record.number.in_(spellings)),
            records.where(Record.external_id.in_(spellings)),
        ).subquery()  # one index for each: OR reads all records
        terms.append(Run.id.in_(_runs_of(Posting.record_id.in_(select(fits.c.id)))))
    for number, of_types in ((wanted.invoice, types.invoice), (wanted.payment, types.payment)):
        if number:
            term = and_(Posting.company_id == company_id, Posting.number.in_(_spellings(number)))
            terms.append(Run.id.in_(_runs_of(and_(term, Posting.doc_type.in_(sorted(of_types))))))
    return terms


def _spellings(number: str) -> list[str]:
    return sorted({number, number.upper(), number.lower()})


def _runs_of(term: ColumnElement[bool]) -> Select[Any]:
    """Return the runs that sent postings matching this condition."""
    return (
        select(Request.run_id)
        .select_from(Posting)
        .join(Push, Push.posting_id == Posting.id)
        .join(Attempt, Attempt.push_id == Push.id)
        .join(Request, Request.id == Attempt.request_id)
        .where(Request.kind == "push", Request.run_id.is_not(None), term)
    )


def _carried_party(
    session: Session, company_id: int, keys: Collection[str], types: Collection[str]
) -> ColumnElement[bool]:
    """Return the condition by party.

    A party with few records is followed to its runs. For a party with many records, each run is
    tested, because most match.
    """
    of_type = Posting.doc_type.in_(sorted(types))
    if not _many(session, company_id, keys):
        records = select(Record.id).where(_theirs(company_id, keys))
        return Run.id.in_(_runs_of(and_(Posting.record_id.in_(records), of_type)))
    carried = _runs_of(of_type).join(Record, Record.id == Posting.record_id)
    matching = carried.where(Request.run_id == Run.id, _one_of(keys))
    return matching.correlate(Run).exists()


def _many(session: Session, company_id: int, keys: Collection[str]) -> bool:
    """Check whether these parties have more records than can be followed."""
    some = select(Record.id).where(_theirs(company_id, keys)).limit(FEW + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one() > FEW


def _theirs(company_id: int, keys: Collection[str]) -> ColumnElement[bool]:
    return and_(Record.company_id == company_id, Record.party_key.in_(sorted(keys)))


def _one_of(keys: Collection[str]) -> ColumnElement[bool]:
    """Return the condition without index support, so that the database does not start from the
    records.
    """
    return func.coalesce(Record.party_key, "").in_(sorted(keys))


def search_pushes(
    session: Session,
    company_id: int,
    *,
    text: str = "",
    answer: str = "",
    after: int | None = None,
    most: int = A_PAGE,
) -> tuple[PushLine, ...]:
    """Return pushes, newest first, found by record, document or customer.

    `answer` is the code of their result, or blank for any.
    """
    place = _Place(company_id, answer, after, most)
    push_ids = _of_text(session, place, text) if text else _newest(session, place)
    query = push_columns().where(Posting.company_id + 0 == company_id, Push.id.in_(push_ids))
    if after is not None:
        query = query.where(Push.id < after)
    if answer:
        query = query.where(has_answer(answer))
    return LINE.each(session.execute(query.order_by(Push.id.desc()).limit(most)))


class _Place(NamedTuple):
    """Where a page of pushes starts; `answer` is blank for all results."""

    company_id: int
    answer: str
    after: int | None
    most: int


def _newest(
    session: Session, place: _Place, party: ColumnElement[bool] | None = None
) -> Select[Any]:
    """Return the newest pushes of each target and result from their index, slightly too many.

    With `party`, only pushes of its records.
    """
    targets = session.scalars(
        select(Connection.id).where(
            Connection.company_id == place.company_id, Connection.side == "target"
        )
    )
    newest = select(Push.id).order_by(Push.id.desc()).limit(place.most)
    if party is not None:
        newest = newest.join(Posting, Posting.id == Push.posting_id)
        newest = newest.join(Record, Record.id == Posting.record_id).where(party)
    if place.after is not None:
        newest = newest.where(Push.id < place.after)
    state = PushState.REFUSED if place.answer == NOT_SENT else place.answer
    if place.answer in {NOT_SENT, PushState.REFUSED}:
        newest = newest.where(has_answer(place.answer))
    selects = [
        select(newest.where(Push.connection_id == target, Push.state == one).subquery().c.id)
        for target in targets
        for one in ((state,) if state else PushState)
    ]
    return (
        select(union_all(*selects).subquery().c.id) if selects else select(Push.id).where(false())
    )


def _of_text(session: Session, place: _Place, text: str) -> Select[Any]:
    """Return the pushes of records or documents with this number, or of parties whose name contains
    the text.
    """
    keys = session.scalars(party_merge.keys_named(place.company_id, text)).all()
    mine = select(Record.id).where(Record.company_id == place.company_id)
    by_document = select(Posting.record_id).where(Posting.company_id == place.company_id)
    records = [mine.where(Record.number == text), by_document.where(Posting.number == text)]
    has_many = _many(session, place.company_id, keys)
    if not has_many:
        records.append(mine.where(Record.party_key.in_(keys)))
    record_ids = union(*records).subquery()
    pushes = (
        select(Push.id)
        .join(Posting, Posting.id == Push.posting_id)
        .where(Posting.record_id.in_(select(record_ids.c.id)))
    )
    if not has_many:
        return pushes
    all_pushes = union_all(pushes, _newest(session, place, _one_of(keys))).subquery()
    return select(all_pushes.c.id)


def count_runs(session: Session, company_id: int) -> int:
    """Count all runs of a company, up to one more than the limit."""
    return _counted(session, select(Run.id).where(Run.company_id == company_id))


def count_pushes(session: Session, company_id: int) -> int:
    """Count all pushes of a company, up to one more than the limit."""
    targets = select(Connection.id).where(
        Connection.company_id == company_id, Connection.side == "target"
    )
    return _counted(session, select(Push.id).where(Push.connection_id.in_(targets)))


def _counted(session: Session, each: Select[int]) -> int:
    some = each.limit(MOST_COUNTED + 1).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0
