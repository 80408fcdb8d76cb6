"""What a value could be mapped to: what its table leads to already, and what the target lists.

Here: the lists that a table's values are looked for in (those that the target told, and those from
files), the search over all, and what is known of one value before it is saved. Not here: keys that
are spelled nearly alike (holding/mappings/entries.py), what a value would do to the records
(holding/mappings/preview.py).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from holding.code_lists import file_codes
from holding.code_lists.file_codes import FileCode, FileList
from holding.mappings.entries import table_of
from holding.mappings.preview import active_program
from holding.programs.known_schemas import schemas
from holding.programs.world import target_connections
from holding.store import bulk
from holding.suggestions import listed_names
from holding.tables import (
    Connection,
    MappingEntry,
    MappingTable,
    Posting,
    PostingUse,
    Snapshot,
    SnapshotItem,
)
from holding.tables.row_states import ListKind
from rules.comparison.preflight import LISTS, references
from rules.documents.listed_codes import LISTS as COMPLETE

SHOWN: Final = 20
"""So many values are shown of a search."""
NAMED: Final = 3
"""So many of the other keys that have a value are named."""
LONGEST: Final = 100
"""Characters of what is searched for."""
PARTIES: Final = frozenset({"customer", "vendor"})
NEAREST: Final = 2
LAST: Final = "\U0010ffff"
"""Behind whatever a value goes on with."""


@dataclass(frozen=True, slots=True)
class CodeList:
    """Codes that a target told: its name, which kind of them, and when it was asked last.

    `complete`: the target told all that it has, so that it does not know any other.
    """

    snapshot_id: int
    target: str
    kind: str
    read_at: datetime
    complete: bool


@dataclass(frozen=True, slots=True)
class Purpose:
    """What the values of a table are for: the lists that they stand in, and whether for parties.

    `files` are lists that people gave in; `unlisted` names targets and kinds that have no list.
    """

    lists: tuple[CodeList, ...] = ()
    of_parties: bool = False
    files: tuple[FileList, ...] = ()
    unlisted: tuple[tuple[str, ListKind], ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets of which there is a list."""
        names = [one.target for one in self.lists] + [one.target for one in self.files]
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class Choice:
    """A value: in whose list it stands, and the first keys and the count of all that have it.

    `name` is what a list from a file calls it, where that is something else; `active`: no such list
    says that it is switched off.
    """

    value: str
    listed_by: tuple[str, ...]
    keys: tuple[str, ...]
    uses: int
    name: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one value before it is saved.

    `unlisted` are targets that told all their codes, and not this one; `nearest` is what they have
    that is spelled nearly alike. `shared` are other keys of parties that have the value already.
    `off_file` are lists from files that have no such code, of a value that was never posted;
    `inactive` are those that say it is switched off.
    """

    unlisted: tuple[str, ...]
    nearest: tuple[str, ...]
    shared: tuple[str, ...]
    off_file: tuple[FileList, ...] = ()
    inactive: tuple[FileList, ...] = ()


def purpose(session: Session, company_id: int, table: str) -> Purpose:
    """What the documents of the rules in force use a table for."""
    judge = active_program(session, company_id)
    if judge is None:
        return Purpose()
    uses = [one for one in references(judge.ruleset, schemas()) if table in one.tables]
    connections = target_connections(session, company_id)
    asked = {
        (connections[one.target].id, LISTS[one.kind])
        for one in uses
        if one.kind in LISTS and one.target in connections
    }
    found = (
        CodeList(row.id, row.name, row.kind, row.checked_at, row.kind in COMPLETE.values())
        for row in session.execute(_READ, {"connections": [key for key, _ in asked]})
        if (row.connection_id, row.kind) in asked
    )
    wanted = {
        (connections[one.target].id, ListKind(one.kind)): one.target
        for one in uses
        if one.kind in set(ListKind) and one.target in connections
    }
    files = file_codes.lists(session, wanted.keys()) if wanted else ()
    have = {(one.connection_id, one.kind) for one in files}
    lacking = {(name, at[1]) for at, name in wanted.items() if at not in have}
    of_parties = any(one.kind in PARTIES for one in uses)
    return Purpose(tuple(found), of_parties, files, tuple(sorted(lacking)))


_READ = (
    select(Snapshot.id, Snapshot.connection_id, Snapshot.kind, Snapshot.checked_at, Connection.name)
    .join(Connection, Connection.id == Snapshot.connection_id)
    .where(bulk.among_given(Snapshot.connection_id, "connections"))
    .order_by(Connection.name, Snapshot.kind)
)


def search(
    session: Session, company_id: int, table: str, text: str, told: Purpose
) -> tuple[Choice, ...]:
    """Values with these letters, those that begin so first; at most SHOWN and one more.

    The one more says that there are others. Blank text finds the first of all.
    """
    found = table_of(session, company_id, table)
    if found is None:
        return ()
    text = text.strip()[:LONGEST]
    listed: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for one in told.lists:
        called = listed_names.names(session, one.snapshot_id) if one.complete else {}
        alike = [code for code, name in called.items() if text and text.lower() in name.lower()]
        for code in {*_matching(session, SnapshotItem.code, _codes(one), text), *alike}:
            listed.setdefault(code, []).append(one.target)
        names |= called
    of_files: dict[str, FileCode] = {}
    for file in told.files:
        for entry in file_codes.matching(session, file, text, SHOWN + 1):
            listed.setdefault(entry.code, []).append(file.target)
            of_files.setdefault(entry.code, entry)
    values = set(_matching(session, MappingEntry.value, _values(found), text))
    best = sorted({*listed, *values}, key=lambda value: (*_rank(value, text), value))
    keys = keys_of(session, found, best[: SHOWN + 1])
    return tuple(
        Choice(
            value,
            tuple(dict.fromkeys(listed.get(value, ()))),
            keys[value][0][:NAMED],
            keys[value][1],
            _name(value, of_files, names),
            value not in of_files or of_files[value].active,
        )
        for value in best[: SHOWN + 1]
    )


def _name(value: str, of_files: Mapping[str, FileCode], names: Mapping[str, str]) -> str:
    """What a list calls a value, where that is something else."""
    name = of_files[value].name if value in of_files else names.get(value, "")
    return name if name != value else ""


def known(
    session: Session, company_id: int, table: str, key: str, value: str, told: Purpose
) -> Known:
    """Whether the targets list a value, and which other keys of parties have it."""
    found = table_of(session, company_id, table)
    if found is None or not value:
        return Known((), (), ())
    missing = [one for one in told.lists if one.complete and not _has(session, one, value)]
    near = [code for one in missing for code in _near(session, one, value)]
    others = keys_of(session, found, [value])[value][0] if told.of_parties else ()
    entries = {one: file_codes.listed(session, one, [value]).get(value) for one in told.files}
    off = [one for one, entry in entries.items() if entry is None]
    if off and accepted(session, found, [value]):
        off = []
    return Known(
        unlisted=tuple(dict.fromkeys(one.target for one in missing)),
        nearest=tuple(dict.fromkeys(near))[:NEAREST],
        shared=tuple(one for one in others if one != key)[:NAMED],
        off_file=tuple(off),
        inactive=tuple(one for one, entry in entries.items() if entry and not entry.active),
    )


def accepted(session: Session, table: MappingTable, values: Collection[str]) -> set[str]:
    """Those of the values of a table with which something was posted: their target has them."""
    query = (
        select(MappingEntry.value)
        .join(PostingUse, PostingUse.entry_id == MappingEntry.id)
        .join(Posting, Posting.id == PostingUse.posting_id)
        .where(MappingEntry.table_id == table.id, Posting.posted_at.is_not(None))
        .where(bulk.among(MappingEntry.value, list(values)))
        .distinct()
    )
    return set(session.scalars(query))


def _codes(one: CodeList) -> Select[Any]:
    return select(SnapshotItem.code).where(
        SnapshotItem.snapshot_id == one.snapshot_id, SnapshotItem.to_revision.is_(None)
    )


def _values(table: MappingTable) -> Select[Any]:
    return (
        select(MappingEntry.value)
        .where(MappingEntry.table_id == table.id, MappingEntry.to_revision.is_(None))
        .where(MappingEntry.value.is_not(None))
        .distinct()
    )


def _matching(
    session: Session, column: InstrumentedAttribute[Any], query: Select[Any], text: str
) -> Sequence[str]:
    """Those that begin with the text, and as many that have it anywhere."""
    if not text:
        return session.scalars(query.order_by(column).limit(SHOWN + 1)).all()
    begins, has = _conditions(session, column, text)
    first = session.scalars(query.where(begins).order_by(column).limit(SHOWN + 1)).all()
    if len(first) > SHOWN:
        return first
    anywhere = session.scalars(query.where(has).order_by(column).limit(SHOWN + 1))
    return [*dict.fromkeys([*first, *anywhere])]


def _conditions(
    session: Session, column: InstrumentedAttribute[Any], text: str
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """That a value begins with a text, and that it has it: in SQLite the first by the index.

    There LIKE ignores the case of letters anyway, and a beginning is looked for in usual cases.
    """
    begins, has = f"{_plain(text)}%", f"%{_plain(text)}%"
    if session.get_bind().dialect.name != "sqlite":
        return column.ilike(begins, escape="\\"), column.ilike(has, escape="\\")
    cases = {text, text.upper(), text.lower(), text.capitalize(), text.title()}
    ranges = (and_(column >= start, column < start + LAST) for start in sorted(cases))
    return or_(*ranges), column.like(has, escape="\\")


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _rank(value: str, text: str) -> tuple[bool, bool]:
    """The value itself first, then what begins so."""
    folded, wanted = value.casefold(), text.casefold()
    return folded != wanted, not folded.startswith(wanted)


def keys_of(
    session: Session, table: MappingTable, values: Collection[str]
) -> dict[str, tuple[tuple[str, ...], int]]:
    """Value -> the first keys that have it now, and how many do."""
    mine = (
        MappingEntry.table_id == table.id,
        MappingEntry.to_revision.is_(None),
        bulk.among(MappingEntry.value, list(values)),
    )
    place = func.row_number().over(partition_by=MappingEntry.value, order_by=MappingEntry.key)
    count = func.count().over(partition_by=MappingEntry.value)
    each = select(
        MappingEntry.value, MappingEntry.key, place.label("place"), count.label("uses")
    ).where(*mine)
    rows = each.subquery()
    first = select(rows.c.value, rows.c.key, rows.c.uses).where(rows.c.place <= NAMED + 1)
    keys: dict[str, tuple[tuple[str, ...], int]] = dict.fromkeys(values, ((), 0))
    for value, key, uses in session.execute(first.order_by(rows.c.value, rows.c.key)):
        keys[value] = (*keys[value][0], key), uses
    return keys


def _has(session: Session, one: CodeList, value: str) -> bool:
    return session.scalar(_codes(one).where(SnapshotItem.code == value)) is not None


def _near(session: Session, one: CodeList, value: str) -> list[str]:
    """Codes of a list that begin like a value and are spelled nearly alike."""
    start = _matching(session, SnapshotItem.code, _codes(one), value[:2])
    return get_close_matches(value, start, n=NEAREST)
