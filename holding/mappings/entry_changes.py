"""One change of an entry: append-only, with its revision, waking exactly what it can change.

Here: Wanted, whether somebody changed the same entry meanwhile, and the change with its events. Not
here: who may (fixes.py), what it would do (preview.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.access.people import names_of
from holding.audit import row_seals
from holding.audit.events import Fact, record_event, record_events
from holding.lifecycle.changes import next_revision, wake_records
from holding.mappings.entries import Parsed, entry_of, reach, shown
from holding.mappings.preview import active_program
from holding.mappings.superseded_fixes import supersede
from holding.refusal import Refusal
from holding.tables import MappingEntry, MappingTable
from holding.tables.rules import ALWAYS
from holding.words import plural
from rules.values.names import plain


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a key is to have from a day on; no `parsed` = the entry of that day is removed."""

    table: MappingTable
    key: str
    since: date
    parsed: Parsed | None

    @property
    def text(self) -> str:
        """The value as people read it; "" = removed."""
        return self.parsed.text if self.parsed else ""

    @property
    def named(self) -> str:
        """Table and key, with the day where somebody gave one."""
        return f"{self.table.name}(“{self.key}”){since_words(self.since)}"

    @property
    def said(self) -> str:
        """The same in words, for sentences about what was not saved."""
        return f"{plain(self.table.name)} “{self.key}”{since_words(self.since)}"


@dataclass(frozen=True, slots=True)
class Fixed:
    """What a change did; `before` is "" for a new entry, `value` for one that was removed, `since`
    where it counts for all days.
    """

    table: str
    key: str
    value: str
    before: str
    revision: int
    woken: int
    since: str = ""


def since_words(since: date) -> str:
    """The day from which an entry counts, to stand behind its key; "" = always."""
    return f" from {since}" if since > ALWAYS else ""


def conflict(session: Session, wanted: Wanted, rev: int) -> Refusal | None:
    """Whether the entry was changed after revision `rev`, or has the wanted value already."""
    table, key = wanted.table, wanted.key
    newest = session.scalar(
        select(func.max(MappingEntry.from_revision)).where(
            MappingEntry.table_id == table.id,
            MappingEntry.key == key,
            MappingEntry.valid_from == wanted.since,
        )
    )
    entry = entry_of(session, table.id, key, wanted.since)
    stored = shown(entry.value, entry.num, entry.den) if entry else ""
    if newest is not None and newest > rev and entry is not None:
        who = names_of(session, [entry.person_id]).get(entry.person_id or 0, "somebody")
        return Refusal(
            code="mapping.changed",
            message=f"The {wanted.said} was set to {stored or 'nothing'} by {who} meanwhile;"
            f" you wanted {wanted.text or 'it removed'}.",
            hint="Keep theirs, or save yours again over it.",
        )
    if entry is not None and stored == wanted.text:
        is_so = f"is {stored}" if stored else "is removed"
        return Refusal(code="mapping.same", message=f"The {wanted.said} {is_so} already.")
    return None


def change(
    session: Session, actor: Actor, wanted: Wanted, reason: str, now: datetime, op: str | None
) -> Fixed:
    """Take a revision, let the entry of that day end and the other begin, wake what that moves."""
    table, key = wanted.table, wanted.key
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
    before, entry = _put(session, actor, wanted, reason, now, revision)
    what = f"{wanted.named} = {wanted.text}" if wanted.parsed else f"{wanted.named} removed"
    supersede(session, actor, before, entry, what, now)
    record_ids = reached.records
    wake_records(session, record_ids, now)
    fixed = Fixed(
        table=table.name,
        key=key,
        value=wanted.text,
        before=shown(before.value, before.num, before.den) if before else "",
        revision=revision,
        woken=len(record_ids),
        since=str(wanted.since) if wanted.since > ALWAYS else "",
    )
    _say(session, fixed, wanted, actor, record_ids, reason, now, op)
    return fixed


def _put(
    session: Session,
    actor: Actor,
    wanted: Wanted,
    reason: str,
    now: datetime,
    revision: int,
) -> tuple[MappingEntry | None, MappingEntry]:
    """Let the entry of the key end and another begin: both."""
    before = entry_of(session, wanted.table.id, wanted.key, wanted.since)
    if before is not None:
        before.to_revision = revision
        session.flush()
    parsed = wanted.parsed
    entry = MappingEntry(
        table_id=wanted.table.id,
        key=wanted.key,
        value=parsed.value if parsed else None,
        num=parsed.factor.numerator if parsed and parsed.factor else None,
        den=parsed.factor.denominator if parsed and parsed.factor else None,
        valid_from=wanted.since,
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
    wanted: Wanted,
    actor: Actor,
    record_ids: Sequence[int],
    reason: str,
    now: datetime,
    op: str | None,
) -> None:
    was = f", before {fixed.before}" if fixed.before else ""
    did = f"set {wanted.named} = {fixed.value}{was}"
    if wanted.parsed is None:
        did = f"removed {wanted.named}{was}"
    body = {
        "table": fixed.table,
        "key": fixed.key,
        "value": fixed.value,
        "before": fixed.before,
        "revision": fixed.revision,
        "reason": reason,
        **({"since": fixed.since} if fixed.since else {}),
    }
    company_id = wanted.table.company_id
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="mapping.fixed" if wanted.parsed else "mapping.removed",
        body={
            "say": f"{actor.name} {did} ({reason});"
            f" {plural(fixed.woken, 'record is', 'records are')} checked again.",
            "woken": fixed.woken,
            **body,
            **row_seals.seals(session, company_id, {row_seals.ENTRY: [fixed.revision]}),
        },
        operation_id=op,
    )
    record_events(
        session,
        [
            Fact(
                company_id=wanted.table.company_id,
                at=now,
                actor=actor,
                act="record.woken",
                record_id=record_id,
                operation_id=op,
                body={"say": f"Checked again because {actor.name} {did}.", **body},
            )
            for record_id in record_ids
        ],
    )
