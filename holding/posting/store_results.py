"""Store the result of a target's answer or lookup for a posting and its push."""

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
from connectors.kit.calls import LOOKUP_REFUSED
from grammar.text.finding_codes import ErrorClass
from holding.connections.channel import Channel
from holding.db import bulk
from holding.db.bulk import JointWrites
from holding.db.models import Attempt, Company, Hold, Posting, Release, Request
from holding.db.models.columns import AttemptState, PushState
from holding.db.refusal import plural
from holding.platform import states
from holding.platform.changes import wake_records
from holding.platform.events import Fact, join_events, record_event
from holding.platform.states import (
    FAILS_ON_IT,
    UNSEEN,
    WITHDRAWN,
    Step,
    counted_state,
    join_pushes,
    join_record_states,
    join_steps,
    move_posting,
)
from holding.posting import holds, runs
from holding.posting.claims import Claim
from holding.posting.holds import Trouble
from holding.posting.lone_failures import fails_on_it, is_server_error, target_fails_on_it
from holding.posting.newer_versions import newer_version_words
from holding.posting.push import (
    FREE,
    SEEN,
    Case,
    LockedPosting,
    close_push,
    lock_posting,
    lock_postings,
    log_posting_event,
    move_case,
    owned_posting,
    posting_fact,
    store_similar_document,
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

NEVER_SENT = "preflight"  # the code of an answer that the connector gave without a call

_NOT_SENT = {NEVER_SENT: holds.TARGET_LIMIT, LOOKUP_REFUSED: states.LOOKUP_REFUSED}
"""The code of an answer to a document that was not sent -> the code of its hold."""

_UNSENT = frozenset({*_NOT_SENT, "address_refused", "not_sent"})
"""Codes of answers to documents of which no byte was sent."""

NOT_BY_TIME = frozenset({"authorization_failed", "uncertain"})
"""A new key or a look-up ends these; rules say only who is told."""


def mark_posted(
    case: Case,
    *,
    target_ref: str | None,
    words: str,
    existing: bool,
    total: Decimal | None = None,
    remark: str = "",
) -> bool:
    """Mark the push as posted, with the target's total if it is known."""
    document = AcceptedDocument(
        target_ref=target_ref, words=words, existing=existing, total=total, besides=remark
    )
    return bool(mark_all_posted([(case, document)]))


def mark_refused(case: Case, answer: Answer) -> bool:
    """Store a refusal: retry if the rules allow it, otherwise fail with a hold that shows why and
    who must act.
    """
    error_class = answer.error_class or "business_rule"
    posting = owned_posting(case)
    if posting is None:
        return False
    tries = _tries(case, posting)
    if decide_retry(case.session, posting, error_class, tries).again:
        return retry_later(case, answer)
    if tries > 1 and answer.code not in _NOT_SENT:
        return _gave_up(case, answer, error_class, tries)
    code = _NOT_SENT.get(answer.code, holds.REFUSED)
    return _failed(case, PushState.REFUSED, code, error_class, answer.words, answer.code)


def _tries(case: Case, posting: Posting) -> int:
    """Return how often this content was sent, including repeated sends of uncertain pushes."""
    return posting.tries + count_calls(case.session, case.member.push_id)


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
    """End the push without success and open a hold.

    The used tries are kept until the content changes.
    """
    posting = owned_posting(case)
    if posting is None:
        return False
    number, used_tries = posting.number, posting.tries if tries is None else tries
    close_push(case, push, error_class=error_class, error=words)
    _known(case, holds.NO_ANSWER)
    columns: dict[str, Any] = {"push_id": posting.posted_push_id}
    creates = case.member.action == "create"  # else the document stands as it stood
    if creates and push != PushState.CONFLICT:
        columns["sent_at"] = None
    next_state = PostingState.FAILED if creates else PostingState.POSTED
    if creates and target_code in _UNSENT:
        # What was not sent is on hold, not failed: its push ends as never sent.
        move_case(case, posting, PostingState.READY)
        case.session.refresh(posting)
        next_state = PostingState.HELD
    move_case(
        case, posting, next_state, due_at=None, tries=used_tries, crashes=0, **FREE, **columns
    )
    trouble = Trouble(
        code=code,
        error_class=error_class,
        words=words,
        target_code=target_code,
        owner=decide_retry(case.session, posting, error_class, used_tries + (tries is None)).owner,
    )
    case.causes.add(holds.open_hold(case.session, posting, trouble, case.now))
    act = "posting.conflict" if push == "conflict" else "posting.refused"
    say = f"{case.channel.name} rejected {number}: {words}"
    if target_code in _UNSENT:
        say = f"{number} was not sent: {words}"
    if code == UNSEEN:
        say = f"Clearpost cannot see whether {case.channel.name} has {number}. {words}"
    log_posting_event(case, act, say, error_class=error_class, code=target_code)
    return True


def _known(case: Case, *codes: str) -> None:
    """Close holds of these codes, because the target has answered."""
    posting_id = case.member.claim.posting_id
    case.causes.update(holds.close_holds(case.session, [posting_id], codes, case.now))


def mark_conflict(case: Case, lookup_result: Found, error_class: ErrorClass = "duplicate") -> bool:
    """Store that the target has other content under our number; a person decides."""
    is_owned = _failed(
        case, PushState.CONFLICT, holds.CONFLICT, error_class, lookup_result.words, ""
    )
    if is_owned and lookup_result.stands is not None:
        store_similar_document(
            case.session, case.member.claim.posting_id, [lookup_result.stands], case.now
        )
    return is_owned


def mark_unseen(case: Case, words: str, tries: int) -> bool:
    """Store that the target neither shows the document nor remembers its key.

    A person checks there whether it exists.
    """
    newer = newer_version_words(case.session, case.member.claim.posting_id)
    words = f"{words} {newer}".strip()
    # The used tries stay: a person who resends after one look decides about one call.
    return _failed(case, PushState.CONFLICT, UNSEEN, "duplicate", words, "", tries=tries)


def mark_withdrawn(case: Case, words: str, file: str) -> bool:
    """Store that a person withdrew the document's import file: it fails and is not retried."""
    return _failed(case, PushState.REFUSED, WITHDRAWN, "business_rule", words, file)


def mark_number_taken(case: Case, answer: Answer) -> bool:
    """Store that an earlier content of this document has the number, so the update did
    not arrive.
    """
    return _failed(
        case, PushState.CONFLICT, holds.CONFLICT, "stale_version", answer.words, answer.code
    )


def retry_later(case: Case, answer: Answer) -> bool:
    """Schedule a new push after a growing pause; the target surely did nothing."""
    posting = owned_posting(case)
    if posting is None:
        return False
    if is_server_error(answer.status) and target_fails_on_it(case):
        return hold_failing_document(case, answer.words)
    error_class, tries = answer.error_class or "temporary", _tries(case, posting)
    decision = decide_retry(case.session, posting, error_class, tries)
    if decision.least is None:
        return _gave_up(case, answer, error_class, tries)
    number, pause = posting.number, _pause(case, answer, decision.least, decision.most)
    _take_back(case, posting, answer, tries=tries, due_at=case.now + pause)
    say = f"{number} was not accepted now and is sent again automatically. {answer.words}"
    log_posting_event(case, "posting.later", say, seconds=str(round(pause.total_seconds(), 1)))
    return True


def _pause(case: Case, answer: Answer, least: timedelta, most: timedelta) -> timedelta:
    """Return the pause that the target requested, within limits, or a random one between two
    bounds.
    """
    if answer.retry_after is not None:
        return min(LONGEST, timedelta(seconds=answer.retry_after))
    return (least + (most - least) * case.luck) * case.desk.pace


def _take_back(
    case: Case, posting: Posting, answer: Answer, *, tries: int, due_at: datetime | None
) -> None:
    """Close the push and return the posting to its state before it; nothing happened in
    the target.
    """
    close_push(case, PushState.REFUSED, error_class=answer.error_class, error=answer.words)
    _known(case, holds.NO_ANSWER)
    is_create = case.member.action == "create"
    sent_columns: dict[str, Any] = {"sent_at": None} if is_create else {}
    move_case(
        case,
        posting,
        PostingState.READY if is_create else PostingState.POSTED,
        due_at=due_at,
        push_id=posting.posted_push_id,
        tries=tries,
        crashes=0,
        **FREE,
        **sent_columns,
    )


def mark_overtaken(case: Case) -> bool:
    """Close a push that never arrived and whose record may have changed, and wake the record.

    The evaluation decides what is sent. An unchanged document is due at once.
    """
    posting = owned_posting(case)
    if posting is None:
        return False
    words = "Its record changed, or is checked again, before anything of it arrived."
    answer = Answer(kind="temporary", error_class="temporary", words=words)
    number, tries = posting.number, _tries(case, posting)
    _take_back(case, posting, answer, tries=tries, due_at=case.now)
    wake_records(case.session, [case.member.record_id], case.now)
    log_posting_event(case, "posting.overtaken", f"{number} was not sent again as it was. {words}")
    return True


def hold_failing_document(case: Case, target_words: str) -> bool:
    """End the push of a document on which alone the target fails, and hold it."""
    words = fails_on_it(case.channel.name, case.member.document.number, target_words)
    return _failed(case, PushState.REFUSED, FAILS_ON_IT, "temporary", words, "")


def give_up_push(case: Case, words: str, tries: int) -> bool:
    """Stop retrying a push after too many sends; a lookup proved that it never arrived."""
    answer = Answer(kind="temporary", error_class="temporary", words=words)
    return _gave_up(case, answer, "temporary", tries)


def wait_for_connection(case: Case, answer: Answer) -> bool:
    """Return the posting to the queue until the connection works again: a new key or the next
    month.
    """
    posting = owned_posting(case)
    if posting is None:
        return False
    number = posting.number
    due_at = case.member.claim.due_at  # none for what a run sends: the run takes it again
    _take_back(case, posting, answer, tries=posting.tries, due_at=due_at)
    say = f"{number} waits until {case.channel.name} responds again. {answer.words}"
    log_posting_event(case, "posting.waits", say)
    return True


def stop_claim(
    session: Session, channel: Channel, claim: Claim, trouble: Trouble, now: datetime
) -> None:
    """Hold a posting that must not be sent as it is. A posted document stays posted."""
    posting = lock_posting(session, claim)
    if posting is None:
        return
    record_id, lock, state = posting.record_id, posting.lock, posting.state
    cause_id = holds.open_hold(session, posting, trouble, now)
    move_posting(
        session,
        claim.posting_id,
        expected=state,
        to=PostingState.POSTED if state == PostingState.POSTED else PostingState.HELD,
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
        body={"say": f"Not sent: {trouble.words}", "code": trouble.code},
    )
    holds.settle_holds(session, [record_id], [cause_id])


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedDocument:
    """The target's answer about a document that it has.

    `existing`: it had the document before this call. `besides`: further text of the answer.
    """

    target_ref: str | None
    words: str
    existing: bool
    total: Decimal | None
    besides: str = ""


def mark_all_posted(
    accepted_cases: Sequence[tuple[Case, AcceptedDocument]],
    others: JointWrites | None = None,
    *,
    ends_run: int | None = None,
) -> set[int]:
    """Mark pushes as posted and return the ids of those whose fence is still ours.

    All cases share session, moment and channel. The changes join `others` if given, else they are
    written at once. With `ends_run` the locked run ends too, if all pushes are still ours.
    """
    if not accepted_cases:
        return set()
    first = accepted_cases[0][0]
    writes = others or JointWrites(first.session)
    locked_postings = lock_postings(
        first, (case.member.claim for case, _ in accepted_cases), run_id=ends_run
    )
    done = [
        _done(case, accepted, locked_postings[case.member.claim.posting_id])
        for case, accepted in accepted_cases
        if case.member.claim.posting_id in locked_postings
    ]
    if done:
        _close(writes, done)
        _move(writes, first, done)
        _let_go(first, [acceptance for acceptance in done if acceptance.found.held])
        _state_records(writes, first, done)
        join_events(writes, [_event(acceptance) for acceptance in done])
        _wake_families(first, [acceptance for acceptance in done if acceptance.found.awaited])
    if ends_run is not None and len(done) == len(accepted_cases):
        existing_by_posting = {
            acceptance.posting.id: acceptance.taken.existing for acceptance in done
        }
        runs.join_end(writes, ends_run, done[0].found.run_rows, existing_by_posting, first.now)
    if others is None:
        writes.write()
    return {acceptance.case.member.push_id for acceptance in done}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """An accepted push with its locked posting and what follows from it."""

    case: Case
    taken: AcceptedDocument
    found: LockedPosting
    target_ref: str | None
    kept: int | None
    takes_back: int | None

    @property
    def posting(self) -> Posting:
        """Return the posting as it was before."""
        return self.found.posting

    @property
    def becomes(self) -> PostingState:
        """Return the posting's new state."""
        void = self.case.member.action == "void"
        return PostingState.REVERSED if void else PostingState.POSTED


def _done(case: Case, accepted: AcceptedDocument, locked: LockedPosting) -> _Done:
    posting = locked.posting
    is_void = case.member.action == "void"
    return _Done(
        case=case,
        taken=accepted,
        found=locked,
        target_ref=accepted.target_ref or posting.target_ref,
        kept=None if is_void else holds.target_total_minor(case.member.document, accepted.total),
        takes_back=reverse_posting(case.session, posting),
    )


def _close(writes: JointWrites, done: Sequence[_Done]) -> None:
    changes = {
        acceptance.case.member.push_id: {
            "closed_at": acceptance.case.now,
            "target_ref": acceptance.target_ref,
            "kept": acceptance.kept,
        }
        for acceptance in done
    }
    join_pushes(writes, changes, PushState.ACCEPTED)


def _move(writes: JointWrites, first: Case, done: Sequence[_Done]) -> None:
    is_readable = isinstance(first.channel.target, Readable)  # asked once: it takes long to answer
    read_at = first.now + first.channel.settle if is_readable else None
    join_steps(writes, [_step(acceptance, read_at) for acceptance in done])


def _step(acceptance: _Done, read_at: datetime | None) -> Step:
    case, posting, member = acceptance.case, acceptance.posting, acceptance.case.member
    columns: dict[str, Any] = {
        "target_ref": acceptance.target_ref,
        "posted_at": posting.posted_at or case.now,
        "due_at": None,
        "tries": 0,
        "crashes": 0,
        **FREE,
        **accepted_values(
            posting,
            member.action,
            member.document,
            member.push_id,
            target_total=acceptance.kept,
            read_at=read_at if case.channel.shows(posting.doc_type) else None,
        ),
    }
    return Step(posting.id, posting.state, posting.lock, acceptance.becomes, columns)


def _let_go(first: Case, done: Sequence[_Done]) -> None:
    """Close the holds that pushing opened, because the target has answered."""
    if not done:
        return
    codes = (holds.NO_ANSWER, *holds.UNDER_OUR_NUMBER)
    ids = [acceptance.posting.id for acceptance in done]
    first.causes.update(holds.close_holds(first.session, ids, codes, first.now))


def _state_records(writes: JointWrites, first: Case, done: Sequence[_Done]) -> None:
    """Set the records' states where only these postings decide them.

    The other records are refreshed later.
    """
    simple = [
        acceptance
        for acceptance in done
        if not acceptance.found.held and acceptance.takes_back is None
    ]
    states = {
        acceptance.case.member.record_id: acceptance.found.record_after(
            counted_state(acceptance.becomes, acceptance.posting.reverses_id)
        )
        for acceptance in simple
    }
    join_record_states(writes, {key: state for key, state in states.items() if state})
    first.stated.update(states)


def _event(acceptance: _Done) -> Fact:
    case, posting, action = acceptance.case, acceptance.posting, acceptance.case.member.action
    target_name = acceptance.target_ref or "a document without a name"
    say = _said(action, case.channel.name, posting.number, target_name)
    say += " It existed there already with the same content." if acceptance.taken.existing else ""
    rounding = holds.rounding_text(case.member.document, acceptance.kept)
    say += f" {rounding}" if rounding else ""
    say += f" {acceptance.taken.besides}" if acceptance.taken.besides else ""
    return posting_fact(
        case,
        "posting.posted",
        say,
        action=action,
        takes_back=acceptance.takes_back,
        existing=acceptance.taken.existing,
        words=acceptance.taken.words,
        target_ref=acceptance.target_ref,
    )


def _said(action: Action, target: str, number: str, document_name: str) -> str:
    """Return the sentence that names the document in the target."""
    if action == "update":
        return f"{target} has {number} with its new content, as {document_name}."
    if action == "void":
        return f"{target} has made {number} void, {document_name}."
    return f"{target} has {number} as {document_name}."


def _wake_families(first: Case, done: Sequence[_Done]) -> None:
    """Wake records of the families that may have waited, and the record itself if a newer version
    came.
    """
    if not done:
        return
    first.woken.update(acceptance.posting.family for acceptance in done)
    rows = [
        {
            "family": acceptance.posting.family,
            "record": acceptance.case.member.record_id,
            "version": acceptance.posting.version_id,
        }
        for acceptance in done
    ]
    statement = text(f"{bulk.given(first.session, 'v', _FAMILIES)} {_OTHERS}")
    parameters = {
        "rows": dumps(rows),
        "company": first.channel.company_id,
        "waits": PostingState.WAITING,
        "posted": PostingState.POSTED,
    }
    woken = set(first.session.scalars(statement, parameters))
    if woken:
        wake_records(first.session, sorted(woken), first.now)


def accepted_values(
    posting: Posting,
    action: Action,
    document: Document,
    push_id: int,
    *,
    target_total: int | None,
    read_at: datetime | None,
) -> dict[str, Any]:
    """Return the columns that an accepted push changes besides the state.

    The document is read back at `read_at` if possible; earlier readings no longer count. A void
    keeps the other columns.
    """
    if action == "void":
        return {"read_due_at": None}
    reading_values = {"posted_push_id": push_id, "read_due_at": read_at, "reading_id": None}
    if action == "create":
        return reading_values | (
            book_values(posting, document, target_total) if target_total is not None else {}
        )
    return reading_values | {
        **book_values(posting, document, target_total),
        "currency": document.currency,
        "doc_date": document.date,
        "party": document.party,
    }


def book_values(posting: Posting, document: Document, target_total: int | None) -> dict[str, Any]:
    """Return the amount columns of a posting, as its document counts in the target."""
    amount = holds.book_amount(document, target_total)
    is_home_currency = posting.book is not None and document.currency == posting.currency
    return {"amount": amount, "book": amount if is_home_currency else None}


def reverse_posting(session: Session, posting: Posting) -> int | None:
    """Mark the posting that a posted credit note reverses, and return its id or None."""
    if posting.reverses_id is None:
        return None
    reversed_posting = session.get_one(
        Posting, posting.reverses_id, with_for_update={"key_share": True}
    )
    move_posting(
        session,
        reversed_posting.id,
        expected=PostingState.POSTED,
        to=PostingState.REVERSED,
        lock=reversed_posting.lock,
        due_at=None,
    )
    return reversed_posting.id


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDecision:
    """The decision after an error.

    The push is retried after a pause between `least` and `most`, at most `left` times. With `least`
    None the team `owner` must act.
    """

    least: timedelta | None = None
    most: timedelta = timedelta()
    left: int = 0
    owner: str

    @property
    def again(self) -> bool:
        """Return whether the push is retried automatically."""
        return self.least is not None


def decide_retry(
    session: Session, posting: Posting, error_class: ErrorClass, tries: int
) -> RetryDecision:
    """Return the decision after an error, given the number of tries including this one."""
    rule_answer = _told(session, posting, error_class, tries)
    owner = (rule_answer and _asked(rule_answer)) or RETRY[error_class].owner
    if error_class in NOT_BY_TIME:
        return RetryDecision(owner=owner)
    if rule_answer is not None and rule_answer.kind != "look_up":
        if rule_answer.pause is None:
            return RetryDecision(owner=owner)
        times = rule_answer.again.times if rule_answer.again else tries + 1
        return RetryDecision(
            least=rule_answer.pause,
            most=rule_answer.pause * SPREAD,
            left=times - tries,
            owner=owner,
        )
    default = RETRY[error_class]
    remaining_tries = (default.tries or 0) - tries
    if default.retry != RetryWay.AUTOMATIC or remaining_tries <= 0:
        return RetryDecision(owner=owner)
    most = min(LONGEST, FIRST * 2.0 ** (tries - 1))
    return RetryDecision(least=timedelta(), most=most, left=remaining_tries, owner=owner)


def _told(
    session: Session, posting: Posting, error_class: ErrorClass, tries: int
) -> RetryAnswer | None:
    """Return the retry answer of the rules in force for this target, or None."""
    version_id = session.get_one(Company, posting.company_id).ruleset_version_id
    if version_id is None:
        return None
    target = posting.route.partition(".")[0]
    return program(session, version_id).retry(target, error_class, tries)


def _asked(rule_answer: RetryAnswer) -> str | None:
    """Return the role that must act in the end, also while retries continue."""
    return rule_answer.role or (rule_answer.again.then.role if rule_answer.again else None)


def last_send(session: Session, push_id: int) -> Request:
    """Return the push's last sending call, without its body, which may be a large file."""
    columns = (
        Request.key,
        Request.run_id,
        Request.made_at,
        Request.deadline_at,
        Request.answered_at,
    )
    query = (
        select(Request)
        .options(load_only(*columns))
        .join(Attempt, Attempt.request_id == Request.id)
        .where(Attempt.push_id == push_id, Request.kind == "push")
        .order_by(Attempt.no.desc())
    )
    return session.scalars(query.limit(1)).one()


@dataclass(frozen=True, slots=True)
class SendHistory:
    """How often a push was sent, when first and last, and the error of the last call."""

    count: int
    first_at: datetime
    last_at: datetime
    said: str


def load_send_history(session: Session, push_id: int) -> SendHistory:
    """Return the sends of a push; there is at least one."""
    query = (
        select(Request.made_at, Attempt.error)
        .join(Request, Request.id == Attempt.request_id)
        .where(Attempt.push_id == push_id, Request.kind == "push")
        .order_by(Attempt.no)
    )
    sends = session.execute(query).all()
    first, last = sends[0], sends[-1]
    return SendHistory(len(sends), first.made_at, last.made_at, last.error or "")


def skipped_unseen(session: Session, posting: Posting) -> bool:
    """Check whether a posting may exist where only people can look, and was skipped rather than
    found absent.
    """
    of_posting = (
        Hold.record_id == posting.record_id,
        Hold.route == posting.route,
        Hold.code == UNSEEN,
    )
    ended = select(func.max(Hold.closed_at)).where(*of_posting).scalar_subquery()
    query = select(Release.id).where(
        Release.record_id == posting.record_id,
        Release.route == posting.route,
        Release.code == UNSEEN,
        Release.kind == "reject",
        Release.at >= ended,
    )
    return session.scalar(query.limit(1)) is not None


def count_calls(session: Session, push_id: int) -> int:
    """Return how often the push was sent to the target; the halves of a file count as one call."""
    query = select(func.count(Attempt.id)).where(
        Attempt.push_id == push_id, Attempt.state.not_in((*SEEN, AttemptState.SPLIT))
    )
    return session.scalar(query) or 0


def ticket_of(session: Session, push_id: int) -> str | None:
    """Return the ticket that continues the push's last call, or None.

    Lookups without a result change nothing.
    """
    query = select(Attempt.state, Attempt.target_ref).where(Attempt.push_id == push_id)
    for state, ref in session.execute(query.order_by(Attempt.no.desc())):
        if state == AttemptState.AWAITING or (state == AttemptState.UNKNOWN and ref):
            return ref
        if state != AttemptState.UNKNOWN:
            return None
    return None


def made_ref(session: Session, push_id: int) -> str | None:
    """Return the id of the document that, by the target's answer, this push created with other
    content.
    """
    query = (
        select(Attempt.target_ref)
        .where(Attempt.push_id == push_id, Attempt.state == AttemptState.UNCERTAIN)
        .where(Attempt.target_ref.is_not(None))
        .order_by(Attempt.no.desc())
    )
    return session.scalar(query.limit(1))


def absent_since(session: Session, push_id: int, request_id: int, now: datetime) -> datetime | None:
    """Return the first of the consecutive `absent` lookups since that send, or None.

    Any other result starts again, and so does a clock that was set back. A pending lookup is
    ignored.
    """
    send_no = select(Attempt.no).where(Attempt.push_id == push_id, Attempt.request_id == request_id)
    lookups = session.execute(
        select(Attempt.state, Request.made_at, Attempt.target_ref)
        .join(Request, Request.id == Attempt.request_id)
        .where(Attempt.push_id == push_id, Attempt.no > send_no.scalar_subquery())
        .where(Attempt.state.in_(SEEN))
        .order_by(Attempt.no.desc())
    ).all()
    first_at = None
    for state, at, ref in lookups:
        if state == AttemptState.UNKNOWN and ref:
            continue
        if state != AttemptState.ABSENT or at > now:
            break
        first_at = at
    return first_at
