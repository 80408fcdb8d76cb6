"""Mapping and unit entries after the first publish: what is missing, and the fix.

Here: the missing list and the fix itself (append-only, with its revision, waking exactly what it
can change). Not here: entries a publish brings (`seeding.py`), what a fix would do (`preview.py`,
offered here as `preview`) and what could be meant (`entries.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.access.operations import once
from holding.access.people import names_of, who_may
from holding.audit.events import Fact, record_event, record_events
from holding.lifecycle.changes import locked_company, next_revision, wake_records
from holding.mappings.entries import (
    Parsed,
    Suggestion,
    entry_of,
    reach,
    read_value,
    shown,
    suggestions,
    table_of,
    unfit,
    unmapped,
)
from holding.mappings.preview import Preview, Stay, active_program, preview
from holding.mappings.seeding import ALWAYS
from holding.mappings.superseded_fixes import supersede
from holding.refusal import Refusal
from holding.tables import Cause, MappingEntry, MappingTable
from holding.words import plural

__all__ = ["Fixed", "Missing", "Preview", "Stay", "Suggestion", "fix", "missing", "preview"]
__all__ += ["suggestions"]


@dataclass(frozen=True, slots=True)
class Missing:
    """A key without an entry, and how much waits for it; money in minor units of the books."""

    cause_id: int
    table: str
    key: str
    label: str
    records: int
    amount: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Fixed:
    """What a fix did; `before` is "" for a new key."""

    table: str
    key: str
    value: str
    before: str
    revision: int
    woken: int


def missing(session: Session, company_id: int) -> tuple[Missing, ...]:
    """Every key that open holds wait for, the most money first."""
    rows = session.scalars(
        select(Cause).where(*unmapped(company_id)).order_by(Cause.book.desc(), Cause.id)
    )
    return tuple(
        Missing(
            cause_id=row.id,
            table=row.key.table or "",
            key=row.key.entry,
            label=row.label,
            records=row.records,
            amount=row.book,
            since=row.opened_at,
        )
        for row in rows
    )


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
) -> Fixed | Refusal:
    """Give a key its value from now on, and wake what that can change.

    `rev` is the company's revision that the form was made with: an entry of this key that changed
    since then is a conflict, and shown.
    """

    def act() -> Fixed | Refusal:
        company_id = actor.company_id or 0
        refusal = _refused(session, actor, company_id, reason)
        if refusal:
            return refusal
        locked_company(session, company_id)
        found = table_of(session, company_id, table)
        if found is None or not key:
            message = f"There is no table {table}."
            return Refusal(code="mapping.unknown", message=message, status=404)
        parsed = read_value(found.kind, value)
        if isinstance(parsed, Refusal):
            return parsed
        judge = active_program(session, company_id)
        conflict = unfit(judge.ruleset if judge else None, found, parsed)
        conflict = conflict or _conflict(session, found, key, rev, parsed)
        return conflict or _change(session, actor, found, key, parsed, reason.strip(), now, op)

    asked = ("mapping.fix", table, key, value, reason, rev)
    return once(session, actor, op, asked=asked, now=now, act=act, read=_read)


def _read(stored: Mapping[str, Any]) -> Fixed:
    return Fixed(**stored)


def _refused(session: Session, actor: Actor, company_id: int, reason: str) -> Refusal | None:
    refusal = may(actor, "mapping.fix")
    if refusal:
        names = who_may(session, company_id, "mapping.fix")
        hint = f"{' or '.join(names)} can." if names else refusal.hint
        return Refusal(refusal.code, refusal.message, hint, refusal.status)
    if not reason.strip():
        return Refusal(code="reason.missing", message="A fix needs a reason.", status=422)
    return None


def _conflict(
    session: Session, table: MappingTable, key: str, rev: int, wanted: Parsed
) -> Refusal | None:
    newest = session.scalar(
        select(func.max(MappingEntry.from_revision)).where(
            MappingEntry.table_id == table.id, MappingEntry.key == key
        )
    )
    entry = entry_of(session, table.id, key)
    stored = shown(entry.value, entry.num, entry.den) if entry else ""
    if newest is not None and newest > rev and entry is not None:
        who = names_of(session, [entry.person_id]).get(entry.person_id or 0, "somebody")
        return Refusal(
            code="mapping.changed",
            message=f"{table.name}(“{key}”) was set to {stored or 'nothing'} by {who} meanwhile;"
            f" you wanted {wanted.text}.",
            hint="Keep theirs, or save yours again over it.",
        )
    if entry is not None and stored == wanted.text:
        return Refusal(code="mapping.same", message=f"{table.name}(“{key}”) is {stored} already.")
    return None


def _change(
    session: Session,
    actor: Actor,
    table: MappingTable,
    key: str,
    parsed: Parsed,
    reason: str,
    now: datetime,
    op: str | None,
) -> Fixed:
    revision = next_revision(
        session,
        table.company_id,
        kind="unit" if table.kind == "unit" else "mapping",
        what=f"{table.name}: {key}",
        person_id=actor.person_id,
        reason=reason,
        now=now,
    )
    judge = active_program(session, table.company_id)
    reached = reach(session, table, key, judge.ruleset if judge else None)
    for cause in reached.causes:
        cause.changed_revision = revision
    before, entry = _put(session, actor, table, key, parsed, reason, now, revision)
    supersede(session, actor, before, entry, f"{table.name}(“{key}”) = {parsed.text}", now)
    record_ids = reached.records
    wake_records(session, record_ids, now)
    fixed = Fixed(
        table=table.name,
        key=key,
        value=parsed.text,
        before=shown(before.value, before.num, before.den) if before else "",
        revision=revision,
        woken=len(record_ids),
    )
    _say(session, fixed, actor, table.company_id, record_ids, reason, now, op)
    return fixed


def _put(
    session: Session,
    actor: Actor,
    table: MappingTable,
    key: str,
    parsed: Parsed,
    reason: str,
    now: datetime,
    revision: int,
) -> tuple[MappingEntry | None, MappingEntry]:
    """Let the entry of the key end and another begin: both."""
    before = entry_of(session, table.id, key)
    if before is not None:
        before.to_revision = revision
        session.flush()
    entry = MappingEntry(
        table_id=table.id,
        key=key,
        value=parsed.value,
        num=parsed.factor.numerator if parsed.factor else None,
        den=parsed.factor.denominator if parsed.factor else None,
        valid_from=ALWAYS,
        from_revision=revision,
        person_id=actor.person_id,
        reason=reason,
        at=now,
    )
    session.add(entry)
    session.flush()
    return before, entry


def _say(
    session: Session,
    fixed: Fixed,
    actor: Actor,
    company_id: int,
    record_ids: Sequence[int],
    reason: str,
    now: datetime,
    op: str | None,
) -> None:
    was = f", before {fixed.before}" if fixed.before else ""
    what = f"{fixed.table}(“{fixed.key}”) = {fixed.value}{was}"
    body = {
        "table": fixed.table,
        "key": fixed.key,
        "value": fixed.value,
        "before": fixed.before,
        "revision": fixed.revision,
        "reason": reason,
    }
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="mapping.fixed",
        body={
            "say": f"{actor.name} set {what} ({reason});"
            f" {plural(fixed.woken, 'record is', 'records are')} judged again.",
            "woken": fixed.woken,
            **body,
        },
        operation_id=op,
    )
    record_events(
        session,
        [
            Fact(
                company_id=company_id,
                at=now,
                actor=actor,
                act="record.woken",
                record_id=record_id,
                operation_id=op,
                body={"say": f"Judged again because {actor.name} set {what}.", **body},
            )
            for record_id in record_ids
        ],
    )
