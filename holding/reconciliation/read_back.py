"""Read due documents back from a target, and store what changed there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sqlalchemy import BigInteger, bindparam, func, select, text, update
from sqlalchemy.orm import Session

from connectors.contract import Found, Kept
from connectors.contract.targets import Readable, ReadsLater, TellsChanges
from grammar.text.characters import grouped, in_currency
from holding.connections import breaker, limits
from holding.connections.channel import Channel, Desk
from holding.db import bulk
from holding.db import refusal as words
from holding.db.models import Attempt, Event, Hold, Posting, Push, Reading, Request
from holding.db.models.columns import NOW, RequestState, to_minor
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import money
from holding.platform.changes import wake_records
from holding.platform.events import Fact, record_events
from holding.platform.states import OF_READING, STORED_OTHERWISE, TOTALS
from holding.posting import holds
from holding.posting.claims import lock_families
from holding.posting.holds import Trouble
from holding.posting.store_results import book_values
from holding.reconciliation import reading_plan, stored_faults
from holding.reconciliation.reading_plan import Watched, next_reading
from holding.reconciliation.stored_faults import Fault, fault_trouble, stored_fault
from rules.outcomes import Document
from rules.values.canonical import PostingState, sha256_hex

_READINGS = select(Reading).where(bulk.among_given(Reading.id, "ids"))

_POSTINGS = (
    select(Posting)
    .where(bulk.among_given(Posting.id, "ids"))
    .order_by(Posting.id)
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)

RETRIED: Final = 2
"""Number of sends from which a document counts as retried."""

SHOWN_AGAIN = "The accounting system shows the total that was sent."

SHOWN_OTHERWISE = "The accounting system shows something else now."

LOOKED_AGAIN: Final = "hold.looked_again"

_FAULTS: Final = OF_READING - {TOTALS}

# AutoCount On The Go keeps a result this long; after that its ticket has no answer.
KEPT_FOR = timedelta(days=7)

Part = tuple[str, tuple[Watched, ...]]

_WAITING = (
    select(Request)
    .where(Request.connection_id == bindparam("connection"))
    .where(Request.key.in_(bindparam("days", expanding=True)), Request.kind == "read")
    .where(Request.state == RequestState.SENDING)
    .order_by(Request.id)
)

AT_ONCE = 1000

MARGIN = timedelta(minutes=5)
"""Largest expected clock difference between both sides, plus the time of a response."""

_DUE = (
    select(
        Posting.id,
        Posting.doc_type,
        Posting.target_ref,
        Posting.posted_push_id,
        Posting.read_at,
    )
    .join(Reading, Reading.id == Posting.reading_id)
    .where(Posting.connection_id == bindparam("connection"), text(Posting.WATCHED))
    .where(Posting.read_due_at <= NOW, Posting.push_id == Posting.posted_push_id)
    .where(Posting.read_at > bindparam("since"), Posting.target_ref.is_not(None), Reading.same)
    .order_by(Posting.read_due_at, Posting.id)
    .limit(bindparam("most", type_=BigInteger))
)

_THESE = (
    select(Posting)
    .where(bulk.among_given(Posting.id, "ids"), text(Posting.WATCHED))
    .order_by(Posting.id)
    .with_for_update(skip_locked=True, key_share=True)
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True, slots=True)
class Explained:
    """A reading, and a total in minor units that it is the first to report (else None)."""

    found: Found
    kept: int | None = None


def explain_reading(watched: Watched, found: Found, total_field: str | None) -> Explained:
    """Return the reading; a total that rounding explains is no difference."""
    document, kept = watched.document, holds.target_total_minor(watched.document, found.total)
    words = holds.rounding_text(document, kept)
    is_first = watched.kept is None
    if kept is None or not (is_first or kept == watched.kept):
        return Explained(_moved(found, total_field) if kept is not None else found)
    new_total = kept if is_first and holds.book_amount(document, kept) == kept else None
    if not words:
        return Explained(found, new_total)
    differs = tuple(one for one in found.differs if (one.line, one.field) != (0, total_field))
    if found.kind == "different" and (differs or not found.differs):
        return Explained(replace(found, differs=differs), new_total)
    return Explained(replace(found, kind="equal", words=words, differs=()), new_total)


def _with_tax(watched: Watched, found: Found, field: str) -> Found:
    """Return the reading with a different tax that only the answer to the first send showed."""
    stated = [one.value for one in watched.changed if (one.line, one.field) == (0, field)]
    if found.kind != "equal" or not stated:
        return found
    tax = Decimal(stated[0])
    if not (differs := holds.different_tax(field, watched.document, tax)):
        return found
    words = f"It was taken with a tax of {in_currency(tax, watched.document.currency)}."
    return replace(found, kind="different", words=words, differs=differs)


def _moved(found: Found, total_field: str | None) -> Found:
    """Report a total that differs from the accepted one, if nothing else shows the change."""
    if found.kind != "equal" or total_field is None:
        return found
    words = f"It comes to {grouped(str(found.total))} there, which is not what it was taken with."
    other = Kept(0, total_field, str(found.total))
    return replace(found, kind="different", words=words, differs=(other,))


def read_due_documents(desk: Desk, channel: Channel) -> int:
    """Read the due documents of one connection, and return how many."""
    target = channel.target
    if not isinstance(target, Readable):
        return 0
    passed = skip_unchanged(desk, channel)
    watched = reading_plan.take_due(desk, channel, target.read_at_once)
    if not watched:
        return passed
    parts = _parts(desk, channel, watched)
    readings = [pair for part in parts for pair in _told(desk, channel, target, *part)]
    watched, found = tuple(one for one, _ in readings), tuple(seen for _, seen in readings)
    missing = [one for one, told in readings if told.kind == "absent"]
    missing_faults = stored_faults.explain_missing(desk, channel, missing)
    with desk.database.write() as session:
        now = desk.clock.now()
        lock_families(session, channel.company_id, [one.family for one in watched])
        woken, seen = _keep_all(session, channel, watched, found, missing_faults, now)
        records, causes = update_holds(session, channel, seen, now)
        wake_records(session, woken, now)
        limits.note_answers(session, channel, found, now)
        there = channel.connection_id
        breaker.looked(session, there, found, now, desk.pace, key_id=channel.key_id)
        holds.settle_holds(session, records, causes)
        if isinstance(target, ReadsLater):
            store_tickets(session, channel, parts, readings, now)
    return passed + len(watched)


def _parts(desk: Desk, channel: Channel, watched: tuple[Watched, ...]) -> tuple[Part, ...]:
    """Group the documents by how they are requested.

    The calls of one part were counted when the documents were taken.
    """
    if not isinstance(channel.target, ReadsLater):
        return (("", watched),)
    with desk.database.write() as session:
        parts = reading_parts(session, channel, watched, desk.clock.now())
        limits.spend(session, channel, (len(parts) - 1) * channel.target.pace.to_look)
    return parts


def _told(
    desk: Desk, channel: Channel, target: Readable, ticket: str, watched: Sequence[Watched]
) -> list[tuple[Watched, Found]]:
    """Return the target's document for each, or the answer to an earlier request."""
    documents = [one.document for one in watched]
    call = (channel.settings, channel.secret, desk.http)
    if ticket and isinstance(target, ReadsLater):
        found = target.read_later(documents, ticket, *call)
    else:
        found = target.read(documents, *call)
    return list(zip(watched, found, strict=True))


@dataclass(frozen=True, slots=True)
class Seen:
    """A posting with its new reading; `agreed`: the reading before showed no difference.

    `fault`: the target lost the sent document or stored it otherwise.
    """

    posting: Posting
    found: Found
    agreed: bool
    fault: Fault | None = None
    document: Document | None = None


def _keep_all(
    session: Session,
    channel: Channel,
    watched: Sequence[Watched],
    found: Sequence[Found],
    missing_faults: Mapping[int, Fault],
    now: datetime,
) -> tuple[list[int], list[Seen]]:
    """Store changed readings, and return the records to evaluate again and the new readings.

    A reading of a missing document is always returned. `missing_faults`: why such a document may be
    in another company, by posting id.
    """
    rows = session.scalars(_POSTINGS, {"ids": [one.posting_id for one in watched]})
    postings = {row.id: row for row in rows}
    known = [row.reading_id for row in postings.values() if row.reading_id]
    last = {row.id: row for row in session.scalars(_READINGS, {"ids": known})} if known else {}
    kept: list[_Kept] = []
    for one, told in zip(watched, found, strict=True):
        posting = postings.get(one.posting_id)
        if (
            posting is None
            or posting.state != PostingState.POSTED
            or posting.push_id != one.push_id
        ):
            continue  # it moved meanwhile, and is read again after that
        field = channel.total_field(one.document.document)
        standing = _with_tax(one, told, channel.tax_field(one.document.document))
        reading, before = explain_reading(one, standing, field), last.get(posting.reading_id or 0)
        fault = stored_fault(one.document, reading.found, before, field)
        if fault is Fault.GONE:
            fault = missing_faults.get(posting.id, fault)
        elif not one.sent:
            fault = None  # entered there by somebody else, and linked
        kept.append(_kept(posting, before, one, reading, fault, now))
    unchanged = [
        one for one in kept if one.reading is None and one.found.kind not in {"equal", "unknown"}
    ]
    awaited = _looked_again(session, unchanged) if unchanged else set()
    fresh = [one.reading for one in kept if one.reading]
    made = bulk.insert_rows(session, Reading, fresh, returning=("id", "posting_id"))
    reading_of = {posting_id: reading_id for reading_id, posting_id in made}
    for told_of in kept:
        posting = told_of.posting
        told_of.columns["reading_id"] = reading_of.get(posting.id, posting.reading_id)
    bulk.update(session, Posting, [one.columns for one in kept])
    bulk.update(session, Push, [one.total for one in kept if one.total])
    shown = [one for one in kept if one.news or one.posting.id in awaited]
    record_events(session, [_said(channel, one, now) for one in shown])
    woken = [one.posting.record_id for one in kept if one.news or one.validated]
    return woken, [
        Seen(one.posting, one.found, one.agreed, one.fault, one.document)
        for one in kept
        if one.reading or one.found.kind == "absent"
    ]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a reading stores: posting columns, and a new row if it differs from the last one.

    `news`: a difference appeared or disappeared.
    """

    posting: Posting
    document: Document
    found: Found
    columns: dict[str, Any]
    fault: Fault | None = None
    reading: dict[str, Any] | None = None
    total: dict[str, Any] | None = None  # of its push: what the reading is the first to tell
    news: bool = False
    validated: bool = False
    agreed: bool = False  # the reading before this one


def _kept(
    posting: Posting,
    last: Reading | None,
    watched: Watched,
    read: Explained,
    fault: Fault | None,
    now: datetime,
) -> _Kept:
    """Return what is stored for a reading; without an answer only the time of the next one."""
    found, document = read.found, watched.document
    columns = {
        "id": posting.id,
        "read_at": posting.read_at,
        "read_due_at": now + reading_plan.SOON,
        "e_invoice_at": posting.e_invoice_at,
        "amount": posting.amount,
        "book": posting.book,
    }
    if found.kind == "unknown":
        columns["read_due_at"] = _next_try(posting, found, now)
        return _Kept(posting, document, found, columns)
    is_there, validated = found.kind != "absent", _is_validated(posting, found)
    columns |= {
        "read_at": now,
        "read_due_at": reading_plan.next_reading(posting.posted_at, now, there=is_there),
        "e_invoice_at": found.e_invoice_at or posting.e_invoice_at,
    }
    total = None
    if read.kept is not None:
        total = {"id": watched.push_id, "kept": read.kept}
        columns |= book_values(posting, watched.document, read.kept)
    told = total is not None and columns["amount"] != posting.amount
    body = breaker.body_of(found, fault or "")
    digest, same = breaker.digest(body), found.kind == "equal"
    if last is not None and last.sha256 == digest:
        return _Kept(
            posting, document, found, columns, fault, total=total, news=told, validated=validated
        )
    reading = {
        "posting_id": posting.id,
        "kind": "standing",
        "at": now,
        "sha256": digest,
        "body": body,
        "same": same,
    }
    news = told or not same or (last is not None and not last.same)
    agreed = last is not None and last.same
    return _Kept(
        posting,
        document,
        found,
        columns,
        fault,
        reading,
        total,
        news=news,
        validated=validated,
        agreed=agreed,
    )


def _next_try(posting: Posting, found: Found, now: datetime) -> datetime | None:
    """Return when a document is read again after a reading without an answer, or None for never."""
    if found.key_lasts is not None:
        return None
    if found.by_person:  # among too many documents: there may be fewer tomorrow
        return reading_plan.next_reading(posting.posted_at, now, there=True)
    return now + reading_plan.SOON


def _is_validated(posting: Posting, found: Found) -> bool:
    """Check whether the reading is the first to report the validated e-invoice."""
    return found.e_invoice_at is not None and posting.e_invoice_at != found.e_invoice_at


def _looked_again(session: Session, unchanged: Sequence[_Kept]) -> set[int]:
    """Return the postings that a user had read again since the last reading.

    `unchanged` are readings that show an unchanged difference. Without an event, the user would not
    see the result.
    """
    last_read = {one.posting.id: one.posting.read_at for one in unchanged}
    query = select(Event.posting_id, Event.at).where(
        bulk.among(Event.record_id, [one.posting.record_id for one in unchanged]),
        bulk.among(Event.posting_id, list(last_read)),
        Event.act == LOOKED_AGAIN,
    )
    return {
        row.posting_id
        for row in session.execute(query)
        if (read_at := last_read[row.posting_id]) is None or row.at > read_at
    }


def _said(channel: Channel, kept: _Kept, now: datetime) -> Fact:
    say = f"Read in {channel.name}: {kept.found.words}"
    return Fact(
        company_id=channel.company_id,
        at=now,
        act="posting.read",
        record_id=kept.posting.record_id,
        posting_id=kept.posting.id,
        body={"say": say, "found": kept.found.kind},
    )


def update_holds(
    session: Session, channel: Channel, seen: Sequence[Seen], now: datetime
) -> tuple[list[int], list[int]]:
    """Open a hold if a retried document has another total, and close it when the total is right.

    A document that is missing or was stored otherwise has a hold of its own. Returns the changed
    records and causes, to be settled last.
    """
    shown = {one.posting.id: total for one in seen
             if (total := _shown(channel, one)) is not None}  # fmt: skip
    sends = _sends(
        session, [one.posting.id for one in seen if _amiss(one, shown.get(one.posting.id))]
    )
    records: list[int] = []
    causes: list[int] = []
    open_ones = _open(session, [one.posting.id for one in seen])
    faulty = _open_faults(session, [one.posting.id for one in seen])
    for one in seen:
        posting, total = one.posting, shown.get(one.posting.id)
        by_retry = _amiss(one, total) and sends.get(posting.id, 0) >= RETRIED
        changed = _update_fault(session, channel, one, faulty[posting.id], by_retry, now)
        if changed:
            causes += changed
            records.append(posting.record_id)
        if total is None:
            continue  # an open one stays open
        if not _amiss(one, total):
            if posting.id in open_ones:
                causes += holds.close_holds(session, [posting.id], (TOTALS,), now, why=SHOWN_AGAIN)
                records.append(posting.record_id)
        elif posting.id in open_ones or (not one.agreed and sends.get(posting.id, 0) >= RETRIED):
            trouble = _trouble(channel, posting, total, sends.get(posting.id, RETRIED))
            causes.append(holds.open_hold(session, posting, trouble, now))
            records.append(posting.record_id)
    return records, causes


def _shown(channel: Channel, one: Seen) -> int | None:
    """Return the total in the target in minor units, 0 for a void document.

    None if it cannot be determined: no document or two documents with its number, or an invalid
    amount.
    """
    found, posting = one.found, one.posting
    if found.kind == "unknown" or posting.amount is None:
        return None
    if found.kind == "equal":
        return posting.amount
    if found.kind == "absent":
        return None  # a missing document has a hold of its own
    if found.void:
        return 0
    if not found.differs:
        return None
    field = channel.total_field(posting.doc_type)
    shown_totals = [kept.value for kept in found.differs if (kept.line, kept.field) == (0, field)]
    try:
        return (
            to_minor(Decimal(shown_totals[0]), posting.currency) if shown_totals else posting.amount
        )
    except (InvalidOperation, OverflowError):
        return None


def _sends(session: Session, posting_ids: Sequence[int]) -> dict[int, int]:
    """Return by posting how often its creation was sent."""
    if not posting_ids:
        return {}
    query = (
        select(Push.posting_id, func.count())
        .join(Attempt, Attempt.push_id == Push.id)
        .join(Request, Request.id == Attempt.request_id)
        .where(bulk.among(Push.posting_id, posting_ids), Request.kind == "push")
        .where(Push.action == "create")
        .group_by(Push.posting_id)
    )
    return {posting_id: int(count) for posting_id, count in session.execute(query)}


def _amiss(one: Seen, total: int | None) -> bool:
    return total is not None and total != one.posting.amount


def _open(session: Session, posting_ids: Sequence[int]) -> set[int]:
    query = select(Hold.posting_id).where(
        bulk.among(Hold.posting_id, posting_ids), Hold.code == TOTALS, HOLD_OPEN
    )
    return {found for found in session.scalars(query) if found is not None}


def _open_faults(session: Session, posting_ids: Sequence[int]) -> dict[int, set[str]]:
    """Return by posting the codes of its open holds for what the target lost or stored wrongly."""
    query = select(Hold.posting_id, Hold.code).where(
        bulk.among(Hold.posting_id, posting_ids), Hold.code.in_(sorted(_FAULTS)), HOLD_OPEN
    )
    codes: dict[int, set[str]] = {posting_id: set() for posting_id in posting_ids}
    for posting_id, code in session.execute(query):
        codes[posting_id or 0].add(code)
    return codes


def _update_fault(
    session: Session,
    channel: Channel,
    one: Seen,
    open_codes: Collection[str],
    by_retry: bool,
    now: datetime,
) -> list[int]:
    """Open, keep or close the hold for what the target lost or stored otherwise; return the changed
    causes. A total that differs after a retry is the hold of the retry.
    """
    posting, field = one.posting, channel.total_field(one.posting.doc_type)
    trouble: Trouble | None = None
    if one.fault is not None and one.document is not None:
        trouble = fault_trouble(channel, one.document, one.found, one.fault, field)
    if one.found.kind == "unknown":
        return []
    if trouble is not None and trouble.code == STORED_OTHERWISE and by_retry:
        trouble = None
    ended = sorted({*open_codes} - ({trouble.code} if trouble else set()))
    causes: list[int] = []
    if ended:
        causes += holds.close_holds(session, [posting.id], tuple(ended), now, why=SHOWN_OTHERWISE)
        note_push_error(session, posting, None)
    if trouble is not None and not (one.found.kind == "absent" and trouble.code in open_codes):
        causes.append(holds.open_hold(session, posting, trouble, now))
        note_push_error(session, posting, trouble)
    return causes


def note_push_error(session: Session, posting: Posting, trouble: Trouble | None) -> None:
    """Store on the posting's accepted push what is wrong with it, for the posting log."""
    columns = {
        "error": trouble.words if trouble else None,
        "error_class": trouble.error_class if trouble else None,
    }
    session.execute(update(Push).where(Push.id == posting.posted_push_id).values(columns))


def _trouble(channel: Channel, posting: Posting, there: int, sends: int) -> Trouble:
    sent, kept = money(posting.amount, posting.currency), money(there, posting.currency)
    off = (posting.amount or 0) - there
    kind, day = posting.doc_type.replace("_", " "), posting.doc_date
    sent_text = (
        f"{posting.number} was sent {words.plural(sends, 'time')} before {channel.name} took it."
    )
    shows = f"It shows {kept} there and was sent with {sent}."
    short = "short" if off > 0 else "too high"
    sums = f"The {kind} total of {day} is {money(abs(off), posting.currency)} {short} there."
    return Trouble(
        code=TOTALS, error_class="stale_version", words=f"{sent_text} {shows} {sums}", decided=True
    )


def reading_parts(
    session: Session, channel: Channel, watched: Sequence[Watched], now: datetime
) -> tuple[Part, ...]:
    """Group the documents by the ticket of their request; new ones have a blank ticket."""
    ticket_of = {
        (posting_id, push_id): request.rows["ticket"]
        for request in _under_way(session, channel, now)
        if request.rows and request.made_at >= now - KEPT_FOR
        for posting_id, push_id in request.rows["postings"]
    }
    by_ticket: dict[str, list[Watched]] = {}
    for document in watched:
        by_ticket.setdefault(ticket_of.get((document.posting_id, document.push_id), ""), []).append(
            document
        )
    return tuple((ticket, tuple(documents)) for ticket, documents in by_ticket.items())


def _under_way(session: Session, channel: Channel, now: datetime) -> Sequence[Request]:
    days = [_key(now - timedelta(days=back)) for back in range(KEPT_FOR.days + 2)]
    return session.scalars(_WAITING, {"connection": channel.connection_id, "days": days}).all()


def _key(day: datetime) -> str:
    return f"reading {day:%Y-%m-%d}"


def store_tickets(
    session: Session,
    channel: Channel,
    asked: Sequence[Part],
    told: Sequence[tuple[Watched, Found]],
    now: datetime,
) -> None:
    """Store the open tickets, and end those that are answered or too old."""
    postings_by_ticket: dict[str, list[list[int]]] = {}
    for watched, found in told:
        if found.kind == "unknown" and found.target_ref:
            postings_by_ticket.setdefault(found.target_ref, []).append(
                [watched.posting_id, watched.push_id]
            )
    answered_tickets = {ticket for ticket, _ in asked} - set(postings_by_ticket)
    known = {
        watched.rows["ticket"]: watched
        for watched in _under_way(session, channel, now)
        if watched.rows
    }
    for ticket, request in known.items():
        if ticket in answered_tickets:
            _end(session, request, RequestState.ANSWERED, now)
        elif request.made_at < now - KEPT_FOR:
            _end(session, request, RequestState.UNANSWERED, now)
    for ticket, postings in postings_by_ticket.items():
        if ticket not in known:
            session.add(_row(channel, ticket, postings, now))


def _end(session: Session, request: Request, state: RequestState, now: datetime) -> None:
    columns = {"state": state, "answered_at": now}
    session.execute(update(Request).where(Request.id == request.id).values(columns))


def _row(channel: Channel, ticket: str, postings: list[list[int]], now: datetime) -> Request:
    return Request(
        connection_id=channel.connection_id,
        kind="read",
        key=_key(now),
        key_id=channel.key_id,
        sha256=sha256_hex(b""),
        headers={},
        rows={"ticket": ticket, "postings": postings},
        state=RequestState.SENDING,
        made_at=now,
        deadline_at=now + KEPT_FOR,
    )


def skip_unchanged(desk: Desk, channel: Channel) -> int:
    """Schedule readings later that one call shows to be needless, and return how many.

    Makes no call if a single reading covers all due documents.
    """
    target = channel.target
    if not isinstance(target, Readable) or not isinstance(target, TellsChanges):
        return 0
    with desk.database.write() as session:
        asked = desk.clock.now()
        parameters = {
            "connection": channel.connection_id,
            "now": asked,
            "since": asked - target.changes_reach + 2 * MARGIN,
            "most": AT_ONCE,
        }
        due: Sequence[Any] = session.execute(_DUE, parameters).all()
        enough = len(due) > target.read_at_once
        if not enough or not limits.looks(session, channel, asked, 1):
            return 0
    since = min(one.read_at for one in due) - MARGIN
    kinds = {one.doc_type for one in due}
    told = target.changed(kinds, since, channel.settings, channel.secret, desk.http)
    if isinstance(told, Found):
        return 0
    with desk.database.write() as session:
        return _put_off(session, [one for one in due if one.target_ref not in told], asked)


def _put_off(session: Session, same: Sequence[Any], asked: datetime) -> int:
    """Schedule unchanged documents later; one that was sent or read meanwhile stays."""
    seen = {one.id: (one.posted_push_id, one.read_at) for one in same}
    rows = session.scalars(_THESE, {"ids": list(seen)}) if seen else ()
    changed = [
        {
            "id": row.id,
            "read_at": asked,
            "read_due_at": next_reading(row.posted_at, asked, there=True),
        }
        for row in rows
        if (row.push_id, row.read_at) == seen[row.id]
    ]
    bulk.update(session, Posting, changed)
    return len(changed)
