"""Tables of postings, pushes, attempts, readings, runs and schedules.

The allowed state changes are in holding/platform/states.py.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, Text, UniqueConstraint, exists, false
from sqlalchemy.orm import Mapped, mapped_column

from grammar.text.finding_codes import ErrorClass
from holding.db.models.columns import (
    DUE,
    LEASED,
    WHOLE,
    AttemptState,
    Base,
    Id,
    Json,
    PostingWait,
    PushState,
    RequestState,
    RunState,
    Word,
    Work,
    by_number,
    one_of,
    partial,
    ref,
    words,
)
from rules.values.canonical import PostingState

POSTING_STATES = tuple(PostingState)
TO_SEND_STATES = (PostingState.WAITING, PostingState.HELD, PostingState.READY, PostingState.FAILED)
"""What is not sent yet and may still be."""
UNSENT_STATES = (*TO_SEND_STATES, PostingState.IGNORED, PostingState.DROPPED)
LEFT_OUT_STATES = (PostingState.IGNORED, PostingState.DROPPED)
BOOKED_STATES = (PostingState.POSTED, PostingState.REVERSED)
ENDED = (*BOOKED_STATES, PostingState.DROPPED, PostingState.IGNORED)  # as an index says it
"""What nothing more is to be done about, as things stand."""
NONE_TO_COME = frozenset({*LEFT_OUT_STATES, PostingState.REVERSED})
"""Nothing of it stands in the target, and nothing will as things stand."""
IN_FLIGHT_STATES = (PostingState.SENDING, PostingState.AWAITING, PostingState.UNCERTAIN)

PUSH_STATES = tuple(PushState)
OPEN_PUSH_STATES = (PushState.INTENT, PushState.SENDING, PushState.AWAITING, PushState.UNCERTAIN)

CHANGES = ("update", "void")
ACTIONS = ("create", *CHANGES)
FIGURES = ("state", "currency", "book", "amount")  # what sums of documents are made of
TARGET_DAY = ("connection_id", "doc_type", "doc_date")
BOOKED_DAY = ("connection_id", "doc_date", "doc_type")
PARTY_SUMS = ("connection_id", "doc_type", "doc_date", "currency", "book", "amount")
READING_KINDS = ("standing", "alike")


class Posting(Work, Base):
    """One target document meant for one record under one route.

    `finished_at`: since when the rules call the record ready by its status, without a break.
    `reading_id`: the last look at it in the target. `e_invoice_at`: since when its e-invoice is
    valid there. `waits`: why it waits although ready. `withdrawn`: its source no longer has it.
    """

    __tablename__ = "posting"

    OPEN = f"state NOT IN {words(ENDED)}"
    LATE = f"finished_at IS NOT NULL AND {OPEN}"
    LEFT_OUT = f"state IN {words(LEFT_OUT_STATES)}"
    BOOKED = f"state IN {words(BOOKED_STATES)}"
    SENT = "sent_at IS NOT NULL"
    GONE = "posted_at IS NOT NULL"
    NAMED_THERE = "target_ref IS NOT NULL"
    POSTED = f"state = '{PostingState.POSTED}'"
    FURTHER = "seq <> 1"
    WATCHED = f"{POSTED} AND read_due_at IS NOT NULL"

    __table_args__ = (
        UniqueConstraint("record_id", "route", "seq"),
        partial("uq_posting_sent", "connection_id", "doc_type", "number", where=SENT, unique=True),
        by_number("ix_posting_number"),
        partial("ix_posting_ref", "company_id", "target_ref", where=NAMED_THERE),
        partial("ix_posting_due", "connection_id", "due_at", "id", where=DUE),
        partial("ix_posting_lease", "lease_until", where=LEASED),
        partial("ix_posting_open", "company_id", "state", *TARGET_DAY, where=OPEN),
        partial("ix_posting_late", "company_id", "finished_at", "id", "state", where=LATE),
        partial("ix_posting_part", "record_id", "route", "seq", where=FURTHER),
        partial("ix_posting_party", "company_id", "party", *PARTY_SUMS, where=POSTED),
        partial("ix_posting_left_out", "company_id", "id", where=LEFT_OUT),
        partial("ix_posting_standing", "connection_id", "doc_type", *FIGURES, where=OPEN),
        partial("ix_posting_booked", *BOOKED_DAY, *FIGURES, "action", where=BOOKED),
        partial("ix_posting_posted", "connection_id", "posted_at", "route", "book", where=GONE),
        Index("ix_posting_reverses", "reverses_id"),
        partial("ix_posting_read", "connection_id", "read_due_at", "id", where=WATCHED),
        Index("ix_posting_day", "company_id", *TARGET_DAY),
        one_of("state", POSTING_STATES),
        one_of("action", ACTIONS),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    record_id: Mapped[int] = ref("record")
    family: Mapped[int]
    connection_id: Mapped[int] = ref("connection")
    route: Mapped[str]
    seq: Mapped[int]
    doc_type: Mapped[str]
    number: Mapped[str]
    state: Mapped[PostingState]
    action: Mapped[str] = mapped_column(default="create")
    hash: Mapped[str]
    content: Mapped[dict[str, Any] | None] = mapped_column(Json)
    bills: Mapped[list[list[str]] | None] = mapped_column(Json)  # [line key, quantity], as lines
    reason: Mapped[str] = mapped_column(default="")
    version_id: Mapped[int] = ref("version")
    evaluation_id: Mapped[int] = ref("evaluation")
    revision: Mapped[int]
    amount: Mapped[int | None]
    currency: Mapped[str] = mapped_column(default="")
    book: Mapped[int | None]
    doc_date: Mapped[date | None]
    withdrawn: Mapped[bool] = mapped_column(default=False, server_default=false())
    party: Mapped[str] = mapped_column(default="")
    reverses_id: Mapped[int | None] = ref("posting")
    push_id: Mapped[int | None]
    posted_push_id: Mapped[int | None]
    target_ref: Mapped[str | None]
    finished_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    posted_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    read_due_at: Mapped[datetime | None]
    reading_id: Mapped[int | None]
    e_invoice_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")
    waits: Mapped[PostingWait | None] = mapped_column(Word(PostingWait))
    lock: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")


class Push(Base):
    """One intent to change the target.

    `kept`: the target's own total of the document in minor units; None if it returned none.
    `due_at`: since when it could have been sent.
    """

    __tablename__ = "push"

    OPEN = f"state IN {words(OPEN_PUSH_STATES)}"
    ONE_EFFECT = f"action = 'create' AND state IN {words((*OPEN_PUSH_STATES, PushState.ACCEPTED))}"

    __table_args__ = (
        UniqueConstraint("posting_id", "no"),
        UniqueConstraint("connection_id", "key"),
        partial("uq_push_family", "connection_id", "family", where=OPEN, unique=True),
        partial("uq_push_effect", "posting_id", where=ONE_EFFECT, unique=True),
        Index("ix_push_newest", "connection_id", "state", "id"),
        one_of("state", PUSH_STATES),
        one_of("action", ACTIONS),
    )

    id: Mapped[Id]
    posting_id: Mapped[int] = ref("posting")
    no: Mapped[int]
    connection_id: Mapped[int] = ref("connection")
    family: Mapped[int]
    action: Mapped[str]
    hash: Mapped[str]
    number: Mapped[str]
    key: Mapped[str]
    content: Mapped[dict[str, Any]] = mapped_column(Json)
    trace: Mapped[bytes | None]
    evaluation_id: Mapped[int] = ref("evaluation")
    state: Mapped[PushState] = mapped_column(Word(PushState))
    target_ref: Mapped[str | None]
    kept: Mapped[int | None]
    error_class: Mapped[ErrorClass | None] = mapped_column(Text)
    error: Mapped[str | None]
    due_at: Mapped[datetime | None]
    made_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class PostingLine(Base):
    """A line of a push in base units: what counts as billed."""

    __tablename__ = "posting_line"

    push_id: Mapped[int] = ref("push", primary_key=True)
    line_key: Mapped[str] = mapped_column(primary_key=True)
    base_qty: Mapped[str]
    amount: Mapped[int]


class Request(Base):
    """One call or file, carrying the attempts of one or many pushes.

    `body` is the sent content. The body of a call that was refused and replaced is deleted after a
    time, at `body_removed_at` (holding/operations/pruning.py). Its hash stays. `key_tail` is the
    end of the key that was used: a copy, because a replaced key may be deleted.
    """

    FOLLOWS = "parent_id IS NOT NULL"

    __tablename__ = "request"
    __table_args__ = (
        Index("ix_request_run", "run_id"),
        Index("ix_request_connection", "connection_id", "id"),
        Index("ix_request_key", "connection_id", "key"),
        partial("ix_request_parent", "parent_id", where=FOLLOWS),
        one_of("kind", ("push", "lookup", "poll", "read")),
    )

    id: Mapped[Id]
    connection_id: Mapped[int] = ref("connection")
    kind: Mapped[str]
    run_id: Mapped[int | None] = ref("run")
    key: Mapped[str]
    key_id: Mapped[int | None]
    key_tail: Mapped[str] = mapped_column(default="", server_default="")
    body: Mapped[bytes | None]
    sha256: Mapped[str]
    headers: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    rows: Mapped[Any | None] = mapped_column(Json)
    state: Mapped[RequestState] = mapped_column(Word(RequestState))
    made_at: Mapped[datetime]
    deadline_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    status: Mapped[int | None]
    answer: Mapped[bytes | None]
    answer_sha256: Mapped[str | None]
    parent_id: Mapped[int | None] = ref("request")
    body_removed_at: Mapped[datetime | None]


class Attempt(Base):
    """A push inside one request; the answer fills it once."""

    __tablename__ = "attempt"
    __table_args__ = (UniqueConstraint("push_id", "no"), UniqueConstraint("request_id", "push_id"))

    id: Mapped[Id]
    request_id: Mapped[int] = ref("request")
    push_id: Mapped[int] = ref("push")
    no: Mapped[int]
    row: Mapped[int | None]
    fence: Mapped[int]
    state: Mapped[AttemptState] = mapped_column(Word(AttemptState))
    error_class: Mapped[ErrorClass | None] = mapped_column(Text)
    error: Mapped[str | None]
    target_ref: Mapped[str | None]
    proof: Mapped[str | None]
    at: Mapped[datetime]


class Reading(Base):
    """A reading of a posting in its target, stored when it changed.

    `kind`: `standing` compares the document itself with the sent content (`same`: no difference).
    `alike` lists documents that Clearpost did not send and that may be duplicates.
    """

    __tablename__ = "reading"
    __table_args__ = (
        Index("ix_reading_posting", "posting_id", "id"),
        one_of("kind", READING_KINDS),
    )

    id: Mapped[Id]
    posting_id: Mapped[int] = ref("posting")
    kind: Mapped[str]
    at: Mapped[datetime]
    sha256: Mapped[str]
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    same: Mapped[bool]


class Run(Work, Base):
    """A batch over many postings or records."""

    __tablename__ = "run"
    __table_args__ = (
        partial("uq_run_daily", "company_id", "route", "day", where="kind = 'daily'", unique=True),
        partial("ix_run_due", "company_id", "due_at", "id", where=DUE),
        Index("ix_run_company", "company_id", "id"),
        Index("ix_run_pill", "connection_id", "doc_type", "id"),
        Index("ix_run_at", "company_id", "made_at", "id"),
        Index("ix_run_connection_at", "company_id", "connection_id", "made_at", "id"),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    kind: Mapped[str]
    connection_id: Mapped[int | None] = ref("connection")
    route: Mapped[str | None]
    doc_type: Mapped[str | None]
    day: Mapped[date | None]
    filter: Mapped[Any | None] = mapped_column(Json)
    state: Mapped[RunState] = mapped_column(Word(RunState))
    done: Mapped[int] = mapped_column(WHOLE, default=0)
    total: Mapped[int] = mapped_column(WHOLE, default=0)
    counts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    result: Mapped[Any | None] = mapped_column(Json)
    person_id: Mapped[int | None] = ref("person")
    made_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    error: Mapped[str | None]


class Schedule(Base):
    """When a daily route runs next.

    `waiting_since`: while a run is due and waits, when it was first looked at or last had records
    to be judged that no worker held.
    """

    __tablename__ = "schedule"
    __table_args__ = (
        UniqueConstraint("company_id", "route"),
        partial("ix_schedule_next", "next_at", where="active"),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    route: Mapped[str]
    at: Mapped[str]
    zone: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    next_at: Mapped[datetime | None]
    last_day: Mapped[date | None]
    waiting_since: Mapped[datetime | None]


DAILY_RUN_OFF = exists().where(
    Schedule.company_id == Posting.company_id,
    Schedule.route == Posting.route,
    Schedule.next_at.is_not(None),
    ~Schedule.active,
)
"""Of a posting: the rules have a daily run of its route, which a person switched off."""
