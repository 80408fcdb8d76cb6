"""One change of an entry: append-only, with its revision, waking exactly what it can change.

Here: Wanted, whether somebody changed the same entry meanwhile, and the change with its events. Not
here: who may (fixes.py), what it would do (preview.py).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.access.people import names_of
from holding.db import bulk
from holding.db.models import Cause, MappingEntry, MappingTable
from holding.db.models.rules import ALWAYS
from holding.db.refusal import Refusal, plural
from holding.mappings.entries import Parsed, entry_of, shown
from holding.mappings.key_reach import touched
from holding.mappings.preview import active_program
from holding.mappings.superseded_fixes import supersede
from holding.platform import row_seals
from holding.platform.changes import Told, look_first, next_revision, wake_reached
from holding.platform.events import record_event
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
    where it counts for all days. `later`: more records may be woken than were at once.
    """

    table: str
    key: str
    value: str
    before: str
    revision: int
    woken: int
    since: str = ""
    later: bool = False


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
    causes, entries = touched(session, table, key, judge.ruleset if judge else None)
    noted = update(Cause).where(bulk.among(Cause.id, [one.id for one in causes]))
    session.execute(noted.values(changed_revision=revision))
    before, entry = _put(session, actor, wanted, reason, now, revision)
    what = f"{wanted.named} = {wanted.text}" if wanted.parsed else f"{wanted.named} removed"
    supersede(session, actor, before, entry, what, now)
    reached = look_first(session, table.company_id, [one.id for one in causes], entries)
    fixed = Fixed(
        table=table.name,
        key=key,
        value=wanted.text,
        before=shown(before.value, before.num, before.den) if before else "",
        revision=revision,
        woken=len(reached.records),
        since=str(wanted.since) if wanted.since > ALWAYS else "",
        later=bool(reached.left),
    )
    said = _tell(session, fixed, wanted, actor, reason, now, op)
    told = Told(said, actor.person_id, actor.name, actor.via, op)
    wake_reached(session, table.company_id, reached, told, now)
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


def _tell(
    session: Session,
    fixed: Fixed,
    wanted: Wanted,
    actor: Actor,
    reason: str,
    now: datetime,
    op: str | None,
) -> dict[str, Any]:
    """Write the event of the change; what the event of each woken record says."""
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
    say = (
        f"{actor.name} {did} ({reason});"
        f" {plural(fixed.woken, 'record is', 'records are')} checked again."
    )
    if fixed.later:
        say = (
            f"{actor.name} {did} ({reason});"
            f" {plural(fixed.woken, 'record is', 'records are')} checked again, more may follow."
        )
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="mapping.fixed" if wanted.parsed else "mapping.removed",
        body={
            "say": say,
            "woken": fixed.woken,
            **body,
            **row_seals.seals(session, company_id, {row_seals.ENTRY: [fixed.revision]}),
        },
        operation_id=op,
    )
    return {"say": f"Checked again because {actor.name} {did}.", **body}
