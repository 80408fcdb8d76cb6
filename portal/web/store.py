"""The database of one request: a read session opened when first asked for, and write transactions.

Here: which session a view uses, and what a request cost, told to who is signed in. Not here: any
query (holding/worklist) and any change (services).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, Response, current_app, g, has_request_context

from connectors.transport.http import Clock
from holding.access import reach as company_rows
from holding.access.actors import Actor
from holding.access.reach import narrow
from holding.db.database import Database, DatabaseSession, remember


def init(app: Flask, database: Database, clock: Clock) -> None:
    """Bind the application to its database and clock."""
    app.extensions["clearpost"] = (database, clock)
    app.before_request(_begin)
    app.after_request(_tell_cost)
    database.watch(_asked, _answered)
    app.teardown_request(_close)


def database() -> Database:
    """The database of this application."""
    found: Database = current_app.extensions["clearpost"][0]
    return found


def clock() -> Clock:
    """The clock of this application."""
    found: Clock = current_app.extensions["clearpost"][1]
    return found


def reading() -> DatabaseSession:
    """The request's read session: one snapshot until something is written."""
    if "reading" not in g:
        g.reading_door = database().read(page=True)
        g.reading = g.reading_door.__enter__()
        if "streams" not in g:
            remember(g.reading)
        if "actor" in g:
            narrow(g.reading, g.actor.reach)
    found: DatabaseSession = g.reading
    return found


@contextmanager
def writing() -> Iterator[DatabaseSession]:
    """A write transaction; what is read afterwards sees it."""
    _close(None)
    with database().write() as session:
        yield session


def renew() -> None:
    """Forget the snapshot: a service wrote with a session of its own."""
    _close(None)


def stream() -> None:
    """From now on the request reads rows once, more than memory should hold: none is kept."""
    g.streams = True
    renew()


def admitted(company: company_rows.CompanyRow, actor: Actor) -> None:
    """From now on the request is this person's in this company: it reads within their reach."""
    g.company, g.zone, g.actor = company, company.zone, actor
    narrow(reading(), actor.reach)


def company_of(code: str) -> company_rows.CompanyRow | None:
    """The company of a URL."""
    return company_rows.company(reading(), code)


def _close(_error: BaseException | None) -> None:
    door = g.pop("reading_door", None)
    g.pop("reading", None)
    if door is not None:
        door.__exit__(None, None, None)


def _begin() -> None:
    g.began, g.statements, g.in_database = time.perf_counter(), 0, 0.0


def _asked(*_: object) -> None:
    if has_request_context() and "statements" in g:
        g.statements += 1
        g.asked_at = time.perf_counter()


def _answered(*_: object) -> None:
    """The database has the first row of a statement, or knows that there is none."""
    if has_request_context() and "asked_at" in g:
        g.in_database += time.perf_counter() - g.pop("asked_at")


def _tell_cost(response: Response) -> Response:
    if "began" in g and g.get("person") is not None:
        spent, asked = (time.perf_counter() - g.began) * 1000, g.in_database * 1000
        response.headers["Server-Timing"] = (
            f'total;dur={spent:.1f}, db;dur={asked:.1f}, statements;desc="{g.statements}"'
        )
    return response
