"""Evaluate a record with a rule draft and compare it with the stored verdict, without writing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from grammar.layout.written import write_test
from holding.access.actors import NEUTRAL, NEUTRAL_FIELDS
from holding.db.models import Company, Connection, Evaluation, Record, RulesetVersion, Version
from holding.db.refusal import Refusal
from holding.evaluation.batch import Claimed
from holding.evaluation.load_facts import load_batch
from holding.platform.settings import logger
from holding.programs import world as worlds
from holding.programs.known_schemas import schemas
from holding.programs.replay import judged_again
from holding.rulesets.admission import Report
from holding.trials import shadows
from holding.trials.shadows import Candidate, Stored
from holding.worklist import search
from holding.worklist.search import Found
from rules import outcomes
from rules.comparison.two_sides import RouteDifference, route_differences, route_sides
from rules.comparison.two_sides import RouteSide as Side
from rules.outcome_hash import hash_outcome
from rules.outcomes import NOT_APPLICABLE, PASS, Outcome, Verdict, VerdictKind
from rules.testing.recorded_cases import MOST_LINES, Case, case_of
from rules.testing.recorded_values import Neutral
from rules.values.canonical import dumps

RULES: Final[frozenset[VerdictKind]] = frozenset(
    {"gate", "check", "duplicates", "approve", "when", "timing", "after", "change"}
)
"""Kinds of verdicts that are rules of their own; others are told where they stop something."""

MOST: Final = 60

log = logger("clearpost.trials")

NOBODY: Final = Refusal(
    "draft.no_record",
    "No record has this number.",
    "Enter the number of a record or of its document.",
    404,
)

TOO_LONG: Final = Refusal(
    "draft.long_record",
    f"A record of more than {MOST_LINES} lines cannot be saved as a test.",
    "Try a shorter record, or write the test by hand.",
)

PERSONAL: Final = Refusal(
    "draft.personal_test",
    "This record cannot be saved as a test: its result depends on a name, an address, a TIN,"
    " an e-mail address or a phone number, and these are not written into rule files.",
    "Write the test by hand, with a value of your own.",
)

GONE = Refusal(
    "replay.gone",
    "This verdict cannot be replayed: what it looked at is no longer kept.",
    "Choose a newer one.",
    404,
)

RULES_FAILED = Refusal(
    "replay.rules_failed",
    "The rules failed on this record, so they have no result to compare.",
    "Choose other rules. If these rules are in force, the record is on hold.",
)


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """A stored verdict that can be replayed."""

    evaluation_id: int
    at: datetime
    version_no: int
    ruleset_no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A stored verdict compared with a new evaluation, by route: `original` and `again`.

    `same_hash`: the original, evaluated again by its own rules, has the stored hash. `whole`: all
    lookups among other records that these rules need were made. The new verdict of each rule is
    included.
    """

    verdict: StoredVerdict
    with_rules: str
    original: dict[str, Side]
    again: dict[str, Side]
    differences: tuple[RouteDifference, ...]
    same_hash: bool
    told: tuple[outcomes.Verdict, ...]
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A record evaluated with a draft: the replay, and the verdicts of its rules, stopping rules
    first. Beyond a limit, `more` counts further verdicts.
    """

    record: Found
    replay: Replay
    told: tuple[Verdict, ...]
    more: int


def tried(
    session: Session, company_id: int, number: str, files: Mapping[str, str], check_report: Report
) -> Tried | Refusal:
    """Evaluate a record's newest verdict again with these files.

    `check_report` is the result of the files' check.
    """
    newest = newest_verdict(session, company_id, number, check_report)
    if isinstance(newest, Refusal):
        return newest
    record, verdict = newest
    candidate = shadows.of_files("the draft", files, check_report.hash)
    replay = replayed(session, company_id, verdict.evaluation_id, candidate)
    if isinstance(replay, Refusal):
        return replay
    verdicts = [
        rule_verdict
        for rule_verdict in replay.told
        if rule_verdict.kind in RULES or _stops(rule_verdict)
    ]
    verdicts.sort(key=lambda rule_verdict: not _stops(rule_verdict))
    shown_verdicts = tuple(verdicts[:MOST])
    return Tried(
        record=record, replay=replay, told=shown_verdicts, more=len(verdicts) - len(shown_verdicts)
    )


def _stops(verdict: Verdict) -> bool:
    return verdict.result not in (PASS, NOT_APPLICABLE)


def newest_verdict(
    session: Session, company_id: int, number: str, check_report: Report
) -> tuple[Found, StoredVerdict] | Refusal:
    """Return the record with this number and its newest verdict.

    Refuse if the draft's check found an error.
    """
    first = next((finding for finding in check_report.findings if finding.is_error), None)
    if first is not None:
        return Refusal(
            "draft.wrong",
            f"The draft has an error in line {first.line} of {first.file}.",
            "Correct it, then try the record.",
        )
    records = search.find_exact(session, company_id, number) if number else ()
    if not records:
        return NOBODY
    verdicts = stored_verdicts(session, records[0].id, 1)
    return (records[0], verdicts[0]) if verdicts else GONE


@dataclass(frozen=True, slots=True)
class Saved:
    """The text of the draft with the test at its end; the title of the test, and the line in which
    its sample begins.
    """

    text: str
    title: str
    line: int


def with_test(
    session: Session,
    company_id: int,
    number: str,
    files: Mapping[str, str],
    path: str,
    check_report: Report,
) -> Saved | Refusal:
    """Return the draft file with a test added for this record, which expects the draft's current
    result.
    """
    newest = newest_verdict(session, company_id, number, check_report)
    if isinstance(newest, Refusal):
        return newest
    stored = kept(session, company_id, newest[1].evaluation_id)
    if stored is None or not stored.replayable:
        return GONE
    candidate = shadows.of_files("the draft", files, check_report.hash)
    facts = shadows.looked_for(session, candidate, stored).facts
    judged = shadows.judged_with(session, candidate, stored, facts)
    if not judged.outcome.decisions:
        return _nothing_decided(number)
    case = case_of(candidate.program, judged, Neutral(NEUTRAL, NEUTRAL_FIELDS), schemas())
    if isinstance(case, Case):
        before = f"{files[path].rstrip()}\n\n".lstrip("\n")
        text = before + write_test(case.samples, case.test)
        return Saved(text, case.test.title, before.count("\n") + 1)
    if case.route is None:
        return TOO_LONG
    if isinstance(case_of(candidate.program, judged, Neutral({}, {}), schemas()), Case):
        return PERSONAL
    return _needs_more(case.route)


def _nothing_decided(number: str) -> Refusal:
    return Refusal(
        "draft.nothing_decided",
        f"These rules decide nothing about {number}, so there is nothing that a test could expect.",
        "Try a record of a kind that is posted.",
    )


def _needs_more(route: str) -> Refusal:
    return Refusal(
        "draft.untold_test",
        f"This record cannot be saved as a test: in a test {route} would come to another result."
        " A test knows no releases of people, no lists of codes of an accounting system, no unit"
        " rates outside the rule files, and no parts that were billed before.",
        "Write the test by hand, for the part of it that matters.",
    )


def stored_verdicts(session: Session, record_id: int, most: int = 20) -> tuple[StoredVerdict, ...]:
    """Return the newest verdicts of a record that can be replayed."""
    rows = session.execute(
        select(Evaluation.id, Evaluation.at, Version.no, RulesetVersion.no.label("ruleset_no"))
        .join(Version, Version.id == Evaluation.version_id)
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .where(Evaluation.record_id == record_id, Evaluation.facts.is_not(None))
        .order_by(Evaluation.id.desc())
        .limit(most)
    )
    return tuple(
        StoredVerdict(evaluation_id=row.id, at=row.at, version_no=row.no, ruleset_no=row.ruleset_no)
        for row in rows
    )


def replayed(
    session: Session,
    company_id: int,
    evaluation_id: int,
    candidate: Candidate | None,
    now: datetime | None = None,
) -> Replay | Refusal:
    """Evaluate a stored verdict again, with its original rules or with `candidate`.

    With `now`, the payload is evaluated as if it arrived at that moment: with the current mappings,
    postings and other records.
    """
    stored = kept(session, company_id, evaluation_id)
    if stored is None or not stored.replayable:
        return GONE
    try:
        original, new_outcome, is_complete = _replay_both(session, stored, candidate, now)
    except Exception:
        log.exception("The rules failed in a replay.", evaluation=evaluation_id)
        return RULES_FAILED
    ruleset = session.get_one(RulesetVersion, stored.evaluation.ruleset_version_id)
    return Replay(
        verdict=StoredVerdict(evaluation_id, stored.evaluation.at, stored.version.no, ruleset.no),
        with_rules=candidate.name if candidate else f"rule version {ruleset.no}",
        original=route_sides(original),
        again=route_sides(new_outcome),
        differences=route_differences(original, new_outcome),
        same_hash=hash_outcome(original, dumps(stored.evaluation.facts)) == stored.evaluation.hash,
        told=new_outcome.verdicts,
        whole=is_complete,
    )


def _replay_both(
    session: Session, stored: Stored, candidate: Candidate | None, now: datetime | None
) -> tuple[Outcome, Outcome, bool]:
    """Return the stored outcome, the new one, and whether all facts of the new one are known."""
    original = judged_again(
        session,
        stored.evaluation,
        version=stored.version,
        record=stored.record,
        source=stored.source,
    )
    if now is not None:
        return original, *_as_if_it_came(session, stored, candidate, now)
    if candidate is None:
        return original, original, True
    lookup_facts = shadows.looked_for(session, candidate, stored)
    outcome = shadows.judged_with(session, candidate, stored, lookup_facts.facts).outcome
    return original, outcome, lookup_facts.whole


def _as_if_it_came(
    session: Session, stored: Stored, candidate: Candidate | None, now: datetime
) -> tuple[Outcome, bool]:
    """Evaluate a version's payload with the current data, and return the outcome.

    Without `candidate`, the rules in force are used. Also return whether all lookups among other
    records were made.
    """
    record = stored.record
    company = session.get_one(Company, record.company_id)
    fresh_targets = worlds.fresh_targets(session, company.id, now)

    def judge(of: Session, version_id: int) -> worlds.Judge:
        return candidate.program if candidate else worlds.program(of, version_id)

    batch = load_batch(session, company.id, [Claimed(record.id, 0, 0)], now, judge)
    world = batch.world
    if candidate is not None:
        world = shadows.world_of(session, candidate, company.id, company.revision, fresh_targets)
    case = batch.cases[0]
    subject = replace(case.subject, body=stored.version.body or {}, version=stored.version.no)
    facts, is_complete = case.facts, True
    by = batch.ruleset_version_id
    lookup = shadows.asking(session, candidate.program, stored, by) if candidate else None
    if candidate is not None and lookup is not None:
        lookup_now = replace(lookup, facts=facts, at=now)
        completed = shadows.facts_of_one(session, company.id, candidate.program, lookup_now)
        facts, is_complete = completed or facts, completed is not None
    return batch.judge.evaluate(subject, facts, world, now), is_complete


def kept(session: Session, company_id: int, evaluation_id: int) -> Stored | None:
    """Return a stored verdict of the company with its version, record and source, or None."""
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
