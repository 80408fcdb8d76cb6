"""Compare rows with their seals in the audit trail, and name each that differs."""

import json
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Text, or_, select, type_coerce, union
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.models import Evaluation, Event, EventLink, Posting, Record, RowSeal
from holding.platform.events import Break
from holding.platform.row_trail import (
    ACT,
    SEALS,
    company_hashes,
    digest_of,
    has_new_revision,
    newest_mark,
    record_hashes,
    unsealed_checks,
    unsealed_readings,
)
from holding.platform.sealed_tables import OF_COMPANY, OF_RECORD, TABLES_LEFT_OUT, Cover
from rules.values.canonical import PostingState

PART: Final = 250
"""Records that are compared together."""

Place = tuple[str, str]
"""A table and a row's key."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The records with events after the newest seals, and whether the company itself has such
    events.
    """

    records: frozenset[int]
    company: bool


@dataclass(slots=True)
class Trail:
    """The events that sealed seals, to name the event behind a seal."""

    firsts: list[int] = field(default_factory=list)
    ends: list[tuple[int, int]] = field(default_factory=list)

    def event_of(self, seal_id: int) -> int | None:
        """Return the event that sealed a seal, or None."""
        place = bisect_right(self.firsts, seal_id) - 1
        if place < 0 or self.ends[place][0] < seal_id:
            return None
        return self.ends[place][1]


@dataclass(slots=True)
class Sealed:
    """The hashes of rows from all their seals.

    `hashes`: columns that never change have their first hash, other columns their newest one.
    `whole`: the rows of the newest seal. `seal_ids`: each row's newest seal.
    """

    hashes: dict[Place, list[str]] = field(default_factory=dict)
    seal_ids: dict[Place, int] = field(default_factory=dict)
    whole: set[Place] = field(default_factory=set)

    def add(self, seal_id: int, body: Mapping[str, Mapping[str, str]]) -> None:
        """Add a seal that is newer than those added before."""
        self.whole = set()
        for table, rows in body.items():
            for key, text in rows.items():
                place, parts = (table, key), text.split(".")
                before = self.hashes.get(place)
                if before:
                    cleared = [old or new for old, new in zip(before[2:], parts[2:], strict=False)]
                    parts = [before[0], *parts[1:2], *cleared]
                self.hashes[place] = parts
                self.seal_ids[place] = seal_id
                self.whole.add(place)


def row_breaks(session: Session, company_id: int) -> Iterator[Break]:
    """Yield every row that differs from its seal, is gone, or has no event."""
    trail, breaks = _trail(session, company_id)
    if not trail.firsts and not breaks:
        return
    pending = _pending(session, company_id)
    yield from _record_breaks(session, company_id, trail, pending)
    for cover in OF_COMPANY:
        yield from _table_breaks(session, company_id, cover, trail, pending=pending.company)
    yield from breaks


def _trail(session: Session, company_id: int) -> tuple[Trail, list[Break]]:
    """Return the events that sealed seals, and the breaks of seals that differ from their event.

    The events' bodies are read as text, because the chain reports a changed body.
    """
    trail, breaks = Trail(), []
    query = select(Event.id, type_coerce(Event.body, Text).label("body"))
    query = query.where(Event.company_id == company_id, Event.act == ACT).order_by(Event.id)
    for row in session.execute(query).all():
        try:
            first, last, digest = json.loads(row.body)[SEALS]
            is_unchanged = digest_of(session, company_id, first, last) == digest
        except (ValueError, LookupError, TypeError):
            continue
        trail.firsts.append(first)
        trail.ends.append((last, row.id))
        if not is_unchanged:
            what = "their content is not what event"
            message = f"Table row_seal, rows {first} to {last}: {what} {row.id} sealed."
            breaks.append(Break(None, row.id, message))
    ids = select(RowSeal.id).where(RowSeal.company_id == company_id).order_by(RowSeal.id)
    breaks += [
        Break(None, None, f"Table row_seal, row {key}: no event tells of it.")
        for key in session.scalars(ids)
        if trail.event_of(key) is None
    ]
    return trail, breaks


def _pending(session: Session, company_id: int) -> Pending:
    """Return the rows that unsealed events, checks and readings concern, and the postings being
    sent.
    """
    mark = newest_mark(session, company_id)
    events = (
        select(Event.record_id)
        .outerjoin(EventLink, EventLink.event_id == Event.id)
        .where(Event.company_id == company_id, Event.act != ACT)
        .where(or_(EventLink.seq.is_(None), EventLink.seq > mark.through))
    )
    checks = unsealed_checks(company_id, mark).with_only_columns(Evaluation.record_id)
    readings = unsealed_readings(company_id, mark).with_only_columns(Posting.record_id)
    # A file that was refused is divided before its halves are sent: its calls change in between.
    sends = select(Posting.record_id).where(
        Posting.company_id == company_id, Posting.state == PostingState.SENDING
    )
    records = set(session.scalars(union(events, checks, readings, sends)))
    company = None in records or has_new_revision(session, company_id)
    return Pending(frozenset(key for key in records if key is not None), company)


def _record_breaks(
    session: Session, company_id: int, trail: Trail, pending: Pending
) -> Iterator[Break]:
    after = 0
    sealed_records = select(RowSeal.record_id).where(RowSeal.company_id == company_id).distinct()
    while True:
        part = sealed_records.where(RowSeal.record_id > after).order_by(RowSeal.record_id)
        ids = [key for key in session.scalars(part.limit(PART)) if key is not None]
        if not ids:
            break
        yield from _part_breaks(session, ids, trail, pending)
        after = ids[-1]
    query = select(Record.id).where(Record.company_id == company_id)
    query = query.where(Record.id.not_in(sealed_records.where(RowSeal.record_id.is_not(None))))
    for key in session.scalars(query.order_by(Record.id)):
        if key not in pending.records:
            yield Break(None, None, f"Table record, row {key}: no event tells of it.")


def _part_breaks(
    session: Session, ids: list[int], trail: Trail, pending: Pending
) -> Iterator[Break]:
    hashes = record_hashes(session, ids)
    sealed = _sealed_of(session, ids)
    covers = {cover.table: cover for cover in OF_RECORD}
    for record_id in ids:
        sealed_record = sealed.get(record_id, Sealed())
        now = {
            (table, key): text
            for table, rows in hashes[record_id].items()
            for key, text in rows.items()
        }
        waits = record_id in pending.records

        def elsewhere(place: Place, text: str) -> bool:
            return _sealed_for_another(session, covers[place[0]], place[1], text)

        yield from _compared(
            sealed_record, now, trail, pending=waits, permanent=True, elsewhere=elsewhere
        )


def _sealed_of(session: Session, ids: Collection[int]) -> dict[int, Sealed]:
    sealed: dict[int, Sealed] = {}
    for row in _seals(session, bulk.among(RowSeal.record_id, sorted(ids))):
        sealed.setdefault(row.record_id, Sealed()).add(row.id, _read(row.body))
    return sealed


def _seals(session: Session, *conditions: Any) -> list[Any]:
    """Return seals with their bodies as text, because a damaged body may be no valid JSON."""
    query = select(RowSeal.id, RowSeal.record_id, type_coerce(RowSeal.body, Text).label("body"))
    return list(session.execute(query.where(*conditions).order_by(RowSeal.id)))


def _read(body: str) -> Mapping[str, Mapping[str, str]]:
    try:
        tables = json.loads(body)
        return {str(table): {**rows} for table, rows in tables.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _compared(
    sealed: Sealed,
    now: Mapping[Place, str],
    trail: Trail,
    *,
    pending: bool,
    permanent: bool,
    elsewhere: Callable[[Place, str], bool],
) -> Iterator[Break]:
    """Yield the breaks of rows; while events wait for their seal, only what never changes counts.

    `permanent`: rows of these tables are never deleted, so one that is gone counts in any case.
    `elsewhere` checks whether another record that shares the row has it sealed like this since.
    """
    for place in sorted({*now, *sealed.whole}):
        table, key = place
        text, hashes = now.get(place), sealed.hashes.get(place)
        event_id = trail.event_of(sealed.seal_ids.get(place, 0))
        if text is None:
            if permanent or not pending:
                message = f"Table {table}, row {key}, which event {event_id} sealed, is gone."
                yield Break(None, event_id, message)
        elif hashes is None or (place not in sealed.whole and not pending):
            if not pending:
                yield Break(None, None, f"Table {table}, row {key}: no event tells of it.")
        elif not _same(text, hashes, pending=pending) and not elsewhere(place, text):
            message = f"Table {table}, row {key}: its content is not what event {event_id} sealed."
            yield Break(None, event_id, message)


def _same(text: str, hashes: list[str], *, pending: bool) -> bool:
    parts = text.split(".")
    if parts[0] != hashes[0] or (not pending and parts[1] != hashes[1]):
        return False
    return all(
        not now or now == sealed or (pending and not sealed)
        for now, sealed in zip(parts[2:], hashes[2:], strict=False)
    )


def _sealed_for_another(session: Session, cover: Cover, key: str, text: str) -> bool:
    """Check whether another record that shares a row has it sealed as it is now.

    A file of many documents is one call of many records, sealed with whichever had an event last.
    """
    if cover.table not in ("request", "delivery") or not key.isdecimal():
        return False
    query = cover.rows.where(cover.model.id == int(key))
    owners = {row["owner_id"] for row in session.execute(query).mappings()}
    seals = _seals(session, bulk.among(RowSeal.record_id, sorted(owners)))
    row_seals = [_read(row.body).get(cover.table, {}).get(key) for row in seals]
    fixed = {row_seal.split(".")[0] for row_seal in row_seals if row_seal}
    return fixed == {text.split(".", maxsplit=1)[0]} and text in row_seals


def _table_breaks(
    session: Session, company_id: int, cover: Cover, trail: Trail, *, pending: bool
) -> Iterator[Break]:
    """Yield the breaks of one of the company's tables."""
    table_terms = (RowSeal.company_id == company_id, RowSeal.table_name == cover.table)
    sealed, all_places = Sealed(), set[Place]()
    seals = _seals(session, *table_terms, RowSeal.record_id.is_(None))
    for row in seals:
        sealed.add(row.id, _read(row.body))
        all_places |= sealed.whole
    if not seals and pending:
        return
    if cover.grows:
        sealed.whole = all_places
    now = {
        (cover.table, key): text for key, text in company_hashes(session, company_id, cover).items()
    }
    permanent = bool(cover.grows)
    yield from _compared(
        sealed, now, trail, pending=pending, permanent=permanent, elsewhere=lambda *_: False
    )


def left_out() -> dict[str, dict[str, str]]:
    """Return by table and column why a column is not sealed; `*` means every column."""
    reasons = {cover.table: {**cover.left_out} for cover in (*OF_RECORD, *OF_COMPANY)}
    reasons |= {table: {"*": reason} for table, reason in TABLES_LEFT_OUT.items()}
    return {table: reasons[table] for table in sorted(reasons) if reasons[table]}
