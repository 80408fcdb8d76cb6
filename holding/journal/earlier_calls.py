"""What a push has behind it: how often it was sent and looked up so far, and what was said.

Here: reads, for whoever decides what comes next. Not here: the rows (push_rows.py), the pushes of a
record as people see them (push_history.py).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, load_only

from holding.journal.push_rows import SEEN
from holding.lifecycle.causes import UNSEEN
from holding.tables import Attempt, Hold, Posting, Release, Request
from holding.tables.row_states import AttemptState


def last_send(session: Session, push_id: int) -> Request:
    """The call by which it was last sent, without what it sent: that may be a file of hundreds."""
    told = (Request.key, Request.run_id, Request.made_at, Request.deadline_at, Request.answered_at)
    query = (
        select(Request)
        .options(load_only(*told))
        .join(Attempt, Attempt.request_id == Request.id)
        .where(Attempt.push_id == push_id, Request.kind == "push")
        .order_by(Attempt.no.desc())
    )
    return session.scalars(query.limit(1)).one()


@dataclass(frozen=True, slots=True)
class Sends:
    """How often a push was sent so far, when first and last, and what came of the last one."""

    count: int
    first_at: datetime
    last_at: datetime
    said: str


def sends_of(session: Session, push_id: int) -> Sends:
    """The calls by which it was sent, one at least."""
    query = (
        select(Request.made_at, Attempt.error)
        .join(Request, Request.id == Attempt.request_id)
        .where(Attempt.push_id == push_id, Request.kind == "push")
        .order_by(Attempt.no)
    )
    sent = session.execute(query).all()
    first, last = sent[0], sent[-1]
    return Sends(len(sent), first.made_at, last.made_at, last.error or "")


def skipped_unseen(session: Session, posting: Posting) -> bool:
    """Whether it may be there where only people can look, and the last word on that was to skip it,
    not that it is not there.
    """
    mine = (Hold.record_id == posting.record_id, Hold.route == posting.route, Hold.code == UNSEEN)
    ended = select(func.max(Hold.closed_at)).where(*mine).scalar_subquery()
    query = select(Release.id).where(
        Release.record_id == posting.record_id,
        Release.route == posting.route,
        Release.code == UNSEEN,
        Release.kind == "reject",
        Release.at >= ended,
    )
    return session.scalar(query.limit(1)) is not None


def calls_of(session: Session, push_id: int) -> int:
    """How often the target was asked to take it; files that were cut in two are one call."""
    query = select(func.count(Attempt.id)).where(
        Attempt.push_id == push_id, Attempt.state.not_in((*SEEN, AttemptState.SPLIT))
    )
    return session.scalar(query) or 0


def ticket_of(session: Session, push_id: int) -> str | None:
    """By what the target is asked again what became of its last call; None where it gave nothing.
    Looks that told nothing change nothing of it.
    """
    query = select(Attempt.state, Attempt.target_ref).where(Attempt.push_id == push_id)
    for state, ref in session.execute(query.order_by(Attempt.no.desc())):
        if state == AttemptState.AWAITING or (state == AttemptState.UNKNOWN and ref):
            return ref
        if state != AttemptState.UNKNOWN:
            return None
    return None


def absent_since(session: Session, push_id: int, request_id: int, now: datetime) -> datetime | None:
    """The first of the look-ups since that send that said `absent` in a row; anything else starts
    again, and so does a clock that was set back. One that is not done yet says nothing.
    """
    sent = select(Attempt.no).where(Attempt.push_id == push_id, Attempt.request_id == request_id)
    later = session.execute(
        select(Attempt.state, Request.made_at, Attempt.target_ref)
        .join(Request, Request.id == Attempt.request_id)
        .where(Attempt.push_id == push_id, Attempt.no > sent.scalar_subquery())
        .where(Attempt.state.in_(SEEN))
        .order_by(Attempt.no.desc())
    ).all()
    first = None
    for state, at, ref in later:
        if state == AttemptState.UNKNOWN and ref:
            continue
        if state != AttemptState.ABSENT or at > now:
            break
        first = at
    return first
