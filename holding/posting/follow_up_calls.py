"""Calls that follow another call of the same pushes.

Here: the intent of a send again after a look-up said that nothing is there, and of a half of a file
that was refused as a whole; each is one commit before any byte leaves. Not here: first sends
(intent.py), the call itself (calls.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.orm import Session

from connectors.contract import Payload
from holding.connections import limits
from holding.connections.channel import Channel, Desk
from holding.journal import target_holds
from holding.journal.evidence import request_key
from holding.journal.posting_claims import STOPPED, lock_families
from holding.journal.push_rows import Flight, Member, add_flight, push_lease
from holding.journal.returned_claims import put_back_each
from holding.lifecycle.states import move_posting, move_push
from holding.posting import results
from holding.posting.push import Case
from holding.store import bulk
from holding.tables import Evaluation, Posting, Push, Record, Request, Revision
from holding.tables.row_states import PushState
from rules.values.posting_states import PostingState

SENT_WHOLE = 2


@dataclass(frozen=True, slots=True)
class Half:
    """Pushes of a file that was refused, which go out again by themselves."""

    of: Flight
    members: tuple[Member, ...]


def again(
    desk: Desk, channel: Channel, request_id: int, members: Sequence[Member]
) -> Flight | None:
    """The same pushes once more, same numbers and keys; same bytes where nobody dropped out. They
    stay doubts while the connection is paused. What its record does not say any more is not sent:
    nothing of it arrived, so the record is judged, and that says what goes.
    """
    with desk.database.write() as session:
        families = [one.claim.family for one in members]
        lock_families(session, channel.company_id, families)
        if not limits.running(session, channel):
            now = desk.clock.now()
            put_back_each(session, ((one.claim, now) for one in members))
            return None
        old = session.get_one(Request, request_id)
        name = old.headers.get(":batch", "")
        moved = _moved_on(session, members)
        _have_judged(session, desk, channel, [m for m in members if m.claim.posting_id in moved])
        mine = tuple(one for one in members if _take_up(session, desk, one))
        if not mine:
            return None
        payload = _file_of(channel, mine, name)
        key = request_key(one.key for one in mine)
        if key == old.key and old.body is not None:  # a newer program may write a sheet otherwise
            payload = replace(payload, body=old.body)
        flight = add_flight(
            session,
            desk,
            channel,
            members=mine,
            payload=payload,
            key=key,
            name=name,
            run_id=old.run_id,
            parent_id=request_id,
        )
        target_holds.settle(session, [one.record_id for one in mine], ())
        limits.spend(session, channel, _cost(channel, name))
    return flight


def _moved_on(session: Session, members: Sequence[Member]) -> frozenset[int]:
    """The postings of records that something happened to since they were sent, or to what they
    were judged by; and those of a route that stopped.

    A record that was woken is judged in vain until the answer, and stays due. One that is due when
    its decision runs out, or since then, is due by the clock alone: what was sent stays right.
    """
    woken = or_(Evaluation.valid_until.is_(None), Record.due_at < Evaluation.valid_until)
    ruled_anew = exists().where(
        Revision.company_id == Posting.company_id, Revision.at >= Push.made_at
    )
    changed = or_(
        Record.version_id != Posting.version_id,
        and_(Record.due_at.is_not(None), woken),
        Record.lease_until.is_not(None),
        ruled_anew,
        STOPPED,
    )
    query = (
        select(Posting.id)
        .join(Record, Record.id == Posting.record_id)
        .join(Push, Push.id == Posting.push_id)
        .join(Evaluation, Evaluation.id == Push.evaluation_id)
        .where(bulk.among(Posting.id, [one.claim.posting_id for one in members]), changed)
    )
    return frozenset(session.scalars(query))


def _have_judged(session: Session, desk: Desk, channel: Channel, moved: Sequence[Member]) -> None:
    """Their pushes are over, and they stand as before them."""
    now, causes = desk.clock.now(), set[int]()
    for one in moved:
        results.overtaken(Case(session, desk, channel, one, now, causes))
    target_holds.settle(session, [one.record_id for one in moved], causes)


def parted(members: Sequence[Member], sends: int) -> list[Sequence[Member]]:
    """Those of a call as they are sent again: together, as they were; in halves when that failed
    twice, for one of it may be the trouble.
    """
    if len(members) == 1 or sends < SENT_WHOLE:
        return [members]
    middle = len(members) // 2
    return [members[:middle], members[middle:]]


def take_half(desk: Desk, half: Half) -> Flight | None:
    """The call of a half, of those in it that are still ours; None when none is."""
    desk.renew()
    before, channel = half.of, half.of.channel
    with desk.database.write() as session:
        lock_families(session, channel.company_id, [one.claim.family for one in half.members])
        mine = tuple(one for one in half.members if _still_ours(session, desk, one))
        if not mine:
            return None
        limits.spend(session, channel, _cost(channel, before.name))
        return add_flight(
            session,
            desk,
            channel,
            members=mine,
            payload=_file_of(channel, mine, before.name),
            key=request_key(one.key for one in mine),
            name=before.name,
            run_id=before.run_id,
            parent_id=before.request_id,
        )


def _cost(channel: Channel, name: str) -> int:
    """What the call counts for; one with a `name` is a file or a batch."""
    pace = channel.target.pace
    return (pace.to_batch if name else None) or pace.sending(channel.settings)


def _file_of(channel: Channel, members: Sequence[Member], name: str) -> Payload:
    documents = [one.sent for one in members]
    action = members[0].action
    return channel.target.build(
        documents, channel.settings, batch=bool(name), batch_name=name, action=action
    )


def _still_ours(session: Session, desk: Desk, member: Member) -> bool:
    """Whether no other worker has it; then its lease begins again."""
    posting, fence = member.claim.posting_id, member.claim.fence
    kept = session.scalar(
        update(Posting)
        .where(Posting.id == posting, Posting.fence == fence, Posting.state == PostingState.SENDING)
        .values(lease_owner=desk.owner, lease_until=desk.clock.now() + push_lease(desk))
        .returning(Posting.id)
        .execution_options(synchronize_session=False)
    )
    return kept is not None


def _take_up(session: Session, desk: Desk, member: Member) -> bool:
    """An uncertain push goes on its way again, under our fence."""
    posting = session.scalars(
        select(Posting)
        .where(Posting.id == member.claim.posting_id, Posting.fence == member.claim.fence)
        .with_for_update(key_share=True)
    ).one_or_none()
    if posting is None or posting.state != PostingState.UNCERTAIN:
        return False
    if not move_push(session, member.push_id, PushState.SENDING):
        return False
    return move_posting(
        session,
        posting.id,
        expected=PostingState.UNCERTAIN,
        to=PostingState.SENDING,
        lock=posting.lock,
        due_at=None,
        lease_owner=desk.owner,
        lease_until=desk.clock.now() + push_lease(desk),
    )
