"""Programs and worlds for judging: made from stored rows, kept for the life of the process.

Here: the program of a ruleset version, and the world (mappings, units, targets) as of a revision.
Not here: facts about one record (holding/evaluation/load_facts.py). Both never change once made: a
version is immutable, and every change of the world takes a new revision.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Protocol, TypeVar

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from grammar.parsing.parser import parse
from grammar.text.editions import Edition
from grammar.text.problem import Span
from holding.connections.confirmed_rates import confirmed
from holding.connections.master_data import ITEM, MODE, RATE, ROUNDING, setup_of
from holding.db import together as kept_plans
from holding.db.models import (
    Connection,
    MappingEntry,
    MappingTable,
    RuleFile,
    RulesetVersion,
    Snapshot,
    SnapshotItem,
)
from holding.db.models.columns import moment, table_of
from holding.db.models.rules import ALWAYS
from holding.db.together import Question
from holding.programs.known_schemas import schemas
from rules.decisions.record import Asked
from rules.documents.rounding import AT_THE_END, PER_LINE
from rules.facts.world import Entry, Facts, ItemUnits, Later, Subject, TargetState, UnitEntry, World
from rules.outcomes.outcome import Outcome
from rules.programs.program import Program, Route, compile_ruleset

SNAPSHOT_HOURS = 24
KEPT = 16
PERIOD = "period"
LOCKED_THROUGH = "locked_through"

T = TypeVar("T")


class UnreadableRulesError(ValueError):
    """Rules in force that this program cannot read any more: nothing can be asked of them."""


class Judge(Protocol):
    """What the judging needs of a program; `rules.programs.program.Program` is one."""

    @property
    def hash(self) -> str:
        """The hash of the rule files."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """The ways from record kinds to documents."""

    def link_keys(self, body: dict[str, object], kind: str) -> tuple[tuple[str, str], ...]:
        """The values by which duplicates are found."""

    def family_keys(self, body: dict[str, object], kind: str) -> tuple[tuple[str, str, str], ...]:
        """The values by which links find it, and the kind that each looks for."""

    def asked_of_links(self, kind: str) -> frozenset[str]:
        """The rules of a kind whose findings hang on other records."""

    def approval_at(self, span: Span) -> str:
        """What the approval that is declared there asks about."""

    def family(self, body: dict[str, object], kind: str) -> tuple[str, str] | None:
        """The family of a record as (kind, key); None where it has no relatives."""

    def evaluate(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Outcome:
        """Judge one version of one record, and tell all of it."""

    def evaluate_as_first(
        self, subject: Subject, facts: Facts, world: World, now: datetime
    ) -> Outcome:
        """The same in the words of the first versions, of which the older digests are made."""

    def decision(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Outcome:
        """Judge one version of one record, and tell what did not simply pass."""

    def decisions(self, asked: Sequence[Asked]) -> list[Outcome | Exception]:
        """The same of many, or how it failed."""


Programs = Callable[[Session, int], Judge]

_programs: OrderedDict[Hashable, Program] = OrderedDict()
_worlds: OrderedDict[Hashable, World] = OrderedDict()
outcomes: OrderedDict[Hashable, Outcome] = OrderedDict()  # of judgings that people read (replay.py)


def program(session: Session, ruleset_version_id: int) -> Program:
    """The program of a published version."""
    means = _meaning(session, ruleset_version_id)
    return kept(_programs, means, lambda: _compile(session, ruleset_version_id))


def note_meaning(session: Session, ruleset_version_id: int, rules_hash: str, edition: int) -> None:
    """What another query of this session has read of a version needs no question of its own."""
    session.info.setdefault(_MEANING, {})[ruleset_version_id] = (rules_hash, edition)


def _meaning(session: Session, ruleset_version_id: int) -> tuple[str, int]:
    """Hash and edition of a version, asked once a session: a version never changes."""
    loaded = session.identity_map.get(identity_key(RulesetVersion, ruleset_version_id))
    if isinstance(loaded, RulesetVersion):
        return loaded.hash, loaded.edition
    known: dict[int, tuple[str, int]] = session.info.setdefault(_MEANING, {})
    if ruleset_version_id not in known:
        found = session.execute(_MEANING, {"version": ruleset_version_id}).one()
        known[ruleset_version_id] = (found.hash, found.edition)
    return known[ruleset_version_id]


_VERSION = table_of(RulesetVersion)
_MEANING = select(_VERSION.c.hash, _VERSION.c.edition).where(_VERSION.c.id == bindparam("version"))


def world(session: Session, company_id: int, revision: int, known_targets: frozenset[str]) -> World:
    """The world as of a revision that is committed; `known_targets` have a fresh snapshot."""
    key = (str(session.get_bind().engine.url), company_id, revision, known_targets)
    return kept(_worlds, key, lambda: build_world(session, company_id, revision, known_targets))


def forget() -> None:
    """Read every world again: behind the URL another database may stand by now."""
    _worlds.clear()
    outcomes.clear()


def build_world(
    session: Session, company_id: int, revision: int, known_targets: frozenset[str]
) -> World:
    """The same, read again: for a revision that the session itself has just taken."""
    maps, units, later = _entries(session, company_id, revision)
    targets = _targets(session, company_id, revision, known_targets)
    return World.build(revision, maps, units, targets, later)


def fresh_targets(session: Session, company_id: int, now: datetime) -> frozenset[str]:
    """The targets whose snapshot is young enough to be believed."""
    return frozenset(session.scalars(_FRESH, _young(company_id, now)))


def fresh_now(company_id: int, now: datetime) -> Question[frozenset[str]]:
    """The same, asked with other questions."""
    return frozenset((yield _FRESH.params(_young(company_id, now))).scalars())


def _young(company_id: int, now: datetime) -> dict[str, object]:
    return {"company": company_id, "since": now - timedelta(hours=SNAPSHOT_HOURS)}


_FRESH = select(Connection.name).where(
    Connection.company_id == bindparam("company"),
    Connection.id == Snapshot.connection_id,
    Snapshot.kind == PERIOD,
    Snapshot.checked_at > moment("since"),
)


def locked_through(session: Session, connection_id: int) -> date | None:
    """The last closed day of a target, as it was last told."""
    query = (
        select(SnapshotItem)
        .join(Snapshot, Snapshot.id == SnapshotItem.snapshot_id)
        .where(Snapshot.connection_id == connection_id, Snapshot.kind == PERIOD)
        .where(SnapshotItem.to_revision.is_(None))
    )
    return _locked_through(session.scalars(query))


def target_connections(session: Session, company_id: int) -> dict[str, Connection]:
    """The target connections by the word a rule file has for them: their name or connector."""
    return _by_words(session.scalars(_TARGETS, {"company": company_id}).all())


def asked_targets(company_id: int) -> Question[dict[str, Connection]]:
    """The same, asked with other questions."""
    return _by_words(list((yield _TARGETS.params(company=company_id)).scalars()))


def _by_words(found: Sequence[Connection]) -> dict[str, Connection]:
    by_connector = {row.connector: row for row in found}
    return by_connector | {row.name: row for row in found}


_TARGETS = (
    select(Connection)
    .where(Connection.company_id == bindparam("company"), Connection.side == "target")
    .order_by(Connection.id.desc())
    .execution_options(**kept_plans.KEPT)
)


def kept(cache: OrderedDict[Hashable, T], key: Hashable, make: Callable[[], T]) -> T:
    """What is in a cache, made and kept where it is not; of many the oldest goes."""
    value = cache.get(key)
    if value is None:
        value = make()
        cache[key] = value
        while len(cache) > KEPT:
            cache.popitem(last=False)
    return value


def _compile(session: Session, ruleset_version_id: int) -> Program:
    version = session.get_one(RulesetVersion, ruleset_version_id)
    files = select(RuleFile.path, RuleFile.body).where(
        RuleFile.ruleset_version_id == version.id, RuleFile.path.endswith(".rules")
    )
    sources = dict(session.execute(files.order_by(RuleFile.path)).all())
    ruleset, problems = parse(sources)
    if any(problem.severity == "error" for problem in problems):
        message = f"rule version {version.no} no longer parses: {problems[0].message}"
        raise UnreadableRulesError(message)
    return compile_ruleset(
        ruleset, hash=version.hash, schemas=schemas(), edition=Edition(version.edition)
    )


def _entries(
    session: Session, company_id: int, revision: int
) -> tuple[dict[str, dict[str, Entry]], dict[str, UnitEntry], list[Later]]:
    """Entries as of a revision: those of always, and those that count from a day on."""
    tables = select(MappingTable.name).where(
        MappingTable.company_id == company_id, MappingTable.kind == "map"
    )
    maps: dict[str, dict[str, Entry]] = {name: {} for name in session.scalars(tables)}
    units: dict[str, UnitEntry] = {}
    later: list[Later] = []
    query = (
        select(MappingTable.name, MappingTable.kind, MappingEntry)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .where(MappingTable.company_id == company_id, _as_of(MappingEntry, revision))
        .where(MappingEntry.value.is_not(None))
    )
    for name, kind, row in session.execute(query):
        if kind == "unit" and not (row.num and row.den):
            continue
        entry = _unit(row) if kind == "unit" else Entry(row.id, row.value or "")
        if row.valid_from > ALWAYS:
            later.append(Later(row.valid_from, "" if kind == "unit" else name, row.key, entry))
        elif isinstance(entry, UnitEntry):
            units[row.key] = entry
        else:
            maps[name][row.key] = entry
    return maps, units, later


def _unit(row: MappingEntry) -> UnitEntry:
    return UnitEntry(row.id, row.num or 0, row.den or 0, row.value or "")  # asked for: all three


def _targets(
    session: Session, company_id: int, revision: int, known: frozenset[str]
) -> dict[str, TargetState]:
    connections = target_connections(session, company_id)
    items: dict[str, dict[str, list[SnapshotItem]]] = defaultdict(lambda: defaultdict(list))
    query = (
        select(Connection.name, Snapshot.kind, SnapshotItem)
        .join(Snapshot, Snapshot.connection_id == Connection.id)
        .join(SnapshotItem, SnapshotItem.snapshot_id == Snapshot.id)
        .where(Connection.company_id == company_id, _as_of(SnapshotItem, revision))
    )
    for name, kind, item in session.execute(query):
        items[name][kind].append(item)
    return {
        word: TargetState(
            known=row.name in known,
            locked_through=_locked_through(items[row.name][PERIOD]),
            codes={
                kind: frozenset(item.code for item in found)
                for kind, found in items[row.name].items()
                if kind not in {PERIOD, ITEM, RATE, ROUNDING}
            },
            confirmed=confirmed({one.code: one.body for one in items[row.name][RATE]}),
            rounding=next((way_of(item.body) for item in items[row.name][ROUNDING]), ""),
            items={
                item.code: ItemUnits(told.unit, told.rates)
                for item in items[row.name][ITEM]
                for told in [setup_of(item.body)]
            },
        )
        for word, row in connections.items()
    }


def way_of(told: Mapping[str, Any] | None) -> str:
    """What a target told of its rounding, as a word of the rules where they have one; or blank."""
    mode = str((told or {}).get(MODE) or "")
    return _WAYS.get(mode, mode)


_WAYS: Mapping[str, str] = {"per_line": PER_LINE, "sum_then_round": AT_THE_END}
"""A Rounding of the connectors, in the word of the rules."""


def _locked_through(items: Iterable[SnapshotItem]) -> date | None:
    for item in items:
        if item.code == LOCKED_THROUGH and item.body.get("date"):
            return date.fromisoformat(item.body["date"])
    return None


def _as_of(row: type[MappingEntry] | type[SnapshotItem], revision: int):  # type: ignore[no-untyped-def]
    return and_(
        row.from_revision <= revision,
        or_(row.to_revision.is_(None), row.to_revision > revision),
    )
