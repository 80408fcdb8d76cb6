"""Calls to a target that write nothing there: its test, and what is asked before sending.

Here: the test, on request or when it is due, and what is kept of it; asking again at once for codes
that somebody added there; whether a target that was away is back; a key that is valid, renewed
where it can be. Not here: the master data that a test reads (holding/connections/master_data.py),
what only a person's test tries (holding/intake/deliveries.py), the call itself (connectors).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Final

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ConnectionReport, Found, Target
from connectors.contract.calls import WHOLE_ONLY
from connectors.contract.master_lists import TellsItems
from connectors.contract.targets import Renewed, Renewing
from connectors.transport.clock import Clock
from connectors.transport.http import Http
from connectors.transport.recorded_sessions import Clocked
from holding.access.actors import SYSTEM, Actor, Keys, may
from holding.connections import breaker, master_data
from holding.connections.channel import Channel, Desk
from holding.connections.key_renewal import renew, with_renewal
from holding.connections.master_data import keep_snapshot
from holding.connections.own_settings import own_settings
from holding.connections.setup import permitted, secret_of, tell, trust_again
from holding.db.database import Database
from holding.db.models import Connection, ListReading, Snapshot, Throttle
from holding.db.models.columns import NOW, BreakerState
from holding.db.refusal import Refusal
from holding.platform.settings import Settings

Asks = Callable[[Target, Mapping[str, object], str, Http], ConnectionReport]
"""How a target is asked with settings and a secret."""
PATIENCE: Final = 20.0
"""Seconds that a test waits for who exchanges the key just now."""


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
    """Try a target without writing there; what it tells us becomes the newest snapshot.

    The system's own refreshes leave an event only when something changed or failed.
    """
    with database.read() as session:
        connection = session.get_one(Connection, connection_id)
        if refusal := permitted(actor, "connection.admin", connection.company_id):
            return refusal
        target = registry.targets().get(connection.connector)
        doubted = actor.person_id is not None or breaker.refused(session, connection_id)
    told = renew(
        database, clock, connection_id, http=http, keys=keys, at_once=doubted, patience=PATIENCE
    )
    with database.read() as session:
        secret = secret_of(session, connection, keys)
        settings = own_settings(session, connection)
    if isinstance(secret, Refusal) or target is None:
        words = f"You cannot test {connection.name}, because it sends its records itself."
        hint = "Its page shows the latest deliveries, and sends a test."
        return secret if isinstance(secret, Refusal) else Refusal("connection.side", words, hint)
    heard = Clocked(http)
    report = (asks or asked)(target, settings, secret, heard)
    report = with_renewal(report, told)
    if report.snapshot is not None and isinstance(target, TellsItems):
        report = _with_items(database, clock, connection, settings, target, report, secret, http)
    with database.write() as session:
        connection, now = session.get_one(Connection, connection_id), clock.now()
        changed = report.snapshot is not None and keep_snapshot(
            session, connection, report.snapshot, person=actor.person_id, now=now
        )
        known = breaker.in_doubt(session, connection_id)  # that it is away was told already
        keep_report(session, connection, report, now, asked=actor.person_id is not None)
        if heard.ahead is not None:
            breaker.note_clock(session, connection_id, heard.ahead, now)
        if report.ok and (known or actor.person_id is not None):
            trust_again(session, connection, now, surely=actor.person_id is not None)
        if changed or not (report.ok or known) or actor.person_id is not None:
            words = outcome(connection, report)
            tell(session, connection, actor, now, "connection.tested", words)
    return report


def asked(
    target: Target, settings: Mapping[str, object], secret: str, http: Http
) -> ConnectionReport:
    """The test with this secret, whether it is in use or not; it writes nothing anywhere. Where the
    way there is closed, it names the address that somebody there has to let in.
    """
    return with_outgoing(target.test(settings, secret, http))


def keep_report(
    session: Session,
    connection: Connection,
    report: ConnectionReport,
    now: datetime,
    *,
    asked: bool,
) -> None:
    """What the page shows of the last test; one of our own only where a step ended otherwise. One
    that passed lets a new connection send.
    """
    steps = [asdict(step) for step in report.steps]
    steps = steps if asked else _with_whole(connection.test_steps, steps)
    if asked or _ends(connection.test_steps) != _ends(steps):
        connection.tested_at, connection.test_steps = now, steps
    if report.ok and connection.untested_since is not None:
        connection.untested_since = None
        breaker.let_begin(session, connection.id)


def _with_whole(
    before: Sequence[Mapping[str, object]], steps: Sequence[dict[str, object]]
) -> list[dict[str, object]]:
    """These steps of a usual test, with what the last whole one found and they do not try: it
    stands until a person tests again.
    """
    found = {one.get("name"): dict(one) for one in before if one.get("code") in WHOLE_ONLY}
    return [one if one["ok"] is False else found.get(one["name"], one) for one in steps]


def _ends(steps: Sequence[Mapping[str, object]]) -> list[list[object]]:
    return [[step.get(part) for part in ("name", "ok", "code")] for step in steps]  # no words


def with_outgoing(report: ConnectionReport) -> ConnectionReport:
    """The report with the address that somebody there has to let in, where the way is closed."""
    ours = Settings.from_env().outgoing_address
    words = (
        f"Our outgoing address is {ours}."
        if ours
        else "Our outgoing address is not set here: who runs Clearpost's server knows it."
    )
    steps = tuple(
        replace(step, hint=f"{step.hint} {words}") if step.code.startswith("reach.") else step
        for step in report.steps
    )
    return replace(report, steps=steps)


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
    """The report with how the target counts items: those it told of before, and those asked now."""
    if report.snapshot is None:
        return report
    with database.write() as session:
        have = master_data.known(session, connection.id)
        asked = master_data.wanted(
            session,
            connection.id,
            target.documents,
            have,
            most=target.items_at_once,
            now=clock.now(),
        )
        if asked and target.pace.per_minute is not None:  # what is to be sent waits for these calls
            breaker.locked(session, connection.id).tokens -= len(asked)
    found = target.items(asked, settings, secret, http) if asked else {}
    told = {} if isinstance(found, Found) else found
    return replace(report, snapshot=replace(report.snapshot, items=told))


def to_refresh(session: Session, now: datetime) -> tuple[int, ...]:
    """Targets with a key whose master data was not looked at for a quarter of an hour."""
    return tuple(session.scalars(_TO_REFRESH, {"now": now}))


_FRESH = exists().where(Snapshot.connection_id == Connection.id, Snapshot.due_at > NOW)
_AWAY = exists().where(  # the breaker asks of its own accord
    Throttle.connection_id == Connection.id,
    Throttle.breaker != BreakerState.CLOSED,
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


def look_again(
    session: Session, actor: Actor, names: Collection[str], now: datetime
) -> tuple[str, ...] | Refusal:
    """Have these targets of the company asked at once; their names. One that is paused is not."""
    if refusal := may(actor, "mapping.fix"):
        return refusal
    query = (
        select(Connection)
        .where(Connection.company_id == actor.company_id, Connection.side == "target")
        .where(Connection.name.in_(names))
        .order_by(Connection.name)
    )
    found = session.scalars(query).all()
    if not found:
        return Refusal("connection.unknown", "There is no such accounting system.", status=404)
    asked = [one for one in found if one.paused_at is None]
    if not asked:
        paused = ", ".join(one.name for one in found)
        return Refusal("connection.paused", f"{paused} is paused.", "Ask an operator to resume it.")
    ids = [one.id for one in asked]
    for table in (Snapshot, ListReading):
        session.execute(update(table).where(table.connection_id.in_(ids)).values(due_at=now))
    for one in asked:
        words = f"{actor.name} had {one.name} asked again for its codes."
        tell(session, one, actor, now, "lists.asked", words)
    return tuple(one.name for one in asked)


def outcome(connection: Connection, report: ConnectionReport) -> str:
    """What came of a test, in a sentence."""
    failed = [f"{step.name}: {step.words}" for step in report.steps if step.ok is False]
    if failed:
        return f"The test of {connection.name} failed. {' '.join(failed)}"
    return f"The test of {connection.name} passed."


def may_call(desk: Desk, channel: Channel) -> bool:
    """Whether calls may be made; where the target was away and it is time, it is asked."""
    with desk.database.read() as session:
        if breaker.closed(session, channel.connection_id):
            return True
    with desk.database.write() as session:
        if not breaker.turn(session, channel.connection_id, desk.clock.now()):
            return False
    report = test_connection(
        desk.database,
        desk.clock,
        channel.connection_id,
        SYSTEM,
        http=desk.http,
        keys=desk.keys,
    )
    there = not isinstance(report, Refusal) and report.reached
    with desk.database.write() as session:
        now = desk.clock.now()
        if there:
            breaker.reached(session, channel.connection_id, now)
        else:
            breaker.failed(session, channel.connection_id, now, desk.pace)
        return breaker.closed(session, channel.connection_id)


def with_good_key(desk: Desk, channel: Channel) -> Channel | Renewed | None:
    """The channel with a key that is good for the next minutes; None while nobody can say. What was
    said where it cannot be renewed any more: nothing goes out then until a person gives another.
    """
    target, key = channel.target, channel.connection_id
    if not isinstance(target, Renewing):
        return channel
    stored = _stored(desk, key)  # since the channel was opened, it may have been renewed
    if target.is_due(stored, desk.clock.now()):
        told = renew(desk.database, desk.clock, key, http=desk.http, keys=desk.keys)
        if told is not None and told.kind == "refused":
            return told
        if told is not None and told.kind == "away":
            _failed(desk, key)
            return None
        stored = _stored(desk, key)
        if target.is_due(stored, desk.clock.now()):
            return None
    return replace(channel, secret=stored) if stored else None


def _failed(desk: Desk, connection_id: int) -> None:
    with desk.database.write() as session:
        breaker.failed(session, connection_id, desk.clock.now(), desk.pace)


def _stored(desk: Desk, connection_id: int) -> str:
    """The secret as it is kept now; blank where it cannot be read."""
    with desk.database.read() as session:
        found = secret_of(session, session.get_one(Connection, connection_id), desk.keys)
    return "" if isinstance(found, Refusal) else found


def renewed_after_all(desk: Desk, channel: Channel) -> bool:
    """Whether that a key was just refused says nothing of it: it had only ended early, and there is
    a new one now, or there will be one.
    """
    target, now, key = channel.target, desk.clock.now(), channel.connection_id
    if not isinstance(target, Renewing) or not target.may_be_over(channel.secret, now):
        return False
    if _stored(desk, key) != channel.secret:  # another worker renewed it meanwhile
        return True
    told = renew(desk.database, desk.clock, key, http=desk.http, keys=desk.keys, at_once=True)
    if told is not None and told.kind == "away":
        _failed(desk, key)
    return told is None or told.kind != "refused"  # none: another worker is at it
