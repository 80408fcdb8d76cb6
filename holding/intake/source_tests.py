"""The connection test of a source, where its connector has one.

Here: asking it with what the connection is set to, and keeping what it said. Not here: the steps
(each connector), the test of a target (holding/connections/probe.py).
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ConnectionReport, ConnectionSide
from connectors.contract.sources import Testable
from connectors.transport.clock import Clock
from connectors.transport.http import Http
from holding.access.actors import Actor
from holding.access.secrets import Keys
from holding.connections import probe, pull_settings
from holding.connections.key_renewal import renew
from holding.connections.setup import permitted, secret_of, tell
from holding.intake.source_zone import zone_of_source
from holding.refusal import Refusal
from holding.store.database import Database
from holding.tables import Connection


def has_test(side: ConnectionSide, connector: str) -> bool:
    """Whether connections of a connector may have a test."""
    return side == "target" or isinstance(registry.sources().get(connector), Testable)


def is_testable(side: ConnectionSide, connector: str, settings: Mapping[str, Any]) -> bool:
    """Whether a connection has a test: each target, and a source that says where it is asked."""
    asked = side == "target" or bool(str(settings.get(pull_settings.ADDRESS) or "").strip())
    return asked and has_test(side, connector)


def is_called(side: ConnectionSide, connector: str) -> bool:
    """Whether others bring it something: webhooks or files; else it is only asked."""
    source = registry.sources().get(connector)
    return side == "source" and source is not None and bool(source.headers or source.suffixes)


def tested(
    database: Database,
    clock: Clock,
    connection_id: int,
    actor: Actor,
    *,
    http: Http,
    keys: Keys | None = None,  # noqa: PT028 - a connection is tested here
) -> ConnectionReport | Refusal:
    """Try a connection of either side without changing anything there."""
    with database.read() as session:
        connection = session.get_one(Connection, connection_id)
        source = registry.sources().get(connection.connector)
        refusal = permitted(actor, "connection.admin", connection.company_id)
        of_target = connection.side == "target"
        refusal = refusal or _unasked(connection)
        zone = None if of_target else zone_of_source(session, connection_id)
    if zone is None or not isinstance(source, Testable):
        return probe.test_connection(database, clock, connection_id, actor, http=http, keys=keys)
    if refusal:
        return refusal
    renewed = renew(database, clock, connection_id, http=http, keys=keys)
    with database.read() as session:
        secret = secret_of(session, session.get_one(Connection, connection_id), keys)
    if isinstance(secret, Refusal):
        return secret
    told = source.test(connection.settings, secret, zone, http)
    report = probe.with_outgoing(probe.with_renewal(told, renewed))
    with database.write() as session:
        _keep(session, connection_id, actor, report, clock)
    return report


def _unasked(connection: Connection) -> Refusal | None:
    """Why a source is not tested that only waits for webhooks."""
    if is_testable(connection.side, connection.connector, connection.settings):
        return None
    words = f"{connection.name} is not asked: it waits for what is sent to it."
    return Refusal(
        "connection.unasked", words, "Enter its address under Settings to have it asked."
    )


def _keep(
    session: Session, connection_id: int, actor: Actor, report: ConnectionReport, clock: Clock
) -> None:
    connection, now = session.get_one(Connection, connection_id), clock.now()
    probe.keep_report(session, connection, report, now, asked=True)
    tell(session, connection, actor, now, "connection.tested", probe.outcome(connection, report))
