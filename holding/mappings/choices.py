"""Suggest values for a mapping key, from earlier entries and from the target's code lists."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from grammar.nodes import Ruleset
from grammar.text import characters
from holding.access.actors import without_personal
from holding.db import bulk
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Connection,
    Hold,
    MappingEntry,
    MappingTable,
    Posting,
    PostingUse,
    Record,
    Snapshot,
    SnapshotItem,
    Version,
)
from holding.db.models.columns import ListKind
from holding.db.models.decisions import HOLD_OPEN
from holding.mappings import file_codes
from holding.mappings.entries import entry_text, table_of
from holding.mappings.file_codes import FileCode, FileList
from holding.mappings.preview import active_program
from holding.programs.known_schemas import schemas
from holding.programs.world import target_connections
from rules.comparison.preflight import LISTS as REFERENCE_LISTS
from rules.comparison.preflight import WHOLE, references
from rules.documents.unusual import LISTS

SHOWN_CHOICES: Final = 20
"""How many values a search shows."""

NAMED_RECORDS: Final = 3
"""How many other keys of a value are named."""

NAMED_CHOICES: Final = NAMED_RECORDS
"""How many other keys of a choice are named."""

LONGEST_SEARCH: Final = 100
"""Longest search text, in characters."""

PARTIES: Final = frozenset({"customer", "vendor"})

NEAREST: Final = 2

LAST: Final = "\U0010ffff"
"""Sorts after any character that can follow a prefix."""

_READ = (
    select(Snapshot.id, Snapshot.connection_id, Snapshot.kind, Snapshot.checked_at, Connection.name)
    .join(Connection, Connection.id == Snapshot.connection_id)
    .order_by(Connection.name, Snapshot.kind)
)

SHOWN_LINES: Final = 8

LONGEST_LABEL: Final = 120

_ABOUT_PARTIES: Final = (
    "customer_name",
    "supplier_name",
    "tin",
    "registration",
    "address",
    "phone",
    "email",
    "currency",
)


_ABOUT_LINES: Final = ("name", "uom", "qty", "price", "discount", "tax")


@dataclass(frozen=True, slots=True)
class CodeList:
    """A list of codes that a target reported: its name, kind, and when it was read.

    `complete`: the target reported all its codes, so it knows no others.
    """

    snapshot_id: int
    target: str
    kind: str
    read_at: datetime
    complete: bool


@dataclass(frozen=True, slots=True)
class Purpose:
    """What the values of a table are used for: the lists they belong to, and whether for parties.

    `files` are uploaded lists; `unlisted` names targets and kinds without a list.
    """

    lists: tuple[CodeList, ...] = ()
    of_parties: bool = False
    files: tuple[FileList, ...] = ()
    unlisted: tuple[tuple[str, ListKind], ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that have a list."""
        names = [code_list.target for code_list in self.lists] + [
            code_list.target for code_list in self.files
        ]
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class Choice:
    """A value with the targets that list it, and the first keys and the count of its uses.

    `name` is the list's name for it, if different. `sku` is the code that users gave it there.
    `active`: no list marks it as inactive.
    """

    value: str
    listed_by: tuple[str, ...]
    keys: tuple[str, ...]
    uses: int
    name: str = ""
    active: bool = True
    sku: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about one value before it is saved.

    `unlisted` are targets with a complete list that lacks it, and `nearest` are their similar
    codes. `shared` are other party keys with the value. `off_file` are uploaded lists without it,
    for a value never posted. `inactive` are lists that mark it as inactive.
    """

    unlisted: tuple[str, ...]
    nearest: tuple[str, ...]
    shared: tuple[str, ...]
    off_file: tuple[FileList, ...] = ()
    inactive: tuple[FileList, ...] = ()


class Lists:
    """All lists of a company's targets, reported or uploaded, each loaded at its first use."""

    def __init__(self, session: Session, company_id: int) -> None:
        self._session = session
        self._targets = target_connections(session, company_id)
        self._ids = sorted({target.id for target in self._targets.values()})

    @cached_property
    def _reported(self) -> list[tuple[tuple[int, str], CodeList]]:
        return _load_reported(self._session, self._ids)

    @cached_property
    def _files(self) -> tuple[FileList, ...]:
        targets_and_kinds = {(target_id, kind) for target_id in self._ids for kind in ListKind}
        return file_codes.file_lists(self._session, targets_and_kinds)

    def purpose(self, ruleset: Ruleset | None, table: str) -> Purpose:
        """Return what the documents of these rules use a table for."""
        if ruleset is None:
            return Purpose()
        uses = [use for use in references(ruleset, schemas()) if table in use.tables]
        uses = [use for use in uses if use.target in self._targets or use.kind in PARTIES]
        target_uses = [
            (self._targets[use.target].id, use) for use in uses if use.target in self._targets
        ]
        reported_keys = {
            (key, REFERENCE_LISTS[use.kind])
            for key, use in target_uses
            if use.kind in REFERENCE_LISTS
        }
        unlisted_targets = {
            (key, ListKind(use.kind)): use.target
            for key, use in target_uses
            if use.kind in set(ListKind)
        }
        files = [
            file for file in self._files if (file.connection_id, file.kind) in unlisted_targets
        ]
        have = {(file.connection_id, file.kind) for file in files}
        return Purpose(
            lists=tuple(code_list for at, code_list in self._reported if at in reported_keys),
            of_parties=any(use.kind in PARTIES for use in uses),
            files=tuple(files),
            unlisted=tuple(
                sorted({(n, at[1]) for at, n in unlisted_targets.items() if at not in have})
            ),
        )


def _load_reported(
    session: Session, connections: Collection[int]
) -> list[tuple[tuple[int, str], CodeList]]:
    read = _READ.where(bulk.among(Snapshot.connection_id, connections))
    return [
        (
            (row.connection_id, row.kind),
            CodeList(row.id, row.name, row.kind, row.checked_at, row.kind in WHOLE.values()),
        )
        for row in session.execute(read, execution_options=KEPT)
    ]


def load_purpose(session: Session, company_id: int, table: str) -> Purpose:
    """Return what the documents of the current rules use a table for."""
    lists = Lists(session, company_id)
    judge = active_program(session, company_id)
    return lists.purpose(judge.ruleset if judge else None, table)


def search_choices(
    session: Session, company_id: int, table: str, text: str, purpose: Purpose
) -> tuple[Choice, ...]:
    """Return values that contain the text, prefix matches first; at most SHOWN_CHOICES and one
    more.

    The extra value shows that there are more. A blank text returns the first values.
    """
    mapping_table = table_of(session, company_id, table)
    if mapping_table is None:
        return ()
    text = text.strip()[:LONGEST_SEARCH]
    if mapping_table.kind == "unit":
        units = search_conversions(session, mapping_table, text, SHOWN_CHOICES + 1)
        return tuple(
            Choice(unit, (), keys[:NAMED_CHOICES], uses) for unit, (keys, uses) in units.items()
        )
    listed: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for code_list in purpose.lists:
        called = listed_names(session, code_list.snapshot_id) if code_list.complete else {}
        name_matches = [
            code for code, name in called.items() if text and text.lower() in name.lower()
        ]
        for code in {
            *_matching(session, SnapshotItem.code, _codes(code_list), text),
            *name_matches,
        }:
            listed.setdefault(code, []).append(code_list.target)
        names |= called
    of_files: dict[str, FileCode] = {}
    for file in purpose.files:
        for entry in file_codes.search_codes(session, file, text, SHOWN_CHOICES + 1):
            listed.setdefault(entry.code, []).append(file.target)
            of_files.setdefault(entry.code, entry)
    values = set(_matching(session, MappingEntry.value, _values(mapping_table), text))
    ranked_values = sorted({*listed, *values}, key=lambda value: (*_rank(value, text), value))
    keys = keys_by_value(session, mapping_table, ranked_values[: SHOWN_CHOICES + 1])
    return tuple(
        Choice(
            value,
            tuple(dict.fromkeys(listed.get(value, ()))),
            keys[value][0][:NAMED_CHOICES],
            keys[value][1],
            _name(value, of_files, names),
            value not in of_files or of_files[value].active,
            of_files[value].sku if value in of_files else "",
        )
        for value in ranked_values[: SHOWN_CHOICES + 1]
    )


def _matching(
    session: Session, column: InstrumentedAttribute[Any], query: Select[Any], text: str
) -> Sequence[str]:
    """Return prefix matches, then other matches, then codes that start with a lookalike of the
    text.
    """
    if not text:
        return session.scalars(query.order_by(column).limit(SHOWN_CHOICES + 1)).all()
    begins, has = _conditions(session, column, text)
    first = session.scalars(query.where(begins).order_by(column).limit(SHOWN_CHOICES + 1)).all()
    if len(first) > SHOWN_CHOICES:
        return first
    anywhere = session.scalars(query.where(has).order_by(column).limit(SHOWN_CHOICES + 1))
    forms = [_conditions(session, column, form)[0] for form in characters.look_alike_forms(text)]
    looks = (
        session.scalars(query.where(or_(*forms)).order_by(column).limit(NEAREST)) if forms else ()
    )
    return [*dict.fromkeys([*first, *anywhere, *looks])]


def _conditions(
    session: Session, column: InstrumentedAttribute[Any], text: str
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions that a value starts with a text, and that it contains the text.

    In SQLite a prefix is searched in the usual letter cases, so that the index is used. Its LIKE
    ignores case anyway.
    """
    begins, has = f"{_plain(text)}%", f"%{_plain(text)}%"
    if session.get_bind().dialect.name != "sqlite":
        return column.ilike(begins, escape="\\"), column.ilike(has, escape="\\")
    cases = {text, text.upper(), text.lower(), text.capitalize(), text.title()}
    ranges = (and_(column >= start, column < start + LAST) for start in sorted(cases))
    return or_(*ranges), column.like(has, escape="\\")


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _codes(code_list: CodeList) -> Select[Any]:
    return select(SnapshotItem.code).where(
        SnapshotItem.snapshot_id == code_list.snapshot_id, SnapshotItem.to_revision.is_(None)
    )


def _values(table: MappingTable) -> Select[Any]:
    return (
        select(MappingEntry.value)
        .where(MappingEntry.table_id == table.id, MappingEntry.to_revision.is_(None))
        .where(MappingEntry.value.is_not(None))
        .distinct()
    )


def _rank(value: str, text: str) -> tuple[bool, bool]:
    """Return a sort key: the exact value first, then prefix matches."""
    folded, folded_text = value.casefold(), text.casefold()
    return folded != folded_text, not folded.startswith(folded_text)


def _name(value: str, of_files: Mapping[str, FileCode], names: Mapping[str, str]) -> str:
    """Return a list's name for a value, if it is different."""
    name = of_files[value].name if value in of_files else names.get(value, "")
    return name if name != value else ""


def check_value(
    session: Session, company_id: int, table: str, key: str, value: str, purpose: Purpose
) -> Known:
    """Check whether the targets list a value, and which other party keys have it."""
    mapping_table = table_of(session, company_id, table)
    if mapping_table is None or not value:
        return Known((), (), ())
    lacking_lists = [
        code_list
        for code_list in purpose.lists
        if code_list.complete and not _lists_code(session, code_list, value)
    ]
    near = [
        code for code_list in lacking_lists for code in _similar_codes(session, code_list, value)
    ]
    others = keys_by_value(session, mapping_table, [value])[value][0] if purpose.of_parties else ()
    entries = {
        file: file_codes.codes_by_code(session, file, [value]).get(value) for file in purpose.files
    }
    off_file = [file for file, entry in entries.items() if entry is None]
    if off_file and posted_values(session, mapping_table, [value]):
        off_file = []
    return Known(
        unlisted=tuple(dict.fromkeys(code_list.target for code_list in lacking_lists)),
        nearest=tuple(dict.fromkeys(near))[:NEAREST],
        shared=tuple(other_key for other_key in others if other_key != key)[:NAMED_CHOICES],
        off_file=tuple(off_file),
        inactive=tuple(file for file, entry in entries.items() if entry and not entry.active),
    )


def _lists_code(session: Session, code_list: CodeList, value: str) -> bool:
    return session.scalar(_codes(code_list).where(SnapshotItem.code == value)) is not None


def _similar_codes(session: Session, code_list: CodeList, value: str) -> list[str]:
    """Return a list's codes that look like a value, or share its start and are spelled
    similarly.
    """
    forms = characters.look_alike_forms(value)
    lookalikes = (
        session.scalars(_codes(code_list).where(SnapshotItem.code.in_(forms))).all()
        if forms
        else ()
    )
    start = _matching(session, SnapshotItem.code, _codes(code_list), value[:2])
    return [*dict.fromkeys([*sorted(lookalikes), *get_close_matches(value, start, n=NEAREST)])]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The newest waiting record, with pairs of a field name and its text."""

    number: str
    source: str
    kind: str
    external_id: str
    said: tuple[tuple[str, str], ...]


def load_waiting_record(
    session: Session, company_id: int, cause_id: int, key: str, hidden: Collection[str]
) -> Waiting | None:
    """Return the newest record that waits for a cause, with its hidden fields masked, or None."""
    rows = session.execute(
        select(Record.number, Connection.name, Record.type, Record.external_id, Version.body)
        .join(Hold, Hold.record_id == Record.id)
        .join(Connection, Connection.id == Record.source_id)
        .join(Version, Version.id == Record.version_id)
        .where(Hold.company_id == company_id, Hold.cause_id == cause_id, HOLD_OPEN)
        .order_by(Hold.opened_at.desc(), Hold.id.desc())
        .limit(1)
    )
    row = rows.first()
    if row is None:
        return None
    body = without_personal(row.body, hidden)
    fields = _of_line(body, key) or _fields(body, _ABOUT_PARTIES)
    return Waiting(row.number, row.name, row.type, row.external_id, fields)


def _of_line(body: Mapping[str, Any], key: str) -> tuple[tuple[str, str], ...]:
    """Return the fields of the first line with the key, or with a conversion's unit and item."""
    unit_and_item = set(key.split("|")) - {""}
    parts = (part for part in body.values() if isinstance(part, list))
    lines = [line for part in parts for line in part if isinstance(line, Mapping)]
    named = (line for line in lines if key in line.values() or unit_and_item <= _texts(line))
    return next((_fields(line, _ABOUT_LINES) for line in named), ())


def _texts(line: Mapping[str, Any]) -> set[str]:
    return {text for text in line.values() if isinstance(text, str)}


def _fields(content: Mapping[str, Any], names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    texts = ((name, str(content[name] or "").strip()) for name in names if name in content)
    return tuple((name, text[:LONGEST_LABEL]) for name, text in texts if text)[:SHOWN_LINES]


def posted_values(session: Session, table: MappingTable, values: Collection[str]) -> set[str]:
    """Return the values of a table that were posted, so that their target has them."""
    # of each entry only until one is found: of its uses there may be millions
    posted = (
        select(literal(1))
        .select_from(PostingUse)
        .join(Posting, Posting.id == PostingUse.posting_id)
        .where(PostingUse.entry_id == MappingEntry.id, Posting.posted_at.is_not(None))
        .limit(1)
        .correlate(MappingEntry)
        .scalar_subquery()
    )
    terms = (MappingEntry.table_id == table.id, bulk.among(MappingEntry.value, list(values)))
    return set(
        session.scalars(
            select(MappingEntry.value).where(*terms, posted == 1), execution_options=KEPT
        )
    )


def search_conversions(
    session: Session, table: MappingTable, text: str, most: int
) -> dict[str, tuple[tuple[str, ...], int]]:
    """Return conversions of a units table that contain the text, with their first keys and count.

    They are listed with their factor, because a unit alone is no value.
    """
    terms = MappingEntry.table_id == table.id, MappingEntry.to_revision.is_(None)
    rows = session.execute(
        select(MappingEntry.key, MappingEntry.value, MappingEntry.num, MappingEntry.den)
        .where(*terms, MappingEntry.num.is_not(None))
        .order_by(MappingEntry.key)
    )
    keys: dict[str, list[str]] = {}
    for key, value, num, den in rows:
        keys.setdefault(entry_text(value, num, den), []).append(key)
    texts = sorted(
        text_of_unit for text_of_unit in keys if text.casefold() in text_of_unit.casefold()
    )
    return {
        text_of_unit: (tuple(keys[text_of_unit][: NAMED_RECORDS + 1]), len(keys[text_of_unit]))
        for text_of_unit in texts[:most]
    }


def keys_by_value(
    session: Session, table: MappingTable, values: Collection[str]
) -> dict[str, tuple[tuple[str, ...], int]]:
    """Return for each value its first current keys, and how many keys have it."""
    terms = (
        MappingEntry.table_id == table.id,
        MappingEntry.to_revision.is_(None),
        bulk.among(MappingEntry.value, list(values)),
    )
    place = func.row_number().over(partition_by=MappingEntry.value, order_by=MappingEntry.key)
    count = func.count().over(partition_by=MappingEntry.value)
    numbered_entries = select(
        MappingEntry.value, MappingEntry.key, place.label("place"), count.label("uses")
    ).where(*terms)
    rows = numbered_entries.subquery()
    first = select(rows.c.value, rows.c.key, rows.c.uses).where(rows.c.place <= NAMED_RECORDS + 1)
    keys: dict[str, tuple[tuple[str, ...], int]] = dict.fromkeys(values, ((), 0))
    for value, key, uses in session.execute(
        first.order_by(rows.c.value, rows.c.key), execution_options=KEPT
    ):
        keys[value] = (*keys[value][0], key), uses
    return keys


def listed_names(session: Session, snapshot_id: int) -> dict[str, str]:
    """Return the name of each code of a list that has one."""
    query = select(SnapshotItem.code, SnapshotItem.body).where(
        SnapshotItem.snapshot_id == snapshot_id, SnapshotItem.to_revision.is_(None)
    )
    return {code: str(body["name"]) for code, body in session.execute(query) if body.get("name")}


def listed_codes(session: Session, company_id: int, target: str, kind: str) -> dict[str, str]:
    """Return the codes of a kind with their names, of a target by its name or connector; empty if
    none are known.
    """
    row = target_connections(session, company_id).get(target)
    if row is None:
        return {}
    query = (
        select(SnapshotItem.code, SnapshotItem.body)
        .join(Snapshot, Snapshot.id == SnapshotItem.snapshot_id)
        .where(Snapshot.connection_id == row.id, Snapshot.kind == LISTS[kind])
        .where(SnapshotItem.to_revision.is_(None))
        .order_by(SnapshotItem.code)
    )
    return {code: str(body.get("name", "")) for code, body in session.execute(query)}
