"""Start and end shadows, and load the rule worlds and facts that trials evaluate with."""

from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, select, union_all
from sqlalchemy.orm import Session

from grammar.parsing.parser import parse
from holding.access.actors import SYSTEM, Actor, may
from holding.db import bulk
from holding.db.models import (
    BacktestRun,
    Change,
    Connection,
    Evaluation,
    Record,
    RulesetVersion,
    Shadow,
    TrialIndex,
    TrialKey,
    Version,
)
from holding.db.models import Version as StoredVersion
from holding.db.models.columns import RecordState, ShadowEnd
from holding.db.refusal import Refusal, plural
from holding.intake.families import GONE_STATES
from holding.platform.changes import lock_company
from holding.platform.events import record_event
from holding.programs import world as worlds
from holding.programs.known_schemas import schemas
from holding.rulesets.admission import rule_sources
from holding.rulesets.publication import OPEN_STATES, files_of, files_of_change
from rules.comparison.two_sides import OF_DOCUMENTS, OF_LINKS, newly_needed_names
from rules.facts import (
    Entry,
    Facts,
    Seeds,
    Subject,
    Table,
    TargetDocument,
    UnitEntry,
    World,
    load_seeds,
)
from rules.program import Program, compile_ruleset
from rules.testing.recorded_values import Judged
from rules.values.cause_keys import fold_key

MOST_DAYS: Final = 14

MOST_VERDICTS: Final = 20_000

ENDINGS: Final = {
    ShadowEnd.PERSON: "ended by a person",
    ShadowEnd.TIME: "its time was over",
    ShadowEnd.LIMIT: f"it had checked {MOST_VERDICTS:,} times",
    ShadowEnd.CLOSED: "the change does not wait any more",
}

_programs: OrderedDict[Hashable, Program] = OrderedDict()

_worlds: OrderedDict[Hashable, World] = OrderedDict()

CHUNK: Final = 1_000  # versions of one turn

LOOKS_BACK: Final = 200  # ids: more versions than are ever written at once

MOST: Final = 5_000  # other records of one judging, and versions that are looked through for one

Key = tuple[str, str]  # name and value


def begin(
    session: Session, change_no: int, actor: Actor, days: int, now: datetime
) -> datetime | Refusal:
    """Start a shadow of an open change, for at most `days` days. Returns when it ends."""
    refusal = may(actor, "rules.draft")
    if refusal or actor.company_id is None:
        return refusal or Refusal("company.none", "No company is chosen.", status=404)
    company = lock_company(session, actor.company_id)
    change = session.scalar(
        select(Change).where(Change.company_id == company.id, Change.no == change_no)
    )
    if change is None:
        return Refusal("change.unknown", f"There is no change {change_no}.", status=404)
    if change.state not in OPEN_STATES or change.base_id != company.ruleset_version_id:
        words = f"Change {change_no} does not wait to be published."
        return Refusal("shadow.not_waiting", words, "Only a change that waits can be a shadow.")
    if not 1 <= days <= MOST_DAYS:
        words = f"A shadow lasts from 1 to {MOST_DAYS} days."
        return Refusal("shadow.days", words, "Enter a number of days.", 422)
    if running(session, company.id) is not None:
        words = "Another shadow is running in this company."
        return Refusal("shadow.running", words, "End that one first.")
    last = session.scalar(select(func.coalesce(func.max(Evaluation.id), 0))) or 0
    shadow = Shadow(
        company_id=company.id,
        change_id=change.id,
        person_id=actor.person_id,
        started_at=now,
        until=now + timedelta(days=days),
        since_id=last,
        seen_id=last,
    )
    session.add(shadow)
    session.flush()
    _tell(session, shadow, actor, now, "began", f"began to shadow change {change_no}")
    return shadow.until


def _tell(
    session: Session, shadow: Shadow, actor: Actor, now: datetime, act: str, what: str
) -> None:
    record_event(
        session,
        company_id=shadow.company_id,
        at=now,
        actor=actor,
        act=f"shadow.{act}",
        body={
            "say": f"{actor.name} {what}.",
            "shadow": shadow.id,
            "change_id": shadow.change_id,
            "judged": shadow.judged,
            "differ": shadow.differ,
        },
    )


def end(
    session: Session, shadow: Shadow, why: ShadowEnd, now: datetime, actor: Actor = SYSTEM
) -> Refusal | None:
    """End the shadow for this reason. Its verdicts are kept."""
    if why is ShadowEnd.PERSON and (refusal := may(actor, "rules.draft")):
        return refusal
    if shadow.ended_at is not None:
        return Refusal("shadow.ended", "The shadow has ended already.")
    shadow.ended_at, shadow.ending = now, why
    session.flush()
    delete_trial_keys(session, shadow.company_id)
    counted = f"{plural(shadow.judged, 'verdict')}, {plural(shadow.differ, 'differs', 'differ')}"
    _tell(session, shadow, actor, now, "ended", f"ended a shadow: {ENDINGS[why]}; {counted}")
    return None


def running(session: Session, company_id: int) -> Shadow | None:
    """Return the company's running shadow, or None."""
    return session.scalar(
        select(Shadow).where(Shadow.company_id == company_id, Shadow.ended_at.is_(None))
    )


def end_by_hand(
    session: Session, company_id: int, change_id: int, actor: Actor, now: datetime
) -> Refusal | None:
    """End the last shadow of a change."""
    shadow = session.scalar(
        select(Shadow)
        .where(Shadow.company_id == company_id, Shadow.change_id == change_id)
        .order_by(Shadow.id.desc())
        .limit(1)
    )
    if shadow is None:
        return Refusal("shadow.none", "This change was never a shadow.", status=404)
    return end(session, shadow, ShadowEnd.PERSON, now, actor)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ruleset to try; `name` is how pages call it."""

    name: str
    program: Program
    rows: Seeds


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored evaluation with its version, record and source."""

    evaluation: Evaluation
    version: Version
    record: Record
    source: Connection

    @property
    def replayable(self) -> bool:
        """Whether the evaluation's inputs are still stored, and the rules gave an outcome."""
        is_kept = self.evaluation.facts is not None and self.version.body is not None
        return is_kept and "error" not in self.evaluation.outcome


def forget_worlds() -> None:
    """Read every world again (holding/programs/world.py)."""
    _worlds.clear()


def of_change(session: Session, company_id: int, no: int) -> Candidate | None:
    """Return the rules of a change of the company, or None."""
    change = session.scalar(select(Change).where(Change.company_id == company_id, Change.no == no))
    if change is None:
        return None
    return of_files(f"change {no}", files_of_change(session, change.id), change.hash)


def of_version(session: Session, company_id: int, no: int) -> Candidate | None:
    """Return the rules of a published version, or None."""
    version = session.scalar(
        select(RulesetVersion).where(
            RulesetVersion.company_id == company_id, RulesetVersion.no == no
        )
    )
    if version is None:
        return None
    program = worlds.program(session, version.id)
    rows = load_seeds(program.ruleset, files_of(session, version.id))
    return Candidate(f"rule version {no}", program, rows)


def of_files(name: str, files: Mapping[str, str], hash_: str) -> Candidate:
    """Return rules compiled from files that have already passed the check."""

    def compiled() -> Program:
        ruleset, _ = parse(rule_sources(files))
        return compile_ruleset(ruleset, hash=hash_, schemas=schemas())

    program = worlds.kept(_programs, hash_, compiled)
    return Candidate(name, program, load_seeds(program.ruleset, files))


def facts_kept(stored: Stored) -> Facts:
    """Return the facts that a replayable evaluation knew about its record."""
    return Facts.from_json((stored.evaluation.facts or {})["facts"])


@dataclass(frozen=True, slots=True)
class Asking:
    """A judging for which rules on trial look for other records than the rules of then: by these
    names.
    """

    evaluation_id: int
    record_id: int
    kind: str
    body: Mapping[str, Any]
    at: datetime
    facts: Facts
    names: frozenset[str]


def asking(
    session: Session, program: Program, stored: Stored, known_by: int | None = None
) -> Asking | None:
    """Return the lookups that these rules need beyond an evaluation's own, or None.

    `known_by` is the rule version whose lookups are already in the facts. By default it is the
    evaluation's version.
    """
    evaluation, kind = stored.evaluation, stored.record.type
    names = names_of(session, known_by or evaluation.ruleset_version_id, program, kind)
    if not names:
        return None
    return Asking(
        evaluation_id=evaluation.id,
        record_id=stored.record.id,
        kind=kind,
        body=stored.version.body or {},
        at=evaluation.at,
        facts=facts_kept(stored),
        names=names,
    )


class LookedFor(NamedTuple):
    """The facts of an evaluation for rules on trial.

    `whole`: all lookups among other records were made. They are skipped if there are too many
    records.
    """

    facts: Facts
    whole: bool


def looked_for(session: Session, candidate: Candidate, stored: Stored) -> LookedFor:
    """Return the facts of an evaluation, completed with these rules' lookups among other
    records.
    """
    lookup = asking(session, candidate.program, stored)
    if lookup is None:
        return LookedFor(facts_kept(stored), whole=True)
    completed = facts_of_one(session, stored.record.company_id, candidate.program, lookup)
    return LookedFor(completed or lookup.facts, whole=completed is not None)


def judged_with(session: Session, candidate: Candidate, stored: Stored, facts: Facts) -> Judged:
    """Evaluate a record with these rules and facts, with the original content, time and mappings.

    Mapping entries that the rules bring are added.
    """
    evaluation, record = stored.evaluation, stored.record
    known_targets = frozenset((evaluation.facts or {})["known"])
    world = world_of(session, candidate, record.company_id, evaluation.revision, known_targets)
    body = stored.version.body or {}
    subject = Subject(record.type, stored.source.connector, body, stored.version.no)
    outcome = candidate.program.evaluate(subject, facts, world, evaluation.at)
    return Judged(subject=subject, facts=facts, world=world, now=evaluation.at, outcome=outcome)


def world_of(
    session: Session,
    candidate: Candidate,
    company_id: int,
    revision: int,
    known_targets: frozenset[str],
) -> World:
    """Return the mappings of a revision, with the entries that publishing these rules would add."""
    url = str(session.get_bind().engine.url)
    key = (url, company_id, revision, known_targets, candidate.program.hash)
    return worlds.kept(
        _worlds,
        key,
        lambda: _with_candidate(
            candidate, worlds.world(session, company_id, revision, known_targets)
        ),
    )


def _with_candidate(candidate: Candidate, world: World) -> World:
    match = {table.name: table.match for table in candidate.program.ruleset.maps}
    maps = dict(world.maps)
    for name, rows in candidate.rows.maps.items():
        stored = maps[name].entries if name in maps else {}
        have = {fold_key(key, match.get(name, ())) for key in stored}
        fresh = {
            key: Entry(0, value)
            for key, value in rows.items()
            if fold_key(key, match.get(name, ())) not in have
        }
        if fresh or name not in maps:
            maps[name] = Table({**stored, **fresh})
    units = {
        key: UnitEntry(0, num, den, to) for key, (num, den, to) in candidate.rows.units.items()
    }
    if maps == dict(world.maps) and units.keys() <= world.units.keys():
        return world
    return replace(world, maps=maps, units={**units, **world.units})


def names_of(
    session: Session, ruleset_version_id: int, program: Program, kind: str
) -> frozenset[str]:
    """Return the lookups that a program makes for a kind and the rules of a version did not.

    All its lookups, if that version can no longer be read.
    """
    before: Program | None
    try:
        before = worlds.program(session, ruleset_version_id)
    except worlds.UnreadableRulesError:
        before = None
    return newly_needed_names(before, program).get(kind, frozenset())


def is_behind(session: Session, company_id: int, program: Program) -> bool:
    """Check whether stored versions exist whose lookup keys are not computed yet."""
    index = session.get(TrialIndex, (company_id, program.hash))
    return bool(_versions(session, company_id, index.version_id if index else 0, 1))


def _versions(session: Session, company_id: int, after: int, most: int) -> Sequence[Any]:
    query = _of_company(company_id).where(StoredVersion.id > after)
    return session.execute(query.order_by(StoredVersion.id).limit(most)).all()


def _of_company(company_id: int) -> Any:
    return (
        select(StoredVersion.id, StoredVersion.record_id, StoredVersion.body, Record.type)
        .join(Record, Record.id == StoredVersion.record_id)
        .where(Record.company_id == company_id, StoredVersion.body.is_not(None))
    )


def go_on(session: Session, company_id: int, program: Program) -> None:
    """Make the keys of the next versions. One that was committed late has a smaller number than
    some that were seen: a few are looked at twice.
    """
    index = session.get(TrialIndex, (company_id, program.hash), with_for_update=True)
    if index is None:
        index = TrialIndex(company_id=company_id, rules=program.hash, version_id=0)
        session.add(index)
    rows = _versions(session, company_id, index.version_id - LOOKS_BACK, CHUNK + LOOKS_BACK)
    keys = {(*key, row.record_id) for row in rows for key in _keys(program, row.body, row.type)}
    of = {"company_id": company_id, "rules": program.hash}
    key_rows = [{**of, "name": n, "value": v, "record_id": r} for n, v, r in sorted(keys)]
    bulk.insert_rows(session, TrialKey, key_rows, ignore=True)
    index.version_id = max([index.version_id, *(row.id for row in rows)])


def _keys(program: Program, body: Mapping[str, Any], kind: str) -> Iterable[Key]:
    """Name and value of all by which a content is found."""
    yield from program.link_keys(body, kind)
    for name, value, _ in program.family_keys(body, kind):
        yield name, value


def delete_trial_keys(session: Session, company_id: int) -> None:
    """Delete the keys of rules that are not on trial any more."""
    of_change = select(Change.hash).join
    tried = union_all(
        of_change(BacktestRun, BacktestRun.change_id == Change.id).where(_running(BacktestRun)),
        of_change(Shadow, Shadow.change_id == Change.id).where(_running(Shadow)),
        select(RulesetVersion.hash)
        .join(BacktestRun, BacktestRun.old_id == RulesetVersion.id)
        .where(_running(BacktestRun)),
    )
    still = sorted(set(session.scalars(tried, {"company": company_id})))
    for table in (TrialKey, TrialIndex):
        session.execute(
            delete(table)
            .where(table.company_id == company_id, table.rules.not_in(still))
            .execution_options(synchronize_session=False)
        )


def _running(row: type[BacktestRun] | type[Shadow]) -> ColumnElement[bool]:
    return and_(row.company_id == bindparam("company"), row.ended_at.is_(None))


def facts_of(
    session: Session, company_id: int, program: Program, lookups: Sequence[Asking]
) -> dict[int, Facts]:
    """Return evaluation id -> facts completed with the program's lookups.

    Evaluations whose lookups would match too many records are left out.
    """
    keys_by_evaluation = {lookup.evaluation_id: _asks(program, lookup) for lookup in lookups}
    record_ids_by_key = _kept(
        session, company_id, program, {key for keys in keys_by_evaluation.values() for key in keys}
    )
    return _told(session, program, lookups, keys_by_evaluation, record_ids_by_key)


def _asks(program: Program, lookup: Asking) -> dict[Key, str]:
    """Return lookup key -> the kind of record that a link needs; blank for other lookups."""
    kinds_by_key = {
        (n, v): kind for n, v, kind in program.family_keys(lookup.body, lookup.kind) if kind
    }
    kinds_by_key |= dict.fromkeys(program.link_keys(lookup.body, lookup.kind), "")
    return {key: kind for key, kind in kinds_by_key.items() if key[0] in lookup.names}


def _kept(
    session: Session, company_id: int, program: Program, keys: Iterable[Key]
) -> Mapping[Key, set[int]]:
    key_set = set(keys)
    rows = session.execute(
        select(TrialKey.name, TrialKey.value, TrialKey.record_id)
        .where(TrialKey.company_id == company_id, TrialKey.rules == program.hash)
        .where(bulk.among(TrialKey.name, sorted({name for name, _ in key_set})))
        .where(bulk.among(TrialKey.value, sorted({value for _, value in key_set})))
    )
    record_ids_by_key: dict[Key, set[int]] = defaultdict(set)
    for row in rows:
        if (row.name, row.value) in key_set:
            record_ids_by_key[row.name, row.value].add(row.record_id)
    return record_ids_by_key


def _told(
    session: Session,
    program: Program,
    lookups: Sequence[Asking],
    keys_by_evaluation: Mapping[int, Mapping[Key, str]],
    record_ids_by_key: Mapping[Key, set[int]],
) -> dict[int, Facts]:
    others: dict[int, dict[Key, list[int]]] = {}
    for lookup in lookups:
        keys = keys_by_evaluation[lookup.evaluation_id]
        found_by = {key: record_ids_by_key.get(key, set()) - {lookup.record_id} for key in keys}
        if sum(map(len, found_by.values())) <= MOST:
            others[lookup.evaluation_id] = {key: sorted(ids) for key, ids in found_by.items()}
    ids = {i for several in others.values() for some in several.values() for i in some}
    stored = _others(session, ids)
    return {
        lookup.evaluation_id: _with_other_records(
            program, lookup, keys_by_evaluation[lookup.evaluation_id], other_ids, stored
        )
        for lookup in lookups
        if (other_ids := others.get(lookup.evaluation_id)) is not None
    }


class _Other(NamedTuple):
    """Another record: `contents` are its versions, the oldest first, each with its moment."""

    kind: str
    number: str
    state: RecordState
    contents: list[tuple[datetime, dict[str, Any]]]

    @property
    def stands(self) -> bool:
        """Whether the record may still be posted."""
        return self.state not in GONE_STATES

    def at(self, moment: datetime) -> dict[str, Any] | None:
        """Return the record's content at this moment; None if it did not exist yet."""
        return next((body for at, body in reversed(self.contents) if at <= moment), None)

    def had(self, key: Key, program: Program, moment: datetime) -> bool:
        """Check whether a key matched the record by this moment, with its current or any earlier
        content.
        """
        came = (body for at, body in self.contents if at <= moment)
        return any(key in program.link_keys(body, self.kind) for body in came)


def _others(session: Session, ids: Iterable[int]) -> dict[int, _Other]:
    query = (
        select(Record.id, Record.type, Record.number, Record.state)
        .add_columns(StoredVersion.at, StoredVersion.body)
        .join(StoredVersion, StoredVersion.record_id == Record.id)
        .where(bulk.among(Record.id, sorted(ids)), StoredVersion.body.is_not(None))
        .order_by(Record.id, StoredVersion.no)
    )
    others_by_id: dict[int, _Other] = {}
    for row in session.execute(query):
        other = others_by_id.setdefault(row.id, _Other(row.type, row.number, row.state, []))
        other.contents.append((row.at, row.body))
    return others_by_id


def _with_other_records(
    program: Program,
    lookup: Asking,
    keys: Mapping[Key, str],
    others: Mapping[Key, Sequence[int]],
    stored: Mapping[int, _Other],
) -> Facts:
    """Return the facts with the new lookups answered as of the evaluation's time.

    A link gives each record that existed then. Other lookups give each earlier record that was not
    rejected.
    """
    links = dict(lookup.facts.links) | {
        name.rpartition(".")[2]: () for name in lookup.names if name.startswith(OF_LINKS)
    }
    history = {
        name: earlier for name, earlier in lookup.facts.history.items() if name not in lookup.names
    }
    documents = [
        d for d in lookup.facts.documents if f"{OF_DOCUMENTS}{d.route}" not in lookup.names
    ]
    for key, kind in keys.items():
        name, value = key
        stored_others = [(i, stored[i]) for i in others[key] if i in stored]
        if kind:
            bodies = (other.at(lookup.at) for _, other in stored_others if other.kind == kind)
            links[name.rpartition(".")[2]] += tuple(body for body in bodies if body is not None)
            continue
        first = [
            other
            for i, other in stored_others
            if i < lookup.record_id and other.state not in GONE_STATES
        ]
        numbers = tuple(other.number for other in first if other.had(key, program, lookup.at))
        if name.startswith(OF_DOCUMENTS):
            route = name.removeprefix(OF_DOCUMENTS)
            documents += [TargetDocument(route, value, {}, number) for number in numbers]
        elif numbers:
            history[name] = numbers
    return replace(lookup.facts, links=links, history=history, documents=tuple(documents))


def facts_of_one(
    session: Session, company_id: int, program: Program, lookup: Asking
) -> Facts | None:
    """Return the facts of one evaluation, completed with lookups among the newest versions before
    it. None if there are too many versions.
    """
    query = _of_company(company_id).where(StoredVersion.at <= lookup.at)
    rows = session.execute(query.order_by(StoredVersion.id.desc()).limit(MOST + 1)).all()
    if len(rows) > MOST:
        return None
    record_ids_by_key: dict[Key, set[int]] = defaultdict(set)
    for row in rows:
        for key in _keys(program, row.body, row.type):
            record_ids_by_key[key].add(row.record_id)
    keys_by_evaluation = {lookup.evaluation_id: _asks(program, lookup)}
    return _told(session, program, [lookup], keys_by_evaluation, record_ids_by_key).get(
        lookup.evaluation_id
    )
