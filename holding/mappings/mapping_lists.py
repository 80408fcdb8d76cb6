"""Mapping tables and their entries as rows.

Here: tables with counts, which of them rules have, entries in force paged by key, those whose keys
are nearly a given one, the latest revisions. Not here: what is missing and fixes
(holding/mappings/fixes.py).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from holding.db.bulk import Columns, of
from holding.db.models import MappingEntry, MappingTable, Person, Revision
from holding.db.models.rules import ALWAYS
from holding.db.together import Question, answer
from holding.mappings.entries import shown
from holding.mappings.entry_history import OWN_KINDS
from holding.programs import world
from rules.values.cause_keys import UNITS
from rules.values.spelling import alike

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
    """One entry in force, for records of `since` (None: any day) and later; no value: removed."""

    id: int
    key: str
    value: str
    since: date | None
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
    return answer(session, asked_tables(company_id))


def asked_tables(company_id: int) -> Question[tuple[TableRow, ...]]:
    """The same, asked with other questions."""
    rows = yield (
        TABLE.select()
        .outerjoin(
            MappingEntry,
            (MappingEntry.table_id == MappingTable.id)
            & MappingEntry.to_revision.is_(None)
            & MappingEntry.value.is_not(None),
        )
        .where(MappingTable.company_id == company_id)
        .group_by(MappingTable.id, MappingTable.name, MappingTable.kind)
        .order_by(MappingTable.name)
    )
    return TABLE.each(rows)


def declared(session: Session, version_id: int) -> frozenset[str]:
    """The tables that a version of the rules has; those of others keep their entries."""
    ruleset = world.program(session, version_id).ruleset
    units = [UNITS] if ruleset.units else []
    return frozenset([*(table.name for table in ruleset.maps), *units])


def entries(
    session: Session,
    company_id: int,
    table: str,
    *,
    text: str = "",
    after: str | None = None,
    since: date | None = None,
    most: int = A_PAGE,
) -> tuple[EntryRow, ...]:
    """Entries in force, by key and day; found by either side; those `after` a key and its day."""
    query = (
        select(MappingEntry, Person.name)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .outerjoin(Person, Person.id == MappingEntry.person_id)
        .where(
            MappingTable.company_id == company_id,
            MappingTable.name == table,
            MappingEntry.to_revision.is_(None),
        )
        .order_by(MappingEntry.key, MappingEntry.valid_from)
        .limit(most)
    )
    if after is not None:
        of_key = and_(MappingEntry.key == after, MappingEntry.valid_from > (since or ALWAYS))
        query = query.where(or_(MappingEntry.key > after, of_key))
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
            since=entry.valid_from if entry.valid_from > ALWAYS else None,
            revision=entry.from_revision,
            by=name,
            reason=entry.reason,
            at=entry.at,
        )
        for entry, name in session.execute(query)
    )


def revisions(company_id: int, limit: int = 10) -> Question[tuple[RevisionRow, ...]]:
    """The latest changes of mappings and units."""
    rows = yield (
        REVISION.select()
        .outerjoin(Person, Person.id == Revision.person_id)
        .where(Revision.company_id == company_id, Revision.kind.in_(OWN_KINDS))
        .order_by(Revision.no.desc())
        .limit(limit)
    )
    return REVISION.each(rows)


SUGGESTED: Final = 5


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A value in use that could be meant, whose key it has, and in what the two keys differ."""

    value: str
    key: str
    reason: str
    percent: int


def suggestions(session: Session, company_id: int, table: str, key: str) -> tuple[Suggestion, ...]:
    """Entries whose key is nearly this one, best first; 100 % where only spelling differs."""
    return answer(session, asked_suggestions(company_id, table, key))


def asked_suggestions(company_id: int, table: str, key: str) -> Question[tuple[Suggestion, ...]]:
    """The same, asked with other questions."""
    rows = yield (
        select(MappingEntry.key, MappingEntry.value, MappingEntry.num, MappingEntry.den)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .where(MappingTable.company_id == company_id, MappingTable.name == table)
        .where(MappingEntry.to_revision.is_(None))
        .order_by(MappingEntry.key)
    )
    near = [
        Suggestion(shown(row.value, row.num, row.den), row.key, reason, percent)
        for row in rows
        if row.key != key and row.value is not None
        for reason, percent in [alike(key, row.key)]
        if percent
    ]
    return tuple(sorted(near, key=lambda s: (-s.percent, s.key))[:SUGGESTED])
