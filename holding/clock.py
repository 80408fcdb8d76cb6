"""What time it is, for everybody who shares a database.

Here: database time on PostgreSQL, the machine's on SQLite. Not here: the machine's clock and its
offset (connectors/kit/clock.py).
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from connectors.kit.clock import MachineClock
from holding.database import Database

FRESH_SECONDS = 30.0
JUMP_SECONDS = 1.0


class DatabaseClock:
    """The machine's clock, corrected by what the database's clock says.

    The difference is measured again every half minute, and at once when somebody has set the
    machine's clock; not at each call.
    """

    def __init__(self, database: Database, machine: MachineClock) -> None:
        self._database = database
        self._machine = machine
        self._measured_at: float | None = None
        self._then = machine.now()
        self._difference = timedelta(0)

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        if self._database.dialect == "postgresql" and self._is_old():
            self._measure()
        return self._machine.now() + self._difference

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return self._machine.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._machine.sleep(seconds)

    def _is_old(self) -> bool:
        if self._measured_at is None:
            return True
        passed = self.monotonic() - self._measured_at
        jumped = abs((self._machine.now() - self._then).total_seconds() - passed) > JUMP_SECONDS
        return jumped or passed > FRESH_SECONDS

    def _measure(self) -> None:
        with self._database.engine.connect() as connection:
            theirs: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        self._difference = theirs.astimezone(UTC) - datetime.now(UTC)
        self._measured_at, self._then = self.monotonic(), self._machine.now()
