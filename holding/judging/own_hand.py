"""Approvals of who has had a hand in the document since: they no longer stand.

Here: finding them among the approvals of what a batch has just written, and waking their records,
so that the next judging asks again. Not here: who had a hand (holding/duties.py), approvals of
another content (plan_unsent.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding import bulk, duties
from holding.events import Fact, record_events
from holding.judging.batch import ApprovalRow, Batch
from holding.judging.planned import Plan
from holding.models import Approval, Posting
from holding.models.posting import UNSENT_STATES
from holding.wakes import wake_records

One = tuple[Plan, ApprovalRow]


def void_own(session: Session, batch: Batch, plans: Sequence[Plan], now: datetime) -> None:
    """Void the approvals that these judgings let stand, though the hand is the approver's own."""
    standing = [(plan, one) for plan in plans for one in _standing(plan)]
    if not standing:
        return
    ids = sorted({one.posting_id for _, one in standing})
    fresh = select(Posting).where(bulk.among(Posting.id, ids))
    postings = session.scalars(fresh.execution_options(populate_existing=True)).all()
    hands = duties.touched(session, postings, named=_named(standing))
    own = [(plan, one, why) for plan, one in standing if (why := _why(one, hands))]
    bulk.update(
        session,
        Approval,
        [{"id": one.id, "voided_at": now, "voided_fields": []} for _, one, _ in own],
    )
    record_events(session, [_told(batch, plan, one, why, now) for plan, one, why in own])
    wake_records(session, {plan.case.record_id for plan, _, _ in own}, now)


def _standing(plan: Plan) -> Iterator[ApprovalRow]:
    """The approvals of exactly what is planned and not sent yet."""
    sent = {row.id: row.standing_hash for row in plan.case.postings}
    planned = {one.id: one.hash for one in plan.postings if one.state in UNSENT_STATES}
    planned |= {one.id: one.hash for one in plan.acting if one.hash != sent[one.id]}
    for one in plan.case.approvals:
        if planned.get(one.posting_id) == one.hash:
            yield one


def _named(standing: Sequence[One]) -> Mapping[int, set[str]]:
    """Who is named as the maker of each posting, as it was judged just now."""
    routes = {row.id: row.route for plan, _ in standing for row in plan.case.postings}
    return {
        one.posting_id: duties.excluded(plan.judged.outcome, routes[one.posting_id])
        for plan, one in standing
        if plan.judged.outcome is not None
    }


def _why(one: ApprovalRow, hands: duties.Hands) -> str:
    mine = hands[one.posting_id]
    if one.person_id in mine:
        return f"{one.person} {mine[one.person_id]}"
    if one.for_person_id in mine:
        return f"the person for whom {one.person} stood in {mine[one.for_person_id]}"
    return ""


def _told(batch: Batch, plan: Plan, one: ApprovalRow, why: str, now: datetime) -> Fact:
    number = next(row.number for row in plan.case.postings if row.id == one.posting_id)
    return Fact(
        company_id=batch.company_id,
        at=now,
        act="approval.voided",
        record_id=plan.case.record_id,
        posting_id=one.posting_id,
        body={"say": f"The approval of {number} by {one.person} is void: {why}.", "fields": []},
    )
