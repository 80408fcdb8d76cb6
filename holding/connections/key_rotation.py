"""Replace the key of a connection: store the new key, test it, and switch over.

Keys that renew themselves are in holding/connections/channel.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ConnectionReport, Target
from connectors.contract.targets import Authorizing, Renewing
from connectors.transport.http import Clock, Http
from holding.access.actors import Actor, Keys, key_fault, load_keys
from holding.connections import connections
from holding.connections.channel import Asks, keep_report, own_settings, run_test
from holding.connections.connections import (
    KEEP_OLD,
    KeySet,
    bound,
    forget_copies,
    keep_key,
    log_connection_event,
    permitted,
)
from holding.connections.master_data import keep_snapshot
from holding.db.bulk import Columns, of
from holding.db.database import Database
from holding.db.models import Connection, ConnectionKey, Person
from holding.db.models.columns import KeyState
from holding.db.refusal import Refusal
from holding.platform.settings import Settings


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key for its page, with only its tail."""

    no: int
    tail: str
    state: KeyState
    made_at: datetime
    made_by: str | None
    keep_until: datetime | None

    @property
    def in_use(self) -> bool:
        """Return whether this is the active key."""
        return self.state == KeyState.ACTIVE

    @property
    def waits(self) -> bool:
        """Return whether its test has not passed yet."""
        return self.state == KeyState.NEW

    @property
    def honoured(self) -> bool:
        """Return whether this old key is still accepted."""
        return self.state == KeyState.OLD


KEY_ROW = Columns(
    KeyRow(
        no=of(ConnectionKey.no),
        tail=of(ConnectionKey.tail),
        state=of(ConnectionKey.state),
        made_at=of(ConnectionKey.made_at),
        made_by=of(Person.name),
        keep_until=of(ConnectionKey.keep_until),
    ),
    {"made_by": "person.name"},
)


def list_keys(session: Session, connection_id: int) -> tuple[KeyRow, ...]:
    """Return the keys of a connection, newest first."""
    rows = session.execute(
        KEY_ROW.select()
        .outerjoin(Person, Person.id == ConnectionKey.made_by_id)
        .where(ConnectionKey.connection_id == connection_id)
        .order_by(ConnectionKey.no.desc())
    )
    return KEY_ROW.each(rows)


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether people permitted a target on its own pages. `system` is the button's label."""

    system: str
    has_secret: bool
    connected: bool


def authorizing(connector: str) -> Authorizing | None:
    """Return the target if people permit it on its own pages, else None."""
    target = registry.targets().get(connector)
    return target if isinstance(target, Authorizing) else None


def is_half(connector: str, secret: str) -> bool:
    """Check whether a key is only the app's secret, without permission yet."""
    target = authorizing(connector)
    return target is not None and target.lacks_permission(secret)


def first_key(
    session: Session, actor: Actor, connection_id: int, secret: str, *, now: datetime
) -> KeySet | Refusal:
    """Store and use the first key of a connection.

    The app's secret alone waits for its permission. It is deleted when a whole key is given.
    """
    connector = session.get_one(Connection, connection_id).connector
    if is_half(connector, secret):
        return add_key(session, actor, connection_id, secret, now=now)
    result = connections.set_key(session, actor, connection_id, secret, now=now)
    if isinstance(result, KeySet) and authorizing(connector):
        _forget_new(session, connection_id)
    return result


def has_usable_key(session: Session, connection_id: int) -> bool:
    """Check whether a connection has a key in use, or one that waits for its permission or test."""
    query = select(ConnectionKey.id).where(
        ConnectionKey.connection_id == connection_id,
        ConnectionKey.state.in_((KeyState.ACTIVE, KeyState.NEW)),
    )
    return session.scalar(query.limit(1)) is not None


def permission_of(session: Session, connector: str, connection_id: int) -> Permission | None:
    """Return the permission state of a target, or None for other connectors."""
    target = authorizing(connector)
    if target is None:
        return None
    query = select(ConnectionKey.state).where(
        ConnectionKey.connection_id == connection_id,
        ConnectionKey.state.in_((KeyState.ACTIVE, KeyState.NEW)),
    )
    states = set(session.scalars(query))
    return Permission(target.authorizes, bool(states), KeyState.ACTIVE in states)


def app_secret(session: Session, connection: Connection, keys: Keys | None) -> str | Refusal:
    """Return the app's secret from the newest active or new key."""
    box, target = keys or load_keys(Settings.from_env()), authorizing(connection.connector)
    if isinstance(box, Refusal):
        return box
    query = (
        select(ConnectionKey)
        .where(ConnectionKey.connection_id == connection.id)
        .where(ConnectionKey.state.in_((KeyState.ACTIVE, KeyState.NEW)))
        .order_by(ConnectionKey.no.desc())
    )
    for row in session.scalars(query):
        text = box.decrypt(row.secret, row=bound(connection, row.no))
        if isinstance(text, Refusal):
            return text
        if target is not None and (secret := target.app_secret(text)):
            return secret
    words = f"You cannot connect {connection.name} yet, because its client secret is not stored."
    return Refusal("authorization.no_secret", words, "Paste the client secret under Key first.")


def add_key(
    session: Session,
    actor: Actor,
    connection_id: int,
    secret: str,
    *,
    now: datetime,
    keys: Keys | None = None,
) -> KeySet | Refusal:
    """Store another key beside the active one; it is used when its test passes.

    It replaces a key that was still waiting for its test.
    """
    connection = session.get_one(Connection, connection_id)
    refusal = permitted(actor, "connection.admin", connection.company_id) or key_fault(secret)
    if refusal:
        return refusal
    box = keys or load_keys(Settings.from_env())
    if isinstance(box, Refusal):
        return box
    _forget_new(session, connection.id)
    row = keep_key(session, connection, actor, secret, KeyState.NEW, now, box)
    description = (
        "a key that waits for its permission" if is_half(connection.connector, secret) else ""
    )
    next_step = "Nothing is called with it." if description else "It is tested first."
    words = (
        f"{connection.name} was given {description or 'another key'}, which ends in {row.tail}."
        f" {next_step}"
    )
    log_connection_event(session, connection, actor, now, "connection.key_added", words)
    return KeySet(row.no, row.tail, trimmed=secret.strip() != secret)


def try_key(
    database: Database,
    clock: Clock,
    connection_id: int,
    actor: Actor,
    *,
    http: Http,
    keys: Keys | None = None,
    asks: Asks = run_test,
) -> ConnectionReport | Refusal:
    """Test the new key and make it active if the test passes.

    Calls in flight finish with the old key, which is disabled and kept.
    """
    box = keys or load_keys(Settings.from_env())
    if isinstance(box, Refusal):
        return box
    with database.read() as session:
        connection = session.get_one(Connection, connection_id)
        if refusal := permitted(actor, "connection.admin", connection.company_id):
            return refusal
        target = registry.targets().get(connection.connector)
        row = _waiting(session, connection_id)
        settings = own_settings(session, connection)
        lock = connection.lock
        secret = box.decrypt(row.secret, row=bound(connection, row.no)) if row else ""
    if isinstance(secret, Refusal):
        return secret
    if target is None or row is None:
        words = f"{connection.name} has no new key that waits for its test."
        return Refusal("key.none_new", words, "Paste the new key first.", 404)
    renewed = _renewed(target, settings, secret, http)
    report = asks(target, settings, renewed, http)
    with database.write() as session:
        connection, now = session.get_one(Connection, connection_id), clock.now()
        current_row = _waiting(session, connection_id)
        if current_row is None or current_row.id != row.id or connection.lock != lock:
            words = f"The key or the settings of {connection.name} were changed meanwhile."
            return Refusal("key.changed", words, "Look at the connection, and test again.")
        if renewed != secret:
            current_row.secret = box.encrypt(renewed, row=bound(connection, current_row.no))
        if not report.ok:
            words = f"The new key of {connection.name} did not pass its test. It is not used."
            failed = [f"{step.name}: {step.words}" for step in report.steps if step.ok is False]
            message = " ".join([words, *failed])
            log_connection_event(session, connection, actor, now, "connection.key_failed", message)
            return report
        replaced = _change_over(session, connection, current_row, now)
        forget_copies(session, connection, current_row, renewed, box)
        _log_change(session, actor, connection, current_row, replaced, now)
        if report.snapshot is not None:
            keep_snapshot(session, connection, report.snapshot, person=actor.person_id, now=now)
        keep_report(session, connection, report, now, requested=True)
        connections.trust_again(session, connection, now)
    return report


def delete_key(
    session: Session, actor: Actor, connection_id: int, no: int, *, now: datetime
) -> Refusal | None:
    """Delete a key: a new one at once, an old one a week after its end."""
    connection = session.get_one(Connection, connection_id)
    if refusal := permitted(actor, "connection.admin", connection.company_id):
        return refusal
    query = select(ConnectionKey).where(ConnectionKey.connection_id == connection.id)
    row = session.scalars(query.where(ConnectionKey.no == no)).one_or_none()
    if row is None:
        return Refusal("key.unknown", "There is no such key.", "Load the page again.", 404)
    if row.state == KeyState.ACTIVE:
        words = f"You cannot delete the key that ends in {row.tail}, because it is in use."
        return Refusal("key.in_use", words, "Give the connection another key first.")
    if row.state != KeyState.NEW and row.keep_until is not None and row.keep_until > now:
        words = (
            f"You cannot delete the key that ends in {row.tail} yet, because it was replaced less"
        )
        hint = f"It can be deleted from {row.keep_until:%Y-%m-%d %H:%M} UTC on."
        return Refusal("key.kept", f"{words} than {KEEP_OLD.days} days ago.", hint)
    session.delete(row)
    words = f"The key of {connection.name} that ended in {row.tail} was deleted."
    log_connection_event(session, connection, actor, now, "connection.key_deleted", words)
    return None


def _forget_new(session: Session, connection_id: int) -> None:
    """Delete the key that waits for its test."""
    session.execute(
        delete(ConnectionKey).where(
            ConnectionKey.connection_id == connection_id, ConnectionKey.state == KeyState.NEW
        )
    )


def _waiting(session: Session, connection_id: int) -> ConnectionKey | None:
    query = select(ConnectionKey).where(ConnectionKey.connection_id == connection_id)
    return session.scalars(query.where(ConnectionKey.state == KeyState.NEW)).one_or_none()


def _renewed(target: Target, settings: Mapping[str, object], secret: str, http: Http) -> str:
    """Return the secret, renewed if it must be exchanged before its first call."""
    if not isinstance(target, Renewing) or not target.is_due(secret, http.now()):
        return secret
    renewal = target.renew(settings, secret, http)
    return renewal.secret if renewal.kind == "renewed" else secret


def _change_over(
    session: Session, connection: Connection, row: ConnectionKey, now: datetime
) -> Sequence[int]:
    """Use this key from now on; return the ids of the keys that it replaced."""
    replaced = session.scalars(
        update(ConnectionKey)
        .where(ConnectionKey.connection_id == connection.id, ConnectionKey.state == KeyState.ACTIVE)
        .values(state=KeyState.DISABLED, keep_until=now + KEEP_OLD)
        .returning(ConnectionKey.id)
    ).all()
    row.state = KeyState.ACTIVE
    connection.key_id = row.id
    connection.lock += 1
    return replaced


def _log_change(
    session: Session,
    actor: Actor,
    connection: Connection,
    row: ConnectionKey,
    replaced: Sequence[int],
    now: datetime,
) -> None:
    """Log the key that is in use now. If an equal key was stored again, no earlier key is
    mentioned.
    """
    words = (
        f"The key of {connection.name} that ends in {row.tail} passed its test and is in use now."
    )
    earlier_keys = select(ConnectionKey.id).where(ConnectionKey.id.in_(replaced))
    if session.scalar(earlier_keys.limit(1)) is not None:
        words += f" The one before it is disabled, and kept for {KEEP_OLD.days} days."
    log_connection_event(session, connection, actor, now, "connection.key", words)
