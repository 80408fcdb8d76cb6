"""What an answer or a look-up does to a posting and its push.

Here: the ways a push can end, each one conditional move with its event; all of them need the fence,
so who lost the lease writes nothing. Not here: which of them applies (calls.py,
doubt_resolution.py), what follows when a target has taken documents (taken_documents.py), and
pushes whose end is not known yet (push.py).
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from connectors.contract import Answer, Found
from grammar.text.finding_codes import ErrorClass
from holding.audit.events import record_event
from holding.connections.channel import Channel
from holding.journal import retry_policy, target_holds
from holding.journal.earlier_calls import calls_of
from holding.journal.posting_claims import Claim
from holding.journal.push_rows import keep_alike
from holding.journal.target_holds import Trouble
from holding.lifecycle.causes import UNSEEN, WITHDRAWN
from holding.lifecycle.changes import wake_records
from holding.lifecycle.states import move_posting
from holding.posting.push import FREE, Case, close_push, locked, move, owned, tell
from holding.posting.taken_documents import Taken, posted_each
from holding.tables import Posting
from holding.tables.row_states import PushState
from holding.words import plural
from rules.values.posting_states import PostingState


def posted(
    case: Case,
    *,
    target_ref: str | None,
    words: str,
    existing: bool,
    total: Decimal | None = None,
    besides: str = "",
) -> bool:
    """It is posted; the target's total of it, if that is known, and what else it says of it."""
    taken = Taken(
        target_ref=target_ref, words=words, existing=existing, total=total, besides=besides
    )
    return bool(posted_each([(case, taken)]))


def refused(case: Case, answer: Answer) -> bool:
    """The target says no: the posting fails, with a hold that says why and whose turn it is, unless
    the rules have it tried again.
    """
    error_class = answer.error_class or "business_rule"
    posting = owned(case)
    if posting is None:
        return False
    tries = _tries(case, posting)
    if retry_policy.after(case.session, posting, error_class, tries).again:
        return again_later(case, answer)
    if tries > 1:
        return _gave_up(case, answer, error_class, tries)
    return _failed(
        case, PushState.REFUSED, target_holds.REFUSED, error_class, answer.words, answer.code
    )


def conflict(case: Case, found: Found, error_class: ErrorClass = "duplicate") -> bool:
    """The target has another content under our number: a person sees it and decides."""
    ours = _failed(case, PushState.CONFLICT, target_holds.CONFLICT, error_class, found.words, "")
    if ours and found.stands is not None:
        keep_alike(case.session, case.member.claim.posting_id, [found.stands], case.now)
    return ours


def unseen(case: Case, words: str, tries: int) -> bool:
    """The target shows no such document, and does not know the key any more or was asked often
    enough: a person looks there whether it was made, and says so.
    """
    return _failed(case, PushState.CONFLICT, UNSEEN, "duplicate", words, "", tries=tries)


def withdrawn(case: Case, words: str, file: str) -> bool:
    """A person took back the file that it stood in: it fails, and no retry table is asked."""
    return _failed(case, PushState.REFUSED, WITHDRAWN, "business_rule", words, file)


def other_content(case: Case, answer: Answer) -> bool:
    """The number was taken by an earlier content of this document: the edit did not get there."""
    return _failed(
        case, PushState.CONFLICT, target_holds.CONFLICT, "stale_version", answer.words, answer.code
    )


def again_later(case: Case, answer: Answer) -> bool:
    """Not now, and surely nothing happened: a new push later, with growing pauses."""
    posting = owned(case)
    if posting is None:
        return False
    error_class, tries = answer.error_class or "temporary", _tries(case, posting)
    follows = retry_policy.after(case.session, posting, error_class, tries)
    if follows.least is None:
        return _gave_up(case, answer, error_class, tries)
    number, pause = posting.number, _pause(case, answer, follows.least, follows.most)
    _take_back(case, posting, answer, tries=tries, due_at=case.now + pause)
    say = f"{number} was not accepted now and is sent again automatically. {answer.words}"
    tell(case, "posting.later", say, seconds=str(round(pause.total_seconds(), 1)))
    return True


def overtaken(case: Case) -> bool:
    """Nothing of it arrived, and by now its record may say otherwise: the push is over, and judging
    the record says what is sent. What is still the same goes then, and waits for no other run.
    """
    posting = owned(case)
    if posting is None:
        return False
    words = "Its record changed, or is checked again, before anything of it arrived."
    answer = Answer(kind="temporary", error_class="temporary", words=words)
    number, tries = posting.number, _tries(case, posting)
    _take_back(case, posting, answer, tries=tries, due_at=case.now)
    wake_records(case.session, [case.member.record_id], case.now)
    tell(case, "posting.overtaken", f"{number} was not sent again as it was. {words}")
    return True


def gave_up(case: Case, words: str, tries: int) -> bool:
    """It was sent often enough, and a look-up proved that nothing of it arrived."""
    answer = Answer(kind="temporary", error_class="temporary", words=words)
    return _gave_up(case, answer, "temporary", tries)


def _gave_up(case: Case, answer: Answer, error_class: ErrorClass, tries: int) -> bool:
    words = f"Gave up after {plural(tries, 'try', 'tries')}. {answer.words}"
    return _failed(
        case, PushState.REFUSED, target_holds.GAVE_UP, error_class, words, answer.code, tries=tries
    )


def _tries(case: Case, posting: Posting) -> int:
    """How often this content was sent by now, also where a doubt was sent again."""
    return posting.tries + calls_of(case.session, case.member.push_id)


def waits(case: Case, answer: Answer) -> bool:
    """The whole connection has to wait, for a key or for the next month, and this one with it."""
    posting = owned(case)
    if posting is None:
        return False
    number = posting.number
    place = case.member.claim.due_at  # none for what a run sends: the run takes it again
    _take_back(case, posting, answer, tries=posting.tries, due_at=place)
    say = f"{number} waits until {case.channel.name} responds again. {answer.words}"
    tell(case, "posting.waits", say)
    return True


def _known(case: Case, *codes: str) -> None:
    """The target has answered: what pushing held it for until then is over."""
    posting_id = case.member.claim.posting_id
    case.causes.update(target_holds.close_holds(case.session, [posting_id], codes, case.now))


def _take_back(
    case: Case, posting: Posting, answer: Answer, *, tries: int, due_at: datetime | None
) -> None:
    """Nothing happened there: the push is over, and the posting as before it."""
    close_push(case, PushState.REFUSED, error_class=answer.error_class, error=answer.words)
    _known(case, target_holds.NO_ANSWER)
    creates = case.member.action == "create"
    unsent: dict[str, Any] = {"sent_at": None} if creates else {}
    move(
        case,
        posting,
        PostingState.READY if creates else PostingState.POSTED,
        due_at=due_at,
        push_id=posting.posted_push_id,
        tries=tries,
        crashes=0,
        **FREE,
        **unsent,
    )


def stopped(
    session: Session, channel: Channel, claim: Claim, found: Trouble, now: datetime
) -> None:
    """It may not be sent as it stands: held, and nothing was sent; what is posted stays so."""
    posting = locked(session, claim)
    if posting is None:
        return
    record_id, lock, before = posting.record_id, posting.lock, posting.state
    cause_id = target_holds.open_hold(session, posting, found, now)
    move_posting(
        session,
        claim.posting_id,
        expected=before,
        to=PostingState.POSTED if before == PostingState.POSTED else PostingState.HELD,
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
    target_holds.settle(session, [record_id], [cause_id])


def _failed(
    case: Case,
    push: PushState,
    code: str,
    error_class: ErrorClass,
    words: str,
    target_code: str,
    *,
    tries: int | None = None,
) -> bool:
    """It is over for now. The tries that were used up stay so, until it has another content."""
    posting = owned(case)
    if posting is None:
        return False
    number, kept = posting.number, posting.tries if tries is None else tries
    close_push(case, push, error_class=error_class, error=words)
    _known(case, target_holds.NO_ANSWER)
    columns: dict[str, Any] = {"push_id": posting.posted_push_id}
    creates = case.member.action == "create"  # else the document stands as it stood
    if creates and push != PushState.CONFLICT:
        columns["sent_at"] = None
    after = PostingState.FAILED if creates else PostingState.POSTED
    move(case, posting, after, due_at=None, tries=kept, crashes=0, **FREE, **columns)
    found = Trouble(
        code=code,
        error_class=error_class,
        words=words,
        target_code=target_code,
        owner=retry_policy.after(case.session, posting, error_class, kept + (tries is None)).owner,
    )
    case.causes.add(target_holds.open_hold(case.session, posting, found, case.now))
    act = "posting.conflict" if push == "conflict" else "posting.refused"
    say = f"{case.channel.name} rejected {number}: {words}"
    if code == UNSEEN:
        say = f"Clearpost cannot see whether {case.channel.name} has {number}. {words}"
    tell(case, act, say, error_class=error_class, code=target_code)
    return True


def _pause(case: Case, answer: Answer, least: timedelta, most: timedelta) -> timedelta:
    """What the target asks for, within limits; else a chance between two bounds."""
    if answer.retry_after is not None:
        return min(retry_policy.LONGEST, timedelta(seconds=answer.retry_after))
    return (least + (most - least) * case.luck) * case.desk.pace
