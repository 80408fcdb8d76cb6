"""Link a posting to a document that was entered by hand in the target, or look it up again.

Skipping the posting or sending it anyway is a rejection or a release (`holding/holds/releases.py`).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors.contract import Found, Stands
from holding.access.actors import Actor, Voice
from holding.access.reach import Reach
from holding.approvals.consent import posting_hash
from holding.db.bulk import JointWrites
from holding.db.models import Connection, Hold, Posting, Push, Reading, Record
from holding.db.models.columns import HoldState, PushState, to_minor
from holding.db.refusal import Refusal
from holding.holds.holds import Desk, Done, done_with
from holding.holds.releases import LOOK_AGAIN, decide_one
from holding.platform.changes import read_back_now, wake_records
from holding.platform.states import (
    OF_READING,
    UNSEEN,
    close_holds,
    holds_beside,
    move_posting,
    settle_closed,
)
from holding.posting.evidence import push_key
from holding.posting.holds import MANUAL, UNDER_OUR_NUMBER, ends_in_target
from holding.posting.push import conflicted_push, join_lines, store_lookup
from rules.outcomes import Document
from rules.values.canonical import PostingState, dumps, plain, revive
from rules.values.wording import clears_when


def look_again(
    session: Session,
    actor: Actor,
    hold_id: int,
    reason: str,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Find a document again after a user corrected it in the target.

    If only users can search the target, the document is sent again, because they did not find it.
    """

    def act(desk: Desk, hold: Hold, voice: Voice) -> Done | Refusal:
        why, name, number = reason.strip(), voice.name, hold.number
        unseen = hold.code == UNSEEN  # only a person can look there
        if hold.code in OF_READING:  # ended by the reading itself, where it is right by then
            read_back_now(session, [hold.posting_id or 0], now)
            result = done_with(
                hold, f"{name} had {number} read again in the accounting system: {why}"
            )
            desk.tell([result], "hold.looked_again", now, op, actor=voice)
            return result
        closing_reason = f"not found there: {why}" if unseen else f"to be looked at again: {why}"
        close_holds(session, [hold], voice, state=HoldState.CLEARED, why=closing_reason, now=now)
        say = f"{name} had {number} looked up again in the accounting system: {why}"
        if unseen:
            say = f"{name} did not find {number} there, and had it sent again: {why}"
        result = done_with(hold, say)
        desk.tell([result], "hold.looked_again", now, op, actor=voice)
        wake_records(session, [hold.record_id], now)
        settle_closed(session, [hold])
        return result

    return decide_one(
        session,
        actor,
        hold_id,
        reason,
        now,
        op,
        verb=LOOK_AGAIN,
        may=_decided_there,
        act=act,
    )


def _decided_there(_: Desk, hold: Hold) -> Refusal | None:
    if ends_in_target(hold.code, hold.error_class, of_push=hold.of_push):
        return None
    words = "This hold has nothing to check in the accounting system."
    return Refusal("hold.no_look", words, clears_when(hold.would_pass))


def link_document(
    session: Session,
    actor: Actor,
    hold_id: int,
    number: str,
    reason: str,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Link the target's document with this number to the posting, which then counts as posted."""

    def act(desk: Desk, hold: Hold, voice: Voice) -> Done | Refusal:
        return _linked(desk, hold, voice, number, reason.strip(), now, op)

    return decide_one(
        session,
        actor,
        hold_id,
        reason,
        now,
        op,
        verb="link",
        more=(number,),
        may=_linkable,
        act=act,
    )


def found_documents(
    session: Session, posting_id: int | None
) -> tuple[datetime, tuple[Stands, ...]] | None:
    """Return the target documents that were last found for a posting, and when."""
    query = select(Reading).where(Reading.posting_id == posting_id, Reading.kind == "alike")
    row = session.scalars(query.order_by(Reading.id.desc()).limit(1)).one_or_none()
    return (row.at, tuple(revive(Stands, one) for one in row.body["documents"])) if row else None


def document_under_our_number(session: Session, posting_id: int | None) -> Stands | None:
    """Return the target's document with our number and other content, or None for a void."""
    push = conflicted_push(session, posting_id or 0)
    if push is None or push.action == "void":
        return None
    seen = found_documents(session, posting_id)
    matching_document = (
        next((one for one in seen[1] if one.number == push.number), None) if seen else None
    )
    posting = session.get_one(Posting, posting_id)
    ref = push.target_ref or posting.target_ref
    unknown = Stands(
        number=push.number, target_ref=ref, party="", date="", currency="", amount=None
    )
    return matching_document or unknown


def _linkable(desk: Desk, hold: Hold) -> Refusal | None:
    if hold.code == MANUAL:
        return None
    if hold.code not in UNDER_OUR_NUMBER:
        words = "No matching document was found in the accounting system."
        return Refusal("hold.not_linkable", words, "Release it, or reject it.")
    if document_under_our_number(desk.session, hold.posting_id) is not None:
        return None
    words = f"{hold.number} was to be made void, and what exists there is not."
    return Refusal("hold.not_linkable", words, "Void it there, then check it again.")


def _linked(
    desk: Desk, hold: Hold, voice: Voice, number: str, why: str, now: datetime, op: str | None
) -> Done | Refusal:
    session, posting = desk.session, desk.postings[hold.posting_id or 0]
    there, ours, evaluation_id = _meant(session, hold, posting, number)
    if there is None or ours is None:
        words = f"{number or 'No number'} is not among what was found."
        return Refusal("link.unknown", words, "Load the page again, and choose from the list.")
    if other := _taken(session, posting, number, voice.actor.reach):
        words = f"You cannot link to {number}, because it is already linked to {other}."
        return Refusal("link.taken", words, "One document is linked to one record.")
    before = posting.number
    push_id = _stand_in(session, posting, _as_it_stands(ours, there), there, evaluation_id, now)
    siblings = holds_beside(session, hold)
    say = f"linked to {number}: {why}"
    close_holds(session, siblings, voice, state=HoldState.CLEARED, why=say, now=now)
    result = done_with(
        hold, f"{voice.name} linked {before} to {number} in the accounting system: {why}"
    )
    desk.tell([result], "posting.linked", now, op, actor=voice, number=number, instead_of=before,
              push=push_id)  # fmt: skip
    settle_closed(session, siblings)
    relatives = select(Record.id).where(
        Record.company_id == desk.company_id, Record.family == posting.family
    )
    wake_records(session, session.scalars(relatives).all(), now)
    return result


def _meant(
    session: Session, hold: Hold, posting: Posting, number: str
) -> tuple[Stands | None, Document | None, int]:
    """Return the target's document of this number, our document it replaces, and our evaluation.

    If that document caused our refusal, our document is returned as it was sent.
    """
    if hold.code in UNDER_OUR_NUMBER:
        there, push = (
            document_under_our_number(session, posting.id),
            conflicted_push(session, posting.id),
        )
        if there is None or push is None or there.number != number:
            return None, None, posting.evaluation_id
        return there, revive(Document, push.content), push.evaluation_id
    seen = found_documents(session, posting.id)
    typed = next((one for one in seen[1] if one.number == number), None) if seen else None
    ours = revive(Document, posting.content) if posting.content is not None else None
    return typed, ours, posting.evaluation_id


def _taken(session: Session, posting: Posting, number: str, reach: Reach) -> str | None:
    """Return the record that the document is linked to, without its number if out of reach."""
    query = (
        select(Record.number, Record.source_id)
        .join(Posting, Posting.record_id == Record.id)
        .where(Posting.connection_id == posting.connection_id, Posting.number == number)
        .where(Posting.doc_type == posting.doc_type, Posting.sent_at.is_not(None))
    )
    row = session.execute(query.where(Posting.id != posting.id).limit(1)).one_or_none()
    if row is None or reach.has(row.source_id):
        return row.number if row else None
    return "another record"


def _stand_in(
    session: Session,
    posting: Posting,
    document: Document,
    there: Stands,
    evaluation_id: int,
    now: datetime,
) -> int:
    """Mark the posting as if it had created the target's document, with a push without a call.

    Later changes in the source are still sent.
    """
    connection = session.get_one(Connection, posting.connection_id)
    company_there = str(connection.settings.get("company_id", ""))
    posting.number = there.number
    if posting.state != PostingState.POSTED:
        posting.action = "create"
    posting.hash = posting_hash(posting.connection_id, company_there, document, posting.action)
    posting.content = plain(document)
    session.flush()
    push = _without_a_call(session, posting, there, evaluation_id, now)
    lines = JointWrites(session)
    join_lines(lines, [(push.id, document, posting.bills)])
    lines.write()
    store_lookup(
        session,
        posting.connection_id,
        push.id,
        Found(kind="equal", words="Linked by a person.", proof=dumps(plain(there)).encode()),
        number=there.number,
        kind="lookup",
        key=push.key,
        key_id=None,  # a person linked it: no call was made
        fence=posting.fence,
        now=now,
    )
    _post(session, posting, push, document, now)
    return push.id


def _without_a_call(
    session: Session, posting: Posting, there: Stands, evaluation_id: int, now: datetime
) -> Push:
    """Insert a push that ends in the target's document without a call."""
    last = select(func.coalesce(func.max(Push.no), 0)).where(Push.posting_id == posting.id)
    no = (session.scalar(last) or 0) + 1
    push = Push(
        posting_id=posting.id,
        no=no,
        connection_id=posting.connection_id,
        family=posting.family,
        action=posting.action,
        hash=posting.hash,
        number=posting.number,
        key=push_key(posting, no),
        content=posting.content,
        evaluation_id=evaluation_id,
        state=PushState.ACCEPTED,
        target_ref=there.target_ref,
        made_at=now,
        closed_at=now,
    )
    session.add(push)
    session.flush()
    return push


def _post(
    session: Session, posting: Posting, push: Push, document: Document, now: datetime
) -> None:
    """Mark the posting as posted, with this push's values."""
    amount = to_minor(document.amount, document.currency)
    home = posting.book is not None and document.currency == posting.currency
    moved: Mapping[str, Any] = {
        "push_id": push.id,
        "posted_push_id": push.id,
        "target_ref": push.target_ref or posting.target_ref,
        "sent_at": posting.sent_at or now,
        "posted_at": posting.posted_at or now,
        "read_due_at": now,
        "amount": amount,
        "currency": document.currency,
        "book": amount if home else None,
        "doc_date": document.date,
        "due_at": None,
    }
    before, lock = posting.state, posting.lock
    if not move_posting(
        session, posting.id, expected=before, to=PostingState.POSTED, lock=lock, **moved
    ):
        message = f"posting {posting.id} moved under our lock"
        raise RuntimeError(message)


def _as_it_stands(document: Document, there: Stands) -> Document:
    """Return our document with every value that the target shows."""
    shown = {name: there.fields[name] for name in document.fields if name in there.fields}
    return replace(
        document,
        number=there.number,
        date=date.fromisoformat(there.date) if there.date else document.date,
        party=there.party or document.party,
        currency=there.currency or document.currency,
        amount=document.amount if there.amount is None else there.amount,
        fields={**document.fields, **shown},
        lines=there.lines or document.lines,
    )
