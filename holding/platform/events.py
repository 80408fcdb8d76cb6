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

from connectors.transport.strict_json import fault_point
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
    """Anything that acts; `holding.access.actors.Actor` fits."""

    @property
    def person_id(self) -> int | None:
        """Return the person's id, or None for the system."""

    @property
    def name(self) -> str:
        """Return the name that the event shows."""

    @property
    def via(self) -> str:
        """Return the way of access, such as the portal or a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One event to write; `body` contains its sentence."""

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
    """Return the way of access, unless it is a page or the system itself."""
    return {} if actor is None or actor.via in USUAL_WAYS else {"via": actor.via}


def join_events(writes: JointWrites, facts: Iterable[Fact]) -> None:
    """Add events to the pending writes of the rows that they describe."""
    writes.insert(Event, [_row(fact) for fact in facts])


def shown_actor(actor: str, body: Mapping[str, Any]) -> str:
    """Return the actor as people read it, such as `Tan (command line)`."""
    return f"{actor} ({COMMAND_LINE})" if body.get("via") == COMMAND_LINE else actor


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link of a chain.

    A copy kept elsewhere proves later that nothing before it changed.
    """

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head of a company's chain, with the time when it was noted."""

    at: datetime
    company: str
    head: Head


class Anchors:
    """The anchor file of one installation. An unreadable line raises ValueError with its number."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._newest: dict[str, Anchor] = {}
        self._read = self._lines_read = 0

    def note(self, database: Database, now: datetime) -> int:
        """Add the heads that are due; return how many."""
        due = self.due(database, now)
        self.add(due)
        return len(due)

    def due(self, database: Database, now: datetime) -> list[Anchor]:
        """Return the due heads: after nearly 1,000 new events, or after 5 minutes with any."""
        last = self.newest()
        with database.read() as session:
            query = select(Company.code, Company.id).order_by(Company.code)
            heads = {code: chain_head(session, key) for code, key in session.execute(query).all()}
        return [
            Anchor(now, code, head)
            for code, head in heads.items()
            if head.seq and _is_due(last.get(code), head, now)
        ]

    def of(self, company: str) -> tuple[Head, ...]:
        """Return all noted heads of a company, in file order."""
        return tuple(anchor.head for anchor in self._lines() if anchor.company == company)

    def newest(self) -> Mapping[str, Anchor]:
        """Return the last anchor of each company; only new lines are read."""
        size = self.file.stat().st_size if self.file.exists() else 0
        if size < self._read:  # another file than before
            self._newest, self._read, self._lines_read = {}, 0, 0
        if size > self._read:
            with self.file.open("rb") as file:
                file.seek(self._read)
                fresh = file.read()
            complete_lines = fresh[
                : fresh.rfind(b"\n") + 1
            ]  # another process may be writing the rest
            text = complete_lines.decode("utf-8", "replace")
            anchors = list(self._anchors(text, self._lines_read + 1))
            self._newest |= {anchor.company: anchor for anchor in anchors}
            self._read, self._lines_read = (
                self._read + len(complete_lines),
                self._lines_read + len(anchors),
            )
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
                values = json.loads(line)
                noted = Head(int(values["seq"]), str(values["hash"]))
                yield Anchor(moment_of(values["at"]), str(values["company"]), noted)
            except (ValueError, KeyError, TypeError) as problem:
                message = f"line {number} of {self.file.name} is not an anchor"
                raise ValueError(message) from problem

    def add(self, anchors: Sequence[Anchor]) -> None:
        """Append all lines with one write and sync them to disk."""
        if not anchors:
            return
        lines = [
            dumps(
                {
                    "at": moment_text(anchor.at),
                    "company": anchor.company,
                    "seq": anchor.head.seq,
                    "hash": anchor.head.hash,
                }
            )
            for anchor in anchors
        ]
        place = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(place, "".join(f"{line}\n" for line in lines).encode())
            os.fsync(place)
        finally:
            os.close(place)


def _is_due(last: Anchor | None, head: Head, now: datetime) -> bool:
    """Check whether a head is due. A clock that was set back does not delay it."""
    if last is None:
        return True
    if head.seq - last.head.seq > MANY - LINKED:  # one more batch may follow before the next look
        return True
    return head != last.head and not last.at <= now < last.at + EVERY - LOOKS


def seal_row(columns: tuple[str, ...], row: Mapping[str, Any]) -> str:
    """Return the hash of these columns of a row, read from the database or about to be written."""
    return sha256_hex(dumps(sealed_values(columns, row)))


def sealed_values(columns: tuple[str, ...], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sealed columns of a row as plain JSON.

    The hash is computed from its canonical text.
    """
    return {name: _plain(row[name]) for name in columns}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment_text(value)
    return value.isoformat() if isinstance(value, date) else value


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the chain does not hold, with a message for people."""

    seq: int | None
    event_id: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Walked:
    """A checked part of the chain: its end, its breaks, and whether the chain continues."""

    head: Head
    breaks: tuple[Break, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Link:
    """A place of the chain. Its hash covers the previous hash followed by `text`."""

    seq: int
    event_id: int
    record_id: int | None
    hash: str
    text: str


def link_due_events(
    database: Database,
    *,
    now: datetime,
    all_events: bool,
    after: Callable[[], object] = lambda: None,
) -> int:
    """Link committed events of every company in batches; return how many.

    `all_events` checks all events instead of the recent ones, which is enough for events committed
    nearly in order. `after` is called after each committed batch.
    """
    with database.read(many=True) as session:  # by indexes: it looks at the end of all events
        behind = session.scalars(_companies_behind(all_events=all_events), {"recent": RECENT}).all()
    linked = 0
    for company_id in behind:
        for _ in range(BATCHES):
            with database.write(many=True) as session:
                leases.take(session, DUTY, owner=DUTY, until=now, now=now)  # the row is a lock
                done = link_events(session, company_id, all_events=all_events)
            linked += done
            if done:
                after()
            if done < LINKED:
                break
    return linked


@cache
def _companies_behind(*, all_events: bool) -> Select[Any]:
    return select(Company.id).where(_behind(all_events=all_events).exists())


def _behind(*, all_events: bool) -> Select[Any]:
    """Return the query for a company's events that have no place in the chain yet."""
    linked = select(EventLink.event_id).where(EventLink.event_id == Event.id)
    query = select(*_COLUMNS).where(Event.company_id == Company.id, ~linked.exists())
    if all_events:
        return query
    newest = select(EventLink.event_id).where(EventLink.company_id == Company.id)
    newest = newest.order_by(EventLink.seq.desc()).limit(1).correlate(Company)
    return query.where(Event.id > func.coalesce(newest.scalar_subquery(), 0) - _RECENT)


def link_events(session: Session, company_id: int, *, all_events: bool) -> int:
    """Give a batch of committed events their places; return how many.

    Only one process may do this at a time.
    """
    last = chain_head(session, company_id)
    parameters = {"company": company_id, "recent": RECENT, "most": LINKED}
    unlinked = session.execute(_unlinked(all_events=all_events), parameters)
    seal, rows = last.hash, []
    for seq, event in enumerate(unlinked, last.seq + 1):
        seal = _seal(seal, seq, event)
        rows.append({"company_id": company_id, "seq": seq, "event_id": event.id, "hash": seal})
    fault_point("chain.before_link")
    bulk.insert_rows(session, EventLink, rows)
    return len(rows)


@cache
def _unlinked(*, all_events: bool) -> Select[Any]:
    of_company = _behind(all_events=all_events).where(Company.id == bindparam("company"))
    return of_company.order_by(Event.id).limit(bindparam("most", type_=BigInteger))


def _seal(before: str, seq: int, event: Any) -> str:
    return sha256_hex(before + _sealed_text(seq, event))


def _sealed_text(seq: int, event: Any) -> str:
    content = {column.key: getattr(event, column.key) for column in _COLUMNS}
    if isinstance(event.at, datetime):
        content["at"] = moment_text(event.at.astimezone(UTC))
    return dumps({**content, "seq": seq})


def chain_head(session: Session, company_id: int) -> Head:
    """Return the end of the chain; place 0 if there is no link."""
    last = session.execute(_LAST, {"company": company_id}).first()
    return Head(last.seq, last.hash) if last else Head(0, START)


def head_at(session: Session, company_id: int, seq: int) -> Head:
    """Return the head that the chain had at this place."""
    return Head(seq, hash_at(session, company_id, seq))


def verify_chain(
    session: Session,
    company_id: int,
    *,
    now: datetime | None = None,
    noted_heads: Iterable[Head] = (),
) -> list[Break]:
    """Walk a company's chain and return every break in order.

    With `now`, events without a place after 60 s are breaks too. `noted_heads` are heads noted
    elsewhere; without one, a chain whose end was cut off and linked again looks intact.
    """
    walked = walk_chain(session, company_id, Head(0, START), noted_heads=noted_heads)
    return [*walked.breaks, *(_late(session, company_id, now) if now else [])]


def _late(session: Session, company_id: int, now: datetime) -> list[Break]:
    query = _behind(all_events=True).where(Company.id == company_id, Event.at < now - LATE)
    return [
        Break(None, row.id, f"Event {row.id} ({row.act}) has no place in the chain yet.")
        for row in session.execute(query.order_by(Event.id).limit(BATCH))
    ]


def walk_chain(
    session: Session,
    company_id: int,
    start: Head,
    *,
    most: int | None = None,
    noted_heads: Iterable[Head] = (),
) -> Walked:
    """Walk the chain from one place for at most `most` links and return every break in order.

    A head of `noted_heads` that is missing counts as a break when its place is passed or the chain
    ends.
    """
    breaks: list[Break] = []
    before, place = start.hash, start.seq
    known_heads = {head for head in noted_heads if head.seq > start.seq}
    rows = _links(session, company_id, after=start.seq)
    for row in islice(rows, most):
        missing = range(place + 1, row.seq)
        breaks += [Break(seq, None, f"Place {seq} of the chain is missing.") for seq in missing]
        if wrong := _wrong(before, row):
            breaks.append(Break(row.seq, row.event_id, wrong))
        before, place = row.hash, row.seq
        known_heads.discard(Head(place, before))
    more = most is not None and next(rows, None) is not None
    unmet = sorted(
        (head for head in known_heads if not more or head.seq <= place), key=attrgetter("seq")
    )
    breaks += [_replaced(head, place) for head in unmet[:1]]
    return Walked(Head(place, before), tuple(breaks), more=more)


def _links(
    session: Session, company_id: int, *, after: int = 0, last: int | None = None
) -> Iterator[Any]:
    """Yield links with their events page by page, after one place and up to another."""
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
    """Return what is wrong with one link, or an empty string."""
    if row.id is None:
        return f"Event {row.event_id} at place {row.seq} is gone."
    if _seal(before, row.seq, row) != row.hash:
        return f"Event {row.id} ({row.act}) at place {row.seq} is not what was sealed."
    return ""


def _replaced(noted: Head, place: int) -> Break:
    """Return the break for the first noted head that does not match any more."""
    words = f"Place {noted.seq} of the chain is not what was noted ({noted.hash[:12]}):"
    if noted.seq > place:
        ending = f"the chain ends at place {place}: its end was cut off."
        return Break(noted.seq, None, f"{words} {ending}")
    return Break(noted.seq, None, f"{words} events up to it were changed or taken away.")


def chain_links(session: Session, company_id: int, first: int, last: int) -> Iterator[Link]:
    """Yield the places `first` to `last` of a company with the sealed text."""
    for row in _links(session, company_id, after=first - 1, last=last):
        if row.id is not None:
            yield Link(row.seq, row.event_id, row.record_id, row.hash, _sealed_text(row.seq, row))


def hash_at(session: Session, company_id: int, seq: int) -> str:
    """Return the hash at a place. Place 0 and unknown places have the start hash."""
    query = select(EventLink.hash).where(EventLink.company_id == company_id, EventLink.seq == seq)
    return session.scalar(query) or START
