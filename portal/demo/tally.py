"""What went wrong in the sample companies: records by exception, and by class of message.

Here: counting what the database tells of both. Not here: what becomes of the shop's records
(quiet.py).
"""

from collections import Counter
from typing import Any

from holding.models import Attempt, Hold, Posting, Push, Record

MISSING = ("missing_field", "mapping_missing")
NO_RIGHT = "authorization_failed"
OF_TARGET = Hold.code.startswith("TGT")
PARTLY = "partly_delivered"
LATER, BACK = "STL01", "STL03"  # changed in the source, and in the target, after it was posted
ONE_DEBTOR, CANCEL = "one_debtor", "cancel"


def exceptions(session: Any) -> dict[str, int]:
    """How many records had each of the eight usual exceptions."""
    partly = session.query(Record.id).filter_by(status=PARTLY, state="waiting")
    changed = _held(session, Hold.code == LATER, Hold.rule != CANCEL)
    taken_back = session.query(Posting.record_id).filter(Posting.reverses_id.is_not(None))
    return {
        "partial delivery": partly.count(),
        "partial billing": len(_billed_in_parts(session)),
        "changed price": len(changed | _ids(taken_back)),
        "cancelled order": len(_held(session, Hold.code == LATER, Hold.rule == CANCEL)),
        "duplicate customer": len(_held(session, Hold.rule == ONE_DEBTOR)),
        "duplicate invoice": len(_held(session, Hold.error_class == "duplicate")),
        "failed sync": len(_held(session, OF_TARGET)),
        "manual edit": len(_held(session, Hold.code == BACK)),
    }


def classes(session: Any) -> dict[str, int]:
    """How many records got each of the five classes of message."""
    tried = session.query(Posting.record_id).join(Push, Push.posting_id == Posting.id)
    tried = tried.join(Attempt, Attempt.push_id == Push.id)
    return {
        "missing": len(_held(session, Hold.error_class.in_(MISSING))),
        "unavailable": len(_ids(tried.filter(Attempt.error_class == "temporary"))),
        "rejected": len(_held(session, OF_TARGET, Hold.error_class != NO_RIGHT)),
        "duplicated": len(_held(session, Hold.error_class == "duplicate")),
        "not authorized": len(_held(session, Hold.error_class == NO_RIGHT)),
    }


def _held(session: Any, *which: Any) -> set[int]:
    """The records with an open finding like this."""
    return _ids(session.query(Hold.record_id).filter(Hold.state == "open", *which))


def _ids(rows: Any) -> set[int]:
    return {key for (key,) in rows}


def _billed_in_parts(session: Any) -> set[int]:
    """The records with more than one invoice that stands."""
    standing = session.query(Posting.record_id, Posting.route).filter(
        Posting.state == "posted", Posting.bills.is_not(None)
    )
    bills = Counter((key, route) for key, route in standing)
    return {key for (key, _), count in bills.items() if count > 1}
