"""The worker's `Desk` and an open `Channel` to a target, with key renewal and connection tests."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, exists, select, update
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ConnectionReport, Found, Pace, Step, Target
from connectors.contract.calls import WHOLE_ONLY
from connectors.contract.pulls import ImportedByHand
from connectors.contract.schema import LOOKS_FIRST, looks_first
from connectors.contract.targets import BuildsFromLists, Renewed, Renewing, TellsItems
from connectors.kit.calls import BASE_CURRENCY, LISTED, ZONE
from connectors.transport.http import Clock, Clocked, Http
from holding.access.actors import SYSTEM, Actor, Keys, load_keys, may
from holding.connections import breaker, master_data
from holding.connections.connections import (
    CALLS_PER_MINUTE,
    bound,
    log_connection_event,
    opened_secret,
    permitted,
    secret_of,
    trust_again,
)
from holding.connections.master_data import PERIOD, keep_snapshot, load_listed
from holding.db import leases
from holding.db.database import Database
from holding.db.models import Company, Connection, ConnectionKey, ListReading, Snapshot, Throttle
from holding.db.models.columns import NOW, BreakerState, KeyState
from holding.db.refusal import Refusal
from holding.platform.settings import Settings

USUAL_SETTLE_SECONDS = 30.0

_OF_CONNECTOR = (
    select(Connection.id, Connection.settings)
    .where(Connection.connector == bindparam("connector"), Connection.side == "target")
    .order_by(Connection.id)
)

Asks = Callable[[Target, Mapping[str, object], str, Http], ConnectionReport]
"""How a target is asked with settings and a secret."""

PATIENCE: Final = 20.0
"""Seconds that a test waits for who exchanges the key just now."""

_FRESH = exists().where(
    Snapshot.connection_id == Connection.id,
    # Each test reads it. Other lists also change between tests, which puts off no test.
    Snapshot.kind == PERIOD,
    Snapshot.due_at > NOW,
)

_AWAY = exists().where(
    Throttle.connection_id == Connection.id, breaker.BARRED, Throttle.open_until.is_not(None)
)

_TO_REFRESH = (
    select(Connection.id)
    .where(
        Connection.side == "target",
        Connection.key_id.is_not(None),
        Connection.paused_at.is_(None),
        ~_FRESH,
        ~_AWAY,
    )
    .order_by(Connection.id)
)

AT_MOST = timedelta(minutes=2)  # longer than a call may take

LOOK_SECONDS: Final = 0.2

_COMPANY = select(Company.zone, Company.currency).where(Company.id == bindparam("company"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One worker's tools.

    `trace` renders the traces of evaluations and `forget` clears its cache. `renew` extends the
    claims of this turn (holding/posting/prepare.py).
    """

    database: Database
    clock: Clock
    settings: Settings
    keys: Keys
    owner: str
    chance: Random
    http: Http
    trace: Callable[[Session, Collection[int]], Mapping[int, bytes]]
    renew: Callable[[], None] = lambda: None
    forget: Callable[[], None] = lambda: None

    @property
    def lease(self) -> timedelta:
        """Return how long a claim holds without renewal."""
        return timedelta(seconds=self.settings.lease_seconds)

    @property
    def answer(self) -> timedelta:
        """Return how long a call may take."""
        return timedelta(seconds=self.settings.answer_seconds)

    @property
    def pace(self) -> float:
        """Return 1 in production, less in tests that settle faster."""
        settle = self.settings.settle_seconds
        return 1.0 if settle is None else min(1.0, settle / USUAL_SETTLE_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One connection, ready for calls."""

    company_id: int
    connection_id: int
    name: str
    connector: str
    target: Target
    settings: Mapping[str, object]
    secret: str
    key_id: int | None
    key_tail: str = ""
    settle: timedelta
    looks_first: bool
    calls_per_minute: int | None
    zone: ZoneInfo
    restored_at: datetime | None = None

    @property
    def by_hand(self) -> bool:
        """Return whether a person carries its files to the target, so that no call is made."""
        return isinstance(self.target, ImportedByHand)

    @property
    def company_there(self) -> str:
        """Return the company in the target that this connection posts to."""
        return str(self.settings.get("company_id", ""))

    def total_field(self, document: str) -> str | None:
        """Return the field with the total of a document type."""
        schemas = (schema for schema in self.target.documents if schema.name == document)
        return next((schema.total_field for schema in schemas), None)

    def tax_field(self, document: str) -> str:
        """Return the field with a line's tax of a document type; blank if it has none."""
        all_amounts = (
            schema.amounts for schema in self.target.documents if schema.name == document
        )
        return next(
            (amounts.tax for amounts in all_amounts if amounts is not None and amounts.tax), ""
        )

    def unsent_fields(self, document: str) -> frozenset[str]:
        """Return the fields of a document type that the target works out itself."""
        schema = next(
            (
                document_schema
                for document_schema in self.target.documents
                if document_schema.name == document
            ),
            None,
        )
        fields = (*schema.header, *schema.lines) if schema is not None else ()
        return frozenset(field.name for field in fields if not field.sent)

    def cannot_look_up(self, document: str) -> bool:
        """Check whether no lookup can find a document of this type that the target already has."""
        return self.by_hand or not self.shows(document)

    def shows(self, document: str) -> bool:
        """Check whether the target returns documents of a type on lookup."""
        return all(schema.shown for schema in self.target.documents if schema.name == document)

    def counts(self, document: str) -> bool:
        """Check whether a document type counts against the monthly quota."""
        return all(schema.counted for schema in self.target.documents if schema.name == document)

    @property
    def calls_to_send(self) -> int:
        """Return the calls that one document costs, including its lookup."""
        pace = self.target.pace
        return pace.sending(self.settings) + (pace.to_look if self.looks_first else 0)

    @property
    def calls_to_file(self) -> int:
        """Return the calls that a file or batch costs, including its lookups."""
        return self.target.pace.to_batch or self.calls_to_send


def open_channel(session: Session, desk: Desk, connection: Connection) -> Channel | Refusal:
    """Return the connection with its connector and secret, or why it cannot be used."""
    target = _target_of(connection)
    if isinstance(target, Refusal):
        return target
    secret = secret_of(session, connection, desk.keys)
    if isinstance(secret, Refusal):
        return secret
    key = session.get(ConnectionKey, connection.key_id) if connection.key_id else None
    return _channel(desk, connection, target, secret, settings_and_zone(session, connection), key)


def _target_of(connection: Connection) -> Target | Refusal:
    target = registry.targets().get(connection.connector)
    if target is None:
        return Refusal("connection.connector", f"There is no connector {connection.connector}.")
    return target


def _channel(
    desk: Desk,
    connection: Connection,
    target: Target,
    secret: str,
    settings_with_zone: tuple[Mapping[str, object], ZoneInfo],
    key: ConnectionKey | None,
) -> Channel:
    settings, zone = settings_with_zone
    own_settle = desk.settings.settle_seconds
    settle = target.settle_seconds if own_settle is None else own_settle
    return Channel(
        company_id=connection.company_id,
        connection_id=connection.id,
        name=connection.name,
        connector=connection.connector,
        target=target,
        settings=settings,
        secret=secret,
        key_id=connection.key_id,
        key_tail=key.tail if key is not None else "",
        settle=timedelta(seconds=settle),
        looks_first=(target.dedupe in ("key", "none") or looks_first(settings))
        and not isinstance(target, ImportedByHand),
        calls_per_minute=calls_a_minute(target, connection.settings, desk.pace),
        zone=zone,
        restored_at=connection.restored_at,
    )


def opened_channel(
    desk: Desk,
    connection: Connection,
    key: ConnectionKey | None,
    zone: str,
    currency: str,
    listed: Mapping[str, object] | None = None,
) -> Channel | Refusal:
    """Return the channel from rows that were already read."""
    target = _target_of(connection)
    if isinstance(target, Refusal):
        return target
    secret = opened_secret(connection, key, desk.keys)
    if isinstance(secret, Refusal):
        return secret
    settings_with_zone = settings_with(connection, zone, currency, listed)
    return _channel(desk, connection, target, secret, settings_with_zone, key)


def counted_together(session: Session, connection_id: int, pace: Pace) -> tuple[int, ...]:
    """Return the connections that share the target's call limit, of any company.

    The oldest one keeps the count.
    """
    setting = pace.counted_by
    if not setting:
        return (connection_id,)
    connection = session.get_one(Connection, connection_id)
    account = str(connection.settings.get(setting, "")).strip()
    rows = session.execute(_OF_CONNECTOR, {"connector": connection.connector})
    ids = [row.id for row in rows if str(row.settings.get(setting, "")).strip() == account]
    return tuple(ids) if account else (connection_id,)


def together_with(session: Session, channel: Channel) -> tuple[int, ...]:
    """Return the connections that share an open channel's call limit."""
    return counted_together(session, channel.connection_id, channel.target.pace)


def calls_a_minute(target: Target, settings: Mapping[str, object], pace: float) -> int | None:
    """Return the target's call limit, or a lower one from the settings.

    There is none if the pace is 0.
    """
    own_limit = str(settings.get(CALLS_PER_MINUTE, ""))
    limits = (
        [int(own_limit)] if own_limit.isascii() and own_limit.isdecimal() and int(own_limit) else []
    )
    limits += [target.pace.per_minute] if target.pace.per_minute else []
    limit = min(limits, default=None)
    return int(limit / pace) if limit and pace else None


def test_connection(
    database: Database,
    clock: Clock,
    connection_id: int,
    actor: Actor,
    *,
    http: Http,
    keys: Keys | None = None,  # noqa: PT028 - a connection is tested here
    asks: Asks | None = None,  # noqa: PT028
) -> ConnectionReport | Refusal:
    """Test a target without writing there; its master data becomes the latest snapshot.

    Automatic tests log an event only when something changed or failed.
    """
    with database.read() as session:
        connection = session.get_one(Connection, connection_id)
        if refusal := permitted(actor, "connection.admin", connection.company_id):
            return refusal
        target = registry.targets().get(connection.connector)
        is_doubted = actor.person_id is not None or breaker.refused(session, connection_id)
    renewal = renew(
        database, clock, connection_id, http=http, keys=keys, at_once=is_doubted, patience=PATIENCE
    )
    with database.read() as session:
        secret = secret_of(session, connection, keys)
        settings = own_settings(session, connection)
    if isinstance(secret, Refusal) or target is None:
        words = f"You cannot test {connection.name}, because it sends its records itself."
        hint = "Its page shows the latest deliveries, and sends a test."
        return secret if isinstance(secret, Refusal) else Refusal("connection.side", words, hint)
    clocked_http = Clocked(http)
    report = (asks or run_test)(target, settings, secret, clocked_http)
    report = with_renewal(report, renewal)
    if report.snapshot is not None and isinstance(target, TellsItems):
        report = _with_items(database, clock, connection, settings, target, report, secret, http)
    with database.write() as session:
        connection, now = session.get_one(Connection, connection_id), clock.now()
        changed = report.snapshot is not None and keep_snapshot(
            session, connection, report.snapshot, person=actor.person_id, now=now
        )
        was_failing = breaker.in_doubt(session, connection_id)  # that it is away was told already
        keep_report(session, connection, report, now, requested=actor.person_id is not None)
        if clocked_http.ahead is not None:
            breaker.note_clock(session, connection_id, clocked_http.ahead, now)
        if report.ok and (was_failing or actor.person_id is not None):
            trust_again(session, connection, now, surely=actor.person_id is not None)
        if changed or not (report.ok or was_failing) or actor.person_id is not None:
            words = outcome(connection, report)
            log_connection_event(session, connection, actor, now, "connection.tested", words)
    return report


def _with_items(
    database: Database,
    clock: Clock,
    connection: Connection,
    settings: Mapping[str, object],
    target: TellsItems,
    report: ConnectionReport,
    secret: str,
    http: Http,
) -> ConnectionReport:
    """Return the report with the target's items: those known and those queried now."""
    if report.snapshot is None:
        return report
    with database.write() as session:
        items = master_data.known_items(session, connection.id)
        codes = master_data.codes_to_query(
            session,
            connection.id,
            target.documents,
            items,
            most=target.items_at_once,
            now=clock.now(),
        )
        if codes and target.pace.per_minute is not None:  # what is to be sent waits for these calls
            breaker.locked(session, connection.id).tokens -= len(codes)
    response = target.items(codes, settings, secret, http) if codes else {}
    reported_items = {} if isinstance(response, Found) else response
    return replace(report, snapshot=replace(report.snapshot, items=reported_items))


def run_test(
    target: Target, settings: Mapping[str, object], secret: str, http: Http
) -> ConnectionReport:
    """Test this secret, whether or not it is in use; nothing is stored.

    If the way is blocked, the report names our outgoing address.
    """
    return with_outgoing(target.test(settings, secret, http))


def keep_report(
    session: Session,
    connection: Connection,
    report: ConnectionReport,
    now: datetime,
    *,
    requested: bool,
) -> None:
    """Store the last test for its page; an automatic one only if a step changed.

    A passed test lets a new connection send.
    """
    steps = [asdict(step) for step in report.steps]
    steps = steps if requested else _with_whole(connection.test_steps, steps)
    if requested or _ends(connection.test_steps) != _ends(steps):
        connection.tested_at, connection.test_steps = now, steps
    if report.ok and connection.untested_since is not None:
        connection.untested_since = None
        breaker.let_begin(session, connection.id)
        words = f"The connection test of {connection.name} passed. It may send from now on."
        log_connection_event(session, connection, SYSTEM, now, "connection.test_passed", words)


def _with_whole(
    before: Sequence[Mapping[str, object]], steps: Sequence[dict[str, object]]
) -> list[dict[str, object]]:
    """Add results of the last whole test to the steps of a usual one, which does not
    repeat them.
    """
    whole_steps = {
        step.get("name"): dict(step) for step in before if step.get("code") in WHOLE_ONLY
    }
    return [step if step["ok"] is False else whole_steps.get(step["name"], step) for step in steps]


def _ends(steps: Sequence[Mapping[str, object]]) -> list[list[object]]:
    return [[step.get(part) for part in ("name", "ok", "code")] for step in steps]  # no words


def with_outgoing(report: ConnectionReport) -> ConnectionReport:
    """Return the report with our outgoing address where the way is blocked."""
    address = Settings.from_env().outgoing_address
    words = (
        f"Our outgoing address is {address}."
        if address
        else "Our outgoing address is not set here: who runs Clearpost's server knows it."
    )
    steps = tuple(
        replace(step, hint=f"{step.hint} {words}") if step.code.startswith("reach.") else step
        for step in report.steps
    )
    return replace(report, steps=steps)


def to_refresh(session: Session, now: datetime) -> tuple[int, ...]:
    """Return targets with a key whose master data is due for a refresh."""
    parameters = {"now": now, "asked_by": now + breaker.LONGEST}
    return tuple(session.scalars(_TO_REFRESH, parameters))


def refresh_master_data(desk: Desk, connection_id: int) -> ConnectionReport | Refusal | None:
    """Test a target to read its master data; None if it was away and another worker probes it."""
    with desk.database.read() as session:
        throttle = breaker.known(session, connection_id)
    if throttle and throttle.breaker != BreakerState.CLOSED and throttle.open_until:
        return _probe(desk, connection_id)
    return test_connection(
        desk.database, desk.clock, connection_id, SYSTEM, http=desk.http, keys=desk.keys
    )


def refresh_now(
    session: Session, actor: Actor, names: Collection[str], now: datetime
) -> tuple[str, ...] | Refusal:
    """Refresh the master data of these targets at once; return their names.

    Paused ones are left out.
    """
    return may(actor, "mapping.fix") or read_lists_again(session, actor, names, now)


def read_lists_again(
    session: Session, actor: Actor, names: Collection[str], now: datetime
) -> tuple[str, ...] | Refusal:
    """Refresh the master data of these targets for a user who may act on what waits for it."""
    query = (
        select(Connection)
        .where(Connection.company_id == actor.company_id, Connection.side == "target")
        .where(Connection.name.in_(names))
        .order_by(Connection.name)
    )
    connections = session.scalars(query).all()
    if not connections:
        return Refusal("connection.unknown", "There is no such accounting system.", status=404)
    active = [connection for connection in connections if connection.paused_at is None]
    if not active:
        paused = ", ".join(connection.name for connection in connections)
        return Refusal("connection.paused", f"{paused} is paused.", "Ask an operator to resume it.")
    ids = [connection.id for connection in active]
    for table in (Snapshot, ListReading):
        session.execute(update(table).where(table.connection_id.in_(ids)).values(due_at=now))
    for connection in active:
        words = f"{actor.name} had {connection.name} asked again for its codes."
        log_connection_event(session, connection, actor, now, "lists.asked", words)
    return tuple(connection.name for connection in active)


def outcome(connection: Connection, report: ConnectionReport) -> str:
    """Return the result of a test as one sentence."""
    failed = [f"{step.name}: {step.words}" for step in report.steps if step.ok is False]
    if failed:
        return f"The test of {connection.name} failed. {' '.join(failed)}"
    return f"The test of {connection.name} passed."


def may_call(desk: Desk, channel: Channel) -> bool:
    """Check whether calls may be made, with a probe if one is due."""
    with desk.database.read() as session:
        if breaker.closed(session, channel.connection_id):
            return True
    _probe(desk, channel.connection_id)
    with desk.database.read() as session:
        return breaker.closed(session, channel.connection_id)


def _probe(desk: Desk, connection_id: int) -> ConnectionReport | Refusal | None:
    """Test a target whose breaker is open, and store whether it answers.

    None if the probe is not due, or another worker makes it.
    """
    with desk.database.write() as session:
        if not breaker.turn(session, connection_id, desk.clock.now()):
            return None
    report = test_connection(
        desk.database, desk.clock, connection_id, SYSTEM, http=desk.http, keys=desk.keys
    )
    with desk.database.write() as session:
        now = desk.clock.now()
        if not isinstance(report, Refusal) and report.reached:
            breaker.reached(session, connection_id, now)
        else:
            breaker.failed(session, connection_id, now, desk.pace)
    return report


def with_good_key(desk: Desk, channel: Channel) -> Channel | Renewed | None:
    """Return the channel with a key that is valid for the next minutes.

    None while that is unknown. The renewal itself if it was refused: no calls are made until a
    person gives another key.
    """
    target, key = channel.target, channel.connection_id
    if not isinstance(target, Renewing):
        return channel
    stored = _stored(desk, key)  # since the channel was opened, it may have been renewed
    if target.is_due(stored, desk.clock.now()):
        renewal = renew(desk.database, desk.clock, key, http=desk.http, keys=desk.keys)
        if renewal is not None and renewal.kind == "refused":
            return renewal
        if renewal is not None and renewal.kind == "away":
            _failed(desk, key)
            return None
        fresh = _stored(desk, key)
        if fresh == stored and target.is_due(fresh, desk.clock.now()):
            return None
        stored = fresh  # used even where it ends soon: another renewal would bring no better one
    return replace(channel, secret=stored) if stored else None


def _stored(desk: Desk, connection_id: int) -> str:
    """Return the stored secret, or an empty string if it cannot be read."""
    with desk.database.read() as session:
        secret = secret_of(session, session.get_one(Connection, connection_id), desk.keys)
    return "" if isinstance(secret, Refusal) else secret


def _failed(desk: Desk, connection_id: int) -> None:
    with desk.database.write() as session:
        breaker.failed(session, connection_id, desk.clock.now(), desk.pace)


def renewed_after_all(desk: Desk, channel: Channel) -> bool:
    """Check whether the refused key had only expired early and a new one exists or will follow."""
    target, now, key = channel.target, desk.clock.now(), channel.connection_id
    if not isinstance(target, Renewing) or not target.may_be_over(channel.secret, now):
        return False
    if _stored(desk, key) != channel.secret:  # another worker renewed it meanwhile
        return True
    renewal = renew(desk.database, desk.clock, key, http=desk.http, keys=desk.keys, at_once=True)
    if renewal is not None and renewal.kind == "away":
        _failed(desk, key)
    return renewal is None or renewal.kind != "refused"  # none: another worker is at it


def renew(
    database: Database,
    clock: Clock,
    connection_id: int,
    *,
    http: Http,
    keys: Keys | None = None,
    at_once: bool = False,
    patience: float = 0.0,
) -> Renewed | None:
    """Renew the key of a connection if it is due, or `at_once`.

    None if nothing was renewed here, because it is not due or another process does it. `patience`
    is how many seconds to wait for that process, so that a test does not use a key that is not
    valid yet.
    """
    name, owner = duty_of(connection_id), uuid.uuid4().hex
    with database.read() as session:
        before = _key(session, connection_id, keys)
    if before is None or not _is_due(before, clock, at_once=at_once):
        return None
    end = clock.monotonic() + patience
    # One process at a time, because each exchange ends the refresh token that it used.
    while not _begun(database, clock, name, owner):
        if clock.monotonic() >= end:
            return None
        clock.sleep(LOOK_SECONDS)
    try:
        with database.read() as session:
            current_key = _key(session, connection_id, keys)  # another process may have been faster
        is_renewed = current_key is not None and current_key.secret != before.secret
        if current_key is None or not _is_due(
            current_key, clock, at_once=at_once and not is_renewed
        ):
            return None
        renewal = current_key.system.renew(
            current_key.connection.settings, current_key.secret, http
        )
        _keep(database, clock, current_key, renewal, keys)
        return renewal
    finally:
        with database.write() as session:
            leases.leave(session, name, owner=owner)


@dataclass(frozen=True, slots=True)
class _Key:
    """The stored key of a connection and its renewing connector."""

    row_id: int
    system: Renewing
    connection: Connection
    secret: str


def _key(session: Session, connection_id: int, keys: Keys | None) -> _Key | None:
    connection = session.get_one(Connection, connection_id)
    connectors = registry.sources() if connection.side == "source" else registry.targets()
    system = connectors.get(connection.connector)
    if not isinstance(system, Renewing):
        return None
    query = select(ConnectionKey.id).where(
        ConnectionKey.connection_id == connection_id, ConnectionKey.state == KeyState.ACTIVE
    )
    row_id, secret = session.scalar(query), secret_of(session, connection, keys)
    if row_id is None or isinstance(secret, Refusal):
        return None
    return _Key(row_id, system, connection, secret)


def _is_due(stored_key: _Key | None, clock: Clock, *, at_once: bool) -> bool:
    return stored_key is not None and (
        at_once or stored_key.system.is_due(stored_key.secret, clock.now())
    )


def _begun(database: Database, clock: Clock, name: str, owner: str) -> bool:
    with database.write() as session:
        now = clock.now()
        return leases.take(session, name, owner=owner, until=now + AT_MOST, now=now)


def _keep(
    database: Database, clock: Clock, stored_key: _Key, renewal: Renewed, keys: Keys | None
) -> None:
    """Store the renewed key, or log why there is none."""
    box = keys or load_keys(Settings.from_env())
    with database.write() as session:
        now, connection = clock.now(), session.get_one(Connection, stored_key.connection.id)
        if renewal.kind != "renewed" or isinstance(box, Refusal):
            if connection.side == "source":  # the next reading reports why it fails
                return
            if renewal.kind == "refused":
                is_new = breaker.shut(session, connection.id, now, stored_key.row_id)
            else:
                is_new = not breaker.failing(session, connection.id)
            words = f"The key of {connection.name} could not be renewed. {renewal.words}"
            if is_new:
                log_connection_event(
                    session, connection, SYSTEM, now, "connection.not_renewed", words
                )
            return
        row = session.get_one(ConnectionKey, stored_key.row_id)
        session.execute(
            update(ConnectionKey)
            .where(ConnectionKey.id == row.id, ConnectionKey.state == KeyState.ACTIVE)
            .values(secret=box.encrypt(renewal.secret, row=bound(connection, row.no)))
        )


def duty_of(connection_id: int) -> str:
    """Return the lease name for renewing or removing a key."""
    return f"renewal:{connection_id}"


def with_renewal(report: ConnectionReport, renewal: Renewed | None) -> ConnectionReport:
    """Return the report with the reason why the key was not renewed, if it may explain a failed
    test.
    """
    if renewal is None or (renewal.kind == "renewed" and not renewal.hint):
        return report
    if renewal.kind == "renewed":
        warning = Step("Key renewal", None, renewal.words, renewal.hint, "key.short_lived")
        return replace(report, steps=(warning, *report.steps))
    if any(step.words == renewal.words for step in report.steps):
        return report
    if renewal.kind == "refused":
        usual = "Give the connection a new key, or allow it in the system once more."
        first = Step.failed("Key renewal", renewal.words, renewal.hint or usual, "key.renewal")
    elif report.reached and not report.ok:
        hint = "Compare the address for tokens of this connection, then test again."
        first = Step.failed("Key renewal", renewal.words, hint, "key.not_renewed")
    else:
        return report
    return replace(report, steps=(first, *report.steps))


def own_settings(session: Session, connection: Connection) -> Mapping[str, object]:
    """Return the settings that the connector reads."""
    return settings_and_zone(session, connection)[0]


def settings_and_zone(
    session: Session, connection: Connection
) -> tuple[Mapping[str, object], ZoneInfo]:
    """Return the connector's settings and the company's time zone."""
    row = session.execute(_COMPANY, {"company": connection.company_id}).one()
    target, listed = registry.targets().get(connection.connector), None
    if connection.side == "target" and isinstance(target, BuildsFromLists):
        listed = load_listed(session, connection.id, target.built_with)
    return settings_with(connection, row.zone, row.currency, listed)


def settings_with(
    connection: Connection, zone: str, currency: str, listed: Mapping[str, object] | None = None
) -> tuple[Mapping[str, object], ZoneInfo]:
    """Return the connector's settings and time zone from values that were already read."""
    settings = {ZONE: zone, BASE_CURRENCY: currency, **connection.settings}
    if connection.restored_at is not None:
        # The target may have documents that were sent after the backup was made.
        settings |= LOOKS_FIRST
    if listed is not None:
        settings[LISTED] = listed
    return settings, ZoneInfo(zone or "UTC")
