"""Compare stored records with what the nightly sweep of their source lists."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from connectors import registry
from connectors.contract import IncomingRecord
from connectors.contract.pulls import NOT_IN_SOURCE, ListsAll, Pulls, not_in_source
from holding.connections import connections
from holding.db import bulk
from holding.db.models import Company, Connection, Delivery, Pull, Record, Version
from holding.db.models.columns import Compared
from holding.db.refusal import plural
from holding.intake import receive
from holding.intake.deliveries import ids_of, moment_of_stamp, text_of
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
"""So many records of a kind may be missing at once, whatever their share."""

SHARE: Final = 10
"""Of a kind, one record in so many that are listed may be missing at once."""

CHUNK: Final = 500

BY_FILE: Final = "file"
"""The kind of a delivery that a person uploaded."""

_OwnVersion = aliased(Version)


@dataclass(frozen=True, slots=True)
class Missing:
    """A stored record that the nightly sweep of its source did not list.

    `record` is the content of the record's latest version.
    """

    record_id: int
    record: IncomingRecord


@dataclass(frozen=True, slots=True)
class SweepResult:
    """The result of a complete sweep: ids of the missing records, or why the result is doubted.

    `doubt` is a sentence when too many records are missing to believe that they were deleted. Then
    `record_ids` is empty and no record is held. Otherwise `doubt` is blank.
    """

    record_ids: tuple[int, ...] = ()
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
    """Record that these records were compared; `changed` lists the records with a new version."""
    ids = ids_of(session, source_id, {(record.kind, record.external_id) for record in listed})
    other = {ids.get((record.kind, record.external_id)) for record in changed}
    for result, record_ids in (
        (Compared.CHANGED, [record_id for record_id in ids.values() if record_id in other]),
        (Compared.SAME, [record_id for record_id in ids.values() if record_id not in other]),
    ):
        _mark(session, record_ids, result, now)


def mark_missing(session: Session, record_ids: Collection[int], now: datetime) -> None:
    """Record that the sweep compared these records and did not find them."""
    _mark(session, record_ids, Compared.MISSING, now)


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
    of_source = and_(Record.source_id == source_id, bulk.among(Record.type, sorted(kinds)))
    listed = select(Record.type, func.count().label("count_of_type"))
    listed = listed.where(of_source, Record.compared_at >= began).group_by(Record.type)
    listed_counts = {row.type: row.count_of_type for row in session.execute(listed)}
    # no bodies yet: a shop that was exchanged lacks all of its records
    columns = (Record.id, Record.type, Record.compared_at, Record.compared)
    query = (
        select(*columns, Version.stamp, Version.at)
        .join(Version, Version.id == Record.version_id)
        .where(of_source, or_(Record.compared_at.is_(None), Record.compared_at < began))
        .where(Record.state.not_in(GONE_STATES), Version.status.not_in(DELETED))
        .where(Version.at < began, Version.at >= floor - MARGIN)
        .where(_was_shown())
        .order_by(Record.id)
    )
    missing = [row for row in session.execute(query) if _is_since(row.stamp, floor)]
    if lists_back is not None:
        oldest = (began - lists_back).date().isoformat()
        young = _ordered_since(session, [row.id for row in missing], oldest)
        missing = [row for row in missing if row.id in young]
    fresh_counts = Counter(
        row.type
        for row in missing
        if row.compared is not Compared.MISSING or row.at > row.compared_at
    )
    if doubt := _missing_warning(fresh_counts, listed_counts):
        return SweepResult(doubt=doubt)
    return SweepResult(tuple(row.id for row in missing))


def _was_shown() -> ColumnElement[bool]:
    """Return the condition for records that the source itself has shown: delivered, or listed by an
    earlier sweep.

    An uploaded record may be older than the source's list, or from another shop.
    """
    delivered = (
        select(_OwnVersion.id)
        .join(Delivery, Delivery.id == _OwnVersion.delivery_id)
        .where(_OwnVersion.record_id == Record.id, Delivery.kind != BY_FILE)
    )
    return or_(Record.compared_at.is_not(None), delivered.exists())


def _is_since(stamp: str | None, floor: datetime) -> bool:
    """Check whether a sweep from this moment on would have listed a record with this stamp."""
    moment = moment_of_stamp(stamp) if stamp is not None else None
    return moment is not None and moment >= floor


def _ordered_since(session: Session, record_ids: Sequence[int], oldest: str) -> set[int]:
    """Return the records that were ordered on this day or later."""
    young = set[int]()
    for at in range(0, len(record_ids), CHUNK):
        query = _contents().where(bulk.among(Record.id, record_ids[at : at + CHUNK]))
        rows = session.execute(query)
        young.update(row.id for row in rows if text_of(row.body or {}, "ordered_on") >= oldest)
    return young


def _missing_warning(missing: Mapping[str, int], listed: Mapping[str, int]) -> str:
    """Return a warning if too many records of a kind are missing for the list to be trusted, or "".

    `missing` and `listed`: record kind -> count.
    """
    for kind, count in sorted(missing.items()):
        listed_count = listed.get(kind, 0)
        allowed = max(FEW, listed_count // SHARE) if listed_count else 1
        if count > allowed:
            return (
                f"The nightly sweep does not list {count:,} records of the kind"
                f" {kind.replace('_', ' ')} that arrived before, and lists {listed_count:,}, so"
                " nothing was compared. Is it another shop, does the key show less, or does a"
                " query drop old rows?"
            )
    return ""


def is_doubt(words: str | None) -> bool:
    """Check whether the stored words about a sweep report a doubtful comparison."""
    return (words or "").startswith("The nightly sweep does not list ")


def hold_not_shown(
    session: Session, source: Connection, named: Sequence[IncomingRecord], now: datetime
) -> None:
    """Hold records that the source names and does not show; an unknown one is stored so."""
    named = [record for record in named if may_deliver(source, record.kind)]
    ids = ids_of(session, source.id, {(record.kind, record.external_id) for record in named})
    unknown = [record for record in named if (record.kind, record.external_id) not in ids]
    if unknown:
        _receive(session, source, unknown, now)
    hold_missing(session, source, sorted(ids.values()), now)


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
    session: Session, connection: Connection, record_ids: Sequence[int], now: datetime
) -> list[str]:
    """Hold records that the source no longer lists, each once; return the names of those held
    now.
    """
    names: list[str] = []
    for at in range(0, len(record_ids), CHUNK):
        query = _contents().where(bulk.among(Record.id, record_ids[at : at + CHUNK]))
        fresh = [
            missing for missing in _read_missing(session, query) if not _is_held(missing.record)
        ]
        if fresh:
            _receive(session, connection, [_with_fault(missing.record) for missing in fresh], now)
            record_events(session, [_event(connection, missing, now) for missing in fresh])
            names += [name_of(missing.record) for missing in fresh]
    return names


def name_of(record: IncomingRecord) -> str:
    """Return the kind and the number of a record, as a sentence names it."""
    return f"{record.kind.replace('_', ' ')} {record.number}"


def _receive(
    session: Session, source: Connection, records: Sequence[IncomingRecord], now: datetime
) -> None:
    raw = dumps(
        [{"missing": record.external_id, "kind": record.kind} for record in records]
    ).encode()
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


def _event(connection: Connection, missing: Missing, now: datetime) -> Fact:
    what = name_of(missing.record)
    return Fact(
        company_id=connection.company_id,
        at=now,
        actor=None,
        act="record.missing",
        record_id=missing.record_id,
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
    oldest = (done_at - lists_back).date().isoformat() if lists_back else ""
    if lists_back and not _ordered_since(session, [record.id], oldest):
        days = plural(lists_back.days + 1, "day")
        return f"Not compared with {source.name}: it may list records of the last {days} alone."
    if not session.scalar(select(Record.id).where(Record.id == record.id, _was_shown())):
        return f"Not compared with {source.name}: it came by file, and no sweep has listed it."
    days = plural(back.days, "day")
    return f"Not compared with {source.name}: its last change lies more than {days} back."
