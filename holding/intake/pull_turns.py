"""Whose turn it is to ask a source, and how far it was asked: the rows of `pull`.

Here: beginning, claiming, going on, failing, asking at once, and the rows as a page shows them. Not
here: what is asked (holding/intake/pulls.py). A turn is one page. The lease keeps two workers from
asking for the same page; what both would store is stored once anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, bindparam, delete, or_, select, update
from sqlalchemy.orm import Session

from connectors.contract import declared_settings as declared
from holding.access.actors import Actor
from holding.connections.pull_settings import PullPlan
from holding.connections.setup import permitted, tell
from holding.refusal import Refusal
from holding.store import bulk
from holding.store.row_objects import Columns, of
from holding.tables import Connection, Pull
from holding.tables.columns import NOW, moment

Kind = Literal["pull", "sweep"]


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to ask for one page, and what was known when it was taken."""

    connection_id: int
    kind: Kind
    start_at: datetime
    cursor: str | None
    owner: str
    tries: int
    wrong_since: datetime | None
    due_at: datetime


def due_companies(session: Session, now: datetime) -> list[int]:
    """Companies with a source that should be asked now."""
    return list(session.scalars(_WITH_WORK, {"now": now, "latest": now + _FAR}))


_FAR = timedelta(days=1)  # a lease that ends later was given before a clock was set back
_FREE = or_(Pull.lease_until.is_(None), Pull.lease_until < NOW, Pull.lease_until > moment("latest"))
_DUE = and_(Pull.due_at <= NOW, _FREE, Connection.paused_at.is_(None))
_WITH_WORK = (
    select(Connection.company_id)
    .join(Pull, Pull.connection_id == Connection.id)
    .where(_DUE)
    .distinct()
    .order_by(Connection.company_id)
)
_NEXT = (
    select(Pull)
    .join(Connection, Pull.connection_id == Connection.id)
    .where(Connection.company_id == bindparam("company"), _DUE)
    .order_by(Pull.due_at, Pull.connection_id, Pull.kind)
    .limit(1)
    .with_for_update(of=Pull, skip_locked=True)
)


def without(
    session: Session, connectors: Sequence[str], keyless: Sequence[str] = ()
) -> Sequence[Connection]:
    """Sources of these connectors that have a key, or need none, and are not asked yet."""
    key = or_(Connection.key_id.is_not(None), bulk.among_given(Connection.connector, "keyless"))
    query = (
        select(Connection)
        .outerjoin(Pull, Pull.connection_id == Connection.id)
        .where(Connection.side == "source", key)
        .where(Pull.connection_id.is_(None), bulk.among_given(Connection.connector, "names"))
        .order_by(Connection.id)
    )
    return session.scalars(query, {"names": list(connectors), "keyless": list(keyless)}).all()


def begin(
    session: Session, connection_id: int, plan: PullPlan, zone: ZoneInfo, now: datetime
) -> None:
    """Ask this source from now on."""
    start = plan.start_at(zone) or now
    rows = [
        {"connection_id": connection_id, "kind": kind, "start_at": start, "due_at": due}
        for kind, due in _dues(plan, zone, now).items()
    ]
    bulk.insert(session, Pull, rows, ignore=True)


def change(
    session: Session, connection_id: int, plan: PullPlan, zone: ZoneInfo, now: datetime
) -> None:
    """Ask this source as the plan says now; from an earlier day on, where it names another."""
    for kind, due in _dues(plan, zone, now).items():
        for row in session.scalars(_of(connection_id, kind).with_for_update()):
            start = plan.start_at(zone) or row.start_at
            row.cursor = None if start < row.start_at else row.cursor
            row.start_at, row.due_at, row.tries = start, due, 0


def _dues(plan: PullPlan, zone: ZoneInfo, now: datetime) -> dict[Kind, datetime | None]:
    return {"pull": now if plan.every else None, "sweep": plan.next_sweep(now, zone)}


def ask(
    session: Session, actor: Actor, connection_id: int, kind: Kind, now: datetime
) -> Refusal | None:
    """Ask at once, whatever the plan says."""
    connection = session.get_one(Connection, connection_id)
    if refusal := permitted(actor, "run.operate", connection.company_id):
        return refusal
    row = session.scalars(_of(connection_id, kind).with_for_update()).one_or_none()
    if row is None:
        words = f"{connection.name} is not read: it has no address and key for that yet."
        hint = "An admin gives it a base_url and a key; the README of its source says which."
        return Refusal("pull.not_set", words, hint)
    if connection.paused_at is not None:
        hint = "Resume it first."
        return Refusal("connection.paused", f"{connection.name} is paused.", hint)
    row.due_at = now
    what = "swept" if kind == "sweep" else "read"
    words = f"{actor.name} had {connection.name} {what} at once."
    tell(session, connection, actor, now, "pull.asked", words)
    return None


def ask_soon(session: Session, connection_id: int, now: datetime) -> None:
    """The source said that something changed there: follow its changes at once, unless it has been
    failing, which has a pace of its own.
    """
    row = session.scalars(_of(connection_id, "pull").with_for_update()).one_or_none()
    if row is not None and row.wrong_since is None:
        row.due_at = now


def asked_meanwhile(session: Session, turn: Turn) -> bool:
    """Whether somebody wanted another reading while this one was under way."""
    due = session.scalar(
        select(Pull.due_at).where(Pull.connection_id == turn.connection_id, Pull.kind == turn.kind)
    )
    return due is not None and due > turn.due_at


def claim(
    session: Session, company_id: int, owner: str, now: datetime, lease: timedelta
) -> Turn | None:
    """The turn that has waited longest; nobody else asks for its page while the lease lasts."""
    given = {"company": company_id, "now": now, "latest": now + _FAR}
    row = session.scalars(_NEXT, given).first()
    if row is None:
        return None
    row.lease_owner, row.lease_until = owner, now + lease
    kind: Kind = "sweep" if row.kind == "sweep" else "pull"
    return Turn(
        connection_id=row.connection_id,
        kind=kind,
        start_at=row.start_at,
        cursor=row.cursor,
        owner=owner,
        tries=row.tries,
        wrong_since=row.wrong_since,
        due_at=row.due_at or now,
    )


def still_ours(session: Session, turn: Turn) -> bool:
    """Whether nobody took the turn meanwhile; from now on nobody does until the end of this
    transaction.
    """
    row = session.scalars(_of(turn.connection_id, turn.kind).with_for_update()).one_or_none()
    return row is not None and (row.lease_owner, row.cursor) == (turn.owner, turn.cursor)


def advance(
    session: Session, turn: Turn, after: str, found: int, now: datetime, wrong: str | None = None
) -> None:
    """Go on behind this page, at once; `wrong` says what could not be read beside it."""
    row = session.scalars(_of(turn.connection_id, turn.kind)).one()
    row.cursor, row.due_at, row.read_at, row.found = after, now, now, row.found + found
    row.lease_owner = row.lease_until = None
    row.wrong, row.wrong_since = wrong, (turn.wrong_since or now) if wrong else None
    row.tries = 0


def done(session: Session, turn: Turn, due: datetime | None, now: datetime) -> None:
    """The reading is over, and begins again at `due`: a sweep from its start, the other where it
    ended.
    """
    row = session.scalars(_of(turn.connection_id, turn.kind)).one()
    row.done_at, row.done_found, row.found, row.due_at = now, row.found, 0, due
    if turn.kind == "sweep":
        row.cursor = None


def later(session: Session, turn: Turn, until: datetime | None) -> None:
    """Give the turn back until then; until its settings are changed where that is None."""
    _set(session, turn, due_at=until, lease_owner=None, lease_until=None)


def failed(session: Session, turn: Turn, words: str, until: datetime, now: datetime) -> bool:
    """There was no page; whether the turn was still ours to say so."""
    since = turn.wrong_since or now
    told = {"wrong": words, "wrong_since": since, "tries": turn.tries + 1, "read_at": now}
    return _set(session, turn, due_at=until, lease_owner=None, lease_until=None, **told)


def leave(session: Session, turn: Turn) -> None:
    """It is no source to be asked any more. Where deliveries are off the place stays, for what
    changes meanwhile is to come when they are on again; what has no address is forgotten.
    """
    connection = session.get_one(Connection, turn.connection_id)
    if declared.takes(connection.settings):
        session.execute(delete(Pull).where(Pull.connection_id == turn.connection_id))
    else:
        later(session, turn, None)


def _of(connection_id: int, kind: Kind) -> Select[Pull]:
    return select(Pull).where(Pull.connection_id == connection_id, Pull.kind == kind)


def _set(session: Session, turn: Turn, **values: object) -> bool:
    done = session.scalar(
        update(Pull)
        .where(Pull.connection_id == turn.connection_id, Pull.kind == turn.kind)
        .where(Pull.lease_owner == turn.owner)
        .values(**values)
        .returning(Pull.connection_id)
        .execution_options(synchronize_session=False)
    )
    return done is not None


@dataclass(frozen=True, slots=True)
class PullRow:
    """One of the two readings of a source. `done_at`: when a whole one ended last, with
    `done_found` records that were new; `wrong`: why there is no answer now.
    """

    kind: str
    start_at: datetime
    due_at: datetime | None
    done_at: datetime | None
    done_found: int
    wrong: str | None
    wrong_since: datetime | None

    @property
    def title(self) -> str:
        """What people call it."""
        return "Nightly sweep" if self.kind == "sweep" else "Changes"


PULL = Columns(
    PullRow(
        kind=of(Pull.kind),
        start_at=of(Pull.start_at),
        due_at=of(Pull.due_at),
        done_at=of(Pull.done_at),
        done_found=of(Pull.done_found),
        wrong=of(Pull.wrong),
        wrong_since=of(Pull.wrong_since),
    ),
)


def of_source(session: Session, connection_id: int) -> tuple[PullRow, ...]:
    """The reading of every few minutes, then the nightly sweep; none of a source that only waits
    for webhooks.
    """
    query = PULL.select().where(Pull.connection_id == connection_id).order_by(Pull.kind)
    return PULL.each(session.execute(query))
