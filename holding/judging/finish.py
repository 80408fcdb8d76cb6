"""Storing what a batch came to, in one write transaction.

Here: the checks that nothing moved since the facts were read, and all writes in lock order:
company, records in id order, the rest, causes last. Not here: what to write (plan.py).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from connectors.kit.faults import point
from holding import bulk, causes
from holding.causes import CauseSpec
from holding.events import record_events
from holding.judging.batch import Batch
from holding.judging.claim import put_back
from holding.judging.plan import Plan, in_flight
from holding.judging.tell import facts_of
from holding.models import (
    Approval,
    Company,
    Evaluation,
    Hold,
    Posting,
    PostingUse,
    Record,
)
from holding.wakes import wake_linked

ANSWER_WITHIN = timedelta(hours=24)
FLIGHT_PAUSE = timedelta(seconds=5)
GONE = frozenset({"dropped", "ignored"})

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A judging as it is kept: what it looked at and what came out."""

    facts: bulk.Encoded
    codes: bulk.Encoded
    digest: str


@dataclass(frozen=True, slots=True)
class _Locked:
    """A record under our lock."""

    version_id: int | None
    due_at: datetime | None


def finish(
    session: Session,
    batch: Batch,
    plans: Sequence[Plan],
    stored: Mapping[int, Stored],
    *,
    owner: str,
    now: datetime,
) -> int:
    """Write all plans whose records did not move meanwhile; the others are due again."""
    locked = _lock(session, batch, plans, owner)
    held = [plan for plan in plans if plan.case.record_id in locked]
    good = _unmoved(session, batch, held, locked)
    moved = [p.case.claimed for p in held if p.case.record_id not in good]
    flying = [p for p in held if p.case.record_id in good and in_flight(p.case)]
    put_back(session, moved, owner, now)
    put_back(session, [p.case.claimed for p in flying], owner, now + FLIGHT_PAUSE)
    writing = [p for p in held if p.case.record_id in good and not in_flight(p.case)]
    if writing:
        _write(session, batch, writing, stored, locked, now)
    point("eval.before_commit")
    return len(writing)


def _lock(session: Session, batch: Batch, plans: Sequence[Plan], owner: str) -> dict[int, _Locked]:
    """The company's row shared, then the records whose lease is still ours, in id order."""
    company = select(Company.revision).where(Company.id == batch.company_id)
    session.execute(company.with_for_update(read=True)).one()
    fences = {plan.case.record_id: plan.case.claimed.fence for plan in plans}
    query = select(
        Record.id, Record.fence, Record.lease_owner, Record.version_id, Record.due_at
    ).where(bulk.among(Record.id, list(fences)))
    rows = session.execute(query.order_by(Record.id).with_for_update(key_share=True))
    return {
        record_id: _Locked(version_id, due_at)
        for record_id, fence, lease_owner, version_id, due_at in rows
        if fence == fences[record_id] and lease_owner == owner
    }


def _unmoved(
    session: Session, batch: Batch, plans: Sequence[Plan], locked: Mapping[int, _Locked]
) -> set[int]:
    """Records for which the world, the version, the postings and the holds are what was judged."""
    revision = select(Company.revision).where(Company.id == batch.company_id)
    if session.execute(revision).scalar_one() != batch.revision:
        return set()
    ids = [plan.case.record_id for plan in plans]
    postings: dict[int, set[tuple[int, int]]] = defaultdict(set)
    query = select(Posting.record_id, Posting.id, Posting.lock)
    for record_id, posting_id, lock in session.execute(
        query.where(bulk.among(Posting.record_id, ids))
    ):
        postings[record_id].add((posting_id, lock))
    holds: dict[int, set[int]] = defaultdict(set)
    open_holds = select(Hold.record_id, Hold.id).where(
        bulk.among(Hold.record_id, ids), text(f"hold.{Hold.OPEN}")
    )
    for record_id, hold_id in session.execute(open_holds):
        holds[record_id].add(hold_id)
    return {
        plan.case.record_id
        for plan in plans
        if locked[plan.case.record_id].version_id == plan.case.version_id
        and postings[plan.case.record_id] == {(p.id, p.lock) for p in plan.case.postings}
        and holds[plan.case.record_id] == {hold.id for hold in plan.case.holds}
    }


def _write(
    session: Session,
    batch: Batch,
    plans: Sequence[Plan],
    stored: Mapping[int, Stored],
    locked: Mapping[int, _Locked],
    now: datetime,
) -> None:
    evaluations = _evaluations(session, batch, plans, stored)
    posting_ids = _postings(session, batch, plans, evaluations)
    _uses(session, plans, posting_ids)
    _void(session, plans, now)
    cause_ids = causes.ensure(session, batch.company_id, _specs(plans), now)
    _close_holds(session, plans, evaluations, now)
    _keep_holds(session, batch, plans)
    _open_holds(session, batch, plans, evaluations, posting_ids, cause_ids, now)
    _records(session, plans, locked)
    record_events(
        session, [fact for plan in plans for fact in facts_of(batch, plan, posting_ids, now)]
    )
    gone = [p.case.record_id for p in plans if (p.state in GONE) != (p.case.state in GONE)]
    if gone:
        wake_linked(session, gone, now)
    causes.add(session, _deltas(plans, cause_ids))


def _evaluations(
    session: Session, batch: Batch, plans: Sequence[Plan], stored: Mapping[int, Stored]
) -> dict[int, int]:
    """Record id -> evaluation id."""
    rows = []
    for plan in plans:
        kept, outcome = stored[plan.case.record_id], plan.judged.outcome
        rows.append(
            {
                "record_id": plan.case.record_id,
                "version_id": plan.case.version_id,
                "ruleset_version_id": batch.ruleset_version_id,
                "revision": batch.revision,
                "at": plan.judged.at,
                "facts": kept.facts,
                "outcome": kept.codes,
                "hash": kept.digest,
                "valid_until": outcome.valid_until if outcome else None,
                "fence": plan.case.claimed.fence,
            }
        )
    made = bulk.insert(session, Evaluation, rows, returning=("id", "record_id"))
    return {record_id: evaluation_id for evaluation_id, record_id in made}


def _postings(
    session: Session, batch: Batch, plans: Sequence[Plan], evaluations: Mapping[int, int]
) -> dict[tuple[int, str, int], int]:
    """Write all planned postings; (record, route, seq) -> posting id."""
    new, known, silenced = [], [], []
    ids = {(r.record_id, r.route, r.seq): r.id for p in plans for r in p.case.postings}
    for plan in plans:
        for planned in plan.postings:
            row = {
                "state": planned.state,
                "reason": planned.reason,
                "hash": planned.hash,
                "number": planned.number,
                "content": planned.content,
                "connection_id": planned.connection_id,
                "doc_type": planned.doc_type,
                "amount": planned.amount,
                "currency": planned.currency,
                "book": planned.book,
                "doc_date": planned.doc_date,
                "party": planned.party,
                "due_at": planned.due_at,
                "version_id": plan.case.version_id,
                "evaluation_id": evaluations[plan.case.record_id],
                "revision": batch.revision,
            }
            if planned.id is not None:
                known.append({"id": planned.id, **row})
            else:
                identity = {
                    "company_id": batch.company_id,
                    "record_id": plan.case.record_id,
                    "family": plan.case.family,
                    "route": planned.route,
                    "seq": planned.seq,
                    "action": "create",
                    "lock": 0,
                }
                new.append(identity | row)
        state = "held" if plan.judged.outcome is None else "dropped"
        reason = plan.judged.error or "No route applies to it any more."
        silenced += [
            {"id": row.id, "state": state, "reason": reason, "due_at": None}
            for row in plan.silenced
        ]
    bulk.update(session, Posting, known, bump="lock")
    bulk.update(session, Posting, silenced, bump="lock")
    made = bulk.insert(session, Posting, new, returning=("id", "record_id", "route", "seq"))
    return ids | {(record_id, route, seq): i for i, record_id, route, seq in made}


def _uses(
    session: Session, plans: Sequence[Plan], posting_ids: Mapping[tuple[int, str, int], int]
) -> None:
    """Which entries the documents were made with, anew for each posting that was rewritten."""
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
    }
    bulk.insert(
        session,
        PostingUse,
        [{"entry_id": entry, "posting_id": posting} for entry, posting in sorted(rows)],
    )


def _void(session: Session, plans: Sequence[Plan], now: datetime) -> None:
    rows = [
        {"id": one.approval.id, "voided_at": now, "voided_fields": list(one.fields)}
        for plan in plans
        for one in plan.voided
    ]
    bulk.update(session, Approval, rows)


def _specs(plans: Sequence[Plan]) -> list[CauseSpec]:
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


def _close_holds(
    session: Session, plans: Sequence[Plan], evaluations: Mapping[int, int], now: datetime
) -> None:
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


def _keep_holds(session: Session, batch: Batch, plans: Sequence[Plan]) -> None:
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


def _open_holds(
    session: Session,
    batch: Batch,
    plans: Sequence[Plan],
    evaluations: Mapping[int, int],
    posting_ids: Mapping[tuple[int, str, int], int],
    cause_ids: Mapping[str, int],
    now: datetime,
) -> None:
    rows = []
    for plan in plans:
        standing = {hold.key for hold in plan.kept}
        record_id = plan.case.record_id
        for key, wanted in plan.wanted.items():
            if key in standing:
                continue
            rows.append(
                {
                    "company_id": batch.company_id,
                    "record_id": record_id,
                    "posting_id": posting_ids.get((record_id, wanted.route, wanted.seq)),
                    "route": wanted.route,
                    "seq": wanted.seq,
                    "code": wanted.code,
                    "cause_id": cause_ids[wanted.cause_key],
                    "state": "open",
                    "class": wanted.error_class,
                    "severity": wanted.severity,
                    "rule": wanted.rule,
                    "at_rule": wanted.at_rule,
                    "message": wanted.message,
                    "would_pass": wanted.would_pass,
                    "clears": wanted.clears,
                    "revision": batch.revision,
                    "team_id": wanted.team_id,
                    "answer_by": now + ANSWER_WITHIN,
                    "opened_at": now,
                    "opened_evaluation_id": evaluations[record_id],
                    "lock": 0,
                    "book": plan.book,
                    "number": wanted.number,
                    "party_key": plan.listed.party_key if plan.listed else plan.case.party_key,
                    "doc_type": wanted.doc_type,
                    "doc_date": wanted.doc_date,
                    "connection_id": wanted.connection_id,
                }
            )
    bulk.insert(session, Hold, rows)


def _records(session: Session, plans: Sequence[Plan], locked: Mapping[int, _Locked]) -> None:
    """The record's state and list columns; the lease goes, an earlier wake stays."""
    listed, broken = [], []
    for plan in plans:
        record_id, outcome = plan.case.record_id, plan.judged.outcome
        woken = locked[record_id].due_at
        until = outcome.valid_until if outcome else None
        row: dict[str, Any] = {
            "id": record_id,
            "state": plan.state,
            "due_at": min((at for at in (woken, until) if at is not None), default=None),
            "lease_owner": None,
            "lease_until": None,
        }
        if plan.listed is None:
            broken.append(row)
            continue
        one = plan.listed
        listed.append(
            row
            | {
                "crashes": 0,
                "status": one.status,
                "party": one.party,
                "party_key": one.party_key,
                "doc_date": one.doc_date,
                "amount": one.amount,
                "currency": one.currency,
                "book": one.book,
            }
        )
    bulk.update(session, Record, listed, bump="lock")
    bulk.update(session, Record, broken, bump="lock")


def _deltas(plans: Sequence[Plan], cause_ids: Mapping[str, int]) -> dict[int, tuple[int, int]]:
    """How each cause's records and money change: a record counts once under a cause."""
    deltas: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for plan in plans:
        before = {hold.cause_id: hold.book or 0 for hold in plan.case.holds}
        book = plan.book or 0
        after = {cause_ids[wanted.cause_key]: book for wanted in plan.wanted.values()}
        for hold in plan.kept:
            kept = (hold.book or 0) if plan.listed is None else book
            after.setdefault(hold.cause_id, kept)
        for cause_id in {*before, *after}:
            records, money = deltas[cause_id]
            records += (cause_id in after) - (cause_id in before)
            money += after.get(cause_id, 0) - before.get(cause_id, 0)
            deltas[cause_id] = (records, money)
    return deltas
