"""Replace the key of a connection: store the new key, test it, and switch over.

Keys that renew themselves are in holding/connections/channel.py.
"""

from collections.abc import Mapping
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
from holding.connections.channel import Asks, asked, keep_report, own_settings
from holding.connections.connections import KEEP_OLD, KeySet, bound, keep_key, permitted, tell
from holding.connections.master_data import keep_snapshot
from holding.db.bulk import Columns, of
from holding.db.database import Database
from holding.db.models import Connection, ConnectionKey, Person
from holding.db.models.columns import KeyState
from holding.db.refusal import Refusal
from holding.platform.settings import Settings


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as its page shows it: never more than its tail."""

    no: int
    tail: str
    state: KeyState
    made_at: datetime
    made_by: str | None
    keep_until: datetime | None

    @property
    def in_use(self) -> bool:
        """Whether calls are made, or deliveries proved, with it first."""
        return self.state == KeyState.ACTIVE

    @property
    def waits(self) -> bool:
        """Whether its test has not passed yet."""
        return self.state == KeyState.NEW

    @property
    def honoured(self) -> bool:
        """Whether it is taken beside the one in use, until its time is over."""
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


def listing(session: Session, connection_id: int) -> tuple[KeyRow, ...]:
    """The keys of a connection, the newest first."""
    rows = session.execute(
        KEY_ROW.select()
        .outerjoin(Person, Person.id == ConnectionKey.made_by_id)
        .where(ConnectionKey.connection_id == connection_id)
        .order_by(ConnectionKey.no.desc())
    )
    return KEY_ROW.each(rows)


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether people have allowed a target on its own pages, which the button calls `system`."""

    system: str
    has_secret: bool
    connected: bool


def authorizing(connector: str) -> Authorizing | None:
    """The target that people allow on its own pages; None for every other connector."""
    target = registry.targets().get(connector)
    return target if isinstance(target, Authorizing) else None


def is_half(connector: str, secret: str) -> bool:
    """Whether a key is the app's own secret alone, for which nobody has given permission yet."""
    target = authorizing(connector)
    return target is not None and target.lacks_permission(secret)


def first_key(
    session: Session, actor: Actor, connection_id: int, secret: str, *, now: datetime
) -> KeySet | Refusal:
    """Store the first key of a connection and use it; the app's own secret alone waits for its
    permission, and is not needed any more beside a whole key.
    """
    connector = session.get_one(Connection, connection_id).connector
    if is_half(connector, secret):
        return add_key(session, actor, connection_id, secret, now=now)
    kept = connections.set_key(session, actor, connection_id, secret, now=now)
    if isinstance(kept, KeySet) and authorizing(connector):
        _forget_new(session, connection_id)
    return kept


def permission_of(session: Session, connector: str, connection_id: int) -> Permission | None:
    """How a target stands that people allow on its own pages; None for every other."""
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
    """The app's own secret: that of the newest key that is in use or waits to be."""
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
        if target is not None and (own := target.app_secret(text)):
            return own
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
    """Store another key of a target beside the one in use; it is used when its test has passed.

    One that waits for its test already is replaced: it was never used.
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
    what = "a key that waits for its permission" if is_half(connection.connector, secret) else ""
    then = "Nothing is called with it." if what else "It is tested first."
    words = f"{connection.name} was given {what or 'another key'}, which ends in {row.tail}. {then}"
    tell(session, connection, actor, now, "connection.key_added", words)
    return KeySet(row.no, row.tail, trimmed=secret.strip() != secret)


def try_key(
    database: Database,
    clock: Clock,
    connection_id: int,
    actor: Actor,
    *,
    http: Http,
    keys: Keys | None = None,
    asks: Asks = asked,
) -> ConnectionReport | Refusal:
    """Test the new key; when the test passes, it takes the place of the one in use at once.

    Calls under way end with the key that they began with. The old key is disabled and kept.
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
        still = _waiting(session, connection_id)
        if still is None or still.id != row.id or connection.lock != lock:
            words = f"The key or the settings of {connection.name} were changed meanwhile."
            return Refusal("key.changed", words, "Look at the connection, and test again.")
        if renewed != secret:
            still.secret = box.encrypt(renewed, row=bound(connection, still.no))
        if not report.ok:
            words = f"The new key of {connection.name} did not pass its test. It is not used."
            failed = [f"{one.name}: {one.words}" for one in report.steps if one.ok is False]
            said = " ".join([words, *failed])
            tell(session, connection, actor, now, "connection.key_failed", said)
            return report
        _change_over(session, actor, connection, still, now)
        if report.snapshot is not None:
            keep_snapshot(session, connection, report.snapshot, person=actor.person_id, now=now)
        keep_report(session, connection, report, now, asked=True)
        connections.trust_again(session, connection, now)
    return report


def delete_key(
    session: Session, actor: Actor, connection_id: int, no: int, *, now: datetime
) -> Refusal | None:
    """Delete a key for good: one that was never used at once, an old one a week after its end."""
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
    tell(session, connection, actor, now, "connection.key_deleted", words)
    return None


def _forget_new(session: Session, connection_id: int) -> None:
    """Delete the key that waits for its test: it was never used."""
    session.execute(
        delete(ConnectionKey).where(
            ConnectionKey.connection_id == connection_id, ConnectionKey.state == KeyState.NEW
        )
    )


def _waiting(session: Session, connection_id: int) -> ConnectionKey | None:
    query = select(ConnectionKey).where(ConnectionKey.connection_id == connection_id)
    return session.scalars(query.where(ConnectionKey.state == KeyState.NEW)).one_or_none()


def _renewed(target: Target, settings: Mapping[str, object], secret: str, http: Http) -> str:
    """The secret as it can be used now: some have to be exchanged before their first call."""
    if not isinstance(target, Renewing) or not target.is_due(secret, http.now()):
        return secret
    told = target.renew(settings, secret, http)
    return told.secret if told.kind == "renewed" else secret


def _change_over(
    session: Session, actor: Actor, connection: Connection, row: ConnectionKey, now: datetime
) -> None:
    session.execute(
        update(ConnectionKey)
        .where(ConnectionKey.connection_id == connection.id, ConnectionKey.state == KeyState.ACTIVE)
        .values(state=KeyState.DISABLED, keep_until=now + KEEP_OLD)
    )
    row.state = KeyState.ACTIVE
    connection.key_id = row.id
    connection.lock += 1
    words = (
        f"The key of {connection.name} that ends in {row.tail} passed its test and is in use now."
    )
    words += f" The one before it is disabled, and kept for {KEEP_OLD.days} days."
    tell(session, connection, actor, now, "connection.key", words)
