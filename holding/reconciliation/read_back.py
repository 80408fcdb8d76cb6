"""One turn of the drift watch: what is due is read in one call, and what is new is kept.

Here: the turn, its reading, and what a reading changes. A total that differs from what was sent
because the target rounds is no change by anybody. Not here: when (reading_plan.py), what of it
becomes a fact of a judging (connections/readings.py), whose a field is (the rules say that), which
readings a target has taken in and not answered yet (readings_under_way.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import Found, Kept
from connectors.contract.targets import Readable, ReadsLater
from grammar.text.amounts import grouped
from holding.connections import breaker, limits
from holding.connections import breaker as readings
from holding.connections.channel import Channel, Desk
from holding.db import bulk
from holding.db.models import Posting, Push, Reading
from holding.platform.changes import wake_records
from holding.platform.events import Fact, record_events
from holding.posting import holds as kept_totals
from holding.posting import holds as target_holds
from holding.posting.claims import lock_families
from holding.posting.store_results import in_books
from holding.reconciliation import reading_plan, readings_under_way, totals_mismatch, unchanged
from holding.reconciliation.reading_plan import Watched
from holding.reconciliation.readings_under_way import Part
from holding.reconciliation.totals_mismatch import Seen
from rules.values.posting_states import PostingState


@dataclass(frozen=True, slots=True)
class Explained:
    """A reading, and the total in minor units that it is the first to tell (else None)."""

    found: Found
    kept: int | None = None


def explained(watched: Watched, found: Found, total_field: str | None) -> Explained:
    """What was found beside a document, where a total that rounding made is no difference."""
    document, kept = watched.document, kept_totals.in_minor(watched.document, found.total)
    words = kept_totals.said(document, kept)
    first = watched.kept is None
    if kept is None or not (first or kept == watched.kept):
        return Explained(_moved(found, total_field) if kept is not None else found)
    news = kept if first and kept_totals.stands(document, kept) == kept else None
    if not words:
        return Explained(found, news)
    differs = tuple(one for one in found.differs if (one.line, one.field) != (0, total_field))
    if found.kind == "different" and (differs or not found.differs):
        return Explained(replace(found, differs=differs), news)
    return Explained(replace(found, kind="equal", words=words, differs=()), news)


def _moved(found: Found, total_field: str | None) -> Found:
    """Another total than the one that it was taken with, where nothing else tells of a change."""
    if found.kind != "equal" or total_field is None:
        return found
    words = f"It comes to {grouped(str(found.total))} there, which is not what it was taken with."
    other = Kept(0, total_field, str(found.total))
    return replace(found, kind="different", words=words, differs=(other,))


def turn(desk: Desk, channel: Channel) -> int:
    """Read what is due of one connection; how many documents."""
    target = channel.target
    if not isinstance(target, Readable):
        return 0
    passed = unchanged.pass_over(desk, channel)
    watched = reading_plan.take(desk, channel, target.read_at_once)
    if not watched:
        return passed
    parts = _parts(desk, channel, watched)
    told = [pair for part in parts for pair in _told(desk, channel, target, *part)]
    watched, found = tuple(one for one, _ in told), tuple(seen for _, seen in told)
    with desk.database.write() as session:
        now = desk.clock.now()
        lock_families(session, channel.company_id, [one.family for one in watched])
        woken, seen = _keep_all(session, channel, watched, found, now)
        records, causes = totals_mismatch.follow(session, channel, seen, now)
        wake_records(session, woken, now)
        limits.heard(session, channel, found, now)
        there = channel.connection_id
        breaker.looked(session, there, found, now, desk.pace, key_id=channel.key_id)
        target_holds.settle(session, records, causes)
        if isinstance(target, ReadsLater):
            readings_under_way.keep(session, channel, parts, told, now)
    return passed + len(watched)


def _parts(desk: Desk, channel: Channel, watched: tuple[Watched, ...]) -> tuple[Part, ...]:
    """The documents by how they are asked for; the calls of one part were spent when they were
    taken.
    """
    if not isinstance(channel.target, ReadsLater):
        return (("", watched),)
    with desk.database.write() as session:
        parts = readings_under_way.parts(session, channel, watched, desk.clock.now())
        limits.spend(session, channel, (len(parts) - 1) * channel.target.pace.to_look)
    return parts


def _told(
    desk: Desk, channel: Channel, target: Readable, ticket: str, watched: Sequence[Watched]
) -> list[tuple[Watched, Found]]:
    """What the target has for each, or says of the question that it took in before."""
    documents = [one.document for one in watched]
    call = (channel.settings, channel.secret, desk.http)
    if ticket and isinstance(target, ReadsLater):
        found = target.read_later(documents, ticket, *call)
    else:
        found = target.read(documents, *call)
    return list(zip(watched, found, strict=True))


def _keep_all(
    session: Session,
    channel: Channel,
    watched: Sequence[Watched],
    found: Sequence[Found],
    now: datetime,
) -> tuple[list[int], list[Seen]]:
    """Keep what is news: the records that are to be judged again for it, and what is another
    reading than the last one.
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
        reading = explained(one, told, field)
        kept.append(_kept(posting, last.get(posting.reading_id or 0), one, reading, now))
    fresh = [one.reading for one in kept if one.reading]
    made = bulk.insert_rows(session, Reading, fresh, returning=("id", "posting_id"))
    reading_of = {posting_id: reading_id for reading_id, posting_id in made}
    for told_of in kept:
        posting = told_of.posting
        told_of.columns["reading_id"] = reading_of.get(posting.id, posting.reading_id)
    bulk.update(session, Posting, [one.columns for one in kept])
    bulk.update(session, Push, [one.total for one in kept if one.total])
    record_events(session, [_said(channel, one, now) for one in kept if one.news])
    woken = [one.posting.record_id for one in kept if one.news or one.validated]
    return woken, [Seen(one.posting, one.found, one.agreed) for one in kept if one.reading]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a reading leaves: columns of the posting, and a row of its own where it is another than
    the last one. News is what differs, or does not any more.
    """

    posting: Posting
    found: Found
    columns: dict[str, Any]
    reading: dict[str, Any] | None = None
    total: dict[str, Any] | None = None  # of its push: what the reading is the first to tell
    news: bool = False
    validated: bool = False
    agreed: bool = False  # the reading before this one


def _kept(
    posting: Posting, last: Reading | None, watched: Watched, read: Explained, now: datetime
) -> _Kept:
    """What is kept of what was found beside a posting; no answer leaves only when to ask again."""
    found = read.found
    columns = {
        "id": posting.id,
        "read_at": posting.read_at,
        "read_due_at": now + reading_plan.SOON,
        "e_invoice_at": posting.e_invoice_at,
        "amount": posting.amount,
        "book": posting.book,
    }
    if found.kind == "unknown":
        never = {"read_due_at": None} if found.key_lasts is not None else {}
        return _Kept(posting, found, {**columns, **never})
    there = found.kind != "absent"
    validated = found.e_invoice_at is not None and posting.e_invoice_at != found.e_invoice_at
    columns |= {
        "read_at": now,
        "read_due_at": reading_plan.next_reading(posting.posted_at, now, there=there),
        "e_invoice_at": found.e_invoice_at or posting.e_invoice_at,
    }
    total = None
    if read.kept is not None:
        total = {"id": watched.push_id, "kept": read.kept}
        columns |= in_books(posting, watched.document, read.kept)
    told = total is not None and columns["amount"] != posting.amount
    body = readings.body_of(found)
    digest, same = readings.digest(body), found.kind == "equal"
    if last is not None and last.sha256 == digest:
        return _Kept(posting, found, columns, total=total, news=told, validated=validated)
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
        posting, found, columns, reading, total, news=news, validated=validated, agreed=agreed
    )


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


_READINGS = select(Reading).where(bulk.among_given(Reading.id, "ids"))
_POSTINGS = (
    select(Posting)
    .where(bulk.among_given(Posting.id, "ids"))
    .order_by(Posting.id)
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)
