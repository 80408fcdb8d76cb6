"""The targets of a company that may be used now, and what waits there: one read.

Here: asking. Not here: doing it (dispatch.py), and the claim of what was seen
(holding/posting/claims.py).
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, exists, or_, select, text

from holding.connections.channel import Channel, Desk, opened_channel
from holding.db.models import Company, Connection, ConnectionKey, Posting, Run, Throttle
from holding.db.models.columns import DUE, NOW, BreakerState, KeyState, among_words, is_word
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.posting.claims import LIVE, due_ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits at a target: postings in doubt, runs, what may be sent at once (`ready`, as
    `claim_seen` reads it; empty: nothing), what is to be read back. `calls`: it may be called
    without asking it first; `limited`: it counts what it takes, or asked us to wait.
    """

    calls: bool
    limited: bool
    doubts: bool
    runs: bool
    ready: str
    reads: bool


def waiting_at(desk: Desk, channel: Channel) -> Waiting:
    """Asked once and without a lock: claiming what is not there would make everybody wait who
    writes.
    """
    given = {"now": desk.clock.now(), "connection": channel.connection_id}
    with desk.database.read() as session:
        return _waiting(session.execute(_WAITS, given | {"company": channel.company_id}).one())


def _waiting(row: Row[Any]) -> Waiting:
    return Waiting(
        calls=row.breaker in (None, BreakerState.CLOSED),
        limited=bool(row.limited),
        doubts=bool(row.doubts),
        runs=bool(row.runs),
        ready="" if row.ready in _NONE else row.ready,
        reads=bool(row.reads),
    )


_NONE = (None, "[]")


def _asked(connection: ColumnElement[int]) -> tuple[ColumnElement[Any], ...]:
    """Of a connection: its breaker, and whether it sets a limit or asked us to wait; what is ready,
    and whether there are doubts, runs, and what is read back, which may be what cannot go now.
    """
    mine = Posting.connection_id == connection
    due = and_(mine, text(f"posting.{DUE}"), Posting.due_at <= NOW)
    run = and_(
        Run.company_id == bindparam("company"),
        Run.connection_id == connection,
        text(f"run.{DUE}"),
        Run.due_at <= NOW,
    )
    throttled = Throttle.connection_id == connection
    limited = or_(Throttle.quota_limit.is_not(None), Throttle.filled_at.is_not(None))
    return (
        select(Throttle.breaker).where(throttled).scalar_subquery().label("breaker"),
        exists().where(throttled, limited).label("limited"),
        exists().where(due, among_words(Posting.state, IN_FLIGHT_STATES)).label("doubts"),
        exists().where(run).label("runs"),
        due_ones(connection).label("ready"),
        exists().where(mine, text(Posting.WATCHED), Posting.read_due_at <= NOW).label("reads"),
    )


_WAITS = select(*_asked(bindparam("connection", type_=Connection.id.type)))


_TARGETS = (
    select(Connection, ConnectionKey, Company.zone, Company.currency)
    .add_columns(*_asked(Connection.id.expression))
    .join(Company, Company.id == Connection.company_id)
    .outerjoin(
        ConnectionKey,
        and_(
            ConnectionKey.connection_id == Connection.id,
            is_word(ConnectionKey.state, KeyState.ACTIVE),
        ),
    )
    .where(Connection.company_id == bindparam("company"), Connection.side == "target")
    .where(Connection.paused_at.is_(None), LIVE)
    .order_by(Connection.id)
)
"""One row each, for a unique index lets a connection have one active key."""


def due_targets(desk: Desk, company_id: int) -> list[tuple[Channel, Waiting]]:
    """The targets of a company that may be used now, each with what waits there."""
    given = {"company": company_id, "now": desk.clock.now()}
    with desk.database.read() as session:
        rows = session.execute(_TARGETS, given).all()
    found = []
    for row in rows:
        channel = opened_channel(desk, row.Connection, row.ConnectionKey, row.zone, row.currency)
        if isinstance(channel, Channel):
            found.append((channel, _waiting(row)))
    return found
