"""Seal whole rows: a worker hashes the rows that new events concern, and an event seals the hashes.

Rows are read as stored, seconds after the events that changed them, so that the path of an order
has no additional work. holding/operations/sealed_rows.py compares rows with their seals.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, func, select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from holding.db import bulk, leases
from holding.db.database import Database
from holding.db.models import (
    Company,
    Evaluation,
    Event,
    EventLink,
    Posting,
    Reading,
    Record,
    Revision,
    RowSeal,
)
from holding.db.models.columns import moment_text, table_of
from holding.platform.events import record_event
from holding.platform.sealed_tables import OF_COMPANY, OF_RECORD, Cover
from rules.values.canonical import sha256_hex

ACT: Final = "rows.sealed"

SEALS: Final = "seals"
"""What such an event seals: first and last id of the seals, and the hash of them all."""

MOST: Final = 250
"""Events behind which one pass seals the rows."""

PASSES: Final = 20
"""Passes of a company in one sweep."""

EVERY: Final = timedelta(seconds=60)
"""Fewer events wait so long, so that an idle company gets few seals."""

SETTLED: Final = timedelta(seconds=30)
"""After this time every transaction that gave a check or a read-back its id has ended."""

GROWN: Final = 5000
"""Rows of a table that only grows in one seal."""

DUTY: Final = "row sealer"

Hashed = dict[str, dict[str, str]]
"""Table -> key of a row -> its hashes."""


def seal_due_rows(
    database: Database,
    *,
    now: datetime,
    at_once: bool = False,
    after: Callable[[], object] = lambda: None,
) -> int:
    """Seal the rows that linked events concern, in every company; return the number of passes.

    `at_once` does not wait until there is much to seal or a minute is over.
    """
    with database.read() as session:
        companies = session.scalars(select(Company.id).order_by(Company.id)).all()
        due = [key for key in companies if at_once or is_due(session, key, now)]
    settled = None if at_once else now
    passes = 0
    for company_id in due:
        for _ in range(PASSES):
            with database.write(many=True) as session:
                leases.take(session, DUTY, owner=DUTY, until=now, now=now)  # the row is a lock
                more = seal_company(session, company_id, now, settled_at=settled)
            passes += 1
            after()
            if not more:
                break
    return passes


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where rows are sealed: a place of the chain, a check's id, a read-back's id."""

    through: int = 0
    evaluation_id: int = 0
    reading_id: int = 0


@dataclass(frozen=True, slots=True)
class News:
    """The changes after a mark: the records, whether the company itself changed, and the next mark.

    Checks and readings that change nothing have no event, so they are counted separately.
    """

    mark: Mark
    records: frozenset[int]
    company: bool
    count: int


def newest_mark(session: Session, company_id: int) -> Mark:
    """Return up to where a company's rows are sealed; zeros before the first seal."""
    query = select(RowSeal.through, RowSeal.evaluation_id, RowSeal.reading_id)
    query = query.where(RowSeal.company_id == company_id).order_by(RowSeal.id.desc()).limit(1)
    row = session.execute(query).first()
    return Mark(*row) if row else Mark()


def read_news(session: Session, company_id: int, mark: Mark, settled_at: datetime | None) -> News:
    """Return the changes after the mark, at most as many as one pass seals.

    Checks and readings count up to the first that is not settled at `settled_at`: on PostgreSQL, a
    row with a lower id may be committed later. None counts all rows.
    """
    events = (
        select(EventLink.seq, Event.record_id)
        .join(Event, Event.id == EventLink.event_id)
        .where(EventLink.company_id == company_id, EventLink.seq > mark.through, Event.act != ACT)
        .order_by(EventLink.seq)
    )
    checks = unsealed_checks(company_id, mark)
    readings = unsealed_readings(company_id, mark)
    if settled_at is not None:
        checks = _until_unsettled(session, checks, Evaluation, settled_at)
        readings = _until_unsettled(session, readings, Reading, settled_at)
    parts: list[list[tuple[int, int | None]]] = [
        [(row[0], row[1]) for row in session.execute(query.limit(MOST))]
        for query in (events, checks.order_by(Evaluation.id), readings.order_by(Reading.id))
    ]
    records = {record_id for part in parts for _, record_id in part}
    old = (mark.through, mark.evaluation_id, mark.reading_id)
    ends = (part[-1][0] if part else last for part, last in zip(parts, old, strict=True))
    record_ids = frozenset(key for key in records if key is not None)
    revised = has_new_revision(session, company_id)
    counts = [int(revised), *map(len, parts)]
    return News(Mark(*ends), record_ids, revised or None in records, max(counts))


def unsealed_checks(company_id: int, mark: Mark) -> Select[int, int]:
    """Return the select of ids and records of checks after the mark."""
    return (
        select(Evaluation.id, Evaluation.record_id)
        .join(Record, Record.id == Evaluation.record_id)
        .where(Record.company_id == company_id, Evaluation.id > mark.evaluation_id)
    )


def unsealed_readings(company_id: int, mark: Mark) -> Select[int, int]:
    """Return the select of ids and records of read-backs after the mark."""
    return (
        select(Reading.id, Posting.record_id)
        .join(Posting, Posting.id == Reading.posting_id)
        .where(Posting.company_id == company_id, Reading.id > mark.reading_id)
    )


def _until_unsettled(
    session: Session,
    query: Select[int, int],
    model: type[Evaluation] | type[Reading],
    now: datetime,
) -> Select[int, int]:
    """Limit the select to rows before the first one written within `SETTLED` of now.

    Such a row may still get a neighbour with a lower id, from a transaction that commits later. A
    row with a time far ahead was written before the clock was set back, so it is settled.
    """
    unsettled = query.with_only_columns(func.min(model.id)).where(
        model.at.between(now - SETTLED, now + SETTLED)
    )
    first = session.scalar(unsettled)
    return query if first is None else query.where(model.id < first)


def has_new_revision(session: Session, company_id: int) -> bool:
    """Check whether the company has a revision without a seal.

    A list that the accounting system changed makes one without an event.
    """
    newest = last_seal(session, company_id, "revision")
    sealed = newest.last if newest and newest.last else 0
    query = select(Revision.no).where(Revision.company_id == company_id, Revision.no > sealed)
    return session.scalar(query.limit(1)) is not None


def is_due(session: Session, company_id: int, now: datetime) -> bool:
    """Check whether much waits to be sealed, or anything since the last seal a minute ago."""
    news = read_news(session, company_id, newest_mark(session, company_id), now)
    query = select(RowSeal.at).where(RowSeal.company_id == company_id)
    last = session.scalar(query.order_by(RowSeal.id.desc()).limit(1))
    lately = last is not None and last <= now < last + EVERY
    return news.count > 0 and (news.count >= MOST or not lately)


def seal_company(
    session: Session, company_id: int, now: datetime, *, settled_at: datetime | None
) -> bool:
    """Seal the rows of the next unsealed events, checks and read-backs; return if more remain."""
    mark = newest_mark(session, company_id)
    news = read_news(session, company_id, mark, settled_at)
    if not news.count:
        return False
    seals: list[dict[str, Any]] = [
        {"record_id": key, "table_name": None, "last": None, "body": hashed}
        for key, hashed in record_hashes(session, news.records).items()
    ]
    grown = False
    for cover in OF_COMPANY if news.company else ():
        seal, full = _company_seal(session, company_id, cover)
        grown = grown or full
        if seal is not None:
            seals.append({"record_id": None, **seal})
    if not seals:
        seals = [{"record_id": None, "table_name": None, "last": None, "body": {}}]
    # The rest of a long table is sealed with the same news again.
    common = {"company_id": company_id, "at": now, **asdict(mark if grown else news.mark)}
    rows = [{**common, **seal} for seal in seals]
    ids = [row[0] for row in bulk.insert_rows(session, RowSeal, rows, returning=("id",))]
    first, last = min(ids), max(ids)
    say = f"Clearpost sealed the stored rows of {len(news.records)} records."
    body = {"say": say, SEALS: [first, last, digest_of(session, company_id, first, last)]}
    record_event(session, company_id=company_id, at=now, actor=None, act=ACT, body=body)
    return grown or news.count == MOST


def digest_of(session: Session, company_id: int, first: int, last: int) -> str:
    """Return the hash of the company's seals from one id to another, as they are stored."""
    return sha256_hex("\n".join(seal_texts(session, company_id, first, last)))


def seal_texts(session: Session, company_id: int, first: int, last: int) -> list[str]:
    """Return the company's seals from one id to another as the texts that are hashed."""
    table = table_of(RowSeal)
    raw = [type_coerce(column, NullType()).label(column.name) for column in table.columns]
    query = select(*raw).where(table.c.company_id == company_id, table.c.id.between(first, last))
    rows = session.execute(query.order_by(table.c.id)).mappings()
    return [canonical_text(dict(row)) for row in rows]


def record_hashes(session: Session, record_ids: Collection[int]) -> dict[int, Hashed]:
    """Return the hashes of all sealed rows of each record."""
    hashed: dict[int, Hashed] = {key: {} for key in record_ids}
    for cover in OF_RECORD if hashed else ():
        query = cover.rows.where(bulk.among(cover.owner, sorted(record_ids)))
        for mapping in session.execute(query).mappings():
            row = dict(mapping)
            hashes_by_key = hashed[row["owner_id"]].setdefault(cover.table, {})
            hashes_by_key[key_of(cover, row)] = hashes_of(cover, row)
    return hashed


def _company_seal(
    session: Session, company_id: int, cover: Cover
) -> tuple[dict[str, Any] | None, bool]:
    """Return the seal of one of the company's tables, None without news, and whether rows remain.

    A table that only grows gets a seal of its new rows, every other one of all its rows.
    """
    newest = last_seal(session, company_id, cover.table)
    seal: dict[str, Any] = {"table_name": cover.table, "last": None}
    if cover.grows:
        after = newest.last if newest else 0
        rows = _grown(session, company_id, cover, after or 0)
        if not rows:
            return None, False
        hashed = {key_of(cover, row): hashes_of(cover, row) for row in rows}
        seal["last"] = max(row[cover.grows] for row in rows)
        return {**seal, "body": {cover.table: hashed}}, len(rows) >= GROWN
    hashed = company_hashes(session, company_id, cover)
    if hashed == (newest.body.get(cover.table, {}) if newest else {}):
        return None, False
    return {**seal, "body": {cover.table: hashed}}, False


def last_seal(session: Session, company_id: int, table: str) -> RowSeal | None:
    """Return the newest seal of one of the company's tables."""
    query = select(RowSeal).where(
        RowSeal.company_id == company_id, RowSeal.record_id.is_(None), RowSeal.table_name == table
    )
    return session.scalar(query.order_by(RowSeal.id.desc()).limit(1))


def _grown(session: Session, company_id: int, cover: Cover, after: int) -> list[dict[str, Any]]:
    column = table_of(cover.model).c[cover.grows]
    query = cover.rows.where(cover.owner == company_id, column > after).order_by(None)
    mappings = session.execute(query.order_by(column).limit(GROWN)).mappings()
    rows = [dict(row) for row in mappings]
    if len(rows) < GROWN:
        return rows
    # The rows of the last value may not all be among them.
    complete_rows = [row for row in rows if row[cover.grows] != rows[-1][cover.grows]]
    return complete_rows or rows


def company_hashes(session: Session, company_id: int, cover: Cover) -> dict[str, str]:
    """Return the hashes of a table's rows in a company, by key."""
    mappings = session.execute(cover.rows.where(cover.owner == company_id)).mappings()
    rows = [dict(row) for row in mappings]
    return {key_of(cover, row): hashes_of(cover, row) for row in rows}


def key_of(cover: Cover, row: Mapping[str, Any]) -> str:
    """Return a row's primary key as one text."""
    return "/".join(str(row[name]) for name in cover.key)


def hashes_of(cover: Cover, row: Mapping[str, Any]) -> str:
    """Return three hashes of a stored row: of its fixed columns, its changing columns, and its
    columns that may be cleared.
    """
    fixed = {name: row[name] for name in cover.fixed}
    parts = [{name: value for name, value in fixed.items() if _counts(cover, name, value)}]
    parts.append({name: row[name] for name in cover.state})
    hashes = [_short(part) for part in parts]
    hashes += ["" if is_cleared(row[name]) else _short({name: row[name]}) for name in cover.cleared]
    return ".".join(hashes)


def _counts(cover: Cover, name: str, value: Any) -> bool:
    return name not in cover.added or bool(value)


def is_cleared(value: Any) -> bool:
    """Check whether retention has emptied a value, or nothing was there."""
    return value is None or value in ("{}", "")


def _short(values: Mapping[str, Any]) -> str:
    """Return half of the hash, which is still long enough to prevent collisions."""
    return sha256_hex(canonical_text(values))[:32]


def canonical_text(values: object) -> str:
    """Return stored values as the text that is hashed."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> str:
    """Return a stored value as text, whatever its type, which may have been changed in the
    database.
    """
    if isinstance(value, datetime):
        return moment_text(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return sha256_hex(bytes(value)) if isinstance(value, bytes | memoryview) else str(value)
