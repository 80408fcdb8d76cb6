"""Work out when documents waited for a connection: a pause, a quota, a key, a test or an outage.

Nothing is stored for it: a push keeps since when it could have been sent, a hold since when its
document waits for a key, and the audit trail has when a connection stopped and went on.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from connectors import registry
from holding.db.models import (
    Attempt,
    Company,
    Connection,
    Event,
    Hold,
    Posting,
    Push,
    Request,
    Run,
)
from holding.db.models.columns import AttemptState, moment_of
from holding.posting.holds import REFUSED
from holding.records.story import format_time
from rules.values.canonical import PostingState


class Cause(StrEnum):
    """Why nothing was sent to a connection."""

    PAUSE = "pause"
    QUOTA = "quota"
    KEY = "key"
    PAUSED_KEY = "paused_key"
    TEST = "test"
    AWAY = "away"


_STARTS: Final = {
    "connection.paused": Cause.PAUSE,
    "connection.quota_used": Cause.QUOTA,
    "connection.refused": Cause.KEY,
    "connection.no_key": Cause.KEY,
    "connection.untested": Cause.TEST,
    "connection.away": Cause.AWAY,
}
_ENDS: Final = {
    "connection.resumed": {Cause.PAUSE},
    "connection.quota_free": {Cause.QUOTA},
    "connection.back": {Cause.KEY, Cause.AWAY},
    "connection.test_passed": {Cause.KEY, Cause.TEST, Cause.AWAY},
}
_GROUPS: Final = (
    ("connection.paused", "connection.resumed"),
    ("connection.quota_used", "connection.quota_free"),
    (
        "connection.refused",
        "connection.no_key",
        "connection.untested",
        "connection.away",
        "connection.back",
        "connection.test_passed",
    ),
)
"""Acts that end one another."""

_TO_SEND: Final = (PostingState.READY, PostingState.POSTED)


@dataclass(frozen=True, slots=True)
class Wait:
    """One time that a document waited; `until` is None while it lasts.

    `events` are the ids of the events that began and ended the stop.
    """

    record_id: int
    number: str
    target: str
    cause: Cause
    since: datetime
    until: datetime | None
    events: tuple[int, ...]

    def sentence(self, company: Company) -> str:
        """Return the wait in words, with times in the company's zone."""
        since = format_time(self.since, company)
        if self.until is None:
            return f"{self.number} waits for {self._what} since {since}."
        until = format_time(self.until, company)
        end = until[11:] if until[:10] == since[:10] else until
        return f"{self.number} waited for {self._what}, {since} to {end}."

    @property
    def _what(self) -> str:
        match self.cause:
            case Cause.PAUSE:
                return f"the paused connection {self.target}"
            case Cause.QUOTA:
                return f"the monthly quota of {self.target}"
            case Cause.KEY:
                return f"a key that {self.target} accepts"
            case Cause.PAUSED_KEY:
                return f"the paused key of {self.target}"
            case Cause.TEST:
                return f"a connection test of {self.target} that passes"
            case Cause.AWAY:
                return f"{self.target}, which was out of reach"


@dataclass(frozen=True, slots=True)
class _Window:
    """A time in which a document could have been sent. `until` is None if it still lasts."""

    record_id: int
    number: str
    connection_id: int
    target: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class _Stop:
    """A time in which nothing was sent to a connection."""

    cause: Cause
    since: datetime
    until: datetime | None
    events: tuple[int, ...]


def waits_of(
    session: Session, record_ids: Collection[int], now: datetime | None = None
) -> tuple[Wait, ...]:
    """Return when documents of these records waited for their connections, oldest first.

    Without `now`, waits that still last are left out.
    """
    windows = [*_windows_before_push(session, record_ids), *_windows_on_hold(session, record_ids)]
    windows += _open_windows(session, record_ids, now) if now else []
    by_connection: dict[int, list[_Window]] = defaultdict(list)
    for window in windows:
        by_connection[window.connection_id].append(window)
    waits = [
        wait
        for connection_id, own in by_connection.items()
        for wait in _waits(_stops(session, connection_id, min(one.since for one in own)), own, now)
        if now or wait.until is not None
    ]
    waits += [
        wait for wait in _waits_for_paused_key(session, record_ids) if now or wait.until is not None
    ]
    return tuple(sorted(waits, key=lambda wait: (wait.since, wait.number)))


def _waits(
    stops: Sequence[_Stop], windows: Iterable[_Window], now: datetime | None
) -> Iterable[Wait]:
    for window in windows:
        for stop in stops:
            since = max(window.since, stop.since)
            ends = [at for at in (window.until, stop.until) if at is not None]
            until = min(ends, default=None)
            if until is not None and now is not None and until > now:
                until = None  # the month's end is still to come
            if until is None or since < until:
                yield Wait(
                    record_id=window.record_id,
                    number=window.number,
                    target=window.target,
                    cause=stop.cause,
                    since=since,
                    until=until,
                    events=stop.events,
                )


def _windows_before_push(session: Session, record_ids: Collection[int]) -> list[_Window]:
    """Return for each push the time from when its document could be sent until the push."""
    query = (
        select(
            Posting.record_id,
            Push.number,
            Push.connection_id,
            Connection.name,
            Push.due_at,
            Push.made_at,
        )
        .join(Posting, Posting.id == Push.posting_id)
        .join(Connection, Connection.id == Push.connection_id)
        .where(Posting.record_id.in_(record_ids), Push.due_at.is_not(None))
        .order_by(Push.id)
    )
    return [
        _Window(
            record_id=row.record_id,
            number=row.number,
            connection_id=row.connection_id,
            target=row.name,
            since=row.due_at,
            until=row.made_at,
        )
        for row in session.execute(query)
        if row.due_at is not None
    ]


def _windows_on_hold(session: Session, record_ids: Collection[int]) -> list[_Window]:
    """Return the times in which a document was on hold because the target refused our key."""
    query = (
        select(Hold, Connection.id, Connection.name)
        .join(Connection, Connection.id == Hold.connection_id)
        .where(Hold.record_id.in_(record_ids), Hold.code == REFUSED)
        .where(Hold.error_class == "authorization_failed")
        .order_by(Hold.id)
    )
    return [
        _Window(
            record_id=hold.record_id,
            number=hold.number,
            connection_id=connection_id,
            target=target,
            since=hold.opened_at,
            until=hold.closed_at,
        )
        for hold, connection_id, target in session.execute(query)
    ]


def _waits_for_paused_key(session: Session, record_ids: Collection[int]) -> list[Wait]:
    """Return the times in which a target only queued documents because our key was paused there."""
    statuses = {
        target.form.tells.kept_while_paused
        for target in registry.targets().values()
        if target.form.tells is not None
    }
    query = (
        select(Push, Posting.record_id, Connection.name, Request.answered_at, Event.id)
        .join(Posting, Posting.id == Push.posting_id)
        .join(Connection, Connection.id == Push.connection_id)
        .join(Attempt, Attempt.push_id == Push.id)
        .join(Request, Request.id == Attempt.request_id)
        .join(Event, Event.posting_id == Posting.id)
        .where(Posting.record_id.in_(record_ids), Attempt.state == AttemptState.AWAITING)
        .where(Request.status.in_(statuses - {None}), Request.answered_at.is_not(None))
        .where(Event.act == "posting.awaiting", Event.at == Request.answered_at)
        .order_by(Push.id)
    )
    return [
        Wait(
            record_id=record_id,
            number=push.number,
            target=target,
            cause=Cause.PAUSED_KEY,
            since=since,
            until=push.closed_at,
            events=(event_id,),
        )
        for push, record_id, target, since, event_id in session.execute(query)
        if since is not None
    ]


def _open_windows(session: Session, record_ids: Collection[int], now: datetime) -> list[_Window]:
    """Return an open window for each document that could be sent and that no worker has claimed."""
    query = (
        select(Posting, Connection.name)
        .join(Connection, Connection.id == Posting.connection_id)
        .where(Posting.record_id.in_(record_ids), Posting.state.in_(_TO_SEND))
        .where(Posting.lease_until.is_(None))
        .order_by(Posting.id)
    )
    windows = []
    for posting, target in session.execute(query):
        since = posting.due_at or _run_start(session, posting)
        if since is not None and since <= now:
            windows.append(
                _Window(
                    record_id=posting.record_id,
                    number=posting.number,
                    connection_id=posting.connection_id,
                    target=target,
                    since=since,
                    until=None,
                )
            )
    return windows


def _run_start(session: Session, posting: Posting) -> datetime | None:
    """Return when the run that includes the document was created; None if no such run is due."""
    if posting.state != PostingState.READY:
        return None
    query = select(Run.filter, Run.made_at).where(
        Run.connection_id == posting.connection_id, Run.due_at.is_not(None)
    )
    return next(
        (
            row.made_at
            for row in session.execute(query.order_by(Run.id))
            if posting.id in (row.filter or {}).get("postings", [])
        ),
        None,
    )


def _stops(session: Session, connection_id: int, first: datetime) -> list[_Stop]:
    """Return the connection's stops that were open at `first` or that began later."""
    before = [
        event
        for group in _GROUPS
        for event in session.scalars(
            _events(session, connection_id, group)
            .where(Event.at < first)
            .order_by(Event.at.desc(), Event.id.desc())
            .limit(len(group))
        )
    ]
    acts = [act for group in _GROUPS for act in group]
    after = session.scalars(_events(session, connection_id, acts).where(Event.at >= first))
    events = sorted({*before, *after}, key=lambda event: (event.at, event.id))
    stops: list[_Stop] = []
    open_starts: dict[Cause, Event] = {}
    for event in events:
        started = _STARTS.get(event.act)
        if started is not None:
            begun = open_starts.setdefault(started, event)
            if begun is not event and _ended(begun, event.at):  # a quota of an earlier month
                stops.append(_stop(started, begun, None))
                open_starts[started] = event
        ended = sorted(_ENDS.get(event.act, set()) & open_starts.keys())
        stops += [_stop(cause, open_starts.pop(cause), event) for cause in ended]
    stops += [_stop(cause, start, None) for cause, start in open_starts.items()]
    return stops


def _ended(start: Event, at: datetime) -> bool:
    month_end = start.body.get("until")
    return month_end is not None and moment_of(month_end) <= at


def _events(session: Session, connection_id: int, acts: Collection[str]) -> Select[Event]:
    company = session.get_one(Connection, connection_id).company_id
    return select(Event).where(
        Event.company_id == company,
        Event.object == f"connection:{connection_id}",
        Event.record_id.is_(None),
        Event.act.in_(acts),
    )


def _stop(cause: Cause, start: Event, end: Event | None) -> _Stop:
    """Return a stop. A quota also ends with its month, for which there is no event."""
    month_end = start.body.get("until")
    ends = [end.at] if end is not None else []
    ends += [moment_of(month_end)] if month_end else []
    until = min(ends, default=None)
    by_event = end is not None and until == end.at
    events = (start.id, end.id) if end is not None and by_event else (start.id,)
    return _Stop(cause, start.at, until, events)
