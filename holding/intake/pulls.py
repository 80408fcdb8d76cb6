"""Pull changes from sources on a schedule, so that a missed webhook loses nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, bindparam, delete, or_, select, update
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import IncomingRecord, schema
from connectors.contract.pulls import NoPage, Page, Pulled, Pulls
from connectors.contract.targets import Renewing
from connectors.transport.http import Clock, Http
from holding.access.actors import Actor, Keys
from holding.connections import connections
from holding.connections.channel import renew
from holding.connections.connections import CALLS_PER_MINUTE, PullPlan, permitted, secret_of, tell
from holding.connections.limits import a_call, leave_alone
from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.database import Database
from holding.db.leases import SLICE_SECONDS
from holding.db.models import Connection, Pull
from holding.db.models.columns import NOW, moment
from holding.db.refusal import Refusal, plural
from holding.intake import receive
from holding.intake.deliveries import unseen, zone_of_source
from holding.intake.receive import may_deliver
from holding.platform.events import record_event
from rules.values.canonical import sha256_hex

LONGEST_PAUSE = timedelta(hours=1)

DOUBLED = 6  # so many times at most: then it is as long

NAMED = 10  # numbers that a sentence names

Kind = Literal["pull", "sweep"]

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

_BY_ANOTHER = timedelta(seconds=5)

_HINT = "Give the connection a new key: its page says where it comes from."


@dataclass(frozen=True, slots=True)
class PullCount:
    """What a turn came to: pages that were read or asked for in vain, versions made, and whether
    there is more to read at once.
    """

    pages: int = 0
    new: int = 0
    more: bool = False


def arrange(session: Session, now: datetime) -> None:
    """Begin to ask the sources that can be asked since somebody gave them address and key."""
    able = {name: one for name, one in registry.sources().items() if isinstance(one, Pulls)}
    keyless = [name for name, one in able.items() if one.form.key and one.form.key.optional]
    for connection in without(session, list(able), keyless):
        if connections.is_set(connection.settings):
            zone = zone_of_source(session, connection.id)
            plan = connections.plan_of(connection.settings)
            begin(session, connection.id, plan, zone, now)


def plan_anew(session: Session, connection_id: int, now: datetime) -> None:
    """Follow the settings of a source that was changed: ask at once, sweep at the hour it says."""
    connection = session.get_one(Connection, connection_id)
    zone = zone_of_source(session, connection_id)
    plan = connections.plan_of(connection.settings)
    change(session, connection_id, plan, zone, now)


def pull_due(
    database: Database,
    clock: Clock,
    *,
    company_id: int,
    owner: str,
    http: Http,
    keys: Keys,
    lease_seconds: float,
) -> PullCount:
    """Read what is due for a short while, page by page."""
    until = clock.monotonic() + SLICE_SECONDS
    pages = new = 0
    lease = timedelta(seconds=lease_seconds)
    while clock.monotonic() < until:
        with database.write() as session:
            turn = claim(session, company_id, owner, clock.now(), lease)
        if turn is None:
            return PullCount(pages, new)
        pages += 1
        new += _turn(database, clock, turn, http, keys)
    return PullCount(pages, new, more=True)


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


def _turn(database: Database, clock: Clock, turn: Turn, http: Http, keys: Keys) -> int:
    """One page of one source; how many versions came of it."""
    with database.write() as session:
        asked = _asked(session, turn, keys)
        if asked is None:
            leave(session, turn)
            return 0
        told = None if isinstance(asked, Refusal) else _wait(session, asked, clock.now())
        if told is not None:
            later(session, turn, told)
            return 0
    if isinstance(asked, Refusal):
        _failed(database, clock, turn, NoPage(words=asked.message, hint=asked.hint))
        return 0
    source, zone, settings = asked.source, asked.zone, asked.connection.settings
    cursor = turn.cursor or source.begin(_since(turn, asked, clock.now()))
    use = KeyUse(database, clock, source, turn.connection_id, http, keys)
    page = use.asked(asked.secret, lambda key: source.page(cursor, settings, key, zone, http))
    if isinstance(page, Later):
        with database.write() as session:
            later(session, turn, clock.now() + page.after)
        return 0
    if isinstance(page, NoPage):
        _failed(database, clock, turn, page)
        return 0
    return _keep(database, clock, turn, asked, page)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A connection that can be asked, with all that takes."""

    source: Pulls
    connection: Connection
    plan: PullPlan
    secret: str
    zone: ZoneInfo


def _asked(session: Session, turn: Turn, keys: Keys) -> _Asked | Refusal | None:
    """The source with its key; None where it is no source to be asked any more."""
    connection = session.get_one(Connection, turn.connection_id)
    source = registry.sources().get(connection.connector)
    if not isinstance(source, Pulls) or not connections.is_set(connection.settings):
        return None
    secret = secret_of(session, connection, keys)
    if isinstance(secret, Refusal):
        return secret
    return _Asked(
        source=source,
        connection=connection,
        plan=connections.plan_of(connection.settings),
        secret=secret,
        zone=zone_of_source(session, connection.id),
    )


def _wait(session: Session, asked: _Asked, now: datetime) -> datetime | None:
    """Until when the limit of calls makes it wait; None where the call is spent and may be made."""
    told = str(asked.connection.settings.get(CALLS_PER_MINUTE, ""))
    most = asked.source.calls_a_minute
    return a_call(session, asked.connection.id, min(int(told), most) if told else most, now)


def _failed(database: Database, clock: Clock, turn: Turn, told: NoPage) -> None:
    """No page: ask later, ever less often, and say so the first time."""
    with database.write() as session:
        now = clock.now()
        pause = min(LONGEST_PAUSE, timedelta(minutes=2 ** min(turn.tries, DOUBLED)))
        if told.pause is not None:
            pause = min(LONGEST_PAUSE, max(pause, timedelta(seconds=told.pause)))
        if failed(session, turn, told.sentence, now + pause, now):
            _trouble(session, turn, told, now)


def _trouble(session: Session, turn: Turn, told: NoPage, now: datetime) -> None:
    """Leave the source alone where it wants that, and say the first time what is wrong."""
    if told.pause is not None:
        leave_alone(session, turn.connection_id, now, told.pause)
    if turn.wrong_since is None:
        connection = session.get_one(Connection, turn.connection_id)
        say = f"{connection.name} could not be read. {told.sentence}"
        _tell(session, connection, now, "pull.failed", say)


def _tell(session: Session, connection: Connection, now: datetime, act: str, say: str) -> None:
    record_event(
        session,
        company_id=connection.company_id,
        at=now,
        actor=None,
        act=act,
        object=f"connection:{connection.id}",
        body={"say": say},
    )


def _since(turn: Turn, asked: _Asked, now: datetime) -> datetime:
    """A whole second: of a change sources say in which second it was, and that may be this one."""
    back = now - asked.plan.sweep_back
    since = max(back, turn.start_at) if turn.kind == "sweep" else turn.start_at
    return since.replace(microsecond=0)


def _keep(database: Database, clock: Clock, turn: Turn, asked: _Asked, page: Page) -> int:
    """Store what is new of a page and the cursor behind it, both or neither."""
    records = [
        record
        for one in page.found
        for record in one.records
        if may_deliver(asked.connection, record.kind)
    ]
    with database.read() as session:
        new = unseen(session, turn.connection_id, records)
    with database.write(many=True) as session:
        now = clock.now()
        if not still_ours(session, turn):
            return 0
        source = session.get_one(Connection, turn.connection_id)
        if source.settings != asked.connection.settings:  # it may bring something else now
            later(session, turn, now)
            return 0
        made = _received(session, turn, asked, page, new, now)
        for one in page.found:
            if one.errors:
                _unreadable(session, turn, asked, one, now)
        again = asked_meanwhile(session, turn)
        wrong = page.wrong.sentence if page.wrong else None
        advance(session, turn, page.after, made, now, wrong)
        if not page.more:
            done(session, turn, now if again else _due(turn, asked, now), now)
        if page.wrong is not None:
            _trouble(session, turn, page.wrong, now)
        elif turn.wrong_since is not None:
            words = f"{asked.connection.name} can be read again."
            _tell(session, asked.connection, now, "pull.answers", words)
    return made


def _received(
    session: Session,
    turn: Turn,
    asked: _Asked,
    page: Page,
    new: Sequence[IncomingRecord],
    now: datetime,
) -> int:
    """The versions that came of what is new."""
    wanted = {(one.kind, one.external_id) for one in new}
    news = [
        one.raw for one in page.found if any((r.kind, r.external_id) in wanted for r in one.records)
    ]
    if not news:
        return 0
    raw = b"[" + b",".join(news) + b"]"
    # what is new is known: what became again as it was, without a moment, comes under its own key
    key = f"{turn.kind}-{now.astimezone(UTC):%Y%m%dT%H%M%S.%f}-{sha256_hex(raw)}"
    receipt = receive.receive(
        session,
        company_id=asked.connection.company_id,
        source_id=asked.connection.id,
        delivery_key=key,
        kind=turn.kind,
        headers={},
        raw=raw,
        records=new,
        now=now,
    )
    if isinstance(receipt, Refusal):  # it was kept before: nothing of it is new after all
        return 0
    made = receipt.new_records + receipt.new_versions + receipt.stale
    if made:
        _tell(session, asked.connection, now, *_said(turn.kind, asked.connection.name, new))
    return receipt.new_versions


def _said(
    kind: Literal["pull", "sweep"], name: str, new: Sequence[IncomingRecord]
) -> tuple[str, str]:
    """Act and sentence for records that only the asking brought."""
    numbers = ", ".join(f"{one.kind.replace('_', ' ')} {one.number}" for one in new[:NAMED])
    rest = f" and {len(new) - NAMED:,} more" if len(new) > NAMED else ""
    what = plural(len(new), "record")
    if kind == "sweep":
        words = f"The nightly sweep of {name} found {what} that had not arrived: {numbers}{rest}."
        return "webhook.missed", words
    return "pull.records", f"Reading {name} brought {what}: {numbers}{rest}."


def _unreadable(session: Session, turn: Turn, asked: _Asked, one: Pulled, now: datetime) -> None:
    """Keep what cannot be read as it came, and say so once."""
    receipt = receive.receive(
        session,
        company_id=asked.connection.company_id,
        source_id=asked.connection.id,
        delivery_key=f"unreadable-{sha256_hex(one.raw)}",
        kind=turn.kind,
        headers={},
        raw=one.raw,
        records=(),
        now=now,
    )
    if isinstance(receipt, Refusal) or receipt.times > 1:
        return
    first = one.errors[0]
    words = f"{asked.connection.name} sent something that cannot be read. {first.where}"
    value = f" (“{first.value}”)" if first.value else ""
    say = f"{words}{value}: {first.message} {first.hint}"
    _tell(session, asked.connection, now, "pull.unreadable", say)


def _due(turn: Turn, asked: _Asked, now: datetime) -> datetime | None:
    """When this reading begins again."""
    if turn.kind == "sweep":
        return asked.plan.next_sweep(now, asked.zone)
    return now + asked.plan.every if asked.plan.every else None


def due_companies(session: Session, now: datetime) -> list[int]:
    """Companies with a source that should be asked now."""
    return list(session.scalars(_WITH_WORK, {"now": now, "latest": now + _FAR}))


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
    bulk.insert_rows(session, Pull, rows, ignore=True)


def _dues(plan: PullPlan, zone: ZoneInfo, now: datetime) -> dict[Kind, datetime | None]:
    return {"pull": now if plan.every else None, "sweep": plan.next_sweep(now, zone)}


def change(
    session: Session, connection_id: int, plan: PullPlan, zone: ZoneInfo, now: datetime
) -> None:
    """Ask this source as the plan says now; from an earlier day on, where it names another."""
    for kind, due in _dues(plan, zone, now).items():
        for row in session.scalars(_of(connection_id, kind).with_for_update()):
            start = plan.start_at(zone) or row.start_at
            row.cursor = None if start < row.start_at else row.cursor
            row.start_at, row.due_at, row.tries = start, due, 0


def _of(connection_id: int, kind: Kind) -> Select[Pull]:
    return select(Pull).where(Pull.connection_id == connection_id, Pull.kind == kind)


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
    if schema.takes_deliveries(connection.settings):
        session.execute(delete(Pull).where(Pull.connection_id == turn.connection_id))
    else:
        later(session, turn, None)


def of_source(session: Session, connection_id: int) -> tuple[PullRow, ...]:
    """The reading of every few minutes, then the nightly sweep; none of a source that only waits
    for webhooks.
    """
    query = PULL.select().where(Pull.connection_id == connection_id).order_by(Pull.kind)
    return PULL.each(session.execute(query))


@dataclass(frozen=True, slots=True)
class Later:
    """No page now and nothing wrong: it is asked again after this while."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class KeyUse:
    """The key of one source, and what exchanges it."""

    database: Database
    clock: Clock
    source: Pulls
    connection_id: int
    http: Http
    keys: Keys

    def asked(self, secret: str, ask: Callable[[str], Page | NoPage]) -> Page | NoPage | Later:
        """What `ask` finds with a key that lasts."""
        source = self.source
        if not isinstance(source, Renewing):
            return ask(secret)
        if source.is_due(secret, self.clock.now()):
            found = self._exchanged(at_once=False)
            return ask(found) if isinstance(found, str) else found
        page = ask(secret)
        refused = isinstance(page, NoPage) and page.key_refused
        if not refused or not source.may_be_over(secret, self.clock.now()):
            return page
        found = self._exchanged(at_once=True)
        return Later(timedelta(0)) if isinstance(found, str) else found

    def _exchanged(self, *, at_once: bool) -> str | NoPage | Later:
        told = renew(
            self.database,
            self.clock,
            self.connection_id,
            http=self.http,
            keys=self.keys,
            at_once=at_once,
        )
        if told is None:
            return Later(_BY_ANOTHER)
        if told.kind == "renewed":
            return told.secret
        return NoPage(words=told.words, hint=_HINT if told.kind == "refused" else "")
