"""List the columns that are not sealed, by table, and why.

A column is sealed unless it is listed here. A new table has to be listed, too:
tests/holding/operations/test_sealed_rows.py compares the lists with the models.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Select, select, type_coerce
from sqlalchemy.types import NullType

from holding.db.models import (
    AcceptedDifference,
    AccessRequest,
    ApiToken,
    Approval,
    Attempt,
    Backtest,
    Change,
    ChangeComment,
    ChangeFile,
    Company,
    Connection,
    ConnectionKey,
    Dating,
    Delivery,
    Deputy,
    Escalation,
    Evaluation,
    FormerMember,
    Hold,
    ImportFile,
    KeptApart,
    ListFile,
    MappingEntry,
    MappingTable,
    Membership,
    Note,
    Posting,
    PostingLine,
    Push,
    Reading,
    Recipient,
    Record,
    Release,
    Request,
    Retry,
    Revision,
    RouteStop,
    RuleFile,
    RulesetVersion,
    Schedule,
    SourceLimit,
    Team,
    TeamMember,
    Version,
)
from holding.db.models.columns import StopState, table_of

Joined = Callable[[Select[Any]], Select[Any]]

WORK: Final = "It says when and by whom a row is worked on; what comes of the work is sealed."

COUNTED: Final = "It is a counter that goes up without an act."

LOCK: Final = "It counts changes, so that two of them at once are noticed."

DERIVED: Final = "It is computed again from sealed columns."

_WORK: Final = dict.fromkeys(("due_at", "lease_owner", "lease_until", "fence", "crashes"), WORK)


@dataclass(frozen=True)
class Cover:
    """A table whose rows are sealed.

    `owner`: the column with the record's id, or the company's. `state`: columns that change
    together with an event of that record or company. `cleared`: columns that retention empties.
    `left_out`: columns that are not sealed, with the reason. `added`: columns newer than the first
    seals, hashed only with a value. Every other column never changes. `grows`: rows are only
    added, so that each is sealed once, by its id.
    """

    model: Any
    owner: Any
    joined: Joined = lambda query: query
    state: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    added: tuple[str, ...] = ()
    grows: str = ""

    @cached_property
    def table(self) -> str:
        """Return the table's name."""
        return str(self.model.__tablename__)

    @cached_property
    def fixed(self) -> tuple[str, ...]:
        """Return the columns that never change."""
        others = {*self.state, *self.cleared, *self.left_out}
        return tuple(c.name for c in table_of(self.model).columns if c.name not in others)

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Return the columns of the primary key."""
        return tuple(column.name for column in table_of(self.model).primary_key)

    @cached_property
    def rows(self) -> Select[Any]:
        """Return the select of all rows as stored, with `owner_id`: a malformed one is read, too.

        Add conditions about `owner`.
        """
        table = table_of(self.model)
        raw = [type_coerce(column, NullType()).label(column.name) for column in table.columns]
        query = self.joined(select(self.owner.label("owner_id"), *raw).select_from(table))
        return query.order_by(*table.primary_key)


def _join_posting(query: Select[Any]) -> Select[Any]:
    """Join a table with a `posting_id` to its posting."""
    return query.join(Posting)


def _join_push_of(model: Any) -> Joined:
    """Return a function that joins a table with a `push_id` to its push and posting."""
    return lambda query: query.join(Push, Push.id == model.push_id).join(
        Posting, Posting.id == Push.posting_id
    )


def _join_request_postings(query: Select[Any]) -> Select[Any]:
    """Join requests to the postings that they were sent for."""
    return (
        query.join(Attempt, Attempt.request_id == Request.id)
        .join(Push, Push.id == Attempt.push_id)
        .join(Posting, Posting.id == Push.posting_id)
        .distinct()
    )


_VOIDED: Final = ("voided_at", "voided_by_id")

OF_RECORD: Final[tuple[Cover, ...]] = (
    Cover(
        Record,
        Record.id,
        state=(
            *("number", "family", "version_id", "status", "state", "party", "party_key", "branch"),
            *("doc_date", "amount", "currency", "book"),
        ),
        left_out={
            **_WORK,
            "priority": WORK,
            "lock": LOCK,
            "seen_at": "It moves with every arrival; each version has its own moment.",
            "compared_at": "The nightly comparison with the source moves it without an act.",
            "compared": "The nightly comparison with the source moves it without an act.",
        },
    ),
    Cover(
        Delivery,
        Version.record_id,
        lambda query: query.join(Version, Version.delivery_id == Delivery.id).distinct(),
        state=("error",),
        cleared=("headers", "body"),
        left_out={**_WORK, "times": COUNTED},
    ),
    Cover(Version, Version.record_id, cleared=("body",)),
    Cover(Evaluation, Evaluation.record_id, cleared=("facts",)),
    Cover(
        Hold,
        Hold.record_id,
        state=(
            *("posting_id", "cause_id", "state", "class", "severity", "rule", "at_rule", "message"),
            *("would_pass", "clears", "revision", "closed_at", "closed_by_id", "closed_why"),
            *("closed_evaluation_id", "amount", "currency", "number", "doc_type", "doc_date"),
            *("connection_id", "person_id"),
        ),
        left_out={
            "lock": LOCK,
            "team_id": "It follows the owners that the rules name, without an event of the record.",
            "answer_by": "It follows the owners that the rules name.",
            "snoozed_until": "It ends by itself; each snooze is an event.",
            "party_key": DERIVED,
            "book": DERIVED,
        },
    ),
    Cover(Release, Release.record_id, state=_VOIDED),
    Cover(AcceptedDifference, AcceptedDifference.record_id),
    Cover(Dating, Dating.record_id, state=("voided_at",)),
    Cover(Retry, Retry.record_id),
    Cover(Note, Note.record_id),
    Cover(
        Escalation,
        Escalation.record_id,
        state=("sent_to", "ticket", "sent_at", "sent_by_id"),
    ),
    Cover(
        Posting,
        Posting.record_id,
        state=(
            *("family", "connection_id", "number", "state", "action", "hash", "content", "bills"),
            *("amount", "currency", "book", "doc_date", "withdrawn", "party", "reverses_id"),
            *("push_id", "posted_push_id", "target_ref", "sent_at", "posted_at", "version_id"),
        ),
        left_out={
            **_WORK,
            "lock": LOCK,
            "tries": COUNTED,
            "waits": WORK,
            "reason": "It says for what an unsent document waits; holds and events are sealed.",
            "evaluation_id": "It moves with each check that changes nothing.",
            "revision": "It moves with each check that changes nothing.",
            "finished_at": "It moves with each check that changes nothing.",
            "read_at": "It moves with each read-back that finds no difference.",
            "read_due_at": WORK,
            "reading_id": "It names the newest read-back, which is sealed.",
            "e_invoice_at": "The tax office's answer is a read-back, which is sealed.",
        },
    ),
    Cover(Approval, Posting.record_id, _join_posting, state=(*_VOIDED, "voided_fields")),
    Cover(
        Push,
        Posting.record_id,
        lambda query: query.join(Posting, Posting.id == Push.posting_id),
        state=("state", "target_ref", "kept", "error_class", "error", "closed_at"),
        cleared=("trace",),
    ),
    Cover(PostingLine, Posting.record_id, _join_push_of(PostingLine)),
    Cover(
        Attempt,
        Posting.record_id,
        _join_push_of(Attempt),
        state=("state", "error_class", "error", "target_ref", "proof"),
    ),
    Cover(
        Request,
        Posting.record_id,
        _join_request_postings,
        state=("state", "deadline_at", "answered_at", "status", "answer", "answer_sha256"),
        cleared=("body",),
        left_out={"body_removed_at": "Retention sets it when it removes the body."},
    ),
    Cover(Reading, Posting.record_id, lambda query: query.join(Posting)),
)
"""The tables of a record: its rows are sealed when the record has new events."""

OF_COMPANY: Final[tuple[Cover, ...]] = (
    Cover(
        Company,
        Company.id,
        state=(
            *("code", "name", "zone", "currency", "ruleset_version_id", "settings"),
            *("registration", "closed_through", "starts_on", "live", "went_live_at"),
            "needs_second_factor",
        ),
        left_out={
            "revision": "It is the newest row of the table revision, which is sealed.",
            "rules_revision": DERIVED,
            "linked_version_id": WORK,
            "lock": LOCK,
            "ages_from": WORK,
        },
    ),
    Cover(Membership, Membership.company_id, state=("granted_by_id", "granted_at")),
    Cover(Team, Team.company_id, state=("name", "title")),
    Cover(TeamMember, Team.company_id, lambda query: query.join(Team)),
    Cover(FormerMember, FormerMember.company_id, state=("left_at",)),
    Cover(SourceLimit, SourceLimit.company_id, state=("set_by_id", "set_at")),
    Cover(Deputy, Deputy.company_id, state=("ended_at", "ended_by_id")),
    Cover(
        ApiToken,
        ApiToken.company_id,
        state=("revoked_at",),
        left_out={"seen_at": "It moves with each call."},
    ),
    Cover(
        AccessRequest,
        AccessRequest.company_id,
        state=("ended_at", "ended_by_id", "granted", "answer"),
    ),
    Cover(
        Connection,
        Connection.company_id,
        state=(
            *("name", "connector", "settings", "paused_at", "paused_by_id", "pause_reason"),
            *("pause_until", "key_id"),
        ),
        left_out={
            "untested_since": WORK,
            "tested_at": "Each test moves it; what follows from a failed one is an event.",
            "test_steps": "Each test writes it; what follows from a failed one is an event.",
            "lock": LOCK,
            "restored_at": WORK,
        },
    ),
    Cover(
        ConnectionKey,
        Connection.company_id,
        lambda query: query.join(Connection, Connection.id == ConnectionKey.connection_id),
        state=("state", "keep_until"),
        left_out={"secret": "It is encrypted, and encrypted anew with each key of the key file."},
    ),
    Cover(MappingTable, MappingTable.company_id, state=("team_id", "kind")),
    Cover(
        Schedule,
        Schedule.company_id,
        state=("at", "zone", "active"),
        left_out={"next_at": WORK, "last_day": WORK, "waiting_since": WORK},
    ),
    Cover(
        RouteStop,
        RouteStop.company_id,
        # While it only counts, no event of the company reports it: a check of a record makes it.
        lambda query: query.where(RouteStop.state != StopState.COUNTING),
        state=(
            *("state", "stopped_at", "kept_at", "kept_by_id", "kept_why", "resumed_at"),
            *("resumed_by_id", "resumed_why", "superseded_by", "most_records", "most_book"),
        ),
        left_out={"records": COUNTED, "book": COUNTED},
    ),
    Cover(
        Change,
        Change.company_id,
        state=(
            *("title", "state", "base_id", "hash", "author_id", "checked_hash", "starts_at"),
            *("starts_by_id", "starts_reason"),
        ),
        left_out={"lock": LOCK},
    ),
    Cover(
        ChangeFile,
        Change.company_id,
        lambda query: query.join(Change),
        state=("sha256", "body", "person_id"),
    ),
    Cover(ChangeComment, ChangeComment.company_id),
    Cover(KeptApart, KeptApart.company_id),
    Cover(
        ImportFile,
        ImportFile.company_id,
        state=(
            *("state", "verdicts", "note", "reason", "handed_over_at", "handed_over_by_id"),
            *("imported_at", "imported_by_id", "ended_at", "ended_by_id"),
        ),
    ),
    Cover(
        Recipient,
        Recipient.company_id,
        state=("team_id", "address", "digest", "urgent", "packets", "ended_at"),
        left_out={"secret": "It is encrypted, and encrypted anew with each key of the key file."},
    ),
    Cover(Revision, Revision.company_id, grows="no"),
    Cover(RulesetVersion, RulesetVersion.company_id, grows="id"),
    Cover(
        RuleFile,
        RulesetVersion.company_id,
        lambda query: query.join(RulesetVersion),
        grows="ruleset_version_id",
    ),
    Cover(Backtest, Backtest.company_id, grows="id"),
    Cover(ListFile, ListFile.company_id, grows="id"),
    Cover(
        MappingEntry,
        MappingTable.company_id,
        lambda query: query.join(MappingTable),
        left_out={"to_revision": "The entry that follows has it, and verify looks for that entry."},
        grows="id",
    ),
)
"""The tables of a company: rows are sealed when the company has new events without a record."""

TRIAL: Final = "It is a trial: nothing of it is posted or decides."

INDEX: Final = "It only finds rows, and is made anew from them."

ACCOUNT: Final = "It belongs to a person, not to a company; each event stores its actor's name."

TABLES_LEFT_OUT: Final[Mapping[str, str]] = {
    "event": "It is the chain itself, which seals each event with the one before.",
    "event_link": "It is the chain itself.",
    "row_seal": "It is the seals, which the chain seals.",
    "listed_code": "Each list's event seals its codes (holding/platform/row_seals.py).",
    "cause": "It counts the holds that have something in common; the holds are sealed.",
    "upload": "The orders of a file are deliveries, which are sealed.",
    "run": "It counts what a batch did; the documents and calls are sealed.",
    "snapshot": "It says when master data was read; what rules used is in the evaluation's facts.",
    "snapshot_item": "What rules used of it is in the evaluation's facts, which are sealed.",
    "list_reading": WORK,
    "list_part": WORK,
    "item_reading": WORK,
    "pull": WORK,
    "throttle": WORK,
    "hook_call": "It made no record.",
    "link_key": INDEX,
    "posting_use": INDEX,
    "trial_index": INDEX,
    "trial_key": INDEX,
    "hold_tally": INDEX,
    "tallied_record": INDEX,
    "tally_mark": INDEX,
    "use_mark": INDEX,
    "wake_mark": WORK,
    "story_form": INDEX,
    "shadow": TRIAL,
    "shadow_verdict": TRIAL,
    "backtest_run": TRIAL,
    "backtest_result": TRIAL,
    "rule_draft": "It is not handed in yet; what is published is sealed.",
    "saved_view": "It is a filter of a page.",
    "signal": "It ends by itself; its beginning and end are events.",
    "notice": "It is a message about what is sealed.",
    "operation": "It keeps an answer for a second click; the act itself is an event.",
    "person": ACCOUNT,
    "former_name": ACCOUNT,
    "identity": ACCOUNT,
    "second_factor": ACCOUNT,
    "recovery_code": ACCOUNT,
    "session": ACCOUNT,
    "sign_in_step": ACCOUNT,
    "access_link": "It only lets somebody in; who joined is an event.",
    "authorization_request": "It works once; the key that comes of it is sealed.",
    "setup_address": "It works once, before there is a company.",
    "singleton": WORK,
    "clock_mark": WORK,
    "program_version": WORK,
    "heartbeat": WORK,
    "backup": "It says where copies are; a copy proves itself by its hash.",
}
"""Tables that are not sealed, with the reason."""
