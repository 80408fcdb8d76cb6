"""Evaluate due records: claim a batch, load its facts, run the rules, and store the results.

This module orders the steps and handles a step that fails.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, exists, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from connectors.transport.http import Clock
from connectors.transport.strict_json import FaultError, fault_point
from holding.db import bulk
from holding.db.database import Database, no_search_for_cycles
from holding.db.leases import SLICE_SECONDS
from holding.db.models import Company, Posting
from holding.db.models.columns import DUE, NOW, BeyondBooksError, among_words
from holding.evaluation.batch import (
    Batch,
    Case,
    Claimed,
    Judgment,
    Plan,
    claim,
    due_companies,
    return_claims,
    sweep_expired,
)
from holding.evaluation.load_facts import load_batch
from holding.evaluation.plan import plan_case
from holding.evaluation.store_results import store_plans
from holding.evaluation.used_numbers import ReadyNumbers, find_used_numbers
from holding.intake.families import link_all
from holding.platform.states import READY
from holding.programs import world
from holding.programs.replay import replay, replay_all
from holding.programs.world import left_behind
from rules.decisions.decision_tables import CHANGE_RULE as CHANGE
from rules.decisions.judge_record import EvaluationInput
from rules.outcomes import Outcome
from rules.values.canonical import PostingState

__all__ = ["EvaluationCounts", "due_companies", "judge_due", "plan_all", "replay", "replay_all"]
__all__ += ["sweep_expired"]

RULE_ERROR = "EVA02"
POISON = "EVA03"
NOT_STORED = "EVA04"
NO_CONNECTION = "EVA05"
BAD_MOMENT = timedelta(seconds=5)
IN_ONE_GO = 64
"""Records that go through one step before the next step: few enough for the processor's cache,
and enough to keep the code of a step in it.
"""


@dataclass(frozen=True, slots=True)
class EvaluationCounts:
    """The number of claimed records and stored evaluations, and whether a push is due."""

    count: int
    stored: int = 0
    woke_push: bool = False

    def __add__(self, other: "EvaluationCounts") -> "EvaluationCounts":
        return EvaluationCounts(
            self.count + other.count,
            self.stored + other.stored,
            self.woke_push or other.woke_push,
        )


def judge_due(
    database: Database,
    clock: Clock,
    *,
    company_id: int,
    owner: str,
    limit: int = 500,
    lease_seconds: float = 60,
    programs: world.Programs = world.program,
    call_help: Callable[[], object] = lambda: None,
    within_bounds: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> EvaluationCounts:
    """Evaluate one batch of a company's due records; call again until `count` is 0.

    Records whose worker died are evaluated one by one, for a few seconds. `call_help` runs before a
    full batch, because another worker could share the work. `within_bounds` wraps the rule
    evaluation, which a record could otherwise keep running for ever.
    """
    until = clock.monotonic() + SLICE_SECONDS
    counts = EvaluationCounts(0)
    while counts.count < limit and _has_rules(database, company_id, programs):
        claims = claim(
            database,
            company_id=company_id,
            owner=owner,
            now=clock.now(),
            limit=limit,
            lease_seconds=lease_seconds,
        )
        if not claims:
            break
        if len(claims) == limit:
            call_help()
        counts += _judge_claimed(
            database, clock, company_id, claims, owner, programs, within_bounds
        )
        if not claims[0].crashes or clock.monotonic() >= until:
            break
    return counts


def _has_rules(database: Database, company_id: int, programs: world.Programs) -> bool:
    """Check whether the company has published rules, and link its records if those
    rules are new.
    """
    with database.read() as session:
        company = session.execute(_RULES, {"company": company_id}).one()
    rules = company.ruleset_version_id
    if rules is not None and company.linked_version_id != rules:
        link_all(database, company_id, rules, programs)
    return rules is not None


_RULES = select(Company.ruleset_version_id, Company.linked_version_id).where(
    Company.id == bindparam("company")
)


def _judge_claimed(
    database: Database,
    clock: Clock,
    company_id: int,
    claims: Sequence[Claimed],
    owner: str,
    programs: world.Programs,
    within_bounds: Callable[[], AbstractContextManager[object]],
) -> EvaluationCounts:
    with no_search_for_cycles():
        return _judge_all(database, clock, company_id, claims, owner, programs, within_bounds)


def _judge_all(
    database: Database,
    clock: Clock,
    company_id: int,
    claims: Sequence[Claimed],
    owner: str,
    programs: world.Programs,
    within_bounds: Callable[[], AbstractContextManager[object]],
) -> EvaluationCounts:
    now = clock.now()
    with database.read(many=True) as session:
        batch = load_batch(session, company_id, claims, now, programs)
        orphaned = _routeless_postings(batch, now)
        if orphaned:
            batch = replace(batch, left=left_behind(session, orphaned, programs))
    with within_bounds():
        plans = plan_all(batch, now)
    with database.read(many=True) as session:
        batch, plans = hold_used_numbers(session, batch, plans, {})
    turns = database.turns(plans)
    stored = sum(_store(database, batch, some, owner=owner, now=now) for some in turns)
    _leave_unversioned(database, batch, claims, owner, now)
    fault_point("eval.after_commit")
    return EvaluationCounts(len(claims), stored, _push_has_work(database, batch, clock.now()))


def _routeless_postings(batch: Batch, now: datetime) -> dict[int, EvaluationInput]:
    """Return the input for each posted document whose route left the rules, by posting id.

    A document counts only if its record has changed since it was sent, and if no person has
    accepted the difference.
    """
    return {
        row.id: (case.subject, case.facts, batch.world, now)
        for case in batch.cases
        for row in case.postings
        if row.route not in batch.routes
        and row.state == PostingState.POSTED
        and row.sent_body is not None
        and (row.route, CHANGE) not in case.facts.releases
    }


def plan_all(batch: Batch, now: datetime) -> list[Plan]:
    """Return the plans of a batch's records; nothing is read or written.

    Records are evaluated in small groups before planning, so that code and data stay in the CPU
    caches.
    """
    plans: list[Plan] = []
    for begin in range(0, len(batch.cases), IN_ONE_GO):
        judged = _judged(batch, batch.cases[begin : begin + IN_ONE_GO], now)
        plans += [_planned(batch, judgment) for judgment in judged]
    return plans


def hold_used_numbers(
    session: Session, batch: Batch, plans: Sequence[Plan], ready_before: ReadyNumbers
) -> tuple[Batch, list[Plan]]:
    """Plan documents again whose number another one has, so that they are held.

    `ready_before` has the numbers of earlier batches whose plans are not stored.
    """
    used = find_used_numbers(session, batch, plans, ready_before)
    if not used:
        return batch, list(plans)
    batch = replace(batch, used_numbers=used)
    held_record_ids = {record_id for record_id, _, _ in used}
    return batch, [
        _planned(batch, plan.judged) if plan.case.record_id in held_record_ids else plan
        for plan in plans
    ]


def _judged(batch: Batch, cases: Sequence[Case], now: datetime) -> list[Judgment]:
    """Run the rules on each case. An error stays with its own record."""
    failed = {case.record_id: error for case in cases if (error := _entered(case))}
    ready_cases = [case for case in cases if case.record_id not in failed]
    decisions = batch.judge.decisions([(c.subject, c.facts, batch.world, now) for c in ready_cases])
    outcomes = dict(zip([case.record_id for case in ready_cases], decisions, strict=True))
    return [
        _judgment(batch, case, now, failed.get(case.record_id) or outcomes[case.record_id])
        for case in cases
    ]


def _entered(case: Case) -> Exception | None:
    """Return the error that prevents the evaluation of a case, or None."""
    if case.claimed.poison:
        return _PoisonError()
    try:
        fault_point("eval.each")
    except FaultError:
        raise
    except Exception as error:  # noqa: BLE001 - it is held like one that breaks the rules
        return error
    return None


class _PoisonError(Exception):
    """Workers died while they judged this record alone."""


def _judgment(batch: Batch, case: Case, now: datetime, result: Outcome | Exception) -> Judgment:
    """Return the judgment of one case; a case whose rules failed is held."""
    if isinstance(result, _PoisonError):
        words = f"Workers ended {case.claimed.died_alone} times while checking this record alone."
        return _failed(case, now, POISON, words)
    if isinstance(result, Exception):
        return _failed(case, now, RULE_ERROR, _words(result))
    if missing := _without_connection(batch, result):
        return _failed(case, now, NO_CONNECTION, f"There is no connection to {missing} yet.")
    return Judgment(case=case, at=now, outcome=result)


def _planned(batch: Batch, judged: Judgment) -> Plan:
    """Plan one judgment; if planning fails, the record is held."""
    try:
        return plan_case(batch, judged)
    except Exception as error:  # noqa: BLE001 - as above
        return plan_case(batch, _failed(judged.case, judged.at, RULE_ERROR, _words(error)))


def _words(error: Exception) -> str:
    if isinstance(error, BeyondBooksError):
        return f"The rules failed on this record: {error}."
    return f"The rules failed on this record: {type(error).__name__}: {error}"


def _failed(case: Case, now: datetime, code: str, words: str) -> Judgment:
    """Return a judgment without an outcome."""
    return Judgment(case=case, at=now, outcome=None, error=words, code=code)


def _without_connection(batch: Batch, outcome: Outcome) -> str:
    """Return the first target of the decisions that has no connection, or an empty string."""
    missing = [
        target
        for decision in outcome.decisions
        if (target := batch.routes[decision.route].target) not in batch.targets
    ]
    return min(missing, default="")


def _store(
    database: Database, batch: Batch, plans: Sequence[Plan], *, owner: str, now: datetime
) -> int:
    """Store the plans.

    If the database refuses them, store their halves, and hold the record that it refuses.
    """
    try:
        with database.write(many=True) as session:
            return store_plans(session, batch, plans, owner=owner, now=now)
    except DBAPIError as error:
        if len(plans) > 1:
            half = len(plans) // 2
            return sum(
                _store(database, batch, part, owner=owner, now=now)
                for part in (plans[:half], plans[half:])
            )
        return _store_alone(database, batch, plans[0], error, owner=owner, now=now)


def _store_alone(
    database: Database,
    batch: Batch,
    refused: Plan,
    error: DBAPIError,
    *,
    owner: str,
    now: datetime,
) -> int:
    """Hold a record that cannot be stored. After a transient error it is due again soon instead."""
    if isinstance(error, OperationalError) or refused.judged.code == NOT_STORED:
        with database.write() as session:
            return_claims(session, [refused.case.claimed], owner, now + BAD_MOMENT)
        return 0
    words = f"The decision could not be stored: {error.orig}"
    failed = plan_case(batch, _failed(refused.case, now, NOT_STORED, words))
    return _store(database, batch, [failed], owner=owner, now=now)


def _leave_unversioned(
    database: Database, batch: Batch, claims: Sequence[Claimed], owner: str, now: datetime
) -> None:
    """Release claimed records that have no version yet; the arrival of a version wakes them."""
    judged = {case.record_id for case in batch.cases}
    empty = [claimed for claimed in claims if claimed.record_id not in judged]
    if empty:
        with database.write() as session:
            return_claims(session, empty, owner, now)


def _push_has_work(database: Database, batch: Batch, now: datetime) -> bool:
    targets = sorted({target.id for target in batch.targets.values()})
    with database.read() as session:
        return bool(session.scalar(_DUE, {"targets": targets, "now": now}))


_DUE = select(
    exists().where(
        bulk.among_given(Posting.connection_id, "targets"),
        text(DUE),
        Posting.due_at <= NOW,
        among_words(Posting.state, READY),
    )
)
