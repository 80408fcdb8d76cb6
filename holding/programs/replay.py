"""Evaluate stored inputs again to prove that the stored outcome is reproduced."""

import argparse
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import Any, Final

from sqlalchemy import Row, delete, select
from sqlalchemy.orm import Session, aliased
from sqlalchemy.orm.util import identity_key

from holding.db import bulk
from holding.db.database import Database, open_database
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Company,
    Connection,
    Evaluation,
    Posting,
    PostingUse,
    Push,
    Record,
    RulesetVersion,
    UseMark,
    Version,
)
from holding.platform.changes import UNSENT, wake_records
from holding.platform.settings import logger
from holding.programs import world as programs_world
from rules.facts import Facts, Subject
from rules.outcome_hash import hash_outcome
from rules.outcomes import Outcome
from rules.values.canonical import dumps

_LAST = "last outcome"

A_TURN: Final = 100

Entries = frozenset[int]

log = logger("clearpost.uses")

_stands = aliased(Push)

_MARKED: Final = (
    select(UseMark.posting_id, Posting.record_id, Posting.evaluation_id)
    .add_columns(_stands.evaluation_id.label("stands"))
    .outerjoin(Posting, Posting.id == UseMark.posting_id)
    .outerjoin(_stands, _stands.id == Posting.posted_push_id)
    .order_by(UseMark.posting_id.desc())
    .limit(A_TURN)
)
"""A document has the entries of its last judging, and of that by which it stands in the target."""

_LOCKED: Final = (
    select(Record.id)
    .where(bulk.among_given(Record.id, "ids"))
    .order_by(Record.id)
    .with_for_update(key_share=True)
)
"""Who judges a record has it locked."""

_AS_THEY_ARE: Final = select(Posting.id, Posting.evaluation_id).where(
    bulk.among_given(Posting.id, "ids")
)


@dataclass(frozen=True, slots=True)
class Difference:
    """An evaluation whose replay gave another hash."""

    evaluation_id: int
    record_id: int
    stored: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Replays:
    """The result of replaying evaluations: their number, their verdicts, and the differences."""

    replayed: int
    verdicts: int
    differences: tuple[Difference, ...]


def replay(
    session: Session,
    evaluation_id: int,
    *,
    programs: programs_world.Programs = programs_world.program,
) -> Outcome:
    """Return the outcome of an evaluation, computed again from its version, rules, revision, facts
    and clock.
    """
    return replay_each(session, [evaluation_id], programs=programs)[evaluation_id]


def replay_for_page(session: Session, evaluation_id: int) -> Outcome | None:
    """Return the outcome of an evaluation for a page, from a cache if it was replayed before.

    Return None if it cannot be replayed: its rules failed, its facts were deleted, or the rules
    fail now. `replay` raises instead and proves that the stored hash is reproduced.
    """
    last = session.info.get(_LAST)
    if last is None or last[0] != evaluation_id:
        ((evaluation, version, record, source, *_),) = _looked_at(session, [evaluation_id])
        if not is_replayable(evaluation, version):
            return None
        try:
            outcome = _cached_outcome(session, evaluation, version, record, source)
        except Exception:
            # The page still has to open: it is where a user finds the way out.
            log.exception("An evaluation cannot be replayed.", evaluation=evaluation_id)
            return None
        last = session.info[_LAST] = (evaluation_id, outcome)
    replayed: Outcome = last[1]
    return replayed


def _cached_outcome(
    session: Session, evaluation: Evaluation, version: Version, record: Record, source: Any
) -> Outcome:
    """Return the outcome of a replayable evaluation, from the cache if it was replayed before.

    Nothing that an outcome depends on can change while its facts are stored.
    """
    key = (evaluation.id, str(session.get_bind().engine.url), evaluation.at, evaluation.hash)
    evaluate = partial(
        judged_again, session, evaluation, version=version, record=record, source=source
    )
    return programs_world.kept(programs_world.outcomes, key, evaluate)


def replay_all_released(
    session: Session, evaluation_ids: Collection[int]
) -> dict[int, tuple[Outcome, Outcome]]:
    """Return evaluation id -> its outcome, and that with all releases that people may make.

    An evaluation that cannot be replayed is left out.
    """
    outcomes = {}
    for evaluation, version, record, source, *_ in _looked_at(session, evaluation_ids):
        if not is_replayable(evaluation, version):
            continue
        try:
            before = _cached_outcome(session, evaluation, version, record, source)
            after = judged_again(
                session,
                evaluation,
                version=version,
                record=record,
                source=source,
                released=_releasable(before),
            )
            outcomes[evaluation.id] = before, after
        except Exception:
            log.exception("An evaluation cannot be replayed.", evaluation=evaluation.id)
    return outcomes


def _releasable(outcome: Outcome) -> frozenset[tuple[str, str]]:
    """Return route and rule of each finding that people may release."""
    return frozenset(
        (decision.route, finding.rule)
        for decision in outcome.decisions
        for finding in decision.findings
        if finding.clears.by_people
    )


def is_replayable(evaluation: Evaluation, version: Version) -> bool:
    """Check whether an evaluation had an outcome, and its facts and content are still stored."""
    has_inputs = evaluation.facts is not None and version.body is not None
    return has_inputs and "error" not in evaluation.outcome


def _looked_at(
    session: Session, evaluation_ids: Collection[int]
) -> Iterable[tuple[Evaluation, Version, Record, Connection, *tuple[RulesetVersion, ...]]]:
    """Return evaluations with their stored inputs, and the rules of that time if they must be
    loaded. Rows already in the session are not queried again.
    """
    loaded_rows = [_loaded(session, evaluation_id) for evaluation_id in sorted(evaluation_ids)]
    loaded = [row for row in loaded_rows if row is not None]
    if len(loaded) == len(loaded_rows):
        return loaded
    query = (
        select(Evaluation, Version, Record, Connection, RulesetVersion)
        .join(Version, Version.id == Evaluation.version_id)
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .join(Record, Record.id == Evaluation.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(bulk.among(Evaluation.id, sorted(evaluation_ids)))
        .order_by(Evaluation.id)
    )
    return session.execute(query, execution_options=KEPT).all()


def _loaded(
    session: Session, evaluation_id: int
) -> tuple[Evaluation, Version, Record, Connection] | None:
    """Return the rows of an evaluation if the session has loaded all; else None."""
    identity_map = session.identity_map
    evaluation = identity_map.get(identity_key(Evaluation, evaluation_id))
    if not isinstance(evaluation, Evaluation):
        return None
    version = identity_map.get(identity_key(Version, evaluation.version_id))
    record = identity_map.get(identity_key(Record, evaluation.record_id))
    if not isinstance(version, Version) or not isinstance(record, Record):
        return None
    source = identity_map.get(identity_key(Connection, record.source_id))
    return (evaluation, version, record, source) if isinstance(source, Connection) else None


def _still_kept(evaluation: Evaluation, version: Version) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an evaluation's facts and content. Raises LookupError if these have been deleted."""
    if evaluation.facts is None or version.body is None:
        message = f"what evaluation {evaluation.id} looked at is no longer kept"
        raise LookupError(message)
    return evaluation.facts, version.body


def replay_each(
    session: Session,
    evaluation_ids: Collection[int],
    *,
    programs: programs_world.Programs = programs_world.program,
) -> dict[int, Outcome]:
    """Return evaluation id -> its replayed outcome. All inputs are read with one query."""
    replayed = _replayed(session, evaluation_ids, programs)
    return {evaluation.id: outcome for evaluation, outcome in replayed}


def _replayed(
    session: Session, evaluation_ids: Collection[int], programs: programs_world.Programs
) -> Iterator[tuple[Evaluation, Outcome]]:
    cached_programs = cache(lambda version_id: programs(session, version_id))
    for evaluation, version, record, source, *_ in _looked_at(session, evaluation_ids):
        yield (
            evaluation,
            judged_again(
                session,
                evaluation,
                version=version,
                record=record,
                source=source,
                programs=lambda _, version_id: cached_programs(version_id),
            ),
        )


def replay_with_rules(
    session: Session, evaluation_ids: Collection[int]
) -> dict[int, tuple[Outcome, int]]:
    """Return evaluation id -> (replayed outcome, id of the rule version that decided it)."""
    replayed = _replayed(session, evaluation_ids, programs_world.program)
    return {
        evaluation.id: (outcome, evaluation.ruleset_version_id) for evaluation, outcome in replayed
    }


def judged_again(
    session: Session,
    evaluation: Evaluation,
    *,
    version: Version,
    record: Record,
    source: Connection,
    programs: programs_world.Programs = programs_world.program,
    released: frozenset[tuple[str, str]] = frozenset(),
) -> Outcome:
    """Return the replayed outcome of an evaluation whose rows are already loaded.

    `released`: route and rule of further releases.
    """
    inputs, body = _still_kept(evaluation, version)
    judge = programs(session, evaluation.ruleset_version_id)
    world = programs_world.world(
        session, record.company_id, evaluation.revision, frozenset(inputs["known"])
    )
    subject = Subject(record.type, source.connector, body, version.no)
    facts = Facts.from_json(inputs["facts"])
    facts = replace(facts, releases=facts.releases | released)
    return judge.evaluate(subject, facts, world, evaluation.at)


def replay_all(
    session: Session,
    company_id: int,
    limit: int,
    *,
    programs: programs_world.Programs = programs_world.program,
) -> Replays:
    """Replay the newest evaluations that came to an outcome, and compare their hashes."""
    query = (
        select(Evaluation)
        .join(Record, Record.id == Evaluation.record_id)
        .where(Record.company_id == company_id, Evaluation.facts.is_not(None))
        .order_by(Evaluation.id.desc())
        .limit(limit)
    )
    replayed = verdicts = 0
    differences = []
    for evaluation in session.scalars(query).all():
        if "error" in evaluation.outcome:
            continue
        outcome = replay(session, evaluation.id, programs=programs)
        replayed += 1
        verdicts += len(outcome.verdicts)
        differences += _difference(evaluation, outcome)
    return Replays(replayed, verdicts, tuple(differences))


def _difference(evaluation: Evaluation, outcome: Outcome) -> list[Difference]:
    """Return the difference between a stored evaluation and its replay, as a list of at most
    one.
    """
    new_hash = hash_outcome(outcome, dumps(evaluation.facts))
    if new_hash == evaluation.hash:
        return []
    return [Difference(evaluation.id, evaluation.record_id, evaluation.hash, new_hash)]


def main(arguments: list[str]) -> int:
    """Run `python -m holding.programs.replay --database URL --company CODE --limit N` and print a
    JSON line. Returns 1 if a replay differs.
    """
    parser = argparse.ArgumentParser(prog="python -m holding.programs.replay")
    parser.add_argument("--database", required=True)
    parser.add_argument("--company", required=True)
    parser.add_argument("--limit", type=int, default=200)
    options = parser.parse_args(arguments)
    with open_database(options.database).read() as session:
        company = session.scalars(select(Company.id).where(Company.code == options.company)).one()
        replays = replay_all(session, company, options.limit)
    answer = {"replayed": replays.replayed, "differences": len(replays.differences)}
    sys.stdout.write(
        dumps(answer | {"evaluations": [d.evaluation_id for d in replays.differences]})
    )
    sys.stdout.write("\n")
    return 1 if replays.differences else 0


def complete(database: Database, now: datetime) -> int:
    """Store the mapping entries used by some marked documents, newest first, and return how many
    documents these were.

    If an unsent document lacked an entry, its record is evaluated again. That entry may have
    changed meanwhile without a notice.
    """
    with database.read() as session:
        marked = session.execute(_MARKED).all()
        evaluation_ids = {key for row in marked for key in (row.evaluation_id, row.stands) if key}
        decided = {key: _entries(session, key) for key in _kept(session, evaluation_ids)}
    if marked:
        with database.write() as session:
            _note(session, marked, decided, now)
    return len(marked)


def _entries(session: Session, evaluation_id: int) -> Entries:
    """Return the mapping entries that an evaluation used; empty if it can no longer be replayed."""
    try:
        return frozenset(use.entry_id for use in replay(session, evaluation_id).used)
    except Exception as error:  # noqa: BLE001 - rules of old may not be readable; others go on
        log.warning("Its entries cannot be told.", evaluation=evaluation_id, why=str(error))
        return frozenset()


def _kept(session: Session, evaluation_ids: Collection[int]) -> list[int]:
    """Return the evaluations with an outcome and stored facts, ordered by revision."""
    query = (
        select(Evaluation.id, Evaluation.outcome)
        .where(bulk.among(Evaluation.id, sorted(evaluation_ids)), Evaluation.facts.is_not(None))
        .order_by(Evaluation.revision, Evaluation.id)
    )
    return [row.id for row in session.execute(query) if "error" not in row.outcome]


def _note(
    session: Session, marked: Iterable[Row[Any]], decided: Mapping[int, Entries], now: datetime
) -> None:
    """Store the mapping entries of marked documents that were not evaluated again meanwhile."""
    marked_rows = {row.posting_id: row for row in marked}
    records = sorted({row.record_id for row in marked_rows.values() if row.record_id})
    session.execute(_LOCKED, {"ids": records}).all()
    current_rows = session.execute(_AS_THEY_ARE, {"ids": list(marked_rows)}).all()
    rows = set()
    for row in current_rows:
        was = marked_rows[row.id]
        by = {was.stands} | ({was.evaluation_id} & {row.evaluation_id})
        rows |= {(entry, row.id) for key in by for entry in decided.get(key, ())}
    uses = [{"entry_id": entry, "posting_id": key} for entry, key in sorted(rows)]
    added = bulk.insert_rows(session, PostingUse, uses, returning=("posting_id",), ignore=True)
    lacked = {key for (key,) in added}
    waking = select(Posting.record_id).where(bulk.among(Posting.id, sorted(lacked)), UNSENT)
    wake_records(session, sorted(set(session.scalars(waking))), now)
    session.execute(delete(UseMark).where(bulk.among(UseMark.posting_id, list(marked_rows))))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
