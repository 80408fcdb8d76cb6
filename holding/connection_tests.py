"""Trying a target without writing there, and what is kept of that.

Here: the test, asked for or made by itself, and which targets are due for one. Not here: what it
teaches us of the target (holding/snapshots.py), the call itself (connectors).
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.kit.clock import Clock
from connectors.kit.contract import ConnectionReport, Step
from connectors.kit.http import Http
from connectors.kit.standing import TellsItems
from holding import items
from holding.connections import permitted, secret_of, tell, trust_again
from holding.database import Database
from holding.models import Connection, Snapshot, Throttle
from holding.models.base import NOW
from holding.pushing import breaker
from holding.refusal import Refusal
from holding.renewal import renew
from holding.roles import Actor
from holding.secrets import Keys
from holding.snapshots import keep_snapshot


def test_connection(
    database: Database,
    clock: Clock,
    connection_id: int,
    actor: Actor,
    *,
    http: Http,
    keys: Keys | None = None,  # noqa: PT028 - a connection is tested here
) -> ConnectionReport | Refusal:
    """Try a target without writing there; what it tells us becomes the newest snapshot.

    The system's own refreshes leave an event only when something changed or failed.
    """
    with database.read() as session:
        connection = session.get_one(Connection, connection_id)
        if refusal := permitted(actor, "connection.admin", connection.company_id):
            return refusal
        target = registry.targets().get(connection.connector)
        doubted = actor.person_id is not None or breaker.refused(session, connection_id)
    told = renew(database, clock, connection_id, http=http, keys=keys, at_once=doubted)
    with database.read() as session:
        secret = secret_of(session, connection, keys)
    if isinstance(secret, Refusal) or target is None:
        words = f"{connection.name} is no target: it cannot be tested."
        return secret if isinstance(secret, Refusal) else Refusal("connection.side", words)
    report = target.test(connection.settings, secret, http)
    if told is not None and told.kind == "refused":  # what it has may still be good for minutes
        first = Step("The key can be renewed", ok=False, words=told.words)
        report = replace(report, steps=(first, *report.steps))
    if report.snapshot is not None and isinstance(target, TellsItems):
        report = _with_items(database, clock, connection, target, report, secret, http)
    with database.write() as session:
        connection, now = session.get_one(Connection, connection_id), clock.now()
        changed = report.snapshot is not None and keep_snapshot(
            session, connection, report.snapshot, person=actor.person_id, now=now
        )
        known = breaker.in_doubt(session, connection_id)  # that it is away was told already
        if report.ok and (known or actor.person_id is not None):
            trust_again(session, connection, now, surely=actor.person_id is not None)
        if changed or not (report.ok or known) or actor.person_id is not None:
            words = _outcome(connection, report)
            tell(session, connection, actor, now, "connection.tested", words)
    return report


def _with_items(
    database: Database,
    clock: Clock,
    connection: Connection,
    target: TellsItems,
    report: ConnectionReport,
    secret: str,
    http: Http,
) -> ConnectionReport:
    """The report with how the target counts items: those it told of before, and those asked now."""
    if report.snapshot is None:
        return report
    with database.write() as session:
        have = items.known(session, connection.id)
        asked = items.wanted(
            session,
            connection.id,
            target.documents,
            have,
            most=target.items_at_once,
            now=clock.now(),
        )
        if asked and target.pace.per_minute is not None:  # what is to be sent waits for these calls
            breaker.locked(session, connection.id).tokens -= len(asked)
    told = target.items(asked, connection.settings, secret, http) if asked else {}
    return replace(report, snapshot=replace(report.snapshot, items={**have, **told}))


def to_refresh(session: Session, now: datetime) -> tuple[int, ...]:
    """Targets with a key whose master data was not looked at for a quarter of an hour."""
    return tuple(session.scalars(_TO_REFRESH, {"now": now}))


_FRESH = exists().where(Snapshot.connection_id == Connection.id, Snapshot.due_at > NOW)
_AWAY = exists().where(  # the breaker asks by itself
    Throttle.connection_id == Connection.id,
    Throttle.breaker != "closed",
    Throttle.open_until.is_not(None),
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


def _outcome(connection: Connection, report: ConnectionReport) -> str:
    failed = [f"{step.name}: {step.words}" for step in report.steps if step.ok is False]
    if failed:
        return f"The test of {connection.name} failed. {' '.join(failed)}"
    return f"The test of {connection.name} passed."
