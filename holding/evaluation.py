"""Judging what is due: claim, gather, evaluate, finish.

Here: the order of these steps for one batch, and what happens when one of them fails. Not here:
the steps (holding/judging), when it is done (workers), and replaying what was judged
(holding/replay.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from connectors.kit.clock import Clock
from connectors.kit.faults import FaultError, point
from holding import bulk, worlds
from holding.database import Database
from holding.judging.batch import Batch, Case, Judgment
from holding.judging.claim import Claimed, claim, due_companies, put_back, sweep_expired
from holding.judging.finish import Stored, finish
from holding.judging.gather import gather
from holding.judging.plan import Plan, plan
from holding.linking import ensure_linked
from holding.models import Company, Posting
from holding.models.base import DUE
from holding.replay import replay, replay_all
from rules.canonical import dumps, sha256_hex

__all__ = ["Judged", "due_companies", "judge_due", "replay", "replay_all"]
__all__ += ["sweep_expired"]

RULE_ERROR = "EVA02"
POISON = "EVA03"
NOT_STORED = "EVA04"
NO_CONNECTION = "EVA05"
BAD_MOMENT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Judged:
    """How many records were taken, how many decisions were stored, and whether pushing has work."""

    count: int
    stored: int = 0
    woke_push: bool = False


def judge_due(
    database: Database,
    clock: Clock,
    *,
    company_id: int,
    owner: str,
    limit: int = 500,
    lease_seconds: float = 60,
    programs: worlds.Programs = worlds.program,
) -> Judged:
    """Judge one batch of a company's due records; call again until `count` is 0."""
    with database.read() as session:
        version_id = session.scalar(
            select(Company.ruleset_version_id).where(Company.id == company_id)
        )
    if version_id is None:
        return Judged(0)
    ensure_linked(database, company_id, version_id, programs)
    claims = claim(
        database,
        company_id=company_id,
        owner=owner,
        now=clock.now(),
        limit=limit,
        lease_seconds=lease_seconds,
    )
    if not claims:
        return Judged(0)
    now = clock.now()
    with database.read() as session:
        batch = gather(session, company_id, claims, now, programs)
    judged = [_judge(batch, case, now) for case in batch.cases]
    stored = _store(database, batch, judged, owner=owner, now=now)
    _leave_unversioned(database, batch, claims, owner, now)
    point("eval.after_commit")
    return Judged(len(claims), stored, _push_has_work(database, batch, clock.now()))


def _judge(batch: Batch, case: Case, now: datetime) -> Judgment:
    """One record; whatever goes wrong with it stays with it."""
    if case.claimed.poison:
        words = f"Workers ended {case.claimed.crashes} times while judging this record."
        return Judgment(case=case, at=now, outcome=None, error=words, code=POISON)
    try:
        point("eval.each")
        outcome = batch.judge.evaluate(case.subject, case.facts, batch.world, now)
    except FaultError:
        raise
    except Exception as error:  # noqa: BLE001 - a record that breaks the rules is held, others go on
        words = f"The rules failed on this record: {type(error).__name__}: {error}"
        return Judgment(case=case, at=now, outcome=None, error=words, code=RULE_ERROR)
    for decision in outcome.decisions:
        target = batch.routes[decision.route].target
        if target not in batch.targets:
            words = f"There is no connection to {target} yet."
            return Judgment(case=case, at=now, outcome=None, error=words, code=NO_CONNECTION)
    return Judgment(case=case, at=now, outcome=outcome)


def _store(
    database: Database, batch: Batch, judged: Sequence[Judgment], *, owner: str, now: datetime
) -> int:
    """Write a batch; if the database refuses it, write its halves, and hold the one it refuses."""
    plans = [plan(batch, one) for one in judged]
    kept = {one.case.record_id: _kept(batch, one) for one in judged}
    try:
        return _write(database, batch, plans, kept, owner=owner, now=now)
    except DBAPIError as error:
        if len(judged) > 1:
            half = len(judged) // 2
            return sum(
                _store(database, batch, part, owner=owner, now=now)
                for part in (judged[:half], judged[half:])
            )
        return _store_alone(database, batch, judged[0], error, owner=owner, now=now)


def _store_alone(
    database: Database,
    batch: Batch,
    judged: Judgment,
    error: DBAPIError,
    *,
    owner: str,
    now: datetime,
) -> int:
    """A record that cannot be stored is held; if only the moment was bad, it is due again soon."""
    if isinstance(error, OperationalError) or judged.code == NOT_STORED:
        with database.write() as session:
            put_back(session, [judged.case.claimed], owner, now + BAD_MOMENT)
        return 0
    words = f"The decision could not be stored: {error.orig}"
    failed = Judgment(case=judged.case, at=now, outcome=None, error=words, code=NOT_STORED)
    return _store(database, batch, [failed], owner=owner, now=now)


def _write(
    database: Database,
    batch: Batch,
    plans: Sequence[Plan],
    kept: Mapping[int, Stored],
    *,
    owner: str,
    now: datetime,
) -> int:
    with database.write() as session:
        return finish(session, batch, plans, kept, owner=owner, now=now)


def _kept(batch: Batch, judged: Judgment) -> Stored:
    """What is kept of a judging: enough to do it again."""
    facts = dumps({"facts": judged.case.facts, "known": sorted(batch.known_targets)})
    outcome = judged.outcome
    if outcome is None:
        codes = dumps({"error": judged.code, "say": judged.error})
        return Stored(
            facts=bulk.Encoded(facts), codes=bulk.Encoded(codes), digest=sha256_hex(codes)
        )
    return Stored(
        facts=bulk.Encoded(facts), codes=bulk.Encoded(outcome.codes()), digest=outcome.digest()
    )


def _leave_unversioned(
    database: Database, batch: Batch, claims: Sequence[Claimed], owner: str, now: datetime
) -> None:
    """A claimed record that has no version yet is given back; its version wakes it."""
    judged = {case.record_id for case in batch.cases}
    empty = [one for one in claims if one.record_id not in judged]
    if empty:
        with database.write() as session:
            put_back(session, empty, owner, now)


def _push_has_work(database: Database, batch: Batch, now: datetime) -> bool:
    targets = sorted({target.id for target in batch.targets.values()})
    due = exists().where(
        Posting.connection_id.in_(targets),
        text(DUE),
        Posting.due_at <= now,
        Posting.state == "ready",
    )
    with database.read() as session:
        return bool(session.scalar(select(due)))
