"""Suggest values for a mapping key, from earlier entries and from the target's code lists."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from grammar.nodes import Ruleset
from grammar.text import characters
from holding.access.actors import without_personal
from holding.db import bulk
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
from holding.db.together import Question, Together, answer
from holding.mappings import file_codes
from holding.mappings.entries import shown, table_of
from holding.mappings.file_codes import FileCode, FileList
from holding.mappings.preview import active_program
from holding.programs.world import asked_targets, schemas, target_connections
from rules.comparison.preflight import LISTS as REFERENCE_LISTS
from rules.comparison.preflight import WHOLE, references
from rules.documents.unusual import LISTS

SHOWN_CHOICES: Final = 20
"""So many values are shown of a search."""

NAMED_RECORDS: Final = 3
"""So many of the other keys that have a value are named."""

NAMED_CHOICES: Final = NAMED_RECORDS
"""So many of the other keys that have a value are named."""

LONGEST_SEARCH: Final = 100
"""Characters of what is searched for."""

PARTIES: Final = frozenset({"customer", "vendor"})

NEAREST: Final = 2

LAST: Final = "\U0010ffff"
"""Behind whatever a value goes on with."""

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

    `name` is what a list calls it, where that is something else, and `sku` the code that people
    gave it there; `active`: no list says that it is switched off.
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


class Lists:
    """All lists of a company's targets, those told and those from files, asked for at once."""

    def __init__(self, asked: Together, targets: Mapping[str, Connection]) -> None:
        self._targets = targets
        ids = sorted({one.id for one in targets.values()})
        self._told = asked.ask(_told(ids))
        self._files = asked.ask(
            file_codes.file_lists({(one, kind) for one in ids for kind in ListKind})
        )

    def purpose(self, ruleset: Ruleset | None, table: str) -> Purpose:
        """What the documents of these rules use a table for."""
        if ruleset is None:
            return Purpose()
        uses = [one for one in references(ruleset, schemas()) if table in one.tables]
        uses = [one for one in uses if one.target in self._targets or one.kind in PARTIES]
        known = [(self._targets[one.target].id, one) for one in uses if one.target in self._targets]
        asked = {
            (key, REFERENCE_LISTS[one.kind]) for key, one in known if one.kind in REFERENCE_LISTS
        }
        wanted = {
            (key, ListKind(one.kind)): one.target for key, one in known if one.kind in set(ListKind)
        }
        files = [one for one in self._files.value if (one.connection_id, one.kind) in wanted]
        have = {(one.connection_id, one.kind) for one in files}
        return Purpose(
            lists=tuple(told for at, told in self._told.value if at in asked),
            of_parties=any(one.kind in PARTIES for one in uses),
            files=tuple(files),
            unlisted=tuple(sorted({(n, at[1]) for at, n in wanted.items() if at not in have})),
        )


def _told(connections: Collection[int]) -> Question[list[tuple[tuple[int, str], CodeList]]]:
    read = _READ.where(bulk.among(Snapshot.connection_id, connections))
    return [
        (
            (row.connection_id, row.kind),
            CodeList(row.id, row.name, row.kind, row.checked_at, row.kind in WHOLE.values()),
        )
        for row in (yield read)
    ]


def asked_lists(asked: Together, company_id: int) -> Callable[[], Lists]:
    """Which targets a company has, asked with other questions; called, it asks for their lists."""
    targets = asked.ask(asked_targets(company_id))
    return lambda: Lists(asked, targets.value)


def purpose(session: Session, company_id: int, table: str) -> Purpose:
    """What the documents of the rules in force use a table for."""
    lists = Lists(Together(session), target_connections(session, company_id))
    judge = active_program(session, company_id)
    return lists.purpose(judge.ruleset if judge else None, table)


def search(
    session: Session, company_id: int, table: str, text: str, told: Purpose
) -> tuple[Choice, ...]:
    """Values with these letters, those that begin so first; at most SHOWN and one more.

    The one more says that there are others. Blank text finds the first of all.
    """
    found = table_of(session, company_id, table)
    if found is None:
        return ()
    text = text.strip()[:LONGEST_SEARCH]
    if found.kind == "unit":
        units = conversions(session, found, text, SHOWN_CHOICES + 1)
        return tuple(
            Choice(one, (), keys[:NAMED_CHOICES], uses) for one, (keys, uses) in units.items()
        )
    listed: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for one in told.lists:
        called = listed_names(session, one.snapshot_id) if one.complete else {}
        alike = [code for code, name in called.items() if text and text.lower() in name.lower()]
        for code in {*_matching(session, SnapshotItem.code, _codes(one), text), *alike}:
            listed.setdefault(code, []).append(one.target)
        names |= called
    of_files: dict[str, FileCode] = {}
    for file in told.files:
        for entry in file_codes.matching(session, file, text, SHOWN_CHOICES + 1):
            listed.setdefault(entry.code, []).append(file.target)
            of_files.setdefault(entry.code, entry)
    values = set(_matching(session, MappingEntry.value, _values(found), text))
    best = sorted({*listed, *values}, key=lambda value: (*_rank(value, text), value))
    keys = keys_of(session, found, best[: SHOWN_CHOICES + 1])
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
        for value in best[: SHOWN_CHOICES + 1]
    )


def _matching(
    session: Session, column: InstrumentedAttribute[Any], query: Select[Any], text: str
) -> Sequence[str]:
    """Those that begin with the text, and as many that have it anywhere, or begin with what looks
    like it.
    """
    if not text:
        return session.scalars(query.order_by(column).limit(SHOWN_CHOICES + 1)).all()
    begins, has = _conditions(session, column, text)
    first = session.scalars(query.where(begins).order_by(column).limit(SHOWN_CHOICES + 1)).all()
    if len(first) > SHOWN_CHOICES:
        return first
    anywhere = session.scalars(query.where(has).order_by(column).limit(SHOWN_CHOICES + 1))
    forms = [_conditions(session, column, one)[0] for one in characters.look_alike_forms(text)]
    looks = (
        session.scalars(query.where(or_(*forms)).order_by(column).limit(NEAREST)) if forms else ()
    )
    return [*dict.fromkeys([*first, *anywhere, *looks])]


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


def _rank(value: str, text: str) -> tuple[bool, bool]:
    """The value itself first, then what begins so."""
    folded, wanted = value.casefold(), text.casefold()
    return folded != wanted, not folded.startswith(wanted)


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
        shared=tuple(one for one in others if one != key)[:NAMED_CHOICES],
        off_file=tuple(off),
        inactive=tuple(one for one, entry in entries.items() if entry and not entry.active),
    )


def _has(session: Session, one: CodeList, value: str) -> bool:
    return session.scalar(_codes(one).where(SnapshotItem.code == value)) is not None


def _near(session: Session, one: CodeList, value: str) -> list[str]:
    """Codes of a list that look like a value, or begin like it and are spelled nearly alike."""
    forms = characters.look_alike_forms(value)
    same = session.scalars(_codes(one).where(SnapshotItem.code.in_(forms))).all() if forms else ()
    start = _matching(session, SnapshotItem.code, _codes(one), value[:2])
    return [*dict.fromkeys([*sorted(same), *get_close_matches(value, start, n=NEAREST)])]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The newest record that waits, and what it says: pairs of a field's name and its text."""

    number: str
    source: str
    kind: str
    external_id: str
    said: tuple[tuple[str, str], ...]


def waiting_record(
    company_id: int, cause_id: int, key: str, *, personal: bool
) -> Question[Waiting | None]:
    """What waits for this cause; nothing where it was solved meanwhile.

    `personal` says whether the person may read names, numbers and addresses of customers.
    """
    found = yield (
        select(Record.number, Connection.name, Record.type, Record.external_id, Version.body)
        .join(Hold, Hold.record_id == Record.id)
        .join(Connection, Connection.id == Record.source_id)
        .join(Version, Version.id == Record.version_id)
        .where(Hold.company_id == company_id, Hold.cause_id == cause_id, HOLD_OPEN)
        .order_by(Hold.opened_at.desc(), Hold.id.desc())
        .limit(1)
    )
    row = found.first()
    if row is None:
        return None
    body = without_personal(row.body, show=personal)
    said = _of_line(body, key) or _fields(body, _ABOUT_PARTIES)
    return Waiting(row.number, row.name, row.type, row.external_id, said)


def _of_line(body: Mapping[str, Any], key: str) -> tuple[tuple[str, str], ...]:
    """What the first line says that names the key, of a conversion its unit and its item; nothing
    where no line does.
    """
    unit_and_item = set(key.split("|")) - {""}
    parts = (part for part in body.values() if isinstance(part, list))
    lines = [line for part in parts for line in part if isinstance(line, Mapping)]
    named = (one for one in lines if key in one.values() or unit_and_item <= _texts(one))
    return next((_fields(line, _ABOUT_LINES) for line in named), ())


def _texts(line: Mapping[str, Any]) -> set[str]:
    return {text for text in line.values() if isinstance(text, str)}


def _fields(said: Mapping[str, Any], names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    texts = ((name, str(said[name] or "").strip()) for name in names if name in said)
    return tuple((name, text[:LONGEST_LABEL]) for name, text in texts if text)[:SHOWN_LINES]


def accepted(session: Session, table: MappingTable, values: Collection[str]) -> set[str]:
    """Those of the values of a table with which something was posted: their target has them."""
    return answer(session, asked_accepted(table, values))


def asked_accepted(table: MappingTable, values: Collection[str]) -> Question[set[str]]:
    """The same, asked with other questions."""
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
    mine = (MappingEntry.table_id == table.id, bulk.among(MappingEntry.value, list(values)))
    return set((yield select(MappingEntry.value).where(*mine, posted == 1)).scalars())


def conversions(
    session: Session, table: MappingTable, text: str, most: int
) -> dict[str, tuple[tuple[str, ...], int]]:
    """The same of the conversions of a units table that have these letters, in their order: a unit
    is no value without its factor.
    """
    mine = MappingEntry.table_id == table.id, MappingEntry.to_revision.is_(None)
    rows = session.execute(
        select(MappingEntry.key, MappingEntry.value, MappingEntry.num, MappingEntry.den)
        .where(*mine, MappingEntry.num.is_not(None))
        .order_by(MappingEntry.key)
    )
    keys: dict[str, list[str]] = {}
    for key, value, num, den in rows:
        keys.setdefault(shown(value, num, den), []).append(key)
    found = sorted(one for one in keys if text.casefold() in one.casefold())
    return {one: (tuple(keys[one][: NAMED_RECORDS + 1]), len(keys[one])) for one in found[:most]}


def keys_of(
    session: Session, table: MappingTable, values: Collection[str]
) -> dict[str, tuple[tuple[str, ...], int]]:
    """Value -> the first keys that have it now, and how many do."""
    return answer(session, asked_keys(table, values))


def asked_keys(
    table: MappingTable, values: Collection[str]
) -> Question[dict[str, tuple[tuple[str, ...], int]]]:
    """The same, asked with other questions."""
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
    first = select(rows.c.value, rows.c.key, rows.c.uses).where(rows.c.place <= NAMED_RECORDS + 1)
    keys: dict[str, tuple[tuple[str, ...], int]] = dict.fromkeys(values, ((), 0))
    for value, key, uses in (yield first.order_by(rows.c.value, rows.c.key)):
        keys[value] = (*keys[value][0], key), uses
    return keys


def listed_names(session: Session, snapshot_id: int) -> dict[str, str]:
    """Code -> its name, of those that have one."""
    query = select(SnapshotItem.code, SnapshotItem.body).where(
        SnapshotItem.snapshot_id == snapshot_id, SnapshotItem.to_revision.is_(None)
    )
    return {code: str(body["name"]) for code, body in session.execute(query) if body.get("name")}


def tax_codes(session: Session, company_id: int, target: str) -> dict[str, str]:
    """Tax code -> its name or blank, of a target by its name or connector; empty: none are told."""
    row = target_connections(session, company_id).get(target)
    if row is None:
        return {}
    query = (
        select(SnapshotItem.code, SnapshotItem.body)
        .join(Snapshot, Snapshot.id == SnapshotItem.snapshot_id)
        .where(Snapshot.connection_id == row.id, Snapshot.kind == LISTS["tax"])
        .where(SnapshotItem.to_revision.is_(None))
        .order_by(SnapshotItem.code)
    )
    return {code: str(body.get("name", "")) for code, body in session.execute(query)}
