"""Compare stored records with what the nightly sweep of their source lists."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, func, or_, select, update
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import IncomingRecord
from connectors.contract.pulls import NOT_IN_SOURCE, ListsAll, Pulls, not_in_source
from holding.connections import connections
from holding.db import bulk
from holding.db.models import Company, Connection, Pull, Record, Version
from holding.db.models.columns import Compared
from holding.db.refusal import plural
from holding.intake import receive
from holding.intake.deliveries import ids_of, moment_of_stamp
from holding.intake.families import GONE_STATES
from holding.intake.receive import may_deliver
from holding.platform.events import Fact, record_events
from rules.values.canonical import dumps, sha256_hex

MARGIN: Final = timedelta(days=1)
"""How much longer ago than the compared days the sweep lists, because shops and their stamps may
disagree about the time zone.
"""

DELETED: Final = frozenset({"deleted", "trash", "withdrawn"})
"""Statuses of records whose source reported the deletion."""

FEW: Final = 20
"""So many records may be missing at once, whatever their share."""

CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Missing:
    """A stored record that its source no longer lists, with its current content."""

    record_id: int
    record: IncomingRecord


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a complete sweep found missing.

    `doubt`: why these records are not held, because so many of them are missing; or blank.
    """

    missing: tuple[Missing, ...] = ()
    doubt: str = ""


def compared_kinds(source: object, connection: Connection) -> tuple[str, ...]:
    """Return the kinds of records that a sweep of this connection compares."""
    kinds = source.listed_kinds(connection.settings) if isinstance(source, ListsAll) else ()
    return tuple(kind for kind in kinds if may_deliver(connection, kind))


def mark_listed(
    session: Session,
    source_id: int,
    listed: Sequence[IncomingRecord],
    changed: Sequence[IncomingRecord],
    now: datetime,
) -> None:
    """Note that these records were compared; `changed` are those that brought a new version."""
    ids = ids_of(session, source_id, {(one.kind, one.external_id) for one in listed})
    other = {ids.get((one.kind, one.external_id)) for one in changed}
    for result, record_ids in (
        (Compared.CHANGED, [one for one in ids.values() if one in other]),
        (Compared.SAME, [one for one in ids.values() if one not in other]),
    ):
        _mark(session, record_ids, result, now)


def mark_missing(session: Session, missing: Sequence[Missing], now: datetime) -> None:
    """Note that the sweep compared these records and did not find them."""
    _mark(session, [one.record_id for one in missing], Compared.MISSING, now)


def _mark(session: Session, record_ids: Collection[int], result: Compared, now: datetime) -> None:
    if not record_ids:
        return
    session.execute(
        update(Record)
        .where(bulk.among(Record.id, sorted(record_ids)))
        .values(compared_at=now, compared=result)
        .execution_options(synchronize_session=False)
    )


def find_missing(
    session: Session,
    source_id: int,
    kinds: Collection[str],
    window: tuple[datetime, datetime],
    lists_back: timedelta | None,
) -> SweepResult:
    """Return the records of these kinds that a complete sweep did not list.

    `window`: the oldest compared change, and when the sweep began. Records that changed or arrived
    after its begin are left out, because the sweep may have passed them. `lists_back`: how old a
    record is at most that the source lists.
    """
    floor, began = window
    oldest = date.min if lists_back is None else (began - lists_back).date()
    of_source = and_(Record.source_id == source_id, bulk.among(Record.type, sorted(kinds)))
    listed = session.scalar(
        select(func.count()).select_from(Record).where(of_source, Record.compared_at >= began)
    )
    query = (
        _contents()
        .where(of_source, or_(Record.compared_at.is_(None), Record.compared_at < began))
        .where(Record.state.not_in(GONE_STATES))
        .where(Version.at < began, Version.at >= floor - MARGIN)
        .where(or_(Record.doc_date.is_(None), Record.doc_date >= oldest))
    )
    missing = [one for one in _read_missing(session, query) if _is_comparable(one.record, floor)]
    if len(missing) > max(FEW, listed or 0):
        doubt = (
            f"The nightly sweep does not list {len(missing):,} records that arrived before, so"
            " nothing was compared. Is it another shop, or does the key show less?"
        )
        return SweepResult(doubt=doubt)
    return SweepResult(tuple(missing))


def _is_comparable(record: IncomingRecord, floor: datetime) -> bool:
    """Check whether a sweep from this moment on would have listed a record that exists."""
    moment = moment_of_stamp(record.stamp) if record.stamp is not None else None
    deleted = record.body.get("status") in DELETED
    return moment is not None and moment >= floor and not deleted


def hold_not_shown(
    session: Session, source: Connection, named: Sequence[IncomingRecord], now: datetime
) -> None:
    """Hold records that the source names and does not show; an unknown one is stored so."""
    named = [one for one in named if may_deliver(source, one.kind)]
    ids = ids_of(session, source.id, {(one.kind, one.external_id) for one in named})
    unknown = [one for one in named if (one.kind, one.external_id) not in ids]
    if unknown:
        _receive(session, source, unknown, now)
    query = _contents().where(bulk.among(Record.id, sorted(ids.values())))
    hold_missing(session, source, _read_missing(session, query), now)


def _contents() -> Select[Any]:
    """Select records with their current content."""
    query = select(Record.id, Record.type, Record.external_id, Record.number)
    return query.add_columns(Version.stamp, Version.body).join(
        Version, Version.id == Record.version_id
    )


def _read_missing(session: Session, query: Select[Any]) -> list[Missing]:
    return [
        Missing(
            row.id,
            IncomingRecord(
                kind=row.type,
                external_id=row.external_id,
                number=row.number,
                stamp=row.stamp,
                body=row.body,
            ),
        )
        for row in session.execute(query.order_by(Record.id))
        if row.body is not None
    ]


def hold_missing(
    session: Session, connection: Connection, missing: Sequence[Missing], now: datetime
) -> Sequence[IncomingRecord]:
    """Hold records that the source no longer lists, each once, and return those held now."""
    fresh = [one for one in missing if not _is_held(one.record)]
    for at in range(0, len(fresh), CHUNK):
        part = fresh[at : at + CHUNK]
        records = [_with_fault(one.record) for one in part]
        _receive(session, connection, records, now)
        record_events(session, [_event(connection, one, now) for one in part])
    return [one.record for one in fresh]


def _receive(
    session: Session, source: Connection, records: Sequence[IncomingRecord], now: datetime
) -> None:
    raw = dumps([{"missing": one.external_id, "kind": one.kind} for one in records]).encode()
    receive.receive(
        session,
        company_id=source.company_id,
        source_id=source.id,
        delivery_key=f"missing-{now.isoformat()}-{sha256_hex(raw)}",
        kind="sweep",
        headers={},
        raw=raw,
        records=records,
        now=now,
    )


def _is_held(record: IncomingRecord) -> bool:
    return any(fault.get("code") == NOT_IN_SOURCE for fault in record.faults)


def _with_fault(record: IncomingRecord) -> IncomingRecord:
    return replace(record.with_faults([not_in_source(record.kind, record.number)]), errors=())


def _event(connection: Connection, one: Missing, now: datetime) -> Fact:
    what = f"{one.record.kind.replace('_', ' ')} {one.record.number}"
    return Fact(
        company_id=connection.company_id,
        at=now,
        actor=None,
        act="record.missing",
        record_id=one.record_id,
        body={"say": f"{connection.name} no longer shows {what}."},
    )


def describe_comparison(session: Session, record_id: int) -> str:
    """Return the sentence that the trace shows about the last comparison of a record."""
    record = session.get_one(Record, record_id)
    source = session.get_one(Connection, record.source_id)
    if record.compared_at is not None and record.compared is not None:
        zone = ZoneInfo(session.get_one(Company, record.company_id).zone)
        return _compared(source.name, record.compared_at, record.compared, zone)
    return _not_compared(session, record, source)


def _compared(name: str, at: datetime, result: Compared, zone: ZoneInfo) -> str:
    when = f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
    if result is Compared.SAME:
        return f"The nightly sweep compared it with {name} on {when}: the same there."
    if result is Compared.CHANGED:
        return (
            f"The nightly sweep compared it with {name} on {when}: a new version came from there."
        )
    return f"The nightly sweep compared it with {name} on {when}: {name} no longer shows it."


def _not_compared(session: Session, record: Record, source: Connection) -> str:
    """Return why a record was never compared."""
    connector = registry.sources().get(source.connector)
    done_at = session.scalar(
        select(Pull.done_at).where(Pull.connection_id == source.id, Pull.kind == "sweep")
    )
    if not isinstance(connector, Pulls) or not connections.is_set(source.settings):
        return f"Not compared with {source.name}: it only sends, and cannot be read."
    back = connections.plan_of(source.settings).compare_back
    if back is None:
        return f"Not compared with {source.name}: its settings switch the comparison off."
    if record.type not in compared_kinds(connector, source):
        return f"Not compared with {source.name}: it does not list all records of this kind."
    if done_at is None or done_at < record.seen_at:
        return f"Not compared with {source.name} yet: the next nightly sweep compares it."
    lists_back = connector.lists_back if isinstance(connector, ListsAll) else None
    if lists_back and record.doc_date and record.doc_date < (done_at - lists_back).date():
        days = plural(lists_back.days + 1, "day")
        return f"Not compared with {source.name}: it may list records of the last {days} alone."
    days = plural(back.days, "day")
    return f"Not compared with {source.name}: its last change lies more than {days} back."
