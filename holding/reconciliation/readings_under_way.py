"""Readings that a target has taken in and not answered yet, by the ticket that asks for them.

Here: keeping a ticket with its postings until it is answered, and finding it again, whatever worker
comes by then. Not here: the turn of the drift watch (read_back.py).

A ticket is a row of `request`, which waits for its answer; what was read is a row of `reading`.
The key of the row says its day, so that no look goes over the readings of years. A ticket that is
older than any result is kept there is forgotten, and its documents are asked for again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from connectors.contract import Found
from holding.connections.channel import Channel
from holding.db.models import Request
from holding.db.models.columns import RequestState
from holding.reconciliation.reading_plan import Watched
from rules.values.canonical import sha256_hex

KEPT_FOR = timedelta(days=7)
Part = tuple[str, tuple[Watched, ...]]


def parts(
    session: Session, channel: Channel, watched: Sequence[Watched], now: datetime
) -> tuple[Part, ...]:
    """The documents by the ticket that asks for them; those that nobody asked for yet are under a
    blank one.
    """
    ticket_of = {
        (posting_id, push_id): request.rows["ticket"]
        for request in _under_way(session, channel, now)
        if request.rows and request.made_at >= now - KEPT_FOR
        for posting_id, push_id in request.rows["postings"]
    }
    found: dict[str, list[Watched]] = {}
    for one in watched:
        found.setdefault(ticket_of.get((one.posting_id, one.push_id), ""), []).append(one)
    return tuple((ticket, tuple(some)) for ticket, some in found.items())


def keep(
    session: Session,
    channel: Channel,
    asked: Sequence[Part],
    told: Sequence[tuple[Watched, Found]],
    now: datetime,
) -> None:
    """The tickets that are under way from now on: those of `asked` that are answered are over."""
    waits: dict[str, list[list[int]]] = {}
    for one, found in told:
        if found.kind == "unknown" and found.target_ref:
            waits.setdefault(found.target_ref, []).append([one.posting_id, one.push_id])
    over = {ticket for ticket, _ in asked} - set(waits)
    known = {one.rows["ticket"]: one for one in _under_way(session, channel, now) if one.rows}
    for ticket, request in known.items():
        if ticket in over:
            _end(session, request, RequestState.ANSWERED, now)
        elif request.made_at < now - KEPT_FOR:
            _end(session, request, RequestState.UNANSWERED, now)
    for ticket, postings in waits.items():
        if ticket not in known:
            session.add(_row(channel, ticket, postings, now))


def _end(session: Session, request: Request, state: RequestState, now: datetime) -> None:
    told = {"state": state, "answered_at": now}
    session.execute(update(Request).where(Request.id == request.id).values(told))


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


def _key(day: datetime) -> str:
    return f"reading {day:%Y-%m-%d}"


def _under_way(session: Session, channel: Channel, now: datetime) -> Sequence[Request]:
    days = [_key(now - timedelta(days=back)) for back in range(KEPT_FOR.days + 2)]
    return session.scalars(_WAITING, {"connection": channel.connection_id, "days": days}).all()


_WAITING = (
    select(Request)
    .where(Request.connection_id == bindparam("connection"))
    .where(Request.key.in_(bindparam("days", expanding=True)), Request.kind == "read")
    .where(Request.state == RequestState.SENDING)
    .order_by(Request.id)
)
