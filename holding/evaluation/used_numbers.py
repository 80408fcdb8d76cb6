"""Find documents whose number another document of ours has, and hold them while they are judged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session, aliased

from connectors.contract import Action
from connectors.contract.errors import RETRY
from holding.db import bulk
from holding.db.models import Company, Connection, Posting, Record
from holding.db.models.columns import among_words
from holding.evaluation.batch import (
    Batch,
    DocumentKey,
    HoldRow,
    Plan,
    PlannedPosting,
    WantedHold,
)
from holding.evaluation.target_limits import find_limit
from holding.platform.states import NUMBER_USED
from rules.outcomes import Document
from rules.program import Route
from rules.values.canonical import PostingState
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind

USED_NUMBER_RULE: Final = "used_numbers"

_WAY_OUT: Final = (
    "one of both gets another number, by a correction in the source or by the rules, or a person"
    " rejects one of both"
)

_STILL_TO_GO: Final = frozenset({PostingState.READY, PostingState.HELD, PostingState.WAITING})

_LIVE: Final = (PostingState.READY, PostingState.POSTED)

_source = aliased(Connection)

_OTHERS = (
    select(
        Posting.record_id,
        Posting.connection_id,
        Posting.doc_type,
        Posting.number,
        Posting.state,
        Posting.sent_at,
        Posting.posted_at,
        Record.number.label("record"),
        _source.name.label("source"),
        Company.zone,
    )
    .join(Record, Record.id == Posting.record_id)
    .join(_source, _source.id == Record.source_id)
    .join(Company, Company.id == Posting.company_id)
    .where(Posting.company_id == bindparam("company"))
    .where(bulk.among_given(Posting.number, "numbers"))
    .where(or_(Posting.sent_at.is_not(None), among_words(Posting.state, _LIVE)))
    .order_by(Posting.id)
)


@dataclass(frozen=True, slots=True)
class NumberUser:
    """A document that has a number, and what people know it by.

    `moment` is when it was posted or sent, None while it is only ready.
    """

    record_id: int
    record: str
    source: str
    state: PostingState
    moment: datetime | None
    zone: str

    def words(self, number: str, system: str) -> str:
        """Return the message about another document with an equal number."""
        record, source = self.record, self.source
        if self.moment is None:
            return (
                f"Document number {number} is already taken: {record} of {source} is ready to post"
                f" to {system} with it."
            )
        day = self.moment.astimezone(ZoneInfo(self.zone)).date()
        if self.state == PostingState.REVERSED:
            return (
                f"Document number {number} is already taken: Clearpost posted {record} of {source}"
                f" to {system} with it on {day}, and took it back."
            )
        verb_words = "posted" if self.state == PostingState.POSTED else "sent"
        return (
            f"Document number {number} is already taken: Clearpost {verb_words} {record} of"
            f" {source} to {system} with it on {day}."
        )


NumberKey = tuple[int, str, str]
"""Ledger, document type and number: what two documents of a company must not share."""

ReadyNumbers = dict[NumberKey, NumberUser]
"""The users of numbers that are ready by plans which are not stored, as those of a dry run."""


def find_used_numbers(
    session: Session, batch: Batch, plans: Sequence[Plan], ready_before: ReadyNumbers
) -> dict[DocumentKey, str]:
    """Return for each planned new document whose number is taken the message about its user.

    Users are documents that were sent, and documents of other records that are ready. Of several
    new ones the record that was ready before keeps the number, then the one that came first.
    `ready_before` has what earlier batches made ready, and gets what this one does.
    """
    ledgers = _ledgers(batch)
    created = {
        (plan.case.record_id, posting.route, posting.seq): (plan, posting)
        for plan, posting in _created(plans)
    }
    if not created:
        return {}
    stored = list(_stored_users(session, batch, created, ledgers, plans))
    users = {key: user for key, user in reversed(stored) if user.moment is not None}
    ready = [(False, key, user) for key, user in stored if user.moment is None]
    for plan, posting in created.values():
        if posting.state == PostingState.READY:
            key = _key_of(ledgers, posting.connection_id, posting.doc_type, posting.number)
            ready.append((posting.before != PostingState.READY, key, _planned_user(plan)))
    for _, key, user in sorted(ready, key=lambda row: (row[0], row[2].record_id)):
        if key not in users:
            users[key] = ready_before.setdefault(key, user)
    names = {target.id: target.name for target in batch.targets.values()}
    messages: dict[DocumentKey, str] = {}
    for document, (plan, posting) in created.items():
        key = _key_of(ledgers, posting.connection_id, posting.doc_type, posting.number)
        holder = users.get(key) or ready_before.get(key)
        if holder is None or holder.record_id == plan.case.record_id:
            continue
        if not _is_known_duplicate(plan, posting.route):
            messages[document] = holder.words(posting.number, names[posting.connection_id])
    return messages


def _ledgers(batch: Batch) -> dict[int, int]:
    """Return connection id -> the id of the first connection to an equal company there."""
    ledgers: dict[int, int] = {}
    first: dict[tuple[object, str], int] = {}
    for target in sorted(batch.targets.values(), key=lambda target_row: target_row.id):
        place = (id(target.connector), target.company_there or f"connection {target.id}")
        ledgers[target.id] = first.setdefault(place, target.id)
    return ledgers


def _key_of(
    ledgers: Mapping[int, int], connection_id: int, doc_type: str, number: str
) -> NumberKey:
    return ledgers.get(connection_id, connection_id), doc_type, number


def _created(plans: Sequence[Plan]) -> Iterator[tuple[Plan, PlannedPosting]]:
    """Yield the planned new documents that are made and may still go, with their plans."""
    for plan in plans:
        for posting in plan.postings:
            if posting.content is not None and posting.state in _STILL_TO_GO:
                yield plan, posting


def _stored_users(
    session: Session,
    batch: Batch,
    created: Mapping[DocumentKey, tuple[Plan, PlannedPosting]],
    ledgers: Mapping[int, int],
    plans: Sequence[Plan],
) -> Iterator[tuple[NumberKey, NumberUser]]:
    """Yield the stored users of these numbers.

    A posting that is only ready counts as planned now, if its record is in this batch.
    """
    numbers = sorted({posting.number for _, posting in created.values()})
    judged = {plan.case.record_id for plan in plans}
    parameters = {"company": batch.company_id, "numbers": numbers}
    for row in session.execute(_OTHERS, parameters):
        if row.state != PostingState.READY or row.record_id not in judged:
            moment = None if row.state == PostingState.READY else row.posted_at or row.sent_at
            user = NumberUser(row.record_id, row.record, row.source, row.state, moment, row.zone)
            yield _key_of(ledgers, row.connection_id, row.doc_type, row.number), user


def _planned_user(plan: Plan) -> NumberUser:
    """Return the user of a number that becomes ready by this plan."""
    case = plan.case
    number = str(case.subject.body.get("number") or "")
    return NumberUser(case.record_id, number, case.subject.source, PostingState.READY, None, "UTC")


def _is_known_duplicate(plan: Plan, route: str) -> bool:
    """Check whether another hold of the document already names what it may be a copy of."""
    holds: list[WantedHold | HoldRow] = [*plan.wanted.values(), *plan.kept]
    others = (hold for hold in holds if hold.route == route and hold.code != NUMBER_USED)
    return any(hold.error_class == "duplicate" for hold in others)


def find_used_number(batch: Batch, plan: Plan, route: Route, seq: int, document: Document) -> str:
    """Return the message about a document that already has this number, and plan the hold; else
    blank.
    """
    words = batch.used_numbers.get((plan.case.record_id, route.name, seq), "")
    if words:
        target = batch.targets[route.target]
        named = f"{target.name}:{document.document} {document.number}"
        wanted_hold = WantedHold(
            route=route.name,
            seq=seq,
            code=NUMBER_USED,
            error_class="duplicate",
            severity="hold",
            rule=USED_NUMBER_RULE,
            at_rule="",
            message=words,
            would_pass=_WAY_OUT,
            clears=ITSELF,
            cause_key=CauseKey(CauseKind.DUPLICATE, named),
            cause_label=f"Document number {document.number} is already taken in {target.name}",
            team_id=batch.team(RETRY["duplicate"].owner),
            number=document.number,
            doc_type=route.document,
            doc_date=document.date,
            connection_id=target.id,
        )
        plan.wanted.setdefault(wanted_hold.key, wanted_hold)
    return words


def find_obstacle(
    batch: Batch, plan: Plan, route: Route, seq: int, document: Document, action: Action
) -> str:
    """Hold a document beyond a limit or with a taken number; return why, or an empty string."""
    limit = find_limit(batch, plan, route, seq, document, action)
    if action != "create":
        return limit
    used = find_used_number(batch, plan, route, seq, document)
    return limit or used
