"""Write the audit trail, and link its events into a hash chain that `verify` can check.

Each event is written in the transaction whose change it describes.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import BigInteger, Select, Text, bindparam, func, select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from connectors.transport.strict_json import point
from holding.db import bulk, leases
from holding.db.bulk import JointWrites
from holding.db.database import Database
from holding.db.models import Company, Event, EventLink
from holding.db.models.columns import moment_of, moment_text
from rules.values.canonical import dumps, sha256_hex

SYSTEM_WORD = "Clearpost"

USUAL_WAYS = ("portal", "system")

COMMAND_LINE = "command line"

EVERY: Final = timedelta(minutes=5)

MANY: Final = 1000
"""A head is noted before there are more events, or it is longer ago, than this."""

LOOKS: Final = timedelta(seconds=10)
"""How often at least it is asked whether a head is due; less is left of either then."""

SEALED: Final = "sealed"
"""The hash of the posting, push or approval that an event tells of."""

REQUEST: Final = "request"
"""The hash of the bytes that are about to be sent."""

CALL: Final = "call"
"""A call that was answered: the id of its request, the hashes of what was sent and answered."""

SealedCall = tuple[int, str, str]

PUSH: Final = (
    "posting_id",
    "no",
    "connection_id",
    "action",
    "hash",
    "number",
    "key",
    "content",
    "evaluation_id",
)

APPROVAL: Final = (
    "posting_id",
    "hash",
    "content",
    "level",
    "person_id",
    "for_person_id",
    "reason",
    "at",
    "operation_id",
)

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


class Acting(Protocol):
    """Whoever does something: `holding.access.people.Actor` fits."""

    @property
    def person_id(self) -> int | None:
        """The person, or None for the system itself."""

    @property
    def name(self) -> str:
        """How the event names them."""

    @property
    def via(self) -> str:
        """The way in that they came by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One event to be written; `body` has the sentence `say`."""

    company_id: int
    at: datetime
    act: str
    body: Mapping[str, Any]
    actor: Acting | None = None
    record_id: int | None = None
    posting_id: int | None = None
    object: str | None = None
    fence: int | None = None
    operation_id: str | None = None


def record_event(
    session: Session,
    *,
    company_id: int,
    at: datetime,
    actor: Acting | None,
    act: str,
    body: Mapping[str, Any],
    record_id: int | None = None,
    posting_id: int | None = None,
    object: str | None = None,  # noqa: A002 - the column's name
    fence: int | None = None,
    operation_id: str | None = None,
) -> None:
    """Write one event."""
    fact = Fact(
        company_id=company_id,
        at=at,
        act=act,
        body=body,
        actor=actor,
        record_id=record_id,
        posting_id=posting_id,
        object=object,
        fence=fence,
        operation_id=operation_id,
    )
    record_events(session, [fact])


def record_events(session: Session, facts: Iterable[Fact]) -> None:
    """Write many events with one statement."""
    rows = [_row(fact) for fact in facts]
    bulk.insert_rows(session, Event, rows)


def _row(fact: Fact) -> dict[str, Any]:
    return {
        "company_id": fact.company_id,
        "at": fact.at,
        "person_id": fact.actor.person_id if fact.actor else None,
        "actor": fact.actor.name if fact.actor else SYSTEM_WORD,
        "act": fact.act,
        "record_id": fact.record_id,
        "posting_id": fact.posting_id,
        "object": fact.object,
        "fence": fact.fence,
        "body": {**fact.body, **_way(fact.actor)},
        "operation_id": fact.operation_id,
    }


def _way(actor: Acting | None) -> dict[str, str]:
    """The way in, unless it is a page or the system's own work."""
    return {} if actor is None or actor.via in USUAL_WAYS else {"via": actor.via}


def join_events(writes: JointWrites, facts: Iterable[Fact]) -> None:
    """Write events with the rows that they tell of."""
    writes.insert(Event, [_row(fact) for fact in facts])


def shown_actor(actor: str, body: Mapping[str, Any]) -> str:
    """Who did it, as people read it: `Tan (command line)`; a token has its name beside it."""
    return f"{actor} ({COMMAND_LINE})" if body.get("via") == COMMAND_LINE else actor


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link: who keeps it elsewhere can show later that nothing before it changed."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head of a company's chain, and when it was noted."""

    at: datetime
    company: str
    head: Head


class Anchors:
    """The file of one installation. What cannot be read in it raises ValueError with its line."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._newest: dict[str, Anchor] = {}
        self._read = self._lines_read = 0

    def note(self, database: Database, now: datetime) -> int:
        """Add the heads that are due; how many."""
        due = self.due(database, now)
        self.add(due)
        return len(due)

    def due(self, database: Database, now: datetime) -> list[Anchor]:
        """The head of every company that grew by nearly 1,000 events since its last one was noted,
        or grew at all and was noted 5 minutes ago.
        """
        last = self.newest()
        with database.read() as session:
            query = select(Company.code, Company.id).order_by(Company.code)
            heads = {code: head(session, key) for code, key in session.execute(query).all()}
        return [
            Anchor(now, code, found)
            for code, found in heads.items()
            if found.seq and _is_due(last.get(code), found, now)
        ]

    def of(self, company: str) -> tuple[Head, ...]:
        """All heads that were noted of a company, in their order."""
        return tuple(anchor.head for anchor in self._lines() if anchor.company == company)

    def newest(self) -> Mapping[str, Anchor]:
        """The last anchor of each company. What was read before is not read again."""
        size = self.file.stat().st_size if self.file.exists() else 0
        if size < self._read:  # another file than before
            self._newest, self._read, self._lines_read = {}, 0, 0
        if size > self._read:
            with self.file.open("rb") as file:
                file.seek(self._read)
                fresh = file.read()
            whole = fresh[: fresh.rfind(b"\n") + 1]  # another process may be writing the rest
            text = whole.decode("utf-8", "replace")
            found = list(self._anchors(text, self._lines_read + 1))
            self._newest |= {anchor.company: anchor for anchor in found}
            self._read, self._lines_read = self._read + len(whole), self._lines_read + len(found)
        return self._newest

    def _lines(self) -> Iterator[Anchor]:
        try:
            text = self.file.read_text("utf-8")
        except FileNotFoundError:
            return
        yield from self._anchors(text, 1)

    def _anchors(self, text: str, first: int) -> Iterator[Anchor]:
        for number, line in enumerate(text.splitlines(), start=first):
            try:
                told = json.loads(line)
                noted = Head(int(told["seq"]), str(told["hash"]))
                yield Anchor(moment_of(told["at"]), str(told["company"]), noted)
            except (ValueError, KeyError, TypeError) as problem:
                message = f"line {number} of {self.file.name} is not an anchor"
                raise ValueError(message) from problem

    def add(self, anchors: Sequence[Anchor]) -> None:
        """All lines in one write, on the disk before it counts as done."""
        if not anchors:
            return
        lines = [
            dumps(
                {
                    "at": moment_text(one.at),
                    "company": one.company,
                    "seq": one.head.seq,
                    "hash": one.head.hash,
                }
            )
            for one in anchors
        ]
        place = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(place, "".join(f"{line}\n" for line in lines).encode())
            os.fsync(place)
        finally:
            os.close(place)


def _is_due(last: Anchor | None, found: Head, now: datetime) -> bool:
    """A clock that was set back is no reason to wait."""
    if last is None:
        return True
    if found.seq - last.head.seq > MANY - LINKED:  # one more batch may follow before the next look
        return True
    return found != last.head and not last.at <= now < last.at + EVERY - LOOKS


def seal(columns: tuple[str, ...], row: Mapping[str, Any]) -> str:
    """The hash of these columns of a row, whether it comes from the database or goes there."""
    return sha256_hex(dumps(sealed_row(columns, row)))


def sealed_row(columns: tuple[str, ...], row: Mapping[str, Any]) -> dict[str, Any]:
    """What of a row is sealed, as plain JSON: the hash is that of its canonical text."""
    return {name: _plain(row[name]) for name in columns}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment_text(value)
    return value.isoformat() if isinstance(value, date) else value


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the chain does not hold, in words for people."""

    seq: int | None
    event_id: int | None
    message: str


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


@cache
def _companies_behind(*, whole: bool) -> Select[Any]:
    return select(Company.id).where(_behind(whole=whole).exists())


def _behind(*, whole: bool) -> Select[Any]:
    """Events of a company, in a statement that also names `company`, that have no place yet."""
    linked = select(EventLink.event_id).where(EventLink.event_id == Event.id)
    query = select(*_COLUMNS).where(Event.company_id == Company.id, ~linked.exists())
    if whole:
        return query
    newest = select(EventLink.event_id).where(EventLink.company_id == Company.id)
    newest = newest.order_by(EventLink.seq.desc()).limit(1).correlate(Company)
    return query.where(Event.id > func.coalesce(newest.scalar_subquery(), 0) - _RECENT)


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
    bulk.insert_rows(session, EventLink, rows)
    return len(rows)


@cache
def _unlinked(*, whole: bool) -> Select[Any]:
    mine = _behind(whole=whole).where(Company.id == bindparam("company"))
    return mine.order_by(Event.id).limit(bindparam("most", type_=BigInteger))


def _seal(before: str, seq: int, event: Any) -> str:
    return sha256_hex(before + _sealed_text(seq, event))


def _sealed_text(seq: int, event: Any) -> str:
    content = {column.key: getattr(event, column.key) for column in _COLUMNS}
    if isinstance(event.at, datetime):
        content["at"] = moment_text(event.at.astimezone(UTC))
    return dumps({**content, "seq": seq})


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


def _late(session: Session, company_id: int, now: datetime) -> list[Break]:
    query = _behind(whole=True).where(Company.id == company_id, Event.at < now - LATE)
    return [
        Break(None, row.id, f"Event {row.id} ({row.act}) has no place in the chain yet.")
        for row in session.execute(query.order_by(Event.id).limit(BATCH))
    ]


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


def _replaced(known: Head, place: int) -> Break:
    """The first head that was noted and does not stand any more."""
    told = f"Place {known.seq} of the chain is not what was noted ({known.hash[:12]}):"
    if known.seq > place:
        gone = f"the chain ends at place {place}: its end was cut off."
        return Break(known.seq, None, f"{told} {gone}")
    return Break(known.seq, None, f"{told} events up to it were changed or taken away.")


def links(session: Session, company_id: int, first: int, last: int) -> Iterator[Link]:
    """The places of a company from `first` to `last`, both included, with what was sealed there."""
    for row in _links(session, company_id, after=first - 1, last=last):
        if row.id is not None:
            yield Link(row.seq, row.event_id, row.record_id, row.hash, _sealed_text(row.seq, row))


def hash_at(session: Session, company_id: int, seq: int) -> str:
    """The hash at a place; for place 0, and one that is none, what stands before the first."""
    query = select(EventLink.hash).where(EventLink.company_id == company_id, EventLink.seq == seq)
    return session.scalar(query) or START
