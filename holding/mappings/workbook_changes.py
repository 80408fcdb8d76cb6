"""Compare an edited mapping workbook with the stored entries, and save its changes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.access.operations import once
from holding.db.models import Company, MappingEntry, MappingTable, Person
from holding.db.refusal import Refusal, plural
from holding.mappings import fixes
from holding.mappings.edited_workbook import EditedWorkbook, SheetRow, WrongCell
from holding.mappings.entries import (
    Parsed,
    entry_text,
    read_value,
    refuse_own_unit,
    refuse_wrong_kind,
    table_of,
)
from holding.mappings.entry_changes import EntryChange
from holding.mappings.mapping_lists import tables
from holding.mappings.preview import Edit, Effect, active_program, preview_edits
from holding.platform.changes import lock_company
from holding.platform.events import record_event
from rules.values.wording import readable_name

AT_ONCE: Final = 1_000
"""How many changes are saved at once; a second upload of the file saves the others."""

Place = tuple[str, str, date]

_SINCE: Final = (
    select(MappingTable.name.label("table"), MappingEntry, Person.name.label("person"))
    .join(MappingTable, MappingTable.id == MappingEntry.table_id)
    .outerjoin(Person, Person.id == MappingEntry.person_id)
    .where(MappingTable.company_id == bindparam("company"))
    .where(
        or_(
            MappingEntry.to_revision.is_(None),
            and_(
                MappingEntry.from_revision <= bindparam("rev"),
                MappingEntry.to_revision > bindparam("rev"),
            ),
        )
    )
)

TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a workbook row.

    `value` is "" if it removes the entry; `before` is the shown value, "" for a new key. `cell`
    locates the row.
    """

    table: str
    key: str
    since: date
    before: str
    value: str
    cell: str = ""

    @property
    def what(self) -> str:
        """The kind of change: new, changed or removed."""
        if not self.before:
            return "new"
        return "changed" if self.value else "removed"


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """A row whose key another user changed after the download."""

    change: Change
    was: str
    by: str


@dataclass(frozen=True, slots=True)
class WorkbookChanges:
    """What saving would change, what it leaves out, and how many rows are unchanged.

    `more` counts changes beyond the limit. `known`: the file states its revision.
    """

    changes: tuple[Change, ...]
    meanwhile: tuple[Meanwhile, ...]
    wrong: tuple[WrongCell, ...]
    same: int
    not_in_file: int
    more: int
    rev: int
    known: bool

    def count(self, what: str) -> int:
        """Return how many changes are of a kind: new, changed or removed."""
        return sum(change.what == what for change in self.changes)


def workbook_changes(
    session: Session, actor: Actor, read: EditedWorkbook
) -> WorkbookChanges | Refusal:
    """Compare each row without writing; refuse a workbook of another company."""
    company = session.get_one(Company, actor.company_id or 0)
    if read.company and read.company != company.code:
        return Refusal(
            "mapping.company",
            f"This workbook has the mappings of {read.company}, not of {company.code}.",
            f"Download the workbook of {company.code}.",
            422,
        )
    base_revision = read.revision if read.company else None
    rev = company.revision if base_revision is None else min(base_revision, company.revision)
    now, then = _standing(session, company.id, rev)
    wrong, changes, meanwhile = list(read.wrong), list[Change](), list[Meanwhile]()
    checks = _Checks(session, actor)
    unchanged = 0
    for row in read.rows:
        place = (row.table, row.key, row.since)
        standing, base = now.get(place), then.get(place, "")
        before = standing.value if standing else ""
        parsed = checks.value(row) if row.value else None
        value = parsed.text if isinstance(parsed, Parsed) else ""
        if isinstance(parsed, WrongCell):
            wrong.append(parsed)
        elif value == before or (value == base and base_revision is not None):
            unchanged += 1  # as it is, or left as it was downloaded while somebody else changed it
        else:
            change = Change(row.table, row.key, row.since, before, value, row.cell)
            why = checks.refused(change)
            if before != base:
                meanwhile.append(Meanwhile(change, base, standing.by if standing else ""))
            elif why is not None:
                wrong.append(WrongCell(row.cell, why))
            else:
                changes.append(change)
    in_file = {(row.table, row.key, row.since) for row in read.rows}
    return WorkbookChanges(
        changes=tuple(changes[:AT_ONCE]),
        meanwhile=tuple(meanwhile),
        wrong=tuple(wrong),
        same=unchanged,
        # A missing row removes nothing: a filter or a copy of some rows leaves rows out as well.
        not_in_file=sum(
            bool(standing.value) and place not in in_file for place, standing in now.items()
        ),
        more=len(changes[AT_ONCE:]),
        rev=company.revision,
        known=base_revision is not None,
    )


@dataclass(frozen=True, slots=True)
class _Standing:
    value: str
    revision: int
    by: str


def _standing(
    session: Session, company_id: int, rev: int
) -> tuple[dict[Place, _Standing], dict[Place, str]]:
    """Return each key's current value, and its value at that revision."""
    now: dict[Place, _Standing] = {}
    then: dict[Place, str] = {}
    for row in session.execute(_SINCE, {"company": company_id, "rev": rev}):
        entry, by = row.MappingEntry, row.person
        place = (row.table, entry.key, entry.valid_from)
        value = entry_text(entry.value, entry.num, entry.den)
        if entry.to_revision is None:
            now[place] = _Standing(value, entry.from_revision, by or "")
        if entry.from_revision <= rev:
            then[place] = value
    return now, then


class _Checks:
    """The refusals of a single form, checked before anything is saved."""

    def __init__(self, session: Session, actor: Actor) -> None:
        self._session, self._actor = session, actor
        self._company = actor.company_id or 0
        judge = active_program(session, self._company)
        self._ruleset = judge.ruleset if judge else None
        self._tables: dict[str, MappingTable | None] = {}
        self._refusals_by_table: dict[str, Refusal | None] = {}

    def value(self, row: SheetRow) -> Parsed | WrongCell:
        table = self._table(row.table)
        if table is None:
            return WrongCell(row.cell, f"Mapping table {row.table} does not exist.")
        parsed = read_value(table.kind, row.value)
        if isinstance(parsed, Refusal):
            return WrongCell(row.cell, parsed.words)
        refusal = refuse_wrong_kind(self._ruleset, table, parsed) or refuse_own_unit(
            table, row.key, parsed
        )
        return parsed if refusal is None else WrongCell(row.cell, refusal.words)

    def refused(self, change: Change) -> str | None:
        if change.table not in self._refusals_by_table:
            table_refusal = fixes.refuse_change(self._session, self._actor, [change.table])
            self._refusals_by_table[change.table] = table_refusal
        if refusal := self._refusals_by_table[change.table]:
            return refusal.words
        table = self._table(change.table)
        if change.value or table is None:
            return None
        refusal = fixes.refuse_needed_removal(
            self._session, EntryChange(table, change.key, change.since, None)
        )
        return refusal.words if refusal else None

    def _table(self, name: str) -> MappingTable | None:
        if name not in self._tables:
            self._tables[name] = table_of(self._session, self._company, name)
        return self._tables[name]


def parsed_edits(kinds: Mapping[str, str], changes: Iterable[Change]) -> Iterator[Edit]:
    """Yield the changes as edits; unreadable values are left out."""
    for change in changes:
        parsed = read_value(kinds.get(change.table, ""), change.value) if change.value else None
        if not isinstance(parsed, Refusal):
            yield Edit(change.table, change.key, parsed, change.since)


def changed_since(
    session: Session, company_id: int, shown_changes: Sequence[Change], rev: int
) -> Iterator[str]:
    """Yield what changed since it was shown, in words."""
    now, _ = _standing(session, company_id, rev)
    for change in shown_changes:
        standing = now.get((change.table, change.key, change.since))
        value = standing.value if standing else ""
        if value != change.before:
            changer = (standing.by if standing else "") or "somebody"
            table_name = readable_name(change.table)
            yield (
                f"{table_name} “{change.key}” had {change.before or 'no value'}, {changer} set it"
                f" to {value or 'nothing'}, and the file has {change.value or 'nothing'}"
            )


@dataclass(frozen=True, slots=True)
class Saved:
    """The result: number of keys, their first and last revision, and the number of woken records.

    `later`: more records may be woken afterwards.
    """

    keys: int
    woken: int
    first: int
    revision: int
    later: bool = False


def effect_of(
    session: Session, company_id: int, changes: Sequence[Change], now: datetime
) -> Effect:
    """Return what saving these would do to records, without writing."""
    kinds = {table.name: table.kind for table in tables(session, company_id)}
    return preview_edits(session, company_id, list(parsed_edits(kinds, changes)), now)


def save_changes(
    session: Session,
    actor: Actor,
    shown_changes: Sequence[Change],
    ready: int,
    reason: str,
    now: datetime,
    *,
    rev: int,
    op: str | None = None,
) -> Saved | Refusal:
    """Save all changes or none, each as a form would.

    Refused with each difference if a key's value or the number of `ready` records changed since it
    was shown.
    """

    def act() -> Saved | Refusal:
        company_id = actor.company_id or 0
        lock_company(session, company_id)
        if refusal := fixes.refuse_change(
            session, actor, [change.table for change in shown_changes]
        ):
            return refusal
        if not shown_changes:
            return Refusal("mapping.none", "The file changes nothing.", "Change a value.", 422)
        if len(shown_changes) > AT_ONCE:
            words = f"At most {AT_ONCE:,} changes are saved together."
            return Refusal("mapping.many", words, "Upload the file again.", 422)
        if not reason.strip():
            return Refusal("reason.missing", "A fix needs a reason.", status=422)
        differences = list(changed_since(session, company_id, shown_changes, rev))
        if not differences:
            ready_now = effect_of(session, company_id, shown_changes, now).ready
            if ready_now != ready:
                differences = [f"{plural(ready_now, 'record')} would become ready, not {ready}"]
        return (
            _moved(differences)
            if differences
            else _save(session, actor, shown_changes, reason, now, rev)
        )

    change_rows = [
        [change.table, change.key, str(change.since), change.before, change.value]
        for change in shown_changes
    ]
    request = ("mapping.upload", change_rows, ready, reason)
    return once(session, actor, op, asked=request, now=now, act=act, read=_read)


def _moved(differences: Sequence[str]) -> Refusal:
    more = f"; and {len(differences) - TOLD} more" if len(differences) > TOLD else ""
    return Refusal(
        "mapping.moved",
        "You cannot save this workbook, because something changed since it was shown: "
        f"{'; '.join(differences[:TOLD])}{more}.",
        "Nothing was saved. Upload the file again: what somebody else changed is shown there.",
        409,
    )


def _save(
    session: Session,
    actor: Actor,
    shown_changes: Sequence[Change],
    reason: str,
    now: datetime,
    rev: int,
) -> Saved | Refusal:
    why = reason.strip()

    def make(change: Change) -> fixes.Fixed | Refusal:
        table, key, since = change.table, change.key, change.since
        if change.value:
            return fixes.fix(session, actor, table, key, change.value, why, now, rev, since=since)
        return fixes.remove(session, actor, table, key, why, now, rev, since=since)

    saved = fixes.apply_together(session, (partial(make, change) for change in shown_changes))
    if isinstance(saved, Refusal):
        return saved
    changes = plural(len(shown_changes), "mapping")
    record_event(
        session,
        company_id=actor.company_id or 0,
        at=now,
        actor=actor,
        act="mapping.uploaded",
        body={
            "say": f"{actor.name} saved {changes} from a workbook ({why}).",
            "keys": [
                f"{change.table}: {change.key} = {change.value or 'removed'}"
                for change in shown_changes
            ],
            "first": saved.first,
            "revision": saved.revision,
        },
    )
    return Saved(len(shown_changes), saved.woken, saved.first, saved.revision, saved.later)


def _read(stored: Mapping[str, Any]) -> Saved:
    return Saved(**stored)
