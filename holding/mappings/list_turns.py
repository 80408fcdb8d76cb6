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
from holding.db.models import Connection, ListPart, ListReading
from holding.db.models.columns import NOW, ListKind, moment
from holding.db.refusal import Refusal
from holding.db.together import Question, answer

_A_DAY: Final = timedelta(days=1)
_FAR: Final = timedelta(days=1)  # a lease that ends later was given before a clock was set back
LATE: Final = timedelta(hours=12)
"""So long after its time a list may be read before somebody is told that it is old."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to ask for one page, and what was known when it was taken."""

    connection_id: int
    kind: ListKind
    cursor: str
    pages: int
    owner: str
    tries: int
    wrong_since: datetime | None


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """One list of a target. `done_at`: when a whole one was read last, with `done_found` entries;
    `pages`: so many of the reading that goes on; `wrong`: why there is no answer now.
    """

    kind: ListKind
    due_at: datetime | None
    pages: int
    wrong: str | None
    wrong_since: datetime | None
    done_at: datetime | None
    done_found: int

    def is_old(self, settings: Mapping[str, Any], now: datetime) -> bool:
        """Whether it should have been read since then, by what its connection wants."""
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
    """The lists that this target tells, by kind; none where it tells none, or was never asked."""
    return answer(session, asked_of_target(connection_id))


def asked_of_target(connection_id: int) -> Question[tuple[ReadingRow, ...]]:
    """The same, asked with other questions."""
    query = READING.select().where(ListReading.connection_id == connection_id)
    return READING.each((yield query.order_by(ListReading.kind)))


def asked_of_targets(company_id: int) -> Question[dict[int, tuple[ReadingRow, ...]]]:
    """Target -> the same, of all targets of a company."""
    mine = select(Connection.id).where(Connection.company_id == company_id)
    rows = yield (
        READING.select()
        .add_columns(ListReading.connection_id)
        .where(ListReading.connection_id.in_(mine))
        .order_by(ListReading.connection_id, ListReading.kind)
    )
    found, read = defaultdict[int, tuple[ReadingRow, ...]](tuple), READING.reader(rows)
    for row in rows:
        found[row.connection_id] += (read(row),)
    return found


def due_companies(session: Session, now: datetime) -> list[int]:
    """Companies with a list that should be read now."""
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


def arrange(session: Session, now: datetime) -> None:
    """Begin to read the lists of targets that passed their test and tell any; of one that is read
    already, those that its connector did not tell before.
    """
    able = {name: one for name, one in registry.targets().items() if isinstance(one, TellsLists)}
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


def plan_anew(session: Session, connection_id: int, now: datetime) -> None:
    """Follow the settings of a target that was changed; a reading that goes on is finished."""
    connection = session.get_one(Connection, connection_id)
    due = next_at(session, connection, now)
    for row in session.scalars(_of_connection(connection_id).with_for_update()):
        if not row.pages:
            row.due_at = due


def next_at(session: Session, connection: Connection, now: datetime) -> datetime | None:
    """When the lists are read again: at their hour, by the clock of the company; None: when asked.

    A nightly one comes the next time that it is that hour, a weekly one six days later than that.
    """
    step = _step(connection.settings)
    if step is None:
        return None
    zone: ZoneInfo = zone_of(session, connection.company_id)
    here, hour = now.astimezone(zone), time.fromisoformat(targets.read_hour(connection.settings))
    days = 0 if here.time() < hour else 1
    return datetime.combine(here.date() + timedelta(days=days) + step - _A_DAY, hour, zone)


def _step(settings: Mapping[str, Any]) -> timedelta | None:
    every = targets.read_frequency(settings)
    if every == targets.OFF:
        return None
    return timedelta(days=7 if every == targets.WEEKLY else 1)


def ask(session: Session, actor: Actor, connection_id: int, now: datetime) -> Refusal | None:
    """Read all lists of a target at once, whatever the plan says."""
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
    """The turn that has waited longest; nobody else asks for its page while the lease lasts."""
    given = {"company": company_id, "now": now, "latest": now + _FAR}
    row = session.scalars(_NEXT, given).first()
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


def still_ours(session: Session, turn: Turn) -> ListReading | None:
    """The row where nobody took the turn meanwhile: nobody does until this transaction ends."""
    query = _of_connection(turn.connection_id).where(ListReading.kind == turn.kind)
    row = session.scalars(query.with_for_update()).one_or_none()
    mine = row is not None and (row.lease_owner, row.pages) == (turn.owner, turn.pages)
    return row if mine else None


def advance(session: Session, row: ListReading, rows: Sequence[Any], after: str) -> None:
    """Keep the rows of a page, and go on behind it, at once."""
    part = {"connection_id": row.connection_id, "kind": row.kind, "no": row.pages, "rows": rows}
    bulk.insert_rows(session, ListPart, [part])
    row.pages, row.cursor = row.pages + 1, after
    row.lease_owner = row.lease_until = row.wrong = row.wrong_since = None
    row.tries = 0


def parts(session: Session, row: ListReading) -> list[Any]:
    """The rows of all pages of the reading, in their order."""
    query = (
        select(ListPart.rows)
        .where(ListPart.connection_id == row.connection_id, ListPart.kind == row.kind)
        .order_by(ListPart.no)
    )
    return [one for rows in session.scalars(query) for one in rows]


def done(
    session: Session, row: ListReading, found: int, due: datetime | None, now: datetime
) -> None:
    """The list is whole: the next reading begins at its first page."""
    begin_anew(session, row)
    row.done_at, row.done_found, row.due_at = now, found, due


def begin_anew(session: Session, row: ListReading) -> None:
    """Forget the pages of the reading that goes on."""
    session.execute(
        delete(ListPart).where(
            ListPart.connection_id == row.connection_id, ListPart.kind == row.kind
        )
    )
    row.pages, row.cursor = 0, None


def later(session: Session, turn: Turn, until: datetime | None) -> None:
    """Give the turn back until then; until somebody asks where that is None."""
    _set(session, turn, due_at=until)


def failed(session: Session, turn: Turn, words: str, until: datetime, now: datetime) -> bool:
    """There was no page; whether the turn was still ours to say so."""
    since = turn.wrong_since or now
    told = {"wrong": words, "wrong_since": since, "tries": turn.tries + 1, "read_at": now}
    return _set(session, turn, due_at=until, **told)


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
