"""One turn of the drift watch: what is due is read in one call, and what is news is kept.

Here: the turn, its reading, and what a reading changes. Not here: when (plan.py), what of it
becomes a fact of a judging (seen.py), whose a field is (the rules say that).
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from connectors.kit.contract import Found
from connectors.kit.standing import Readable
from holding.drift import plan, seen
from holding.drift.plan import Watched
from holding.events import record_event
from holding.models import Posting, Reading
from holding.pushing import breaker, limits
from holding.pushing.claim import lock_families
from holding.pushing.desk import Channel, Desk
from holding.wakes import wake_records


def turn(desk: Desk, channel: Channel) -> int:
    """Read what is due of one connection; how many documents."""
    target = channel.target
    if not isinstance(target, Readable):
        return 0
    watched = plan.take(desk, channel, target.read_at_once)
    if not watched:
        return 0
    documents = [one.document for one in watched]
    found = target.read(documents, channel.settings, channel.secret, desk.http)
    with desk.database.write() as session:
        now = desk.clock.now()
        lock_families(session, channel.company_id, [one.family for one in watched])
        woken = _keep_all(session, channel, watched, found, now)
        wake_records(session, woken, now)
        there = channel.connection_id
        breaker.looked(session, there, found, now, desk.pace, key_id=channel.key_id)
        limits.heard(session, channel, found, now)
    return len(watched)


def _keep_all(
    session: Session,
    channel: Channel,
    watched: Sequence[Watched],
    found: Sequence[Found],
    now: datetime,
) -> list[int]:
    """Keep what is news; the records that are to be judged again for it."""
    ids = [one.posting_id for one in watched]
    postings = {row.id: row for row in session.scalars(_rows(ids))}
    known = [row.reading_id for row in postings.values() if row.reading_id]
    last = {row.id: row for row in session.scalars(select(Reading).where(Reading.id.in_(known)))}
    woken = []
    for one, told in zip(watched, found, strict=True):
        posting = postings.get(one.posting_id)
        if posting is None or posting.state != "posted" or posting.push_id != one.push_id:
            continue  # it moved meanwhile, and is read again after that
        if told.kind == "unknown":
            posting.read_due_at = now + plan.SOON
        elif _keep(session, channel, posting, last.get(posting.reading_id or 0), told, now):
            woken.append(posting.record_id)
    session.flush()
    return woken


def _keep(
    session: Session,
    channel: Channel,
    posting: Posting,
    last: Reading | None,
    found: Found,
    now: datetime,
) -> bool:
    """Store one reading if it is news; whether a judging should look at it."""
    posting.read_at = now
    posting.read_due_at = plan.next_reading(posting.posted_at, now, there=found.kind != "absent")
    validated = found.e_invoice_at is not None and posting.e_invoice_at != found.e_invoice_at
    if validated:
        posting.e_invoice_at = found.e_invoice_at
    body = seen.body_of(found)
    digest, same = seen.digest(body), found.kind == "equal"
    if last is not None and last.sha256 == digest:
        return validated
    row = Reading(
        posting_id=posting.id, kind="standing", at=now, sha256=digest, body=body, same=same
    )
    session.add(row)
    session.flush()
    posting.reading_id = row.id
    news = not same or (last is not None and not last.same)
    if news:
        _tell(session, channel, posting, found, now)
    return news or validated


def _tell(
    session: Session, channel: Channel, posting: Posting, found: Found, now: datetime
) -> None:
    record_event(
        session,
        company_id=channel.company_id,
        at=now,
        actor=None,
        act="posting.read",
        record_id=posting.record_id,
        posting_id=posting.id,
        body={"say": f"Read in {channel.name}: {found.words}", "found": found.kind},
    )


def _rows(ids: Sequence[int]) -> Select[Posting]:
    query = select(Posting).where(Posting.id.in_(ids)).order_by(Posting.id)
    return query.with_for_update(key_share=True).execution_options(populate_existing=True)
