"""Store one change of a mapping entry with its revision, and wake the records it can affect."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from holding.access.actors import Actor
from holding.access.people import names_of
from holding.db import bulk
from holding.db.models import Cause, MappingEntry, MappingTable, RouteStop
from holding.db.models.columns import StopState
from holding.db.models.rules import ALWAYS, ROUTE_STOPPED
from holding.db.refusal import Refusal, plural
from holding.mappings.entries import Parsed, entry_of, entry_text
from holding.mappings.key_reach import find_touched
from holding.mappings.preview import active_program
from holding.platform import row_seals
from holding.platform.changes import WakeEvent, next_revision, wake_newest, wake_reached
from holding.platform.events import record_event
from rules.values.wording import readable_name


@dataclass(frozen=True, slots=True)
class EntryChange:
    """The value that a key gets from a day on; without `parsed` the entry of that day is
    removed.
    """

    table: MappingTable
    key: str
    since: date
    parsed: Parsed | None

    @property
    def text(self) -> str:
        """The value as users read it; "" if removed."""
        return self.parsed.text if self.parsed else ""

    @property
    def named(self) -> str:
        """Table and key, with the day if there is one."""
        return f"{self.table.name}(“{self.key}”){since_words(self.since)}"

    @property
    def said(self) -> str:
        """Table and key in words, for messages."""
        return f"{readable_name(self.table.name)} “{self.key}”{since_words(self.since)}"


@dataclass(frozen=True, slots=True)
class Fixed:
    """The result of a change.

    `before` is "" for a new entry, `value` for a removed one, `since` if it counts for all days.
    `later`: more records may be woken afterwards. `records`: the ids of those woken at once.
    """

    table: str
    key: str
    value: str
    before: str
    revision: int
    woken: int
    since: str = ""
    later: bool = False
    records: frozenset[int] = frozenset()


def since_words(since: date) -> str:
    """Return the start day of an entry as a suffix of its key; "" if it always counts."""
    return f" from {since}" if since > ALWAYS else ""


def find_conflict(session: Session, change: EntryChange, rev: int) -> Refusal | None:
    """Refuse if the entry changed after revision `rev`, or already has the value."""
    table, key = change.table, change.key
    newest = session.scalar(
        select(func.max(MappingEntry.from_revision)).where(
            MappingEntry.table_id == table.id,
            MappingEntry.key == key,
            MappingEntry.valid_from == change.since,
        )
    )
    entry = entry_of(session, table.id, key, change.since)
    stored = entry_text(entry.value, entry.num, entry.den) if entry else ""
    if newest is not None and newest > rev and entry is not None:
        changer = names_of(session, [entry.person_id]).get(entry.person_id or 0, "somebody")
        return Refusal(
            code="mapping.changed",
            message=f"The {change.said} was set to {stored or 'nothing'} by {changer} meanwhile;"
            f" you wanted {change.text or 'it removed'}.",
            hint="Keep theirs, or save yours again over it.",
        )
    if entry is not None and stored == change.text:
        is_so = f"is {stored}" if stored else "is removed"
        return Refusal(code="mapping.same", message=f"The {change.said} {is_so} already.")
    return None


def store_change(
    session: Session, actor: Actor, change: EntryChange, reason: str, now: datetime, op: str | None
) -> Fixed:
    """Store a revision, end the old entry, start the new one, and wake affected records."""
    table, key = change.table, change.key
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
    causes, entries = find_touched(session, table, key, judge.ruleset if judge else None)
    noted = update(Cause).where(bulk.among(Cause.id, [cause.id for cause in causes]))
    session.execute(noted.values(changed_revision=revision))
    before, entry = _put(session, actor, change, reason, now, revision)
    what = f"{change.named} = {change.text}" if change.parsed else f"{change.named} removed"
    supersede_stops(session, actor, before, entry, what, now)
    reached = wake_newest(session, table.company_id, [cause.id for cause in causes], entries)
    fixed = Fixed(
        table=table.name,
        key=key,
        value=change.text,
        before=entry_text(before.value, before.num, before.den) if before else "",
        revision=revision,
        woken=len(reached.records),
        since=str(change.since) if change.since > ALWAYS else "",
        later=bool(reached.left),
        records=reached.records,
    )
    event_body = _log_entry_change(session, fixed, change, actor, reason, now, op)
    wake_event = WakeEvent(event_body, actor.person_id, actor.name, actor.via, op)
    wake_reached(session, table.company_id, reached, wake_event, now)
    return fixed


def _put(
    session: Session,
    actor: Actor,
    change: EntryChange,
    reason: str,
    now: datetime,
    revision: int,
) -> tuple[MappingEntry | None, MappingEntry]:
    """End the key's current entry and insert the new one; return both."""
    before = entry_of(session, change.table.id, change.key, change.since)
    if before is not None:
        before.to_revision = revision
        session.flush()
    parsed = change.parsed
    entry = MappingEntry(
        table_id=change.table.id,
        key=change.key,
        value=parsed.value if parsed else None,
        num=parsed.factor.numerator if parsed and parsed.factor else None,
        den=parsed.factor.denominator if parsed and parsed.factor else None,
        valid_from=change.since,
        from_revision=revision,
        person_id=actor.person_id,
        reason=reason,
        at=now,
    )
    session.add(entry)
    session.flush()
    return before, entry


def _log_entry_change(
    session: Session,
    fixed: Fixed,
    change: EntryChange,
    actor: Actor,
    reason: str,
    now: datetime,
    op: str | None,
) -> dict[str, Any]:
    """Record the event of the change, and return the body for the events of woken records."""
    was = f", before {fixed.before}" if fixed.before else ""
    did = f"set {change.named} = {fixed.value}{was}"
    if change.parsed is None:
        did = f"removed {change.named}{was}"
    body = {
        "table": fixed.table,
        "key": fixed.key,
        "value": fixed.value,
        "before": fixed.before,
        "revision": fixed.revision,
        "reason": reason,
        **({"since": fixed.since} if fixed.since else {}),
    }
    company_id = change.table.company_id
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
        act="mapping.fixed" if change.parsed else "mapping.removed",
        body={
            "say": say,
            "woken": fixed.woken,
            **body,
            **row_seals.seals(session, company_id, {row_seals.ENTRY: [fixed.revision]}),
        },
        operation_id=op,
    )
    return {"say": f"Checked again because {actor.name} {did}.", **body}


def supersede_stops(
    session: Session,
    actor: Actor,
    before: MappingEntry | None,
    entry: MappingEntry,
    what: str,
    now: datetime,
) -> None:
    """Close the route stops of a change that is no longer in force in any table.

    Unless `entry` restores the last approved value, these routes stay stopped under its revision.
    """
    company_id = actor.company_id or 0
    if before is None or _partly_in_force(session, company_id, before.from_revision):
        return
    stops = session.scalars(
        select(RouteStop)
        .where(RouteStop.company_id == company_id, ROUTE_STOPPED)
        .where(RouteStop.revision == before.from_revision)
        .order_by(RouteStop.id)
        .with_for_update(key_share=True)
    ).all()
    if not stops:
        return
    restores = entry.id in restoring_entries(session, company_id, [entry.id])
    for stop in stops:
        stop.state, stop.superseded_by = StopState.RESUMED, entry.from_revision
        stop.resumed_at, stop.resumed_by_id = now, actor.person_id
        stop.resumed_why = f"superseded by revision {entry.from_revision}, {what}"
        if not restores:
            _stay_stopped(session, stop, entry.from_revision, now)
        _log_route_stop(session, actor, stop, what, now, restores=restores)
    session.flush()


def _partly_in_force(session: Session, company_id: int, revision: int) -> bool:
    query = (
        select(MappingEntry.id)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .where(MappingTable.company_id == company_id, MappingEntry.from_revision == revision)
        .where(MappingEntry.to_revision.is_(None))
    )
    return session.scalar(query.limit(1)) is not None


def _stay_stopped(session: Session, stop: RouteStop, revision: int, now: datetime) -> None:
    """Stop the route under the new revision until a user reviews it."""
    session.add(
        RouteStop(
            company_id=stop.company_id,
            route=stop.route,
            revision=revision,
            state=StopState.STOPPED,
            most_records=stop.most_records,
            most_book=stop.most_book,
            stopped_at=now,
        )
    )


def _log_route_stop(
    session: Session, actor: Actor, stop: RouteStop, what: str, now: datetime, *, restores: bool
) -> None:
    after = (
        "is resumed as it was before" if restores else "stays stopped until that one is reviewed"
    )
    record_event(
        session,
        company_id=stop.company_id,
        at=now,
        actor=actor,
        act="route.superseded",
        object=f"route:{stop.route}",
        body={
            "say": f"{actor.name} set {what}, which supersedes revision {stop.revision}:"
            f" {stop.route} {after}.",
            "route": stop.route,
            "revision": stop.revision,
            "superseded_by": stop.superseded_by,
        },
    )


def restoring_entries(session: Session, company_id: int, entry_ids: Collection[int]) -> set[int]:
    """Return the entries that only revert changes which no user approved.

    Such an entry has the value of the key's last approved entry.
    """
    if not entry_ids:
        return set()
    current_entry, earlier = aliased(MappingEntry), aliased(MappingEntry)
    same_key = and_(
        earlier.table_id == current_entry.table_id,
        earlier.key == current_entry.key,
        earlier.valid_from == current_entry.valid_from,
        earlier.from_revision < current_entry.from_revision,
    )
    rows = session.execute(
        select(current_entry, earlier)
        .join(earlier, same_key)
        .where(bulk.among(current_entry.id, sorted(entry_ids)))
        .order_by(earlier.from_revision.desc())
    ).all()
    not_agreed = _not_agreed(session, company_id, {old.from_revision for _, old in rows})
    pairs: dict[int, list[tuple[MappingEntry, MappingEntry]]] = defaultdict(list)
    for entry, old in rows:
        pairs[entry.id].append((entry, old))
    return {
        entry_id for entry_id, entry_pairs in pairs.items() if _restores(entry_pairs, not_agreed)
    }


def _not_agreed(session: Session, company_id: int, revisions: Collection[int]) -> set[int]:
    """Return the revisions that stopped a route which no user resumed."""
    query = select(RouteStop.revision).where(
        RouteStop.company_id == company_id,
        bulk.among(RouteStop.revision, sorted(revisions)),
        or_(ROUTE_STOPPED, RouteStop.superseded_by.is_not(None)),
    )
    return set(session.scalars(query))


def _restores(
    pairs: Sequence[tuple[MappingEntry, MappingEntry]], not_agreed: Collection[int]
) -> bool:
    """Check whether an entry restores the last approved value; `pairs` has its earlier entries,
    newest first.
    """
    newest = pairs[0][1]
    agreed = (pair for pair in pairs if pair[1].from_revision not in not_agreed)
    entry, old = next(agreed, (newest, None))
    if old is None or newest.from_revision not in not_agreed:
        return False
    return (old.value, old.num, old.den) == (entry.value, entry.num, entry.den)
