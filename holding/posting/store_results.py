"""Store what a target's answer or lookup means for a posting and its push."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, load_only

from connectors.contract import Action, Answer, Found
from connectors.contract.errors import RETRY, RetryWay
from connectors.contract.targets import Readable
from grammar.text.finding_codes import ErrorClass
from holding.connections.channel import Channel
from holding.db import bulk
from holding.db.bulk import JointWrites
from holding.db.models import Attempt, Company, Hold, Posting, Release, Request
from holding.db.models.columns import AttemptState, PushState
from holding.db.refusal import plural
from holding.platform.changes import wake_records
from holding.platform.events import Fact, join_events, record_event
from holding.platform.states import (
    UNSEEN,
    WITHDRAWN,
    Step,
    counted,
    join_pushes,
    join_record_states,
    join_steps,
    move_posting,
)
from holding.posting import holds, runs
from holding.posting.claims import Claim
from holding.posting.holds import Trouble
from holding.posting.push import (
    FREE,
    SEEN,
    Case,
    Locked,
    close_push,
    fact,
    keep_alike,
    locked,
    locked_each,
    move,
    owned,
    tell,
)
from holding.programs.world import program
from rules.decisions.decision_tables import RetryAnswer
from rules.outcomes import Document
from rules.values.canonical import PostingState, dumps

_FAMILIES = {"family": "bigint", "record": "bigint", "version": "bigint"}

_OTHERS = (
    "SELECT r.id FROM v JOIN record AS r ON r.company_id = :company AND r.family = v.family"
    " WHERE r.id <> v.record OR r.version_id <> v.version OR EXISTS (SELECT 1 FROM posting AS p"
    " WHERE p.record_id = v.record"
    " AND (p.state = :waits OR (p.state = :posted AND p.action IN ('update', 'void') AND EXISTS"
    " (SELECT 1 FROM push AS s WHERE s.id = p.posted_push_id AND s.hash <> p.hash))))"
)

FIRST, LONGEST = (timedelta(seconds=seconds) for seconds in RETRY["temporary"].pauses)

SPREAD = 1.2  # what was refused in one moment is not tried again in one moment

NOT_BY_TIME = frozenset({"authorization_failed", "uncertain"})
"""A new key or a look-up ends these; rules say only who is told."""


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
    if follow_up(case.session, posting, error_class, tries).again:
        return again_later(case, answer)
    if tries > 1:
        return _gave_up(case, answer, error_class, tries)
    return _failed(case, PushState.REFUSED, holds.REFUSED, error_class, answer.words, answer.code)


def _tries(case: Case, posting: Posting) -> int:
    """How often this content was sent by now, also where a doubt was sent again."""
    return posting.tries + calls_of(case.session, case.member.push_id)


def _gave_up(case: Case, answer: Answer, error_class: ErrorClass, tries: int) -> bool:
    words = f"Gave up after {plural(tries, 'try', 'tries')}. {answer.words}"
    return _failed(
        case, PushState.REFUSED, holds.GAVE_UP, error_class, words, answer.code, tries=tries
    )


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
    _known(case, holds.NO_ANSWER)
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
        owner=follow_up(case.session, posting, error_class, kept + (tries is None)).owner,
    )
    case.causes.add(holds.open_hold(case.session, posting, found, case.now))
    act = "posting.conflict" if push == "conflict" else "posting.refused"
    say = f"{case.channel.name} rejected {number}: {words}"
    if code == UNSEEN:
        say = f"Clearpost cannot see whether {case.channel.name} has {number}. {words}"
    tell(case, act, say, error_class=error_class, code=target_code)
    return True


def _known(case: Case, *codes: str) -> None:
    """The target has answered: what pushing held it for until then is over."""
    posting_id = case.member.claim.posting_id
    case.causes.update(holds.close_holds(case.session, [posting_id], codes, case.now))


def conflict(case: Case, found: Found, error_class: ErrorClass = "duplicate") -> bool:
    """The target has another content under our number: a person sees it and decides."""
    ours = _failed(case, PushState.CONFLICT, holds.CONFLICT, error_class, found.words, "")
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
        case, PushState.CONFLICT, holds.CONFLICT, "stale_version", answer.words, answer.code
    )


def again_later(case: Case, answer: Answer) -> bool:
    """Not now, and surely nothing happened: a new push later, with growing pauses."""
    posting = owned(case)
    if posting is None:
        return False
    error_class, tries = answer.error_class or "temporary", _tries(case, posting)
    follows = follow_up(case.session, posting, error_class, tries)
    if follows.least is None:
        return _gave_up(case, answer, error_class, tries)
    number, pause = posting.number, _pause(case, answer, follows.least, follows.most)
    _take_back(case, posting, answer, tries=tries, due_at=case.now + pause)
    say = f"{number} was not accepted now and is sent again automatically. {answer.words}"
    tell(case, "posting.later", say, seconds=str(round(pause.total_seconds(), 1)))
    return True


def _pause(case: Case, answer: Answer, least: timedelta, most: timedelta) -> timedelta:
    """What the target asks for, within limits; else a chance between two bounds."""
    if answer.retry_after is not None:
        return min(LONGEST, timedelta(seconds=answer.retry_after))
    return (least + (most - least) * case.luck) * case.desk.pace


def _take_back(
    case: Case, posting: Posting, answer: Answer, *, tries: int, due_at: datetime | None
) -> None:
    """Nothing happened there: the push is over, and the posting as before it."""
    close_push(case, PushState.REFUSED, error_class=answer.error_class, error=answer.words)
    _known(case, holds.NO_ANSWER)
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


def stopped(
    session: Session, channel: Channel, claim: Claim, found: Trouble, now: datetime
) -> None:
    """It may not be sent as it stands: held, and nothing was sent; what is posted stays so."""
    posting = locked(session, claim)
    if posting is None:
        return
    record_id, lock, before = posting.record_id, posting.lock, posting.state
    cause_id = holds.open_hold(session, posting, found, now)
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
    holds.settle(session, [record_id], [cause_id])


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the target said of a document that it has: its own name of it, what it amounts to there,
    and whether it had it before this call; `besides` is what else it says of it.
    """

    target_ref: str | None
    words: str
    existing: bool
    total: Decimal | None
    besides: str = ""


def posted_each(
    told: Sequence[tuple[Case, Taken]],
    others: JointWrites | None = None,
    *,
    ends_run: int | None = None,
) -> set[int]:
    """They are posted: the ids of those pushes whose fence is still ours. All cases are of one
    session, moment and channel. What follows is written with what waits among `others`, if that is
    given, else at once; with the run that they end, whose row is locked, where all are still ours.
    """
    if not told:
        return set()
    first = told[0][0]
    writes = others or JointWrites(first.session)
    ours = locked_each(first, (case.member.claim for case, _ in told), run_id=ends_run)
    done = [
        _done(case, taken, ours[case.member.claim.posting_id])
        for case, taken in told
        if case.member.claim.posting_id in ours
    ]
    if done:
        _close(writes, done)
        _move(writes, first, done)
        _let_go(first, [one for one in done if one.found.held])
        _state_records(writes, first, done)
        join_events(writes, [_event(one) for one in done])
        _wake_families(first, [one for one in done if one.found.awaited])
    if ends_run is not None and len(done) == len(told):
        posted = {one.posting.id: one.taken.existing for one in done}
        runs.join_end(writes, ends_run, done[0].found.run_rows, posted, first.now)
    if others is None:
        writes.write()
    return {one.case.member.push_id for one in done}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """A push that was taken, with its locked posting, and what follows for it."""

    case: Case
    taken: Taken
    found: Locked
    target_ref: str | None
    kept: int | None
    takes_back: int | None

    @property
    def posting(self) -> Posting:
        """As it was before."""
        return self.found.posting

    @property
    def becomes(self) -> PostingState:
        """The state that it takes."""
        void = self.case.member.action == "void"
        return PostingState.REVERSED if void else PostingState.POSTED


def _done(case: Case, taken: Taken, found: Locked) -> _Done:
    posting = found.posting
    void = case.member.action == "void"
    return _Done(
        case=case,
        taken=taken,
        found=found,
        target_ref=taken.target_ref or posting.target_ref,
        kept=None if void else holds.in_minor(case.member.document, taken.total),
        takes_back=take_back(case.session, posting),
    )


def _close(writes: JointWrites, done: Sequence[_Done]) -> None:
    changes = {
        one.case.member.push_id: {
            "closed_at": one.case.now,
            "target_ref": one.target_ref,
            "kept": one.kept,
        }
        for one in done
    }
    join_pushes(writes, changes, PushState.ACCEPTED)


def _move(writes: JointWrites, first: Case, done: Sequence[_Done]) -> None:
    reads = isinstance(first.channel.target, Readable)  # asked once: it takes long to answer
    read_at = first.now + first.channel.settle if reads else None
    join_steps(writes, [_step(one, read_at) for one in done])


def _step(one: _Done, read_at: datetime | None) -> Step:
    case, posting, member = one.case, one.posting, one.case.member
    columns: dict[str, Any] = {
        "target_ref": one.target_ref,
        "posted_at": posting.posted_at or case.now,
        "due_at": None,
        "tries": 0,
        "crashes": 0,
        **FREE,
        **accepted(
            posting,
            member.action,
            member.document,
            member.push_id,
            kept=one.kept,
            read_at=read_at if case.channel.shows(posting.doc_type) else None,
        ),
    }
    return Step(posting.id, posting.state, posting.lock, one.becomes, columns)


def _let_go(first: Case, done: Sequence[_Done]) -> None:
    """The target has answered: what pushing held them for until then is over."""
    if not done:
        return
    codes = (holds.NO_ANSWER, *holds.UNDER_OUR_NUMBER)
    ids = [one.posting.id for one in done]
    first.causes.update(holds.close_holds(first.session, ids, codes, first.now))


def _state_records(writes: JointWrites, first: Case, done: Sequence[_Done]) -> None:
    """What the records are then, where nothing else changes that; of the others it is asked
    later.
    """
    clear = [one for one in done if not one.found.held and one.takes_back is None]
    after = {
        one.case.member.record_id: one.found.record_after(
            counted(one.becomes, one.posting.reverses_id)
        )
        for one in clear
    }
    join_record_states(writes, {key: state for key, state in after.items() if state})
    first.stated.update(after)


def _event(one: _Done) -> Fact:
    case, posting, action = one.case, one.posting, one.case.member.action
    there = one.target_ref or "a document without a name"
    say = _said(action, case.channel.name, posting.number, there)
    say += " It existed there already with the same content." if one.taken.existing else ""
    rounded = holds.said(case.member.document, one.kept)
    say += f" {rounded}" if rounded else ""
    say += f" {one.taken.besides}" if one.taken.besides else ""
    return fact(
        case,
        "posting.posted",
        say,
        action=action,
        takes_back=one.takes_back,
        existing=one.taken.existing,
        words=one.taken.words,
        target_ref=one.target_ref,
    )


def _said(action: Action, target: str, number: str, there: str) -> str:
    """What the target has by now, and its own name of it."""
    if action == "update":
        return f"{target} has {number} with its new content, as {there}."
    if action == "void":
        return f"{target} has made {number} void, {there}."
    return f"{target} has {number} as {there}."


def _wake_families(first: Case, done: Sequence[_Done]) -> None:
    """Others of a family may have waited for this; itself, if a newer version came."""
    if not done:
        return
    first.woken.update(one.posting.family for one in done)
    rows = [
        {
            "family": one.posting.family,
            "record": one.case.member.record_id,
            "version": one.posting.version_id,
        }
        for one in done
    ]
    statement = text(f"{bulk.given(first.session, 'v', _FAMILIES)} {_OTHERS}")
    given = {
        "rows": dumps(rows),
        "company": first.channel.company_id,
        "waits": PostingState.WAITING,
        "posted": PostingState.POSTED,
    }
    woken = set(first.session.scalars(statement, given))
    if woken:
        wake_records(first.session, sorted(woken), first.now)


def accepted(
    posting: Posting,
    action: Action,
    document: Document,
    push_id: int,
    *,
    kept: int | None,
    read_at: datetime | None,
) -> dict[str, Any]:
    """What an accepted push changes besides the state; a void leaves what it made void.

    What the target has now is read back at `read_at`, if it can be; what was read before is past.
    """
    if action == "void":
        return {"read_due_at": None}
    watched = {"posted_push_id": push_id, "read_due_at": read_at, "reading_id": None}
    if action == "create":
        return watched | (in_books(posting, document, kept) if kept is not None else {})
    return watched | {
        **in_books(posting, document, kept),
        "currency": document.currency,
        "doc_date": document.date,
        "party": document.party,
    }


def in_books(posting: Posting, document: Document, kept: int | None) -> dict[str, Any]:
    """The amount of a posting, as its document counts in the target."""
    amount = holds.stands(document, kept)
    home = posting.book is not None and document.currency == posting.currency
    return {"amount": amount, "book": amount if home else None}


def take_back(session: Session, posting: Posting) -> int | None:
    """A posted credit note: the posting that it takes back is reversed; its id."""
    if posting.reverses_id is None:
        return None
    other = session.get_one(Posting, posting.reverses_id, with_for_update={"key_share": True})
    move_posting(
        session,
        other.id,
        expected=PostingState.POSTED,
        to=PostingState.REVERSED,
        lock=other.lock,
        due_at=None,
    )
    return other.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Follows:
    """Tried again after a pause between `least` and `most`, and so often at most (`left`), or
    (None) a team is asked.
    """

    least: timedelta | None = None
    most: timedelta = timedelta()
    left: int = 0
    owner: str

    @property
    def again(self) -> bool:
        """Whether it is retried automatically."""
        return self.least is not None


def follow_up(session: Session, posting: Posting, error_class: ErrorClass, tries: int) -> Follows:
    """What follows an error after so many tries, this one included."""
    told = _told(session, posting, error_class, tries)
    owner = (told and _asked(told)) or RETRY[error_class].owner
    if error_class in NOT_BY_TIME:
        return Follows(owner=owner)
    if told is not None and told.kind != "look_up":
        if told.pause is None:
            return Follows(owner=owner)
        times = told.again.times if told.again else tries + 1
        return Follows(least=told.pause, most=told.pause * SPREAD, left=times - tries, owner=owner)
    usual = RETRY[error_class]
    left = (usual.tries or 0) - tries
    if usual.retry != RetryWay.AUTOMATIC or left <= 0:
        return Follows(owner=owner)
    most = min(LONGEST, FIRST * 2.0 ** (tries - 1))
    return Follows(least=timedelta(), most=most, left=left, owner=owner)


def _told(
    session: Session, posting: Posting, error_class: ErrorClass, tries: int
) -> RetryAnswer | None:
    """What the rules in force say of this target."""
    version_id = session.get_one(Company, posting.company_id).ruleset_version_id
    if version_id is None:
        return None
    target = posting.route.partition(".")[0]
    return program(session, version_id).retry(target, error_class, tries)


def _asked(told: RetryAnswer) -> str | None:
    """Who is asked in the end, also while it is still tried again."""
    return told.role or (told.again.then.role if told.again else None)


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
