"""Mapping and unit entries after the first publish: what is missing, the fix, and the removal.

Here: the missing list; who may give a key another value or take its entry away, and with which
words. Not here: entries a publish brings (`seeding.py`), the change itself (`entry_changes.py`),
what it would do (`preview.py`, offered here as `preview`) and what could be meant (`entries.py`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.access.operations import once
from holding.db.models import Cause, Hold, MappingTable
from holding.db.models.decisions import HOLD_OPEN
from holding.db.models.rules import ALWAYS
from holding.db.refusal import Refusal, Sums, plural
from holding.db.together import Question, answer
from holding.holds import tally_figures
from holding.mappings import keepers
from holding.mappings.entries import circle, entries_of, read_value, table_of, unfit
from holding.mappings.entry_changes import Fixed, Wanted, change, conflict
from holding.mappings.entry_history import NOBODY, stays, users
from holding.mappings.key_reach import causes_of, unmapped
from holding.mappings.preview import Preview, Stay, active_program, preview
from holding.platform.changes import locked_company
from rules.values.cause_keys import MISSING_ENTRY, CauseKey, CauseKind

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
    locked_company(session, company_id)  # the rules say who keeps the table: no publish now
    refusal = keepers.refused(session, actor, [table])
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
