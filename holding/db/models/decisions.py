"""Tables of evaluations, holds, releases, retries, approvals and notes."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ColumnElement, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.expression import SQLColumnExpression

from grammar.text.finding_codes import PUSH_CODES, ErrorClass
from holding.db.models.columns import (
    WHOLE,
    Base,
    HoldState,
    Id,
    Json,
    Word,
    is_word,
    one_of,
    partial,
    ref,
)
from rules.outcome_hash import DIGEST
from rules.outcomes import Severity
from rules.values.cause_keys import ITSELF, CauseKey, Clearing

WHOLE_RECORD = "*"  # the route of a hold on all of a record: the rules could not judge it


class Evaluation(Base):
    """One evaluation of a record's version: its facts and its outcome, as codes.

    `digest` is the number of the algorithm of `hash` (rules.outcome_hash.DIGEST).
    """

    __tablename__ = "evaluation"
    __table_args__ = (UniqueConstraint("record_id", "fence"),)

    id: Mapped[Id]
    record_id: Mapped[int] = ref("record")
    version_id: Mapped[int] = ref("version")
    ruleset_version_id: Mapped[int] = ref("ruleset_version")
    revision: Mapped[int]
    at: Mapped[datetime]
    facts: Mapped[Any | None] = mapped_column(Json)
    outcome: Mapped[Any] = mapped_column(Json)
    hash: Mapped[str]
    digest: Mapped[int] = mapped_column(WHOLE, default=DIGEST, server_default="1")
    valid_until: Mapped[datetime | None]
    fence: Mapped[int]
    run_id: Mapped[int | None] = ref("run")


class Cause(Base):
    """What holds have in common, with how many records wait for it and their money."""

    __tablename__ = "cause"
    LIVE = "records > 0"
    __table_args__ = (
        UniqueConstraint("company_id", "key"),
        partial("ix_cause_live", "company_id", "book", "id", where=LIVE),
        partial("ix_cause_class", "company_id", "class", "book", "id", where=LIVE),
        partial("ix_cause_team", "company_id", "team_id", "book", "id", where=LIVE),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    error_class: Mapped[ErrorClass] = mapped_column("class", Text)
    key: Mapped[CauseKey]
    label: Mapped[str] = mapped_column(default="")
    rule: Mapped[str] = mapped_column(default="")
    team_id: Mapped[int | None] = ref("team")
    table_name: Mapped[str | None]
    value: Mapped[str | None]
    changed_revision: Mapped[int] = mapped_column(WHOLE, default=0)
    opened_at: Mapped[datetime]
    records: Mapped[int] = mapped_column(WHOLE, default=0)
    book: Mapped[int] = mapped_column(WHOLE, default=0)


class Hold(Base):
    """An open finding on a posting, identified by record, route, seq, code and cause.

    `amount` and `currency` are the approved document's, blank for other holds, which have their
    record's amount. `book` is that amount in the company's currency, None for other currencies.
    """

    __tablename__ = "hold"

    OPEN = f"state = '{HoldState.OPEN}'"
    CLOSED = f"state <> '{HoldState.OPEN}'"

    LOOKED_IN = ("number", "party_key", "cause_id", "snoozed_until")  # by whoever types a text

    __table_args__ = (
        partial(
            "uq_hold_open",
            "record_id",
            "route",
            "seq",
            "code",
            "cause_id",
            where=OPEN,
            unique=True,
        ),
        Index("ix_hold_record", "record_id"),
        partial("ix_hold_cause", "cause_id", "opened_at", "id", where=OPEN),
        partial("ix_hold_listed", "cause_id", "id", where=OPEN),
        partial("ix_hold_rule", "company_id", "rule", "opened_at", "id", where=OPEN),
        partial("ix_hold_age", "company_id", "opened_at", "id", *LOOKED_IN, where=OPEN),
        partial("ix_hold_answer", "company_id", "answer_by", where=OPEN),
        partial("ix_hold_waits", "company_id", "record_id", where=OPEN),
        partial("ix_hold_book", "company_id", "book", "id", where=OPEN),
        partial("ix_hold_person", "company_id", "person_id", "opened_at", "id", where=OPEN),
        partial("ix_hold_team", "company_id", "team_id", "person_id", "opened_at", where=OPEN),
        partial("ix_hold_party", "company_id", "party_key", "opened_at", "id", where=OPEN),
        partial("ix_hold_code", "company_id", "code", "id", "posting_id", where=OPEN),
        partial("ix_hold_snoozed", "snoozed_until", where="snoozed_until IS NOT NULL"),
        partial("ix_hold_closed", "company_id", "closed_at", "id", where=CLOSED),
        one_of("state", HoldState),
        CheckConstraint("state <> 'open' OR team_id IS NOT NULL", name="owner"),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    record_id: Mapped[int] = ref("record")
    posting_id: Mapped[int | None] = ref("posting", index=True)
    route: Mapped[str]
    seq: Mapped[int]
    code: Mapped[str]
    cause_id: Mapped[int] = ref("cause")
    state: Mapped[HoldState] = mapped_column(Word(HoldState), default=HoldState.OPEN)
    error_class: Mapped[ErrorClass] = mapped_column("class", Text)
    severity: Mapped[Severity] = mapped_column(Text)
    rule: Mapped[str] = mapped_column(default="")
    at_rule: Mapped[str] = mapped_column(default="")
    message: Mapped[str]
    would_pass: Mapped[str] = mapped_column(default="")
    clears: Mapped[Clearing] = mapped_column(default=ITSELF)
    revision: Mapped[int]
    team_id: Mapped[int | None] = ref("team")
    person_id: Mapped[int | None] = ref("person")
    answer_by: Mapped[datetime]
    snoozed_until: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[int | None] = ref("person")
    closed_why: Mapped[str | None]
    opened_evaluation_id: Mapped[int | None] = ref("evaluation")
    closed_evaluation_id: Mapped[int | None] = ref("evaluation")
    lock: Mapped[int] = mapped_column(WHOLE, default=0)
    book: Mapped[int | None]
    amount: Mapped[int | None]
    currency: Mapped[str] = mapped_column(default="", server_default="")
    number: Mapped[str] = mapped_column(default="")
    party_key: Mapped[str] = mapped_column(default="")
    doc_type: Mapped[str] = mapped_column(default="")
    doc_date: Mapped[date | None]
    connection_id: Mapped[int | None] = ref("connection")

    @property
    def of_push(self) -> bool:
        """Whether pushing opened the hold: a refusal by the target, or a document that must not be
        sent.
        """
        return self.code in PUSH_CODES


def is_open(state: SQLColumnExpression[Any]) -> ColumnElement[bool]:
    """Return the condition that a hold is open, from its state in a table or alias."""
    return is_word(state, HoldState.OPEN)


HOLD_OPEN = is_open(Hold.state)
HOLD_CLOSED = ~HOLD_OPEN


class Release(Base):
    """A person's permission for a finding to pass, for one content of the record.

    `for_person_id` is the represented person if a deputy gave it. A trigger refuses it from a
    person who worked on the record. A voided release was withdrawn.
    """

    __tablename__ = "release"

    STANDING = "voided_at IS NULL"
    FINDING = ("record_id", "route", "seq", "code", "cause_id", "content_sha256")

    __table_args__ = (
        partial("uq_release_standing", *FINDING, where=STANDING, unique=True),
        Index("ix_release_at", "at"),
        partial("ix_release_operation", "operation_id", where="operation_id IS NOT NULL"),
    )

    id: Mapped[Id]
    record_id: Mapped[int] = ref("record")
    route: Mapped[str]
    seq: Mapped[int]
    code: Mapped[str]
    cause_id: Mapped[int] = ref("cause")
    content_sha256: Mapped[str]
    rule: Mapped[str]
    kind: Mapped[str] = mapped_column(default="release")
    person_id: Mapped[int | None] = ref("person")
    for_person_id: Mapped[int | None] = ref("person")
    reason: Mapped[str]
    at: Mapped[datetime]
    operation_id: Mapped[str | None]
    voided_at: Mapped[datetime | None]
    voided_by_id: Mapped[int | None] = ref("person")


class AcceptedDifference(Base):
    """A difference that a release accepted: a posted document, and the record's content by then.

    `push_id`: the target's content. Amounts are in minor units of the posting's currency; `wanted`
    is None if unknown. It counts while record and target document keep that content
    (holding/records/accepted_differences.py).
    """

    __tablename__ = "accepted_difference"
    __table_args__ = (
        UniqueConstraint("release_id", "posting_id"),
        Index("ix_accepted_difference_company", "company_id", "id"),
        Index("ix_accepted_difference_record", "record_id", "id"),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    release_id: Mapped[int] = ref("release")
    record_id: Mapped[int] = ref("record")
    posting_id: Mapped[int] = ref("posting")
    push_id: Mapped[int] = ref("push")
    version_no: Mapped[int]
    posted: Mapped[int | None]
    wanted: Mapped[int | None]


class Dating(Base):
    """A person's decision that a route's documents have another day than the rules give.

    It counts while the rules give `instead_of`. A later decision voids it.
    """

    __tablename__ = "dating"

    STANDING = "voided_at IS NULL"

    __table_args__ = (
        partial("uq_dating_standing", "record_id", "route", where=STANDING, unique=True),
    )

    id: Mapped[Id]
    record_id: Mapped[int] = ref("record")
    route: Mapped[str]
    instead_of: Mapped[date]
    day: Mapped[date]
    person_id: Mapped[int] = ref("person")
    reason: Mapped[str]
    at: Mapped[datetime]
    operation_id: Mapped[str | None]
    voided_at: Mapped[datetime | None]


class Retry(Base):
    """A person's request for one more try of a hold, for one content of the record."""

    __tablename__ = "retry"
    __table_args__ = (Index("ix_retry_record", "record_id", "id"),)

    id: Mapped[Id]
    record_id: Mapped[int] = ref("record")
    hold_id: Mapped[int] = ref("hold")
    cause_id: Mapped[int] = ref("cause")
    content_sha256: Mapped[str]
    person_id: Mapped[int] = ref("person")
    at: Mapped[datetime]


class Approval(Base):
    """Consent to exactly one content of a posting, known by its hash.

    `level` is the rule that requires it. `for_person_id`: the person whose deputy gave it, if any.
    A trigger refuses it from people who entered, corrected, released or mapped that content, made
    its rules, or approved it at another level.
    """

    __tablename__ = "approval"
    __table_args__ = (
        partial(
            "uq_approval_standing", "posting_id", "level", where="voided_at IS NULL", unique=True
        ),
        Index("ix_approval_posting", "posting_id"),
        Index("ix_approval_operation", "operation_id"),
    )

    STANDING = "voided_at IS NULL"

    id: Mapped[Id]
    posting_id: Mapped[int] = ref("posting")
    hash: Mapped[str]
    content: Mapped[Any] = mapped_column(Json)
    level: Mapped[str]
    person_id: Mapped[int] = ref("person")
    for_person_id: Mapped[int | None] = ref("person")
    reason: Mapped[str]
    at: Mapped[datetime]
    operation_id: Mapped[str | None]
    voided_at: Mapped[datetime | None]
    voided_by_id: Mapped[int | None] = ref("person")
    voided_fields: Mapped[Any | None] = mapped_column(Json)


class Note(Base):
    """A person's note beside a record."""

    __tablename__ = "note"
    __table_args__ = (
        Index("ix_note_record", "record_id", "id"),
        one_of("kind", ("note", "conclusion", "escalation")),
    )

    id: Mapped[Id]
    record_id: Mapped[int] = ref("record")
    hold_id: Mapped[int | None] = ref("hold")
    person_id: Mapped[int] = ref("person")
    kind: Mapped[str]
    body: Mapped[str]
    at: Mapped[datetime]
