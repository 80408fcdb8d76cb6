"""List documents that wait for approval, with the changes since the last approved content."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from holding.access.actors import Actor
from holding.approvals.candidates import Consent, Desk
from holding.approvals.sent_amounts import amount_of
from holding.db import bulk
from holding.db.kept_plans import KEPT, at_most
from holding.db.models import (
    Approval,
    Cause,
    Connection,
    Hold,
    Person,
    Posting,
    Push,
    Reading,
    Record,
)
from holding.db.models.decisions import HOLD_OPEN, is_open
from rules.outcomes import NEEDS_APPROVAL
from rules.values.wording import title_text

A_PAGE: Final = 20
"""Each is judged again for its page, and has two forms for who may decide it."""
_earlier = aliased(Hold)
_FIRST: Final = ~(
    select(_earlier.id)
    .where(_earlier.posting_id == Hold.posting_id, _earlier.id < Hold.id)
    .where(is_open(_earlier.state), _earlier.code == NEEDS_APPROVAL)
    .exists()
)
"""The first hold of a document that needs several levels, so that it is one line of the inbox."""
SHOWN: Final = 6  # changed fields of one document; the rest are counted


@dataclass(frozen=True, slots=True)
class Change:
    """One field as it was approved and as it is now; blank if a side has no value."""

    field: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class BesideSent:
    """The data that an approver sees beside the content: its differences from the posted document,
    the causes of other holds, and manual changes last seen in the target.
    """

    posted_changes: tuple[Change, ...] = ()
    other_holds: tuple[str, ...] = ()
    edited_there: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One document that waits for approval.

    `amount` is the total of the content that will be sent, `posted_now` the posted one; both are
    in minor units. `day` is the document date, `lines` its number of lines.
    `by` and `at` describe the last approval, or None.
    `why_not` explains why this user may not decide, blank if they may.
    """

    hold_id: int
    posting_id: int
    hash: str
    number: str
    source: str
    kind: str
    external_id: str
    party: str
    target: str
    doc_type: str
    message: str
    amount: int | None
    currency: str
    posted_now: int | None
    posted_currency: str
    day: str
    lines: int
    since: datetime
    record_id: int
    why_not: str
    by: str | None
    at: datetime | None
    changes: tuple[Change, ...]
    more: int
    beside: BesideSent


@dataclass(frozen=True, slots=True)
class Page:
    """Documents in order of arrival, one more than a page if there are more, and the total
    number.
    """

    rows: tuple[Asked, ...]
    waiting: int


def load_page(
    session: Session, actor: Actor, after: int | None = None, most: int | None = None
) -> Page:
    """Return documents after a hold, each once; one page and one more, unless `most` is given."""
    company_id = actor.company_id or 0
    query = (
        select(Hold, Posting, Record, Connection.name)
        .join(Posting, Posting.id == Hold.posting_id)
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(*_asking(company_id), Hold.id > (after or 0), _FIRST)
        .order_by(Hold.id)
        .limit(at_most(most or A_PAGE + 1))
    )
    rows = session.execute(query, execution_options=KEPT).all()
    postings = [posting for _, posting, _, _ in rows]
    desk = Desk(session, actor, postings)
    before = _load_approved_before(session, postings)
    targets = _load_names(session, {posting.connection_id for posting in postings})
    beside_sent = _load_beside_sent(session, postings) if postings else {}
    lines = (
        _asked(
            _Read(hold, posting, record, source),
            targets,
            before.get(posting.id),
            _why_not(desk, posting),
            beside_sent[posting.id],
        )
        for hold, posting, record, source in rows
    )
    return Page(tuple(lines), _count_waiting(session, company_id))


def _count_waiting(session: Session, company_id: int) -> int:
    """Return how many documents wait for approval."""
    count = session.scalar(
        select(func.count(func.distinct(Hold.posting_id))).where(*_asking(company_id)),
        execution_options=KEPT,
    )
    return count or 0


def content_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return the differences of two contents of a document, header fields first."""
    return tuple(
        Change(name, str(old), str(new))
        for name, (old, new) in _beside(_flat(before), _flat(now)).items()
        if old != new
    )


def _beside(old: Mapping[str, Any], new: Mapping[str, Any]) -> Mapping[str, tuple[Any, Any]]:
    return {name: (old.get(name, ""), new.get(name, "")) for name in dict.fromkeys([*new, *old])}


def _flat(content: Mapping[str, Any]) -> Mapping[str, Any]:
    values = dict(content.get("fields", {}))
    for number, line in enumerate(content.get("lines", ()), 1):
        values |= {f"{name}, line {number}": value for name, value in line.items()}
    return values


def _asking(company_id: int) -> Iterator[Any]:
    yield from (Hold.company_id == company_id, HOLD_OPEN, Hold.code == NEEDS_APPROVAL)
    yield Hold.posting_id.is_not(None)


def _why_not(desk: Desk, posting: Posting) -> str:
    answer = desk.consent(posting.id, posting)
    return "" if isinstance(answer, Consent) else answer.reason


def _load_approved_before(
    session: Session,
    postings: Sequence[Posting],
) -> Mapping[int, tuple[Approval, str]]:
    """Return by posting the last valid approval of another content, with the approver's name."""
    rows = session.execute(
        select(Approval, Person.name)
        .join(Posting, Posting.id == Approval.posting_id)
        .join(Person, Person.id == Approval.person_id)
        .where(bulk.among(Approval.posting_id, [posting.id for posting in postings]))
        .where(Approval.hash != Posting.hash, Approval.voided_by_id.is_(None))
        .order_by(Approval.id),
        execution_options=KEPT,
    )
    return {approval.posting_id: (approval, name) for approval, name in rows}


def _load_names(session: Session, ids: set[int]) -> Mapping[int, str]:
    rows = session.execute(
        select(Connection.id, Connection.name).where(Connection.id.in_(sorted(ids))),
        execution_options=KEPT,
    )
    return {row.id: row.name for row in rows}


def _load_beside_sent(session: Session, postings: Sequence[Posting]) -> Mapping[int, BesideSent]:
    """Return the data beside these postings' contents, by posting id."""
    ids = [posting.id for posting in postings]
    rows = session.execute(
        select(Posting.id, Posting.record_id, Posting.route, Posting.seq)
        .add_columns(Push.content.label("posted"), Reading.same, Reading.body)
        .outerjoin(Push, Push.id == Posting.posted_push_id)
        .outerjoin(Reading, Reading.id == Posting.reading_id)
        .where(bulk.among(Posting.id, ids)),
        execution_options=KEPT,
    )
    read = rows.all()
    other_holds = session.execute(
        select(Hold.record_id, Hold.route, Hold.seq, Cause.label)
        .join(Cause, Cause.id == Hold.cause_id)
        .where(bulk.among(Hold.record_id, sorted({row.record_id for row in read})))
        .where(HOLD_OPEN, Hold.code != NEEDS_APPROVAL)
        .order_by(Hold.id),
        execution_options=KEPT,
    )
    labels: dict[tuple[int, str, int], list[str]] = defaultdict(list)
    for row in other_holds:
        labels[row.record_id, row.route, row.seq].append(title_text(row.label))
    contents = {posting.id: posting.content or {} for posting in postings}
    return {
        row.id: BesideSent(
            posted_changes=content_changes(row.posted, contents[row.id]) if row.posted else (),
            other_holds=tuple(dict.fromkeys(labels[row.record_id, row.route, row.seq])),
            edited_there=str(row.body.get("words", "")) if row.same is False else "",
        )
        for row in read
    }


@dataclass(frozen=True, slots=True)
class Proposed:
    """Values of one document in the dialog that approves several documents.

    `day` is the document's date, `lines` its number of lines. `beside` has data that is not part of
    the document: changes since it was posted, other holds, and edits in the target.
    """

    day: str
    lines: int
    beside: BesideSent


def load_proposed(session: Session, posting_ids: Collection[int]) -> Mapping[int, Proposed]:
    """Return posting id -> values for the dialog that approves several documents."""
    query = select(Posting).where(bulk.among(Posting.id, posting_ids))
    postings = session.scalars(query).all()
    beside_sent = _load_beside_sent(session, postings) if postings else {}
    return {
        posting.id: Proposed(
            day=str((posting.content or {}).get("date", "")),
            lines=len((posting.content or {}).get("lines", ())),
            beside=beside_sent[posting.id],
        )
        for posting in postings
    }


def load_beside(session: Session, posting_id: int | None) -> BesideSent:
    """Return the data beside the content of one posting, for its approver."""
    posting = session.get(Posting, posting_id) if posting_id is not None else None
    return _load_beside_sent(session, [posting])[posting.id] if posting else BesideSent()


@dataclass(frozen=True, slots=True)
class _Read:
    hold: Hold
    posting: Posting
    record: Record
    source: str


def _asked(
    read: _Read,
    targets: Mapping[int, str],
    before: tuple[Approval, str] | None,
    why_not: str,
    beside_sent: BesideSent,
) -> Asked:
    hold, posting, record = read.hold, read.posting, read.record
    sent, content = amount_of(posting), posting.content or {}
    field_changes = (
        content_changes(before[0].content or {}, posting.content or {}) if before else ()
    )
    return Asked(
        hold_id=hold.id,
        posting_id=posting.id,
        hash=posting.hash,
        number=record.number,
        source=read.source,
        kind=record.type,
        external_id=record.external_id,
        party=record.party,
        target=targets[posting.connection_id],
        doc_type=posting.doc_type,
        message=hold.message,
        amount=sent.amount,
        currency=sent.currency,
        posted_now=sent.posted_now,
        posted_currency=sent.posted_currency,
        day=str(content.get("date", "")),
        lines=len(content.get("lines", ())),
        since=hold.opened_at,
        record_id=record.id,
        why_not=why_not,
        by=before[1] if before else None,
        at=before[0].at if before else None,
        changes=field_changes[:SHOWN],
        more=max(0, len(field_changes) - SHOWN),
        beside=beside_sent,
    )
