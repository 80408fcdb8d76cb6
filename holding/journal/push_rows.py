"""The journal's rows: push, request, attempt.

Here: writing them, the values that pass between the steps of a push, and how often it was sent and
looked up so far. Not here: when they are written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session, load_only

from connectors.contract import Action, Found, Payload, Stands
from connectors.transport.http import without_secrets
from holding.audit.seals import SealedCall
from holding.connections.channel import Channel, Desk
from holding.journal.evidence import Bills, document_lines, ours
from holding.journal.posting_claims import Claim
from holding.store import bulk
from holding.tables import Attempt, PostingLine, Push, Reading, Request
from holding.tables.columns import table_of
from holding.tables.row_states import AttemptState, PushState, RequestState
from rules.outcomes.outcome import Document
from rules.values.canonical import dumps, plain, sha256_hex

PROOF_CAP = 4000
_ATTEMPT = table_of(Attempt)
_ADD_LINES, _ADD_ATTEMPTS = insert(table_of(PostingLine)), insert(_ATTEMPT)
_ADD_REQUEST = insert(table_of(Request)).returning(table_of(Request).c.id)
_LAST_NO = (
    select(_ATTEMPT.c.push_id, func.max(_ATTEMPT.c.no))
    .where(bulk.among_given(_ATTEMPT.c.push_id, "pushes"))
    .group_by(_ATTEMPT.c.push_id)
)
SEEN = (AttemptState.EQUAL, AttemptState.DIFFERENT, AttemptState.ABSENT, AttemptState.UNKNOWN)
"""States of an attempt that was a look-up."""


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
        """What the call carries: an update leaves alone what is theirs."""
        return ours(self.document, self.theirs) if self.action == "update" else self.document


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """One call that is written down and may begin until `deadline` (monotonic)."""

    channel: Channel
    request_id: int
    run_id: int | None
    key: str
    name: str
    payload: Payload
    members: tuple[Member, ...]
    deadline: float


def start_within(desk: Desk) -> timedelta:
    """How long after the intent a call may still begin; a worker that slept longer must not."""
    return desk.lease / 4


def push_lease(desk: Desk) -> timedelta:
    """How long a posting stays ours once its call is written down."""
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
) -> Flight:
    """The rows of one call: its request, and an attempt for every push it carries."""
    now = desk.clock.now()
    request = {
        "connection_id": channel.connection_id,
        "kind": "push",
        "run_id": run_id,
        "key": key,
        "key_id": channel.key_id,
        "body": payload.body,
        "sha256": sha256_hex(payload.body),
        "headers": _headers(payload, name),
        "rows": {str(row): number for row, number in payload.rows.items()},
        "state": RequestState.SENDING,
        "made_at": now,
        "deadline_at": now + start_within(desk) + desk.answer,
        "parent_id": parent_id,
    }
    request_id = session.execute(_ADD_REQUEST, request).scalar_one()
    rows = {number: row for row, number in sorted(payload.rows.items(), reverse=True)}
    _add_attempts(session, request_id, members, rows, now)
    return Flight(
        channel=channel,
        request_id=request_id,
        run_id=run_id,
        key=key,
        name=name,
        payload=payload,
        members=members,
        deadline=desk.clock.monotonic() + start_within(desk).total_seconds(),
    )


def add_lines(session: Session, push_id: int, document: Document, bills: Bills | None) -> None:
    """What this push bills, line by line: what the rules said of each line key, else its lines."""
    rows = [
        {"push_id": push_id, "line_key": key, "base_qty": quantity, "amount": amount}
        for key, quantity, amount in document_lines(document, bills)
    ]
    if rows:
        session.execute(_ADD_LINES, rows)


def add_look(
    session: Session,
    channel: Channel,
    member: Member,
    found: Found,
    *,
    kind: str,
    key: str,
    now: datetime,
) -> SealedCall:
    """A look-up and what it saw: a request, an attempt of the same push, the proof; its seal."""
    return keep_look(
        session,
        channel.connection_id,
        member.push_id,
        found,
        number=member.document.number,
        kind=kind,
        key=key,
        key_id=channel.key_id,
        fence=member.claim.fence,
        now=now,
    )


def keep_look(
    session: Session,
    connection_id: int,
    push_id: int,
    found: Found,
    *,
    number: str,
    kind: str,
    key: str,
    key_id: int | None,
    fence: int,
    now: datetime,
) -> SealedCall:
    """The rows of a look at what a push stands for; its seal."""
    sent, answered = sha256_hex(b""), sha256_hex(found.proof)
    request = Request(
        connection_id=connection_id,
        kind=kind,
        key=key,
        key_id=key_id,
        sha256=sent,
        headers={},
        rows={"number": number},
        state=RequestState.ANSWERED,
        made_at=now,
        deadline_at=now,
        answered_at=now,
        answer=found.proof,
        answer_sha256=answered,
    )
    session.add(request)
    session.flush()
    session.add(
        Attempt(
            request_id=request.id,
            push_id=push_id,
            no=_next_no(session, [push_id])[push_id],
            fence=fence,
            state=found.kind,
            error=found.words,
            target_ref=found.target_ref,
            proof=found.proof.decode("utf-8", "replace")[:PROOF_CAP],
            at=now,
        )
    )
    session.flush()
    return request.id, sent, answered


def conflicted(session: Session, posting_id: int) -> Push | None:
    """The last push of a posting that met another content under our number."""
    query = select(Push).where(Push.posting_id == posting_id, Push.state == PushState.CONFLICT)
    return session.scalars(query.order_by(Push.no.desc()).limit(1)).one_or_none()


def keep_alike(session: Session, posting_id: int, found: Sequence[Stands], now: datetime) -> None:
    """What the target has that may be this posting's document: a reading that people decide by."""
    body = {"found": "alike", "documents": [plain(other) for other in found]}
    digest = sha256_hex(dumps(body))
    session.add(
        Reading(posting_id=posting_id, kind="alike", at=now, sha256=digest, body=body, same=False)
    )


def _next_no(session: Session, push_ids: list[int]) -> dict[int, int]:
    last = dict(session.execute(_LAST_NO, {"pushes": push_ids}).all())
    return {key: last.get(key, 0) + 1 for key in push_ids}


def _add_attempts(
    session: Session,
    request_id: int,
    members: tuple[Member, ...],
    rows: dict[str, int],
    now: datetime,
) -> None:
    numbers = _next_no(session, [member.push_id for member in members])
    session.execute(
        _ADD_ATTEMPTS,
        [
            {
                "request_id": request_id,
                "push_id": member.push_id,
                "no": numbers[member.push_id],
                "row": rows.get(member.document.number),
                "fence": member.claim.fence,
                "state": AttemptState.SENDING,
                "at": now,
            }
            for member in members
        ],
    )


def _headers(payload: Payload, name: str) -> dict[str, str]:
    """The call's headers as they may be kept, with its address and the name of its batch."""
    return {
        ":method": payload.method,
        ":path": payload.path,
        ":batch": name,
        "Content-Type": payload.content_type,
        **without_secrets(payload.headers),
    }


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


def sends_of(session: Session, push_id: int) -> tuple[int, str]:
    """How often it was sent so far, and what came of the last one."""
    query = (
        select(Attempt.error)
        .join(Request, Request.id == Attempt.request_id)
        .where(Attempt.push_id == push_id, Request.kind == "push")
        .order_by(Attempt.no)
    )
    said = session.scalars(query).all()
    return len(said), said[-1] or ""


def calls_of(session: Session, push_id: int) -> int:
    """How often the target was asked to take it; files that were cut in two are one call."""
    query = select(func.count(Attempt.id)).where(
        Attempt.push_id == push_id, Attempt.state.not_in((*SEEN, AttemptState.SPLIT))
    )
    return session.scalar(query) or 0


def absent_since(session: Session, push_id: int, request_id: int, now: datetime) -> datetime | None:
    """The first of the look-ups since that send that said `absent` in a row; anything else starts
    anew, and so does a clock that was set back.
    """
    sent = select(Attempt.no).where(Attempt.push_id == push_id, Attempt.request_id == request_id)
    later = session.execute(
        select(Attempt.state, Request.made_at)
        .join(Request, Request.id == Attempt.request_id)
        .where(Attempt.push_id == push_id, Attempt.no > sent.scalar_subquery())
        .where(Attempt.state.in_(SEEN))
        .order_by(Attempt.no.desc())
    ).all()
    first = None
    for state, at in later:
        if state != AttemptState.ABSENT or at > now:
            break
        first = at
    return first
