"""Before anything is sent: whether a target that was away is back, and a key that is good.

Here: one question by one worker, which reads and writes nothing there; a key that runs out, renewed
before it is used. Not here: when a target is asked (breaker.py), the exchange (holding/renewal.py).
"""

from dataclasses import replace

from connectors.kit.renewing import Renewed, Renewing
from holding.connection_tests import test_connection
from holding.connections import secret_of
from holding.models import Connection
from holding.pushing import breaker
from holding.pushing.desk import Channel, Desk
from holding.refusal import Refusal
from holding.renewal import renew
from holding.roles import SYSTEM


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
