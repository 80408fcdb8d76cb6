"""List missing mapping keys, and add, fix or remove entries after the first publication."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from grammar.nodes import Ruleset
from holding.access.actors import Actor, may
from holding.access.operations import once
from holding.access.people import ensure_team, in_team, load_able, who_may
from holding.db.kept_plans import KEPT
from holding.db.models import Cause, Hold, MappingEntry, MappingTable, Team
from holding.db.models.decisions import HOLD_OPEN
from holding.db.models.rules import ALWAYS
from holding.db.refusal import Refusal, Sums, plural
from holding.holds import tally_figures
from holding.mappings.entries import (
    NOBODY,
    entries_of,
    entry_text,
    read_value,
    refuse_circle,
    refuse_removal,
    refuse_wrong_kind,
    table_of,
    usage_by_day,
)
from holding.mappings.entry_changes import EntryChange, Fixed, find_conflict, store_change
from holding.mappings.key_reach import causes_of, unmapped_terms
from holding.mappings.preview import active_program
from holding.platform.changes import lock_company
from rules.facts import Seeds
from rules.values.cause_keys import MISSING_ENTRY, UNITS, CauseKind, fold_key
from rules.values.wording import readable_term

__all__ = ["ALWAYS", "Fixed"]  # callers import them from here

FIRST_DAY: Final = date(2000, 1, 1)

A_PAGE: Final = 50

LAST_DAY: Final = date(2099, 12, 31)

AMBIGUOUS: Final = "MAP02"


@dataclass(frozen=True, slots=True)
class Missing:
    """A missing key, and how much waits for it; each record counts once."""

    cause_id: int
    table: str
    key: str
    label: str
    records: int
    book: int
    money: Sums
    since: datetime


def missing(
    session: Session,
    company_id: int,
    *,
    after: tuple[int, int] | None = None,
    cause_id: int | None = None,
    most: int | None = A_PAGE + 1,
    kinds: Collection[CauseKind] = MISSING_ENTRY,
) -> tuple[Missing, ...]:
    """Return the keys that open holds wait for, largest amounts first.

    `after` continues after a position (amount and cause); `cause_id` selects one cause. Returns one
    more than a page by default; `most=None` returns all.
    """
    columns = (Cause.id, Cause.key, Cause.label, Cause.records, Cause.book, Cause.opened_at)
    query = select(*columns).where(*unmapped_terms(company_id, kinds))
    query = query.order_by(Cause.book.desc(), Cause.id)
    if cause_id is not None:
        query = query.where(Cause.id == cause_id)
    if after is not None:
        book, last = after
        query = query.where(or_(Cause.book < book, and_(Cause.book == book, Cause.id > last)))
    causes = session.execute(query.limit(most), execution_options=KEPT).all()
    figures = tally_figures.of_causes(session, company_id, [cause.id for cause in causes])
    return tuple(
        Missing(
            cause_id=cause.id,
            table=cause.key.table or "",
            key=cause.key.entry,
            label=cause.label,
            records=cause.records,
            book=cause.book,
            money=figures[cause.id].money if cause.id in figures else {},
            since=cause.opened_at,
        )
        for cause in causes
    )


def count_missing(
    session: Session, company_id: int, kinds: Collection[CauseKind] = MISSING_ENTRY
) -> int:
    """Return how many causes of missing keys there are."""
    query = select(func.count(Cause.id)).where(*unmapped_terms(company_id, kinds))
    return session.execute(query, execution_options=KEPT).scalar_one()


def table_of_missing(session: Session, company_id: int, cause_id: int | None) -> str | None:
    """Return the table that lacks a cause's key, or None if nothing waits for it."""
    query = select(Cause.key).where(*unmapped_terms(company_id), Cause.id == cause_id)
    key = session.scalar(query)
    return None if key is None else key.table


def fix(
    session: Session,
    actor: Actor,
    table: str,
    key: str,
    value: str,
    reason: str,
    now: datetime,
    rev: int,
    op: str | None = None,
    since: date = ALWAYS,
) -> Fixed | Refusal:
    """Set a key's value for records dated `since` or later, and wake affected records.

    `rev` is the revision the form was made with. A later change of this key and day is a conflict.
    """

    def act() -> Fixed | Refusal:
        mapping_table = _open(session, actor, table, key, reason, since)
        if isinstance(mapping_table, Refusal):
            return mapping_table
        parsed = read_value(mapping_table.kind, value)
        if isinstance(parsed, Refusal):
            return parsed
        judge = active_program(session, mapping_table.company_id)
        change = EntryChange(mapping_table, key, since, parsed)
        refusal = refuse_wrong_kind(judge.ruleset if judge else None, mapping_table, parsed)
        refusal = refusal or refuse_circle(session, mapping_table, key, parsed)
        refusal = refusal or find_conflict(session, change, rev)
        return refusal or store_change(session, actor, change, reason.strip(), now, op)

    request = ("mapping.fix", table, key, value, reason, rev, str(since))
    return once(session, actor, op, asked=request, now=now, act=act, read=_read)


def remove(
    session: Session,
    actor: Actor,
    table: str,
    key: str,
    reason: str,
    now: datetime,
    rev: int,
    op: str | None = None,
    since: date = ALWAYS,
) -> Fixed | Refusal:
    """Remove an entry of a day, so that the entry before it counts again.

    Refused if records used it, or wait until two spellings of the key agree. So a removal frees
    nothing, and needs no approval.
    """

    def act() -> Fixed | Refusal:
        mapping_table = _open(session, actor, table, key, reason, since)
        if isinstance(mapping_table, Refusal):
            return mapping_table
        change = EntryChange(mapping_table, key, since, None)
        if not any(
            entry.valid_from == since for entry in entries_of(session, mapping_table.id, key)
        ):
            message = f"The {change.said} has no entry to remove."
            return Refusal(code="mapping.unknown", message=message, status=404)
        refusal = find_conflict(session, change, rev) or refuse_needed_removal(session, change)
        return refusal or store_change(session, actor, change, reason.strip(), now, op)

    request = ("mapping.remove", table, key, reason, rev, str(since))
    return once(session, actor, op, asked=request, now=now, act=act, read=_read)


def refuse_needed_removal(session: Session, change: EntryChange) -> Refusal | None:
    """Refuse to remove an entry that records used, or that records on hold need."""
    table, key = change.table, change.key
    used = usage_by_day(session, table.company_id, table.name, key).get(change.since, NOBODY)
    if refusal := refuse_removal(used, change.said):
        return refusal
    judge = active_program(session, table.company_id)
    ids = [cause.id for cause in causes_of(session, table, key, judge.ruleset if judge else None)]
    waiting = (
        select(func.count(Hold.record_id.distinct()))
        .where(Hold.cause_id.in_(ids), HOLD_OPEN)
        .where(Hold.code == AMBIGUOUS)
    )
    held_count = session.scalar(waiting) or 0
    if not held_count:
        return None
    return Refusal(
        code="mapping.ambiguous",
        message=f"You cannot remove the {change.said}, because"
        f" {plural(held_count, 'record is', 'records are')} on hold until its spellings agree.",
        hint="Give it the value that the other spelling has.",
    )


@dataclass(frozen=True, slots=True)
class Together:
    """The result of changes made in one batch: first and last revision, and woken records, each
    counted once.

    `later`: more records may be woken afterwards.
    """

    first: int
    revision: int
    woken: int
    later: bool


def apply_together(
    session: Session, changes: Iterable[Callable[[], Fixed | Refusal]]
) -> Together | Refusal:
    """Make changes in order, all or none: a refusal rolls back the earlier ones."""
    first = revision = 0
    later, woken = False, set[int]()
    with session.begin_nested() as all_or_none:
        for change_one in changes:
            done = change_one()
            if isinstance(done, Refusal):
                all_or_none.rollback()
                return done
            first, revision = first or done.revision, done.revision
            woken |= done.records
            later = later or done.later
    return Together(first, revision, len(woken), later)


def _open(
    session: Session, actor: Actor, table: str, key: str, reason: str, since: date
) -> MappingTable | Refusal:
    """Lock the company and return the table, or refuse the change."""
    company_id = actor.company_id or 0
    lock_company(session, company_id)  # the rules say who keeps the table: no publish now
    refusal = refuse_change(session, actor, [table])
    if refusal:
        return refusal
    if not reason.strip():
        return Refusal(code="reason.missing", message="A fix needs a reason.", status=422)
    if since != ALWAYS and not FIRST_DAY <= since <= LAST_DAY:
        return Refusal(
            code="mapping.since",
            message=f"{since} is not a day from which an entry can count.",
            hint=f"Give a day from {FIRST_DAY} to {LAST_DAY}, or none.",
            status=422,
        )
    mapping_table = table_of(session, company_id, table)
    if mapping_table is None or not key:
        message = f"Mapping table {table} does not exist."
        return Refusal(code="mapping.unknown", message=message, status=404)
    return mapping_table


def _read(stored: Mapping[str, Any]) -> Fixed:
    """Return the stored result; JSON has the record ids as a list."""
    return Fixed(**{**stored, "records": frozenset(stored.get("records", ()))})


PUBLISHED: Final = "published with the rules"  # the reason of the entries that rules bring


@dataclass(frozen=True, slots=True)
class Difference:
    """A key whose stored value (blank: removed) differs from the files; the stored value stays.

    `keeper` is the team that alone may add the key, so nothing is stored.
    """

    table: str
    key: str
    stored: str
    declared: str
    keeper: str = ""

    @property
    def said(self) -> str:
        """The outcome in one line."""
        if self.keeper:
            what = f"left out {self.table}({self.key!r}) = {self.declared}"
            return f"{what}; {self.keeper} keeps the entries of {self.table}"
        stored = self.stored or "removed"
        return f"kept {self.table}({self.key!r}) = {stored}; the files say {self.declared}"


@dataclass(frozen=True, slots=True)
class Seeded:
    """How many entries were added, and which differ."""

    added: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """One entry of the files."""

    table: str
    key: str
    value: str
    num: int | None = None
    den: int | None = None

    @property
    def text(self) -> str:
        return entry_text(self.value, self.num, self.den)


def seed(
    session: Session,
    company_id: int,
    ruleset: Ruleset,
    seeds: Seeds,
    *,
    revision: int,
    person_id: int | None,
    now: datetime,
) -> Seeded:
    """Create missing tables and add keys without an entry; return the stored values that differ.

    If a team keeps a table that has entries, only its members add new keys.
    """
    ids = _tables(session, company_id, ruleset)
    folds = _Folds(ruleset)
    tables = {table_id: name for name, table_id in ids.items()}
    stored = {
        folds.key(tables[entry.table_id], entry.key): entry
        for entry in session.scalars(
            select(MappingEntry)
            .where(MappingEntry.table_id.in_(tables), MappingEntry.to_revision.is_(None))
            .order_by(MappingEntry.valid_from.desc())  # of several days the first is compared
        )
    }
    filled_tables = {tables[entry.table_id] for entry in stored.values()}
    closed = _kept_by_others(session, company_id, ruleset, filled_tables, person_id)
    fresh: list[MappingEntry] = []
    differences: list[Difference] = []
    for row in _rows(seeds):
        entry = stored.get(folds.key(row.table, row.key))
        if entry is None and row.table in closed:
            differences.append(Difference(row.table, row.key, "", row.text, closed[row.table]))
            continue
        if entry is None:
            fresh.append(_entry(row, ids[row.table], revision, person_id, now))
            continue
        before = entry_text(entry.value, entry.num, entry.den)
        if before != row.text:
            differences.append(Difference(row.table, row.key, before, row.text))
    session.add_all(fresh)
    session.flush()
    return Seeded(added=len(fresh), differences=tuple(differences))


def _kept_by_others(
    session: Session,
    company_id: int,
    ruleset: Ruleset,
    filled_tables: set[str],
    person_id: int | None,
) -> dict[str, str]:
    """Return the tables with entries that a team keeps, if the person is not in the team."""
    other_teams: dict[str, str] = {}
    for table, role in keeper_roles(ruleset).items():
        team = ensure_team(session, company_id, role)
        if table in filled_tables and not in_team(session, team.id, person_id):
            other_teams[table] = team.shown
    return other_teams


class _Folds:
    """Keys in the form their maps compare, so another spelling is not a new key."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._match = {table.name: table.match for table in ruleset.maps}

    def key(self, table: str, key: str) -> tuple[str, str]:
        return table, fold_key(key, self._match.get(table, ()))


def _rows(seeds: Seeds) -> Iterator[_Row]:
    for table, entries in seeds.maps.items():
        yield from (_Row(table, key, value) for key, value in entries.items())
    yield from (_Row(UNITS, key, to, num, den) for key, (num, den, to) in seeds.units.items())


def _entry(
    row: _Row, table_id: int, revision: int, person_id: int | None, now: datetime
) -> MappingEntry:
    return MappingEntry(
        table_id=table_id,
        key=row.key,
        value=row.value,
        num=row.num,
        den=row.den,
        valid_from=ALWAYS,
        from_revision=revision,
        person_id=person_id,
        reason=PUBLISHED,
        at=now,
    )


def _tables(session: Session, company_id: int, ruleset: Ruleset) -> dict[str, int]:
    """Return table ids by name, and set the team that owns missing keys of each table."""
    table_specs = [(table.name, "map", table.missing.action.role) for table in ruleset.maps]
    table_specs += [(UNITS, "unit", units.missing.action.role) for units in ruleset.units[:1]]
    ids: dict[str, int] = {}
    for name, kind, role in table_specs:
        table = session.scalar(
            select(MappingTable).where(
                MappingTable.company_id == company_id, MappingTable.name == name
            )
        )
        if table is None:
            table = MappingTable(company_id=company_id, name=name, kind=kind)
            session.add(table)
        table.team_id = ensure_team(session, company_id, role).id if role else None
        session.flush()
        ids[name] = table.id
    return ids


ACT: Final = "mapping.fix"


@dataclass(frozen=True, slots=True)
class Keeper:
    """The team that keeps a table, and its members who may change entries."""

    table: str
    team_id: int
    team: str
    names: tuple[str, ...]

    @property
    def refusal(self) -> Refusal:
        """The refusal for other users."""
        can = (
            f"{' or '.join(self.names)} can."
            if self.names
            else f"No member of {self.team} can yet."
        )
        return Refusal(
            code="mapping.kept",
            message=(
                f"You cannot change {readable_term(self.table)}, because {self.team} keeps "
                "its entries."
            ),
            hint=can,
            status=403,
        )


def keeper_roles(ruleset: Ruleset) -> dict[str, str]:
    """Return the role that keeps each table, for tables with a keeper."""
    tables = [(table.name, table.kept) for table in ruleset.maps]
    tables += [(UNITS, units.kept) for units in ruleset.units[:1]]
    return {name: keeper.role for name, keeper in tables if keeper is not None}


def load_keeper(session: Session, company_id: int, table: str) -> Keeper | None:
    """Return the team that keeps a table by the current rules, or None."""
    judge = active_program(session, company_id)
    role = keeper_roles(judge.ruleset).get(table) if judge else None
    team_query = select(Team).where(Team.company_id == company_id, Team.name == role)
    team = session.scalar(team_query) if role is not None else None
    if team is None:
        return None
    names = who_may(session, company_id, ACT, team_id=team.id)
    return Keeper(table, team.id, team.shown, names)


def refuse_change(session: Session, actor: Actor, tables: Iterable[str]) -> Refusal | None:
    """Refuse a user without permission, or outside a table's keeping team."""
    if refusal := may(actor, ACT):
        names = load_able(session, actor.company_id or 0, ACT).values()
        return replace(refusal, hint=f"{' or '.join(names)} can.") if names else refusal
    others = (other_keeper(session, actor, table) for table in dict.fromkeys(tables))
    return next((keeper.refusal for keeper in others if keeper is not None), None)


def other_keeper(session: Session, actor: Actor, table: str) -> Keeper | None:
    """Return the team that keeps a table, if the user is not in it."""
    table_keeper = load_keeper(session, actor.company_id or 0, table)
    if table_keeper is None or in_team(session, table_keeper.team_id, actor.person_id):
        return None
    return table_keeper
