"""Finding runs: by when they started, by their target, and by what they carried.

Here: the filter, a page of runs, all that fit for a file, how many there are without a filter. Each
word that is filled in is met by a document that the run carried; two words may be met by two
documents. Not here: the row of a run (run_history.py), the words of an address
(portal/pages/run_filter.py).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, union
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract.schema import DocumentSchema
from holding.parties import party_names
from holding.refusal import Refusal
from holding.runs.run_history import RUN, RunRow, run_columns
from holding.tables import Attempt, Connection, Posting, Push, Record, Request, Run

A_PAGE: Final = 50
MOST_COUNTED: Final = 1000
"""More than that nobody counts, to say how many a filter hides."""
MOST_PARTIES: Final = 200
FEW: Final = 2_000
"""Up to so many records of a party its runs are found from them; of more, run by run."""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What is looked for; blank and None are no limit. `first` is the earliest start, `until` the
    moment before which it started; `record` is a number or the id in its source; a party is some
    letters of its name; `connection` is a name, `connector` the word in a rule file.
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
        """Whether anything is looked for."""
        return self != RunFilter()


@dataclass(frozen=True, slots=True)
class DocumentTypes:
    """The document types of all targets by what they are."""

    customer: frozenset[str]
    vendor: frozenset[str]
    invoice: frozenset[str]
    payment: frozenset[str]


def document_types() -> DocumentTypes:
    """Whose document each type is, as its schema says. One that settles others by a sum, for some
    target, is looked for among payments, also a sales receipt; all others, also a bill or a credit
    note, among invoices.
    """
    every = [one for target in registry.targets().values() for one in target.documents]
    payments = frozenset(one.name for one in every if one.amounts is None)
    return DocumentTypes(
        frozenset(one.name for one in every if _party(one) == "customer"),
        frozenset(one.name for one in every if _party(one) == "vendor"),
        frozenset(one.name for one in every) - payments,
        payments,
    )


def listing(
    session: Session,
    company_id: int,
    wanted: RunFilter,
    *,
    after: int | None = None,
    most: int = A_PAGE,
) -> tuple[RunRow, ...] | Refusal:
    """Runs that fit, newest first, behind the run of this id; or why they cannot be looked for."""
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
    for text, theirs in ((wanted.customer, types.customer), (wanted.vendor, types.vendor)):
        if not text:
            continue
        keys = session.scalars(party_names.keys_named(company_id, text, MOST_PARTIES + 1)).all()
        if len(keys) > MOST_PARTIES:
            words = f"More than {MOST_PARTIES} names have “{text}” in them."
            return Refusal("runs.parties", words, "Enter more letters of the name.", 422)
        terms.append(_carried_party(session, company_id, keys, theirs))
    newest = (Run.made_at.desc(), Run.id.desc())
    fit = select(Run.id).where(*terms).order_by(*newest).limit(most).subquery()
    query = run_columns().join(fit, fit.c.id == Run.id).where(Run.company_id == company_id)
    return RUN.each(session.execute(query.order_by(*newest)))


def _party(document: DocumentSchema) -> str:
    """Whether its party is a customer or a vendor."""
    named = (one.refers for one in document.header if one.name == document.party_field)
    return next(named, "")


def _connections(session: Session, company_id: int, wanted: RunFilter) -> list[int]:
    query = select(Connection.id).where(Connection.company_id == company_id)
    if wanted.connector:
        query = query.where(Connection.connector == wanted.connector)
    if wanted.connection:
        query = query.where(Connection.name == wanted.connection)
    return list(session.scalars(query))


def _behind(session: Session, company_id: int, after: int) -> ColumnElement[bool]:
    """Behind that run in the list; behind one that is not there is nothing."""
    query = select(Run.made_at).where(Run.company_id == company_id, Run.id == after)
    at = session.scalars(query).one_or_none()
    if at is None:
        return false()
    return and_(Run.made_at <= at, or_(Run.made_at < at, Run.id < after))


def _carried_numbers(
    company_id: int, wanted: RunFilter, types: DocumentTypes
) -> list[ColumnElement[bool]]:
    """Terms by numbers: those are few, so the runs are found from them."""
    terms: list[ColumnElement[bool]] = []
    if wanted.record:
        mine = select(Record.id).where(Record.company_id == company_id)
        written = _spellings(wanted.record)
        fits = union(
            mine.where(Record.number.in_(written)), mine.where(Record.external_id.in_(written))
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
    """The runs that carried postings of this term."""
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
    """The term by the party of a record. A party of few records is followed to its runs; where
    there are many, most runs have one, and the first page is full soon.
    """
    theirs = and_(Record.company_id == company_id, Record.party_key.in_(sorted(keys)))
    some = select(Record.id).where(theirs).limit(FEW + 1).subquery()
    many = session.execute(select(func.count()).select_from(some)).scalar_one() > FEW
    of_type = Posting.doc_type.in_(sorted(types))
    if not many:
        records = select(Record.id).where(theirs)
        return Run.id.in_(_runs_of(and_(Posting.record_id.in_(records), of_type)))
    # As a term and not as a key: the database would begin with all their records, at each run.
    key = func.coalesce(Record.party_key, "")
    carried = _runs_of(of_type).join(Record, Record.id == Posting.record_id)
    met = carried.where(Request.run_id == Run.id, key.in_(sorted(keys)))
    return met.correlate(Run).exists()


def runs_in_all(session: Session, company_id: int) -> int:
    """How many runs there are, whatever a filter finds; at most one more than are counted."""
    return _counted(session, select(Run.id).where(Run.company_id == company_id))


def pushes_in_all(session: Session, company_id: int) -> int:
    """The same of pushes."""
    targets = select(Connection.id).where(
        Connection.company_id == company_id, Connection.side == "target"
    )
    return _counted(session, select(Push.id).where(Push.connection_id.in_(targets)))


def _counted(session: Session, each: Select[int]) -> int:
    some = each.limit(MOST_COUNTED + 1).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0
