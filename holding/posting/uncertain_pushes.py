"""A push whose end nobody saw, as it is read before it is looked up.

Here: what it has behind it, and what a worker that died over it leaves to be said. Not here: the
look-up and what follows from it (doubt_resolution.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connectors.contract.targets import Deferring
from grammar.text.finding_codes import ErrorClass
from holding.connections.channel import Channel, Desk
from holding.journal import target_holds
from holding.journal.earlier_calls import Sends, absent_since, last_send, sends_of, ticket_of
from holding.journal.evidence import action_of, theirs_of
from holding.journal.posting_claims import POISON_CRASHES, TOGETHER, Claim, lock_families
from holding.journal.push_rows import Member
from holding.posting import push as posting_push
from holding.posting.push import Case
from holding.tables import Attempt, Evaluation, Posting, Push, Request
from holding.tables.row_states import AttemptState
from rules.outcomes.outcome import Document
from rules.values.canonical import revive
from rules.values.posting_states import PostingState


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A push whose end is not known: how it was `sent`, what was seen since; `ticket`: by what a
    target is asked again that makes calls later.
    """

    member: Member
    request_id: int
    request_key: str
    run_id: int | None
    waiting_there: bool
    settles: timedelta
    absent_at: datetime | None
    sent: Sends
    ticket: str | None


def read(desk: Desk, channel: Channel, claims: Sequence[Claim]) -> list[Doubt]:
    """The pushes that are still ours, in one look at the database."""
    with desk.database.write() as session:
        lock_families(session, channel.company_id, [claim.family for claim in claims])
        found = (_doubt(session, desk, channel, claim) for claim in claims)
        return [doubt for doubt in found if doubt is not None]


def _doubt(session: Session, desk: Desk, channel: Channel, claim: Claim) -> Doubt | None:
    """Read the push; a call that ended with its worker becomes visibly uncertain first."""
    found = in_doubt(session, claim)
    if found is None:
        return None
    posting, push = found
    stands = session.get(Push, posting.posted_push_id) if posting.posted_push_id else None
    rules = session.get_one(Evaluation, push.evaluation_id).ruleset_version_id
    theirs = theirs_of(session, channel.target, rules, posting.route)
    member = _member(posting, push, stands, claim, theirs)
    awaiting = posting.state == PostingState.AWAITING
    if posting.state == PostingState.SENDING:
        _mark(session, desk, channel, member)
    if posting.crashes >= POISON_CRASHES:
        _tell_of_crashes(Case(session, desk, channel, member, desk.clock.now()), posting)
    last = last_send(session, push.id)
    return Doubt(
        member=member,
        sent=sends_of(session, push.id),
        ticket=ticket_of(session, push.id) if isinstance(channel.target, Deferring) else None,
        request_id=last.id,
        request_key=last.key,
        run_id=last.run_id,
        waiting_there=awaiting,
        settles=_length(last) + channel.settle,
        absent_at=absent_since(session, push.id, last.id, desk.clock.now()),
    )


def in_doubt(session: Session, claim: Claim) -> tuple[Posting, Push] | None:
    """The posting in doubt and its open push, while the fence is ours."""
    query = (
        select(Posting, Push)
        .join(Push, Push.id == Posting.push_id)
        .where(Posting.id == claim.posting_id, Posting.fence == claim.fence)
        .execution_options(populate_existing=True)
    )
    row = session.execute(query).one_or_none()
    return (row.Posting, row.Push) if row else None


def _member(
    posting: Posting, push: Push, stands: Push | None, claim: Claim, theirs: frozenset[str]
) -> Member:
    return Member(
        claim=claim,
        record_id=posting.record_id,
        push_id=push.id,
        action=action_of(push.action),
        document=revive(Document, push.content),
        standing=revive(Document, stands.content) if stands else None,
        theirs=theirs,
        key=push.key,
    )


def _mark(session: Session, desk: Desk, channel: Channel, member: Member) -> None:
    """The worker that sent this is gone: its attempts are uncertain now, and so is the posting."""
    words = "The worker ended before an answer was stored."
    session.execute(
        update(Attempt)
        .where(Attempt.push_id == member.push_id, Attempt.state == AttemptState.SENDING)
        .values(state=AttemptState.UNCERTAIN, error_class="uncertain", error=words)
    )
    posting_push.in_doubt(Case(session, desk, channel, member, desk.clock.now()), words)
    target_holds.settle(session, [member.record_id], ())


def _tell_of_crashes(case: Case, posting: Posting) -> None:
    """Workers end at it again and again, so that no look-up comes back: a person should know."""
    error_class: ErrorClass = "temporary" if posting.state == PostingState.AWAITING else "uncertain"
    words = f"Workers ended {posting.crashes - TOGETHER} times over it alone."
    posting_push.unanswered(case, error_class, words)
    target_holds.settle(case.session, [posting.record_id], case.causes)


def _length(call: Request) -> timedelta:
    """How long the call can have been under way; the clock may have been set meanwhile."""
    most = call.deadline_at - call.made_at
    took = (call.answered_at or call.deadline_at) - call.made_at
    return min(most, max(timedelta(), took))
