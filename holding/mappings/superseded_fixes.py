"""A wrong mapping that is corrected: what becomes of the stop of the first change.

Here: closing that stop, the one that takes its place, and which entries only bring back what was
agreed before. Not here: what is too much (evaluation/safety_stop.py), the fix itself
(holding/mappings/fixes.py).

What stood still for the first value was agreed by nobody, so its route stays stopped for the new
one. Where that is the value that was in force before, there is nothing to agree on.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, aliased

from holding.access.actors import Actor
from holding.db import bulk
from holding.db.models import MappingEntry, MappingTable, RouteStop
from holding.db.models.columns import StopState
from holding.db.models.rules import ROUTE_STOPPED
from holding.platform.events import record_event


def supersede(
    session: Session,
    actor: Actor,
    before: MappingEntry | None,
    entry: MappingEntry,
    what: str,
    now: datetime,
) -> None:
    """Close the stops of a change of which nothing is in force any more, now that `entry` stands in
    its place; for any value but the one that was agreed before, the same routes stay stopped.
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
    restores = entry.id in taken_back(session, company_id, [entry.id])
    for stop in stops:
        stop.state, stop.superseded_by = StopState.RESUMED, entry.from_revision
        stop.resumed_at, stop.resumed_by_id = now, actor.person_id
        stop.resumed_why = f"superseded by revision {entry.from_revision}, {what}"
        if not restores:
            _stay_stopped(session, stop, entry.from_revision, now)
        _tell(session, actor, stop, what, now, restores=restores)
    session.flush()


def taken_back(session: Session, company_id: int, entry_ids: Collection[int]) -> set[int]:
    """Of these entries, those that only take back changes that nobody agreed to: the last entry of
    the key that was agreed has the same value.
    """
    if not entry_ids:
        return set()
    mine, earlier = aliased(MappingEntry), aliased(MappingEntry)
    same_key = and_(
        earlier.table_id == mine.table_id,
        earlier.key == mine.key,
        earlier.valid_from == mine.valid_from,
        earlier.from_revision < mine.from_revision,
    )
    rows = session.execute(
        select(mine, earlier)
        .join(earlier, same_key)
        .where(bulk.among(mine.id, sorted(entry_ids)))
        .order_by(earlier.from_revision.desc())
    ).all()
    not_agreed = _not_agreed(session, company_id, {old.from_revision for _, old in rows})
    pairs: dict[int, list[tuple[MappingEntry, MappingEntry]]] = defaultdict(list)
    for entry, old in rows:
        pairs[entry.id].append((entry, old))
    return {entry_id for entry_id, those in pairs.items() if _restores(those, not_agreed)}


def _restores(
    pairs: Sequence[tuple[MappingEntry, MappingEntry]], not_agreed: Collection[int]
) -> bool:
    """`pairs`: the entry with each earlier one of its key, the newest first."""
    newest = pairs[0][1]
    agreed = (pair for pair in pairs if pair[1].from_revision not in not_agreed)
    entry, old = next(agreed, (newest, None))
    if old is None or newest.from_revision not in not_agreed:
        return False
    return (old.value, old.num, old.den) == (entry.value, entry.num, entry.den)


def _not_agreed(session: Session, company_id: int, revisions: Collection[int]) -> set[int]:
    """Of these changes, those that stopped a route and that nobody resumed."""
    query = select(RouteStop.revision).where(
        RouteStop.company_id == company_id,
        bulk.among(RouteStop.revision, sorted(revisions)),
        or_(ROUTE_STOPPED, RouteStop.superseded_by.is_not(None)),
    )
    return set(session.scalars(query))


def _partly_in_force(session: Session, company_id: int, revision: int) -> bool:
    query = (
        select(MappingEntry.id)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .where(MappingTable.company_id == company_id, MappingEntry.from_revision == revision)
        .where(MappingEntry.to_revision.is_(None))
    )
    return session.scalar(query.limit(1)) is not None


def _stay_stopped(session: Session, stop: RouteStop, revision: int, now: datetime) -> None:
    """The new change is counted from here on; nothing leaves before somebody agreed to it."""
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


def _tell(
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
