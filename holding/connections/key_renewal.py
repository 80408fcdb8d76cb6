"""Keys that run out: exchanged in time by one process, the new one stored before anybody uses it.

Here: the exchange and its end, for targets and for sources that are asked. Not here: how one does
it (connectors/contract/targets.py), and keys that people give (holding/connections/setup.py).

An exchange whose answer never came may have used the old key up. It is asked for again with the old
one, which some targets still take. Where it is refused, so is our key: nothing goes out any more
until a person gives another one, or a test passes.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ConnectionReport, Step
from connectors.contract.targets import Renewed, Renewing
from connectors.transport.clock import Clock
from connectors.transport.http import Http
from holding.access.actors import SYSTEM, Keys, load_keys
from holding.connections import breaker
from holding.connections.setup import bound, secret_of, tell
from holding.db import leases
from holding.db.database import Database
from holding.db.models import Connection, ConnectionKey
from holding.db.models.columns import KeyState
from holding.db.refusal import Refusal
from holding.platform.settings import Settings

AT_MOST = timedelta(minutes=2)  # longer than a call may take
LOOK_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class _Key:
    """The stored key of a connection, and what exchanges it."""

    row_id: int
    system: Renewing
    connection: Connection
    secret: str


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
    """Exchange the key of a connection if it is due (or `at_once`), where its system needs that.

    None where nothing was exchanged here: it need not be, or another process is at it. So many
    seconds of `patience` are waited for that one: whoever tests a connection that a worker just
    began to use would else ask with a key that is no good yet.
    """
    name, owner = duty_of(connection_id), uuid.uuid4().hex
    with database.read() as session:
        before = _key(session, connection_id, keys)
    if before is None or not _wanted(before, clock, at_once=at_once):
        return None
    end = clock.monotonic() + patience
    while not _begun(database, clock, name, owner):
        if clock.monotonic() >= end:
            return None
        clock.sleep(LOOK_SECONDS)
    try:
        with database.read() as session:
            found = _key(session, connection_id, keys)  # another process may have been faster
        fresh = found is not None and found.secret != before.secret
        if found is None or not _wanted(found, clock, at_once=at_once and not fresh):
            return None
        told = found.system.renew(found.connection.settings, found.secret, http)
        _keep(database, clock, found, told, keys)
        return told
    finally:
        with database.write() as session:
            leases.leave(session, name, owner=owner)


def _begun(database: Database, clock: Clock, name: str, owner: str) -> bool:
    with database.write() as session:
        now = clock.now()
        return leases.take(session, name, owner=owner, until=now + AT_MOST, now=now)


def duty_of(connection_id: int) -> str:
    """The name of the lease under which a key is exchanged, or taken out of use."""
    return f"renewal:{connection_id}"


def _wanted(found: _Key | None, clock: Clock, *, at_once: bool) -> bool:
    return found is not None and (at_once or found.system.is_due(found.secret, clock.now()))


def _key(session: Session, connection_id: int, keys: Keys | None) -> _Key | None:
    connection = session.get_one(Connection, connection_id)
    known = registry.sources() if connection.side == "source" else registry.targets()
    system = known.get(connection.connector)
    if not isinstance(system, Renewing):
        return None
    query = select(ConnectionKey.id).where(
        ConnectionKey.connection_id == connection_id, ConnectionKey.state == KeyState.ACTIVE
    )
    row_id, secret = session.scalar(query), secret_of(session, connection, keys)
    if row_id is None or isinstance(secret, Refusal):
        return None
    return _Key(row_id, system, connection, secret)


def _keep(database: Database, clock: Clock, found: _Key, told: Renewed, keys: Keys | None) -> None:
    """Store what came of it: the new key in the row of the old one, or why there is none."""
    box = keys or load_keys(Settings.from_env())
    with database.write() as session:
        now, connection = clock.now(), session.get_one(Connection, found.connection.id)
        if told.kind != "renewed" or isinstance(box, Refusal):
            if connection.side == "source":  # whoever reads it says why it cannot be read
                return
            if told.kind == "refused":
                news = breaker.shut(session, connection.id, now, found.row_id)
            else:
                news = not breaker.failing(session, connection.id)
            words = f"The key of {connection.name} could not be renewed. {told.words}"
            if news:
                tell(session, connection, SYSTEM, now, "connection.not_renewed", words)
            return
        row = session.get_one(ConnectionKey, found.row_id)
        session.execute(
            update(ConnectionKey)
            .where(ConnectionKey.id == row.id, ConnectionKey.state == KeyState.ACTIVE)
            .values(secret=box.encrypt(told.secret, row=bound(connection, row.no)))
        )


def with_renewal(report: ConnectionReport, told: Renewed | None) -> ConnectionReport:
    """The report with why its key was not exchanged: refused (what it has may still be good for
    minutes), or not answered, where that may be what the test failed of.
    """
    if told is None or told.kind == "renewed":
        return report
    if any(step.words == told.words for step in report.steps):
        return report
    if told.kind == "refused":
        usual = "Give the connection a new key, or allow it in the system once more."
        first = Step.failed("Key renewal", told.words, told.hint or usual, "key.renewal")
    elif report.reached and not report.ok:
        hint = "Compare the address for tokens of this connection, then test again."
        first = Step.failed("Key renewal", told.words, hint, "key.not_renewed")
    else:
        return report
    return replace(report, steps=(first, *report.steps))
