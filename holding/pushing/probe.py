"""Asking a target that was away whether it is back, before anything is sent there.

Here: one question by one worker, which reads and writes nothing there. Not here: when it is asked
(breaker.py).
"""

from holding.connections import test_connection
from holding.pushing import breaker
from holding.pushing.desk import Channel, Desk
from holding.refusal import Refusal
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
            breaker.close(session, channel.connection_id, now)
        else:
            breaker.failed(session, channel.connection_id, now, desk.pace)
    return there
