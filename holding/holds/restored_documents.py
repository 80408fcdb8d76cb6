"""Send a posted document again over an edit in the target, because the record is right."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session, aliased

from connectors import registry
from holding.access.actors import Actor, Voice
from holding.approvals.consent import content_hash
from holding.db.models import Connection, Hold, Posting, Push, Reading
from holding.db.models.columns import HoldState
from holding.db.models.decisions import HOLD_OPEN, is_open
from holding.db.refusal import Refusal
from holding.holds.holds import Desk, Done, done_with, sealed_decisions, store_decisions
from holding.holds.releases import SEND_AGAIN, decide_one
from holding.platform.changes import wake_records
from holding.platform.states import (
    RESTORES,
    STORED_OTHERWISE,
    close_holds,
    move_posting,
    settle_closed,
)
from rules.decisions.posted_documents import TARGET_EDIT_RULE
from rules.values.canonical import PostingState


def overwrite_edit(
    session: Session,
    actor: Actor,
    hold_id: int,
    reason: str,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Send a document again as it was posted, over the edit that this hold is about.

    The edit is released, and a planned change of the record is sent instead, if there is one. What
    the target stored otherwise is not released: its next reading decides whether it is right.
    """

    def act(desk: Desk, hold: Hold, voice: Voice) -> Done | Refusal:
        why = reason.strip()
        number = desk.postings[hold.posting_id or 0].number  # the hold may name its credit note
        _plan_update(desk, hold, now)
        if hold.code == STORED_OTHERWISE:
            decided, say = {}, f"{voice.name} had {number} sent again as it was posted: {why}"
            sent = f"sent again: {why}"
            close_holds(session, [hold], voice, state=HoldState.CLEARED, why=sent, now=now)
        else:
            decided = store_decisions(desk, [hold], voice, "release", why, now, op)
            close_holds(session, [hold], voice, state=HoldState.RELEASED, why=why, now=now)
            say = f"{voice.name} had {number} sent again over the edit: {why}"
        result = done_with(hold, say)
        sealed = sealed_decisions(desk, decided)
        desk.tell([result], "hold.released", now, op, actor=voice, reason=why, sealed=sealed)
        wake_records(session, [hold.record_id], now)
        settle_closed(session, [hold])
        return result

    return decide_one(
        session, actor, hold_id, reason, now, op, verb=SEND_AGAIN, may=_refusal, act=act
    )


def _plan_update(desk: Desk, hold: Hold, now: datetime) -> None:
    """Plan the update with the posted content, unless a change of the record is planned."""
    session, posting = desk.session, desk.postings[hold.posting_id or 0]
    standing = session.get_one(Push, posting.posted_push_id)
    if posting.hash != standing.hash:
        return
    connection = session.get_one(Connection, posting.connection_id)
    company_there = str(connection.settings.get("company_id", ""))
    moved = move_posting(
        session,
        posting.id,
        expected=PostingState.POSTED,
        to=PostingState.POSTED,
        lock=posting.lock,
        action="update",
        hash=content_hash(posting.connection_id, company_there, standing.content, "update"),
        content=standing.content,
        due_at=now,
        reason=RESTORES,
        tries=0,
    )
    if not moved:
        message = f"posting {posting.id} moved under our lock"
        raise RuntimeError(message)


def _refusal(desk: Desk, hold: Hold) -> Refusal | None:
    """Refuse what is no edit of a posted document that the target can update."""
    posting = desk.postings.get(hold.posting_id or 0)
    edited = hold.rule == TARGET_EDIT_RULE or hold.code == STORED_OTHERWISE
    if posting is None or not edited or posting.state != PostingState.POSTED:
        return Refusal("hold.not_edited", "This document was not changed by hand.")
    if can_overwrite(desk.session, posting):
        return None
    connection = desk.session.get_one(Connection, posting.connection_id)
    words = f"You cannot send {posting.number} again, because {connection.name} cannot change it."
    return Refusal("hold.no_update", words, f"Correct it in {connection.name}.")


@dataclass(frozen=True, slots=True)
class Resend:
    """A document that waits to be sent again as it was posted, and the holds that it waits for."""

    posting_id: int
    number: str
    hold_ids: tuple[int, ...]


def waiting_resends(session: Session, record_id: int) -> tuple[Resend, ...]:
    """Return the record's documents that a person has sent again and that holds keep back."""
    reversal = aliased(Posting)
    reverses = exists().where(reversal.id == Hold.posting_id, reversal.reverses_id == Posting.id)
    query = (
        select(Posting.id, Posting.number, Hold.id)
        .join(Push, Push.id == Posting.posted_push_id)
        .join(Hold, Hold.record_id == Posting.record_id)
        .where(Posting.record_id == record_id, Posting.state == PostingState.POSTED)
        .where(Posting.reason == RESTORES, Posting.hash != Push.hash)
        .where(Posting.due_at.is_(None), Posting.lease_until.is_(None))
        .where(HOLD_OPEN, Hold.severity != "warn", or_(Hold.route == Posting.route, reverses))
        .order_by(Posting.id, Hold.id)
    )
    hold_ids: dict[tuple[int, str], list[int]] = defaultdict(list)
    for posting_id, number, hold_id in session.execute(query):
        hold_ids[posting_id, number].append(hold_id)
    return tuple(Resend(*key, tuple(ids)) for key, ids in hold_ids.items())


def has_hold_beside(session: Session, hold_id: int) -> bool:
    """Check whether a document that is sent again waits for another hold of its route."""
    other = aliased(Hold)
    beside = exists().where(
        other.record_id == Hold.record_id,
        other.route == Hold.route,
        other.id != Hold.id,
        is_open(other.state),
        other.severity != "warn",
    )
    return bool(session.scalar(select(beside).select_from(Hold).where(Hold.id == hold_id)))


def can_overwrite_hold(session: Session, hold_id: int) -> bool:
    """Check whether the document of a hold can be sent again over the edit."""
    posting = session.scalar(
        select(Posting).join(Hold, Hold.posting_id == Posting.id).where(Hold.id == hold_id)
    )
    return posting is not None and can_overwrite(session, posting)


def can_overwrite(session: Session, posting: Posting) -> bool:
    """Check whether the target updates such documents, and the edited document still counts."""
    connection = session.get_one(Connection, posting.connection_id)
    target = registry.targets().get(connection.connector)
    schema = next(
        (one for one in target.documents if one.name == posting.doc_type) if target else iter(()),
        None,
    )
    reading = session.scalar(select(Reading.body).where(Reading.id == posting.reading_id))
    return schema is not None and "update" in schema.actions and not (reading or {}).get("void")
