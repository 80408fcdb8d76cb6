"""Pushes whose end is not known yet: in doubt, or taken in by the target and not answered.

Here: the two states in between, and the alarm when they last too long. Not here: how a push ends
(results.py), how it is found out (settle.py).
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update

from connectors.kit.errors import RETRY, ErrorClass
from holding.models import Attempt, Posting, Push
from holding.pushing import trouble
from holding.pushing.case import FREE, Case, move, open_push, owned, tell
from holding.pushing.rows import SEEN
from holding.pushing.trouble import Trouble

DOUBT_LIMIT = timedelta(hours=24)
POLLS = (2.0, 4.0, 8.0, 16.0, 30.0, 60.0)
POLL_LIMIT = timedelta(minutes=10)
LOOKS = RETRY["uncertain"].pauses


def doubtful(case: Case, words: str, *, not_before: datetime | None = None) -> bool:
    """Nobody knows whether it arrived: it will be looked up, never sent again blindly."""
    due = case.now + timedelta(seconds=_pause(LOOKS, _looks(case)) * case.desk.pace)
    if _in_doubt(case, words, due_at=max(due, not_before or due), crashes=0, **FREE):
        _alarm(case, "uncertain", DOUBT_LIMIT, words)
        return True
    return False


def in_doubt(case: Case, words: str) -> bool:
    """The same, while we keep the lease and look it up at once."""
    return _in_doubt(case, words)


def _in_doubt(case: Case, words: str, **columns: Any) -> bool:
    posting = owned(case)
    if posting is None:
        return False
    number, known = posting.number, posting.state == "uncertain"
    open_push(case, "uncertain", error=words)
    _stay_or_move(case, posting, "uncertain", **columns)
    if not known:
        say = f"No clear answer for {number}; it is looked up before anything is sent. {words}"
        tell(case, "posting.uncertain", say)
    return True


def parked(case: Case, words: str) -> bool:
    """The target has taken it and will tell later: ask again and again, send nothing."""
    posting = owned(case)
    if posting is None:
        return False
    number, known = posting.number, posting.state == "awaiting"
    due = case.now + timedelta(seconds=_pause(POLLS, _looks(case)) * case.desk.pace)
    open_push(case, "awaiting", error=words)
    _stay_or_move(case, posting, "awaiting", due_at=due, crashes=0, **FREE)
    if not known:
        tell(case, "posting.awaiting", f"{case.channel.name} has taken {number} in. {words}")
    _alarm(case, "temporary", POLL_LIMIT, words)
    return True


def _alarm(case: Case, error_class: ErrorClass, limit: timedelta, words: str) -> None:
    """Too long without an end: a person should know, while we go on asking."""
    push = case.session.get_one(Push, case.member.push_id)
    if case.now - push.made_at > limit:
        unanswered(case, error_class, words)


def unanswered(case: Case, error_class: ErrorClass, words: str) -> None:
    """Have a person know that nobody can say what became of it."""
    posting = case.session.get_one(Posting, case.member.claim.posting_id)
    text = f"Still no answer for {posting.number}. {words}"
    found = Trouble(code=trouble.NO_ANSWER, error_class=error_class, words=text)
    case.causes.add(trouble.open_hold(case.session, posting, found, case.now))


def _stay_or_move(case: Case, posting: Posting, to: str, **columns: Any) -> None:
    if posting.state != to:
        move(case, posting, to, **columns)
        return
    if not columns:
        return
    case.session.execute(
        update(Posting)
        .where(Posting.id == posting.id, Posting.fence == case.member.claim.fence)
        .values(**columns)
    )


def _pause(pauses: tuple[float, ...], done: int) -> float:
    return pauses[min(done, len(pauses) - 1)]


def _looks(case: Case) -> int:
    """How often this push was looked up since it was last sent."""
    mine = Attempt.push_id == case.member.push_id
    sent = select(func.max(Attempt.no)).where(mine, Attempt.state.not_in(SEEN))
    looked = select(func.count(Attempt.id)).where(
        mine, Attempt.state.in_(SEEN), Attempt.no > func.coalesce(sent.scalar_subquery(), 0)
    )
    return case.session.scalar(looked) or 0
