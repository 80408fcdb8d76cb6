"""Store the results of a batch in one write transaction."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from connectors.transport.strict_json import point
from holding.approvals import consent
from holding.approvals.consent import LetStand, StandingApproval, changed_fact, counting
from holding.approvals.separation import excluded
from holding.db import bulk
from holding.db.models import Company, Evaluation, Hold, Posting, PostingUse, Record
from holding.db.models.columns import HoldState, RecordState, table_of
from holding.db.models.decisions import is_open
from holding.db.models.postings import IN_FLIGHT_STATES, UNSENT_STATES
from holding.evaluation import safety_stop
from holding.evaluation.batch import Acting, Batch, Plan, Planned, Wanted, put_back, put_back_each
from holding.evaluation.plan import NO_ROUTE, in_flight
from holding.holds.retries import answer_by
from holding.platform import states
from holding.platform.changes import (
    PostingRow,
    read_now,
    wake_families,
    wake_letting_go,
    wake_linked,
)
from holding.platform.events import Fact, record_events
from holding.platform.states import CauseSpec
from holding.posting import runs
from rules.decisions.verdict import READY
from rules.outcome_hash import Digest
from rules.outcomes import Outcome
from rules.values.canonical import PostingState, text_of
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

SAID = {
    "ready": "is ready to post",
    "waiting": "is waiting",
    "held": "is on hold",
    "failed": "stays rejected",
    "ignored": "is not posted",
    "dropped": "is cancelled before posting",
}


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
    runs.look_again(session, _made_of_another_version(flying), now)
    writing = [p for p in held if p.case.record_id in good and not in_flight(p.case)]
    if writing:
        _write(session, batch, writing, locked, now)
    point("eval.before_commit")
    return len(writing)


@dataclass(frozen=True, slots=True)
class _Locked:
    """A record under our lock."""

    version_id: int | None
    due_at: datetime | None


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
    consent.void_changed(session, [one for plan in plans for one in plan.voided], now)
    specs = specs_of(plans)
    cause_ids = states.ensure(session, batch.company_id, specs, now)
    close_holds(session, plans, evaluations, now)
    keep_holds(session, batch, plans, cause_ids)
    open_holds(session, batch, plans, evaluations, posting_ids, cause_ids, now)
    _records(session, plans, locked)
    consent.void_own_hands(session, batch.company_id, let_stand(plans), now)
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
    states.add(session, _deltas(plans, cause_ids), labels)
    safety_stop.count(session, batch, plans, now)


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
    made = bulk.insert_rows(session, Evaluation, rows, returning=("id", "record_id"))
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


def _stands_for_another_version(plans: Sequence[Plan]) -> list[int]:
    """Posted documents of a version that is another now: the target is read first."""
    return [
        row.id
        for plan in plans
        for row in plan.case.postings
        if row.state == PostingState.POSTED and row.version_id != plan.case.version_id
    ]


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


def _holds_anew(plan: Plan) -> bool:
    return bool(plan.wanted.keys() - {hold.key for hold in plan.kept})


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


def let_stand(plans: Iterable[Plan]) -> list[LetStand]:
    """The approvals of exactly what is planned and not sent yet, with who is named as the maker of
    each document, as it was judged just now.
    """
    return [
        LetStand(
            approval=one,
            record_id=plan.case.record_id,
            number=row.number,
            named=_named(plan.judged.outcome, row.route),
        )
        for plan in plans
        for one, row in _standing(plan)
    ]


def _named(outcome: Outcome | None, route: str) -> frozenset[str]:
    """The makers whom the rules exclude; nobody where there is no outcome."""
    return frozenset(excluded(outcome, route)) if outcome is not None else frozenset()


def _standing(plan: Plan) -> Iterator[tuple[StandingApproval, PostingRow]]:
    """The approvals with their postings, in the order in which they were given."""
    rows = {row.id: row for row in plan.case.postings}
    planned = {one.id: one.hash for one in plan.postings if one.state in UNSENT_STATES}
    planned |= {o.id: o.hash for o in plan.acting if o.hash != rows[o.id].standing_hash}
    for one in plan.case.approvals:
        if counting([one], one.posting_id, planned.get(one.posting_id, "")):
            yield one, rows[one.posting_id]


def facts_of(
    batch: Batch, plan: Plan, posting_ids: Mapping[tuple[int, str, int], int], now: datetime
) -> list[Fact]:
    """What happened to one record, if anything did."""
    record_id = plan.case.record_id
    facts = [changed_fact(batch.company_id, record_id, one, now) for one in plan.voided]
    if not _changed(plan):
        return facts
    single = plan.postings[0] if len(plan.postings) == 1 else None
    posting_id = posting_ids.get((record_id, single.route, single.seq)) if single else None
    body = {
        "say": _say(plan),
        "version": plan.case.subject.version,
        "revision": batch.revision,
        "state": plan.state,
        "held": sorted(str(one.cause_key) for one in plan.wanted.values()),
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
    """Whether a person would see a difference."""
    opened = set(plan.wanted) - {hold.key for hold in plan.kept}
    moved = any(one.before != one.state for one in plan.postings)
    return bool(opened or plan.closed or plan.silenced or moved or plan.state != plan.case.state)


def _say(plan: Plan) -> str:
    no = plan.case.subject.version
    if plan.judged.outcome is None:
        return f"Version {no} could not be checked: {plan.judged.error}"
    if not plan.postings and not plan.wanted:
        return f"Version {no} checked: {_nothing(plan)}"
    parts = [_posting(one) for one in plan.postings]
    said = {"", *(one.reason for one in plan.postings)}  # behind its document, once is enough
    reasons = [one.message for one in plan.wanted.values() if one.message not in said]
    if reasons:
        parts.append(" ".join(reasons))
    return f"Version {no} checked: {'; '.join(parts)}"


def _nothing(plan: Plan) -> str:
    if plan.case.postings:
        return f"{plan.case.postings[-1].number} stands as it is."
    if plan.state == RecordState.REFERENCE:
        return "no rule posts records of this kind, so it is for reference."
    return "no posting rule applies, so it waits."


def _posting(one: Planned) -> str:
    number, why = one.number or one.route, one.reason
    if one.state == PostingState.WAITING and why:
        return f"{number} {why}"
    if why in ("", READY):
        return f"{number} {SAID[one.state]}"
    return f"{number} {SAID[one.state]} ({why})"


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
    bulk.insert_rows(session, Hold, rows)


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
    made = bulk.insert_rows(session, Posting, new, returning=("id", "record_id", "route", "seq"))
    ids = {(r.record_id, r.route, r.seq): r.id for p in plans for r in p.case.postings}
    return ids | {(record_id, route, seq): i for i, record_id, route, seq in made}


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
    bulk.insert_rows(
        session,
        PostingUse,
        [{"entry_id": entry, "posting_id": posting} for entry, posting in sorted(rows)],
        ignore=True,
    )
