"""Claim due postings for a worker, return claims, and recover claims whose lease expired."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from math import isqrt
from typing import Any, Self

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    ScalarSelect,
    and_,
    bindparam,
    exists,
    or_,
    select,
    text,
    union,
    update,
)
from sqlalchemy.orm import Session, aliased

from holding.connections import breaker, limits
from holding.connections.channel import Channel, Desk
from holding.db import bulk, leases
from holding.db.bulk import Columns, json_rows, of
from holding.db.leases import DEATHS_ALONE
from holding.db.models import (
    Cause,
    Company,
    Connection,
    LinkKey,
    Posting,
    Push,
    Record,
    RouteStop,
    Run,
    Throttle,
)
from holding.db.models.columns import (
    DUE,
    NOW,
    among_words,
    moment,
    moment_of,
    moment_text,
    table_of,
)
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.db.models.rules import ROUTE_STOPPED
from holding.platform.changes import PLANNED_CHANGE
from holding.platform.states import READY
from rules.values.canonical import PostingState, dumps
from rules.values.cause_keys import CauseKey, CauseKind

_GIVEN_BACK = {"id": "bigint", "fence": "bigint", "due_at": "timestamptz"}

_GIVE_BACK = (
    "UPDATE posting AS t SET due_at = coalesce(t.due_at, v.due_at), lease_owner = NULL,"
    " lease_until = NULL FROM v WHERE t.id = v.id AND t.fence = v.fence"
)

CLAIMED_AT_ONCE = 10

_sent, _twin = aliased(Record), aliased(Record)

_mine, _theirs = aliased(LinkKey), aliased(LinkKey)

_STIRS = or_(_twin.lease_until.is_not(None), _twin.due_at <= NOW)

_BY_VALUE = exists().where(
    _mine.record_id == Posting.record_id,
    ~_mine.name.startswith(LinkKey.OF_LINKS, autoescape=True),
    _theirs.company_id == _mine.company_id,
    _theirs.name == _mine.name,
    _theirs.value == _mine.value,
    _theirs.record_id != _mine.record_id,
    _twin.id == _theirs.record_id,
    _STIRS,
)

_BY_NUMBER = exists().where(
    _sent.id == Posting.record_id,
    _twin.company_id == _sent.company_id,
    _twin.number == _sent.number,
    _twin.source_id == _sent.source_id,
    _twin.type == _sent.type,
    _twin.id != _sent.id,
    _STIRS,
)

TWIN_COMES = and_(Posting.state == PostingState.READY, or_(_BY_VALUE, _BY_NUMBER))
"""Postings that are not sent yet, of a record of which a twin is about to be judged."""

_RECORD, _RUN = table_of(Record), table_of(Run)

TOGETHER = 2  # crashes with others in hand: in a file, and in a part of it

POISON_CRASHES = TOGETHER + DEATHS_ALONE

SENDABLE = or_(Posting.state == PostingState.READY, PLANNED_CHANGE)
"""Postings that a push may begin with."""

STOPPED = exists().where(
    RouteStop.company_id == Posting.company_id,
    RouteStop.route == Posting.route,
    ROUTE_STOPPED,
)
"""Postings of a route that stopped and asks (holding/evaluation/safety_stop.py)."""

_company = aliased(Company)

LIVE = exists().where(_company.id == Connection.company_id, _company.live)
"""Connections of a company that went live: for another nothing is sent."""

_connection, _books = aliased(Connection), aliased(Company)

RUNNING = exists().where(
    _connection.id == Posting.connection_id,
    _connection.paused_at.is_(None),
    _books.id == _connection.company_id,
    _books.live,
)
"""Postings of a connection that nobody paused, of a company that went live."""

TOLD = exists().where(
    Cause.company_id == Connection.company_id,
    Cause.key == str(CauseKey(CauseKind.CREDENTIAL, "")) + Connection.name,
    Cause.records > 0,
)
"""Of a connection: an open exception says that it refuses our key."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write one posting while its fence is unchanged.

    `due_at` is its place in the queue, used when the claim is returned. `since` is the time from
    which it could have been sent, at once or by a run.
    """

    posting_id: int
    fence: int
    doc_type: str
    family: int
    due_at: datetime | None = field(default=None, compare=False)
    since: datetime | None = field(default=None, compare=False)

    def queued(self, due_at: datetime | None) -> Self:
        """Return the claim with its place in the queue."""
        return replace(self, due_at=due_at, since=due_at)


CLAIM = Columns(
    Claim(
        posting_id=of(Posting.id),
        fence=of(Posting.fence),
        doc_type=of(Posting.doc_type),
        family=of(Posting.family),
    )
)

TAKE = (
    update(Posting)
    .where(Posting.lease_until.is_(None))
    .values(
        due_at=None,
        lease_owner=bindparam("owner"),
        lease_until=moment("until"),
        fence=Posting.fence + 1,
    )
    .returning(*CLAIM.labelled)
    .execution_options(synchronize_session=False)
)

_TAKE = TAKE.where(bulk.among_given(Posting.id, "ids"))

_FAMILIES = (
    select(_RECORD.c.id)
    .where(_RECORD.c.company_id == bindparam("company"))
    .where(bulk.among_given(_RECORD.c.family, "families"))
    .order_by(_RECORD.c.id)
)

_LOCK_FAMILIES = _FAMILIES.with_for_update(key_share=True)

_LOCK_FAMILIES_AND_RUN = _FAMILIES.join(
    _RUN, _RUN.c.id == bindparam("run", type_=BigInteger)
).with_for_update(key_share=True)

QUIET = exists().where(
    Record.id == Posting.record_id,
    Record.version_id == Posting.version_id,
    Record.lease_until.is_(None),
    or_(Record.due_at.is_(None), Record.due_at > NOW),
)
"""Postings of a record that nobody judges now."""

_FREE = ~exists().where(
    Push.connection_id == Posting.connection_id,
    Push.family == Posting.family,
    text(f"push.{Push.OPEN}"),
)

_ALLOWED = or_(
    among_words(Posting.state, IN_FLIGHT_STATES), and_(QUIET, _FREE, ~STOPPED, ~TWIN_COMES)
)
"""A doubt may always be looked up; the rest needs a quiet record, a free family and no new twin."""


def requeue(desk: Desk, claims: Sequence[Claim]) -> None:
    """Return claims that were not worked on to their places in the queue."""
    with desk.database.write() as session:
        now = desk.clock.now()
        return_postings(session, ((claimed, claimed.due_at or now) for claimed in claims))


def requeue_unscheduled(desk: Desk, claims: Sequence[Claim]) -> None:
    """Return claims to a queue that may be a run: postings without a due time stay so."""
    with desk.database.write() as session:
        return_postings(session, ((claimed, claimed.due_at) for claimed in claims))


def return_later(desk: Desk, claims: Sequence[Claim], *, after: timedelta) -> None:
    """Return claims that were not worked on; they are due again after this time."""
    with desk.database.write() as session:
        due = desk.clock.now() + after
        return_postings(session, ((claimed, due) for claimed in claims))


def return_posting(session: Session, claimed: Claim, due: datetime | None) -> None:
    """Return one claim with a new due time, or None for no due time.

    A due time that was set during the claim stays.
    """
    return_postings(session, [(claimed, due)])


def return_postings(
    session: Session, claims_with_due: Iterable[tuple[Claim, datetime | None]]
) -> None:
    """Return several claims, each with its own due time. A claim whose fence changed is ignored."""
    rows = [
        {"id": claim.posting_id, "fence": claim.fence, "due_at": due and moment_text(due)}
        for claim, due in claims_with_due
    ]
    if rows:
        statement = f"{bulk.given(session, 'v', _GIVEN_BACK)} {_GIVE_BACK}"
        session.execute(text(statement), {"rows": dumps(rows)})


def first_due(connection: Any) -> ScalarSelect[str | None]:
    """Return a subquery for the first postings of a connection that may be sent now, as
    JSON rows.
    """
    due = aliased(Posting)
    first = (
        select(Posting.id)
        .where(*claimable(connection, READY))
        .order_by(Posting.due_at, Posting.id)
        .limit(CLAIMED_AT_ONCE)
        .correlate_except(Posting)
    )
    rows = select(json_rows(due.id, due.crashes, due.due_at)).where(due.id.in_(first))
    return rows.correlate_except(due).scalar_subquery()


def claim_seen(desk: Desk, channel: Channel, seen_json: str) -> tuple[tuple[Claim, ...], bool]:
    """Claim the postings that `first_due` returned and that may still be sent.

    The second value is True if these were all postings that were due.
    """
    due_postings = {key: (moment_of(due), crashes) for key, crashes, due in json.loads(seen_json)}
    order = sorted(due_postings, key=lambda key: (due_postings[key][0], key))
    ids = split_by_crashes([(key, due_postings[key][1]) for key in order], CLAIMED_AT_ONCE)
    # Committed before the intent, so that the crash of a document that kills its worker is counted.
    with desk.database.write() as session:
        now = desk.clock.now()
        parameters = {"ids": ids, "owner": desk.owner, "until": now + desk.lease, "now": now}
        parameters["connection"] = channel.connection_id
        leased_rows = CLAIM.each(session.execute(_TAKE_SEEN, parameters))
    claims = sorted(leased_rows, key=lambda claimed: claimed.posting_id)
    is_complete = len(claims) == len(due_postings) < CLAIMED_AT_ONCE
    return tuple(
        claimed.queued(due_postings[claimed.posting_id][0]) for claimed in claims
    ), is_complete


def claim(desk: Desk, channel: Channel, states: Sequence[str], limit: int) -> tuple[Claim, ...]:
    """Claim due postings of one connection and return the claims, at most `limit`.

    The connection's call limits may allow fewer; the calls of the claimed postings are counted as
    used. Claiming clears a posting's due time. A due time that is set during the claim is kept when
    the claim is returned.
    """
    allowed = limits.looks if states == IN_FLIGHT_STATES else limits.sends
    with desk.database.write() as session:
        now = desk.clock.now()
        parameters = {"now": now, "connection": channel.connection_id, "most": limit}
        rows = session.execute(_due(tuple(states), urgent=False), parameters).all()
        if not rows:
            return ()
        breaker.note(session, channel.connection_id, rows[0].Throttle)
        if limits.is_short(session, channel, now):
            rows = session.execute(_due(tuple(states), urgent=True), parameters).all()
        places = {row.id: row.due_at for row in rows}
        ids = split_by_crashes([(row.id, row.crashes) for row in rows], limit)
        ids = ids[: allowed(session, channel, now, len(ids))]
        leased_claims = lease_postings(session, desk, ids, now)
        return tuple(claimed.queued(places[claimed.posting_id]) for claimed in leased_claims)


@cache
def _due(states: tuple[str, ...], *, urgent: bool) -> Executable:
    order = limits.MOST_URGENT if urgent else (Posting.due_at, Posting.id)
    return (
        select(Posting.id, Posting.crashes, Posting.due_at, Throttle)
        .outerjoin(Throttle, Throttle.connection_id == Posting.connection_id)
        .where(*claimable(bindparam("connection"), states))
        .order_by(*order)
        .limit(bindparam("most", type_=BigInteger))
        .with_for_update(of=Posting, skip_locked=True, key_share=True)
    )


def claimable(connection: Any, states: Sequence[str]) -> tuple[Any, ...]:
    """Return the conditions for a connection's postings in these states that may be claimed now."""
    return (
        Posting.connection_id == connection,
        text(f"posting.{DUE}"),
        Posting.due_at <= NOW,
        among_words(Posting.state, states),
        _ALLOWED,
        RUNNING,
    )


def lease_postings(
    session: Session, desk: Desk, ids: Sequence[int], now: datetime
) -> tuple[Claim, ...]:
    """Claim postings that no worker holds under a lease, and return the claims."""
    if not ids:
        return ()
    parameters = {"ids": list(ids), "owner": desk.owner, "until": now + desk.lease}
    leased_rows = CLAIM.each(session.execute(_TAKE, parameters))
    return tuple(sorted(leased_rows, key=lambda claimed: claimed.posting_id))


def release_expired_claims(
    session: Session, now: datetime, *, longest: timedelta | None = None
) -> int:
    """Release expired leases: the postings and runs are due again, and the crash is counted."""
    return sum(leases.free(session, table, now, longest) for table in (Posting, Run))


def lock_families(
    session: Session, company_id: int, families: Iterable[int], *, run_id: int | None = None
) -> None:
    """Lock the records that an answer may write or wake, in id order, and the run that it ends.

    SQLite needs no row locks, because only one transaction writes at a time.
    """
    if session.get_bind().dialect.name == "sqlite":
        return
    parameters = {"company": company_id, "families": sorted(set(families)), "run": run_id}
    query = _LOCK_FAMILIES if run_id is None else _LOCK_FAMILIES_AND_RUN
    session.execute(query, parameters).all()


def companies_due(session: Session, now: datetime) -> tuple[int, ...]:
    """Return companies with a due push or run whose target accepts calls, or with a refused key
    that no hold reports yet.
    """
    parameters = limits.moments(now) | limits.months(session, now)
    return tuple(sorted(session.scalars(_companies_due(), parameters)))


@cache
def _companies_due() -> Executable:
    unavailable = or_(breaker.BARRED, limits.HELD_OFF)
    due = exists().where(
        Posting.connection_id == Connection.id, text(f"posting.{DUE}"), Posting.due_at <= NOW
    )
    postings = select(Connection.company_id).where(  # a probe of an index for each connection
        Connection.paused_at.is_(None),
        LIVE,
        or_(
            and_(
                without_trouble(unavailable),
                due.where(among_words(Posting.state, IN_FLIGHT_STATES)),
            ),
            and_(
                without_trouble(or_(unavailable, limits.SPENT)),
                due.where(among_words(Posting.state, READY), ~STOPPED),
            ),
            and_(  # the first that waits for another key says so
                ~without_trouble(breaker.REFUSED),
                ~TOLD,
                due.where(Posting.state == PostingState.READY, ~STOPPED),
            ),
        ),
    )
    runs = (
        select(Run.company_id)
        .join(Connection, Connection.id == Run.connection_id)
        .where(text(f"run.{DUE}"), Run.due_at <= NOW, Connection.paused_at.is_(None), LIVE)
        .where(without_trouble(or_(unavailable, limits.SPENT)))
    )
    return union(postings, runs)


def without_trouble(trouble: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a connection's throttle row does not match `trouble`."""
    return ~exists().where(Throttle.connection_id == Connection.id, trouble)


def split_by_crashes(crash_counts: Sequence[tuple[int, int]], most: int) -> list[int]:
    """Return the postings to process together, given (posting id, crash count).

    After crashes a batch shrinks (500, then 22, then 1), so that a few attempts isolate the posting
    that kills workers, and no other posting is held.
    """
    if not crash_counts:
        return []
    crashes = crash_counts[0][1]
    part = (most, isqrt(most), 1)[min(crashes, TOGETHER)]
    return [key for key, others in crash_counts if others == crashes][:part]


_STILL = (
    select(Posting.id)
    .where(bulk.among_given(Posting.id, "ids"), *claimable(bindparam("connection"), READY))
    .with_for_update(of=Posting, skip_locked=True, key_share=True)
    .correlate(None)
)

_TAKE_SEEN = TAKE.where(Posting.id.in_(_STILL))
