"""Whether anything is still to be done in the sample companies, and what has come of their records.

Here: reading work columns and states, and counting what went wrong: by exception, and by class of
message. Not here: doing the work (workers).
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from connectors.contract.errors import FailureWord, classes_of
from connectors.transport.clock import Clock
from grammar.text.finding_codes import TARGET_CODES
from holding.store.database import Database, DatabaseSession
from holding.tables import Attempt, Hold, Posting, Push, Record, Version
from holding.tables.decisions import HOLD_OPEN
from holding.tables.row_states import RecordState
from rules.outcomes.outcome import NEEDS_APPROVAL
from rules.values.posting_states import PostingState

STATES = ("posted", "held", "failed", "waiting", "ignored", "dropped", "reference", "uncertain")
MOVING = ("ready", "sending", "uncertain", "awaiting")
LOOK_SECONDS = 0.25


class StillDueError(Exception):
    """Work was still due when the patience ended."""


def wait_until_quiet(database: Database, clock: Clock, company_id: int, patience: float) -> None:
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


def due(database: Database, clock: Clock, company_id: int) -> int:
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
        posted = session.query(Posting).filter_by(company_id=company_id, state=PostingState.POSTED)
        late = Posting.read_at.is_(None) | (Posting.read_at < since)
        return int(posted.filter(late).count())


def counts(session: DatabaseSession, company_id: int) -> dict[str, int]:
    """Records by their one state, which add up to `received`; states nobody is in are 0."""
    rows = session.query(Record.state).filter(Record.company_id == company_id)
    found = Counter(str(state) for (state,) in rows)
    versions = (
        session.query(Version)
        .join(Record, Record.id == Version.record_id)
        .filter(Record.company_id == company_id)
        .count()
    )
    known = {state: found.pop(state, 0) for state in STATES}
    return {"received": sum(known.values()) + found.total(), "versions": versions} | known | found


OF_TARGET = Hold.code.in_(sorted(TARGET_CODES))
PARTLY = "partly_delivered"
LATER, BACK = "STL01", "STL03"  # changed in the source, and in the target, after it was posted
ONE_DEBTOR, ENDED = "one_debtor", ("cancel", "not_ready")  # cancelled, or refunded


def exceptions(session: DatabaseSession) -> dict[str, int]:
    """How many records had each of the eight usual exceptions."""
    partly = session.query(Record.id).filter_by(status=PARTLY, state=RecordState.WAITING)
    changed = _held(session, Hold.code == LATER, Hold.rule.not_in(ENDED))
    taken_back = session.query(Posting.record_id).filter(Posting.reverses_id.is_not(None))
    return {
        "partial delivery": partly.count(),
        "partial billing": len(_billed_in_parts(session)),
        "changed price": len(changed | _ids(taken_back)),
        "cancelled order": len(_held(session, Hold.code == LATER, Hold.rule.in_(ENDED))),
        "duplicate customer": len(_held(session, Hold.rule == ONE_DEBTOR)),
        "duplicate invoice": len(_held(session, Hold.error_class == "duplicate")),
        "failed sync": len(_held(session, OF_TARGET)),
        "manual edit": len(_held(session, Hold.code == BACK)),
    }


def classes(session: DatabaseSession) -> dict[str, int]:
    """How many records were held under each of the five plain words, or answered so by a target;
    one that waits for an approval did not fail.
    """
    tried = session.query(Posting.record_id).join(Push, Push.posting_id == Posting.id)
    tried = tried.join(Attempt, Attempt.push_id == Push.id)
    found = {}
    for word in FailureWord:
        classes = classes_of(word)
        held = _held(session, Hold.error_class.in_(classes), Hold.code != NEEDS_APPROVAL)
        found[word.value] = len(held | _ids(tried.filter(Attempt.error_class.in_(classes))))
    return found


def _held(session: DatabaseSession, *which: Any) -> set[int]:
    """The records with an open finding like this."""
    return _ids(session.query(Hold.record_id).filter(HOLD_OPEN, *which))


def _ids(rows: Iterable[Sequence[int]]) -> set[int]:
    return {key for (key,) in rows}


def _billed_in_parts(session: DatabaseSession) -> set[int]:
    """The records with more than one invoice that stands."""
    standing = session.query(Posting.record_id, Posting.route).filter(
        Posting.state == PostingState.POSTED, Posting.bills.is_not(None)
    )
    bills = Counter((key, route) for key, route in standing)
    return {key for (key, _), count in bills.items() if count > 1}
