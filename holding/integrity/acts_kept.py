"""Whether what people's acts wrote is what their events sealed: releases, mappings, rules, files.

Here: each sealed hash is made again from its rows, and what differs, is gone, or was told by no
event is named with table and row. Not here: which tables and columns (holding/platform/row_seals.py),
versions, pushes, approvals and calls (contents.py).
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from sqlalchemy import Text, cast, func, or_, select
from sqlalchemy.orm import Session, aliased

from holding.db.models import Event, MappingEntry, Posting, Release
from holding.platform.events import Break
from holding.platform.row_seals import KINDS, ROWS, Kind, hashes

_Sealed = Mapping[int, tuple[str, int]]
"""Key -> the hash that was sealed last, and the event that did."""


def breaks(session: Session, company_id: int) -> Iterator[Break]:
    """Every row of an act that is not what its last event sealed, table by table."""
    every = _sealed(session, company_id)
    since = _since(session, every)
    for word, kind in KINDS.items():
        sealed = every.get(word, {})
        found = hashes(session, company_id, kind, sealed)
        for key, (digest, event_id) in sorted(sealed.items()):
            ids, now = found.get(key, ([], ""))
            if now == digest:
                continue
            where = f"row {ids[0]}" if len(ids) == 1 else f"{kind.by} {key}"
            what = f"its content is not what event {event_id} sealed"
            if not now:
                what = f"which event {event_id} sealed, is gone"
            yield Break(None, event_id, f"Table {kind.table}, {where}{_colon(now)} {what}.")
        if kind.told and since is not None:
            yield from _never_told(session, company_id, kind, sealed, since)
    yield from _ended(session, company_id)
    yield from _counts_again(session, company_id)


def _colon(now: str) -> str:
    return ":" if now else ","


def _sealed(session: Session, company_id: int) -> dict[str, dict[int, tuple[str, int]]]:
    """Table -> what was sealed of it; of what changes by further acts, the last word."""
    query = (
        select(Event.id, Event.body)
        .where(Event.company_id == company_id, cast(Event.body, Text).contains(f'"{ROWS}":[['))
        .order_by(Event.id)
    )
    found: dict[str, dict[int, tuple[str, int]]] = {}
    for event_id, body in session.execute(query):
        for word, key, digest in body.get(ROWS, ()):
            if word in KINDS:
                found.setdefault(word, {})[int(key)] = (str(digest), event_id)
    return found


def _ended(session: Session, company_id: int) -> Iterator[Break]:
    """Entries of mappings that ended without another one: each change begins one, also removing."""
    entry, later = MappingEntry, aliased(MappingEntry)
    another = (
        select(later.id)
        .where(later.table_id == entry.table_id, later.key == entry.key)
        .where(later.valid_from == entry.valid_from, later.from_revision == entry.to_revision)
    )
    query = (
        select(entry.id)
        .where(KINDS[entry.__tablename__].mine(company_id), entry.to_revision.is_not(None))
        .where(~another.exists())
        .order_by(entry.id)
    )
    for row in session.scalars(query):
        told = f"Table mapping_entry, row {row}: it has ended, and no other entry of its key began"
        yield Break(None, None, f"{told} then.")


def _since(session: Session, every: Mapping[str, _Sealed]) -> datetime | None:
    """Since when events seal such rows, of whatever table; None where none does yet."""
    events = [event_id for sealed in every.values() for _, event_id in sealed.values()]
    if not events:
        return None
    return session.scalar(select(Event.at).where(Event.id == min(events)))


def _counts_again(session: Session, company_id: int) -> Iterator[Break]:
    """Decisions that stand, though an event tells that they were taken back."""
    undone = (
        select(Event.id)
        .join(Posting, Posting.id == Event.posting_id)
        .where(Event.company_id == company_id, Event.act == "operation.undone")
        .where(Event.operation_id == Release.operation_id, Event.record_id == Release.record_id)
        .where(Posting.route == Release.route)
    )
    query = (
        select(Release.id)
        .where(KINDS["release"].mine(company_id), Release.operation_id.is_not(None))
        .where(Release.voided_at.is_(None), undone.exists())
        .order_by(Release.id)
    )
    for row in session.scalars(query):
        told = f"Table release, row {row}: it was taken back, and counts again."
        yield Break(None, None, told)


def _never_told(
    session: Session, company_id: int, kind: Kind, sealed: _Sealed, since: datetime
) -> Iterator[Break]:
    """Rows since the first that an event sealed, of which none tells: by their place, for who
    writes a moment of old; and by their moment, for who takes a number below.
    """
    late = getattr(kind.model, kind.when) >= since
    query = (
        select(kind.key, func.min(kind.model.id))
        .where(kind.mine(company_id), or_(late, kind.key >= min(sealed)) if sealed else late)
        .group_by(kind.key)
        .order_by(kind.key)
    )
    for key, row in session.execute(query):
        if key not in sealed:
            yield Break(None, None, f"Table {kind.word}, row {row}: no event tells of it.")
