"""A stored verdict or payload, judged again beside the original; nothing is stored or sent.

Here: one record at a time, for a page. Not here: proving that all stored verdicts come out again
(holding/programs/replay.py), records as they come (shadow_turns.py).
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.db.models import Company, Connection, Evaluation, Record, RulesetVersion, Version
from holding.db.refusal import Refusal
from holding.evaluation.batch import Claimed
from holding.evaluation.load_facts import gather
from holding.programs import world as worlds
from holding.programs.replay import judged_again
from holding.trials import other_records, tried_rules
from holding.trials.tried_rules import Candidate, Stored
from rules.comparison.outcome_difference import RouteDifference, Side, differences, sides
from rules.outcomes import outcome
from rules.outcomes.digest import Digest, digest
from rules.outcomes.outcome import Outcome
from rules.values.canonical import dumps

GONE = Refusal(
    "replay.gone",
    "This verdict cannot be replayed: what it looked at is no longer kept.",
    "Choose a newer one.",
    404,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A stored verdict that can be replayed."""

    evaluation_id: int
    at: datetime
    version_no: int
    ruleset_no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """`original` is what was decided then, `again` what came out now, route by route.

    `same_hash`: the original, judged again by its own rules, has the hash that is stored. `told`:
    what each rule said now. `whole`: what these rules look for among other records was looked up.
    """

    verdict: Verdict
    with_rules: str
    original: dict[str, Side]
    again: dict[str, Side]
    differences: tuple[RouteDifference, ...]
    same_hash: bool
    told: tuple[outcome.Verdict, ...]
    whole: bool


def verdicts(session: Session, record_id: int, most: int = 20) -> tuple[Verdict, ...]:
    """The newest verdicts of a record."""
    rows = session.execute(
        select(Evaluation.id, Evaluation.at, Version.no, RulesetVersion.no.label("ruleset_no"))
        .join(Version, Version.id == Evaluation.version_id)
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .where(Evaluation.record_id == record_id, Evaluation.facts.is_not(None))
        .order_by(Evaluation.id.desc())
        .limit(most)
    )
    return tuple(
        Verdict(evaluation_id=row.id, at=row.at, version_no=row.no, ruleset_no=row.ruleset_no)
        for row in rows
    )


def replayed(
    session: Session,
    company_id: int,
    evaluation_id: int,
    given: Candidate | None,
    now: datetime | None = None,
) -> Replay | Refusal:
    """The verdict judged again: by the rules of then, or by those that are given.

    With `now` its payload is judged as if it came at that moment: with the entries, postings and
    other records of now.
    """
    stored = kept(session, company_id, evaluation_id)
    if stored is None or not stored.replayable:
        return GONE
    original = judged_again(
        session,
        stored.evaluation,
        version=stored.version,
        record=stored.record,
        source=stored.source,
    )
    again, whole = original, True
    if now is not None:
        again, whole = _as_if_it_came(session, stored, given, now)
    elif given is not None:
        known = tried_rules.looked_for(session, given, stored)
        again = tried_rules.judged_with(session, given, stored, known.facts).outcome
        whole = known.whole
    by = Digest(stored.evaluation.digest)
    ruleset = session.get_one(RulesetVersion, stored.evaluation.ruleset_version_id)
    return Replay(
        verdict=Verdict(evaluation_id, stored.evaluation.at, stored.version.no, ruleset.no),
        with_rules=given.name if given else f"rule version {ruleset.no}",
        original=sides(original),
        again=sides(again),
        differences=differences(original, again),
        same_hash=digest(original, dumps(stored.evaluation.facts), by) == stored.evaluation.hash,
        told=again.verdicts,
        whole=whole,
    )


def _as_if_it_came(
    session: Session, stored: Stored, given: Candidate | None, now: datetime
) -> tuple[Outcome, bool]:
    """The payload of its version under the facts of now; without rules given, by those in force.
    And whether other records were looked up.
    """
    record = stored.record
    company = session.get_one(Company, record.company_id)
    known = worlds.fresh_targets(session, company.id, now)

    def judge(of: Session, version_id: int) -> worlds.Judge:
        return given.program if given else worlds.program(of, version_id)

    batch = gather(session, company.id, [Claimed(record.id, 0, 0)], now, judge)
    world = batch.world
    if given is not None:
        world = tried_rules.world_of(session, given, company.id, company.revision, known)
    case = batch.cases[0]
    subject = replace(case.subject, body=stored.version.body or {}, version=stored.version.no)
    facts, whole = case.facts, True
    by = batch.ruleset_version_id
    asked = tried_rules.asking(session, given.program, stored, by) if given else None
    if given is not None and asked is not None:
        told = replace(asked, facts=facts, at=now)
        found = other_records.facts_of_one(session, company.id, given.program, told)
        facts, whole = found or facts, found is not None
    return batch.judge.evaluate(subject, facts, world, now), whole


def kept(session: Session, company_id: int, evaluation_id: int) -> Stored | None:
    """A stored verdict of the company with what it was made of."""
    row = session.execute(
        select(Evaluation, Version, Record, Connection)
        .join(Version, Version.id == Evaluation.version_id)
        .join(Record, Record.id == Evaluation.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(Evaluation.id == evaluation_id, Record.company_id == company_id)
    ).one_or_none()
    if row is None:
        return None
    return Stored(
        evaluation=row.Evaluation,
        version=row.Version,
        record=row.Record,
        source=row.Connection,
    )
