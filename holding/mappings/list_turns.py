"""Schedule the reading of target code lists: claim, advance, complete and retry a reading.

One turn reads one page. Its rows are stored with the next page's position, so another worker can
continue.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import targets
from connectors.contract.targets import TellsLists
from holding.access.actors import Actor
from holding.connections.connections import log_connection_event, permitted
from holding.connections.master_data import zone_of
from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.kept_plans import KEPT
from holding.db.models import Connection, ListPart, ListReading
from holding.db.models.columns import NOW, ListKind, moment
from holding.db.refusal import Refusal

_A_DAY: Final = timedelta(days=1)
_FAR: Final = timedelta(days=1)  # a lease that ends later was given before a clock was set back
LATE: Final = timedelta(hours=12)
"""How long after its due time a list may be read before it counts as old."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to request one page, with the state when it was claimed."""

    connection_id: int
    kind: ListKind
    cursor: str
    pages: int
    owner: str
    tries: int
    wrong_since: datetime | None


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """The reading of one list.

    `done_at` is the last complete reading, with `done_found` entries. `pages` counts pages of the
    current reading. `wrong` is the current error.
    """

    kind: ListKind
    due_at: datetime | None
    pages: int
    wrong: str | None
    wrong_since: datetime | None
    done_at: datetime | None
    done_found: int

    def is_old(self, settings: Mapping[str, Any], now: datetime) -> bool:
        """Check whether the list should have been read since, by the connection's settings."""
        step = _step(settings)
        if step is None:
            return False
        since = self.done_at or self.wrong_since
        return since is not None and now - since > step + LATE


READING = Columns(
    ReadingRow(
        kind=of(ListReading.kind),
        due_at=of(ListReading.due_at),
        pages=of(ListReading.pages),
        wrong=of(ListReading.wrong),
        wrong_since=of(ListReading.wrong_since),
        done_at=of(ListReading.done_at),
        done_found=of(ListReading.done_found),
    ),
)


def of_target(session: Session, connection_id: int) -> tuple[ReadingRow, ...]:
    """Return the lists that a target reports, by kind; none before its first reading is planned."""
    query = READING.select().where(ListReading.connection_id == connection_id)
    return READING.each(session.execute(query.order_by(ListReading.kind), execution_options=KEPT))


def readings_by_target(session: Session, company_id: int) -> dict[int, tuple[ReadingRow, ...]]:
    """Return the lists of all targets of a company, by target."""
    company_targets = select(Connection.id).where(Connection.company_id == company_id)
    rows = session.execute(
        READING.select()
        .add_columns(ListReading.connection_id)
        .where(ListReading.connection_id.in_(company_targets))
        .order_by(ListReading.connection_id, ListReading.kind),
        execution_options=KEPT,
    )
    readings, read = defaultdict[int, tuple[ReadingRow, ...]](tuple), READING.reader(rows)
    for row in rows:
        readings[row.connection_id] += (read(row),)
    return readings


def due_companies(session: Session, now: datetime) -> list[int]:
    """Return the companies with a list that is due."""
    return list(session.scalars(_WITH_WORK, {"now": now, "latest": now + _FAR}))


_FREE: Final = or_(
    ListReading.lease_until.is_(None),
    ListReading.lease_until < NOW,
    ListReading.lease_until > moment("latest"),
)
_DUE: Final = and_(ListReading.due_at <= NOW, _FREE, Connection.paused_at.is_(None))
_WITH_WORK: Final = (
    select(Connection.company_id)
    .join(ListReading, ListReading.connection_id == Connection.id)
    .where(_DUE)
    .distinct()
    .order_by(Connection.company_id)
)
_NEXT: Final = (
    select(ListReading)
    .join(Connection, ListReading.connection_id == Connection.id)
    .where(Connection.company_id == bindparam("company"), _DUE)
    .order_by(ListReading.due_at, ListReading.connection_id, ListReading.kind)
    .limit(1)
    .with_for_update(of=ListReading, skip_locked=True)
)


def start_readings(session: Session, now: datetime) -> None:
    """Plan readings for targets that passed their test, and for kinds their connector newly
    reports.
    """
    able = {
        name: target
        for name, target in registry.targets().items()
        if isinstance(target, TellsLists)
    }
    for connection, begun in session.execute(_BEGUN, {"names": list(able)}).all():
        if begun >= len(able[connection.connector].lists):
            continue
        due = now if _step(connection.settings) is not None else None
        rows = [
            {"connection_id": connection.id, "kind": kind, "due_at": due}
            for kind in able[connection.connector].lists
        ]
        bulk.insert_rows(session, ListReading, rows, ignore=True)


_READINGS: Final = (
    select(func.count())
    .where(ListReading.connection_id == Connection.id)
    .correlate(Connection)
    .scalar_subquery()
)
_BEGUN: Final = (
    select(Connection, _READINGS)
    .where(Connection.side == "target", Connection.key_id.is_not(None))
    .where(Connection.untested_since.is_(None))
    .where(bulk.among_given(Connection.connector, "names"))
    .order_by(Connection.id)
)


def reschedule(session: Session, connection_id: int, now: datetime) -> None:
    """Apply changed settings of a target; a running reading is finished first.

    A list that was never read, or could not be read last, does not wait for the night.
    """
    connection = session.get_one(Connection, connection_id)
    due = next_at(session, connection, now)
    for row in session.scalars(_of_connection(connection_id).with_for_update()):
        is_missing = row.done_at is None or row.wrong is not None
        if not row.pages:
            row.due_at = now if is_missing and due is not None else due


def next_at(session: Session, connection: Connection, now: datetime) -> datetime | None:
    """Return when the lists are next read, by the company's clock; None means on request only.

    A nightly reading takes the next such hour, a weekly one six days after it.
    """
    step = _step(connection.settings)
    if step is None:
        return None
    zone: ZoneInfo = zone_of(session, connection.company_id)
    local_now, hour = (
        now.astimezone(zone),
        time.fromisoformat(targets.read_hour(connection.settings)),
    )
    days = 0 if local_now.time() < hour else 1
    return datetime.combine(local_now.date() + timedelta(days=days) + step - _A_DAY, hour, zone)


def _step(settings: Mapping[str, Any]) -> timedelta | None:
    frequency = targets.read_frequency(settings)
    if frequency == targets.OFF:
        return None
    return timedelta(days=7 if frequency == targets.WEEKLY else 1)


def read_now(session: Session, actor: Actor, connection_id: int, now: datetime) -> Refusal | None:
    """Make all lists of a target due at once, whatever the schedule."""
    connection = session.get_one(Connection, connection_id)
    if refusal := permitted(actor, "run.operate", connection.company_id):
        return refusal
    rows = session.scalars(_of_connection(connection_id).with_for_update()).all()
    if not rows:
        words = f"No list of {connection.name} can be read yet."
        hint = "It tells none, or its connection test has not passed."
        return Refusal("lists.none", words, hint)
    if connection.paused_at is not None:
        return Refusal("connection.paused", f"{connection.name} is paused.", "Resume it first.")
    for row in rows:
        row.due_at = now
    words = f"{actor.name} had the lists of {connection.name} read at once."
    log_connection_event(session, connection, actor, now, "lists.asked", words)
    return None


def claim(
    session: Session, company_id: int, owner: str, now: datetime, lease: timedelta
) -> Turn | None:
    """Claim the turn that has waited longest; its lease keeps other workers away."""
    parameters = {"company": company_id, "now": now, "latest": now + _FAR}
    row = session.scalars(_NEXT, parameters).first()
    if row is None:
        return None
    row.lease_owner, row.lease_until = owner, now + lease
    return Turn(
        connection_id=row.connection_id,
        kind=row.kind,
        cursor=row.cursor or "",
        pages=row.pages,
        owner=owner,
        tries=row.tries,
        wrong_since=row.wrong_since,
    )


def lock_own_turn(session: Session, turn: Turn) -> ListReading | None:
    """Lock and return the row if the turn is still ours, otherwise None."""
    query = _of_connection(turn.connection_id).where(ListReading.kind == turn.kind)
    row = session.scalars(query.with_for_update()).one_or_none()
    is_ours = row is not None and (row.lease_owner, row.pages) == (turn.owner, turn.pages)
    return row if is_ours else None


def advance(session: Session, row: ListReading, rows: Sequence[Any], after: str) -> None:
    """Store a page's rows together with the next page's position."""
    part = {"connection_id": row.connection_id, "kind": row.kind, "no": row.pages, "rows": rows}
    bulk.insert_rows(session, ListPart, [part])
    row.pages, row.cursor = row.pages + 1, after
    row.lease_owner = row.lease_until = row.wrong = row.wrong_since = None
    row.tries = 0


def stored_rows(session: Session, row: ListReading) -> list[Any]:
    """Return the rows of all pages of the reading, in order."""
    query = (
        select(ListPart.rows)
        .where(ListPart.connection_id == row.connection_id, ListPart.kind == row.kind)
        .order_by(ListPart.no)
    )
    return [list_row for rows in session.scalars(query) for list_row in rows]


def finish(
    session: Session, row: ListReading, entry_count: int, due: datetime | None, now: datetime
) -> None:
    """Mark the reading as complete; the next one starts at the first page."""
    restart(session, row)
    row.done_at, row.done_found, row.due_at = now, entry_count, due


def restart(session: Session, row: ListReading) -> None:
    """Delete the pages of the running reading."""
    session.execute(
        delete(ListPart).where(
            ListPart.connection_id == row.connection_id, ListPart.kind == row.kind
        )
    )
    row.pages, row.cursor = 0, None


def postpone(session: Session, turn: Turn, until: datetime | None) -> None:
    """Return the turn until a time; None means until a user requests it."""
    _set(session, turn, due_at=until)


def record_failure(
    session: Session, turn: Turn, words: str, until: datetime, now: datetime
) -> bool:
    """Record that there was no page; return whether the turn was still ours."""
    since = turn.wrong_since or now
    columns = {"wrong": words, "wrong_since": since, "tries": turn.tries + 1, "read_at": now}
    return _set(session, turn, due_at=until, **columns)


def _set(session: Session, turn: Turn, **values: object) -> bool:
    changed = session.scalar(
        update(ListReading)
        .where(ListReading.connection_id == turn.connection_id, ListReading.kind == turn.kind)
        .where(ListReading.lease_owner == turn.owner)
        .values(lease_owner=None, lease_until=None, **values)
        .returning(ListReading.connection_id)
        .execution_options(synchronize_session=False)
    )
    return changed is not None


def _of_connection(connection_id: int) -> Select[ListReading]:
    return select(ListReading).where(ListReading.connection_id == connection_id)
