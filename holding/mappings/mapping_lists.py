"""Mapping tables and their entries as rows.

Here: tables with counts, entries in force paged by key, the latest revisions. Not here: what is
missing and fixes (holding/mappings/fixes.py).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from holding.mappings.entries import entry_of, shown, table_of
from holding.store.row_objects import Columns, of
from holding.tables import MappingEntry, MappingTable, Person, Revision

A_PAGE = 50


@dataclass(frozen=True, slots=True)
class TableRow:
    """A mapping table and how many entries are in force."""

    name: str
    kind: str
    entries: int


TABLE = Columns(
    TableRow(
        name=of(MappingTable.name),
        kind=of(MappingTable.kind),
        entries=of(func.count(MappingEntry.id).label("entries")),
    ),
)


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry in force."""

    id: int
    key: str
    value: str
    revision: int
    by: str | None
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """One change of mappings or units."""

    no: int
    kind: str
    what: str
    by: str | None
    reason: str | None
    at: datetime


REVISION = Columns(
    RevisionRow(
        no=of(Revision.no),
        kind=of(Revision.kind),
        what=of(Revision.what),
        by=of(Person.name),
        reason=of(Revision.reason),
        at=of(Revision.at),
    ),
    {"by": "person.name"},
)


def tables(session: Session, company_id: int) -> tuple[TableRow, ...]:
    """The company's tables, by name."""
    rows = session.execute(
        TABLE.select()
        .outerjoin(
            MappingEntry,
            (MappingEntry.table_id == MappingTable.id) & MappingEntry.to_revision.is_(None),
        )
        .where(MappingTable.company_id == company_id)
        .group_by(MappingTable.id, MappingTable.name, MappingTable.kind)
        .order_by(MappingTable.name)
    )
    return TABLE.each(rows)


def entries(
    session: Session, company_id: int, table: str, *, text: str = "", after: str | None = None
) -> tuple[EntryRow, ...]:
    """Entries in force, by key; found by either side."""
    query = (
        select(MappingEntry, Person.name)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .outerjoin(Person, Person.id == MappingEntry.person_id)
        .where(
            MappingTable.company_id == company_id,
            MappingTable.name == table,
            MappingEntry.to_revision.is_(None),
        )
        .order_by(MappingEntry.key)
        .limit(A_PAGE)
    )
    if after is not None:
        query = query.where(MappingEntry.key > after)
    if text:
        query = query.where(
            or_(
                MappingEntry.key.icontains(text, autoescape=True),
                MappingEntry.value.icontains(text, autoescape=True),
            )
        )
    return tuple(
        EntryRow(
            id=entry.id,
            key=entry.key,
            value=shown(entry.value, entry.num, entry.den),
            revision=entry.from_revision,
            by=name,
            reason=entry.reason,
            at=entry.at,
        )
        for entry, name in session.execute(query)
    )


def entry(session: Session, company_id: int, table: str, key: str) -> str | None:
    """The value in force of exactly this key; None: there is no such entry."""
    found = table_of(session, company_id, table)
    row = entry_of(session, found.id, key) if found else None
    return shown(row.value, row.num, row.den) if row else None


def revisions(session: Session, company_id: int, limit: int = 10) -> tuple[RevisionRow, ...]:
    """The latest changes of mappings and units."""
    rows = session.execute(
        REVISION.select()
        .outerjoin(Person, Person.id == Revision.person_id)
        .where(Revision.company_id == company_id, Revision.kind.in_(("mapping", "unit")))
        .order_by(Revision.no.desc())
        .limit(limit)
    )
    return REVISION.each(rows)
