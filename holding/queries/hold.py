"""One hold with its record, its planned document and its owner.

Here: one row, one statement. Not here: lists of holds (holds.py), what may be done to one
(holding/holds.py).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from holding.conflicts import waits_for_a_look
from holding.entries import missing_in
from holding.holds import REJECTABLE
from holding.models import Cause, Connection, Hold, Person, Posting, Record, Team, Version
from holding.models.hold import OF_PUSH
from holding.queries.rows import first
from rules.outcome import NEEDS_APPROVAL


@dataclass(frozen=True, slots=True)
class HoldRow:
    """One hold with its record, document and owner."""

    id: int
    cause_id: int
    cause_key: str
    cause_label: str
    cause_records: int
    state: str
    error_class: str
    code: str
    rule: str
    at_rule: str
    message: str
    would_pass: str
    clears: str
    team: str | None
    team_id: int | None
    person: str | None
    answer_by: datetime
    snoozed_until: datetime | None
    opened_at: datetime
    closed_at: datetime | None
    closed_why: str | None
    closed_by: str | None
    lock: int
    route: str
    record_id: int
    number: str
    source: str
    kind: str
    external_id: str
    party: str
    amount: int | None
    currency: str
    record_state: str
    version: int | None
    version_at: datetime | None
    body: dict[str, Any] | None
    posting_id: int | None
    posting_number: str | None
    posting_hash: str | None
    posting_state: str | None
    posting_amount: int | None
    posting_currency: str | None
    content: dict[str, Any] | None
    target: str | None
    doc_type: str
    doc_date: date | None
    evaluation_id: int | None

    @property
    def table(self) -> str | None:
        """The mapping table in which its key is missing, if that is the cause."""
        return missing_in(self.cause_key)

    @property
    def open(self) -> bool:
        """Whether it still waits."""
        return self.state == "open"

    @property
    def of_push(self) -> bool:
        """Whether the target refused it, or it may not be sent."""
        return self.code.startswith(OF_PUSH)

    @property
    def in_target(self) -> bool:
        """Whether what somebody does in the target ends it, and a look that sees it."""
        return waits_for_a_look(self.code, self.error_class, of_push=self.of_push)

    @property
    def rejectable(self) -> bool:
        """Whether nothing of it was sent, so that it can be rejected."""
        return self.posting_state in REJECTABLE

    @property
    def approval(self) -> bool:
        """Whether it waits for a consent."""
        return self.code == NEEDS_APPROVAL


def one(session: Session, company_id: int, hold_id: int) -> HoldRow | None:
    """One hold of the company with all that its pane shows."""
    source, target, closer = aliased(Connection), aliased(Connection), aliased(Person)
    row = session.execute(
        select(
            Hold.id,
            Hold.cause_id,
            Cause.key,
            Cause.label,
            Cause.records,
            Hold.state,
            Hold.error_class,
            Hold.code,
            Hold.rule,
            Hold.at_rule,
            Hold.message,
            Hold.would_pass,
            Hold.clears,
            Team.shown,
            Hold.team_id,
            Person.name,
            Hold.answer_by,
            Hold.snoozed_until,
            Hold.opened_at,
            Hold.closed_at,
            Hold.closed_why,
            closer.name,
            Hold.lock,
            Hold.route,
            Record.id,
            Record.number,
            source.name,
            Record.type,
            Record.external_id,
            Record.party,
            Record.amount,
            Record.currency,
            Record.state,
            Version.no,
            Version.at,
            Version.body,
            Posting.id,
            Posting.number,
            Posting.hash,
            Posting.state,
            Posting.amount,
            Posting.currency,
            Posting.content,
            target.name,
            Hold.doc_type,
            Hold.doc_date,
            Posting.evaluation_id,
        )
        .join(Cause, Cause.id == Hold.cause_id)
        .join(Record, Record.id == Hold.record_id)
        .join(source, source.id == Record.source_id)
        .outerjoin(Version, Version.id == Record.version_id)
        .outerjoin(Posting, Posting.id == Hold.posting_id)
        .outerjoin(target, target.id == Hold.connection_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .outerjoin(Person, Person.id == Hold.person_id)
        .outerjoin(closer, closer.id == Hold.closed_by_id)
        .where(Hold.id == hold_id, Hold.company_id == company_id)
    ).first()
    return first(HoldRow, row)
