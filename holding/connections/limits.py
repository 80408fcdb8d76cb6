"""Rate limits of a target: calls a minute and documents a month, shared by all workers.

The token bucket is in the throttle row of the oldest connection whose calls are counted together.
It fills with 80 % of the allowed calls a minute, and its size is 15 % of the allowed calls. So no
minute exceeds the limit, and some calls are left for lookups by people.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import and_, bindparam, case, func, select, text
from sqlalchemy.orm import Session

from connectors.contract import Answer, Found
from connectors.transport.http import TOO_MANY
from holding.access.actors import SYSTEM
from holding.connections import breaker
from holding.connections.channel import Channel, Desk, together_with
from holding.connections.connections import log_connection_event
from holding.connections.master_data import is_spent, log_quota, month_of, zone_of
from holding.db import bulk
from holding.db.models import Company, Connection, Posting, Throttle
from holding.db.models.columns import DUE, LEASED, NOW, BreakerState, among_words, moment
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.platform.states import READY
from rules.values.canonical import PostingState

FILLED, HELD = 80, 15  # per cent
PEOPLE: Final = 2  # calls at once that are left to them: tests, lists
NEAR: Final = 80  # per cent of a month
USUAL_PAUSE = timedelta(minutes=1)  # most limits count by the minute
LONGEST_PAUSE = timedelta(minutes=15)
_BEHIND = (
    select(Company.id)
    .where(Company.id == Connection.company_id)
    .where(bulk.among_given(Company.zone, "zones_behind"))
    .correlate(Connection)
    .exists()
)
SPENT = and_(
    Throttle.quota_month == case((_BEHIND, bindparam("month_before")), else_=bindparam("month")),
    Throttle.quota_used >= Throttle.quota_limit,
)
"""Of the throttle of a connection: the target takes no more documents this month."""
HELD_OFF = and_(Throttle.filled_at > NOW, Throttle.filled_at <= moment("held_off_by"))
"""Of a throttle: the target asked us to wait. A longer wait than any is a clock that jumped."""


def moments(now: datetime) -> dict[str, Any]:
    """Return the parameters of a statement with BARRED or HELD_OFF."""
    return {"now": now, "asked_by": now + breaker.LONGEST, "held_off_by": now + LONGEST_PAUSE}


def months(session: Session, now: datetime) -> dict[str, Any]:
    """Return the parameters of a statement with SPENT, including the zones where the previous month
    is not over.
    """
    before, month = (month_of(now + shift, UTC) for shift in (_WEST, _EAST))
    zones = () if before == month else session.scalars(_ZONES)
    behind = [zone for zone in zones if month_of(now, ZoneInfo(zone)) == before]
    return {"month": month, "month_before": before, "zones_behind": behind}


_WEST, _EAST = timedelta(hours=-12), timedelta(hours=14)  # no zone is further from UTC
_ZONES = select(Company.zone).distinct().order_by(Company.zone)


def sends(session: Session, channel: Channel, now: datetime, documents: int) -> int:
    """Return how many documents may be sent now, and spend their calls."""
    row = breaker.known(session, channel.connection_id)
    month_left = _left_of_month(session, channel, now, documents, row)
    return _take(session, channel, now, month_left, channel.calls_to_send, row)


def in_a_file(session: Session, channel: Channel, now: datetime, documents: int) -> int:
    """Return how many documents one file may carry now, and spend its call."""
    row = breaker.known(session, channel.connection_id)
    month_left = _left_of_month(session, channel, now, documents, row)
    carried = min(month_left, channel.target.file_limits.documents)
    cost = channel.calls_to_send
    return carried if _take(session, channel, now, min(1, carried), cost, row, in_file=True) else 0


def another_file(desk: Desk, channel: Channel, documents: int) -> bool:
    """Check whether one more file may be sent in this turn, and spend its call."""
    if documents < 1 or not lets_us(desk, channel):
        return False
    with desk.database.write() as session:
        now = desk.clock.now()
        row = breaker.known(session, channel.connection_id)
        quota_row = _counted(row, channel.zone, now)  # the claim of these has its part of it
        if quota_row is not None and _left(quota_row, channel.zone, now) < 1:
            return False
        return _take(session, channel, now, 1, channel.calls_to_send, row, in_file=True) > 0


def looks(session: Session, channel: Channel, now: datetime, documents: int) -> int:
    """Return how many documents may be looked up now, and spend their calls."""
    row = breaker.known(session, channel.connection_id)
    return _take(session, channel, now, documents, channel.target.pace.to_look, row)


def spend(session: Session, channel: Channel, calls: int) -> None:
    """Spend calls that are made in any case; later calls wait for them."""
    if calls and channel.calls_per_minute is not None:
        breaker.locked(session, together_with(session, channel)[0]).tokens -= calls


def refund(session: Session, channel: Channel, steps: int, *, in_file: bool) -> None:
    """Return the calls of documents or files that are not sent after all."""
    cost = channel.calls_to_file if in_file else channel.calls_to_send
    spend(session, channel, -steps * cost)


def hold_off(session: Session, channel: Channel, now: datetime, seconds: float | None) -> None:
    """Block calls for `seconds` on all connections that share this channel's call limit."""
    for connection_id in together_with(session, channel):
        leave_alone(session, connection_id, now, seconds)


def leave_alone(session: Session, connection_id: int, now: datetime, seconds: float | None) -> None:
    """Block calls on this connection for `seconds`, at most LONGEST_PAUSE; for USUAL_PAUSE if None.

    A longer block that is already in force stays.
    """
    row = breaker.locked(session, connection_id)
    pause = USUAL_PAUSE if seconds is None else min(LONGEST_PAUSE, timedelta(seconds=seconds))
    until = now + pause
    row.tokens, row.filled_at = 0, max(until, row.filled_at or until)


def a_call(session: Session, connection_id: int, per_minute: int, now: datetime) -> datetime | None:
    """Spend one call and return None, or return until when to wait."""
    row = breaker.locked(session, connection_id)
    if row.filled_at is not None and _held_off(row.filled_at, now):
        return row.filled_at
    fill(row, per_minute, 1, now)
    if row.tokens < 1:
        return now + timedelta(minutes=1) * 100 / (per_minute * FILLED)
    row.tokens -= 1
    return None


def note_answers(
    session: Session, channel: Channel, responses: Sequence[Answer | Found], now: datetime
) -> None:
    """Block further calls if one of these answers reports too many calls."""
    limiting = [response for response in responses if response.status == TOO_MANY]
    if limiting:
        hold_off(session, channel, now, limiting[0].retry_after)


def mark_exhausted(session: Session, channel: Channel, now: datetime) -> None:
    """Mark the month's quota as used up until the target reports otherwise."""
    row = breaker.locked(session, channel.connection_id)
    was_spent = is_spent(row, channel.zone, now)
    row.quota_month = month_of(now, channel.zone)
    has_limit = row.quota_limit is not None
    row.quota_limit = row.quota_used = max(row.quota_limit or 0, row.quota_used) if has_limit else 0
    log_quota(session, session.get_one(Connection, channel.connection_id), row, now, was_spent)


def count_documents(
    session: Session, channel: Channel, now: datetime, documents: int
) -> Throttle | None:
    """Count documents that the target took, and return the connection's row.

    An event is logged near the limit.
    """
    row = breaker.known(session, channel.connection_id)
    if documents and row is not None and row.quota_limit is not None:
        month = month_of(now, channel.zone)
        row = breaker.locked(session, channel.connection_id)
        used_before = _used(row, channel.zone, now)
        was_spent = is_spent(row, channel.zone, now)
        if row.quota_month != month and not row.quota_limit:
            row.quota_limit = None  # it was the word of that month alone: exhausted()
            return row
        row.quota_month, row.quota_used = month, used_before + documents
        limit = row.quota_limit or 0
        if is_near_limit(limit, row.quota_used) and not is_near_limit(limit, used_before):
            connection = session.get_one(Connection, channel.connection_id)
            words = f"{row.quota_used:,} of {limit:,} documents of this month are used."
            log_connection_event(session, connection, SYSTEM, now, "connection.quota", words)
        log_quota(session, session.get_one(Connection, channel.connection_id), row, now, was_spent)
    return row


def is_near_limit(limit: int, used: int) -> bool:
    """Check whether most of a month's quota is used."""
    return used * 100 >= limit * NEAR


def is_short(session: Session, channel: Channel, now: datetime) -> bool:
    """Check whether more documents are ready than the month allows.

    Those with the earliest date then go first, because their period closes first.
    """
    row = _counted(breaker.known(session, channel.connection_id), channel.zone, now)
    if row is None:
        return False
    ready = session.scalar(_WAITING, _of(channel.connection_id, channel.company_id)) or 0
    return ready > _left(row, channel.zone, now)


def documents_left(session: Session, connection: Connection, now: datetime) -> int | None:
    """Return how many documents the month still allows, or None without a known limit.

    Documents that are being sent or have no answer yet count as used.
    """
    zone = zone_of(session, connection.company_id)
    row = _counted(breaker.known(session, connection.id), zone, now)
    if row is None:
        return None
    return max(
        0, _left(row, zone, now) - _on_the_way(session, connection.id, connection.company_id)
    )


def first_of_next_month(now: datetime, zone: tzinfo) -> date:
    """Return the day on which a monthly quota starts again."""
    first = now.astimezone(zone).date().replace(day=1)
    return (first + timedelta(days=32)).replace(day=1)


_MINE = Posting.connection_id == bindparam("connection")
_STATES = select(func.count()).where(  # by the index of open documents
    _MINE, Posting.company_id == bindparam("company"), text(f"posting.{Posting.OPEN}")
)
_LEASED = select(func.count()).where(_MINE, text(f"posting.{LEASED}"))
_WORKERS = _LEASED.with_only_columns(func.count(Posting.lease_owner.distinct()))
_DUE = select(func.count()).where(_MINE, text(f"posting.{DUE}"))
# What is posted and stays as it is waits for nothing
_WAITING = select(
    _STATES.where(Posting.state == PostingState.READY).scalar_subquery()
    + _LEASED.where(Posting.state == PostingState.POSTED).scalar_subquery()
    + _DUE.where(Posting.state == PostingState.POSTED).scalar_subquery()
)
_ON_THE_WAY = select(
    _STATES.where(among_words(Posting.state, IN_FLIGHT_STATES)).scalar_subquery()
    + _LEASED.where(among_words(Posting.state, READY)).scalar_subquery()
)


def _of(connection_id: int, company_id: int) -> dict[str, int]:
    return {"connection": connection_id, "company": company_id}


def _on_the_way(session: Session, connection_id: int, company_id: int) -> int:
    return session.scalar(_ON_THE_WAY, _of(connection_id, company_id)) or 0


# The earliest document date goes first, because its period is the first to be locked.
MOST_URGENT = (Posting.doc_date.asc().nulls_last(), Posting.due_at, Posting.id)


def lets_us(desk: Desk, channel: Channel) -> bool:
    """Check whether the latest answers allow the next call and the connection is not paused."""
    with desk.database.read() as session:
        state = session.execute(_ALLOWED, {"connection": channel.connection_id}).one()
    closed = state.breaker in (None, BreakerState.CLOSED) and state.paused_at is None
    return closed and not _held_off(state.filled_at, desk.clock.now())


_ALLOWED = (
    select(Connection.paused_at, Throttle.breaker, Throttle.filled_at)
    .outerjoin(Throttle, Throttle.connection_id == Connection.id)
    .where(Connection.id == bindparam("connection"))
)


def _held_off(until: datetime | None, now: datetime) -> bool:
    return until is not None and now < until <= now + LONGEST_PAUSE


def is_running(session: Session, channel: Channel) -> bool:
    """Check whether the connection is not paused."""
    query = select(Connection.paused_at).where(Connection.id == channel.connection_id)
    return session.scalar(query) is None


def _take(
    session: Session,
    channel: Channel,
    now: datetime,
    steps: int,
    cost: int,
    throttle: Throttle | None,
    *,
    in_file: bool = False,
) -> int:
    """Return for how many steps calls are available now, and spend them.

    `throttle` is the connection's row, if there is one. A batch may start when one document could,
    and owes its remaining calls; otherwise cheaper steps would always overtake it.
    """
    if throttle is not None and _held_off(throttle.filled_at, now):
        return 0
    if channel.calls_per_minute is None or steps < 1:
        return max(0, steps)
    together = together_with(session, channel)
    row = breaker.locked(session, together[0])
    most = channel.target.pace.at_once
    workers = (
        session.scalar(_WORKERS, {"connection": connection_id}) or 0 for connection_id in together
    )
    if most is not None and sum(workers) >= most - PEOPLE:
        return 0
    fill(row, channel.calls_per_minute, cost, now)
    granted = max(0, min(steps, row.tokens // cost))
    row.tokens -= granted * (channel.calls_to_file if in_file else cost)
    return granted


def fill(row: Throttle, per_minute: int, cost: int, now: datetime) -> None:
    """Refill the token bucket up to now. It always holds at least the cost of one step."""
    most = max(cost, per_minute * HELD // 100)
    if row.filled_at is None:
        row.tokens, row.filled_at = most, now
        return
    row.filled_at = min(row.filled_at, now)
    token_time = timedelta(minutes=1) * 100 / (per_minute * FILLED)
    new_tokens = int((now - row.filled_at) / token_time)
    if new_tokens > 0:
        row.filled_at = (
            now if row.tokens + new_tokens >= most else row.filled_at + token_time * new_tokens
        )
        row.tokens = min(most, row.tokens + new_tokens)


def _left_of_month(
    session: Session, channel: Channel, now: datetime, documents: int, throttle: Throttle | None
) -> int:
    if documents < 1 or _counted(throttle, channel.zone, now) is None:
        return max(0, documents)
    row = breaker.locked(session, channel.connection_id)  # who claims at the same moment waits
    going = _on_the_way(session, channel.connection_id, channel.company_id)
    return max(0, min(documents, _left(row, channel.zone, now) - going))


def _counted(row: Throttle | None, zone: tzinfo, now: datetime) -> Throttle | None:
    """Return the row if a monthly limit is known.

    Last month's limit holds until the target reports another, unless it only reported that it was
    used up.
    """
    if row is None or row.quota_limit is None:
        return None
    is_current = row.quota_month == month_of(now, zone)
    return row if is_current or row.quota_limit else None


def _used(row: Throttle, zone: tzinfo, now: datetime) -> int:
    return row.quota_used if row.quota_month == month_of(now, zone) else 0


def _left(row: Throttle, zone: tzinfo, now: datetime) -> int:
    return (row.quota_limit or 0) - _used(row, zone, now)
