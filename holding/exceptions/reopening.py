"""Asking somebody about a locked period: to open it again, or to look at one document.

Here: both requests; the holds go to that person, the words stand as notes and in the trace. Not
here: another day (`locked_periods.py`). Nothing is freed by a request: the lock's own move does
that.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.access.people import ACT
from holding.access.reach import within
from holding.db import bulk
from holding.db.models import Hold, Note
from holding.db.models.columns import HoldState
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Refusal
from holding.exceptions.assignments import give
from holding.exceptions.holds import Desk, Done, Each, alone
from holding.exceptions.locked_periods import Ways, no_period, no_reason, ways

MOST: Final = 1000  # holds that one request hands over; the month stands on each of them


@dataclass(frozen=True, slots=True)
class Question:
    """Whom somebody asks, and why."""

    person_id: int | None
    reason: str


def ask_to_reopen(
    session: Session,
    actor: Actor,
    hold_id: int,
    question: Question,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Ask a person for the locked month, for all that waits for it; they end by themselves when
    the target opens it.
    """

    def act() -> Each | Refusal:
        refusal = may(actor, ACT) or no_reason(question.reason)
        found = None if refusal else _of(session, actor, hold_id)
        if refusal or found is None:
            return refusal or no_period()
        ids, told = found
        t_month = told.month
        words = f"to open {t_month} in {told.target}"
        answer = _pass_on(session, actor, ids, question, "period.asked", words, now, op)
        if isinstance(answer, Refusal) or not answer.done:
            return answer
        return replace(answer, done=answer.done[:1])

    return alone(session, actor, now, op, ("reopen", hold_id, question), act)


def redirect(
    session: Session,
    actor: Actor,
    hold_id: int,
    question: Question,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Have a person look at this one document, which may belong elsewhere."""

    def act() -> Each | Refusal:
        refusal = may(actor, ACT) or no_reason(question.reason)
        found = None if refusal else _of(session, actor, hold_id)
        if refusal or found is None:
            return refusal or no_period()
        words = "to decide where it goes"
        return _pass_on(session, actor, [hold_id], question, "period.redirected", words, now, op)

    return alone(session, actor, now, op, ("redirect", hold_id, question), act)


def _pass_on(
    session: Session,
    actor: Actor,
    ids: Iterable[int],
    question: Question,
    act: str,
    words: str,
    now: datetime,
    op: str | None,
) -> Each | Refusal:
    """Give holds to a person with what is wanted, which stands as a note beside each record."""
    desk, why = Desk(session, actor, ids), question.reason.strip()
    if not question.person_id:
        return Refusal("person.missing", "Choose a person.", status=422)
    answer = give(
        desk,
        question.person_id,
        now,
        op,
        seen={},
        act=act,
        say=lambda _, name: f"{actor.name} asked {name} {words}: {why}",
    )
    if isinstance(answer, Refusal):
        return answer
    notes = [
        {
            "record_id": one.record_id,
            "hold_id": one.hold_id,
            "person_id": actor.person_id,
            "kind": "note",
            "body": one.say,
            "at": now,
        }
        for one in answer.done
    ]
    bulk.insert_rows(session, Note, notes)
    return answer


def _of(session: Session, actor: Actor, hold_id: int) -> tuple[list[int], Ways] | None:
    """All open holds of the same locked month, and what is known of it."""
    hold = session.scalar(select(Hold).where(Hold.id == hold_id, *within(actor.reach, Hold)))
    if hold is None or hold.company_id != actor.company_id or hold.state != HoldState.OPEN:
        return None
    told = ways(session, hold.id)
    beside = (Hold.cause_id == hold.cause_id, HOLD_OPEN, Hold.id != hold.id)
    query = select(Hold.id).where(*beside).order_by(Hold.id).limit(MOST - 1)
    return ([hold_id, *session.scalars(query)], told) if told else None
