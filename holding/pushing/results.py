"""What an answer or a look-up does to a posting and its push.

Here: the eight ways a push can come out, each one conditional move with its event. Not here: which
of them applies (holding/pushing/flight.py, holding/pushing/settle.py). All of them need the fence:
who lost the lease writes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from connectors.kit.contract import Answer
from connectors.kit.errors import RETRY, ErrorClass
from holding.events import record_event
from holding.lifecycle import move_posting
from holding.models import Attempt, Posting, Push, Record
from holding.pushing import trouble
from holding.pushing.claim import Claim
from holding.pushing.desk import Channel, Desk
from holding.pushing.rows import SEEN, Member
from holding.pushing.trouble import Trouble
from holding.wakes import wake_records

QUOTA = "quota_exceeded"
LONGEST_QUOTA = 6 * 3600.0  # the month may be long, but somebody may buy more
DOUBT_LIMIT = timedelta(hours=24)
POLLS = (2.0, 4.0, 8.0, 16.0, 30.0, 60.0)
POLL_LIMIT = timedelta(minutes=10)
FIRST_RETRY, LONGEST_RETRY = RETRY["temporary"].pauses
RETRIES = RETRY["temporary"].tries or 12
LOOKS = RETRY["uncertain"].pauses
FREE: Mapping[str, Any] = {"lease_owner": None, "lease_until": None}


@dataclass(frozen=True, slots=True)
class Case:
    """One push under its fence, inside one transaction."""

    session: Session
    desk: Desk
    channel: Channel
    member: Member
    now: datetime
    causes: set[int] = field(default_factory=set)  # those whose counters are to be counted again


def posted(case: Case, *, target_ref: str | None, words: str, existing: bool) -> bool:
    """It stands in the target."""
    posting = _owned(case)
    if posting is None:
        return False
    number, family, version_id = posting.number, posting.family, posting.version_id
    note = " It stood there already with the same content." if existing else ""
    _close_push(case, "accepted", target_ref=target_ref)
    _move(
        case,
        posting,
        "posted",
        target_ref=target_ref,
        posted_at=case.now,
        posted_push_id=case.member.push_id,
        due_at=None,
        tries=0,
        **FREE,
    )
    known = (trouble.NO_ANSWER, trouble.CONFLICT)
    case.causes.update(
        trouble.close_holds(case.session, case.member.claim.posting_id, known, case.now)
    )
    say = f"{case.channel.name} has {number} as {target_ref or 'a document without a name'}.{note}"
    _tell(case, "posting.posted", say, existing=existing, words=words, target_ref=target_ref)
    _wake_family(case, family, version_id)
    return True


def refused(case: Case, answer: Answer) -> bool:
    """The target says no: the posting fails, with a hold that says why and whose turn it is."""
    error_class = answer.error_class or "business_rule"
    return _failed(case, "refused", trouble.REFUSED, error_class, answer.words, answer.code)


def conflict(case: Case, words: str) -> bool:
    """Another content stands there under our number: a person decides."""
    return _failed(case, "conflict", trouble.CONFLICT, "duplicate", words, "")


def other_content(case: Case, answer: Answer) -> bool:
    """The number was taken by an earlier content of this document: the edit did not get there."""
    return _failed(case, "conflict", trouble.CONFLICT, "stale_version", answer.words, answer.code)


def again_later(case: Case, answer: Answer) -> bool:
    """Not now, and surely nothing happened: a new push later, with growing pauses."""
    posting = _owned(case)
    if posting is None:
        return False
    if answer.code != QUOTA and posting.tries + 1 >= RETRIES:
        words = f"Gave up after {RETRIES} tries. {answer.words}"
        return _failed(case, "refused", trouble.GAVE_UP, "temporary", words, answer.code)
    pause = _retry_pause(case, answer, posting.tries)
    number, tries = posting.number, posting.tries + (answer.code != QUOTA)
    _close_push(case, "refused", error_class="temporary", error=answer.words)
    _move(
        case,
        posting,
        "ready",
        due_at=case.now + timedelta(seconds=pause),
        sent_at=None,
        push_id=posting.posted_push_id,
        tries=tries,
        crashes=0,
        **FREE,
    )
    say = f"{number} was not taken now and is sent again by itself. {answer.words}"
    _tell(case, "posting.later", say, seconds=str(round(pause, 1)))
    return True


def doubtful(case: Case, words: str, *, not_before: datetime | None = None) -> bool:
    """Nobody knows whether it arrived: it will be looked up, never sent again blindly."""
    due = case.now + timedelta(seconds=_pause(LOOKS, _looks(case)) * case.desk.pace)
    if _in_doubt(case, words, due_at=max(due, not_before or due), **FREE):
        _alarm(case, "uncertain", DOUBT_LIMIT, words)
        return True
    return False


def in_doubt(case: Case, words: str) -> bool:
    """The same, while we keep the lease and look it up at once."""
    return _in_doubt(case, words)


def _in_doubt(case: Case, words: str, **columns: Any) -> bool:
    posting = _owned(case)
    if posting is None:
        return False
    number, known = posting.number, posting.state == "uncertain"
    _open_push(case, "uncertain", error=words)
    _stay_or_move(case, posting, "uncertain", **columns)
    if not known:
        say = f"No clear answer for {number}; it is looked up before anything is sent. {words}"
        _tell(case, "posting.uncertain", say)
    return True


def parked(case: Case, words: str) -> bool:
    """The target has taken it and will tell later: ask again and again, send nothing."""
    posting = _owned(case)
    if posting is None:
        return False
    number, known = posting.number, posting.state == "awaiting"
    due = case.now + timedelta(seconds=_pause(POLLS, _looks(case)) * case.desk.pace)
    _open_push(case, "awaiting", error=words)
    _stay_or_move(case, posting, "awaiting", due_at=due, **FREE)
    if not known:
        _tell(case, "posting.awaiting", f"{case.channel.name} has taken {number} in. {words}")
    _alarm(case, "temporary", POLL_LIMIT, words)
    return True


def stopped(
    session: Session, channel: Channel, claim: Claim, found: Trouble, now: datetime
) -> None:
    """It may not be sent as it stands: held, and nothing was sent."""
    posting = _locked(session, claim)
    if posting is None:
        return
    record_id, lock = posting.record_id, posting.lock
    cause_id = trouble.open_hold(session, posting, found, now)
    move_posting(
        session,
        claim.posting_id,
        expected="ready",
        to="held",
        lock=lock,
        due_at=None,
        crashes=0,
        **FREE,
    )
    record_event(
        session,
        company_id=channel.company_id,
        at=now,
        actor=None,
        act="posting.stopped",
        record_id=record_id,
        posting_id=claim.posting_id,
        fence=claim.fence,
        body={"say": f"Not sent: {found.words}", "code": found.code},
    )
    trouble.settle(session, [record_id], [cause_id])


def _failed(
    case: Case, push: str, code: str, error_class: ErrorClass, words: str, target_code: str
) -> bool:
    posting = _owned(case)
    if posting is None:
        return False
    number = posting.number
    _close_push(case, push, error_class=error_class, error=words)
    columns: dict[str, Any] = {} if push == "conflict" else {"sent_at": None}
    billed = posting.posted_push_id
    _move(
        case, posting, "failed", due_at=None, tries=0, crashes=0, push_id=billed, **FREE, **columns
    )
    found = Trouble(code=code, error_class=error_class, words=words, target_code=target_code)
    case.causes.add(trouble.open_hold(case.session, posting, found, case.now))
    act = "posting.conflict" if push == "conflict" else "posting.refused"
    say = f"{case.channel.name} did not take {number}: {words}"
    _tell(case, act, say, error_class=error_class, code=target_code)
    return True


def _alarm(case: Case, error_class: ErrorClass, limit: timedelta, words: str) -> None:
    """Too long without an end: a person should know, while we go on asking."""
    push = case.session.get_one(Push, case.member.push_id)
    if case.now - push.made_at > limit:
        posting = case.session.get_one(Posting, case.member.claim.posting_id)
        text = f"Still no answer for {posting.number}. {words}"
        found = Trouble(code=trouble.NO_ANSWER, error_class=error_class, words=text)
        case.causes.add(trouble.open_hold(case.session, posting, found, case.now))


def _owned(case: Case) -> Posting | None:
    """The posting, if its fence is still ours."""
    return _locked(case.session, case.member.claim)


def _locked(session: Session, claim: Claim) -> Posting | None:
    query = (
        select(Posting)
        .where(Posting.id == claim.posting_id, Posting.fence == claim.fence)
        .execution_options(populate_existing=True)
        .with_for_update(key_share=True)
    )
    return session.scalars(query).one_or_none()


def _move(case: Case, posting: Posting, to: str, **columns: Any) -> None:
    """The conditional move; the row is locked and its fence was ours, so it cannot fail."""
    before, lock = posting.state, posting.lock
    if not move_posting(case.session, posting.id, expected=before, to=to, lock=lock, **columns):
        message = f"posting {posting.id} moved under our lock"
        raise RuntimeError(message)


def _stay_or_move(case: Case, posting: Posting, to: str, **columns: Any) -> None:
    if posting.state != to:
        _move(case, posting, to, **columns)
        return
    if not columns:
        return
    case.session.execute(
        update(Posting)
        .where(Posting.id == posting.id, Posting.fence == case.member.claim.fence)
        .values(**columns)
    )


def _close_push(case: Case, state: str, **columns: Any) -> None:
    _open_push(case, state, closed_at=case.now, **columns)


def _open_push(case: Case, state: str, **columns: Any) -> None:
    case.session.execute(
        update(Push).where(Push.id == case.member.push_id).values(state=state, **columns)
    )


def _wake_family(case: Case, family: int, version_id: int) -> None:
    """Others of the family may have waited for this; itself, if a newer version came."""
    others = select(Record.id).where(
        Record.company_id == case.channel.company_id,
        Record.family == family,
        or_(
            Record.id != case.member.record_id,
            Record.version_id != version_id,
            Record.id.in_(
                select(Posting.record_id).where(
                    Posting.record_id == case.member.record_id, Posting.state == "waiting"
                )
            ),
        ),
    )
    woken = case.session.scalars(others).all()
    if woken:
        wake_records(case.session, woken, case.now)


def _tell(case: Case, act: str, say: str, **body: Any) -> None:
    record_event(
        case.session,
        company_id=case.channel.company_id,
        at=case.now,
        actor=None,
        act=act,
        record_id=case.member.record_id,
        posting_id=case.member.claim.posting_id,
        fence=case.member.claim.fence,
        body={"say": say, "push": case.member.push_id, **body},
    )


def _retry_pause(case: Case, answer: Answer, tries: int) -> float:
    """What the target asks for, within limits; else a chance under a growing bound."""
    if answer.retry_after is not None:
        return min(answer.retry_after, LONGEST_QUOTA if answer.code == QUOTA else LONGEST_RETRY)
    longest = min(LONGEST_RETRY, FIRST_RETRY * 2.0**tries)
    return case.desk.chance.uniform(0, longest) * case.desk.pace


def _pause(pauses: tuple[float, ...], done: int) -> float:
    return pauses[min(done, len(pauses) - 1)]


def _looks(case: Case) -> int:
    """How often this push was looked up so far."""
    query = select(func.count(Attempt.id)).where(
        Attempt.push_id == case.member.push_id, Attempt.state.in_(SEEN)
    )
    return case.session.scalar(query) or 0
