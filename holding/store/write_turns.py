"""Whose turn it is to write to SQLite, which lets one transaction write at a time.

Here: beginning a transaction that writes, at once or behind those who wait. Not here: what else a
transaction is, and how much is written in one (database.py).

SQLite asks nobody how long they have waited, and tells nobody that the turn is free. Who waits
therefore asks often, and says so by a lock on a file beside the database; who writes much, for
nobody in particular, leaves the turn to them. That lock only orders and keeps nobody from writing:
where it is held too long, or cannot be had, it costs as much as there is patience.
"""

import fcntl
import os
from contextlib import ExitStack
from sqlite3 import SQLITE_BUSY
from sqlite3 import OperationalError as SqliteError
from time import monotonic, sleep
from typing import Any

BUSY_SECONDS = 30
ASKED_AGAIN = 0.002
"""Seconds after which who wants to write asks again: SQLite itself would ask after up to 100
milliseconds, and a short pause of whoever writes much would pass unseen.
"""
PATIENCE = 0.1
"""Seconds for which the turn is left to others; then they leave it, too."""
PRIMARY = 0xFF
"""The part of SQLite's error codes that says what it is; the rest says how it came to it."""
PRIVATE = 0o600


class WriteTurns:
    """The turns of one database file; to one in memory nobody else comes."""

    def __init__(self, file: str | None) -> None:
        self._waiting = f"{file}-waiting" if file and file != ":memory:" else None

    def begin(self, connection: Any) -> None:
        """The turn to write as soon as may be, or the error of a database that is locked for too
        long.
        """
        self._begin(connection, patience=0.0)

    def begin_behind(self, connection: Any) -> None:
        """The same, behind those who wait already."""
        self._begin(connection, patience=PATIENCE)

    def _begin(self, connection: Any, patience: float) -> None:
        began, seen = monotonic(), False
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            with ExitStack() as until_begun:
                while True:
                    waited = monotonic() - began
                    behind = waited < patience and self._somebody_waits()
                    if not behind and _is_begun(connection, last=waited >= BUSY_SECONDS):
                        return
                    if waited >= patience and not seen:
                        seen = self._locked(fcntl.LOCK_SH, until_begun)
                    sleep(ASKED_AGAIN)
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")

    def _somebody_waits(self) -> bool:
        with ExitStack() as until_seen:
            return not self._locked(fcntl.LOCK_EX, until_seen)

    def _locked(self, kind: int, until: ExitStack) -> bool:
        """The lock of those who wait, for so long, if it can be had at once; whether it could."""
        if self._waiting is None:
            return True
        place = os.open(self._waiting, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
        try:
            fcntl.flock(place, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(place)
            return False
        until.callback(os.close, place)
        return True


def _is_begun(connection: Any, *, last: bool) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except SqliteError as error:
        if last or error.sqlite_errorcode & PRIMARY != SQLITE_BUSY:
            raise
        return False
    return True
