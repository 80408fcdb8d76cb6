"""Writing a plan in bulk: its postings, the entries they used, and its holds.

Here: the rows; of holds those that are closed, opened again and opened. Not here: what to write
(plan.py), and in which order (finish.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from holding.evaluation.batch import Batch
from holding.evaluation.plan import NO_ROUTE
from holding.evaluation.plan_parts import Acting, Plan, Planned, Wanted
from holding.exceptions.deadlines import answer_by
from holding.lifecycle.causes import CauseSpec
from holding.store import bulk
from holding.tables import Hold, Posting, PostingUse
from holding.tables.row_states import HoldState
from rules.values.canonical import text_of
from rules.values.cause_keys import CauseKey
from rules.values.posting_states import PostingState


def specs_of(plans: Sequence[Plan]) -> list[CauseSpec]:
    """The causes that wanted holds name."""
    return [
        CauseSpec(
            key=wanted.cause_key,
            error_class=wanted.error_class,
            label=wanted.cause_label,
            rule=wanted.rule,
            team_id=wanted.team_id,
        )
        for plan in plans
        for wanted in plan.wanted.values()
    ]


def close_holds(
    session: Session, plans: Sequence[Plan], evaluations: Mapping[int, int], now: datetime
) -> None:
    """Close what no longer stands, each with its reason."""
    rows = [
        {
            "id": closed.hold.id,
            "state": closed.state,
            "closed_at": now,
            "closed_by_id": closed.person_id,
            "closed_why": closed.why,
            "closed_evaluation_id": evaluations[plan.case.record_id],
        }
        for plan in plans
        for closed in plan.closed
    ]
    bulk.update(session, Hold, rows, bump="lock")


def keep_holds(
    session: Session, batch: Batch, plans: Sequence[Plan], cause_ids: Mapping[CauseKey, int]
) -> None:
    """Holds that stand again: their words and their copies of the record are renewed."""
    rows = []
    for plan in plans:
        for hold in plan.kept:
            wanted = plan.wanted.get(hold.key)
            if wanted is not None:
                rows.append(
                    {
                        "id": hold.id,
                        "cause_id": cause_ids[wanted.cause_key],
                        "message": wanted.message,
                        "would_pass": wanted.would_pass,
                        "at_rule": wanted.at_rule,
                        "team_id": wanted.team_id,
                        "revision": batch.revision,
                        "number": wanted.number,
                        "book": plan.book,
                    }
                )
    bulk.update(session, Hold, rows)
    money = [
        {"id": hold.id, "book": plan.book}
        for plan in plans
        if plan.listed is not None
        for hold in plan.kept
        if hold.key not in plan.wanted and hold.book != plan.book
    ]
    bulk.update(session, Hold, money)


def open_holds(
    session: Session,
    batch: Batch,
    plans: Sequence[Plan],
    evaluations: Mapping[int, int],
    posting_ids: Mapping[tuple[int, str, int], int],
    cause_ids: Mapping[CauseKey, int],
    now: datetime,
) -> None:
    """Open what is wanted and not open yet."""
    rows = []
    for plan in plans:
        record_id = plan.case.record_id
        standing = {hold.key for hold in plan.kept}
        rows += [
            _hold_columns(plan, wanted)
            | {
                "company_id": batch.company_id,
                "posting_id": posting_ids.get((record_id, wanted.route, wanted.seq)),
                "cause_id": cause_ids[wanted.cause_key],
                "revision": batch.revision,
                "answer_by": answer_by(batch.settings, wanted.error_class, now),
                "opened_at": now,
                "opened_evaluation_id": evaluations[record_id],
            }
            for key, wanted in plan.wanted.items()
            if key not in standing
        ]
    bulk.insert(session, Hold, rows)


def _hold_columns(plan: Plan, wanted: Wanted) -> dict[str, Any]:
    """What a new hold says, and the copies by which lists find it."""
    return {
        "record_id": plan.case.record_id,
        "route": wanted.route,
        "seq": wanted.seq,
        "code": wanted.code,
        "state": HoldState.OPEN,
        "class": wanted.error_class,
        "severity": wanted.severity,
        "rule": wanted.rule,
        "at_rule": wanted.at_rule,
        "message": wanted.message,
        "would_pass": wanted.would_pass,
        "clears": wanted.clears,
        "team_id": wanted.team_id,
        "lock": 0,
        "book": plan.book,
        "number": wanted.number,
        "party_key": plan.listed.party_key if plan.listed else plan.case.party_key,
        "doc_type": wanted.doc_type,
        "doc_date": wanted.doc_date,
        "connection_id": wanted.connection_id,
    }


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
            row = _posting_columns(planned) | judged
            if planned.id is not None:
                known.append({"id": planned.id, **row})
            else:
                new.append(_identity(batch, plan, planned) | row)
        acting += [_acting(one) | judged for one in plan.acting]
        silenced += _silenced(plan)
    bulk.update(session, Posting, known, bump="lock")
    bulk.update(session, Posting, acting, bump="lock")
    bulk.update(session, Posting, silenced, bump="lock")
    told = [plan.withdrawn for plan in plans if plan.withdrawn]
    withdrawn = [{"id": key, "withdrawn": now} for one in told for key, now in one.items()]
    bulk.update(session, Posting, withdrawn)
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


def _posting_columns(planned: Planned) -> dict[str, Any]:
    return {
        "state": planned.state,
        "reason": planned.reason,
        "waits": None,
        "hash": planned.hash,
        "number": planned.number,
        "content": None if planned.content is None else bulk.Encoded(text_of(planned.content)),
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
        "waits": None,
        "tries": one.tries,
    }


def _silenced(plan: Plan) -> list[dict[str, Any]]:
    """Postings that may not go on as they stand, without being written again; what is posted stays
    so.
    """
    state = "held" if plan.judged.outcome is None else "dropped"
    reason = plan.judged.error or NO_ROUTE
    return [
        {
            "id": row.id,
            "state": PostingState.POSTED if row.state == PostingState.POSTED else state,
            "reason": reason,
            "waits": None,
            "due_at": None,
        }
        for row in plan.silenced
    ]


def write_uses(
    session: Session, plans: Sequence[Plan], posting_ids: Mapping[tuple[int, str, int], int]
) -> None:
    """Which entries the documents were made with, for each posting that was rewritten.

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
