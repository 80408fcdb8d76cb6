"""Whether anything is still to be done, and what has come of the records.

Here: reading work columns and states. Not here: doing the work (workers).
"""

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from holding.database import Database
from holding.models import Posting, Record, Version

STATES = ("posted", "held", "failed", "waiting", "ignored", "dropped", "uncertain")
MOVING = ("ready", "sending", "uncertain", "awaiting")
LOOK_SECONDS = 0.25


class StillDueError(Exception):
    """Work was still due when the patience ended."""


def wait_until_quiet(database: Database, clock: Any, company_id: int, patience: float) -> None:
    """Return as soon as no record and no posting waits for a worker."""
    _wait(lambda: due(database, clock, company_id), "records or postings", patience)


def wait_until_read(database: Database, company_id: int, since: datetime, patience: float) -> None:
    """Return as soon as every posted document was read in its target at this moment or later."""
    _wait(lambda: unread(database, company_id, since), "readings", patience)


def _wait(left: Callable[[], int], what: str, patience: float) -> None:
    limit = time.monotonic() + patience
    while count := left():
        if time.monotonic() > limit:
            message = f"{count} {what} are still due after {patience:.0f} seconds"
            raise StillDueError(message)
        time.sleep(LOOK_SECONDS)


def due(database: Database, clock: Any, company_id: int) -> int:
    """How many records are to be judged, and postings to be sent or looked up."""
    with database.read() as session:
        records = session.query(Record).filter(Record.company_id == company_id)
        postings = session.query(Posting).filter(
            Posting.company_id == company_id, Posting.state.in_(MOVING)
        )
        now = clock.now()
        return int(
            records.filter(Record.due_at <= now).count()
            + records.filter(Record.lease_until.is_not(None)).count()
            + postings.filter(Posting.due_at.is_not(None)).count()
            + postings.filter(Posting.lease_until.is_not(None)).count()
        )


def unread(database: Database, company_id: int, since: datetime) -> int:
    """How many posted documents were not read in their target since then."""
    with database.read() as session:
        posted = session.query(Posting).filter_by(company_id=company_id, state="posted")
        late = Posting.read_at.is_(None) | (Posting.read_at < since)
        return int(posted.filter(late).count())


def counts(session: Any, company_id: int) -> dict[str, int]:
    """Records by their one state, which add up to `received`; states nobody is in are 0."""
    rows = session.query(Record.state).filter(Record.company_id == company_id)
    found = Counter(state for (state,) in rows)
    versions = (
        session.query(Version)
        .join(Record, Record.id == Version.record_id)
        .filter(Record.company_id == company_id)
        .count()
    )
    known = {state: found.pop(state, 0) for state in STATES}
    return {"received": sum(known.values()) + found.total(), "versions": versions} | known | found
