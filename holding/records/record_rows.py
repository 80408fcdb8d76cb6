"""Read one record as rows: header, postings, holds, versions and deliveries."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from grammar.text.finding_codes import ErrorClass
from holding.db.bulk import Columns, of
from holding.db.kept_plans import KEPT
from holding.db.models import Connection, Delivery, Hold, Person, Posting, Record, Team, Version
from holding.db.models.columns import PostingWait, RecordState
from holding.db.models.decisions import HOLD_OPEN
from holding.db.models.postings import DAILY_RUN_OFF
from rules.decisions.verdict import reason_to_show
from rules.values.canonical import PostingState


@dataclass(frozen=True, slots=True)
class RecordRow:
    """The header of a record."""

    id: int
    number: str
    source: str
    kind: str
    external_id: str
    state: RecordState
    status: str
    party: str
    amount: int | None
    currency: str
    doc_date: date | None
    seen_at: datetime
    due_at: datetime | None
    version_id: int | None
    version: int | None


@dataclass(frozen=True, slots=True)
class PostingRow:
    """One document planned for the record."""

    id: int
    route: str
    seq: int
    doc_type: str
    number: str
    state: PostingState
    action: str
    hash: str
    reason: str
    amount: int | None
    currency: str
    doc_date: date | None
    due_at: datetime | None
    posted_at: datetime | None
    sent_at: datetime | None
    target: str
    target_id: int
    target_connector: str
    target_ref: str | None
    evaluation_id: int
    waits: PostingWait | None
    manual: bool
    tries: int
    reverses_id: int | None

    @property
    def why(self) -> str:
        """Why it was not sent, or will not be, as far as its state allows."""
        return reason_to_show(self.reason, self.state, waits=self.waits is not None)


POSTING = Columns(
    PostingRow(
        id=of(Posting.id),
        route=of(Posting.route),
        seq=of(Posting.seq),
        doc_type=of(Posting.doc_type),
        number=of(Posting.number),
        state=of(Posting.state),
        action=of(Posting.action),
        hash=of(Posting.hash),
        reason=of(Posting.reason),
        amount=of(Posting.amount),
        currency=of(Posting.currency),
        doc_date=of(Posting.doc_date),
        due_at=of(Posting.due_at),
        posted_at=of(Posting.posted_at),
        sent_at=of(Posting.sent_at),
        target=of(Connection.name),
        target_id=of(Posting.connection_id),
        target_connector=of(Connection.connector),
        target_ref=of(Posting.target_ref),
        evaluation_id=of(Posting.evaluation_id),
        waits=of(Posting.waits),
        manual=of(DAILY_RUN_OFF.label("manual")),
        tries=of(Posting.tries),
        reverses_id=of(Posting.reverses_id),
    ),
    {
        "target": "connection.name",
        "target_id": "posting.connection_id",
        "target_connector": "connection.connector",
    },
)


@dataclass(frozen=True, slots=True)
class OpenHold:
    """An open hold of the record; `rule` is the rule's place or name."""

    id: int
    posting_id: int | None
    code: str
    error_class: ErrorClass
    message: str
    rule: str
    owner: str | None
    opened_at: datetime

    @property
    def unjudged(self) -> bool:
        """Return whether the record could not be judged, so that nothing of its result is known."""
        return self.code in UNJUDGED


UNJUDGED: Final = frozenset({"EVA02", "EVA03", "EVA04", "EVA05"})
"""Codes of holds on records whose evaluation ended without a result."""

OPEN = Columns(
    OpenHold(
        id=of(Hold.id),
        posting_id=of(Hold.posting_id),
        code=of(Hold.code),
        error_class=of(Hold.error_class),
        message=of(Hold.message),
        rule=of(func.coalesce(func.nullif(Hold.at_rule, ""), Hold.rule).label("rule")),
        owner=of(func.coalesce(Person.name, Team.shown).label("owner")),
        opened_at=of(Hold.opened_at),
    )
)


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One content of the record, and how often it was delivered."""

    id: int
    no: int
    sha256: str
    status: str
    stamp: str | None
    stale: bool
    at: datetime
    body: dict[str, Any] | None
    by: str | None
    reason: str | None
    corrects: int | None
    delivery_id: int | None
    delivery_key: str | None
    delivery_kind: str | None
    delivery_times: int | None
    delivery_headers: dict[str, str] | None
    received_at: datetime | None


VERSION = Columns(
    VersionRow(
        id=of(Version.id),
        no=of(Version.no),
        sha256=of(Version.sha256),
        status=of(Version.status),
        stamp=of(Version.stamp),
        stale=of(Version.stale),
        at=of(Version.at),
        body=of(Version.body),
        by=of(Person.name),
        reason=of(Version.reason),
        corrects=of(Version.corrects_id),
        delivery_id=of(Delivery.id),
        delivery_key=of(Delivery.key),
        delivery_kind=of(Delivery.kind),
        delivery_times=of(Delivery.times),
        delivery_headers=of(Delivery.headers),
        received_at=of(Delivery.received_at),
    ),
    {"by": "person.name", "corrects": "version.corrects_id"},
)


@dataclass(frozen=True, slots=True)
class NumberedRecord:
    """A record found by a number."""

    id: int
    number: str
    external_id: str
    state: RecordState


def with_number(session: Session, company_id: int, number: str) -> NumberedRecord | None:
    """Return the company's first record with this number or source id, or a document with it.

    Searched in order: record number, source id, document number, document id in the target.
    """
    by_record = select(Record).where(Record.company_id == company_id).order_by(Record.id).limit(1)
    by_document = (
        select(Record)
        .join(Posting, Posting.record_id == Record.id)
        .where(Posting.company_id == company_id)
        .order_by(Posting.id)
        .limit(1)
    )
    for query in (
        by_record.where(Record.number == number),
        by_record.where(Record.external_id == number),
        by_document.where(Posting.number == number),
        by_document.where(Posting.target_ref == number),
    ):
        if record := session.scalar(query):
            return NumberedRecord(record.id, record.number, record.external_id, record.state)
    return None


def address_of(session: Session, record_id: int) -> tuple[str, str, str]:
    """Return the source, the kind and the source id of a record: what a URL identifies it by."""
    query = select(Connection.name, Record.type, Record.external_id)
    query = query.join(Connection, Connection.id == Record.source_id)
    source, kind, external_id = session.execute(query.where(Record.id == record_id)).one()
    return source, kind, external_id


def load_record(
    session: Session, company_id: int, source: str, kind: str, external_id: str
) -> RecordRow | None:
    """Return the record that a URL identifies, or None."""
    row = session.execute(
        select(Record, Connection, Version.no)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Version, Version.id == Record.version_id)
        .where(
            Record.company_id == company_id,
            Connection.name == source,
            Record.type == kind,
            Record.external_id == external_id,
        )
    ).first()
    if row is None:
        return None
    found, connection, version = row
    return RecordRow(
        id=found.id,
        number=found.number,
        source=connection.name,
        kind=found.type,
        external_id=found.external_id,
        state=found.state,
        status=found.status,
        party=found.party,
        amount=found.amount,
        currency=found.currency,
        doc_date=found.doc_date,
        seen_at=found.seen_at,
        due_at=found.due_at,
        version_id=found.version_id,
        version=version,
    )


def list_postings(session: Session, record_id: int) -> tuple[PostingRow, ...]:
    """Return the record's documents in the order they were made."""
    rows = session.execute(
        POSTING.select(Connection)
        .join(Connection, Connection.id == Posting.connection_id)
        .where(Posting.record_id == record_id)
        .order_by(Posting.id),
        execution_options=KEPT,
    )
    return POSTING.each(rows)


def list_open_holds(session: Session, record_id: int) -> tuple[OpenHold, ...]:
    """Return the record's open holds."""
    query = OPEN.select().outerjoin(Person, Person.id == Hold.person_id)
    query = query.outerjoin(Team, Team.id == Hold.team_id)
    of_record = query.where(Hold.record_id == record_id, HOLD_OPEN)
    return OPEN.each(session.execute(of_record.order_by(Hold.id), execution_options=KEPT))


def list_versions(session: Session, record_id: int) -> tuple[VersionRow, ...]:
    """Return every version, oldest first, with its delivery."""
    rows = session.execute(
        VERSION.select()
        .outerjoin(Delivery, Delivery.id == Version.delivery_id)
        .outerjoin(Person, Person.id == Version.person_id)
        .where(Version.record_id == record_id)
        .order_by(Version.no),
        execution_options=KEPT,
    )
    return VERSION.each(rows)


def delivery_body(session: Session, company_id: int, record_id: int, version: int) -> bytes | None:
    """Return the raw bytes that delivered a version, or None if there are none any more."""
    found: bytes | None = session.scalar(_delivered(Delivery.body, company_id, record_id, version))
    return found


def delivery_of(session: Session, company_id: int, record_id: int, version: int) -> str | None:
    """Return the SHA-256 of a version's delivery, or None for a correction by a user."""
    found: str | None = session.scalar(_delivered(Delivery.sha256, company_id, record_id, version))
    return found


def _delivered(column: Any, company_id: int, record_id: int, version: int) -> Select[Any]:
    return (
        select(column)
        .join(Version, Version.delivery_id == Delivery.id)
        .where(
            Version.record_id == record_id,
            Version.no == version,
            Delivery.company_id == company_id,
        )
    )
