"""Read code lists from a target page by page, and store each complete list.

A list is replaced as a whole. If a list of customers, vendors or items lacks earlier entries, it is
stored only after a second reading confirms this. Otherwise an entry that moved between two pages
would look removed. A list of unpaid documents is stored at once, because nothing is sent because of
it. An unchanged list is not stored again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import Found
from connectors.contract.schema import CALLS
from connectors.contract.targets import ListEntry, ListPage, TellsLists
from connectors.transport.http import TOO_MANY, Clock, Http
from holding.access.actors import SYSTEM, Keys
from holding.connections import breaker
from holding.connections.channel import counted_together, own_settings, renew
from holding.connections.connections import log_connection_event, secret_of
from holding.connections.limits import a_call, leave_alone
from holding.connections.master_data import zone_of
from holding.db.database import Database
from holding.db.leases import SLICE_SECONDS
from holding.db.models import Company, Connection, ListedCode, ListReading
from holding.db.models.columns import is_currency
from holding.db.refusal import Refusal, plural
from holding.mappings import list_storage, list_turns
from holding.mappings.list_rows import LONGEST, ListRow
from holding.mappings.list_turns import Turn
from rules.values.canonical import dumps, sha256_hex

LONGEST_PAUSE: Final = timedelta(hours=1)  # that a target may request
LONGEST_RETRY: Final = timedelta(minutes=15)
DOUBLED: Final = 4  # so many times at most: then it is as long
AWAY: Final = timedelta(minutes=5)
NAMED_CODES: Final = 5
MOST_PAGES: Final = 1_000
MOST_DIGITS: Final = 13  # of an amount, before its point
USUAL_PACE: Final = 60  # calls a minute, of a target that names no limit


@dataclass(frozen=True, slots=True)
class ListCount:
    """The result of a turn: requested pages, and whether more can be read at once."""

    pages: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class _Asked:
    """A target that can be called, with its settings and secret."""

    target: TellsLists
    settings: Mapping[str, Any]
    secret: str


def read_due(
    database: Database,
    clock: Clock,
    *,
    company_id: int,
    owner: str,
    http: Http,
    keys: Keys | None,
    lease_seconds: float,
) -> ListCount:
    """Read due lists for a short time, page by page."""
    until = clock.monotonic() + SLICE_SECONDS
    lease, pages = timedelta(seconds=lease_seconds), 0
    while clock.monotonic() < until:
        with database.write() as session:
            turn = list_turns.claim(session, company_id, owner, clock.now(), lease)
        if turn is None:
            return ListCount(pages)
        pages += 1
        _turn(database, clock, turn, http, keys)
    return ListCount(pages, more=True)


def _turn(database: Database, clock: Clock, turn: Turn, http: Http, keys: Keys | None) -> None:
    """Read one page of one list."""
    with database.read() as session:
        target = registry.targets().get(session.get_one(Connection, turn.connection_id).connector)
    if not isinstance(target, TellsLists):
        with database.write() as session:
            list_turns.postpone(session, turn, None)
        return
    with database.write() as session:
        now = clock.now()
        if retry_at := _wait(session, turn, target, now):
            list_turns.postpone(session, turn, retry_at)
            return
    renew(database, clock, turn.connection_id, http=http, keys=keys)
    with database.read() as session:
        connection = session.get_one(Connection, turn.connection_id)
        secret = secret_of(session, connection, keys)
        settings = own_settings(session, connection)
    if isinstance(secret, Refusal):
        _failed(database, clock, turn, secret.words, None)
        return
    page = target.list_page(turn.kind.value, turn.cursor, settings, secret, http)
    if isinstance(page, Found):
        pause = page.retry_after if page.status == TOO_MANY else None
        _failed(database, clock, turn, page.words, pause, enough=page.status == TOO_MANY)
        return
    _store_page(database, clock, turn, page)


def _wait(session: Session, turn: Turn, target: TellsLists, now: datetime) -> datetime | None:
    """Return until when the target must not be called, or None if the call is counted and
    allowed.
    """
    if not breaker.closed(session, turn.connection_id):
        return now + AWAY
    connection = session.get_one(Connection, turn.connection_id)
    most = target.pace.per_minute or USUAL_PACE
    limit = str(connection.settings.get(CALLS.name) or "").strip()
    counted = counted_together(session, turn.connection_id, target.pace)[0]
    return a_call(session, counted, min(int(limit), most) if limit else most, now)


def _store_page(database: Database, clock: Clock, turn: Turn, page: ListPage) -> None:
    """Store a page with the next page's position; after the last page, store the list."""
    fault = _unreadable(page)
    with database.write(many=True) as session:
        row, now = list_turns.lock_own_turn(session, turn), clock.now()
        if row is None:
            return
        if not fault and turn.pages >= MOST_PAGES:
            fault = f"The list has more than {MOST_PAGES:,} pages."
        if not fault:
            rows = [_stored_values(entry) for entry in page.entries]
            list_turns.advance(session, row, rows, page.after)
            fault = "" if page.after else _whole(session, row, now)
        if not fault:
            if turn.wrong_since is not None:
                connection = session.get_one(Connection, turn.connection_id)
                words = f"The lists of {connection.name} can be read again."
                log_connection_event(session, connection, SYSTEM, now, "lists.read", words)
            return
        list_turns.restart(session, row)
        row.lease_owner, row.tries = turn.owner, turn.tries
    _failed(database, clock, turn, fault, None)


def _unreadable(page: ListPage) -> str:
    """Return why an entry of a page cannot be stored; names that are too long are cut."""
    for entry in page.entries:
        if not entry.code or len(entry.code) > LONGEST or not entry.code.isprintable():
            return f"“{entry.code[:50]}” is not a code that a document could name."
        if entry.left is not None and not (entry.left > 0 and entry.left.adjusted() < MOST_DIGITS):
            return f"What is left to pay of {entry.sku or entry.code} cannot be read."
        if entry.currency and not is_currency(entry.currency):
            return f"“{entry.currency[:10]}” of {entry.sku or entry.code} is not a currency."
    return ""


def _whole(session: Session, row: ListReading, now: datetime) -> str:
    """Store the pages as today's list if it differs from the current one; return a fault, if
    any.
    """
    connection = session.get_one(Connection, row.connection_id)
    rows_by_code = {
        stored_row[0]: _row(*stored_row) for stored_row in list_turns.stored_rows(session, row)
    }
    home = session.get_one(Company, connection.company_id).currency
    rows = list_storage.in_book_units(tuple(rows_by_code.values()), home)
    if fault := "" if row.kind.unpaid else _lacking(session, connection.name, row, rows):
        return fault
    # A target that lists no TIN would otherwise erase those of an uploaded file.
    rows = list_storage.with_stored_numbers(session, connection.id, row.kind, rows)
    difference = list_storage.list_difference(session, connection.id, row.kind, rows)
    first = row.kind.unpaid and row.done_at is None  # that nothing is unpaid is worth knowing
    if difference.fresh or difference.over or first:
        list_storage.store_list(
            session,
            SYSTEM,
            connection,
            row.kind,
            f"the list of {connection.name}",
            sha256_hex(dumps([_digest_values(list_row) for list_row in rows])),
            rows,
            as_of=now.astimezone(zone_of(session, connection.company_id)).date(),
            now=now,
            difference=difference,
        )
    due = list_turns.next_at(session, connection, now)
    list_turns.finish(session, row, len(rows), due, now)
    return ""


def _stored_values(entry: ListEntry) -> list[object]:
    """Return an entry of a page in the order of `_row`."""
    amount_left = "" if entry.left is None else str(entry.left)
    of_code = [entry.code, entry.name, entry.active, entry.tin, entry.registration, entry.sku]
    return [*of_code, entry.party, amount_left, entry.currency]


def _row(
    code: str,
    name: str,
    active: bool,
    tin: str,
    registration: str,
    sku: str = "",
    party: str = "",
    amount_left: str = "",
    currency: str = "",
) -> ListRow:
    """Return a stored entry of a page; entries stored by earlier versions have fewer fields."""
    return ListRow(
        code=code,
        name=_plain(name) or code,
        tin=_plain(tin),
        registration=_plain(registration),
        active=active,
        sku=_plain(sku),
        party=_plain(party),
        left=Decimal(amount_left) if amount_left else None,
        currency=currency,
    )


def _digest_values(row: ListRow) -> list[object]:
    unpaid = [] if row.left is None else [row.party, row.left, row.currency]
    return [row.code, row.name, row.active, row.sku, *unpaid]


def _lacking(session: Session, name: str, row: ListReading, rows: Sequence[ListRow]) -> str:
    """Return why a list is not accepted, or not yet, because it lacks current entries."""
    noun = list_storage.NAMED[row.kind]
    if not rows and (current_count := _standing(session, row)):
        have = plural(current_count, noun)
        return f"{name} told no {noun} at all, and {have} stood: those stay."
    missing = list_storage.missing_codes(session, row.connection_id, row.kind, rows)
    fingerprint = sha256_hex(dumps(list(missing))) if missing else None
    if missing and row.missed != fingerprint:
        row.missed = fingerprint
        return _doubtful(name, noun, len(rows), missing)
    row.missed = None
    return ""


def _doubtful(target: str, noun: str, listed_count: int, missing: Sequence[str]) -> str:
    """Return why a list needs a second reading: pages may have shifted while it was read."""
    few = ", ".join(missing[:NAMED_CODES]) + (" …" if len(missing) > NAMED_CODES else "")
    listed = plural(listed_count, noun)
    words = f"{target} told {listed}, and {len(missing):,} that stood are missing: {few}."
    return f"{words} They stay until a second reading lacks the same."


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).strip()[:LONGEST]


def _standing(session: Session, row: ListReading) -> int:
    """Return how many entries the current list has."""
    query = select(func.count()).where(
        ListedCode.connection_id == row.connection_id,
        ListedCode.kind == row.kind,
        ListedCode.to_file_id.is_(None),
    )
    return session.scalar(query) or 0


def _failed(
    database: Database,
    clock: Clock,
    turn: Turn,
    words: str,
    pause: float | None,
    *,
    enough: bool = False,
) -> None:
    """Record that there was no page, retry with a growing delay, and report the first failure."""
    with database.write() as session:
        now = clock.now()
        wait = min(LONGEST_RETRY, timedelta(minutes=2 ** min(turn.tries, DOUBLED)))
        if enough:
            connector = session.get_one(Connection, turn.connection_id).connector
            target = registry.targets()[connector]
            for counted_id in counted_together(session, turn.connection_id, target.pace):
                leave_alone(session, counted_id, now, pause)
        if pause is not None:
            wait = min(LONGEST_PAUSE, max(wait, timedelta(seconds=pause)))
        is_recorded = list_turns.record_failure(session, turn, words, now + wait, now)
        if is_recorded and turn.wrong_since is None:
            connection = session.get_one(Connection, turn.connection_id)
            noun = list_storage.NAMED[turn.kind]
            say = f"The {noun}s of {connection.name} stay as they were. {words}"
            log_connection_event(session, connection, SYSTEM, now, "lists.failed", say)
