"""Store the results of a batch in one write transaction."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from connectors.transport.strict_json import fault_point
from holding.approvals import consent
from holding.approvals.consent import LetStand, StandingApproval, changed_fact, counting
from holding.approvals.separation import excluded
from holding.db import bulk
from holding.db.models import Company, Evaluation, Hold, Posting, PostingUse, Record
from holding.db.models.columns import HoldState, RecordState, table_of
from holding.db.models.decisions import is_open
from holding.db.models.postings import IN_FLIGHT_STATES, UNSENT_STATES
from holding.evaluation import safety_stop
from holding.evaluation.batch import (
    Batch,
    Plan,
    PlannedPosting,
    PostedChange,
    WantedHold,
    return_claims,
    return_claims_at,
)
from holding.evaluation.plan import NO_ROUTE
from holding.holds.retries import answer_by
from holding.platform import states
from holding.platform.changes import (
    PostingRow,
    read_back_now,
    wake_families,
    wake_linked,
    wake_number_users,
    wake_releasable,
)
from holding.platform.events import Fact, record_events
from holding.platform.states import CauseSpec
from holding.posting import runs
from rules.decisions.verdict import READY
from rules.outcome_hash import DIGEST
from rules.outcomes import Outcome
from rules.values.canonical import PostingState, json_text
from rules.values.cause_keys import CauseKey

FLIGHT_PAUSE = timedelta(seconds=5)

GONE = frozenset({"dropped", "ignored"})

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

STATE_PHRASES = {
    "ready": "is ready to post",
    "waiting": "is waiting",
    "held": "is on hold",
    "failed": "stays rejected",
    "ignored": "is not posted",
    "dropped": "is cancelled before posting",
}


def store_plans(
    session: Session,
    batch: Batch,
    plans: Sequence[Plan],
    *,
    owner: str,
    now: datetime,
) -> int:
    """Write the plans whose records did not change meanwhile; the other records are due again."""
    locked = _lock(session, batch, plans, owner)
    locked_plans = [plan for plan in plans if plan.case.record_id in locked]
    good = _unmoved(session, batch, locked_plans, locked)
    moved = [p.case.claimed for p in locked_plans if p.case.record_id not in good]
    flying = [p for p in locked_plans if p.case.record_id in good and p.case.is_in_flight]
    return_claims(session, moved, owner, now)
    return_claims_at(session, {p.case.claimed: _after_the_look(p, now) for p in flying}, owner)
    runs.check_files_again(session, _made_of_another_version(flying), now)
    writing = [p for p in locked_plans if p.case.record_id in good and not p.case.is_in_flight]
    if writing:
        _write(session, batch, writing, locked, now)
    fault_point("eval.before_commit")
    return len(writing)


@dataclass(frozen=True, slots=True)
class _Locked:
    """A record under our lock."""

    version_id: int | None
    due_at: datetime | None


def _lock(session: Session, batch: Batch, plans: Sequence[Plan], owner: str) -> dict[int, _Locked]:
    """Lock the company's row for sharing, then the records whose lease is still ours,
    in id order.
    """
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
    """Return the records whose revision, version, postings and holds are still the
    evaluated ones.
    """
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


def _after_the_look(plan: Plan, now: datetime) -> datetime:
    """Return when an in-flight document may be finished: soon, or after its next lookup."""
    lookup_times = [row.due_at for row in plan.case.postings if row.state in IN_FLIGHT_STATES]
    return max([now, *(at for at in lookup_times if at is not None)]) + FLIGHT_PAUSE


def _made_of_another_version(plans: Sequence[Plan]) -> list[int]:
    """Return in-flight documents that were made from another version of the record."""
    return [
        row.id
        for plan in plans
        for row in plan.case.postings
        if row.state in IN_FLIGHT_STATES and row.version_id != plan.case.version_id
    ]


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
    consent.void_changed(session, [voided for plan in plans for voided in plan.voided], now)
    specs = cause_specs(plans)
    cause_ids = states.ensure_causes(session, batch.company_id, specs, now)
    close_holds(session, plans, evaluations, now)
    keep_holds(session, batch, plans, cause_ids)
    open_holds(session, batch, plans, evaluations, posting_ids, cause_ids, now)
    _records(session, plans, locked)
    consent.void_own_hands(session, batch.company_id, valid_approvals(plans), now)
    record_events(
        session, [fact for plan in plans for fact in events_for_plan(batch, plan, posting_ids, now)]
    )
    read_back_now(session, _stands_for_another_version(plans), now)
    gone_or_back_ids = [
        p.case.record_id for p in plans if (p.state in GONE) != (p.case.state in GONE)
    ]
    if gone_or_back_ids:
        wake_linked(session, gone_or_back_ids, now)
    wake_number_users(session, batch.company_id, _freed_numbers(plans), now)
    wake_releasable(session, _unaware(batch, plans), now)
    wake_families(session, _decided_anew(plans), now)
    labels = {cause_ids[spec.key]: spec.label for spec in specs}
    states.add_to_causes(session, _deltas(plans, cause_ids, batch.currency), labels)
    safety_stop.count_moves(session, batch, plans, now)


def _evaluations(session: Session, batch: Batch, plans: Sequence[Plan]) -> dict[int, int]:
    """Insert the evaluations and return record id -> evaluation id."""
    rows = []
    for plan in plans:
        stored, outcome = plan.stored, plan.judged.outcome
        rows.append(
            {
                "record_id": plan.case.record_id,
                "version_id": plan.case.version_id,
                "ruleset_version_id": batch.ruleset_version_id,
                "revision": batch.revision,
                "at": plan.judged.at,
                "facts": stored.facts,
                "outcome": stored.codes,
                "hash": stored.hash,
                "digest": DIGEST,
                "valid_until": outcome.valid_until if outcome else None,
                "fence": plan.case.claimed.fence,
            }
        )
    inserted_rows = bulk.insert_rows(session, Evaluation, rows, returning=("id", "record_id"))
    return {record_id: evaluation_id for evaluation_id, record_id in inserted_rows}


def _records(session: Session, plans: Sequence[Plan], locked: Mapping[int, _Locked]) -> None:
    """Update the records' states and list columns and release their leases.

    An earlier wake time stays.
    """
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
        columns = plan.listed
        listed.append(
            row
            | {
                "crashes": 0,
                "status": columns.status,
                "party": columns.party,
                "party_key": columns.party_key,
                "doc_date": columns.doc_date,
                "amount": columns.amount,
                "currency": columns.currency,
                "book": columns.book,
            }
        )
    bulk.update(session, Record, listed, bump="lock")
    bulk.update(session, Record, broken, bump="lock")


def _stands_for_another_version(plans: Sequence[Plan]) -> list[int]:
    """Return posted documents of an older version; the target is read before they change."""
    return [
        row.id
        for plan in plans
        for row in plan.case.postings
        if row.state == PostingState.POSTED and row.version_id != plan.case.version_id
    ]


def _freed_numbers(plans: Sequence[Plan]) -> set[str]:
    """Return the numbers of documents that were ready and are so no more under this number."""
    freed: set[str] = set()
    for plan in plans:
        ready = {
            posting.id: posting.number
            for posting in plan.postings
            if posting.state == PostingState.READY
        }
        rows = (row for row in plan.case.postings if row.state == PostingState.READY)
        freed |= {row.number for row in rows if ready.get(row.id) != row.number}
    return freed


def _unaware(batch: Batch, plans: Sequence[Plan]) -> set[int]:
    """Return similar records that may have been made ready without knowing this new content.

    Records of this batch were loaded together and are left out.
    """
    similar_ids = {
        other
        for p in plans
        if p.state not in GONE
        and (
            p.case.state in GONE
            or all(row.version_id != p.case.version_id for row in p.case.postings)
        )
        for other in p.case.alike
    }
    return similar_ids - {case.record_id for case in batch.cases}


def _decided_anew(plans: Sequence[Plan]) -> list[int]:
    """Return records whose posted document was newly held, released or scheduled for reversal.

    Documents that come after it must wait or can go.
    """
    return [
        plan.case.record_id
        for plan in plans
        if any(row.state == PostingState.POSTED for row in plan.case.postings)
        and (_takes_back_anew(plan) or plan.closed or _holds_anew(plan))
    ]


def _takes_back_anew(plan: Plan) -> bool:
    """Check whether the set of documents to take back changed."""
    before = {
        row.id
        for row in plan.case.postings
        if row.takes_back and (row.reverses_id is None or row.state in UNSENT_STATES)
    }
    after = {
        change.id
        for change in plan.acting
        if change.action == "void" and not (change.given_up or change.is_void_there)
    }
    reversals = (posting for posting in plan.postings if posting.reverses_id is not None)
    return before != {*after, *(posting.id for posting in reversals if posting.state not in GONE)}


def _holds_anew(plan: Plan) -> bool:
    return bool(plan.wanted.keys() - {hold.key for hold in plan.kept})


def _deltas(
    plans: Sequence[Plan], cause_ids: Mapping[CauseKey, int], currency: str
) -> dict[int, tuple[int, int]]:
    """Return how the record count and amount of each cause change.

    A record counts once for each cause.
    """
    deltas: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for plan in plans:
        before = {hold.cause_id: hold.book or 0 for hold in plan.case.holds}
        after = {
            cause_ids[wanted_hold.cause_key]: plan.hold_money(wanted_hold, currency).book or 0
            for wanted_hold in plan.wanted.values()
        }
        for hold in (kept_hold for kept_hold in plan.kept if kept_hold.key not in plan.wanted):
            book = hold.book if plan.listed is None else plan.hold_money(hold, currency).book
            after.setdefault(hold.cause_id, book or 0)
        for cause_id in {*before, *after}:
            records, money = deltas[cause_id]
            records += (cause_id in after) - (cause_id in before)
            money += after.get(cause_id, 0) - before.get(cause_id, 0)
            deltas[cause_id] = (records, money)
    return deltas


def valid_approvals(plans: Iterable[Plan]) -> list[LetStand]:
    """Return the approvals of exactly the planned content, with the makers that the
    rules exclude.
    """
    return [
        LetStand(
            approval=approval,
            record_id=plan.case.record_id,
            number=row.number,
            named=_named(plan.judged.outcome, row.route),
        )
        for plan in plans
        for approval, row in _standing(plan)
    ]


def _named(outcome: Outcome | None, route: str) -> frozenset[str]:
    """Return the makers whom the rules exclude; empty without an outcome."""
    return frozenset(excluded(outcome, route)) if outcome is not None else frozenset()


def _standing(plan: Plan) -> Iterator[tuple[StandingApproval, PostingRow]]:
    """Yield the approvals that match the planned content, with their postings, in the
    order given.
    """
    rows = {row.id: row for row in plan.case.postings}
    planned = {
        posting.id: posting.hash for posting in plan.postings if posting.state in UNSENT_STATES
    }
    planned |= {o.id: o.hash for o in plan.acting if o.hash != rows[o.id].standing_hash}
    for approval in plan.case.approvals:
        if counting([approval], approval.posting_id, planned.get(approval.posting_id, "")):
            yield approval, rows[approval.posting_id]


def events_for_plan(
    batch: Batch, plan: Plan, posting_ids: Mapping[tuple[int, str, int], int], now: datetime
) -> list[Fact]:
    """Return the events for one record; empty if nothing visible changed."""
    record_id = plan.case.record_id
    facts = [changed_fact(batch.company_id, record_id, voided, now) for voided in plan.voided]
    if not _changed(plan):
        return facts
    single = plan.postings[0] if len(plan.postings) == 1 else None
    posting_id = posting_ids.get((record_id, single.route, single.seq)) if single else None
    body = {
        "say": _say(plan),
        "version": plan.case.subject.version,
        "revision": batch.revision,
        "state": plan.state,
        "held": sorted(str(wanted_hold.cause_key) for wanted_hold in plan.wanted.values()),
        "cleared": sorted(str(closed.hold.cause_key) for closed in plan.closed),
    }
    facts.append(
        Fact(
            company_id=batch.company_id,
            at=now,
            act="record.judged",
            record_id=record_id,
            posting_id=posting_id,
            fence=plan.case.claimed.fence,
            body=body,
        )
    )
    return facts


def _changed(plan: Plan) -> bool:
    """Check whether a person would see a difference."""
    opened = set(plan.wanted) - {hold.key for hold in plan.kept}
    moved = any(posting.before != posting.state for posting in plan.postings)
    return bool(opened or plan.closed or plan.silenced or moved or plan.state != plan.case.state)


def _say(plan: Plan) -> str:
    no = plan.case.subject.version
    if plan.judged.outcome is None:
        return f"Version {no} could not be checked: {plan.judged.error}"
    if not (plan.postings or plan.wanted or any(change.is_void_there for change in plan.acting)):
        return f"Version {no} checked: {_nothing(plan)}"
    numbers = {row.id: row.number for row in plan.case.postings}
    parts = [_posting(posting) for posting in plan.postings]
    parts += [
        f"{numbers[change.id]} was made void in the accounting system, so nothing takes it back"
        for change in plan.acting
        if change.is_void_there
    ]
    reasons_shown = {
        "",
        *(posting.reason for posting in plan.postings),
    }  # behind its document, once is enough
    reasons = [
        wanted_hold.message
        for wanted_hold in plan.wanted.values()
        if wanted_hold.message not in reasons_shown
    ]
    if reasons:
        parts.append(" ".join(reasons))
    return f"Version {no} checked: {'; '.join(parts)}"


def _nothing(plan: Plan) -> str:
    if plan.case.postings:
        return f"{plan.case.postings[-1].number} stands as it is."
    if plan.state == RecordState.REFERENCE:
        return "no rule posts records of this kind, so it is for reference."
    return "no posting rule applies, so it waits."


def _posting(posting: PlannedPosting) -> str:
    number, why = posting.number or posting.route, posting.reason
    if posting.state == PostingState.WAITING and why:
        return f"{number} {why}"
    if why in ("", READY):
        return f"{number} {STATE_PHRASES[posting.state]}"
    return f"{number} {STATE_PHRASES[posting.state]} ({why})"


def cause_specs(plans: Sequence[Plan]) -> list[CauseSpec]:
    """Return the causes of all wanted holds."""
    return [
        CauseSpec(
            key=wanted_hold.cause_key,
            error_class=wanted_hold.error_class,
            label=wanted_hold.cause_label,
            rule=wanted_hold.rule,
            team_id=wanted_hold.team_id,
        )
        for plan in plans
        for wanted_hold in plan.wanted.values()
    ]


def close_holds(
    session: Session, plans: Sequence[Plan], evaluations: Mapping[int, int], now: datetime
) -> None:
    """Close the holds that no longer apply, each with its reason."""
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
    """Refresh the messages and copied record fields of holds that stay open."""
    rows = []
    for plan in plans:
        for hold in plan.kept:
            wanted_hold = plan.wanted.get(hold.key)
            if wanted_hold is not None:
                rows.append(
                    {
                        "id": hold.id,
                        "cause_id": cause_ids[wanted_hold.cause_key],
                        "message": wanted_hold.message,
                        "would_pass": wanted_hold.would_pass,
                        "clears": wanted_hold.clears,
                        "at_rule": wanted_hold.at_rule,
                        "team_id": wanted_hold.team_id,
                        "revision": batch.revision,
                        "number": wanted_hold.number,
                        **plan.hold_money(wanted_hold, batch.currency)._asdict(),
                    }
                )
    bulk.update(session, Hold, rows)
    money = [
        {"id": hold.id, **now._asdict()}
        for plan in plans
        if plan.listed is not None
        for hold in plan.kept
        if hold.key not in plan.wanted
        for now in [plan.hold_money(hold, batch.currency)]
        if now != (hold.book, hold.amount, hold.currency)
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
    """Open the wanted holds that are not open yet."""
    rows = []
    for plan in plans:
        record_id = plan.case.record_id
        standing = {hold.key for hold in plan.kept}
        rows += [
            _hold_columns(plan, wanted_hold)
            | plan.hold_money(wanted_hold, batch.currency)._asdict()
            | {
                "company_id": batch.company_id,
                "posting_id": posting_ids.get((record_id, wanted_hold.route, wanted_hold.seq)),
                "cause_id": cause_ids[wanted_hold.cause_key],
                "revision": batch.revision,
                "answer_by": answer_by(batch.settings, wanted_hold.error_class, now),
                "opened_at": now,
                "opened_evaluation_id": evaluations[record_id],
            }
            for key, wanted_hold in plan.wanted.items()
            if key not in standing
        ]
    bulk.insert_rows(session, Hold, rows)


def _hold_columns(plan: Plan, wanted_hold: WantedHold) -> dict[str, Any]:
    """Return the columns of a new hold, including the copies by which lists find it."""
    return {
        "record_id": plan.case.record_id,
        "route": wanted_hold.route,
        "seq": wanted_hold.seq,
        "code": wanted_hold.code,
        "state": HoldState.OPEN,
        "class": wanted_hold.error_class,
        "severity": wanted_hold.severity,
        "rule": wanted_hold.rule,
        "at_rule": wanted_hold.at_rule,
        "message": wanted_hold.message,
        "would_pass": wanted_hold.would_pass,
        "clears": wanted_hold.clears,
        "team_id": wanted_hold.team_id,
        "lock": 0,
        "number": wanted_hold.number,
        "party_key": plan.listed.party_key if plan.listed else plan.case.party_key,
        "doc_type": wanted_hold.doc_type,
        "doc_date": wanted_hold.doc_date,
        "connection_id": wanted_hold.connection_id,
    }


def write_postings(
    session: Session, batch: Batch, plans: Sequence[Plan], evaluations: Mapping[int, int]
) -> dict[tuple[int, str, int], int]:
    """Write all planned postings and return (record, route, seq) -> posting id."""
    new, existing, acting, silenced = [], [], [], []
    for plan in plans:
        judged: dict[str, Any] = {
            "version_id": plan.case.version_id,
            "evaluation_id": evaluations[plan.case.record_id],
            "revision": batch.revision,
        }
        for planned in plan.postings:
            row = _posting_columns(planned) | judged
            if planned.id is not None:
                existing.append({"id": planned.id, **row})
            else:
                new.append(_identity(batch, plan, planned) | row)
        acting += [_acting(change) | judged for change in plan.acting]
        silenced += _silenced(plan)
    bulk.update(session, Posting, existing, bump="lock")
    bulk.update(session, Posting, acting, bump="lock")
    void = [change.id for plan in plans for change in plan.acting if change.is_void_there]
    if void:
        bulk.update(session, Posting, [{"id": i, "state": PostingState.REVERSED} for i in void])
    bulk.update(session, Posting, silenced, bump="lock")
    withdrawn_maps = [plan.withdrawn for plan in plans if plan.withdrawn]
    withdrawn = [
        {"id": key, "withdrawn": now}
        for withdrawn_map in withdrawn_maps
        for key, now in withdrawn_map.items()
    ]
    bulk.update(session, Posting, withdrawn)
    inserted_rows = bulk.insert_rows(
        session, Posting, new, returning=("id", "record_id", "route", "seq")
    )
    ids = {(r.record_id, r.route, r.seq): r.id for p in plans for r in p.case.postings}
    return ids | {(record_id, route, seq): i for i, record_id, route, seq in inserted_rows}


def _posting_columns(planned: PlannedPosting) -> dict[str, Any]:
    return {
        "state": planned.state,
        "reason": planned.reason,
        "waits": planned.waits,
        "hash": planned.hash,
        "number": planned.number,
        "content": None if planned.content is None else bulk.Encoded(json_text(planned.content)),
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


def _identity(batch: Batch, plan: Plan, planned: PlannedPosting) -> dict[str, Any]:
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


def _acting(change: PostedChange) -> dict[str, Any]:
    return {
        "id": change.id,
        "action": change.action,
        "content": change.content,
        "hash": change.hash,
        "bills": change.bills,
        "due_at": change.due_at,
        "reason": change.reason,
        "waits": None,
        "tries": change.tries,
    }


def _silenced(plan: Plan) -> list[dict[str, Any]]:
    """Return the updates that stop postings without rewriting them; posted ones stay posted."""
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
    """Store which mapping entries each rewritten document used.

    A posted document with a planned update keeps the entries of the version in the target.
    """
    rewritten = [
        posting.id for plan in plans for posting in plan.postings if posting.id is not None
    ]
    if rewritten:
        session.execute(
            delete(PostingUse)
            .where(bulk.among(PostingUse.posting_id, rewritten))
            .execution_options(synchronize_session=False)
        )
    rows = {
        (use.entry_id, posting_ids[plan.case.record_id, posting.route, posting.seq])
        for plan in plans
        if plan.judged.outcome is not None
        for posting in plan.postings
        for use in plan.judged.outcome.used
    } | {
        (use.entry_id, change.id)
        for plan in plans
        if plan.judged.outcome is not None
        for change in plan.acting
        if not change.given_up
        for use in plan.judged.outcome.used
    }
    bulk.insert_rows(
        session,
        PostingUse,
        [{"entry_id": entry, "posting_id": posting} for entry, posting in sorted(rows)],
        ignore=True,
    )
