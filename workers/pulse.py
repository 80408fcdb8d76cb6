"""The sign of life of a worker, given by the very loop that does its work.

Here: how often, and until when silence means nothing. Not here: where it is kept and what it says
(holding/platform/processes.py). A thread of its own would go on when the work hangs.
"""

from datetime import timedelta

from holding.platform import processes as heartbeats
from holding.platform.processes import Room
from workers.jobs import Bench

EVERY = 10.0  # seconds


class Pulse:
    """Of one process; remembers when it gave its last sign."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._started_at = bench.clock.now()
        self._last = float("-inf")
        self.stops = False
        """Whether a person asked it to stop; heard with a sign of life."""

    def beat(self) -> None:
        """Give a sign, unless the last one is of a moment ago."""
        mine = self._bench
        seconds = mine.clock.monotonic()
        if seconds - self._last < EVERY:
            return
        now, room = mine.clock.now(), Room.here(mine.settings.home)
        with mine.database.write() as session:
            heartbeats.beat(
                session,
                mine.owner,
                started_at=self._started_at,
                now=now,
                next_by=now + self._patience(),
                room=room,
            )
            self.stops = heartbeats.asked_to_stop(session, mine.owner)
        self._last = seconds

    def end(self) -> None:
        """Say that this worker ends in order."""
        mine = self._bench
        with mine.database.write() as session:
            heartbeats.leave(session, mine.owner, mine.clock.now())

    def _patience(self) -> timedelta:
        """No step between two signs outlasts a lease and an answer; a turn may wait for a sweep."""
        told = self._bench.settings
        return timedelta(
            seconds=EVERY + told.lease_seconds + told.answer_seconds + 3 * told.sweep_seconds
        )
