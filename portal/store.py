"""The database of one request: a read session that is opened when first asked for, and write transactions.

Here: which session a view uses. Not here: any query (holding/queries) and any change (services).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from flask import Flask, current_app, g

from holding.database import Database
from holding.queries import shell

if TYPE_CHECKING:
    from datetime import datetime


class Clock(Protocol):
    """What tells the time here: the machine's or the database's clock."""

    def now(self) -> "datetime":
        """The present moment, aware, UTC."""
        ...


def init(app: Flask, database: Database, clock: Clock) -> None:
    """Bind the application to its database and clock."""
    app.extensions["clearpost"] = (database, clock)
    app.teardown_request(_close)


def database() -> Database:
    """The database of this application."""
    found: Database = current_app.extensions["clearpost"][0]
    return found


def clock() -> Clock:
    """The clock of this application."""
    found: Clock = current_app.extensions["clearpost"][1]
    return found


def reading() -> Any:
    """The request's read session: one snapshot until something is written."""
    if "reading" not in g:
        g.reading_door = database().read()
        g.reading = g.reading_door.__enter__()
    return g.reading


@contextmanager
def writing() -> Iterator[Any]:
    """A write transaction; what is read afterwards sees it."""
    _close(None)
    with database().write() as session:
        yield session


def company_of(code: str) -> shell.CompanyRow | None:
    """The company of a URL."""
    return shell.company(reading(), code)


def _close(_error: BaseException | None) -> None:
    door = g.pop("reading_door", None)
    g.pop("reading", None)
    if door is not None:
        door.__exit__(None, None, None)
