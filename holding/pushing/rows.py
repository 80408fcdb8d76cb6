"""The journal's rows: push, request, attempt.

Here: writing them, and the values that pass between the steps of a push. Not here: when they are
written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from connectors.kit.contract import Action, Found, Payload, Stands
from connectors.kit.http import without_secrets
from holding import bulk
from holding.models import Attempt, PostingLine, Push, Reading, Request
from holding.models.base import table_of
from holding.pushing.claim import Claim
from holding.pushing.desk import Channel, Desk
from holding.pushing.evidence import Bills, document_lines
from holding.pushing.ownership import ours
from rules.canonical import dumps, plain, sha256_hex
from rules.outcome import Document

PROOF_CAP = 4000
_ATTEMPT = table_of(Attempt)
_ADD_LINES, _ADD_ATTEMPTS = insert(table_of(PostingLine)), insert(_ATTEMPT)
_ADD_REQUEST = insert(table_of(Request)).returning(table_of(Request).c.id)
_LAST_NO = (
    select(_ATTEMPT.c.push_id, func.max(_ATTEMPT.c.no))
    .where(bulk.among_given(_ATTEMPT.c.push_id, "pushes"))
    .group_by(_ATTEMPT.c.push_id)
)
SEEN = ("equal", "different", "absent", "unknown")  # states of an attempt that was a look-up


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
        "state": "sending",
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
) -> None:
    """A look-up and what it saw: a request of its own, an attempt of the same push, the proof."""
    keep_look(
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
) -> None:
    """The rows of a look at what a push stands for."""
    request = Request(
        connection_id=connection_id,
        kind=kind,
        key=key,
        key_id=key_id,
        sha256=sha256_hex(b""),
        headers={},
        rows={"number": number},
        state="answered",
        made_at=now,
        deadline_at=now,
        answered_at=now,
        answer=found.proof,
        answer_sha256=sha256_hex(found.proof),
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


def conflicted(session: Session, posting_id: int) -> Push | None:
    """The last push of a posting that met another content under our number."""
    query = select(Push).where(Push.posting_id == posting_id, Push.state == "conflict")
    return session.scalars(query.order_by(Push.no.desc()).limit(1)).one_or_none()


def keep_alike(session: Session, posting_id: int, found: Sequence[Stands], now: datetime) -> None:
    """What stands there and may be this posting's document: a reading that people decide by."""
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
                "state": "sending",
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
