"""Rules that are tried: those of a change that waits or of a version, and the entries they bring.

Here: the program and its world. Nothing of it writes. Not here: what is judged with it (replays.py,
shadow_turns.py).
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from grammar.parsing.parser import parse
from holding.db.models import Change, Connection, Evaluation, Record, RulesetVersion, Version
from holding.programs import world as worlds
from holding.programs.world import schemas
from holding.rulesets.admission import rule_sources
from holding.rulesets.publication import files_of, files_of_change
from holding.trials.other_records import Asking, facts_of_one, names_of
from rules.facts.seeds import Seeds, seeds
from rules.facts.world import Entry, Facts, Subject, Table, UnitEntry, World
from rules.programs.program import Program, compile_ruleset
from rules.testing.recorded_values import Judged
from rules.values.spelling import fold


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ruleset to try; `name` is how pages call it."""

    name: str
    program: Program
    rows: Seeds


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored evaluation with what it was made of."""

    evaluation: Evaluation
    version: Version
    record: Record
    source: Connection

    @property
    def replayable(self) -> bool:
        """Whether what it looked at is still kept, and the rules came to an outcome."""
        kept = self.evaluation.facts is not None and self.version.body is not None
        return kept and "error" not in self.evaluation.outcome


_programs: OrderedDict[Hashable, Program] = OrderedDict()
_worlds: OrderedDict[Hashable, World] = OrderedDict()


def forget() -> None:
    """Read every world again (holding/programs/world.py)."""
    _worlds.clear()


def of_change(session: Session, company_id: int, no: int) -> Candidate | None:
    """The rules of a change of the company."""
    change = session.scalar(select(Change).where(Change.company_id == company_id, Change.no == no))
    if change is None:
        return None
    return of_files(f"change {no}", files_of_change(session, change.id), change.hash)


def of_version(session: Session, company_id: int, no: int) -> Candidate | None:
    """The rules of a published version, in the edition that they were published in."""
    version = session.scalar(
        select(RulesetVersion).where(
            RulesetVersion.company_id == company_id, RulesetVersion.no == no
        )
    )
    if version is None:
        return None
    program = worlds.program(session, version.id)
    rows = seeds(program.ruleset, files_of(session, version.id))
    return Candidate(f"rule version {no}", program, rows)


def of_files(name: str, files: Mapping[str, str], hash_: str) -> Candidate:
    """Rules by their files; they passed the check when they were made a change."""

    def compiled() -> Program:
        ruleset, _ = parse(rule_sources(files))
        return compile_ruleset(ruleset, hash=hash_, schemas=schemas())

    program = worlds.kept(_programs, hash_, compiled)
    return Candidate(name, program, seeds(program.ruleset, files))


def facts_kept(stored: Stored) -> Facts:
    """What an evaluation that can be replayed knew of its record."""
    return Facts.from_json((stored.evaluation.facts or {})["facts"])


def asking(
    session: Session, program: Program, stored: Stored, known_by: int | None = None
) -> Asking | None:
    """An evaluation that can be replayed, if these rules look for other records than those by which
    its facts were found: of then, or of another rule version.
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
    """The facts of an evaluation for rules on trial; `whole`: other records that they ask for were
    looked up. They are not where there are more than are looked through for one.
    """

    facts: Facts
    whole: bool


def looked_for(session: Session, given: Candidate, stored: Stored) -> LookedFor:
    """The facts of one evaluation, with what these rules would have found among other records."""
    asked = asking(session, given.program, stored)
    if asked is None:
        return LookedFor(facts_kept(stored), whole=True)
    found = facts_of_one(session, stored.record.company_id, given.program, asked)
    return LookedFor(found or asked.facts, whole=found is not None)


def judged_with(session: Session, given: Candidate, stored: Stored, facts: Facts) -> Judged:
    """What these rules would have said of a record of which they knew this, with what it was judged
    with: same content, clock and entries, and those that they bring.
    """
    evaluation, record = stored.evaluation, stored.record
    known = frozenset((evaluation.facts or {})["known"])
    world = world_of(session, given, record.company_id, evaluation.revision, known)
    body = stored.version.body or {}
    subject = Subject(record.type, stored.source.connector, body, stored.version.no)
    outcome = given.program.evaluate(subject, facts, world, evaluation.at)
    return Judged(subject=subject, facts=facts, world=world, now=evaluation.at, outcome=outcome)


def world_of(
    session: Session, given: Candidate, company_id: int, revision: int, known: frozenset[str]
) -> World:
    """The entries of a revision, and on top what publishing these rules would add; where that is
    nothing, the very world of the revision.
    """
    url = str(session.get_bind().engine.url)
    key = (url, company_id, revision, known, given.program.hash)
    return worlds.kept(
        _worlds, key, lambda: _with(given, worlds.world(session, company_id, revision, known))
    )


def _with(given: Candidate, world: World) -> World:
    match = {table.name: table.match for table in given.program.ruleset.maps}
    maps = dict(world.maps)
    for name, rows in given.rows.maps.items():
        stored = maps[name].entries if name in maps else {}
        have = {fold(key, match.get(name, ())) for key in stored}
        fresh = {
            key: Entry(0, value)
            for key, value in rows.items()
            if fold(key, match.get(name, ())) not in have
        }
        if fresh or name not in maps:
            maps[name] = Table({**stored, **fresh})
    units = {key: UnitEntry(0, num, den, to) for key, (num, den, to) in given.rows.units.items()}
    if maps == dict(world.maps) and units.keys() <= world.units.keys():
        return world
    return replace(world, maps=maps, units={**units, **world.units})
