"""Build and cache rule programs and the world of tables and master data that they read."""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Protocol, TypeVar

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from grammar.parsing.parser import parse
from grammar.text.problem import Span
from holding.connections.confirmed_rates import confirmed
from holding.connections.master_data import ITEM, MODE, RATE, ROUNDING, setup_of
from holding.db import bulk, kept_plans
from holding.db.models import (
    Company,
    Connection,
    Evaluation,
    MappingEntry,
    MappingTable,
    Posting,
    Push,
    RuleFile,
    RulesetVersion,
    Snapshot,
    SnapshotItem,
)
from holding.db.models.columns import moment, table_of
from holding.db.models.rules import ALWAYS
from holding.programs.known_schemas import schemas
from rules.decisions.judge_record import EvaluationInput
from rules.decisions.verdict import DOES
from rules.documents.rounding import AT_THE_END, PER_LINE
from rules.facts import (
    LONGEST_CHAIN,
    Conversion,
    Entry,
    Facts,
    ItemUnits,
    Later,
    Subject,
    TargetState,
    UnitEntry,
    World,
)
from rules.outcomes import PASS, STOPS, Outcome, Verdict
from rules.program import Program, Route, compile_ruleset
from rules.values.kinds import show, simplify

SNAPSHOT_HOURS = 24

KEPT = 16

PERIOD = "period"

LOCKED_THROUGH = "locked_through"

T = TypeVar("T")


class Judge(Protocol):
    """The methods that the evaluation needs of a program; `rules.program.Program` implements it."""

    @property
    def hash(self) -> str:
        """The hash of the rule files."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """The ways from record kinds to documents."""

    def link_keys(self, body: dict[str, object], kind: str) -> tuple[tuple[str, str], ...]:
        """Return the values by which duplicates are found."""

    def family_keys(self, body: dict[str, object], kind: str) -> tuple[tuple[str, str, str], ...]:
        """Return the values by which links find a record, and the kind that each looks for."""

    def asked_of_links(self, kind: str) -> frozenset[str]:
        """Return the rules of a kind whose findings depend on other records."""

    def approval_at(self, span: Span) -> str:
        """Return the subject of the approval declared there."""

    def family(self, body: dict[str, object], kind: str) -> tuple[str, str] | None:
        """Return a record's family as (kind, key), or None without one."""

    def evaluate(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Outcome:
        """Judge one version of one record with its full story."""

    def decision(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Outcome:
        """Judge one version of one record, and report what did not simply pass."""

    def decisions(self, inputs: Sequence[EvaluationInput]) -> list[Outcome | Exception]:
        """Evaluate several records; return for each its outcome or the exception raised."""


Programs = Callable[[Session, int], Judge]

_programs: OrderedDict[Hashable, Program] = OrderedDict()

_worlds: OrderedDict[Hashable, World] = OrderedDict()

outcomes: OrderedDict[Hashable, Outcome] = OrderedDict()  # of judgings that people read (replay.py)

_VERSION = table_of(RulesetVersion)

_HASH = select(_VERSION.c.hash).where(_VERSION.c.id == bindparam("version"))

_FRESH = select(Connection.name).where(
    Connection.company_id == bindparam("company"),
    Connection.id == Snapshot.connection_id,
    Snapshot.kind == PERIOD,
    Snapshot.checked_at > moment("since"),
)

_TARGETS = (
    select(Connection)
    .where(Connection.company_id == bindparam("company"), Connection.side == "target")
    .order_by(Connection.id.desc())
    .execution_options(**kept_plans.KEPT)
)

_WAYS: Mapping[str, str] = {"per_line": PER_LINE, "sum_then_round": AT_THE_END}
"""A Rounding of the connectors, in the word of the rules."""

_BY = (
    select(
        Posting.id,
        Posting.record_id,
        Posting.route,
        Posting.seq,
        Posting.number,
        Posting.doc_type,
        Posting.doc_date,
        Posting.connection_id,
        Evaluation.ruleset_version_id,
    )
    .join(Push, Push.id == Posting.posted_push_id)
    .join(Evaluation, Evaluation.id == Push.evaluation_id)
    .where(bulk.among_given(Posting.id, "ids"))
    .order_by(Posting.id)
)

_POSTED_BY = (
    select(Evaluation.ruleset_version_id)
    .join(Push, Push.evaluation_id == Evaluation.id)
    .join(Posting, Posting.posted_push_id == Push.id)
    .where(Posting.record_id == bindparam("record"), Posting.route == bindparam("route"))
    .order_by(Posting.id.desc())
    .limit(1)
)


class UnreadableRulesError(ValueError):
    """Rules in force that this program cannot read any more, so that nothing can be judged."""


def program(session: Session, ruleset_version_id: int) -> Program:
    """Return a published version's program."""
    rules_hash = _hash_of(session, ruleset_version_id)
    return kept(_programs, rules_hash, lambda: _compile(session, ruleset_version_id))


def _hash_of(session: Session, ruleset_version_id: int) -> str:
    """Return a version's hash, read once per session: a version never changes."""
    loaded = session.identity_map.get(identity_key(RulesetVersion, ruleset_version_id))
    if isinstance(loaded, RulesetVersion):
        return loaded.hash
    hashes: dict[int, str] = session.info.setdefault(_HASH, {})
    if ruleset_version_id not in hashes:
        hashes[ruleset_version_id] = session.scalars(_HASH, {"version": ruleset_version_id}).one()
    return hashes[ruleset_version_id]


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
    return compile_ruleset(ruleset, hash=version.hash, schemas=schemas())


def note_hash(session: Session, ruleset_version_id: int, rules_hash: str) -> None:
    """Store a version's hash that another query of this session read."""
    session.info.setdefault(_HASH, {})[ruleset_version_id] = rules_hash


def world(session: Session, company_id: int, revision: int, known_targets: frozenset[str]) -> World:
    """Return the world at a committed revision; `known_targets` have a fresh snapshot."""
    key = (str(session.get_bind().engine.url), company_id, revision, known_targets)
    return kept(_worlds, key, lambda: build_world(session, company_id, revision, known_targets))


def forget() -> None:
    """Clear every cached world, because the URL may lead to another database now."""
    _worlds.clear()
    outcomes.clear()


def build_world(
    session: Session, company_id: int, revision: int, known_targets: frozenset[str]
) -> World:
    """Build the world again, for a revision of the session's own transaction."""
    maps, units, later = _entries(session, company_id, revision)
    targets = _targets(session, company_id, revision, known_targets)
    return World.build(revision, maps, units, targets, later)


def _entries(
    session: Session, company_id: int, revision: int
) -> tuple[dict[str, dict[str, Entry]], dict[str, UnitEntry], list[Later]]:
    """Return the entries at a revision: undated ones, and dated ones."""
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


def _as_of(row: type[MappingEntry] | type[SnapshotItem], revision: int):  # type: ignore[no-untyped-def]
    return and_(
        row.from_revision <= revision,
        or_(row.to_revision.is_(None), row.to_revision > revision),
    )


def _unit(row: MappingEntry) -> UnitEntry:
    return UnitEntry(row.id, row.num or 0, row.den or 0, row.value or "")  # asked for: all three


def _targets(
    session: Session, company_id: int, revision: int, known_targets: frozenset[str]
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
            known=row.name in known_targets,
            locked_through=_locked_through(items[row.name][PERIOD]),
            codes={
                kind: frozenset(item.code for item in snapshot_items)
                for kind, snapshot_items in items[row.name].items()
                if kind not in {PERIOD, ITEM, RATE, ROUNDING}
            },
            tax_rates={
                item.code: Decimal(item.body["rate"])
                for item in items[row.name]["tax_code"]
                if item.body.get("rate")
            },
            confirmed=confirmed(
                {rate_item.code: rate_item.body for rate_item in items[row.name][RATE]}
            ),
            rounding=next((way_of(item.body) for item in items[row.name][ROUNDING]), ""),
            items={
                item.code: ItemUnits(setup.unit, setup.rates)
                for item in items[row.name][ITEM]
                for setup in [setup_of(item.body)]
            },
        )
        for word, row in connections.items()
    }


def _locked_through(items: Iterable[SnapshotItem]) -> date | None:
    for item in items:
        if item.code == LOCKED_THROUGH and item.body.get("date"):
            return date.fromisoformat(item.body["date"])
    return None


def fresh_targets(session: Session, company_id: int, now: datetime) -> frozenset[str]:
    """Return the targets whose snapshot is fresh enough."""
    values = {"company": company_id, "since": now - timedelta(hours=SNAPSHOT_HOURS)}
    return frozenset(session.scalars(_FRESH, values))


def locked_through(session: Session, connection_id: int) -> date | None:
    """Return a target's last closed day, as last read."""
    query = (
        select(SnapshotItem)
        .join(Snapshot, Snapshot.id == SnapshotItem.snapshot_id)
        .where(Snapshot.connection_id == connection_id, Snapshot.kind == PERIOD)
        .where(SnapshotItem.to_revision.is_(None))
    )
    return _locked_through(session.scalars(query))


def target_connections(session: Session, company_id: int) -> dict[str, Connection]:
    """Return the target connections by their word in rule files: their name or connector."""
    rows = session.scalars(_TARGETS, {"company": company_id}).all()
    by_connector = {row.connector: row for row in rows}
    return by_connector | {row.name: row for row in rows}


def kept(cache: OrderedDict[Hashable, T], key: Hashable, make: Callable[[], T]) -> T:
    """Return a cached value, or make and cache it; the oldest of many is dropped."""
    value = cache.get(key)
    if value is None:
        value = make()
        cache[key] = value
        while len(cache) > KEPT:
            cache.popitem(last=False)
    return value


def way_of(body: Mapping[str, Any] | None) -> str:
    """Return a target's rounding as a word of the rules, or blank."""
    mode = str((body or {}).get(MODE) or "")
    return _WAYS.get(mode, mode)


@dataclass(frozen=True, slots=True)
class TargetQuantity:
    """A quantity converted with a target's own units of the item.

    `rate`: base units in one unit in the target. `quantity`: the units that the calculated base
    quantity makes in the target. `same`: it equals the entered quantity. If the target lacks the
    unit or the base unit, `rate` and `quantity` are blank and `units` lists the units it has.
    """

    target: str
    rate: str
    quantity: str
    same: bool
    units: str


@dataclass(frozen=True, slots=True)
class Calculated:
    """A quantity of an item converted to its base unit: `pieces` of the unit `base`.

    `base`, `factor` and `pieces` are blank if a conversion is missing. `whole`: `pieces` is a whole
    number. `backs`: the quantity in each target's own units.
    """

    quantity: str
    unit: str
    item: str
    base: str
    factor: str
    pieces: str
    whole: bool
    backs: tuple[TargetQuantity, ...]


def quantity_of(text: str) -> Fraction | None:
    """Return a typed quantity, or None unless it is above 0."""
    try:
        quantity = Decimal(text.strip().replace(",", ""))
    except InvalidOperation:
        return None
    return Fraction(quantity) if quantity.is_finite() and 0 < quantity < 10**12 else None


def calculate(
    session: Session,
    company_id: int,
    quantity: Fraction,
    unit: str,
    item: str,
    *,
    known_targets: frozenset[str],
    today: date,
) -> Calculated:
    """Convert a quantity by today's entries; `known_targets`: the targets with a fresh snapshot."""
    revision = session.get_one(Company, company_id).revision
    current_world = world(session, company_id, revision, known_targets).at(today)
    conversion = _to_base(unit, item, current_world.units)
    if conversion is None:
        return Calculated(_text(quantity), unit, item, "", "", "", whole=False, backs=())
    pieces = quantity * Fraction(conversion.num, conversion.den)
    backs = _target_quantities(current_world, conversion, quantity, item) if conversion.path else ()
    return Calculated(
        quantity=_text(quantity),
        unit=unit,
        item=item,
        base=conversion.base,
        factor=conversion.factor,
        pieces=_text(pieces),
        whole=pieces.denominator == 1,
        backs=tuple(backs),
    )


def _to_base(unit: str, item: str, entries: Mapping[str, UnitEntry]) -> Conversion | None:
    """Return the conversion to the base unit, the item's own entries first, or None."""
    factor, at, path = Fraction(1), unit, []
    for _ in range(LONGEST_CHAIN):
        own_key = f"{at}|{item}"
        key = own_key if own_key in entries else at
        entry = entries.get(key)
        if entry is None:
            break
        path.append((key, entry))
        factor, at = factor * Fraction(entry.num, entry.den), entry.to
    into = any(entry.to == unit for entry in entries.values())
    if not path and not into:
        return None
    return Conversion(unit, at, factor.numerator, factor.denominator, tuple(path))


def _text(value: Fraction) -> str:
    return show(simplify(value))


def _target_quantities(
    current_world: World, conversion: Conversion, quantity: Fraction, item: str
) -> Iterator[TargetQuantity]:
    """Yield the quantity in each target whose units of the item are known."""
    pieces = quantity * Fraction(conversion.num, conversion.den)
    for name, state in sorted(current_world.targets.items()):
        set_up = _set_up(current_world, state.items if state.known else {}, item)
        if set_up is None:
            continue
        unit, base = set_up.rate(conversion.unit), set_up.rate(conversion.base)
        if unit is None or base is None:
            units = ", ".join(dict.fromkeys((set_up.base, *sorted(set_up.rates))))
            yield TargetQuantity(name, "", "", same=False, units=units)
            continue
        back = pieces * base / unit
        yield TargetQuantity(name, _text(unit / base), _text(back), same=back == quantity, units="")


def _set_up(current_world: World, items: Mapping[str, ItemUnits], item: str) -> ItemUnits | None:
    """Return the item's units under its own code, or else under its mapped code."""
    if item in items:
        return items[item]
    mapped = (table.entries.get(item) for table in current_world.maps.values())
    codes = (entry.value for entry in mapped if entry is not None)
    return next((items[code] for code in codes if code in items), None)


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A posted document that its former rules would not leave as it is, and why."""

    route: str
    seq: int
    number: str
    doc_type: str
    doc_date: date | None
    connection_id: int
    owner: str
    reason: str


def left_behind(
    session: Session, inputs: Mapping[int, EvaluationInput], programs: Programs
) -> dict[int, list[LeftBehind]]:
    """Return by record its documents that a person must examine.

    The mapping gives the record's current input by posting id, for documents whose route is no
    longer in force.
    """
    documents: dict[int, list[LeftBehind]] = defaultdict(list)
    for row in session.execute(_BY, {"ids": sorted(inputs)}) if inputs else ():
        try:
            judge = programs(session, row.ruleset_version_id)
        except UnreadableRulesError:
            continue
        (outcome,) = judge.decisions([inputs[row.id]])
        objection = _against(outcome, row.route) if isinstance(outcome, Outcome) else None
        if objection is not None:
            reason, owner = objection
            documents[row.record_id].append(
                LeftBehind(
                    route=row.route,
                    seq=row.seq,
                    number=row.number,
                    doc_type=row.doc_type,
                    doc_date=row.doc_date,
                    connection_id=row.connection_id,
                    owner=owner,
                    reason=reason,
                )
            )
    return dict(documents)


def _against(outcome: Outcome, route: str) -> tuple[str, str] | None:
    """Return why these rules would change the document, and whom they would consult; or None."""
    decision = next(
        (candidate for candidate in outcome.decisions if candidate.route == route), None
    )
    if decision is None:
        return None
    stops = [finding for finding in decision.findings if finding.severity in STOPS]
    if not stops and all(step.action not in DOES for step in decision.plan):
        return None
    change_texts = [verdict.text for verdict in outcome.verdicts if _is_change(verdict, route)]
    reason = change_texts[0] if change_texts else decision.reason
    return reason, stops[0].owner if stops else ""


def _is_change(verdict: Verdict, route: str) -> bool:
    changed = verdict.kind == "change" and verdict.result != PASS
    return changed and verdict.route == route and bool(verdict.text)


def posted_by(session: Session, record_id: int, route: str) -> int | None:
    """Return the version of the rules that made a route's newest posting."""
    parameters = {"record": record_id, "route": route}
    return session.scalar(_POSTED_BY, parameters)
