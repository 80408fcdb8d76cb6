"""List missing mapping keys, and add, fix or remove entries after the first publication."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from grammar.nodes import Ruleset
from holding.access.actors import Actor, may
from holding.access.operations import once
from holding.access.people import able_query, ensure_team, in_team, who_may
from holding.db.models import Cause, Hold, MappingEntry, MappingTable, Team
from holding.db.models.decisions import HOLD_OPEN
from holding.db.models.rules import ALWAYS
from holding.db.refusal import Refusal, Sums, plural
from holding.db.together import Question, answer
from holding.holds import tally_figures
from holding.mappings.entries import (
    NOBODY,
    circle,
    entries_of,
    read_value,
    shown,
    stays,
    table_of,
    unfit,
    users,
)
from holding.mappings.entry_changes import Fixed, Wanted, change, conflict
from holding.mappings.key_reach import causes_of, unmapped
from holding.mappings.preview import Preview, Stay, active_program, preview
from holding.platform.changes import lock_company
from rules.facts import Seeds
from rules.values.cause_keys import MISSING_ENTRY, UNITS, CauseKey, CauseKind, fold_key
from rules.values.wording import term

__all__ = ["Fixed", "Missing", "Preview", "Stay", "fix", "missing", "preview"]

__all__ += ["ALWAYS", "remove", "together"]

FIRST_DAY: Final = date(2000, 1, 1)

A_PAGE: Final = 50

LAST_DAY: Final = date(2099, 12, 31)

AMBIGUOUS: Final = "MAP02"


@dataclass(frozen=True, slots=True)
class Missing:
    """A key without an entry, and how much waits for it; each record once."""

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
    """Keys that open holds wait for, the most money first, those behind a place (`book` and cause)
    in the list where one is named; or that of one cause. One more than a page for more, unless
    `most` says otherwise; None: all.
    """
    asked = asked_causes(company_id, after=after, cause_id=cause_id, most=most, kinds=kinds)
    found = answer(session, asked)
    return answer(session, asked_missing(session, company_id, found))


@dataclass(frozen=True, slots=True)
class MissingKey:
    """A key that a map lacks, of the cause that waits for it."""

    cause_id: int
    key: CauseKey
    label: str
    records: int
    book: int
    opened_at: datetime


def asked_causes(
    company_id: int,
    *,
    after: tuple[int, int] | None = None,
    cause_id: int | None = None,
    most: int | None = A_PAGE + 1,
    kinds: Collection[CauseKind] = MISSING_ENTRY,
) -> Question[tuple[MissingKey, ...]]:
    """The causes of those keys, asked with other questions; of these kinds alone."""
    columns = (Cause.id, Cause.key, Cause.label, Cause.records, Cause.book, Cause.opened_at)
    query = select(*columns).where(*unmapped(company_id, kinds))
    query = query.order_by(Cause.book.desc(), Cause.id)
    if cause_id is not None:
        query = query.where(Cause.id == cause_id)
    if after is not None:
        book, last = after
        query = query.where(or_(Cause.book < book, and_(Cause.book == book, Cause.id > last)))
    return tuple(
        MissingKey(row.id, row.key, row.label, row.records, row.book, row.opened_at)
        for row in (yield query.limit(most)).all()
    )


def asked_count(company_id: int, kinds: Collection[CauseKind] = MISSING_ENTRY) -> Question[int]:
    """How many of those causes there are."""
    found = yield select(func.count(Cause.id)).where(*unmapped(company_id, kinds))
    return int(found.scalar_one())


def asked_missing(
    session: Session, company_id: int, causes: Sequence[MissingKey]
) -> Question[tuple[Missing, ...]]:
    """The keys of these causes, with what waits for each."""
    ids = [one.cause_id for one in causes]
    held = yield from tally_figures.asked_of_causes(session, company_id, ids)
    return tuple(
        Missing(
            cause_id=row.cause_id,
            table=row.key.table or "",
            key=row.key.entry,
            label=row.label,
            records=row.records,
            book=row.book,
            money=held[row.cause_id].money if row.cause_id in held else {},
            since=row.opened_at,
        )
        for row in causes
    )


def table_of_missing(session: Session, company_id: int, cause_id: int | None) -> str | None:
    """The table in which the key of a cause is missing; None where nothing waits for it."""
    query = select(Cause.key).where(*unmapped(company_id), Cause.id == cause_id)
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
    """Give a key its value for records of a day and later, and wake what that can change.

    `rev` is the company's revision that the form was made with: an entry of this key and day that
    changed since then is a conflict, and shown.
    """

    def act() -> Fixed | Refusal:
        found = _open(session, actor, table, key, reason, since)
        if isinstance(found, Refusal):
            return found
        parsed = read_value(found.kind, value)
        if isinstance(parsed, Refusal):
            return parsed
        judge = active_program(session, found.company_id)
        wanted = Wanted(found, key, since, parsed)
        refusal = unfit(judge.ruleset if judge else None, found, parsed)
        refusal = refusal or circle(session, found, key, parsed)
        refusal = refusal or conflict(session, wanted, rev)
        return refusal or change(session, actor, wanted, reason.strip(), now, op)

    asked = ("mapping.fix", table, key, value, reason, rev, str(since))
    return once(session, actor, op, asked=asked, now=now, act=act, read=_read)


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
    """Take the entry of a day away; for its days the one before counts again, if there is one.

    Refused with their number where records used it, or wait until two spellings of the key agree:
    so a removal lets nothing go, and nobody has to agree to what it sends.
    """

    def act() -> Fixed | Refusal:
        found = _open(session, actor, table, key, reason, since)
        if isinstance(found, Refusal):
            return found
        wanted = Wanted(found, key, since, None)
        if not any(one.valid_from == since for one in entries_of(session, found.id, key)):
            message = f"The {wanted.said} has no entry to remove."
            return Refusal(code="mapping.unknown", message=message, status=404)
        refusal = conflict(session, wanted, rev) or needed(session, wanted)
        return refusal or change(session, actor, wanted, reason.strip(), now, op)

    asked = ("mapping.remove", table, key, reason, rev, str(since))
    return once(session, actor, op, asked=asked, now=now, act=act, read=_read)


def needed(session: Session, wanted: Wanted) -> Refusal | None:
    """Why an entry stays: the records that used it, or those on hold for this key."""
    table, key = wanted.table, wanted.key
    used = users(session, table.company_id, table.name, key).get(wanted.since, NOBODY)
    if refusal := stays(used, wanted.said):
        return refusal
    judge = active_program(session, table.company_id)
    ids = [one.id for one in causes_of(session, table, key, judge.ruleset if judge else None)]
    waiting = (
        select(func.count(Hold.record_id.distinct()))
        .where(Hold.cause_id.in_(ids), HOLD_OPEN)
        .where(Hold.code == AMBIGUOUS)
    )
    held = session.scalar(waiting) or 0
    if not held:
        return None
    return Refusal(
        code="mapping.ambiguous",
        message=f"You cannot remove the {wanted.said}, because"
        f" {plural(held, 'record is', 'records are')} on hold until its spellings agree.",
        hint="Give it the value that the other spelling has.",
    )


@dataclass(frozen=True, slots=True)
class Together:
    """What changes did that were made together: the revisions of the first and the last of them,
    and how many records are due by them; `later`: more may be.
    """

    first: int
    revision: int
    woken: int
    later: bool


def together(
    session: Session, changes: Iterable[Callable[[], Fixed | Refusal]]
) -> Together | Refusal:
    """Make these changes in their order, all or none: a refused one undoes those before it."""
    first = revision = woken = 0
    later = False
    with session.begin_nested() as all_or_none:
        for change_one in changes:
            done = change_one()
            if isinstance(done, Refusal):
                all_or_none.rollback()
                return done
            first, revision = first or done.revision, done.revision
            woken += done.woken
            later = later or done.later
    return Together(first, revision, woken, later)


def _open(
    session: Session, actor: Actor, table: str, key: str, reason: str, since: date
) -> MappingTable | Refusal:
    """The table, under the lock of its company, for somebody who may change this entry."""
    company_id = actor.company_id or 0
    lock_company(session, company_id)  # the rules say who keeps the table: no publish now
    refusal = refused(session, actor, [table])
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
    found = table_of(session, company_id, table)
    if found is None or not key:
        message = f"Mapping table {table} does not exist."
        return Refusal(code="mapping.unknown", message=message, status=404)
    return found


def _read(stored: Mapping[str, Any]) -> Fixed:
    return Fixed(**stored)


PUBLISHED: Final = "published with the rules"  # the reason of the entries that rules bring


@dataclass(frozen=True, slots=True)
class Difference:
    """A key whose stored value (blank: removed) is not the one of the files; the stored one stays.

    `keeper` is the team that keeps the table where it alone may add the key: nothing is stored.
    """

    table: str
    key: str
    stored: str
    declared: str
    keeper: str = ""

    @property
    def said(self) -> str:
        """What became of it, as one line."""
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
    """One entry as the files have it."""

    table: str
    key: str
    value: str
    num: int | None = None
    den: int | None = None

    @property
    def text(self) -> str:
        return shown(self.value, self.num, self.den)


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
    """Make missing tables and add keys that have no entry; say which stored values differ.

    A table that has entries and is kept by a team gets new keys from its people alone.
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
    known = {tables[entry.table_id] for entry in stored.values()}
    closed = _kept_by_others(session, company_id, ruleset, known, person_id)
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
        before = shown(entry.value, entry.num, entry.den)
        if before != row.text:
            differences.append(Difference(row.table, row.key, before, row.text))
    session.add_all(fresh)
    session.flush()
    return Seeded(added=len(fresh), differences=tuple(differences))


def _kept_by_others(
    session: Session,
    company_id: int,
    ruleset: Ruleset,
    known: set[str],
    person_id: int | None,
) -> dict[str, str]:
    """Table -> the team that keeps it, of those with entries whose team has others in it."""
    found: dict[str, str] = {}
    for table, role in named(ruleset).items():
        team = ensure_team(session, company_id, role)
        if table in known and not in_team(session, team.id, person_id):
            found[table] = team.shown
    return found


class _Folds:
    """Keys as their maps compare them, so that another spelling of a key is no new key."""

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
    """Table name -> id, owned by the team that answers for what is missing in it."""
    wanted = [(table.name, "map", table.missing.action.role) for table in ruleset.maps]
    wanted += [(UNITS, "unit", units.missing.action.role) for units in ruleset.units[:1]]
    ids: dict[str, int] = {}
    for name, kind, role in wanted:
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
    """The team that keeps a table, and the names of those in it who may change an entry."""

    table: str
    team_id: int
    team: str
    names: tuple[str, ...]

    @property
    def refusal(self) -> Refusal:
        """What somebody else is told."""
        can = (
            f"{' or '.join(self.names)} can."
            if self.names
            else f"No member of {self.team} can yet."
        )
        return Refusal(
            code="mapping.kept",
            message=f"You cannot change {term(self.table)}, because {self.team} keeps its entries.",
            hint=can,
            status=403,
        )


def named(ruleset: Ruleset) -> dict[str, str]:
    """Table -> the role that keeps it, of those that somebody keeps."""
    tables = [(table.name, table.kept) for table in ruleset.maps]
    tables += [(UNITS, units.kept) for units in ruleset.units[:1]]
    return {name: kept.role for name, kept in tables if kept is not None}


def keeper(session: Session, company_id: int, table: str) -> Keeper | None:
    """Who keeps a table by the rules in force; None: everybody who may change entries at all."""
    judge = active_program(session, company_id)
    role = named(judge.ruleset).get(table) if judge else None
    same = select(Team).where(Team.company_id == company_id, Team.name == role)
    team = session.scalar(same) if role is not None else None
    if team is None:
        return None
    names = who_may(session, company_id, ACT, team_id=team.id)
    return Keeper(table, team.id, team.shown, names)


def refused(
    session: Session,
    actor: Actor,
    tables: Iterable[str],
    *,
    fixers: Sequence[str] | None = None,
) -> Refusal | None:
    """Why somebody may not change entries of these tables: the permission, or another's table.

    `fixers`: who may, where a page has asked for them already.
    """
    if refusal := may(actor, ACT):
        names = answer(session, asked_fixers(actor)) if fixers is None else fixers
        return replace(refusal, hint=f"{' or '.join(names)} can.") if names else refusal
    others = (kept_by_others(session, actor, table) for table in dict.fromkeys(tables))
    return next((one.refusal for one in others if one is not None), None)


def asked_fixers(actor: Actor) -> Question[Sequence[str]]:
    """Who may change entries, asked with other questions; nobody is asked for by who may."""
    found: Mapping[int, str] = {}
    if may(actor, ACT):
        found = yield from able_query(actor.company_id or 0, ACT)
    return tuple(found.values())


def kept_by_others(session: Session, actor: Actor, table: str) -> Keeper | None:
    """The team that keeps a table, where somebody is not in it."""
    found = keeper(session, actor.company_id or 0, table)
    if found is None or in_team(session, found.team_id, actor.person_id):
        return None
    return found
