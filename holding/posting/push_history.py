"""Read the pushes of one record with their attempts, for the push tab.

The push history of a company is in holding/runs/run_history.py.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import or_
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract.errors import ERROR_CLASSES
from connectors.contract.pulls import ImportedByHand
from grammar.text.finding_codes import ErrorClass
from holding.db.bulk import Columns, of
from holding.db.models import Attempt, Connection, Posting, Push, Request
from holding.db.models.columns import AttemptState, PushState
from holding.db.refusal import seconds_since
from holding.posting import store_results
from holding.posting.claims import RUNNING, STOPPED
from rules.values.canonical import PostingState


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt of a push, with the request that carried it."""

    id: int
    push_id: int
    no: int
    state: AttemptState
    error_class: ErrorClass | None
    error: str | None
    target_ref: str | None
    at: datetime
    request_id: int
    kind: str
    key_tail: str
    made_at: datetime
    answered_at: datetime | None
    status: int | None
    headers: dict[str, str]
    sha256: str
    answer: bytes | None
    row: int | None
    has_body: bool
    body_removed_at: datetime | None

    @property
    def sends(self) -> bool:
        """Return whether the attempt sent the document rather than looked it up."""
        return self.kind == "push"

    @property
    def refused(self) -> bool:
        """Return whether the attempt ended as refused, by the target or before it was sent."""
        return self.state is AttemptState.REFUSED

    @property
    def seconds(self) -> str:
        """Return the call's duration. A lookup is stored when it ends, so it may have none."""
        if not self.sends and self.answered_at == self.made_at:
            return "not recorded"
        if self.answered_at is None:
            return "no answer"
        return f"{seconds_since(self.made_at, self.answered_at):.1f}\u00a0s"

    @property
    def call(self) -> str:
        """Return method and path, and the name of the file's batch."""
        method, path, batch = (self.headers.get(f":{n}", "") for n in ("method", "path", "batch"))
        return f"{method} {path}" + (f", a file of the batch {batch}" if batch else "")

    @property
    def sent_headers(self) -> dict[str, str]:
        """Return the sent headers that may be shown."""
        return {name: value for name, value in self.headers.items() if not name.startswith(":")}

    @property
    def answered(self) -> bool:
        """Return whether there was an answer, even with an empty body."""
        return self.status is not None or bool(self.answer)

    @property
    def http(self) -> str:
        """Return the HTTP status, or whether there was an answer, because a lookup
        keeps no status.
        """
        if self.status is not None:
            return str(self.status)
        return "answered" if self.answered else "no answer"


ATTEMPT = Columns(
    AttemptRow(
        id=of(Attempt.id),
        push_id=of(Attempt.push_id),
        no=of(Attempt.no),
        state=of(Attempt.state),
        error_class=of(Attempt.error_class),
        error=of(Attempt.error),
        target_ref=of(Attempt.target_ref),
        at=of(Attempt.at),
        request_id=of(Request.id),
        kind=of(Request.kind),
        key_tail=of(Request.key_tail),
        made_at=of(Request.made_at),
        answered_at=of(Request.answered_at),
        status=of(Request.status),
        headers=of(Request.headers),
        sha256=of(Request.sha256),
        answer=of(Request.answer),
        row=of(Attempt.row),
        has_body=of(Request.body.is_not(None).label("has_body")),
        body_removed_at=of(Request.body_removed_at),
    ),
)


@dataclass(frozen=True, slots=True)
class PushRow:
    """One push with its attempts.

    `tries`: how often this content of the posting was sent. `left`: how often it is still retried.
    `stands_still`: its route or connection is stopped. `last`: no later push of the posting exists.
    """

    id: int
    posting_id: int
    no: int
    action: str
    number: str
    key: str
    hash: str
    state: PushState
    error_class: ErrorClass | None
    error: str | None
    target_ref: str | None
    made_at: datetime
    closed_at: datetime | None
    posting_state: PostingState
    tries: int
    due_at: datetime | None
    stands_still: bool
    target: str
    connector: str
    settings: dict[str, Any]
    last: bool = True
    left: int = 0
    attempts: tuple[AttemptRow, ...] = ()

    @property
    def temporary(self) -> bool:
        """Return whether the last call failed only for a temporary reason."""
        sent = [attempt for attempt in self.attempts if attempt.sends]
        is_temporary = bool(sent) and sent[-1].state is AttemptState.TEMPORARY
        return is_temporary and self.state == PushState.REFUSED

    @property
    def unsent(self) -> bool:
        """Return whether no byte was sent: no call has a status, and none is in doubt."""
        calls = [attempt for attempt in self.attempts if attempt.sends]
        ends = {AttemptState.REFUSED, AttemptState.TEMPORARY}
        is_quiet = all(attempt.status is None and attempt.state in ends for attempt in calls)
        is_file = isinstance(registry.targets().get(self.connector), ImportedByHand)
        return self.state == PushState.REFUSED and bool(calls) and is_quiet and not is_file

    @property
    def waits(self) -> bool:
        """Return whether the document is sent again automatically."""
        is_last_refused = self.last and self.state == PushState.REFUSED and self.tries > 0
        return (
            is_last_refused
            and self.due_at is not None
            and self.posting_state in {PostingState.READY, PostingState.POSTED}
        )


PUSH = Columns(
    PushRow(
        id=of(Push.id),
        posting_id=of(Push.posting_id),
        no=of(Push.no),
        action=of(Push.action),
        number=of(Push.number),
        key=of(Push.key),
        hash=of(Push.hash),
        state=of(Push.state),
        error_class=of(Push.error_class),
        error=of(Push.error),
        target_ref=of(Push.target_ref),
        made_at=of(Push.made_at),
        closed_at=of(Push.closed_at),
        posting_state=of(Posting.state),
        tries=of(Posting.tries),
        due_at=of(Posting.due_at),
        stands_still=of(or_(STOPPED, ~RUNNING).label("stands_still")),
        target=of(Connection.name),
        connector=of(Connection.connector),
        settings=of(Connection.settings),
    ),
    {"target": "connection.name"},
)


def load_pushes(session: Session, record_id: int) -> tuple[PushRow, ...]:
    """Return every push of the record with its attempts, oldest first."""
    result = session.execute(
        PUSH.select()
        .join(Posting, Posting.id == Push.posting_id)
        .join(Connection, Connection.id == Posting.connection_id)
        .where(Posting.record_id == record_id)
        .order_by(Push.id)
    )
    rows = PUSH.each(result)
    tries = load_attempts(session, [row.id for row in rows])
    newest = {row.posting_id: row.id for row in rows}
    marked_rows = (replace(row, last=newest[row.posting_id] == row.id) for row in rows)
    return tuple(
        replace(
            push,
            left=_left(session, push) if push.waits else 0,
            attempts=tuple(a for a in tries if a.push_id == push.id),
        )
        for push in marked_rows
    )


def _left(session: Session, push: PushRow) -> int:
    """Return how often the push is still retried after an equal refusal."""
    posting = session.get_one(Posting, push.posting_id)
    error_classes = [name for name in ERROR_CLASSES if name == push.error_class]
    return store_results.decide_retry(
        session, posting, (*error_classes, "temporary")[0], push.tries
    ).left


def load_attempts(session: Session, push_ids: list[int]) -> tuple[AttemptRow, ...]:
    """Return the attempts of these pushes, oldest first."""
    if not push_ids:
        return ()
    rows = session.execute(
        ATTEMPT.select()
        .join(Request, Request.id == Attempt.request_id)
        .where(Attempt.push_id.in_(push_ids))
        .order_by(Attempt.id)
    )
    return ATTEMPT.each(rows)


@dataclass(frozen=True, slots=True)
class RequestBody:
    """The body of a call and its hash. The body is None if nothing was sent or it was removed."""

    body: bytes | None
    sha256: str
    body_removed_at: datetime | None


BODY = Columns(
    RequestBody(
        body=of(Request.body),
        sha256=of(Request.sha256),
        body_removed_at=of(Request.body_removed_at),
    )
)


def load_request_body(session: Session, company_id: int, request_id: int) -> RequestBody | None:
    """Return what one call sent, if it belongs to the company."""
    result = session.execute(
        BODY.select()
        .join(Connection, Connection.id == Request.connection_id)
        .where(Request.id == request_id, Connection.company_id == company_id)
    )
    return BODY.first(result)
