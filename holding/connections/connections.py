"""Connections to sources and targets: settings, secrets, pauses, and the rows of their pages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Select, bindparam, case, func, select, update
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ConnectionSide, schema
from holding.access.actors import SYSTEM, Actor, Keys, key_fault, load_keys, may
from holding.connections import breaker
from holding.connections.master_data import RATE
from holding.db.bulk import Columns, known, of
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Cause,
    Connection,
    ConnectionKey,
    Delivery,
    Event,
    Hold,
    Person,
    Posting,
    Pull,
    Record,
    Run,
    Snapshot,
    Throttle,
)
from holding.db.models.columns import KeyState, among_words
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Refusal
from holding.platform import states
from holding.platform.changes import next_revision, wake_cause
from holding.platform.events import record_event, shown_actor
from holding.platform.settings import Settings
from rules.values.canonical import PostingState
from rules.values.cause_keys import CauseKey, CauseKind

KEEP_OLD = timedelta(days=7)

CALLS_PER_MINUTE = "calls_per_minute"  # a setting: how often a target may be called

TAIL = 4


@dataclass(frozen=True, slots=True)
class KeySet:
    """The result of storing a secret; only its tail is shown."""

    no: int
    tail: str
    trimmed: bool
    """White space around it was left out."""


def set_key(
    session: Session,
    actor: Actor,
    connection_id: int,
    secret: str,
    *,
    now: datetime,
    keys: Keys | None = None,
) -> KeySet | Refusal:
    """Store and use a secret, encrypted for this one row; the previous one is kept for a week.

    The secret in use stays as it is when it is stored again.

    Documents that were refused because of the key are evaluated again.
    """
    connection = session.get_one(Connection, connection_id)
    refusal = permitted(actor, "connection.admin", connection.company_id) or key_fault(secret)
    box = keys or load_keys(Settings.from_env())
    if refusal:
        return refusal
    if isinstance(box, Refusal):
        return box
    active = select(ConnectionKey).where(
        ConnectionKey.connection_id == connection.id, ConnectionKey.state == KeyState.ACTIVE
    )
    before = session.scalars(active.order_by(ConnectionKey.no)).all()
    row = next(
        (key_row for key_row in before if _is_secret(box, connection, key_row, secret)), None
    )
    if row is None:  # the same key again is no rotation
        for key_row in before:
            key_row.state, key_row.keep_until = KeyState.OLD, now + KEEP_OLD
        row = keep_key(session, connection, actor, secret, KeyState.ACTIVE, now, box)
    connection.key_id = row.id
    connection.lock += 1
    forget_copies(session, connection, row, secret, box)
    trust_again(session, connection, now)
    session.execute(  # a source that did not accept the one before is asked again
        update(Pull)
        .where(Pull.connection_id == connection.id, Pull.wrong.is_not(None))
        .values(due_at=now, tries=0)
    )
    words = f"The key of {connection.name} was stored. It ends in {row.tail}."
    log_connection_event(session, connection, actor, now, "connection.key", words)
    return KeySet(row.no, row.tail, trimmed=secret.strip() != secret)


def _is_secret(box: Keys, connection: Connection, row: ConnectionKey, secret: str) -> bool:
    """Check whether a stored key is this secret, without surrounding white space."""
    return box.decrypt(row.secret, row=bound(connection, row.no)) == secret.strip()


def forget_copies(
    session: Session, connection: Connection, row: ConnectionKey, secret: str, box: Keys
) -> None:
    """Delete replaced keys whose secret equals the secret of the key in use."""
    session.flush()
    others = select(ConnectionKey).where(
        ConnectionKey.connection_id == connection.id, ConnectionKey.id != row.id
    )
    for other in session.scalars(others).all():
        if _is_secret(box, connection, other, secret):
            session.delete(other)


def keep_key(
    session: Session,
    connection: Connection,
    actor: Actor,
    secret: str,
    state: KeyState,
    now: datetime,
    box: Keys,
) -> ConnectionKey:
    """Insert a secret, encrypted for its row and without surrounding white space."""
    text = secret.strip()
    last = select(ConnectionKey.no).where(ConnectionKey.connection_id == connection.id)
    no = max(session.scalars(last), default=0) + 1
    row = ConnectionKey(
        connection_id=connection.id,
        no=no,
        secret=box.encrypt(text, row=bound(connection, no)),
        tail=text[-TAIL:],
        state=state,
        made_at=now,
        made_by_id=actor.person_id,
    )
    session.add(row)
    session.flush()
    return row


def ask_key_again(session: Session, connection: Connection, now: datetime) -> bool:
    """Disable the secrets of a connection, which were given for another host; return whether there
    were any. A key that was never in use can be deleted at once.
    """
    is_new = ConnectionKey.state == KeyState.NEW
    disabled_ids = session.scalars(
        update(ConnectionKey)
        .where(ConnectionKey.connection_id == connection.id)
        .where(ConnectionKey.state != KeyState.DISABLED)
        .values(state=KeyState.DISABLED, keep_until=case((is_new, now), else_=now + KEEP_OLD))
        .returning(ConnectionKey.id)
        .execution_options(synchronize_session=False)
    ).all()
    connection.key_id = None
    return bool(disabled_ids)


_KEYS = (
    select(ConnectionKey)
    .where(ConnectionKey.connection_id == bindparam("connection"))
    .where(among_words(ConnectionKey.state, (KeyState.ACTIVE, KeyState.OLD)))
    .order_by(ConnectionKey.no.desc())
)


def secret_of(session: Session, connection: Connection, keys: Keys | None = None) -> str | Refusal:
    """Return the active secret."""
    secrets = _opened(session, connection, None, keys)
    return secrets if isinstance(secrets, Refusal) else secrets[0]


def secrets_of(
    session: Session, connection_id: int, now: datetime, keys: Keys | None = None
) -> tuple[str, ...] | Refusal:
    """Return the active secret, then older ones that are still valid."""
    return _opened(session, session.get_one(Connection, connection_id), now, keys)


def _opened(
    session: Session, connection: Connection, now: datetime | None, keys: Keys | None
) -> tuple[str, ...] | Refusal:
    """Return the decrypted secrets; without `now` only the active one.

    A connector without a key has an empty one.
    """
    if _asks_for_none(connection):
        return ("",)
    box = keys or load_keys(Settings.from_env())
    if isinstance(box, Refusal):
        return box
    return _texts(connection, session.scalars(_KEYS, {"connection": connection.id}), now, box)


def opened_secret(
    connection: Connection, active: ConnectionKey | None, keys: Keys
) -> str | Refusal:
    """Return the active secret from a row that was already read."""
    if _asks_for_none(connection):
        return ""
    secrets = _texts(connection, [active] if active else [], None, keys)
    return secrets if isinstance(secrets, Refusal) else secrets[0]


def _asks_for_none(connection: Connection) -> bool:
    form = registry.form_of(connection.side, connection.connector)
    return form is not None and (
        form.key is None or (form.key.optional and connection.key_id is None)
    )


def _texts(
    connection: Connection, rows: Iterable[ConnectionKey], now: datetime | None, box: Keys
) -> tuple[str, ...] | Refusal:
    usable_rows = [row for row in rows if row.state == KeyState.ACTIVE or _kept(row, now)]
    if not any(row.state == KeyState.ACTIVE for row in usable_rows):
        words = f"{connection.name} has no key yet."
        return Refusal("connection.no_key", words, "Paste the key on the connection's page.")
    texts: list[str] = []
    for row in usable_rows:
        text = box.decrypt(row.secret, row=bound(connection, row.no))
        if isinstance(text, Refusal):
            return text
        texts.append(text)
    return tuple(texts)


def pause(
    session: Session,
    actor: Actor,
    connection_id: int,
    reason: str,
    *,
    now: datetime,
    until: datetime | None = None,
) -> Refusal | None:
    """Pause a target until a time or until it is resumed; calls in flight finish."""
    connection = session.get_one(Connection, connection_id)
    if refusal := permitted(actor, "run.operate", connection.company_id):
        return refusal
    if not reason.strip():
        return Refusal("reason.missing", "Pausing needs a reason.", "Say why, for the others.", 422)
    if until is not None and until <= now:
        return Refusal("pause.until", "The pause ends before it begins.", "Name a later time.", 422)
    if connection.paused_at is None:
        connection.paused_at, connection.paused_by_id = now, actor.person_id
        connection.pause_reason, connection.pause_until = reason.strip(), until
        connection.lock += 1
        words = f"{connection.name} was paused: {reason.strip()}"
        if until is not None:
            end = f"{until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            words = f"{connection.name} was paused until {end}: {reason.strip()}"
        log_connection_event(
            session, connection, actor, now, "connection.paused", words, reason=reason.strip()
        )
    return None


def resume(session: Session, actor: Actor, connection_id: int, *, now: datetime) -> Refusal | None:
    """Resume a paused connection."""
    connection = session.get_one(Connection, connection_id)
    if refusal := permitted(actor, "run.operate", connection.company_id):
        return refusal
    if connection.paused_at is not None:
        connection.paused_at = connection.paused_by_id = connection.pause_reason = None
        connection.pause_until = None
        connection.lock += 1
        words = f"{connection.name} was resumed."
        log_connection_event(session, connection, actor, now, "connection.resumed", words)
    return None


def restored_cause(connection: str) -> CauseKey:
    """Return the cause of documents that cannot be looked up after a restore."""
    return CauseKey(CauseKind.TARGET, f"{connection}:restored")


def end_restore(
    session: Session, actor: Actor, connection_id: int, *, now: datetime
) -> Refusal | None:
    """End the look-ups before a first send that a restore from a backup requires.

    A person confirms that every record of the time after the backup has arrived again.
    """
    connection = session.get_one(Connection, connection_id)
    if refusal := permitted(actor, "run.operate", connection.company_id):
        return refusal
    if connection.restored_at is not None:
        connection.restored_at = None
        connection.lock += 1
        words = f"The restore of {connection.name} was ended: new documents are sent as before it."
        log_connection_event(session, connection, actor, now, "connection.restore_ended", words)
        cause = restored_cause(connection.name)
        _free(session, connection, cause, now, reason="its restore was ended")
    return None


def trust_again(
    session: Session, connection: Connection, now: datetime, *, surely: bool = True
) -> None:
    """Retry now what failed because of the key or because the target was away.

    Unless a person decided this (`surely`), a target that was away must answer a call first.
    """
    for kind in (CauseKind.CREDENTIAL, CauseKind.AWAY):
        _free(session, connection, CauseKey(kind, connection.name), now)
    _free(session, connection, CauseKey(CauseKind.AWAY, f"{connection.name}:key_paused"), now)
    session.execute(  # what waits only to be undone keeps its time
        update(Posting)
        .where(Posting.connection_id == connection.id, Posting.state == PostingState.READY)
        .where(Posting.tries > 0, Posting.due_at > now, Posting.lease_until.is_(None))
        .values(due_at=now)
    )
    session.execute(  # and so is the run that sends it, which waits for the same
        update(Run)
        .where(Run.connection_id == connection.id, Run.due_at > now, Run.lease_until.is_(None))
        .values(due_at=now)
    )
    session.execute(  # whatever it wanted us to wait for is over
        update(Throttle)
        .where(Throttle.connection_id == connection.id, Throttle.filled_at > now)
        .values(tokens=0, filled_at=now)
    )
    if connection.untested_since is None:
        close = breaker.close if surely else breaker.passed
        close(session, connection.id, now)


def wait_for_test(session: Session, connection: Connection, now: datetime) -> None:
    """Stop sending to this target until a test passes."""
    lacks_key = connection.key_id is None
    if connection.untested_since is None:
        act = "connection.no_key" if lacks_key else "connection.untested"
        words = f"Nothing is sent to {connection.name} before its connection test passes."
        if lacks_key:
            words = f"Nothing is sent to {connection.name} before a key of it passes its test."
        log_connection_event(session, connection, SYSTEM, now, act, words)
    connection.untested_since = connection.untested_since or now
    breaker.hold_back(session, connection.id, now)
    _renew_refused_holds(session, connection)


def untested_words(connection: Connection) -> str:
    """Return why nothing is sent to a target that has not passed its test."""
    if connection.key_id is None:
        return f"{connection.name} has no key for its present settings, so nothing is sent there."
    return (
        f"No connection test of {connection.name} has passed since its settings were last changed,"
        " so nothing is sent there."
    )


def untested_label(name: str) -> str:
    """Return the label of the cause of documents that wait for a connection test."""
    return f"{name} has not passed its connection test"


def _renew_refused_holds(session: Session, connection: Connection) -> None:
    """Update the message of open holds for a refused key: the settings changed, so the next test is
    awaited.
    """
    key = CauseKey(CauseKind.CREDENTIAL, connection.name)
    for cause_id in states.ids_of(session, connection.company_id, [key]).values():
        session.execute(
            update(Hold)
            .where(Hold.cause_id == cause_id, HOLD_OPEN)
            .values(message=untested_words(connection), lock=Hold.lock + 1)
        )
        states.add_to_causes(session, {}, {cause_id: untested_label(connection.name)})


def permitted(actor: Actor, act: str, company_id: int) -> Refusal | None:
    """Check a person's permission in this company; the system is always permitted."""
    if actor.via == SYSTEM.via:
        return None
    if actor.company_id != company_id:
        return Refusal("connection.unknown", "There is no such connection.", status=404)
    return may(actor, act)


def log_connection_event(
    session: Session,
    connection: Connection,
    actor: Actor,
    now: datetime,
    act: str,
    say: str,
    **details: str,
) -> None:
    """Record an event of a connection, with further values in its body."""
    record_event(
        session,
        company_id=connection.company_id,
        at=now,
        actor=actor,
        act=act,
        object=f"connection:{connection.id}",
        body={"say": say, **details},
    )


def _free(
    session: Session,
    connection: Connection,
    key: CauseKey,
    now: datetime,
    *,
    reason: str = "a new key, or a test that passed",
) -> None:
    """Wake what this cause holds, if there is anything."""
    query = select(Cause.records).where(Cause.company_id == connection.company_id, Cause.key == key)
    if not session.scalar(query):
        return
    revision = next_revision(
        session,
        connection.company_id,
        "connection",
        f"{connection.name} is trusted again",
        person_id=None,
        reason=reason,
        now=now,
    )
    wake_cause(session, key, now, company_id=connection.company_id, revision=revision)


def _kept(row: ConnectionKey, now: datetime | None) -> bool:
    return now is not None and row.keep_until is not None and row.keep_until > now


def bound(connection: Connection, no: int) -> str:
    """Return the row name that a secret is encrypted for."""
    return f"{connection.company_id}:{connection.id}:{no}"


ADDRESS: Final = "base_url"

EVERY, AT, DAYS, FROM = "pull_minutes", "sweep_at", "sweep_days", "pull_from"

COMPARED: Final = "compare_days"

_USUAL: Final = {EVERY: "15", AT: "02:30", DAYS: "7", COMPARED: "30"}

_MOST_DAYS: Final = 90


@dataclass(frozen=True, slots=True)
class PullPlan:
    """When a source is pulled.

    `every`: None if only the nightly sweep runs. `start`: the first day of records. `compare_back`:
    how far back the sweep compares stored records with the source; None if it does not.
    """

    every: timedelta | None
    sweep_at: time
    sweep_back: timedelta
    start: date | None
    compare_back: timedelta | None = None

    def next_sweep(self, now: datetime, zone: ZoneInfo) -> datetime:
        """Return the next sweep time in the source's zone."""
        local_now = now.astimezone(zone)
        tonight = datetime.combine(local_now.date(), self.sweep_at, zone)
        if tonight <= local_now:
            tonight = datetime.combine(local_now.date() + timedelta(days=1), self.sweep_at, zone)
        return tonight

    def start_at(self, zone: ZoneInfo) -> datetime | None:
        """Return from when changes are pulled.

        None means from the first pull, because older ones may be in the books already.
        """
        return datetime.combine(self.start, time(), zone) if self.start else None


def is_set(settings: Mapping[str, Any]) -> bool:
    """Check whether the connection has an address and is switched on."""
    return schema.takes_deliveries(settings) and bool(str(settings.get(ADDRESS) or "").strip())


def plan_of(settings: Mapping[str, Any]) -> PullPlan:
    """Return the plan from valid settings."""
    minutes, days = int(_said(settings, EVERY)), min(_MOST_DAYS, int(_said(settings, DAYS)))
    start = str(settings.get(FROM) or "")
    compared = min(_MOST_DAYS, int(_said(settings, COMPARED)))
    return PullPlan(
        every=timedelta(minutes=minutes) if minutes else None,
        sweep_at=time.fromisoformat(_said(settings, AT)),
        sweep_back=timedelta(days=days),
        start=date.fromisoformat(start) if start else None,
        compare_back=timedelta(days=compared) if compared else None,
    )


def _said(settings: Mapping[str, Any], name: str) -> str:
    return str(settings.get(name) or _USUAL[name]).strip()


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """A source or target for its page, with only the tail of its key."""

    id: int
    name: str
    side: ConnectionSide
    connector: str
    settings: dict[str, Any]
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    pause_until: datetime | None
    restored_at: datetime | None
    key_tail: str | None
    key_made_at: datetime | None
    untested_since: datetime | None
    tested_at: datetime | None
    test_steps: list[dict[str, Any]]

    @property
    def is_target(self) -> bool:
        """Return whether this is a target rather than a source."""
        return self.side == "target"


CONNECTION = Columns(
    ConnectionRow(
        id=of(Connection.id),
        name=of(Connection.name),
        side=of(Connection.side),
        connector=of(Connection.connector),
        settings=of(Connection.settings),
        paused_at=of(Connection.paused_at),
        paused_by=of(Person.name),
        pause_reason=of(Connection.pause_reason),
        pause_until=of(Connection.pause_until),
        restored_at=of(Connection.restored_at),
        key_tail=of(ConnectionKey.tail),
        key_made_at=of(ConnectionKey.made_at),
        untested_since=of(Connection.untested_since),
        tested_at=of(Connection.tested_at),
        test_steps=of(Connection.test_steps),
    ),
    {
        "paused_by": "person.name",
        "key_tail": "connection_key.tail",
        "key_made_at": "connection_key.made_at",
    },
)


@dataclass(frozen=True, slots=True)
class Queued:
    """One document that waits to be sent, with its record."""

    number: str
    doc_type: str
    party: str
    amount: int | None
    currency: str
    due_at: datetime
    source: str
    kind: str
    external_id: str


QUEUED = Columns(
    Queued(
        number=of(Posting.number),
        doc_type=of(Posting.doc_type),
        party=of(Posting.party),
        amount=of(Posting.amount),
        currency=of(Posting.currency),
        due_at=known(Posting.due_at),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
    ),
    {"source": "connection.name", "kind": "record.type"},
)


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """When one kind of master data was checked and changed."""

    kind: str
    checked_at: datetime
    changed_at: datetime


SNAPSHOT = Columns(
    SnapshotRow(
        kind=of(Snapshot.kind),
        checked_at=of(Snapshot.checked_at),
        changed_at=of(Snapshot.changed_at),
    ),
)


@dataclass(frozen=True, slots=True)
class LastDelivery:
    """The newest delivery of a source."""

    received_at: datetime
    times: int
    kind: str
    deliveries: int


@dataclass(frozen=True, slots=True)
class ConnectionEvent:
    """One event of a connection."""

    at: datetime
    actor: str
    act: str
    say: str


def list_connections(session: Session, company_id: int) -> tuple[ConnectionRow, ...]:
    """Return all connections, targets first."""
    rows = session.execute(_ALL, {"whose": company_id}, execution_options=KEPT)
    return CONNECTION.each(rows)


def find_connection(
    session: Session, company_id: int, name: str, side: ConnectionSide | None = None
) -> ConnectionRow | None:
    """Return the connection of this name and side, or None."""
    parameters = {"company": company_id, "name": name, "side": side}
    return CONNECTION.first(
        session.execute(_ONE_OF_SIDE if side else _ONE, parameters, execution_options=KEPT)
    )


def list_queued(session: Session, connection_id: int, limit: int = 10) -> tuple[Queued, ...]:
    """Return what waits to be sent, in order. Documents of daily routes wait for their run."""
    rows = session.execute(
        QUEUED.select()
        .join(Record, Record.id == Posting.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(Posting.connection_id == connection_id, Posting.state == PostingState.READY)
        .where(Posting.due_at.is_not(None), Posting.lease_until.is_(None))
        .order_by(Posting.due_at, Posting.id)
        .limit(limit),
        execution_options=KEPT,
    )
    return QUEUED.each(rows)


def list_snapshots(session: Session, connection_id: int) -> tuple[SnapshotRow, ...]:
    """Return when each kind of master data was checked."""
    rows = session.execute(
        SNAPSHOT.select()
        .where(Snapshot.connection_id == connection_id, Snapshot.kind != RATE)  # people said it
        .order_by(Snapshot.kind),
        execution_options=KEPT,
    )
    return SNAPSHOT.each(rows)


def with_last_deliveries(
    session: Session, sources: Sequence[ConnectionRow]
) -> list[tuple[ConnectionRow, LastDelivery | None]]:
    """Return sources with their newest delivery and delivery count."""
    return [(row, _load_last_delivery(session, row.id)) for row in sources]


def _load_last_delivery(session: Session, source_id: int) -> LastDelivery | None:
    of_source = Delivery.source_id == source_id
    count = select(func.count()).select_from(Delivery).where(of_source).scalar_subquery()
    newest = select(Delivery.received_at, Delivery.times, Delivery.kind, count.label("deliveries"))
    row = session.execute(newest.where(of_source).order_by(Delivery.id.desc()).limit(1)).first()
    if row is None:
        return None
    return LastDelivery(
        received_at=row.received_at,
        times=row.times,
        kind=row.kind,
        deliveries=row.deliveries,
    )


def list_events(
    session: Session, company_id: int, connection_id: int, limit: int = 8
) -> tuple[ConnectionEvent, ...]:
    """Return the latest events of a connection."""
    rows = session.execute(
        select(Event.at, Event.actor, Event.act, Event.body)
        .where(Event.company_id == company_id, Event.object == f"connection:{connection_id}")
        .where(Event.record_id.is_(None))  # told, so that those of records are not gone through
        .order_by(Event.at.desc(), Event.id.desc())
        .limit(limit),
        execution_options=KEPT,
    )
    return tuple(
        ConnectionEvent(
            at=row.at,
            actor=shown_actor(row.actor, row.body),
            act=row.act,
            say=str(row.body.get("say", row.act)),
        )
        for row in rows
    )


def _columns() -> Select[Any]:
    return (
        CONNECTION.select(Connection)  # whole too: asked for by its id later, it is there
        .outerjoin(Person, Person.id == Connection.paused_by_id)
        .outerjoin(ConnectionKey, ConnectionKey.id == Connection.key_id)
    )


_ONE = _columns().where(
    Connection.company_id == bindparam("company"), Connection.name == bindparam("name")
)

_ONE_OF_SIDE = _ONE.where(Connection.side == bindparam("side"))

_ALL = _columns().where(Connection.company_id == bindparam("whose", type_=BigInteger))

_ALL = _ALL.order_by(Connection.side.desc(), Connection.name)

"""These stand ready, since each webhook asks: to make one costs as much as its answer."""
