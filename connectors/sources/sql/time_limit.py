"""How long a database may be asked in all: what is not answered by then is broken off.

Here: a watch that ends a connection from outside, whatever its driver waits for. Not here: the
limit of one statement, which the database itself keeps (drivers.py).

A server that took the login and then says nothing, or one byte a minute, is waited for without end
by its driver; and many statements, each within its own limit, are long together.
"""

import os
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

PAGE_SECONDS: Final = 40
"""Of one page or one part of a test, from the login to the last row."""


class Watch:
    """Whether the time is over."""

    def __init__(self, connection: Any) -> None:
        self.over = False
        self._connection = connection
        handle = _handle(connection)
        # one of our own: theirs may be somebody else's by the time that we end it
        self._wire = None if handle is None else socket.socket(fileno=os.dup(handle))

    def end(self) -> None:
        """Break off; whoever waits for an answer gets an error of the driver."""
        self.over = True
        if isinstance(self._connection, sqlite3.Connection):
            self._connection.interrupt()
        elif self._wire is not None:
            with suppress(OSError):  # it has ended
                self._wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Watch no longer."""
        if self._wire is not None:
            self._wire.close()


@contextmanager
def watched(connection: Any) -> Iterator[Watch]:
    """Watch a driver's connection for as long as the block."""
    watch = Watch(connection)
    timer = threading.Timer(PAGE_SECONDS, watch.end)
    timer.daemon = True
    timer.start()
    try:
        yield watch
    finally:
        timer.cancel()
        watch.close()


def _handle(connection: Any) -> int | None:
    """The file descriptor of a connection to a server, where its driver tells it."""
    found = connection if hasattr(connection, "fileno") else getattr(connection, "_sock", None)
    return None if found is None else int(found.fileno())
