"""Whether what is stored is what events sealed: versions, postings, approvals, requests, answers.

Here: each sealed hash is made again from its row, and what differs is named with table and row.
Not here: whether the events themselves are whole (holding/platform/events.py), which columns are sealed
(holding/platform/events.py), what acts of people wrote besides (acts_kept.py). Events from before carry
fewer hashes: they are compared by those.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row, case, func, select
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.models import Approval, Attempt, Event, EventLink, Posting, Push, Request, Version
from holding.db.models.columns import table_of
from holding.db.models.postings import CHANGES, UNSENT_STATES
from holding.integrity import acts_kept
from holding.platform.events import APPROVAL, CALL, PUSH, REQUEST, SEALED, Break, seal
from holding.posting import holds as kept_totals
from rules.outcomes.outcome import Document
from rules.values.canonical import dumps, revive, sha256_hex
from rules.values.posting_states import PostingState

PAGE: Final = 1000
APPROVED: Final = "posting.approved"
SENDING: Final = "posting.sending"
_SAME: Final = ("number", "content", "connection_id")


@dataclass(frozen=True, slots=True)
class Since:
    """The first event that seals contents, and its place in the chain."""

    event_id: int
    seq: int | None


@dataclass(slots=True)
class Contents:
    """What was found. `since` is None where no event seals a content of more than versions."""

    since: Since | None = None
    breaks: list[Break] = field(default_factory=list)


def compare(session: Session, company_id: int) -> Contents:
    """Every content that an event of the company sealed, beside what its row says now."""
    found = Contents()
    given: Counter[tuple[int, str]] = Counter()
    first = None
    for page in _pages(session, company_id):
        for ask in (_versions, _pushes, _calls):
            found.breaks += ask(session, page)
        found.breaks += _approvals(session, page, given)
        if first is None:
            first = next((one.id for one in page if SEALED in one.body), None)
    if first is not None:
        place = select(EventLink.seq).where(EventLink.event_id == first)
        found.since = Since(first, session.scalar(place))
        found.breaks += _never_told(session, company_id, given, first)
    found.breaks += acts_kept.breaks(session, company_id)
    return found


def _pages(session: Session, company_id: int) -> Iterator[list[Row[Any]]]:
    """The events that tell of such rows, page by page."""
    query = (
        select(Event.id, Event.act, Event.record_id, Event.posting_id, Event.body)
        .where(Event.company_id == company_id, Event.record_id.is_not(None))
        .order_by(Event.id)
        .limit(PAGE)
    )
    after = 0
    while page := session.execute(query.where(Event.id > after)).all():
        yield list(page)
        after = page[-1].id


def _not_sealed(table: str, row: int, event_id: int, what: str = "content") -> Break:
    told = f"Table {table}, row {row}: its {what} is not what event {event_id} sealed."
    return Break(None, event_id, told)


def _gone(table: str, which: str, event_id: int) -> Break:
    return Break(None, event_id, f"Table {table}: {which}, which event {event_id} sealed, is gone.")


def _versions(session: Session, page: Iterable[Row[Any]]) -> Iterator[Break]:
    sealed = {
        (one.record_id, int(one.body["version"])): one
        for one in page
        if "sha256" in one.body and "version" in one.body
    }
    if not sealed:
        return
    query = select(Version.id, Version.record_id, Version.no, Version.sha256, Version.body).where(
        bulk.among(Version.record_id, sorted({record_id for record_id, _ in sealed}))
    )
    rows = {(row.record_id, row.no): row for row in session.execute(query)}
    for (record_id, no), event in sealed.items():
        row = rows.get((record_id, no))
        if row is None:
            yield _gone("version", f"no. {no} of record {record_id}", event.id)
        elif {row.sha256, sha256_hex(dumps(row.body))} != {event.body["sha256"]}:
            yield _not_sealed("version", row.id, event.id)


def _pushes(session: Session, page: Iterable[Row[Any]]) -> Iterator[Break]:
    """Pushes, and the postings that stand by them; what was sent in whatever call."""
    sealed = {
        int(one.body["push"]): one for one in page if one.act == SENDING and SEALED in one.body
    }
    if not sealed:
        return
    ids = sorted(sealed)
    push = table_of(Push)
    rows = {
        row["id"]: row
        for row in session.execute(select(push).where(bulk.among(Push.id, ids))).mappings()
    }
    for push_id, event in sealed.items():
        if push_id not in rows:
            yield _gone("push", f"row {push_id}", event.id)
        elif seal(PUSH, dict(rows[push_id])) != event.body[SEALED]:
            yield _not_sealed("push", push_id, event.id)
    yield from _postings(session, sealed)
    yield from _sent(session, {key: one for key, one in sealed.items() if REQUEST in one.body})


def _postings(session: Session, sealed: Mapping[int, Row[Any]]) -> Iterator[Break]:
    """Each posting whose standing, or only, push is one of these, beside what that push sent."""
    standing = func.coalesce(Posting.posted_push_id, Posting.push_id)
    query = select(Posting, Push).join(Push, Push.id == standing)
    for posting, push in session.execute(query.where(bulk.among(Push.id, sorted(sealed)))):
        if push.posting_id != posting.id or posting.state in UNSENT_STATES:
            continue
        event = sealed[push.id]
        if posting.hash != push.hash or posting.action != push.action:
            if posting.action not in CHANGES:  # else a change is planned, or on its way
                yield _not_sealed("posting", posting.id, event.id)
            continue
        wrong = [name for name in _SAME if getattr(posting, name) != getattr(push, name)]
        wrong += _beside(posting, push) if posting.state == PostingState.POSTED else []
        if wrong:
            yield _not_sealed("posting", posting.id, event.id, ", ".join(wrong))


def _beside(posting: Posting, push: Push) -> list[str]:
    """What of a posted posting is not what its document says."""
    document: Document = revive(Document, push.content)
    said = {
        "doc_date": document.date,
        "currency": document.currency,
        "amount": kept_totals.stands(document, push.kept),
    }
    return [name for name, value in said.items() if getattr(posting, name) != value]


_UNANSWERED = case((Request.answered_at.is_(None), Request.body))
"""The bytes of a call that no answer sealed; those of the others are compared with their answer."""


def _sent(session: Session, sealed: Mapping[int, Row[Any]]) -> Iterator[Break]:
    """One of the calls of a push carried what its event said would be sent."""
    query = (
        select(Attempt.push_id, Request.id, Request.sha256, _UNANSWERED)
        .join(Request, Request.id == Attempt.request_id)
        .where(bulk.among(Attempt.push_id, sorted(sealed)), Request.kind == "push")
        .order_by(Request.id)
    )
    calls: dict[int, dict[str, int]] = {key: {} for key in sealed}
    for push_id, request_id, digest, body in session.execute(query):
        same = body is None or sha256_hex(body) == digest
        calls[push_id].setdefault(digest if same else "", request_id)
    for push_id, event in sealed.items():
        found = calls[push_id]
        if event.body[REQUEST] not in found:
            if found:
                yield _not_sealed("request", min(found.values()), event.id)
            else:
                yield _gone("request", f"the call of push {push_id}", event.id)


def _calls(session: Session, page: Iterable[Row[Any]]) -> Iterator[Break]:
    """Requests that were answered: what was sent, as long as it is kept, and the answer."""
    sealed = {int(one.body[CALL][0]): one for one in page if CALL in one.body}
    if not sealed:
        return
    columns = (Request.id, Request.sha256, Request.body, Request.body_removed_at)
    query = select(*columns, Request.answer, Request.answer_sha256)
    found = session.execute(query.where(bulk.among(Request.id, sorted(sealed))))
    rows = {row.id: row for row in found}
    for request_id, event in sealed.items():
        row = rows.get(request_id)
        if row is None:
            yield _gone("request", f"row {request_id}", event.id)
            continue
        _, sent, answered = event.body[CALL]
        body = sent if row.body is None and row.body_removed_at else sha256_hex(row.body or b"")
        if {row.sha256, body} != {sent}:
            yield _not_sealed("request", request_id, event.id)
        if {row.answer_sha256, sha256_hex(row.answer or b"")} != {answered}:
            yield _not_sealed("request", request_id, event.id, "answer")


def _approvals(
    session: Session, page: Iterable[Row[Any]], given: Counter[tuple[int, str]]
) -> Iterator[Break]:
    """The n-th approval of a posting at a level is that of the n-th event; `given` counts them."""
    events = [one for one in page if one.act == APPROVED and one.posting_id is not None]
    if not events:
        return
    query = select(Approval).where(
        bulk.among(Approval.posting_id, sorted({one.posting_id for one in events}))
    )
    rows: dict[tuple[int, str], list[tuple[int, str]]] = {}
    for row in session.scalars(query.order_by(Approval.id)):
        digest = seal(APPROVAL, {name: getattr(row, name) for name in APPROVAL})
        rows.setdefault((row.posting_id, row.level), []).append((row.id, digest))
    for event in events:
        for level in event.body.get("levels", ()):
            key = (event.posting_id, level)
            at, given[key] = given[key], given[key] + 1
            mine = rows.get(key, [])
            if at >= len(mine):
                yield _gone("approval", f"one of posting {event.posting_id}", event.id)
            elif event.body.get(SEALED, mine[at][1]) != mine[at][1]:
                yield _not_sealed("approval", mine[at][0], event.id)


def _never_told(
    session: Session, company_id: int, given: Counter[tuple[int, str]], first: int
) -> Iterator[Break]:
    """Approvals since contents are sealed that no event tells of."""
    since = select(Event.at).where(Event.id == first).scalar_subquery()
    query = (
        select(Approval.id, Approval.posting_id, Approval.level, Approval.at >= since)
        .join(Posting, Posting.id == Approval.posting_id)
        .where(Posting.company_id == company_id)
        .order_by(Approval.id)
    )
    left = Counter(given)
    for approval_id, posting_id, level, later in session.execute(query):
        left[posting_id, level] -= 1
        if left[posting_id, level] < 0 and later:
            told = f"Table approval, row {approval_id}: no event tells that it was given."
            yield Break(None, None, told)
