"""The journal's rows: push, request, attempt.

Here: writing them, and the values that pass between the steps of a push. Not here: when they are
written, what a push has behind it (earlier_calls.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from connectors.contract import Action, Found, Payload, Stands
from connectors.transport.http import without_secrets
from holding.audit.seals import SealedCall
from holding.connections.channel import Channel, Desk
from holding.journal import import_rows, run_counts
from holding.journal.evidence import Bills, document_lines, ours
from holding.journal.posting_claims import Claim
from holding.lifecycle.states import BESIDE, RECORD_HELD, state_beside
from holding.store import bulk
from holding.store.joint_writes import JointWrites, next_id
from holding.tables import Attempt, Posting, PostingLine, Push, Reading, Record, Request, Run
from holding.tables.columns import table_of
from holding.tables.row_states import AttemptState, PushState, RecordState, RequestState
from rules.outcomes.outcome import Document
from rules.values.canonical import dumps, plain, sha256_hex
from rules.values.posting_states import PostingState

PROOF_CAP = 4000
_ATTEMPT = table_of(Attempt)
_REQUEST_ID = select(next_id(Request, once=True))
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What a look under locks brings for the rows of a call: the ids of the push, of the request
    and of a run that is yet to be made, the run of what goes at once where the last one goes on,
    and the state that the record takes while this is on its way, where that is another.
    """

    push_id: int
    request_id: int
    new_run_id: int
    run_id: int | None
    record_state: RecordState | None


DRAWN = (
    next_id(Push).label("push_id"),
    next_id(Request, once=True).label("request_id"),
    next_id(Run, once=True).label("new_run_id"),
    run_counts.going_on(Posting.connection_id, Posting.doc_type).label("run_id"),
    Record.state.label("record_state"),
    BESIDE.label("beside"),
    RECORD_HELD.label("record_held"),
)
"""Of a posting with its record: what `drawn` reads."""


def drawn(row: Row[Any]) -> Drawn:
    """What a row with these columns says."""
    after = state_beside(row.beside, PostingState.SENDING, held=bool(row.record_held))
    return Drawn(
        push_id=row.push_id,
        request_id=row.request_id,
        new_run_id=row.new_run_id,
        run_id=row.run_id,
        record_state=after if after != row.record_state else None,
    )


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
    request_id: int | None = None,
    tries: Mapping[int, int] | None = None,
    writes: JointWrites | None = None,
) -> Flight:
    """The rows of one call: its request, and an attempt for every push it carries. `request_id`,
    `tries`: the id it gets and how many attempts each push has, where that is known; else it is
    asked. They are written together with what waits in `writes`.
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
        "body": payload.body,
        "sha256": sha256_hex(payload.body),
        "headers": _headers(payload, name),
        "rows": {str(row): number for row, number in payload.rows.items()},
        "state": RequestState.SENDING,
        "made_at": now,
        "deadline_at": now + start_within(desk) + desk.answer,
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
        import_rows.add(session, channel, payload, documents, run_id, request_id, now)
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


def join_lines(writes: JointWrites, pushes: Iterable[tuple[int, Document, Bills | None]]) -> None:
    """What each push bills, line by line: what the rules said of each line key, else its lines."""
    rows = [
        {"push_id": push_id, "line_key": key, "base_qty": quantity, "amount": amount}
        for push_id, document, bills in pushes
        for key, quantity, amount in document_lines(document, bills)
    ]
    writes.insert(PostingLine, rows)


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
            no=_tries_of(session, [push_id])[push_id] + 1,
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


def _headers(payload: Payload, name: str) -> dict[str, str]:
    """The call's headers as they may be kept, with its address and the name of its batch."""
    return {
        ":method": payload.method,
        ":path": payload.path,
        ":batch": name,
        "Content-Type": payload.content_type,
        **without_secrets(payload.headers),
    }
