"""Storing what a batch came to, in one write transaction.

Here: the checks that nothing moved since the facts were read, and all writes in lock order:
company, records in id order, the rest, causes and stops last. Not here: what to write (plan.py).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from connectors.transport.fault_points import point
from holding.approvals import voiding
from holding.audit.events import record_events
from holding.evaluation import safety_stop
from holding.evaluation.batch import Batch
from holding.evaluation.notices import facts_of, let_stand
from holding.evaluation.plan import in_flight
from holding.evaluation.plan_parts import Plan
from holding.evaluation.plan_storage import (
    close_holds,
    keep_holds,
    open_holds,
    specs_of,
    write_postings,
    write_uses,
)
from holding.evaluation.record_claims import put_back, put_back_each
from holding.journal import import_rows
from holding.lifecycle import causes
from holding.lifecycle.changes import read_now, wake_families, wake_letting_go, wake_linked
from holding.store import bulk
from holding.tables import Company, Evaluation, Hold, Posting, Record
from holding.tables.columns import table_of
from holding.tables.decisions import is_open
from holding.tables.postings import IN_FLIGHT_STATES, UNSENT_STATES
from rules.outcomes.digest import Digest
from rules.values.cause_keys import CauseKey
from rules.values.posting_states import PostingState

FLIGHT_PAUSE = timedelta(seconds=5)
GONE = frozenset({"dropped", "ignored"})


@dataclass(frozen=True, slots=True)
class _Locked:
    """A record under our lock."""

    version_id: int | None
    due_at: datetime | None


def finish(
    session: Session,
    batch: Batch,
    plans: Sequence[Plan],
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
    put_back_each(session, {p.case.claimed: _after_the_look(p, now) for p in flying}, owner)
    import_rows.look_again(session, _made_of_another_version(flying), now)
    writing = [p for p in held if p.case.record_id in good and not in_flight(p.case)]
    if writing:
        _write(session, batch, writing, locked, now)
    point("eval.before_commit")
    return len(writing)


def _after_the_look(plan: Plan, now: datetime) -> datetime:
    """When what is on its way may have its end: soon, or after it was looked up the next time."""
    looks = [row.due_at for row in plan.case.postings if row.state in IN_FLIGHT_STATES]
    return max([now, *(at for at in looks if at is not None)]) + FLIGHT_PAUSE


def _made_of_another_version(plans: Sequence[Plan]) -> list[int]:
    """Documents on their way that were made of another version than the record has by now."""
    return [
        row.id
        for plan in plans
        for row in plan.case.postings
        if row.state in IN_FLIGHT_STATES and row.version_id != plan.case.version_id
    ]


def _lock(session: Session, batch: Batch, plans: Sequence[Plan], owner: str) -> dict[int, _Locked]:
    """The company's row shared, then the records whose lease is still ours, in id order."""
    session.execute(_LOCK_COMPANY, {"company": batch.company_id}).one()
    fences = {plan.case.record_id: plan.case.claimed.fence for plan in plans}
    rows = session.execute(_LOCK_RECORDS, {"ids": list(fences)})
    return {
        row.id: _Locked(row.version_id, row.due_at)
        for row in rows
        if row.fence == fences[row.id] and row.lease_owner == owner
    }


def _unmoved(
    session: Session, batch: Batch, plans: Sequence[Plan], locked: Mapping[int, _Locked]
) -> set[int]:
    """Records for which the world, the version, the postings and the holds are what was judged."""
    if session.execute(_REVISION, {"company": batch.company_id}).scalar_one() != batch.revision:
        return set()
    ids = [plan.case.record_id for plan in plans]
    postings: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for row in session.execute(_POSTINGS, {"ids": ids}):
        postings[row.record_id].add((row.id, row.lock))
    holds: dict[int, set[int]] = defaultdict(set)
    for hold in session.execute(_HOLDS, {"ids": ids}):
        holds[hold.record_id].add(hold.id)
    return {
        plan.case.record_id
        for plan in plans
        if locked[plan.case.record_id].version_id == plan.case.version_id
        and postings[plan.case.record_id] == {(p.id, p.lock) for p in plan.case.postings}
        and holds[plan.case.record_id] == {hold.id for hold in plan.case.holds}
    }


_RECORD, _POSTING, _HOLD = table_of(Record), table_of(Posting), table_of(Hold)
_REVISION = select(Company.revision).where(Company.id == bindparam("company"))
_LOCK_COMPANY = _REVISION.with_for_update(read=True)
_LOCK_RECORDS = (
    select(
        _RECORD.c.id,
        _RECORD.c.fence,
        _RECORD.c.lease_owner,
        _RECORD.c.version_id,
        _RECORD.c.due_at,
    )
    .where(bulk.among_given(_RECORD.c.id, "ids"))
    .order_by(_RECORD.c.id)
    .with_for_update(key_share=True)
)
_POSTINGS = select(_POSTING.c.record_id, _POSTING.c.id, _POSTING.c.lock).where(
    bulk.among_given(_POSTING.c.record_id, "ids")
)
_HOLDS = select(_HOLD.c.record_id, _HOLD.c.id).where(
    bulk.among_given(_HOLD.c.record_id, "ids"), is_open(_HOLD.c.state)
)


def _write(
    session: Session,
    batch: Batch,
    plans: Sequence[Plan],
    locked: Mapping[int, _Locked],
    now: datetime,
) -> None:
    evaluations = _evaluations(session, batch, plans)
    posting_ids = write_postings(session, batch, plans, evaluations)
    write_uses(session, plans, posting_ids)
    voiding.void_changed(session, [one for plan in plans for one in plan.voided], now)
    specs = specs_of(plans)
    cause_ids = causes.ensure(session, batch.company_id, specs, now)
    close_holds(session, plans, evaluations, now)
    keep_holds(session, batch, plans, cause_ids)
    open_holds(session, batch, plans, evaluations, posting_ids, cause_ids, now)
    _records(session, plans, locked)
    voiding.void_own_hands(session, batch.company_id, let_stand(plans), now)
    record_events(
        session, [fact for plan in plans for fact in facts_of(batch, plan, posting_ids, now)]
    )
    read_now(session, _stands_for_another_version(plans), now)
    gone = [p.case.record_id for p in plans if (p.state in GONE) != (p.case.state in GONE)]
    if gone:
        wake_linked(session, gone, now)
    wake_letting_go(session, _unaware(batch, plans), now)
    wake_families(session, _decided_anew(plans), now)
    labels = {cause_ids[spec.key]: spec.label for spec in specs}
    causes.add(session, _deltas(plans, cause_ids), labels)
    safety_stop.count(session, batch, plans, now)


def _unaware(batch: Batch, plans: Sequence[Plan]) -> set[int]:
    """Records that may have been made ready without knowing of one of these, which is like them and
    there with this content since this judging. Those of the same batch were gathered with them.
    """
    alike = {
        other
        for p in plans
        if p.state not in GONE
        and (
            p.case.state in GONE
            or all(row.version_id != p.case.version_id for row in p.case.postings)
        )
        for other in p.case.alike
    }
    return alike - {case.record_id for case in batch.cases}


def _stands_for_another_version(plans: Sequence[Plan]) -> list[int]:
    """Posted documents of a version that is another now: the target is read first."""
    return [
        row.id
        for plan in plans
        for row in plan.case.postings
        if row.state == PostingState.POSTED and row.version_id != plan.case.version_id
    ]


def _decided_anew(plans: Sequence[Plan]) -> list[int]:
    """Records of which a posted document is held now and was not, or is about to be taken back, or
    was and is not: what follows it waits, or goes.
    """
    return [
        plan.case.record_id
        for plan in plans
        if any(row.state == PostingState.POSTED for row in plan.case.postings)
        and (_takes_back_anew(plan) or plan.closed or _holds_anew(plan))
    ]


def _holds_anew(plan: Plan) -> bool:
    return bool(plan.wanted.keys() - {hold.key for hold in plan.kept})


def _takes_back_anew(plan: Plan) -> bool:
    """Whether it is about to take back another document than before, or one less."""
    before = {
        row.id
        for row in plan.case.postings
        if row.takes_back and (row.reverses_id is None or row.state in UNSENT_STATES)
    }
    after = {one.id for one in plan.acting if one.action == "void" and not one.given_up}
    made = (one for one in plan.postings if one.reverses_id is not None)
    return before != {*after, *(one.id for one in made if one.state not in GONE)}


def _evaluations(session: Session, batch: Batch, plans: Sequence[Plan]) -> dict[int, int]:
    """Record id -> evaluation id."""
    rows = []
    for plan in plans:
        kept, outcome = plan.stored, plan.judged.outcome
        rows.append(
            {
                "record_id": plan.case.record_id,
                "version_id": plan.case.version_id,
                "ruleset_version_id": batch.ruleset_version_id,
                "revision": batch.revision,
                "at": plan.judged.at,
                "facts": kept.facts,
                "outcome": kept.codes,
                "hash": kept.hash,
                "digest": Digest.BARE,
                "valid_until": outcome.valid_until if outcome else None,
                "fence": plan.case.claimed.fence,
            }
        )
    made = bulk.insert(session, Evaluation, rows, returning=("id", "record_id"))
    return {record_id: evaluation_id for evaluation_id, record_id in made}


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


def _deltas(plans: Sequence[Plan], cause_ids: Mapping[CauseKey, int]) -> dict[int, tuple[int, int]]:
    """How each cause's records and money change: a record counts once under a cause."""
    deltas: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for plan in plans:
        before = {hold.cause_id: hold.book or 0 for hold in plan.case.holds}
        book = plan.book or 0
        after = {cause_ids[wanted.cause_key]: book for wanted in plan.wanted.values()}
        for hold in (one for one in plan.kept if one.key not in plan.wanted):
            kept = (hold.book or 0) if plan.listed is None else book
            after.setdefault(hold.cause_id, kept)
        for cause_id in {*before, *after}:
            records, money = deltas[cause_id]
            records += (cause_id in after) - (cause_id in before)
            money += after.get(cause_id, 0) - before.get(cause_id, 0)
            deltas[cause_id] = (records, money)
    return deltas
