"""What nobody rang for: leases of the dead, daily runs, old snapshots, and whatever is due.

Here: one sweep, made by one process at a time, and the list of what is due. Not here: how often
(workers/loop.py).
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from holding import chain, singletons
from holding.assignments import wake_rested
from holding.connections import test_connection, to_refresh
from holding.judging.claim import due_companies, sweep_expired
from holding.pushes import close_left_open, companies_due, free_the_dead
from holding.refusal import Refusal
from holding.roles import SYSTEM
from holding.schedules import start_due
from workers.jobs import Bench

DUTY = "sweeper"
ASK_AGAIN = timedelta(minutes=1)
LOOK_AT_ALL = timedelta(days=1)  # every event is looked for a place in the chain
log = logging.getLogger("clearpost.workers")


class Sweeper:
    """Sweeps for one process; remembers which targets it asked a moment ago."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._asked: dict[int, datetime] = {}
        self._look_at_all = datetime.min.replace(tzinfo=UTC)
        told = bench.settings
        self._longest = timedelta(seconds=2 * (told.lease_seconds + told.answer_seconds))

    def sweep(self) -> bool:
        """Make one sweep, unless another process has this duty now."""
        mine = self._bench
        now = mine.clock.now()
        until = now + timedelta(seconds=max(1.0, 3 * mine.settings.sweep_seconds))
        with mine.database.write() as session:
            if not singletons.take(session, DUTY, owner=mine.owner, until=until, now=now):
                return False
        with mine.database.write() as session:
            free_the_dead(session, now, longest=self._longest)
        with mine.database.write() as session:
            close_left_open(session, now)
            start_due(session, now)
            wake_rested(session, now)
        sweep_expired(mine.database, now, longest=self._longest)
        self._link(now)
        self._refresh(now)
        return True

    def leave(self) -> None:
        """Let another process sweep at once."""
        with self._bench.database.write() as session:
            singletons.leave(session, DUTY, owner=self._bench.owner)

    def due(self) -> Sequence[tuple[str, int]]:
        """(kind of work, company) for everything that could be done now; judging comes first."""
        with self._bench.database.read() as session:
            now = self._bench.clock.now()
            judging, pushing = due_companies(session, now), companies_due(session, now)
        return [("evaluate", key) for key in judging] + [("push", key) for key in pushing]

    def _link(self, now: datetime) -> None:
        """Link the events of late; once a day, and at first, whatever was left behind too."""
        whole = now >= self._look_at_all
        chain.link_due(self._bench.database, now=now, whole=whole)
        if whole:
            self._look_at_all = now + LOOK_AT_ALL

    def _refresh(self, now: datetime) -> None:
        """Ask targets whose master data is old; one that does not answer is asked less often."""
        mine = self._bench
        with mine.database.read() as session:
            old = to_refresh(session, now)
        for key in old:
            if now - self._asked.get(key, now - ASK_AGAIN) < ASK_AGAIN:
                continue
            self._asked[key] = now
            report = test_connection(
                mine.database, mine.clock, key, SYSTEM, http=mine.desk.http, keys=mine.desk.keys
            )
            if isinstance(report, Refusal):
                log.warning("connection %s cannot be tested: %s", key, report.message)
