"""Read the failure of a record: location, run, messages and number of attempts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from grammar.text.finding_codes import PUSH_CODES, ErrorClass
from holding.db.bulk import whole_sum
from holding.db.held_amounts import counted_holds
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Attempt,
    Connection,
    Hold,
    Posting,
    Push,
    Record,
    Request,
    Run,
    Version,
)
from holding.db.models.columns import AttemptState, RecordState
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Sums, by_key
from holding.platform.states import OF_READING
from rules.values.canonical import PostingState

WORST_FIRST: Final = (
    PostingState.FAILED,
    PostingState.UNCERTAIN,
    PostingState.HELD,
)
PLACES: Final = ("branch", "warehouse", "location", "outlet", "store", "shop")
"""Fields of a record that say where it happened, the first that is filled counts."""
PUSH_KIND: Final = "push"
_WENT_WELL: Final = (
    AttemptState.ACCEPTED,
    AttemptState.EXISTING,
    AttemptState.EQUAL,
    AttemptState.ABSENT,
)

_NEWEST: Final = 50  # failed calls of a document that are compared with its hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failure as the system knows it; blank or None where nothing is recorded.

    `message`: the target's own words, or the hold's; `visible`: what the page shows; `tries`: how
    often the document was sent; `same` counts the records that wait for one cause, with their
    money.
    """

    record_id: int
    number: str
    source: str
    kind: str
    document: str
    target: str
    target_connector: str
    posting_id: int | None
    document_number: str
    record_state: RecordState
    posting_state: PostingState | None
    message: str
    visible: str
    error_class: ErrorClass | None
    hold_id: int | None
    tries: int
    last_try: datetime | None
    run_id: int | None
    run_at: datetime | None
    place: str
    failed_at: datetime
    version: int | None
    same: int
    same_money: Sums

    @property
    def connector(self) -> str:
        """The place of the failure: the target, or the source if the record was never sent."""
        return self.target or self.source

    @property
    def retries(self) -> int:
        """The number of times it was sent again after the first."""
        return max(0, self.tries - 1)

    @property
    def numbers(self) -> frozenset[str]:
        """The numbers by which people know it."""
        return frozenset({self.number, self.document_number}) - {""}


def of_record(session: Session, company_id: int, record_id: int, now: datetime) -> Failure | None:
    """Return a record's failure; of a record without one, its present state."""
    record_row = _load_record(session, company_id, record_id)
    if record_row is None:
        return None
    record, source, version, body = record_row
    posting, target, connector = _load_document(session, record_id)
    posting_id = posting.id if posting else 0
    hold = _load_hold(session, record_id, posting_id)
    tries, last_try = _count_sent(session, posting_id)
    attempt = _led_to(hold, _load_failed_attempts(session, posting_id))
    run = _load_run(session, posting_id)
    attempt_error = attempt.error if attempt and attempt.error else ""
    hold_message = hold.message if hold else ""
    same_failures, money = _same(session, hold) if hold else (0, {})
    moments = [attempt.at] if attempt and attempt_error else [hold.opened_at] if hold else []
    return Failure(
        record_id=record.id,
        number=record.number,
        source=source,
        kind=record.type,
        document=posting.doc_type if posting else "",
        target=target,
        target_connector=connector,
        posting_id=posting.id if posting else None,
        document_number=posting.number if posting else "",
        record_state=record.state,
        posting_state=posting.state if posting else None,
        message=attempt_error or hold_message or (posting.reason if posting else ""),
        visible=hold_message or attempt_error,
        error_class=hold.error_class if hold else None,
        hold_id=hold.id if hold else None,
        tries=tries,
        last_try=last_try,
        run_id=run.id if run else None,
        run_at=run.made_at if run else None,
        place=_place(body or {}),
        failed_at=max(moments, default=now),
        version=version,
        same=same_failures,
        same_money=money,
    )


def _load_record(session: Session, company_id: int, record_id: int) -> Any:
    """Return the record, its source, its newest version and that content."""
    rows = session.execute(
        select(Record, Connection.name, Version.no, Version.body)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Version, Version.id == Record.version_id)
        .where(Record.id == record_id, Record.company_id == company_id),
        execution_options=KEPT,
    )
    return rows.first()


def _load_document(session: Session, record_id: int) -> tuple[Posting | None, str, str]:
    """Return the posting that needs attention most, or else the newest one.

    Its target and connector come along.
    """
    result = session.execute(
        select(Posting, Connection.name, Connection.connector)
        .join(Connection, Connection.id == Posting.connection_id)
        .where(Posting.record_id == record_id)
        .order_by(Posting.id.desc()),
        execution_options=KEPT,
    )
    rows = result.all()
    if not rows:
        return None, "", ""
    for state in WORST_FIRST:
        for posting, name, connector in rows:
            if posting.state == state:
                return posting, name, connector
    posting, name, connector = rows[0]
    return posting, name, connector


def _of_posting(posting_id: int, *columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .select_from(Attempt)
        .join(Push, Push.id == Attempt.push_id)
        .join(Request, Request.id == Attempt.request_id)
        .where(Push.posting_id == posting_id)
    )


def _load_failed_attempts(session: Session, posting_id: int) -> Sequence[Attempt]:
    """Return the last calls of a posting that did not go well, the newest first.

    A look-up that found nothing did go well, though its answer has words.
    """
    query = _of_posting(posting_id, Attempt).where(
        Attempt.error.is_not(None), Attempt.state.not_in(_WENT_WELL)
    )
    attempts: Sequence[Attempt] = session.scalars(
        query.order_by(Attempt.id.desc()).limit(_NEWEST), execution_options=KEPT
    ).all()
    return attempts


def _led_to(hold: Hold | None, attempts: Sequence[Attempt]) -> Attempt | None:
    """Return the call whose failure led to the hold; without a hold, the last one.

    A hold that no push opened has none: an earlier failure of its document is another matter.
    """
    if hold is None:
        return attempts[0] if attempts else None
    if hold.code not in PUSH_CODES or hold.code in OF_READING:
        return None
    return next((attempt for attempt in attempts if attempt.at <= hold.opened_at), None)


def _count_sent(session: Session, posting_id: int) -> tuple[int, datetime | None]:
    """Return how often a posting was sent, and when last."""
    query = _of_posting(posting_id, func.count(), func.max(Request.made_at))
    count, last = session.execute(
        query.where(Request.kind == PUSH_KIND), execution_options=KEPT
    ).one()
    return int(count), last


def _load_run(session: Session, posting_id: int) -> Run | None:
    """Return the last run that sent a posting."""
    query = _of_posting(posting_id, Run).join(Run, Run.id == Request.run_id)
    last_run: Run | None = session.scalars(
        query.order_by(Run.id.desc()).limit(1), execution_options=KEPT
    ).first()
    return last_run


def _load_hold(session: Session, record_id: int, posting_id: int) -> Hold | None:
    """Return the open hold of this document, or else any of the record."""
    query = select(Hold).where(Hold.record_id == record_id, HOLD_OPEN).order_by(Hold.id)
    holds = list(session.scalars(query, execution_options=KEPT))
    return next(
        (hold for hold in holds if hold.posting_id == posting_id), holds[0] if holds else None
    )


def _same(session: Session, hold: Hold) -> tuple[int, Sums]:
    """Return how many records wait for one cause, and their money."""
    single = counted_holds(Hold.cause_id == hold.cause_id).c
    rows = session.execute(
        select(single.currency, func.count().label("records"))
        .add_columns(whole_sum(single.minor).label("minor"))
        .group_by(single.currency)
    ).all()
    money = by_key((None, row.currency, row.minor) for row in rows).get(None, {})
    return sum(int(row.records) for row in rows), money


def _place(body: Mapping[str, Any]) -> str:
    """Return a record's branch or warehouse: from its head, or else from its lines."""
    head = next((str(body[name]) for name in PLACES if body.get(name)), "")
    if head:
        return head
    lines = body.get("lines")
    rows = [row for row in lines if isinstance(row, Mapping)] if isinstance(lines, list) else []
    place_names = {str(row[name]) for row in rows for name in PLACES if row.get(name)}
    return ", ".join(sorted(place_names)[:5])
