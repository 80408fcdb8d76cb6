"""Whether a worker may work now: its database is there and has the schema of this program.

Here: asking, and saying once that it pauses and once that it goes on. Not here: what makes a
database fit (holding/schema.py), what a pausing worker leaves alone (workers/loop.py).
"""

import logging

from holding.database import Database
from holding.schema import unfit

log = logging.getLogger("clearpost.workers")


class Gate:
    """Of one process; remembers why it is shut, so that a long pause is told once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shut_for: str | None = None

    def is_open(self) -> bool:
        """Ask now."""
        refusal = unfit(self._database)
        reason = refusal.code if refusal else None
        if reason != self._shut_for:
            if refusal:
                log.error("Paused, nothing is claimed: %s %s", refusal.message, refusal.hint)
            else:
                log.warning("The database is there and fits: going on.")
        self._shut_for = reason
        return reason is None
