"""What time it is, for everybody who shares a database, and a clock that was set back.

Here: the newest moment that a sweep has written down, how far the clock fell behind it, and the
moments that are moved with it. Not here: what becomes due at a moment.

Due times, leases, pauses and the time to undo are delays, counted from a moment of the clock as it
was: they are moved back with it; a duty's lease (holding/store/leases.py) looks after itself. A
record whose rules named a moment of the calendar is only judged once more. Calendars themselves
(daily runs, deputies, reminders, sessions) keep their moments.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session

from connectors.transport.clock import Clock, MachineClock
from holding.audit.events import record_event
from holding.store.database import Database
from holding.tables import (
    ClockMark,
    Company,
    Event,
    Operation,
    Posting,
    Pull,
    Record,
    Run,
    Snapshot,
    Throttle,
)
from holding.tables.columns import Moment, table_of
from holding.words import plural

FRESH_SECONDS = 30.0
JUMP_SECONDS = 1.0


class DatabaseClock:
    """The machine's clock, corrected by what the database's clock says.

    The difference is measured again every half minute, and at once when somebody has set the
    machine's clock; not at each call.
    """

    def __init__(self, database: Database, machine: MachineClock) -> None:
        self._database = database
        self._machine = machine
        self._measured_at: float | None = None
        self._then = machine.now()
        self._difference = timedelta(0)

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        if self._database.dialect == "postgresql" and self._is_old():
            self._measure()
        return self._machine.now() + self._difference

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return self._machine.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._machine.sleep(seconds)

    def _is_old(self) -> bool:
        if self._measured_at is None:
            return True
        passed = self.monotonic() - self._measured_at
        jumped = abs((self._machine.now() - self._then).total_seconds() - passed) > JUMP_SECONDS
        return jumped or passed > FRESH_SECONDS

    def _measure(self) -> None:
        with self._database.engine.connect() as connection:
            theirs: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        self._difference = theirs.astimezone(UTC) - datetime.now(UTC)
        self._measured_at, self._then = self.monotonic(), self._machine.now()


SMALLEST = timedelta(seconds=5)
"""Less than this is how clocks are kept right; what waits simply waits so much longer."""
ONLY = 1
SET_BACK = "clock.set_back"
ADJUSTED = "Scheduled times were adjusted."
UNNOTICED = timedelta(minutes=5)
"""A step is found out at the next sweep, seldom later than this."""
MOVED: dict[type[Any], tuple[str, ...]] = {
    Record: ("due_at", "lease_until"),
    Posting: ("due_at", "lease_until", "read_due_at"),
    Run: ("due_at", "lease_until"),
    Snapshot: ("due_at",),
    Pull: ("due_at", "lease_until"),
    Throttle: ("open_until", "filled_at", "opened_at"),
    Operation: ("undo_until",),
}
"""Moments that are a delay after some present moment."""


_MARK = table_of(ClockMark)
_NEWEST = select(_MARK.c.newest_at).where(_MARK.c.id == ONLY).with_for_update()
_NOTE = update(_MARK).where(_MARK.c.id == ONLY)  # it sets the columns that it is given values for


def notice(session: Session, clock: Clock) -> int:
    """By how many seconds the clock was set back since this was asked last.

    What waits is moved back with it, and each company is told.
    """
    newest = _newest(session)
    now = clock.now()  # after the lock: whoever held it has written no later moment
    back = newest - now if newest else timedelta()
    if back <= SMALLEST:
        session.execute(_NOTE, {"newest_at": now})
        return 0
    seconds = round(back.total_seconds())
    session.execute(_NOTE, {"newest_at": now, "back_at": now, "back_seconds": seconds})
    _move(session, now, seconds)
    words = f"The clock was set back by {length(seconds)}."
    for company_id in session.scalars(select(Company.id).order_by(Company.id)).all():
        record_event(
            session,
            company_id=company_id,
            at=now,
            actor=None,
            act=SET_BACK,
            object=f"company:{company_id}",
            body={
                "say": f"{words} {ADJUSTED}",
                "seconds": seconds,
            },
        )
    return seconds


def last_step(session: Session) -> str:
    """When the clock was last found to be set back and by how much, in words; empty if never."""
    mark = session.get(ClockMark, ONLY)
    if mark is None or mark.back_at is None:
        return ""
    found = mark.back_at.strftime("%Y-%m-%d %H:%M UTC")
    return f"set back by {length(mark.back_seconds)}, found at {found}"


def passed_twice(session: Session, company_id: int) -> list[tuple[datetime, datetime]]:
    """The spans of time that the clock went through more than once, in their order: of two moments
    in the same span, nobody can tell by the clock which was first.
    """
    query = select(Event.at, Event.body).where(
        Event.company_id == company_id, Event.act == SET_BACK
    )
    found: list[tuple[datetime, datetime]] = []
    for at, body in sorted(session.execute(query), key=lambda row: row.at):
        start, end = at - UNNOTICED, at + timedelta(seconds=body["seconds"]) + UNNOTICED
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def length(seconds: int) -> str:
    """`1 hour 30 minutes`."""
    if seconds < 60:
        return plural(seconds, "second")
    whole = round(seconds / 60)
    parts = ((whole // 1440, "day"), (whole // 60 % 24, "hour"), (whole % 60, "minute"))
    return " ".join(plural(count, word) for count, word in parts if count)


def _newest(session: Session) -> datetime | None:
    """The newest moment that was noted; its one row is under our lock."""
    found = session.execute(_NEWEST).one_or_none()
    if found is None:
        on_server = session.get_bind().dialect.name == "postgresql"
        insert = insert_postgresql if on_server else insert_sqlite
        row = insert(ClockMark).values(id=ONLY, back_seconds=0).on_conflict_do_nothing()
        session.execute(row)
        found = session.execute(_NEWEST).one()
    newest: datetime | None = found.newest_at
    return newest


def _move(session: Session, now: datetime, seconds: int) -> None:
    """Whatever lies ahead lies as far ahead as before."""
    for table, names in MOVED.items():
        for name in names:
            column = getattr(table, name)
            session.execute(
                update(table)
                .where(column > now)
                .values({name: _Earlier(column, seconds)})
                .execution_options(synchronize_session=False)
            )


class _Earlier(ColumnElement[datetime]):
    """A stored moment, whole seconds earlier."""

    inherit_cache = False
    type = Moment()

    def __init__(self, column: Any, seconds: int) -> None:
        self.column, self.seconds = column, seconds


@compiles(_Earlier, "postgresql")
def _on_postgresql(element: _Earlier, compiler: Any, **given: Any) -> str:
    column = compiler.process(element.column, **given)
    return f"{column} - make_interval(secs => {element.seconds})"


@compiles(_Earlier, "sqlite")
def _on_sqlite(element: _Earlier, compiler: Any, **given: Any) -> str:
    column = compiler.process(element.column, **given)  # its seconds move, its fraction stays
    shift = f"strftime('%Y-%m-%dT%H:%M:%S', {column}, '-{element.seconds} seconds')"
    return f"{shift} || substr({column}, 20)"
