"""The machine's time, movable in a demo or a test.

Here: the clock that is passed in everywhere, and its offset file. Not here: database time
(holding/platform/settings.py).
"""

import os
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

MOVABLE = frozenset({"demo", "test"})


class Clock(Protocol):
    """What tells the time. One is passed in; nothing asks the machine directly."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump, for deadlines and durations."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class MachineClock:
    """The machine's clock plus the offset in `<home>/clock` (seconds), read at each call.

    A file that says no number, perhaps because it is being written, leaves the offset as it was.
    The file counts only when `CLEARPOST_ENV` is `demo` or `test`: in production nobody can move
    time by a file.
    """

    def __init__(self, home: Path | None = None) -> None:
        self._file = home / "clock" if home is not None else None
        self._last = 0.0

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self._offset())

    def monotonic(self) -> float:
        """Seconds that never jump; the offset does not touch them."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; the offset does not touch it."""
        time.sleep(seconds)

    def _offset(self) -> float:
        if self._file is None or os.environ.get("CLEARPOST_ENV") not in MOVABLE:
            return 0.0
        with suppress(ValueError):
            try:
                self._last = float(self._file.read_text("ascii"))
            except OSError:
                self._last = 0.0
        return self._last
