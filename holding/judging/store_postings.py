"""Writing planned postings, the entries they used, and approvals that fell.

Here: bulk writes. Not here: what to write (plan.py), and in which order (finish.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from holding import bulk
from holding.judging.batch import Batch
from holding.judging.plan import NO_ROUTE
from holding.judging.planned import Acting, Plan, Planned
from holding.models import Approval, Posting, PostingUse


def write_postings(
    session: Session, batch: Batch, plans: Sequence[Plan], evaluations: Mapping[int, int]
) -> dict[tuple[int, str, int], int]:
    """Write all planned postings; (record, route, seq) -> posting id."""
    new, known, acting, silenced = [], [], [], []
    for plan in plans:
        judged: dict[str, Any] = {
            "version_id": plan.case.version_id,
            "evaluation_id": evaluations[plan.case.record_id],
            "revision": batch.revision,
        }
        for planned in plan.postings:
            row = _columns(planned) | judged
            if planned.id is not None:
                known.append({"id": planned.id, **row})
            else:
                new.append(_identity(batch, plan, planned) | row)
        acting += [_acting(one) | judged for one in plan.acting]
        silenced += _silenced(plan)
    bulk.update(session, Posting, known, bump="lock")
    bulk.update(session, Posting, acting, bump="lock")
    bulk.update(session, Posting, silenced, bump="lock")
    made = bulk.insert(session, Posting, new, returning=("id", "record_id", "route", "seq"))
    ids = {(r.record_id, r.route, r.seq): r.id for p in plans for r in p.case.postings}
    return ids | {(record_id, route, seq): i for i, record_id, route, seq in made}


def _identity(batch: Batch, plan: Plan, planned: Planned) -> dict[str, Any]:
    return {
        "company_id": batch.company_id,
        "record_id": plan.case.record_id,
        "family": plan.case.family,
        "route": planned.route,
        "seq": planned.seq,
        "action": "create",
        "reverses_id": planned.reverses_id,
        "lock": 0,
    }


def _columns(planned: Planned) -> dict[str, Any]:
    return {
        "state": planned.state,
        "reason": planned.reason,
        "hash": planned.hash,
        "number": planned.number,
        "content": planned.content,
        "bills": planned.bills,
        "connection_id": planned.connection_id,
        "doc_type": planned.doc_type,
        "amount": planned.amount,
        "currency": planned.currency,
        "book": planned.book,
        "doc_date": planned.doc_date,
        "party": planned.party,
        "due_at": planned.due_at,
        "finished_at": planned.finished_at,
        "tries": planned.tries,
    }


def _acting(one: Acting) -> dict[str, Any]:
    return {
        "id": one.id,
        "action": one.action,
        "content": one.content,
        "hash": one.hash,
        "bills": one.bills,
        "due_at": one.due_at,
        "reason": one.reason,
        "tries": one.tries,
    }


def _silenced(plan: Plan) -> list[dict[str, Any]]:
    """Postings that may not go on as they stand, without being written anew; what is posted stays
    so.
    """
    state = "held" if plan.judged.outcome is None else "dropped"
    reason = plan.judged.error or NO_ROUTE
    return [
        {
            "id": row.id,
            "state": "posted" if row.state == "posted" else state,
            "reason": reason,
            "due_at": None,
        }
        for row in plan.silenced
    ]


def write_uses(
    session: Session, plans: Sequence[Plan], posting_ids: Mapping[tuple[int, str, int], int]
) -> None:
    """Which entries the documents were made with, anew for each posting that was rewritten.

    A posted one that is to be updated keeps those of what stands in the target.
    """
    rewritten = [one.id for plan in plans for one in plan.postings if one.id is not None]
    if rewritten:
        session.execute(
            delete(PostingUse)
            .where(bulk.among(PostingUse.posting_id, rewritten))
            .execution_options(synchronize_session=False)
        )
    rows = {
        (use.entry_id, posting_ids[plan.case.record_id, one.route, one.seq])
        for plan in plans
        if plan.judged.outcome is not None
        for one in plan.postings
        for use in plan.judged.outcome.used
    } | {
        (use.entry_id, one.id)
        for plan in plans
        if plan.judged.outcome is not None
        for one in plan.acting
        if not one.given_up
        for use in plan.judged.outcome.used
    }
    bulk.insert(
        session,
        PostingUse,
        [{"entry_id": entry, "posting_id": posting} for entry, posting in sorted(rows)],
        ignore=True,
    )


def void_approvals(session: Session, plans: Sequence[Plan], now: datetime) -> None:
    """Void the approvals of another content."""
    rows = [
        {"id": one.approval.id, "voided_at": now, "voided_fields": list(one.fields)}
        for plan in plans
        for one in plan.voided
    ]
    bulk.update(session, Approval, rows)
