"""Rows of the run, push and failed call lists."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from connectors import registry
from connectors.contract.pulls import ImportedByHand
from grammar.text.finding_codes import ErrorClass
from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.kept_plans import KEPT
from holding.db.models import Attempt, Connection, Person, Posting, Push, Record, Request, Run
from holding.db.models.columns import AttemptState, PushState, RequestState, RunState
from rules.values.canonical import PostingState

A_PAGE = 50

LOOKED_AT, A_SLICE = 200, 10

CALLS = 10  # of a run, on one page


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One call or file of a run."""

    id: int
    kind: str
    key: str
    sha256: str
    state: RequestState
    status: int | None
    made_at: datetime
    answered_at: datetime | None
    size: int
    body_removed_at: datetime | None


REQUEST = Columns(
    RequestRow(
        id=of(Request.id),
        kind=of(Request.kind),
        key=of(Request.key),
        sha256=of(Request.sha256),
        state=of(Request.state),
        status=of(Request.status),
        made_at=of(Request.made_at),
        answered_at=of(Request.answered_at),
        size=of(func.coalesce(func.length(Request.body), 0).label("size")),
        body_removed_at=of(Request.body_removed_at),
    ),
)

_source, _target = aliased(Connection, name="source"), aliased(Connection, name="target")


@dataclass(frozen=True, slots=True)
class PushLine:
    """One push in the history, with its latest attempt."""

    id: int
    number: str
    record_id: int
    record: str
    source: str
    kind: str
    external_id: str
    party: str
    target: str
    doc_type: str
    action: str
    state: PushState
    posting_state: PostingState
    error_class: ErrorClass | None
    error: str | None
    target_ref: str | None
    amount: int | None
    currency: str
    tries: int
    made_at: datetime
    closed_at: datetime | None
    unsent: bool

    @property
    def answer(self) -> str:
        """Return the stable code of its result, as lists and files have it."""
        return answer_code(self.state, unsent=self.unsent)

    @property
    def failure(self) -> ErrorClass | None:
        """Return the error class of the latest attempt, or "uncertain" if the outcome
        is unknown.
        """
        return self.error_class or ("uncertain" if self.state == PushState.UNCERTAIN else None)


NOT_SENT: Final = "not_sent"
"""The code of a refused push of which no byte was sent; every other push has its state."""


def answer_code(state: PushState, *, unsent: bool) -> str:
    """Return the code of a push's result: its state, or that nothing of it was sent."""
    return NOT_SENT if unsent else str(state)


def has_answer(answer: str) -> ColumnElement[bool]:
    """Return the condition that a push has this result."""
    if answer == NOT_SENT:
        return never_sent()
    has_state = Push.state == answer
    return and_(has_state, ~never_sent()) if answer == PushState.REFUSED else has_state


def never_sent() -> ColumnElement[bool]:
    """Return whether no byte of a refused push was sent, as `PushRow.unsent` does for one record.

    No call has a status, and none is in doubt. A file that a person imports has no status either.
    """
    by_hand = [name for name, one in registry.targets().items() if isinstance(one, ImportedByHand)]
    files = select(Connection.id).where(Connection.connector.in_(by_hand))
    calls = (
        select(Attempt.id)
        .join(Request, Request.id == Attempt.request_id)
        .where(Attempt.push_id == Push.id, Request.kind == "push")
        .correlate(Push)
    )
    quiet = Attempt.state.in_([AttemptState.REFUSED, AttemptState.TEMPORARY])
    sent = calls.where(or_(Request.status.is_not(None), ~quiet))
    is_refused = Push.state == PushState.REFUSED
    return and_(is_refused, Push.connection_id.not_in(files), calls.exists(), ~sent.exists())


LINE = Columns(
    PushLine(
        id=of(Push.id),
        number=of(Push.number),
        record_id=of(Posting.record_id),
        record=of(Record.number),
        source=of(_source.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        party=of(Record.party),
        target=of(_target.name),
        doc_type=of(Posting.doc_type),
        action=of(Push.action),
        state=of(Push.state),
        posting_state=of(Posting.state),
        error_class=of(Push.error_class),
        error=of(Push.error),
        target_ref=of(Push.target_ref),
        amount=of(Posting.amount),
        currency=of(Posting.currency),
        tries=of(Posting.tries),
        made_at=of(Push.made_at),
        closed_at=of(Push.closed_at),
        unsent=of(never_sent().label("unsent")),
    ),
    {
        "record": "record.number",
        "source": "source.name",
        "kind": "record.type",
        "target": "target.name",
    },
)

MOST: Final = 12
"""Rows of one log: what a person at a support desk looks through."""

FAILED: Final = (
    AttemptState.REFUSED,
    AttemptState.TEMPORARY,
    AttemptState.UNCERTAIN,
    AttemptState.DIFFERENT,
)


@dataclass(frozen=True, slots=True)
class FailedCall:
    """One failed attempt. `error` is the answer's text.

    `run_id` is None outside of a run, `status` if no HTTP answer came.
    """

    attempt_id: int
    request_id: int
    run_id: int | None
    record_id: int
    record: str
    number: str
    doc_type: str
    target: str
    no: int
    state: AttemptState
    error_class: ErrorClass | None
    error: str | None
    status: int | None
    connector: str
    at: datetime

    @property
    def unsent(self) -> bool:
        """Return whether nothing was sent: no answer, and no file that a person imports."""
        is_file = isinstance(registry.targets().get(self.connector), ImportedByHand)
        return self.state == AttemptState.REFUSED and self.status is None and not is_file

    @property
    def end(self) -> str:
        """Return the code of how it ended: its state, or that nothing was sent."""
        return NOT_SENT if self.unsent else str(self.state)


CALL = Columns(
    FailedCall(
        attempt_id=of(Attempt.id),
        request_id=of(Request.id),
        run_id=of(Request.run_id),
        record_id=of(Record.id),
        record=of(Record.number),
        number=of(Push.number),
        doc_type=of(Posting.doc_type),
        target=of(Connection.name),
        no=of(Attempt.no),
        state=of(Attempt.state),
        error_class=of(Attempt.error_class),
        error=of(Attempt.error),
        status=of(Request.status),
        connector=of(Connection.connector),
        at=of(Attempt.at),
    ),
    {"record": "record.number", "target": "connection.name"},
)


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in a list."""

    id: int
    kind: str
    target: str | None
    connector: str | None
    settings: Mapping[str, Any] | None
    connection_id: int | None
    doc_type: str | None
    route: str | None
    day: date | None
    filter: Any
    state: RunState
    done: int
    total: int
    counts: dict[str, Any]
    by: str | None
    made_at: datetime
    ended_at: datetime | None
    error: str | None

    @property
    def failures(self) -> int:
        """Return how many of its documents the target rejected."""
        return int(self.counts.get("failed", 0))

    @property
    def failed(self) -> bool:
        """Return whether the run failed, or a document in it."""
        return _failed(self.state, self.counts)


def _failed(state: RunState, counts: Mapping[str, Any]) -> bool:
    return state == RunState.FAILED or int(counts.get("failed", 0)) > 0


def list_runs(session: Session, company_id: int, connection_id: int) -> tuple[RunRow, ...]:
    """Return the connection's last runs: failed ones first, then the newest."""
    latest = (
        select(Run.id, Run.state, Run.counts)
        .where(Run.company_id == company_id, Run.connection_id == connection_id)
        .order_by(Run.id.desc())
        .limit(LOOKED_AT)
    )
    failed_by_run = {
        run.id: _failed(run.state, run.counts)
        for run in session.execute(latest, execution_options=KEPT).all()
    }
    chosen = sorted(failed_by_run, key=lambda run_id: not failed_by_run[run_id])[:A_SLICE]
    if not chosen:
        return ()
    rows = RUN.each(
        session.execute(run_columns().where(bulk.among(Run.id, chosen)), execution_options=KEPT)
    )
    return tuple(sorted(rows, key=lambda run: chosen.index(run.id)))


def load_run(session: Session, company_id: int, run_id: int) -> RunRow | None:
    """Return one run, or None."""
    query = run_columns().where(Run.company_id == company_id, Run.id == run_id)
    return RUN.first(session.execute(query))


def list_requests(session: Session, run_id: int, *, after: int = 0) -> tuple[RequestRow, ...]:
    """Return some calls and files of a run after this id, because a run may have hundreds."""
    rows = session.execute(
        REQUEST.select()
        .where(Request.run_id == run_id, Request.id > after)
        .order_by(Request.id)
        .limit(CALLS)
    )
    return REQUEST.each(rows)


def load_answers(session: Session, run_id: int, calls: Collection[int]) -> Mapping[int, bytes]:
    """Return the target's answers to these calls of a run, by call."""
    query = select(Request.id, Request.answer).where(
        Request.run_id == run_id, bulk.among(Request.id, calls), Request.answer.is_not(None)
    )
    return {row.id: row.answer for row in session.execute(query)}


def run_columns() -> Select[Any]:
    """Return the select for runs with all joined tables."""
    return (
        RUN.select()
        .outerjoin(Connection, Connection.id == Run.connection_id)
        .outerjoin(Person, Person.id == Run.person_id)
    )


def push_columns() -> Select[Any]:
    """Return the select for pushes with all joined tables."""
    return (
        LINE.select()
        .join(Posting, Posting.id == Push.posting_id)
        .join(Record, Record.id == Posting.record_id)
        .join(_source, _source.id == Record.source_id)
        .join(_target, _target.id == Push.connection_id)
    )


@dataclass(frozen=True, slots=True)
class FailureLog:
    """The latest failed calls and their total number."""

    calls: Sequence[FailedCall]
    count: int


def failures_of_connection(session: Session, company_id: int, connection_id: int) -> FailureLog:
    """Return the latest failed calls to one target."""
    return _log(session, company_id, Request.connection_id == connection_id)


def _log(session: Session, company_id: int, whose: ColumnElement[bool]) -> FailureLog:
    terms = (Posting.company_id == company_id, whose, Attempt.state.in_(FAILED))
    rows = _from(CALL.select()).where(*terms).order_by(Attempt.id.desc()).limit(MOST)
    count = session.scalars(_from(select(func.count(Attempt.id))).where(*terms)).one()
    return FailureLog(CALL.each(session.execute(rows)), count)


def _from(query: Select[Any]) -> Select[Any]:
    return (
        query.select_from(Attempt)
        .join(Request, Request.id == Attempt.request_id)
        .join(Push, Push.id == Attempt.push_id)
        .join(Posting, Posting.id == Push.posting_id)
        .join(Record, Record.id == Posting.record_id)
        .join(Connection, Connection.id == Request.connection_id)
    )


def failures_of_run(session: Session, company_id: int, run_id: int) -> FailureLog:
    """Return the latest failed calls of one run."""
    return _log(session, company_id, Request.run_id == run_id)


RUN = Columns(
    RunRow(
        id=of(Run.id),
        kind=of(Run.kind),
        target=of(Connection.name),
        connector=of(Connection.connector),
        settings=of(Connection.settings),
        connection_id=of(Run.connection_id),
        doc_type=of(Run.doc_type),
        route=of(Run.route),
        day=of(Run.day),
        filter=of(Run.filter),
        state=of(Run.state),
        done=of(Run.done),
        total=of(Run.total),
        counts=of(Run.counts),
        by=of(Person.name),
        made_at=of(Run.made_at),
        ended_at=of(Run.ended_at),
        error=of(Run.error),
    ),
    {"target": "connection.name", "by": "person.name"},
)
