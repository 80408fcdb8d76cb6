"""Lock, open, move and close one push in a transaction, including pushes of uncertain outcome."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, exists, func, null, or_, select, update
from sqlalchemy.orm import Session, aliased

from connectors.contract import Action, Found, Payload, Stands
from connectors.contract.errors import RETRY
from connectors.transport.http import without_secrets
from grammar.text.finding_codes import ErrorClass
from holding.connections import breaker
from holding.connections.channel import Channel, Desk
from holding.db import bulk
from holding.db.bulk import JointWrites, next_id
from holding.db.models import (
    Attempt,
    ConnectionKey,
    Hold,
    Posting,
    PostingLine,
    Push,
    Reading,
    Record,
    Request,
    Run,
    Throttle,
)
from holding.db.models.columns import (
    AttemptState,
    PushState,
    RecordState,
    RequestState,
    among_words,
    is_word,
    table_of,
)
from holding.db.models.decisions import HOLD_OPEN
from holding.db.models.postings import CHANGES
from holding.platform.events import CALL, Fact, SealedCall, record_events
from holding.platform.states import BESIDE, RECORD_HELD, move_posting, move_push, state_beside
from holding.posting import holds, runs
from holding.posting.claims import Claim
from holding.posting.evidence import Bills, document_lines, without_target_fields
from holding.posting.holds import Trouble
from holding.posting.newer_versions import newer_version_words
from rules.outcomes import Document
from rules.values.canonical import PostingState, dumps, plain, sha256_hex

FREE: Mapping[str, Any] = {"lease_owner": None, "lease_until": None}

_relative, _next, _stood = aliased(Record), aliased(Posting), aliased(Push)

_AWAITED = or_(
    exists().where(
        _relative.company_id == Posting.company_id,
        _relative.family == Posting.family,
        or_(_relative.id != Posting.record_id, _relative.version_id != Posting.version_id),
    ),
    exists().where(
        _next.record_id == Posting.record_id,
        or_(
            is_word(_next.state, PostingState.WAITING),
            and_(
                _next.id != Posting.id,
                is_word(_next.state, PostingState.POSTED),
                among_words(_next.action, CHANGES),
                exists().where(_stood.id == _next.posted_push_id, _stood.hash != _next.hash),
            ),
        ),
    ),
)

_AROUND = (
    select(
        Posting,
        Throttle,
        exists().where(Hold.posting_id == Posting.id, HOLD_OPEN).label("held"),
        _AWAITED.label("awaited"),
        Record.state.label("record_state"),
        BESIDE.label("beside"),
        RECORD_HELD.label("record_held"),
    )
    .join(Record, Record.id == Posting.record_id)
    .outerjoin(Throttle, Throttle.connection_id == Posting.connection_id)
    .where(bulk.among_given(Posting.id, "postings"))
    .order_by(Posting.id)
    .execution_options(populate_existing=True)
    .with_for_update(of=Posting, key_share=True)
)

_THESE_OF_RUN = _AROUND.add_columns(runs.ROWS.label("run_rows"))

_THESE = _AROUND.add_columns(null().label("run_rows"))

_OURS = (
    select(Posting)
    .where(Posting.id == bindparam("posting"), Posting.fence == bindparam("fence"))
    .execution_options(populate_existing=True)
    .with_for_update(key_share=True)
)

DOUBT_LIMIT = timedelta(hours=24)

POLLS = (2.0, 4.0, 8.0, 16.0, 30.0, 60.0)

POLL_LIMIT = timedelta(minutes=10)

LOOKS = RETRY["uncertain"].pauses

LONGEST_LOOK = timedelta(seconds=LOOKS[-1])

PROOF_CAP = 4000

_ATTEMPT = table_of(Attempt)

_REQUEST_ID = select(next_id(Request, shared=True))

_LAST_NO = (
    select(_ATTEMPT.c.push_id, func.max(_ATTEMPT.c.no))
    .where(bulk.among_given(_ATTEMPT.c.push_id, "pushes"))
    .group_by(_ATTEMPT.c.push_id)
)

SEEN = (AttemptState.EQUAL, AttemptState.DIFFERENT, AttemptState.ABSENT, AttemptState.UNKNOWN)
"""States of an attempt that was a look-up."""

DRAWN = (
    next_id(Push).label("push_id"),
    next_id(Request, shared=True).label("request_id"),
    next_id(Run, shared=True).label("new_run_id"),
    runs.continued_run(Posting.connection_id, Posting.doc_type).label("run_id"),
    Record.state.label("record_state"),
    BESIDE.label("beside"),
    RECORD_HELD.label("record_held"),
)
"""Of a posting with its record: what `drawn` reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One push inside a call; `standing` and `theirs` as in Checked."""

    claim: Claim
    record_id: int
    push_id: int
    action: Action
    document: Document
    standing: Document | None
    theirs: frozenset[str]
    key: str

    @property
    def sent(self) -> Document:
        """Return the document that the call carries; an update leaves out the fields owned by the
        target.
        """
        return (
            without_target_fields(self.document, self.theirs)
            if self.action == "update"
            else self.document
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One push under its fence, inside one transaction. Pushes of one call share `luck`."""

    session: Session
    desk: Desk
    channel: Channel
    member: Member
    now: datetime
    causes: set[int] = field(default_factory=set)  # those whose counters are to be counted again
    luck: float = 0.0  # from 0 to 1: how much of a pause between two bounds is waited
    call: SealedCall | None = None  # the call that told what happened
    stated: set[int] = field(default_factory=set)  # records whose state is written by now
    woken: set[int] = field(default_factory=set)  # families of which somebody waited for it


def owned_posting(case: Case) -> Posting | None:
    """Return the posting if its fence is still ours, else None."""
    return lock_posting(case.session, case.member.claim)


def lock_posting(session: Session, claim: Claim) -> Posting | None:
    """Lock the posting and return it if the claim's fence is still valid, else None."""
    parameters = {"posting": claim.posting_id, "fence": claim.fence}
    return session.scalars(_OURS, parameters).one_or_none()


@dataclass(frozen=True, slots=True)
class LockedPosting:
    """A posting under our lock.

    `held`: it has an open hold. `awaited`: another record of the family, or a newer version or
    change of its own record, may wait for its end. `beside` and `record_held` describe the record's
    other postings and holds (holding/platform/states.py). `run_rows` is what the run contains, if
    that was queried.
    """

    posting: Posting
    held: bool
    awaited: bool
    record_state: RecordState
    beside: int | None
    record_held: bool
    run_rows: str | None

    def record_after(self, state: PostingState) -> RecordState | None:
        """Return the record's new state when the posting takes this state, or None if it does not
        change.
        """
        after = state_beside(self.beside, state, is_held=self.record_held)
        return after if after != self.record_state else None


def lock_postings(
    case: Case, claims: Iterable[Claim], *, run_id: int | None = None
) -> dict[int, LockedPosting]:
    """Lock several postings and return them by id, without those whose fence changed.

    The records of their families are already locked, so the surrounding data cannot change. The
    same applies to the run when its rows are read.
    """
    fences = {claim.posting_id: claim.fence for claim in claims}
    query = _THESE if run_id is None else _THESE_OF_RUN
    rows = case.session.execute(query, {"postings": list(fences), "run": run_id}).all()
    if rows:
        breaker.note(case.session, case.channel.connection_id, rows[0].Throttle)
    locked_rows = (_locked(row) for row in rows)
    return {
        row.posting.id: row for row in locked_rows if row.posting.fence == fences[row.posting.id]
    }


def _locked(row: Row[Any]) -> LockedPosting:
    return LockedPosting(
        posting=row.Posting,
        held=bool(row.held),
        awaited=bool(row.awaited),
        record_state=row.record_state,
        beside=row.beside,
        record_held=bool(row.record_held),
        run_rows=row.run_rows,
    )


def move_case(case: Case, posting: Posting, to: PostingState, **columns: Any) -> None:
    """Move the posting to another state.

    The row is locked and its fence is ours, so the move cannot fail; RuntimeError if it does.
    """
    before, lock = posting.state, posting.lock
    if not move_posting(case.session, posting.id, expected=before, to=to, lock=lock, **columns):
        message = f"posting {posting.id} moved under our lock"
        raise RuntimeError(message)


def close_push(case: Case, state: PushState, **columns: Any) -> None:
    """Set the push's final state and close it."""
    open_push(case, state, closed_at=case.now, **columns)


def open_push(case: Case, state: PushState, **columns: Any) -> None:
    """Set the push's state without closing it.

    RuntimeError if the state cannot follow, which our fence rules out.
    """
    if not move_push(case.session, case.member.push_id, state, **columns):
        message = f"push {case.member.push_id} never becomes {state} as it stands"
        raise RuntimeError(message)


def log_posting_event(case: Case, act: str, say: str, **body: Any) -> None:
    """Record an event about the posting."""
    record_events(case.session, [posting_fact(case, act, say, **body)])


def log_late_answer(case: Case) -> None:
    """Record that a call was answered after another worker had taken over the document.

    The answer changes no document, but it is stored, so the audit trail has to seal it.
    """
    number = case.member.document.number
    say = f"An earlier call for {number} was answered after another worker took over."
    log_posting_event(case, "posting.late_answer", f"{say} The answer changes nothing.")


def posting_fact(case: Case, act: str, say: str, **body: Any) -> Fact:
    """Return an event about the posting, to be written with other events."""
    return Fact(
        company_id=case.channel.company_id,
        at=case.now,
        act=act,
        record_id=case.member.record_id,
        posting_id=case.member.claim.posting_id,
        fence=case.member.claim.fence,
        body={"say": say, "push": case.member.push_id, **_sealed(case), **body},
    )


def _sealed(case: Case) -> dict[str, Any]:
    return {} if case.call is None else {CALL: list(case.call)}


def mark_uncertain(case: Case, words: str, *, not_before: datetime | None = None) -> bool:
    """Mark the push as uncertain and schedule a lookup; it is never resent blindly."""
    due = case.now + timedelta(seconds=_pause(LOOKS, _looks(case)) * case.desk.pace)
    if _in_doubt(case, words, due_at=max(due, not_before or due), crashes=0, **FREE):
        _alarm(case, "uncertain", DOUBT_LIMIT, words)
        return True
    return False


def _pause(pauses: tuple[float, ...], done: int) -> float:
    return pauses[min(done, len(pauses) - 1)]


def _looks(case: Case) -> int:
    """Return how often this push was looked up since it was last sent."""
    of_push = Attempt.push_id == case.member.push_id
    last_send = select(func.max(Attempt.no)).where(of_push, Attempt.state.not_in(SEEN))
    lookups = select(func.count(Attempt.id)).where(
        of_push, Attempt.state.in_(SEEN), Attempt.no > func.coalesce(last_send.scalar_subquery(), 0)
    )
    return case.session.scalar(lookups) or 0


def _in_doubt(case: Case, words: str, **columns: Any) -> bool:
    posting = owned_posting(case)
    if posting is None:
        return False
    number, was_uncertain = posting.number, posting.state == PostingState.UNCERTAIN
    open_push(case, PushState.UNCERTAIN, error=words)
    _stay_or_move(case, posting, PostingState.UNCERTAIN, **columns)
    if not was_uncertain:
        say = (
            f"No confirmed response for {number}. Clearpost looks it up before sending "
            f"again. {words}"
        )
        log_posting_event(case, "posting.uncertain", say)
    return True


def _stay_or_move(case: Case, posting: Posting, to: PostingState, **columns: Any) -> None:
    if posting.state != to:
        move_case(case, posting, to, **columns)
        return
    if not columns:
        return
    case.session.execute(
        update(Posting)
        .where(Posting.id == posting.id, Posting.fence == case.member.claim.fence)
        .values(**columns)
    )


def _alarm(
    case: Case, error_class: ErrorClass, limit: timedelta, words: str, target_code: str = ""
) -> None:
    """Open a hold when the push has had no outcome for longer than `limit`; lookups continue.

    A record that changed meanwhile is reported after `POLL_LIMIT`, because a person may still stop
    the document.
    """
    push = case.session.get_one(Push, case.member.push_id)
    age = case.now - push.made_at
    if age <= POLL_LIMIT:
        return
    newer = newer_version_words(case.session, case.member.claim.posting_id)
    if newer or age > limit:
        hold_unanswered(case, error_class, f"{newer} {words}".strip(), target_code)


def mark_uncertain_now(case: Case, words: str) -> bool:
    """Mark the push as uncertain but keep the lease, because the lookup follows at once."""
    return _in_doubt(case, words)


def mark_accepted(
    case: Case, words: str, *, until: datetime | None = None, key_paused: bool = False
) -> bool:
    """Mark the push as accepted for later processing: it is looked up again and never resent.

    With `until` the next lookup waits until then, and no hold reports the delay. `key_paused`: the
    target keeps the document until the key of the call is active again.
    """
    posting = owned_posting(case)
    if posting is None:
        return False
    number, was_awaiting = posting.number, posting.state == PostingState.AWAITING
    looks = _looks(case)
    seconds = _pause(POLLS, looks) * case.desk.pace
    # Without a pace a target that never finishes would be asked again without end.
    seconds = max(seconds, 1.0) if looks >= len(POLLS) else seconds
    due = case.now + timedelta(seconds=seconds)
    open_push(case, PushState.AWAITING, error=words)
    due_at = min(posting.due_at or until, until) if until else due  # woken meanwhile: it stays so
    _stay_or_move(case, posting, PostingState.AWAITING, due_at=due_at, crashes=0, **FREE)
    if not was_awaiting:
        say = f"{case.channel.name} received {number} and is processing it."
        say = f"{number} is in a file for {case.channel.name}." if case.channel.by_hand else say
        log_posting_event(case, "posting.awaiting", f"{say} {words}")
    if until is None and not case.channel.by_hand:
        code = holds.KEY_PAUSED if key_paused else ""
        _alarm(case, "temporary", max(POLL_LIMIT, case.channel.settle), words, code)
    return True


def hold_unanswered(case: Case, error_class: ErrorClass, words: str, target_code: str = "") -> None:
    """Open a hold that reports that the outcome is still unknown."""
    posting = case.session.get_one(Posting, case.member.claim.posting_id)
    text = f"Still no answer for {posting.number}. {words}"
    if target_code == holds.KEY_PAUSED:
        calls = select(Request.key_tail).join(Attempt, Attempt.request_id == Request.id)
        calls = calls.where(Attempt.push_id == case.member.push_id, Request.kind == "push")
        tail = case.session.scalar(calls.order_by(Request.id.desc()).limit(1))
        key = f"the API key that ends in {tail}" if tail else "its API key"
        text = f"{posting.number} waits in {case.channel.name}, because {key} is paused. {words}"
    trouble = Trouble(
        code=holds.NO_ANSWER, error_class=error_class, words=text, target_code=target_code
    )
    case.causes.add(holds.open_hold(case.session, posting, trouble, case.now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """One stored call, which may begin until `deadline` on the monotonic clock."""

    channel: Channel
    request_id: int
    run_id: int | None
    key: str
    name: str
    payload: Payload
    members: tuple[Member, ...]
    deadline: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedIds:
    """Values read under locks for the rows of a call.

    They are the ids of the push, the request and a new run, the continued run of immediate pushes,
    and the record's next state if it changes.
    """

    push_id: int
    request_id: int
    new_run_id: int
    run_id: int | None
    record_state: RecordState | None


def read_reserved_ids(row: Row[Any]) -> ReservedIds:
    """Return the reserved ids from a row with the `DRAWN` columns."""
    after = state_beside(row.beside, PostingState.SENDING, is_held=bool(row.record_held))
    return ReservedIds(
        push_id=row.push_id,
        request_id=row.request_id,
        new_run_id=row.new_run_id,
        run_id=row.run_id,
        record_state=after if after != row.record_state else None,
    )


def call_start_limit(desk: Desk) -> timedelta:
    """Return how long after it was stored a call may still begin; a worker that slept longer must
    not.
    """
    return desk.lease / 4


def push_lease(desk: Desk) -> timedelta:
    """Return how long a posting stays leased after its call is stored."""
    return desk.lease / 2 + desk.answer


def add_flight(
    session: Session,
    desk: Desk,
    channel: Channel,
    *,
    members: tuple[Member, ...],
    payload: Payload,
    key: str,
    name: str,
    run_id: int | None,
    parent_id: int | None = None,
    request_id: int | None = None,
    tries: Mapping[int, int] | None = None,
    writes: JointWrites | None = None,
) -> Flight:
    """Insert the rows of one call: its request, and an attempt for every push.

    `request_id` and `tries` (attempts so far by push) are queried where they are missing. The rows
    are written together with what is pending in `writes`.
    """
    now, writes = desk.clock.now(), writes or JointWrites(session)
    request_id = request_id or session.execute(_REQUEST_ID).scalar_one()
    request = {
        "id": request_id,
        "connection_id": channel.connection_id,
        "kind": "push",
        "run_id": run_id,
        "key": key,
        "key_id": channel.key_id,
        "key_tail": channel.key_tail,
        "body": payload.body,
        "sha256": sha256_hex(payload.body),
        "headers": _headers(payload, name),
        "rows": {str(row): number for row, number in payload.rows.items()},
        "state": RequestState.SENDING,
        "made_at": now,
        "deadline_at": now + call_start_limit(desk) + desk.answer,
        "parent_id": parent_id,
    }
    writes.insert(Request, [request])
    rows = {number: row for row, number in sorted(payload.rows.items(), reverse=True)}
    if tries is None:
        tries = _tries_of(session, [member.push_id for member in members])
    writes.insert(Attempt, _attempts(request_id, members, rows, tries, now))
    writes.write()
    if channel.by_hand and payload.body:
        documents = [member.document for member in members]
        runs.add_import_file(session, channel, payload, documents, run_id, request_id, now)
    return Flight(
        channel=channel,
        request_id=request_id,
        run_id=run_id,
        key=key,
        name=name,
        payload=payload,
        members=members,
        deadline=desk.clock.monotonic() + call_start_limit(desk).total_seconds(),
    )


def _headers(payload: Payload, name: str) -> dict[str, str]:
    """Return the call's headers without secrets, with its path and batch name."""
    return {
        ":method": payload.method,
        ":path": payload.path,
        ":batch": name,
        "Content-Type": payload.content_type,
        **without_secrets(payload.headers),
    }


def _tries_of(session: Session, push_ids: list[int]) -> dict[int, int]:
    last = dict(session.execute(_LAST_NO, {"pushes": push_ids}).all())
    return {key: last.get(key, 0) for key in push_ids}


def _attempts(
    request_id: int,
    members: tuple[Member, ...],
    rows: dict[str, int],
    tries: Mapping[int, int],
    now: datetime,
) -> list[dict[str, Any]]:
    return [
        {
            "request_id": request_id,
            "push_id": member.push_id,
            "no": tries[member.push_id] + 1,
            "row": rows.get(member.document.number),
            "fence": member.claim.fence,
            "state": AttemptState.SENDING,
            "at": now,
        }
        for member in members
    ]


def join_lines(writes: JointWrites, pushes: Iterable[tuple[int, Document, Bills | None]]) -> None:
    """Add the billed lines of each push to the pending writes."""
    rows = [
        {"push_id": push_id, "line_key": key, "base_qty": quantity, "amount": amount}
        for push_id, document, bills in pushes
        for key, quantity, amount in document_lines(document, bills)
    ]
    writes.insert(PostingLine, rows)


def add_lookup(
    session: Session,
    channel: Channel,
    member: Member,
    lookup_result: Found,
    *,
    kind: str,
    key: str,
    now: datetime,
) -> SealedCall:
    """Insert a lookup of a member's push with its result, and return its seal."""
    return store_lookup(
        session,
        channel.connection_id,
        member.push_id,
        lookup_result,
        number=member.document.number,
        kind=kind,
        key=key,
        key_id=channel.key_id,
        fence=member.claim.fence,
        now=now,
    )


def store_lookup(
    session: Session,
    connection_id: int,
    push_id: int,
    lookup_result: Found,
    *,
    number: str,
    kind: str,
    key: str,
    key_id: int | None,
    fence: int,
    now: datetime,
) -> SealedCall:
    """Insert a lookup as a request and an attempt of its push, and return its seal."""
    sent_hash, answer_hash = sha256_hex(b""), sha256_hex(lookup_result.proof)
    request = Request(
        connection_id=connection_id,
        kind=kind,
        key=key,
        key_id=key_id,
        key_tail=_tail_of(session, key_id),
        sha256=sent_hash,
        headers={},
        rows={"number": number},
        state=RequestState.ANSWERED,
        made_at=now,
        deadline_at=now,
        answered_at=now,
        answer=lookup_result.proof,
        answer_sha256=answer_hash,
    )
    session.add(request)
    session.flush()
    session.add(
        Attempt(
            request_id=request.id,
            push_id=push_id,
            no=_tries_of(session, [push_id])[push_id] + 1,
            fence=fence,
            state=lookup_result.kind,
            error=lookup_result.words,
            target_ref=lookup_result.target_ref,
            proof=lookup_result.proof.decode("utf-8", "replace")[:PROOF_CAP],
            at=now,
        )
    )
    session.flush()
    return request.id, sent_hash, answer_hash


def _tail_of(session: Session, key_id: int | None) -> str:
    """Return the end of a key, as pages show it; blank for none."""
    key = session.get(ConnectionKey, key_id) if key_id else None
    return key.tail if key is not None else ""


def conflicted_push(session: Session, posting_id: int) -> Push | None:
    """Return the posting's last push that met other content under our number, or None."""
    query = select(Push).where(Push.posting_id == posting_id, Push.state == PushState.CONFLICT)
    return session.scalars(query.order_by(Push.no.desc()).limit(1)).one_or_none()


def store_similar_document(
    session: Session, posting_id: int, similar_documents: Sequence[Stands], now: datetime
) -> None:
    """Store a reading of target documents that may be this posting's document, for a person to
    decide.
    """
    body = {"found": "alike", "documents": [plain(other) for other in similar_documents]}
    digest = sha256_hex(dumps(body))
    session.add(
        Reading(posting_id=posting_id, kind="alike", at=now, sha256=digest, body=body, same=False)
    )
