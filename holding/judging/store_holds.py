"""Writing holds: those that close, those that stand again, those that open.

Here: bulk writes. Not here: which they are (plan_holds.py), counters of causes (finish.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from holding import bulk
from holding.causes import CauseSpec
from holding.due_times import answer_by
from holding.judging.batch import Batch
from holding.judging.planned import Plan, Wanted
from holding.models import Hold


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


def keep_holds(session: Session, batch: Batch, plans: Sequence[Plan]) -> None:
    """Holds that stand again: their words and their copies of the record are renewed."""
    rows = []
    for plan in plans:
        for hold in plan.kept:
            wanted = plan.wanted.get(hold.key)
            if wanted is not None:
                rows.append(
                    {
                        "id": hold.id,
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
    cause_ids: Mapping[str, int],
    now: datetime,
) -> None:
    """Open what is wanted and not open yet."""
    rows = []
    for plan in plans:
        record_id = plan.case.record_id
        standing = {hold.key for hold in plan.kept}
        rows += [
            _columns(plan, wanted)
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


def _columns(plan: Plan, wanted: Wanted) -> dict[str, Any]:
    """What a new hold says, and the copies by which lists find it."""
    return {
        "record_id": plan.case.record_id,
        "route": wanted.route,
        "seq": wanted.seq,
        "code": wanted.code,
        "state": "open",
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
