"""The chain of events: each is sealed with the hash of the one before, so none changes unseen.

Here: linking what is committed, and verifying the chain. Not here: when it is linked
(workers/sweep.py), noting its head elsewhere (`anchors.py`), writing events (`events.py`). Events
are linked late, in an order of their own: a transaction that commits late gets a later place, and
nobody who writes an event waits for it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import BigInteger, Select, Text, bindparam, func, select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from connectors.transport.fault_points import point
from holding.store import bulk, leases
from holding.store.database import Database
from holding.tables import Company, Event, EventLink
from holding.tables.columns import moment_text
from rules.values.canonical import dumps, sha256_hex

BATCH: Final = 1000
LINKED: Final = 500  # in one transaction
BATCHES: Final = 40  # of a company in one sweep
RECENT: Final = 5000  # how many ids before the newest linked one an event may still commit
LATE: Final = timedelta(seconds=60)  # an event older than this has a place
START: Final = "0" * 64  # what stands before the first event of a company
DUTY: Final = "linker"

_COLUMNS: Final[tuple[Any, ...]] = (
    Event.id,
    Event.company_id,
    type_coerce(Event.at, NullType()).label("at"),  # as stored: what was tampered with is no moment
    Event.person_id,
    Event.actor,
    Event.act,
    Event.record_id,
    Event.posting_id,
    Event.object,
    Event.fence,
    type_coerce(Event.body, Text).label("body"),
    Event.operation_id,
)


_RECENT: Final = bindparam("recent", type_=BigInteger)
_LAST: Final = (
    select(EventLink.seq, EventLink.hash)
    .where(EventLink.company_id == bindparam("company"))
    .order_by(EventLink.seq.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the chain does not hold, in words for people."""

    seq: int | None
    event_id: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link: who keeps it elsewhere can show later that nothing before it changed."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Walked:
    """A stretch of the chain: where it ended, what is broken in it, whether the chain goes on."""

    head: Head
    breaks: tuple[Break, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Link:
    """A place of the chain: its hash is that of the hash before, followed by `text`."""

    seq: int
    event_id: int
    record_id: int | None
    hash: str
    text: str


def link_due(
    database: Database,
    *,
    now: datetime,
    whole: bool,
    after: Callable[[], object] = lambda: None,
) -> int:
    """Link what is committed in every company, in batches; how many events.

    `whole` looks at all events, else at the recent ones: enough for what commits nearly in order.
    `after` is called when a batch is committed.
    """
    with database.read(many=True) as session:  # by indexes: it looks at the end of all events
        behind = session.scalars(_companies_behind(whole=whole), {"recent": RECENT}).all()
    linked = 0
    for company_id in behind:
        for _ in range(BATCHES):
            with database.write(many=True) as session:
                leases.take(session, DUTY, owner=DUTY, until=now, now=now)  # the row is a lock
                done = link(session, company_id, whole=whole)
            linked += done
            if done:
                after()
            if done < LINKED:
                break
    return linked


def link(session: Session, company_id: int, *, whole: bool) -> int:
    """Give a batch of committed events of a company their places; how many. One at a time does."""
    last = head(session, company_id)
    given = {"company": company_id, "recent": RECENT, "most": LINKED}
    unlinked = session.execute(_unlinked(whole=whole), given)
    seal, rows = last.hash, []
    for seq, event in enumerate(unlinked, last.seq + 1):
        seal = _seal(seal, seq, event)
        rows.append({"company_id": company_id, "seq": seq, "event_id": event.id, "hash": seal})
    point("chain.before_link")
    bulk.insert(session, EventLink, rows)
    return len(rows)


def head(session: Session, company_id: int) -> Head:
    """The end of the chain; place 0 before there is any link."""
    last = session.execute(_LAST, {"company": company_id}).first()
    return Head(last.seq, last.hash) if last else Head(0, START)


def head_at(session: Session, company_id: int, seq: int) -> Head:
    """What the end of the chain was when it had so many places."""
    return Head(seq, hash_at(session, company_id, seq))


def verify(
    session: Session, company_id: int, *, now: datetime | None = None, known: Iterable[Head] = ()
) -> list[Break]:
    """Walk the chain of a company; every break, in its order.

    With `now`, events without a place after 60 s are breaks too. `known` are heads that were noted
    elsewhere: without one, a chain whose end was cut off and linked again cannot be told.
    """
    walked = walk(session, company_id, Head(0, START), known=known)
    return [*walked.breaks, *(_late(session, company_id, now) if now else [])]


def walk(
    session: Session,
    company_id: int,
    start: Head,
    *,
    most: int | None = None,
    known: Iterable[Head] = (),
) -> Walked:
    """Walk the chain from one of its places, at most so many links of it; every break, in order. A
    head of `known` that was not met is one at the end of the chain, or as soon as it is behind.
    """
    found: list[Break] = []
    before, place = start.hash, start.seq
    noted = {one for one in known if one.seq > start.seq}
    rows = _links(session, company_id, after=start.seq)
    for row in islice(rows, most):
        missing = range(place + 1, row.seq)
        found += [Break(seq, None, f"Place {seq} of the chain is missing.") for seq in missing]
        if wrong := _wrong(before, row):
            found.append(Break(row.seq, row.event_id, wrong))
        before, place = row.hash, row.seq
        noted.discard(Head(place, before))
    more = most is not None and next(rows, None) is not None
    unmet = sorted((one for one in noted if not more or one.seq <= place), key=attrgetter("seq"))
    found += [_replaced(one, place) for one in unmet[:1]]
    return Walked(Head(place, before), tuple(found), more=more)


def links(session: Session, company_id: int, first: int, last: int) -> Iterator[Link]:
    """The places of a company from `first` to `last`, both included, with what was sealed there."""
    for row in _links(session, company_id, after=first - 1, last=last):
        if row.id is not None:
            yield Link(row.seq, row.event_id, row.record_id, row.hash, _sealed_text(row.seq, row))


def hash_at(session: Session, company_id: int, seq: int) -> str:
    """The hash at a place; for place 0, and one that is none, what stands before the first."""
    query = select(EventLink.hash).where(EventLink.company_id == company_id, EventLink.seq == seq)
    return session.scalar(query) or START


def _replaced(known: Head, place: int) -> Break:
    """The first head that was noted and does not stand any more."""
    told = f"Place {known.seq} of the chain is not what was noted ({known.hash[:12]}):"
    if known.seq > place:
        gone = f"the chain ends at place {place}: its end was cut off."
        return Break(known.seq, None, f"{told} {gone}")
    return Break(known.seq, None, f"{told} events up to it were changed or taken away.")


@cache
def _companies_behind(*, whole: bool) -> Select[Any]:
    return select(Company.id).where(_behind(whole=whole).exists())


@cache
def _unlinked(*, whole: bool) -> Select[Any]:
    mine = _behind(whole=whole).where(Company.id == bindparam("company"))
    return mine.order_by(Event.id).limit(bindparam("most", type_=BigInteger))


def _behind(*, whole: bool) -> Select[Any]:
    """Events of a company, in a statement that also names `company`, that have no place yet."""
    linked = select(EventLink.event_id).where(EventLink.event_id == Event.id)
    query = select(*_COLUMNS).where(Event.company_id == Company.id, ~linked.exists())
    if whole:
        return query
    newest = select(EventLink.event_id).where(EventLink.company_id == Company.id)
    newest = newest.order_by(EventLink.seq.desc()).limit(1).correlate(Company)
    return query.where(Event.id > func.coalesce(newest.scalar_subquery(), 0) - _RECENT)


def _links(
    session: Session, company_id: int, *, after: int = 0, last: int | None = None
) -> Iterator[Any]:
    """Every link with its event, page by page; or those after one place, up to another."""
    query = (
        select(EventLink.seq, EventLink.event_id, EventLink.hash, *_COLUMNS)
        .join(Event, Event.id == EventLink.event_id, isouter=True)
        .where(EventLink.company_id == company_id)
        .order_by(EventLink.seq)
        .limit(BATCH)
    )
    if last is not None:
        query = query.where(EventLink.seq <= last)
    while page := session.execute(query.where(EventLink.seq > after)).all():
        yield from page
        after = page[-1].seq


def _wrong(before: str, row: Any) -> str:
    """What is wrong with one link, if anything."""
    if row.id is None:
        return f"Event {row.event_id} at place {row.seq} is gone."
    if _seal(before, row.seq, row) != row.hash:
        return f"Event {row.id} ({row.act}) at place {row.seq} is not what was sealed."
    return ""


def _late(session: Session, company_id: int, now: datetime) -> list[Break]:
    query = _behind(whole=True).where(Company.id == company_id, Event.at < now - LATE)
    return [
        Break(None, row.id, f"Event {row.id} ({row.act}) has no place in the chain yet.")
        for row in session.execute(query.order_by(Event.id).limit(BATCH))
    ]


def _seal(before: str, seq: int, event: Any) -> str:
    return sha256_hex(before + _sealed_text(seq, event))


def _sealed_text(seq: int, event: Any) -> str:
    content = {column.key: getattr(event, column.key) for column in _COLUMNS}
    if isinstance(event.at, datetime):
        content["at"] = moment_text(event.at.astimezone(UTC))
    return dumps({**content, "seq": seq})
