"""Compute which signals are raised now: many failures, lost authorization, an upcoming close,
differing totals.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from grammar.text.finding_codes import PUSH_CODES
from holding.access.actors import Actor, may
from holding.connections.breaker import REFUSED
from holding.db import bulk
from holding.db.bulk import whole_sum
from holding.db.held_amounts import counted_holds
from holding.db.models import (
    Attempt,
    Company,
    Connection,
    Event,
    Hold,
    Posting,
    Push,
    Request,
    Signal,
    Throttle,
)
from holding.db.models.columns import PushState, SignalKind
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Refusal, Sums, by_key, plural
from holding.platform.changes import lock_company
from holding.platform.events import record_event
from holding.platform.states import TOTALS
from rules.values.canonical import PostingState

WINDOW: Final = timedelta(minutes=10)

CLOSE_DAYS: Final = 3
"""So many days before a close it is told what is held of its period."""

NEWEST: Final = 20_000
"""So many documents of a target are compared with what it answered to them, every few seconds."""

RECONNECTING: Final = ("connection.tested", "connection.key_failed")
"""Acts of people that end a lost authorization where they succeed."""

ACT: Final = "company.setup"

TARGET: Final = "target"

FAILURES: Final = "signal_failures"  # key of company.settings: connection -> how many

CLOSE_DAY: Final = "books_close_day"  # key of company.settings: day of the month after

USUAL_FAILURES: Final = 10

MOST_FAILURES: Final = 100_000

LAST_CLOSE_DAY: Final = 28
"""Every month has this day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The current cause of a signal, with the fields of its row."""

    kind: SignalKind
    key: str
    connection_id: int | None = None
    cause_id: int | None = None
    record_id: int | None = None
    records: int = 0
    money: Sums = field(default_factory=dict)
    tried: int = 0
    closes_on: date | None = None


def found_now(
    session: Session, company: Company, standing: Iterable[Signal], now: datetime
) -> list[Found]:
    """Return every cause that should now have a signal. `standing` are the open signals."""
    return [
        *_many_failures(session, company, standing, now),
        *_lost_authorizations(session, company),
        *_blocked_close(session, company, now),
        *_differing_totals(session, company),
    ]


def _many_failures(
    session: Session, company: Company, standing: Iterable[Signal], now: datetime
) -> list[Found]:
    """Return each connection and cause for which many records failed to post.

    A cause counts if the number of its failures in the time window reaches the connection's limit.
    A cause with an open signal (`standing`) counts until its last hold is closed.
    """
    of_push = Hold.code.in_(sorted(PUSH_CODES))
    query = (
        select(Hold.connection_id, Hold.cause_id, Connection.name)
        .add_columns(func.count(Hold.record_id.distinct()).label("records"))
        .join(Connection, Connection.id == Hold.connection_id)
        .where(Hold.company_id == company.id, HOLD_OPEN, of_push, Hold.opened_at >= now - WINDOW)
        .group_by(Hold.connection_id, Hold.cause_id, Connection.name)
    )
    pairs = {
        (row.connection_id, row.cause_id)
        for row in session.execute(query)
        if row.records >= failures_of(company.settings, row.name)
    }
    pairs |= {
        (signal.connection_id, signal.cause_id)
        for signal in standing
        if signal.kind == SignalKind.MANY_FAILURES
    }
    candidates = []
    for connection_id, cause_id in sorted(pairs):
        at = (Hold.connection_id == connection_id, Hold.cause_id == cause_id, of_push)
        records, money, first = _sum_held_records(session, company.id, *at)
        if records:
            candidates.append(
                Found(
                    kind=SignalKind.MANY_FAILURES,
                    key=f"{connection_id}:{cause_id}",
                    connection_id=connection_id,
                    cause_id=cause_id,
                    record_id=first,
                    records=records,
                    money=money,
                )
            )
    return candidates


def _sum_held_records(
    session: Session, company_id: int, *terms: ColumnElement[bool]
) -> tuple[int, Mapping[str, int], int | None]:
    """Return the number of records that these holds stop, their amounts, and the first record's id.

    A record with several holds counts once.
    """
    single = counted_holds(Hold.company_id == company_id, *terms).c
    rows: list[Any] = list(
        session.execute(
            select(single.currency, func.count().label("records"))
            .add_columns(whole_sum(single.minor).label("minor"))
            .add_columns(func.min(single.record_id).label("first"))
            .group_by(single.currency)
        )
    )
    money = by_key((None, row.currency, row.minor) for row in rows).get(None, {})
    first = min((row.first for row in rows), default=None)
    return sum(int(row.records) for row in rows), money, first


def _lost_authorizations(session: Session, company: Company) -> list[Found]:
    """Return targets that refuse our key, with the number of attempts to reconnect them."""
    query = (
        select(Connection.id, Throttle.opened_at)
        .join(Throttle, Throttle.connection_id == Connection.id)
        .where(Connection.company_id == company.id, REFUSED, Connection.untested_since.is_(None))
        .order_by(Connection.id)
    )
    candidates = []
    for connection_id, since in session.execute(query):
        tried = select(func.count()).where(
            Event.company_id == company.id,
            Event.record_id.is_(None),
            Event.object == f"connection:{connection_id}",
            Event.act.in_(RECONNECTING),
            Event.person_id.is_not(None),
            Event.at >= since,
        )
        candidates.append(
            Found(
                kind=SignalKind.AUTHORIZATION_LOST,
                key=str(connection_id),
                connection_id=connection_id,
                record_id=_first_waiting(session, company.id, connection_id),
                tried=session.scalar(tried) or 0 if since else 0,
            )
        )
    return candidates


def _first_waiting(session: Session, company_id: int, connection_id: int) -> int | None:
    """Return the first record that waits for the connection's key, else any that is not sent.

    An escalation quotes the record's failure, so one that is held for another reason comes last.
    """
    refused = select(Hold.record_id).where(
        Hold.company_id == company_id,
        Hold.connection_id == connection_id,
        HOLD_OPEN,
        Hold.error_class == "authorization_failed",
    )
    of_target = (Posting.company_id == company_id, Posting.connection_id == connection_id)
    states = ((PostingState.READY,), (PostingState.HELD, PostingState.FAILED))
    unsent = (select(Posting.record_id).where(*of_target, Posting.state.in_(of)) for of in states)
    queries = (refused.order_by(Hold.id), *(query.order_by(Posting.id) for query in unsent))
    record_ids = (session.scalar(query.limit(1)) for query in queries)
    return next((record_id for record_id in record_ids if record_id is not None), None)


def _blocked_close(session: Session, company: Company, now: datetime) -> list[Found]:
    """Return a cause if the previous month has holds and its books close within CLOSE_DAYS."""
    day = close_day(company.settings)
    today = now.astimezone(ZoneInfo(company.zone)).date()
    if not day:
        return []
    closes = today.replace(day=day)
    if closes < today:
        closes = (today.replace(day=1) + timedelta(days=31)).replace(day=day)
    if (closes - today).days > CLOSE_DAYS:
        return []
    last = closes.replace(day=1) - timedelta(days=1)
    first = last.replace(day=1)
    records, money, first_record = _sum_held_records(
        session, company.id, Hold.doc_date >= first, Hold.doc_date <= last
    )
    if not records:
        return []
    return [
        Found(
            kind=SignalKind.CLOSE_BLOCKED,
            key=f"{first:%Y-%m}",
            record_id=first_record,
            records=records,
            money=money,
            closes_on=closes,
        )
    ]


def _differing_totals(session: Session, company: Company) -> list[Found]:
    """Return targets whose documents have another total than was sent, for documents sent more than
    once. The target's answer or a later reading shows it. A rounding difference does not count.
    """
    query = (
        select(
            Posting.connection_id,
            Posting.currency,
            func.count().label("records"),
            func.min(Posting.record_id).label("first"),
            whole_sum(Posting.amount).label("minor"),
        )
        .where(bulk.among(Posting.id, sorted(_postings_with_other_total(session, company.id))))
        .where(Posting.state == PostingState.POSTED)
        .group_by(Posting.connection_id, Posting.currency)
        .order_by(Posting.connection_id)
    )
    rows: dict[int, list[Any]] = {}
    for row in session.execute(query):
        rows.setdefault(row.connection_id, []).append(row)
    return [
        Found(
            kind=SignalKind.TOTALS_DIFFER,
            key=str(connection_id),
            connection_id=connection_id,
            record_id=min(row.first for row in each_row),
            records=sum(int(row.records) for row in each_row),
            money=by_key((None, row.currency, row.minor) for row in each_row).get(None, {}),
        )
        for connection_id, each_row in rows.items()
    ]


def _postings_with_other_total(session: Session, company_id: int) -> set[int]:
    """Return the ids of postings whose document was sent again and has another total in the target.

    Answers are checked for the newest postings of each target, readings for all postings.
    """
    held_postings = select(Hold.posting_id).where(
        Hold.company_id == company_id, HOLD_OPEN, Hold.code == TOTALS, Hold.posting_id.is_not(None)
    )
    targets = select(Connection.id).where(
        Connection.company_id == company_id, Connection.side == TARGET
    )
    posting_ids = set(session.scalars(held_postings))
    for connection_id in session.scalars(targets).all():
        posting_ids.update(session.scalars(_answered_otherwise(), {"connection_id": connection_id}))
    return {posting_id for posting_id in posting_ids if posting_id is not None}


@cache
def _answered_otherwise() -> Select[int]:
    """Return the query for a target's newest postings whose answer had another total."""
    newest = (
        select(Push.id)
        .where(Push.connection_id == bindparam("connection_id"), Push.state == PushState.ACCEPTED)
        .order_by(Push.id.desc())
        .limit(NEWEST)
        .subquery()
    )
    times = (
        select(func.count())
        .select_from(Attempt)
        .join(Request, Request.id == Attempt.request_id)
        .join(earlier_push := aliased(Push), earlier_push.id == Attempt.push_id)
        .where(earlier_push.posting_id == Posting.id, Request.kind == "push")
        .scalar_subquery()
    )
    return (
        select(Posting.id)
        .select_from(newest)
        .join(Push, Push.id == newest.c.id)
        .join(Posting, (Posting.id == Push.posting_id) & (Posting.posted_push_id == Push.id))
        .where(Push.kept != Posting.amount, times > 1)
    )


def failures_of(settings: Mapping[str, Any], connection: str) -> int:
    """Return how many records of one cause may fail on this connection before it
    becomes a signal.
    """
    limits = settings.get(FAILURES, {})
    return int(limits.get(connection, USUAL_FAILURES)) if isinstance(limits, Mapping) else 0


def close_day(settings: Mapping[str, Any]) -> int | None:
    """Return the day of the month on which the previous month's books close, or None."""
    day = settings.get(CLOSE_DAY)
    return int(day) if day else None


def failure_limits(session: Session, company_id: int) -> tuple[tuple[str, int], ...]:
    """Return each target of a company with its failure limit."""
    settings = session.get_one(Company, company_id).settings
    names = session.scalars(
        select(Connection.name)
        .where(Connection.company_id == company_id, Connection.side == TARGET)
        .order_by(Connection.name)
    )
    return tuple((name, failures_of(settings, name)) for name in names)


def own_close_day(session: Session, company_id: int) -> int | None:
    """Return the company's own closing day, or None."""
    return close_day(session.get_one(Company, company_id).settings)


def set_failures(
    session: Session, actor: Actor, connection: str, count: int, now: datetime
) -> Refusal | None:
    """Set how many failing records on a target raise a signal."""
    if refusal := may(actor, ACT):
        return refusal
    company = lock_company(session, actor.company_id or 0)
    query = select(Connection.id).where(
        Connection.company_id == company.id,
        Connection.name == connection,
        Connection.side == TARGET,
    )
    if session.scalar(query) is None:
        return Refusal("connection.unknown", "There is no such connection here.", "", 404)
    if not 1 <= count <= MOST_FAILURES:
        words = f"Enter a number from 1 to {MOST_FAILURES:,}."
        return Refusal("signal.failures", words, "", 422)
    company_limits = dict(company.settings.get(FAILURES, {}))
    company.settings = {**company.settings, FAILURES: {**company_limits, connection: count}}
    say = (
        f"{actor.name} set the signal for {connection} to {plural(count, 'record')}"
        " of one cause in 10 minutes."
    )
    _tell(session, actor, say, now)
    return None


def _tell(session: Session, actor: Actor, say: str, now: datetime) -> None:
    record_event(
        session,
        company_id=actor.company_id or 0,
        at=now,
        actor=actor,
        act="signal.set",
        body={"say": say},
    )


def set_close_day(session: Session, actor: Actor, day: int | None, now: datetime) -> Refusal | None:
    """Set the day on which the previous month's books close. None raises no such signal."""
    if refusal := may(actor, ACT):
        return refusal
    if day is not None and not 1 <= day <= LAST_CLOSE_DAY:
        words = f"Enter a day from 1 to {LAST_CLOSE_DAY}, or leave it blank."
        return Refusal("signal.close_day", words, "", 422)
    company = lock_company(session, actor.company_id or 0)
    company.settings = {**company.settings, CLOSE_DAY: day}
    close_text = f"close on day {day} of the month after" if day else "close on no set day"
    _tell(session, actor, f"{actor.name} noted that the books {close_text}.", now)
    return None
