"""Pull changes from sources on a schedule, so that a missed webhook loses nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, bindparam, delete, or_, select, update
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import IncomingRecord, schema
from connectors.contract.pulls import ListsAll, NoPage, Page, Pulled, Pulls
from connectors.contract.targets import Renewing
from connectors.transport.http import Clock, Http
from holding.access.actors import Actor, Keys
from holding.connections import connections
from holding.connections.channel import renew
from holding.connections.connections import (
    CALLS_PER_MINUTE,
    PullPlan,
    log_connection_event,
    permitted,
    secret_of,
)
from holding.connections.limits import a_call, leave_alone
from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.database import Database
from holding.db.leases import SLICE_SECONDS
from holding.db.models import Connection, Pull
from holding.db.models.columns import NOW, moment
from holding.db.refusal import Refusal, plural
from holding.intake import receive, sweeps
from holding.intake.deliveries import new_versions, zone_of_source
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
    """One of the two pulls of a source.

    `done_at`: the end of the last complete pull, with `done_found` new records. `wrong`: why it
    fails now.
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
        """Return the title that pages show."""
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
    """The result of a turn: pages tried, versions created, and whether more is due at once."""

    pages: int = 0
    new: int = 0
    more: bool = False


def start_new_pulls(session: Session, now: datetime) -> None:
    """Start the pulls of sources that have an address and a key now."""
    connectors = {
        name: connector
        for name, connector in registry.sources().items()
        if isinstance(connector, Pulls)
    }
    keyless = [
        name
        for name, connector in connectors.items()
        if connector.form.key and connector.form.key.optional
    ]
    for connection in sources_without_pulls(session, list(connectors), keyless):
        if connections.is_set(connection.settings):
            zone = zone_of_source(session, connection.id)
            plan = connections.plan_of(connection.settings)
            add_pulls(session, connection.id, plan, zone, now)


def replan(session: Session, connection_id: int, now: datetime) -> None:
    """Apply the changed settings of a source: pull at once, sweep at the configured hour."""
    connection = session.get_one(Connection, connection_id)
    zone = zone_of_source(session, connection_id)
    plan = connections.plan_of(connection.settings)
    update_pulls(session, connection_id, plan, zone, now)


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
    """Pull what is due for a few seconds, page by page."""
    until = clock.monotonic() + SLICE_SECONDS
    pages = new = 0
    lease = timedelta(seconds=lease_seconds)
    while clock.monotonic() < until:
        with database.write() as session:
            turn = claim_turn(session, company_id, owner, clock.now(), lease)
        if turn is None:
            return PullCount(pages, new)
        pages += 1
        new += _turn(database, clock, turn, http, keys)
    return PullCount(pages, new, more=True)


Window = tuple[datetime, datetime]
"""The oldest change that a sweep compares, and when the sweep began."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to pull one page, with the state when it was claimed."""

    connection_id: int
    kind: Kind
    start_at: datetime
    cursor: str | None
    owner: str
    tries: int
    wrong: str | None
    wrong_since: datetime | None
    due_at: datetime
    window: Window | None = None


def _turn(database: Database, clock: Clock, turn: Turn, http: Http, keys: Keys) -> int:
    """Pull one page of one source; return the number of new versions."""
    with database.write() as session:
        pull = _asked(session, turn, keys)
        if pull is None:
            stop_pulling(session, turn)
            return 0
        wait_until = None if isinstance(pull, Refusal) else _wait(session, pull, clock.now())
        if wait_until is not None:
            postpone_turn(session, turn, wait_until)
            return 0
    if isinstance(pull, Refusal):
        _failed(database, clock, turn, NoPage(words=pull.message, hint=pull.hint))
        return 0
    source, zone, settings = pull.source, pull.zone, pull.connection.settings
    sweep = _sweep_window(turn, pull, clock.now())
    cursor = turn.cursor or source.begin(_since(turn, pull, clock.now()))
    key_use = KeyUse(database, clock, source, turn.connection_id, http, keys)
    page = key_use.asked(pull.secret, lambda key: source.page(cursor, settings, key, zone, http))
    if isinstance(page, PullLater):
        with database.write() as session:
            postpone_turn(session, turn, clock.now() + page.after)
        return 0
    if isinstance(page, NoPage):
        _failed(database, clock, turn, page)
        return 0
    return _keep(database, clock, turn, replace(pull, window=sweep), page)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A connection that can be pulled, with everything needed."""

    source: Pulls
    connection: Connection
    plan: PullPlan
    secret: str
    zone: ZoneInfo
    window: Window | None = None


def _asked(session: Session, turn: Turn, keys: Keys) -> _Asked | Refusal | None:
    """Return the source with its key, or None if it can no longer be pulled."""
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


def _wait(session: Session, pull: _Asked, now: datetime) -> datetime | None:
    """Spend one call and return None, or return until when the call limit makes it wait."""
    own_limit = str(pull.connection.settings.get(CALLS_PER_MINUTE, ""))
    most = pull.source.calls_a_minute
    return a_call(
        session, pull.connection.id, min(int(own_limit), most) if own_limit else most, now
    )


def _failed(database: Database, clock: Clock, turn: Turn, failure: NoPage) -> None:
    """Store a failed page: retry later with growing pauses, and log the first failure."""
    with database.write() as session:
        now = clock.now()
        pause = min(LONGEST_PAUSE, timedelta(minutes=2 ** min(turn.tries, DOUBLED)))
        if failure.pause is not None:
            pause = min(LONGEST_PAUSE, max(pause, timedelta(seconds=failure.pause)))
        if fail_turn(session, turn, failure.sentence, now + pause, now):
            _trouble(session, turn, failure, now)


def _trouble(session: Session, turn: Turn, failure: NoPage, now: datetime) -> None:
    """Pause the connection if the source requests it, and log the first failure."""
    if failure.pause is not None:
        leave_alone(session, turn.connection_id, now, failure.pause)
    if turn.wrong_since is None:
        connection = session.get_one(Connection, turn.connection_id)
        say = f"{connection.name} could not be read. {failure.sentence}"
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


def _since(turn: Turn, pull: _Asked, now: datetime) -> datetime:
    """Return the start of the pull in whole seconds, because sources stamp changes by
    the second.
    """
    if turn.kind != "sweep":
        return turn.start_at.replace(microsecond=0)
    back = pull.plan.sweep_back
    if pull.plan.compare_back is not None and isinstance(pull.source, ListsAll):
        back = max(back, pull.plan.compare_back + sweeps.MARGIN)
    return max(now - back, turn.start_at).replace(microsecond=0)


def _sweep_window(turn: Turn, pull: _Asked, now: datetime) -> Window | None:
    """Return what the sweep of this page compares, or None if it compares nothing."""
    back = pull.plan.compare_back
    if turn.kind != "sweep" or back is None:
        return None
    return turn.window if turn.cursor else (max(now - back, turn.start_at), now)


def _keep(database: Database, clock: Clock, turn: Turn, pull: _Asked, page: Page) -> int:
    """Store the new records of a page together with the cursor after it."""
    records = [
        record
        for pulled in page.found
        for record in pulled.records
        if may_deliver(pull.connection, record.kind)
    ]
    with database.read() as session:
        new = new_versions(session, turn.connection_id, records)
    with database.write(many=True) as session:
        now = clock.now()
        if not hold_turn(session, turn):
            return 0
        source = session.get_one(Connection, turn.connection_id)
        if source.settings != pull.connection.settings:  # it may bring something else now
            postpone_turn(session, turn, now)
            return 0
        version_count = _received(session, turn, pull, page, new, now)
        _not_read(session, turn, pull, page, now)
        if turn.kind == "sweep":
            sweeps.mark_listed(session, turn.connection_id, records, new, _compared_at(pull, now))
        is_requested = was_requested_meanwhile(session, turn)
        wrong = page.wrong.sentence if page.wrong else _still_wrong(turn, page)
        if pull.window is not None and not page.more:
            doubt = _compare(session, source, pull, now, before=turn.wrong)
            wrong = wrong or doubt or None
        advance(session, replace(turn, window=pull.window), page.after, version_count, now, wrong)
        if not page.more:
            finish_turn(session, turn, now if is_requested else _due(turn, pull, now), now)
        if page.wrong is not None:
            _trouble(session, turn, page.wrong, now)
        elif wrong is None and turn.wrong_since is not None:
            words = f"{pull.connection.name} can be read again."
            _tell(session, pull.connection, now, "pull.answers", words)
    return version_count


def _compared_at(pull: _Asked, now: datetime) -> datetime:
    """Return the moment of a comparison, not before the sweep began by another worker's clock."""
    return now if pull.window is None else max(now, pull.window[1])


def _still_wrong(turn: Turn, page: Page) -> str | None:
    """Return the stored fault of a sweep that continues on another page; only its end can clear the
    fault.
    """
    return turn.wrong if turn.kind == "sweep" and page.more else None


def _not_read(session: Session, turn: Turn, pull: _Asked, page: Page, now: datetime) -> None:
    """Store what of a page cannot be read, and hold the records that the source does not show."""
    for pulled in page.found:
        if pulled.errors:
            _unreadable(session, turn, pull, pulled, now)
    if missing := [record for pulled in page.found for record in pulled.missing]:
        sweeps.hold_not_shown(session, pull.connection, missing, now)


def _compare(
    session: Session, source: Connection, pull: _Asked, now: datetime, *, before: str | None
) -> str:
    """Hold the records that a complete sweep did not list; return why that is in doubt, or "".

    A doubt is logged when it begins: `before` is what was wrong with the sweep before this one.
    """
    kinds = sweeps.compared_kinds(pull.source, source)
    if pull.window is None or not kinds or not isinstance(pull.source, ListsAll):
        return ""
    back = pull.source.lists_back
    result = sweeps.find_missing(session, source.id, kinds, pull.window, back)
    held_names = sweeps.hold_missing(session, source, result.record_ids, now)
    sweeps.mark_missing(session, result.record_ids, _compared_at(pull, now))
    if held_names:
        numbers, what = _numbers(held_names), plural(len(held_names), "record")
        say = f"The nightly sweep found that {source.name} no longer shows {what}: {numbers}."
        _tell(session, source, now, "pull.missing", say)
    elif result.doubt and not sweeps.is_doubt(before):
        _tell(session, source, now, "pull.doubtful", f"{source.name}: {result.doubt}")
    return result.doubt


def _numbers(names: Sequence[str]) -> str:
    """Return the first of these names of records, and how many others there are."""
    numbers = ", ".join(names[:NAMED])
    others = f"{len(names) - NAMED:,}"
    return f"{numbers} and {others} more" if len(names) > NAMED else numbers


def _received(
    session: Session,
    turn: Turn,
    pull: _Asked,
    page: Page,
    new: Sequence[IncomingRecord],
    now: datetime,
) -> int:
    """Receive the new records and return the number of versions."""
    new_keys = {(record.kind, record.external_id) for record in new}
    new_items = [
        pulled.raw
        for pulled in page.found
        if any((r.kind, r.external_id) in new_keys for r in pulled.records)
    ]
    if not new_items:
        return 0
    raw = b"[" + b",".join(new_items) + b"]"
    # what is new is known: what became again as it was, without a moment, comes under its own key
    key = f"{turn.kind}-{now.astimezone(UTC):%Y%m%dT%H%M%S.%f}-{sha256_hex(raw)}"
    receipt = receive.receive(
        session,
        company_id=pull.connection.company_id,
        source_id=pull.connection.id,
        delivery_key=key,
        kind=turn.kind,
        headers={},
        raw=raw,
        records=new,
        now=now,
    )
    if isinstance(receipt, Refusal):  # it was kept before: nothing of it is new after all
        return 0
    change_count = receipt.new_records + receipt.new_versions + receipt.stale
    if change_count:
        _tell(session, pull.connection, now, *_said(turn.kind, pull.connection.name, new))
    return receipt.new_versions


def _said(
    kind: Literal["pull", "sweep"], name: str, new: Sequence[IncomingRecord]
) -> tuple[str, str]:
    """Return act and sentence for records that only the pull delivered."""
    numbers, what = _numbers([sweeps.name_of(record) for record in new]), plural(len(new), "record")
    if kind == "sweep":
        words = f"The nightly sweep of {name} found {what} that had not arrived: {numbers}."
        return "webhook.missed", words
    return "pull.records", f"Reading {name} brought {what}: {numbers}."


def _unreadable(session: Session, turn: Turn, pull: _Asked, pulled: Pulled, now: datetime) -> None:
    """Store unreadable content as it arrived, and log it once."""
    receipt = receive.receive(
        session,
        company_id=pull.connection.company_id,
        source_id=pull.connection.id,
        delivery_key=f"unreadable-{sha256_hex(pulled.raw)}",
        kind=turn.kind,
        headers={},
        raw=pulled.raw,
        records=(),
        now=now,
    )
    if isinstance(receipt, Refusal) or receipt.times > 1:
        return
    first = pulled.errors[0]
    words = f"{pull.connection.name} sent something that cannot be read. {first.where}"
    value = f" (“{first.value}”)" if first.value else ""
    say = f"{words}{value}: {first.message} {first.hint}"
    _tell(session, pull.connection, now, "pull.unreadable", say)
    refusal = Refusal("pull.unreadable", f"{words}{value}: {first.message}", first.hint, 422)
    receive.note_rejected(session, pull.connection.company_id, pull.connection.id, refusal, now)


def _due(turn: Turn, pull: _Asked, now: datetime) -> datetime | None:
    """Return when this pull starts again."""
    if turn.kind == "sweep":
        return pull.plan.next_sweep(now, pull.zone)
    return now + pull.plan.every if pull.plan.every else None


def due_companies(session: Session, now: datetime) -> list[int]:
    """Return companies with a source whose pull is due."""
    return list(session.scalars(_WITH_WORK, {"now": now, "latest": now + _FAR}))


def sources_without_pulls(
    session: Session, connectors: Sequence[str], keyless: Sequence[str] = ()
) -> Sequence[Connection]:
    """Return sources of these connectors that have a key, or need none, and no pulls yet."""
    key = or_(Connection.key_id.is_not(None), bulk.among_given(Connection.connector, "keyless"))
    query = (
        select(Connection)
        .outerjoin(Pull, Pull.connection_id == Connection.id)
        .where(Connection.side == "source", key)
        .where(Pull.connection_id.is_(None), bulk.among_given(Connection.connector, "names"))
        .order_by(Connection.id)
    )
    return session.scalars(query, {"names": list(connectors), "keyless": list(keyless)}).all()


def add_pulls(
    session: Session, connection_id: int, plan: PullPlan, zone: ZoneInfo, now: datetime
) -> None:
    """Add the pulls of a source, due from now on."""
    start = plan.start_at(zone) or now
    rows = [
        {"connection_id": connection_id, "kind": kind, "start_at": start, "due_at": due}
        for kind, due in _dues(plan, zone, now).items()
    ]
    bulk.insert_rows(session, Pull, rows, ignore=True)


def _dues(plan: PullPlan, zone: ZoneInfo, now: datetime) -> dict[Kind, datetime | None]:
    return {"pull": now if plan.every else None, "sweep": plan.next_sweep(now, zone)}


def update_pulls(
    session: Session, connection_id: int, plan: PullPlan, zone: ZoneInfo, now: datetime
) -> None:
    """Update the pulls of a source to its plan. An earlier start date restarts them."""
    for kind, due in _dues(plan, zone, now).items():
        for row in session.scalars(_of(connection_id, kind).with_for_update()):
            start = plan.start_at(zone) or row.start_at
            row.cursor = None if start < row.start_at else row.cursor
            row.start_at, row.due_at, row.tries = start, due, 0


def _of(connection_id: int, kind: Kind) -> Select[Pull]:
    return select(Pull).where(Pull.connection_id == connection_id, Pull.kind == kind)


def request_pull(
    session: Session, actor: Actor, connection_id: int, kind: Kind, now: datetime
) -> Refusal | None:
    """Make a pull due now on a person's request."""
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
    log_connection_event(session, connection, actor, now, "pull.asked", words)
    return None


def pull_soon(session: Session, connection_id: int, now: datetime) -> None:
    """Make the pull due now, because the source reported a change.

    A failing source keeps its own pace.
    """
    row = session.scalars(_of(connection_id, "pull").with_for_update()).one_or_none()
    if row is not None and row.wrong_since is None:
        row.due_at = now


def was_requested_meanwhile(session: Session, turn: Turn) -> bool:
    """Check whether another pull was requested while this one was running."""
    due = session.scalar(
        select(Pull.due_at).where(Pull.connection_id == turn.connection_id, Pull.kind == turn.kind)
    )
    return due is not None and due > turn.due_at


def claim_turn(
    session: Session, company_id: int, owner: str, now: datetime, lease: timedelta
) -> Turn | None:
    """Claim the pull that has waited longest, or return None."""
    parameters = {"company": company_id, "now": now, "latest": now + _FAR}
    row = session.scalars(_NEXT, parameters).first()
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
        wrong=row.wrong,
        wrong_since=row.wrong_since,
        due_at=row.due_at or now,
        window=(row.floor_at, row.began_at) if row.floor_at and row.began_at else None,
    )


def hold_turn(session: Session, turn: Turn) -> bool:
    """Check whether the turn is still ours, and lock it until the end of the transaction."""
    row = session.scalars(_of(turn.connection_id, turn.kind).with_for_update()).one_or_none()
    return row is not None and (row.lease_owner, row.cursor) == (turn.owner, turn.cursor)


def advance(
    session: Session,
    turn: Turn,
    after: str,
    version_count: int,
    now: datetime,
    wrong: str | None = None,
) -> None:
    """Store the cursor after this page and continue at once. `wrong`: what could not be read."""
    row = session.scalars(_of(turn.connection_id, turn.kind)).one()
    row.cursor, row.due_at, row.read_at, row.found = after, now, now, row.found + version_count
    row.lease_owner = row.lease_until = None
    row.floor_at, row.began_at = turn.window or (None, None)
    row.wrong, row.wrong_since = wrong, (turn.wrong_since or now) if wrong else None
    row.tries = 0


def finish_turn(session: Session, turn: Turn, due: datetime | None, now: datetime) -> None:
    """End the pull; it starts again at `due`. A sweep restarts from its beginning."""
    row = session.scalars(_of(turn.connection_id, turn.kind)).one()
    row.done_at, row.done_found, row.found, row.due_at = now, row.found, 0, due
    if turn.kind == "sweep":
        row.cursor = None


def postpone_turn(session: Session, turn: Turn, until: datetime | None) -> None:
    """Release the turn until that time; None waits for a change of its settings."""
    _set(session, turn, due_at=until, lease_owner=None, lease_until=None)


def _set(session: Session, turn: Turn, **values: object) -> bool:
    connection_id = session.scalar(
        update(Pull)
        .where(Pull.connection_id == turn.connection_id, Pull.kind == turn.kind)
        .where(Pull.lease_owner == turn.owner)
        .values(**values)
        .returning(Pull.connection_id)
        .execution_options(synchronize_session=False)
    )
    return connection_id is not None


def fail_turn(session: Session, turn: Turn, words: str, until: datetime, now: datetime) -> bool:
    """Store a failed page; return whether the turn was still ours."""
    since = turn.wrong_since or now
    failure = {"wrong": words, "wrong_since": since, "tries": turn.tries + 1, "read_at": now}
    return _set(session, turn, due_at=until, lease_owner=None, lease_until=None, **failure)


def stop_pulling(session: Session, turn: Turn) -> None:
    """Stop pulling a source.

    If its deliveries are off, the cursor stays, so that later changes arrive when they are on
    again. Without an address the pull is deleted.
    """
    connection = session.get_one(Connection, turn.connection_id)
    if schema.takes_deliveries(connection.settings):
        session.execute(delete(Pull).where(Pull.connection_id == turn.connection_id))
    else:
        postpone_turn(session, turn, None)


def pulls_of_source(session: Session, connection_id: int) -> tuple[PullRow, ...]:
    """Return the frequent pull and the nightly sweep of a source; empty if it only receives
    webhooks.
    """
    query = PULL.select().where(Pull.connection_id == connection_id).order_by(Pull.kind)
    return PULL.each(session.execute(query))


@dataclass(frozen=True, slots=True)
class PullLater:
    """There is no page now and nothing is wrong; pull again after this time."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class KeyUse:
    """The key of one source, with what is needed to renew it."""

    database: Database
    clock: Clock
    source: Pulls
    connection_id: int
    http: Http
    keys: Keys

    def asked(self, secret: str, ask: Callable[[str], Page | NoPage]) -> Page | NoPage | PullLater:
        """Call the function with a valid key and return its result."""
        source = self.source
        if not isinstance(source, Renewing):
            return ask(secret)
        if source.is_due(secret, self.clock.now()):
            secret_or_page = self._exchanged(at_once=False)
            return ask(secret_or_page) if isinstance(secret_or_page, str) else secret_or_page
        page = ask(secret)
        refused = isinstance(page, NoPage) and page.key_refused
        if not refused or not source.may_be_over(secret, self.clock.now()):
            return page
        secret_or_page = self._exchanged(at_once=True)
        return PullLater(timedelta(0)) if isinstance(secret_or_page, str) else secret_or_page

    def _exchanged(self, *, at_once: bool) -> str | NoPage | PullLater:
        renewal = renew(
            self.database,
            self.clock,
            self.connection_id,
            http=self.http,
            keys=self.keys,
            at_once=at_once,
        )
        if renewal is None:
            return PullLater(_BY_ANOTHER)
        if renewal.kind == "renewed":
            return renewal.secret
        return NoPage(words=renewal.words, hint=_HINT if renewal.kind == "refused" else "")
