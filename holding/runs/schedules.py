"""Daily schedules of routes: start the run of each finished day once, also for missed nights.

The rows of `schedule` follow the rule set in force. The run of a day starts at the given hour of
the next day.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from holding.access import operations
from holding.access.actors import SYSTEM, Actor
from holding.connections.connections import log_connection_event as tell_of
from holding.connections.connections import permitted
from holding.db import bulk
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Company,
    Connection,
    Evaluation,
    Posting,
    Pull,
    Record,
    Request,
    Run,
    Schedule,
    Upload,
    Version,
    WakeMark,
)
from holding.db.models.columns import DUE, LEASED, NOW, UploadState, among_words
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.db.refusal import Refusal, plural
from holding.programs.world import UnreadableRulesError, program, target_connections
from holding.runs.date_ranges import add_run, log_run_start
from holding.runs.range_preview import postings_under_way
from holding.runs.status import UNDER_WAY, stopped_routes
from rules.values.canonical import PostingState

DAY = timedelta(days=1)
LAST_JUDGING = timedelta(minutes=10)
"""How long a run waits for records that fell due after its hour, and for releases that can still be
undone.

A run waits without limit for records that fell due by its hour.
"""
EARLIER_TAKE = timedelta(hours=1)
"""How long a run waits for the runs of the preceding route after their last call."""


_SCHEDULES = select(Schedule)
_COMPANIES = select(Company).where(Company.ruleset_version_id.is_not(None)).order_by(Company.id)
_DUE = (
    select(Schedule)
    .join(Company, Company.id == Schedule.company_id)
    .where(Schedule.active, Schedule.next_at <= NOW, Company.live)
    .order_by(Schedule.company_id, Schedule.id)
    .with_for_update(of=Schedule, skip_locked=True, key_share=True)
)


@dataclass(frozen=True, slots=True)
class Daily:
    """The daily run of a document type.

    `at` is its hour as HH:MM in `zone`. `active`: it starts automatically. `last_day`: the last day
    that is done.
    """

    at: str
    zone: str
    active: bool
    next_at: datetime | None
    last_day: date | None


def start_due(session: Session, now: datetime) -> int:
    """Start every run whose hour has come; return how many."""
    unreadable = follow_rules(session, now)
    due = session.scalars(_DUE, {"now": now}).all()
    return sum(_start(session, one, now) for one in due if one.company_id not in unreadable)


def follow_rules(session: Session, now: datetime) -> set[int]:
    """Update the schedule rows to the daily routes of the rules in force.

    Return the companies whose rules cannot be read. Their runs wait, and each evaluation shows why.
    """
    unreadable: set[int] = set()
    rows_by_company: dict[int, dict[str, Schedule]] = defaultdict(dict)
    for row in session.scalars(_SCHEDULES):
        rows_by_company[row.company_id][row.route] = row
    for company in session.scalars(_COMPANIES).all():
        try:
            rows, daily_routes = rows_by_company[company.id], _daily_routes(session, company)
        except UnreadableRulesError:
            unreadable.add(company.id)
            continue
        for route, (at, zone) in daily_routes.items():
            if route not in rows:
                rows[route] = Schedule(company_id=company.id, route=route, at="", zone="")
                session.add(rows[route])
            agree(rows[route], at, zone, now)
        for route in rows.keys() - daily_routes.keys():
            rows[route].next_at = rows[route].last_day = None
    session.flush()
    return unreadable


def load_daily_runs(session: Session, company_id: int, *words: str) -> dict[str, Daily]:
    """Return document type -> its daily run to a target that rules call by these words."""
    rows = _rows(session, company_id, *words)
    return {
        doc_type: Daily(row.at, row.zone, row.active, row.next_at, row.last_day)
        for doc_type, row in rows.items()
    }


def _rows(session: Session, company_id: int, *words: str) -> dict[str, Schedule]:
    rows = session.scalars(
        select(Schedule).where(Schedule.company_id == company_id, Schedule.next_at.is_not(None)),
        execution_options=KEPT,
    )
    parts = ((row.route.partition("."), row) for row in rows)
    return {doc_type: row for (word, _, doc_type), row in parts if word in words}


def switch(
    session: Session,
    actor: Actor,
    connection_id: int,
    doc_type: str,
    *,
    on: bool,
    now: datetime,
) -> Refusal | None:
    """Switch a daily route to automatic or manual.

    Documents that became ready meanwhile go with the next run.
    """
    connection = session.get_one(Connection, connection_id)
    words = (connection.name, connection.connector)
    row = _rows(session, connection.company_id, *words).get(doc_type)
    if refusal := permitted(actor, "run.operate", connection.company_id):
        return refusal
    if row is None:
        message = f"{connection.name} has no daily run of {doc_type.replace('_', ' ')}."
        return Refusal(
            "schedule.unknown", message, "The rules say which documents have a daily run.", 404
        )
    if row.active == on:
        return None
    row.active = on
    if on:
        today = now.astimezone(ZoneInfo(row.zone)).date()
        passed = start_of(row, today - DAY) <= now
        done_with(row, today - DAY if passed else today - 2 * DAY)
    say = "switched on" if on else "switched off"
    message = f"Daily run of {row.route} {say}."
    tell_of(session, connection, actor, now, "schedule.switched", message)
    return None


def agree(row: Schedule, at: time, zone: str, now: datetime) -> None:
    """Set the row's hour to the one in the rules; no day runs twice because of a new hour."""
    hour = at.strftime("%H:%M")
    if row.next_at is None or (row.at, row.zone) != (hour, zone):
        row.at, row.zone = hour, zone
        row.next_at, row.waiting_since = start_of(row, _next_day(row, now)), None


def _daily_routes(session: Session, company: Company) -> dict[str, tuple[time, str]]:
    judge = program(session, company.ruleset_version_id or 0)
    zones = {source.name: source.zone for source in judge.ruleset.sources}
    return {
        route.name: (route.at, zones.get(route.source, company.zone))
        for route in judge.routes
        if route.timing == "daily" and route.at is not None
    }


def _start(session: Session, row: Schedule, now: datetime) -> int:
    """Start the runs of the days that are over.

    They wait while records of that night are read or evaluated, the route is stopped, preceding
    documents are in flight, or a release can be undone.
    """
    connection = target_connections(session, row.company_id).get(row.route.partition(".")[0])
    days = days_over(row, now)
    if connection is None or _is_incomplete(session, row, start_of(row, days[-1]), now):
        return 0
    if row.route in stopped_routes(session, row.company_id):
        return 0
    if _earlier_go_first(session, row, days, now):
        return 0
    waiting = _ready_by_day(session, connection, row.route, days)
    if _may_wait(row, now) and _taken_back_yet(session, waiting, now):
        return 0
    for day in days:
        _start_day(session, connection, row.route, day, waiting.get(day, ()), now)
    done_with(row, days[-1])
    return len(days)


def _start_day(
    session: Session,
    connection: Connection,
    route: str,
    day: date,
    ready: Sequence[int],
    now: datetime,
) -> None:
    doc_type = route.partition(".")[2]
    try:
        with session.begin_nested():
            run = add_run(session, connection, "daily", doc_type, ready, now, route=route, day=day)
    except IntegrityError:  # the day was done; what is ready goes with the next one
        return
    say = f"The daily run of {route} for {day} has {plural(len(ready), 'document')}."
    log_run_start(session, run, SYSTEM, now, say)


def _ready_by_day(
    session: Session, connection: Connection, route: str, days: Sequence[date]
) -> Mapping[date, list[int]]:
    """Return the ready documents by day.

    Older ones go with the first day, the rest with the last.
    """
    rows = session.execute(
        select(Posting.id, Posting.doc_date)
        .where(Posting.connection_id == connection.id, Posting.route == route)
        .where(Posting.company_id == connection.company_id, text(f"posting.{Posting.OPEN}"))
        .where(
            Posting.state == PostingState.READY,
            Posting.due_at.is_(None),
            Posting.lease_until.is_(None),
        )
        .order_by(Posting.id)
    )
    running_ids = postings_under_way(session, connection.id)
    ids_by_day: dict[date, list[int]] = defaultdict(list)
    for key, day in rows:
        if key not in running_ids:
            ids_by_day[min(max(day or days[-1], days[0]), days[-1])].append(key)
    return ids_by_day


def _taken_back_yet(session: Session, ready: Mapping[date, list[int]], now: datetime) -> bool:
    """Check whether the release of one of these can still be undone."""
    ids = [key for found in ready.values() for key in found]
    records = session.scalars(select(Posting.record_id).where(bulk.among(Posting.id, ids)))
    return any(until > now for until in operations.until(session, set(records)).values())


def _is_incomplete(session: Session, row: Schedule, hour: datetime, now: datetime) -> bool:
    """Check whether records that fell due by this hour are not read or not evaluated yet.

    The hour may be long past: the program was off, or many records came at once. So the wait has no
    limit while sources are read and while such records are not evaluated. From then on it has one,
    because with constant traffic there is always a record to evaluate. The limit starts again when
    a worker dies, or when the program was off meanwhile.
    """
    of_company = Record.company_id == row.company_id
    due = select(Record.id).where(of_company, text(f"record.{DUE}"), Record.due_at <= now)
    # for one condition of both, SQLite would read every record of the company
    leased = select(Record.id).where(Record.company_id + 0 == row.company_id)
    leased = leased.where(text(f"record.{LEASED}"))
    behind = _sources_behind(row.company_id, hour, now)
    importing = select(Upload.id).where(
        Upload.company_id == row.company_id,
        Upload.state == UploadState.IMPORTING,
        Upload.due_at.is_not(None),
        Upload.confirmed_at <= hour,
    )
    unlimited = (
        due.where(Record.due_at <= hour, Record.crashes == 0),
        due.where(Record.crashes == 0, _fell_due_by(hour)),
        leased.where(Record.crashes == 0, _fell_due_by(hour)),
        behind.where(Pull.tries == 0, Pull.read_at >= now - LAST_JUDGING),
        importing.where(Upload.crashes == 0),
        due.where(Record.crashes > 0, Record.due_at > (row.waiting_since or now)),
    )
    if row.waiting_since is None or _is_any(session, unlimited):
        row.waiting_since = now
    marked = select(WakeMark.id).where(WakeMark.company_id == row.company_id)
    return _may_wait(row, now) and _is_any(session, (due, leased, behind, importing, marked))


def _is_any(session: Session, queries: Sequence[Select[int]]) -> bool:
    """Check whether one of the queries has a row."""
    return bool(session.scalar(select(or_(*(query.exists() for query in queries)))))


def _fell_due_by(hour: datetime) -> ColumnElement[bool]:
    """Return the condition that a record fell due by this hour, whatever its due time is now.

    It has another due time, or none, if a worker evaluates it or returned it. Then its last
    evaluation ended by the hour, or a version that has no evaluation arrived by then. A record
    with a document in flight is not evaluated before the answer.
    """
    in_flight = exists().where(
        Posting.record_id == Record.id, among_words(Posting.state, IN_FLIGHT_STATES)
    )
    evaluated = aliased(Evaluation)
    last = select(func.max(evaluated.id)).where(evaluated.record_id == Record.id).scalar_subquery()
    ended = exists().where(Evaluation.id == last, Evaluation.valid_until <= hour)
    known = select(Evaluation.version_id).where(Evaluation.id == last).scalar_subquery()
    arrived = exists().where(
        Version.record_id == Record.id,
        Version.at <= hour,
        Version.id > func.coalesce(known, 0),
        Version.stale.is_(False),
    )
    return and_(~in_flight, or_(ended, arrived))


def _sources_behind(company_id: int, hour: datetime, now: datetime) -> Select[int]:
    """Return the sources that were not read to their end since this hour, and are read now.

    A source that failed before the hour already is not waited for, nor a first reading. The nightly
    sweep counts where a source has no other reading.
    """
    other = aliased(Pull)
    has_pull = exists().where(
        other.connection_id == Pull.connection_id, other.kind == "pull", other.due_at.is_not(None)
    )
    return (
        select(Pull.connection_id)
        .join(Connection, Connection.id == Pull.connection_id)
        .where(Connection.company_id == company_id, Connection.paused_at.is_(None))
        .where(Pull.due_at.is_not(None), or_(Pull.kind == "pull", ~has_pull))
        .where(Pull.done_at < hour)
        .where(or_(Pull.due_at <= now, Pull.read_at > Pull.done_at))
        .where(or_(Pull.wrong_since.is_(None), Pull.wrong_since >= hour))
    )


def _may_wait(row: Schedule, now: datetime) -> bool:
    return row.waiting_since is not None and now <= row.waiting_since + LAST_JUDGING


def _earlier_go_first(session: Session, row: Schedule, days: Sequence[date], now: datetime) -> bool:
    """Check whether documents of the preceding route are still in flight or their effects not
    evaluated.

    This sends a receipt in the night of its invoice. The wait for their runs is limited to one hour
    without a call.
    """
    company = session.get_one(Company, row.company_id)
    routes = program(session, company.ruleset_version_id or 0).routes
    earlier = next((route.after for route in routes if route.name == row.route), None)
    if earlier is None or earlier in stopped_routes(session, company.id):
        return False
    of_route = (Schedule.company_id == row.company_id, Schedule.route == earlier, Schedule.active)
    if session.scalar(select(Schedule.id).where(*of_route, Schedule.next_at <= now)):
        return True
    runs = select(Run).where(Run.company_id == row.company_id, Run.route == earlier)
    return any(
        _is_unfinished(session, run, now)
        for run in session.scalars(runs.where(Run.day.in_(days), Run.kind == "daily"))
    )


def _is_unfinished(session: Session, run: Run, now: datetime) -> bool:
    """Check whether a run is under way, or what became of its documents is not known or evaluated.

    A run ends although its target gave no answer; the documents are then looked up and sent alone.
    """
    last_call = session.scalar(select(func.max(Request.made_at)).where(Request.run_id == run.id))
    if now > max(run.made_at, last_call or run.made_at) + EARLIER_TAKE:
        return False
    query = (
        select(Record.id)
        .join(Posting, Posting.record_id == Record.id)
        .where(bulk.among(Posting.id, (run.filter or {}).get("postings", ())))
        .where(
            or_(
                among_words(Posting.state, (PostingState.READY, *IN_FLIGHT_STATES)),
                Record.due_at <= now,
                Record.lease_until.is_not(None),
            )
        )
    )
    return run.state in UNDER_WAY or session.scalar(query.limit(1)) is not None


def days_over(row: Schedule, now: datetime) -> list[date]:
    """Return the days whose run is due, oldest first; there is at least one."""
    first = _day_of(row, row.next_at or now)
    days = [first]
    while start_of(row, days[-1] + DAY) <= now:
        days.append(days[-1] + DAY)
    return days


def done_with(row: Schedule, day: date) -> None:
    """Mark this day as done and schedule the next one."""
    row.last_day, row.next_at = day, start_of(row, day + DAY)
    row.waiting_since = None


def _next_day(row: Schedule, now: datetime) -> date:
    """Return the day after the last done one; at first the day before today."""
    return row.last_day + DAY if row.last_day else now.astimezone(ZoneInfo(row.zone)).date() - DAY


def _day_of(row: Schedule, moment: datetime) -> date:
    return moment.astimezone(ZoneInfo(row.zone)).date() - DAY


def start_of(row: Schedule, day: date) -> datetime:
    """Return when the run of this day is to start."""
    at = time.fromisoformat(row.at)
    return datetime.combine(day + DAY, at, ZoneInfo(row.zone))
