"""The connection test that a person asks for: of a source, and of a target as a whole.

Here: asking a source with what the connection is set to, and keeping what it said; of a target,
which document types the rules post there, and whether calls are left to try each. Not here: the
steps (each connector), the usual test of a target (holding/connections/probe.py).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ConnectionReport, ConnectionSide, Step, Target
from connectors.contract.calls import NOT_RUN
from connectors.contract.sources import Testable
from connectors.contract.targets import TestedWhole
from connectors.transport.clock import Clock
from connectors.transport.http import Http
from holding.access.actors import Actor
from holding.access.secrets import Keys
from holding.connections import breaker, limits, probe, pull_settings
from holding.connections.channel import calls_a_minute
from holding.connections.key_renewal import renew, with_renewal
from holding.connections.setup import permitted, secret_of, tell
from holding.intake.source_zone import zone_of_source
from holding.programs.world import program, target_connections
from holding.refusal import Refusal
from holding.store.database import Database
from holding.tables import Company, Connection


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
        asks = probe.asked if refusal else asks_for(database, clock, connection_id)
        return probe.test_connection(
            database, clock, connection_id, actor, http=http, keys=keys, asks=asks
        )
    if refusal:
        return refusal
    renewed = renew(database, clock, connection_id, http=http, keys=keys)
    with database.read() as session:
        secret = secret_of(session, session.get_one(Connection, connection_id), keys)
    if isinstance(secret, Refusal):
        return secret
    told = source.test(connection.settings, secret, zone, http)
    report = probe.with_outgoing(with_renewal(told, renewed))
    with database.write() as session:
        _keep(session, connection_id, actor, report, clock)
    return report


def asks_for(database: Database, clock: Clock, connection_id: int) -> probe.Asks:
    """How a person has a target asked: also for each document type that the rules post there. The
    calls that this takes more are spent now, and where documents need them, they are not made.
    """
    with database.write() as session:
        connection = session.get_one(Connection, connection_id)
        target = registry.targets().get(connection.connector)
        if target is None or not isinstance(target, TestedWhole):
            return probe.asked
        documents = _posted(session, connection)
        if not documents:
            return probe.asked
        more = target.more_calls(documents)
        if not _spent(session, connection, target, more, clock.now()):
            return _asked_later
    return partial(_asked_whole, documents)


def _posted(session: Session, connection: Connection) -> frozenset[str]:
    """The document types that the rules in force post to a target."""
    company = session.get_one(Company, connection.company_id)
    if company.ruleset_version_id is None:
        return frozenset()
    known = target_connections(session, company.id)
    mine = {word for word, row in known.items() if row.id == connection.id}
    posts = program(session, company.ruleset_version_id).ruleset.posts
    return frozenset(post.route.document for post in posts if post.route.target in mine)


def _spent(
    session: Session, connection: Connection, target: Target, calls: int, now: datetime
) -> bool:
    """Whether so many calls are left of what the target takes; they are spent then."""
    per_minute = calls_a_minute(target, connection.settings, 1.0)
    if per_minute is None or not calls:
        return True
    row = breaker.locked(session, connection.id)
    if row.filled_at is not None and row.filled_at > now:  # it asked us to wait
        return False
    limits.fill(row, per_minute, calls, now)
    if row.tokens < calls:
        return False
    row.tokens -= calls
    return True


def _asked_whole(
    documents: frozenset[str],
    target: Target,
    settings: Mapping[str, object],
    secret: str,
    http: Http,
) -> ConnectionReport:
    if not isinstance(target, TestedWhole):
        return probe.asked(target, settings, secret, http)
    return probe.with_outgoing(target.test_whole(documents, settings, secret, http))


def _asked_later(
    target: Target, settings: Mapping[str, object], secret: str, http: Http
) -> ConnectionReport:
    """The usual test, and that the rest was not tried."""
    report = probe.asked(target, settings, secret, http)
    words = "Not tried: the calls of this minute are needed for documents."
    later = Step("Each document type", None, words, "Test again in a minute.", NOT_RUN)
    return replace(report, steps=(*report.steps, later))


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
