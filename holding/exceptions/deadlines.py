"""By when somebody has to have answered a hold: so many hours for each class, set by the company.

Here: those hours and setting them. Not here: who the owner is (judging, `assignments.py`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from connectors.contract.errors import ERROR_CLASSES, class_label
from grammar.text.finding_codes import ErrorClass
from holding.access.actors import Actor
from holding.db.refusal import Refusal, plural
from holding.platform.changes import locked_company
from holding.platform.events import record_event

ANSWER_HOURS: Final = "answer_hours"  # key of company.settings: class -> hours
USUAL_HOURS: Final = 24
LONGEST_HOURS: Final = 31 * 24


def answer_by(settings: Mapping[str, Any], error_class: ErrorClass, now: datetime) -> datetime:
    """When a hold of this class that opens now is due."""
    hours = settings.get(ANSWER_HOURS, {}).get(error_class, USUAL_HOURS)
    return now + timedelta(hours=hours)


def said(error_class: str, hours: int) -> str:
    """What was set, for people."""
    return f"Holds of the class “{class_label(error_class)}” are due after {plural(hours, 'hour')}."


def set_hours(
    session: Session,
    actor: Actor,
    company_id: int,
    error_class: str,
    hours: int,
    now: datetime,
    *,
    reason: str = "",
) -> Refusal | None:
    """Give holds of a class so many hours from now on; those that are open keep their due time."""
    if error_class not in ERROR_CLASSES:
        known = "; ".join(f"`{one}` ({class_label(one)})" for one in ERROR_CLASSES)
        words = f"There is no class of holds called “{error_class}”."
        return Refusal("due.class", words, f"Classes: {known}.", 422)
    if not 1 <= hours <= LONGEST_HOURS:
        hint = f"From 1 to {LONGEST_HOURS} hours, which is a month."
        return Refusal("due.hours", f"{hours} hours is not a time to answer in.", hint, 422)
    company = locked_company(session, company_id)
    given = {**company.settings.get(ANSWER_HOURS, {}), error_class: hours}
    company.settings = {**company.settings, ANSWER_HOURS: given}
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="company.due_set",
        body={"say": said(error_class, hours), "hours": hours}
        | ({"reason": reason} if reason else {}),
    )
    return None
