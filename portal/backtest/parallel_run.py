"""Judge record files in several processes and add up their tallies."""

import dataclasses
import gc
import os
import signal
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

import msgspec

from connectors.transport.strict_json import MAX_DIGITS
from grammar.nodes import Ruleset
from portal.backtest.record_files import WORLDS_FILE, Block, RecordFiles, UnreadableError
from rules.comparison.two_sides import EXAMPLES, Backtest, Bad, Change, Past, Reason, Tally
from rules.comparison.two_sides import RuleSide as Side
from rules.facts import Entry, Facts, Later, Seeds, Subject, TargetState, UnitEntry, World
from rules.outcomes import Document
from rules.program import Program, compile_ruleset
from rules.types.symbol_table import Schemas
from rules.values.cause_keys import fold_key

SINGLE_PROCESS_BYTES = 1 << 21
"""Largest total file size that one process judges alone: starting others would take longer."""

BLOCKS_PER_PROCESS = 2
"""Blocks that wait for each process."""

Judged = Generator[tuple[Block, Tally], None, None]


@dataclass(frozen=True, slots=True)
class Rules:
    """One rule set that passed its checks, with the entries that its files bring."""

    ruleset: Ruleset
    hash: str
    seeds: Seeds


@dataclass(frozen=True, slots=True)
class Plan:
    """The two rule sets to compare, with what both need; `now` is the clock of records without a
    time.
    """

    old: Rules
    new: Rules
    schemas: Schemas
    worlds: Path | None
    now: datetime


def find_limit(document: Document, own_number: str) -> Reason | None:
    """Return why its target, with its usual settings, could never take a document, or None."""
    from connectors.registry import targets  # not needed to check rule files alone
    from holding.evaluation.target_limits import LIMITS_RULE, limit_of

    system = document.target
    limit = limit_of(targets().get(system), system, {}, document, own_number, "create")
    return Reason(document.number, LIMITS_RULE, None, limit.words) if limit else None


class Judge:
    """Judge blocks of records in one process, with both programs compiled."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        stored = StoredWorlds() if plan.worlds is None else StoredWorlds.read(plan.worlds)
        old, new = (SideWorlds(r.ruleset, r.seeds, stored) for r in (plan.old, plan.new))
        worlds = (old, old if old.same_as(new) else new)
        sides = zip((plan.old, plan.new), worlds, strict=True)
        self.backtest = Backtest(*(Side(_program(r, plan), w, limit=find_limit) for r, w in sides))
        records = (*plan.old.ruleset.records, *plan.new.ruleset.records)
        self._lines = RecordReader({r.name: r.source for r in records if r.source}, plan.now)
        self._given: Counter[Change] = Counter()

    def judge(self, block: Block) -> Tally:
        """Return the tally of one block; blocks must come in order.

        Examples of a change with enough earlier examples are dropped, because they are not among
        the first.
        """
        tally = self.backtest.tally(self._lines.read(block.text(), block.file, block.first))
        example_counts = self._given
        tally.examples = {
            change: examples
            for change, examples in tally.examples.items()
            if example_counts[change] < EXAMPLES
        }
        example_counts.update({change: len(pasts) for change, pasts in tally.examples.items()})
        return tally


_desk: Judge | None = None

CACHED_WORLDS = 16
"""Worlds kept in memory; records are nearly in the order of their revisions."""

V = TypeVar("V")

LaterRow = tuple[date, str, str, int, int, int, str]

State = Literal[
    "waiting",
    "held",
    "ignored",
    "dropped",
    "ready",
    "sending",
    "awaiting",
    "uncertain",
    "failed",
    "posted",
    "reversed",
]
"""States of a posting, as `holding` defines them."""

Aware = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True)
class Progress:
    """A run's progress: the records so far, and the share of the files."""

    records: int
    share: float


def _program(rules: Rules, plan: Plan) -> Program:
    return compile_ruleset(rules.ruleset, hash=rules.hash, schemas=plan.schemas)


@dataclass(slots=True)
class RunResult:
    """The result of a run; an interrupted run covers about `share` of the files."""

    tally: Tally
    share: float = 0.0
    complete: bool = False


def run(
    desk: Judge, stored: RecordFiles, *, processes: int, progress: Callable[[Progress], None]
) -> RunResult:
    """Judge all records of the files; Ctrl-C ends the run early and keeps the counts so far."""
    result = RunResult(Tally())
    in_this_process = processes == 1 or stored.size <= SINGLE_PROCESS_BYTES
    judged_blocks = (
        _judge_here(desk, stored)
        if in_this_process
        else _judge_in_pool(desk.plan, stored, processes)
    )
    try:
        with closing(judged_blocks):
            for block, tally in judged_blocks:
                result.tally = result.tally.plus(tally)
                result.share = block.share
                progress(Progress(result.tally.records, result.share))
        result.share, result.complete = 1.0, True
    except KeyboardInterrupt:
        pass
    return result


def _judge_here(desk: Judge, stored: RecordFiles) -> Judged:
    for block in stored.blocks():
        yield block, desk.judge(block)


def _judge_in_pool(plan: Plan, stored: RecordFiles, processes: int) -> Judged:
    """Judge the blocks in several processes, in order; few blocks are in progress at a time."""
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _start_process, (plan,))
    pending: deque[tuple[Block, Future[Tally]]] = deque()
    try:
        for block in stored.blocks():
            light_block = block.without_text()
            with _delay_interrupts():
                pending.append((light_block, pool.submit(_judge_block, light_block)))
            if len(pending) > processes * BLOCKS_PER_PROCESS:
                sent_block, tally = pending.popleft()
                yield sent_block, tally.result()
        while pending:
            sent_block, tally = pending.popleft()
            yield sent_block, tally.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_process(plan: Plan) -> None:
    """Initialize a process of the pool: compile its programs once."""
    global _desk  # a pool process has no other place for it
    _desk = Judge(plan)
    gc.disable()
    gc.freeze()  # programs and tables stay, so collecting them is wasted time


@contextmanager
def _delay_interrupts() -> Iterator[None]:
    """Suspend interrupts until this block ends; processes started in it receive none."""
    old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)


def _judge_block(block: Block) -> Tally:
    assert _desk is not None  # noqa: S101 - _begin ran before
    tally = _desk.judge(block)
    gc.collect()  # between two blocks few objects are alive
    return tally


def usable_processes() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class WorldLine(msgspec.Struct, forbid_unknown_fields=True):
    """The changes of one revision; null removes an entry or a target.

    `later` has all entries that count from a day on, if they differ from the line above: day, table
    (blank: a unit), key, id, numerator, denominator (0 unless a unit), value.
    """

    revision: int
    maps: dict[str, dict[str, tuple[int, str] | None]] = {}
    units: dict[str, tuple[int, int, int, str] | None] = {}
    targets: dict[str, TargetState | None] = {}
    later: tuple[LaterRow, ...] | None = None


@dataclass(frozen=True, slots=True)
class WorldState:
    """All tables and targets at one revision."""

    maps: Mapping[str, Mapping[str, Entry]] = field(default_factory=dict)
    units: Mapping[str, UnitEntry] = field(default_factory=dict)
    targets: Mapping[str, TargetState] = field(default_factory=dict)
    later: tuple[Later, ...] = ()

    def after(self, line: WorldLine) -> "WorldState":
        """Return the state after a line's changes; what the line does not name is shared."""
        maps = dict(self.maps)
        for name, rows in line.maps.items():
            new_rows = {key: row and _table_entry(row) for key, row in rows.items()}
            maps[name] = _apply_changes(maps.get(name, {}), new_rows)
        units = {key: row and _unit_entry(row) for key, row in line.units.items()}
        targets = _apply_changes(self.targets, dict(line.targets))
        later = self.later if line.later is None else tuple(map(_later_entry, line.later))
        return WorldState(maps, _apply_changes(self.units, units), targets, later)


def _table_entry(row: tuple[int, str]) -> Entry:
    number, value = row
    return Entry(id=number, value=value)


def _apply_changes(before: Mapping[str, V], changes: Mapping[str, V | None]) -> Mapping[str, V]:
    if not changes:
        return before
    remaining = {key: value for key, value in before.items() if key not in changes}
    remaining.update({key: value for key, value in changes.items() if value is not None})
    return remaining


def _unit_entry(row: tuple[int, int, int, str]) -> UnitEntry:
    number, num, den, to = row
    return UnitEntry(id=number, num=num, den=den, to=to)


def _later_entry(row: LaterRow) -> Later:
    day, table, key, number, num, den, value = row
    entry = Entry(number, value) if table else UnitEntry(number, num, den, value)
    return Later(day, table, key, entry)


class StoredWorlds:
    """Return a company's tables and targets by revision."""

    def __init__(self, lines: Iterable[WorldLine] = ()) -> None:
        self._lines = tuple(lines)
        self._place = {line.revision: place for place, line in enumerate(self._lines)}
        self._done, self._stand = 0, WorldState()

    @staticmethod
    def read(path: Path) -> "StoredWorlds":
        """Read the worlds of a file; an invalid line raises UnreadableError with its place."""
        decode = msgspec.json.Decoder(WorldLine).decode
        lines = []
        with path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                try:
                    lines.append(decode(text))
                except ValueError as error:
                    raise UnreadableError(f"{path}:{number}: {error}") from error
        return StoredWorlds(lines)

    def at(self, revision: int) -> WorldState:
        """Return the state at a revision; a revision without a line raises LookupError."""
        place = self._place.get(revision)
        if place is None:
            message = f"revision {revision} stands in no {WORLDS_FILE} beside it"
            raise LookupError(message)
        if place < self._done - 1:
            self._done, self._stand = 0, WorldState()
        while self._done <= place:
            self._stand = self._stand.after(self._lines[self._done])
            self._done += 1
        return self._stand


class SideWorlds:
    """Build the worlds of one rule set: stored entries, plus those that publishing would add."""

    def __init__(self, ruleset: Ruleset, seeds: Seeds, stored: StoredWorlds) -> None:
        self._seeds, self._stored = seeds, stored
        self._match = {table.name: table.match for table in ruleset.maps}
        self._targets = {t.name: TargetState(known=True) for t in ruleset.targets}
        self._own = seeds.world(0, self._targets)
        self._kept: OrderedDict[tuple[int | None, tuple[str, ...] | None], World] = OrderedDict()

    def same_as(self, other: "SideWorlds") -> bool:
        """Check whether two sides have equal worlds, so that one may serve for the other."""
        own_parts = (self._seeds, self._match, self._targets, self._stored)
        return own_parts == (other._seeds, other._match, other._targets, other._stored)

    def __call__(self, past: Past) -> World:
        """Return the world of one record."""
        if past.revision is None and past.known is None:
            return self._own
        key = (past.revision, past.known)
        world = self._kept.get(key)
        if world is None:
            world = self._kept[key] = self._made(*key)
            if len(self._kept) > CACHED_WORLDS:
                self._kept.popitem(last=False)
        return world

    def _made(self, revision: int | None, known_targets: tuple[str, ...] | None) -> World:
        world = self._own if revision is None else self._at(revision)
        if known_targets is None:
            return world
        targets = {
            name: replace(target, known=name in known_targets)
            for name, target in world.targets.items()
        }
        return replace(world, targets=targets)

    def _at(self, revision: int) -> World:
        state = self._stored.at(revision)
        maps = dict(state.maps)
        for name, rows in self._seeds.maps.items():
            stored = maps.get(name, {})
            stored_keys = {self._folded(name, key) for key in stored}
            new_entries = {
                key: Entry(0, value)
                for key, value in rows.items()
                if self._folded(name, key) not in stored_keys
            }
            maps[name] = {**stored, **new_entries}
        units = {key: _unit_entry((0, *row)) for key, row in self._seeds.units.items()}
        all_units = {**units, **state.units}
        return World.build(revision, maps, all_units, state.targets, state.later)

    def _folded(self, table: str, key: str) -> str:
        return fold_key(key, self._match.get(table, ()))


def _strict_struct(cls: type) -> Any:
    """Return a dataclass's fields as a struct that reports a mistyped field name."""
    hints = get_type_hints(cls)
    return msgspec.defstruct(
        cls.__name__,
        [_field(field, hints[field.name]) for field in dataclasses.fields(cls)],
        forbid_unknown_fields=True,
    )


def _field(field: "dataclasses.Field[Any]", hint: Any) -> Any:
    kind = Aware if hint is datetime else hint
    if field.default is not dataclasses.MISSING:
        return field.name, kind, field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.name, kind, msgspec.field(default_factory=field.default_factory)
    return field.name, kind


_Facts: Any = _strict_struct(Facts)


class RecordLine(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of one line; only `body` is required."""

    body: dict[str, object]
    kind: str | None = None
    source: str | None = None
    version: Annotated[int, msgspec.Meta(ge=1)] = 1
    now: Aware | None = None
    states: dict[str, State] = {}
    revision: int | None = None
    known: tuple[str, ...] | None = None
    facts: _Facts | None = None


class RecordReader:
    """Read lines of records whose kinds are known: kind -> source."""

    def __init__(self, sources: Mapping[str, str], now: datetime) -> None:
        self._sources = sources
        self._only = next(iter(sources)) if len(sources) == 1 else None
        self._now = now
        self._decode = msgspec.json.Decoder(RecordLine, float_hook=_exact_text).decode
        self._values = msgspec.structs.astuple

    def read(self, raw: bytes, file: str, first: int) -> Iterator[Past | Bad]:
        """Yield each line as a record or a fault; `first` is the number of the first line."""
        for number, text in enumerate(raw.split(b"\n"), start=first):
            if not text or text.isspace():
                continue
            where = (file, number)
            try:
                yield self._past(text, where)
            except (ValueError, ArithmeticError, RecursionError) as error:
                yield Bad(where, _error_text(error))

    def _past(self, text: bytes, where: tuple[str, int]) -> Past:
        line = self._decode(text)
        kind = line.kind or self._only
        if kind is None:
            message = f'it says no "kind", and the rules check {", ".join(self._sources)}'
            raise ValueError(message)
        source = self._sources.get(kind, "") if line.source is None else line.source
        now = line.now or self._now
        facts = Facts(now) if line.facts is None else Facts(*self._values(line.facts))
        return Past(
            Subject(kind, source, line.body, line.version),
            facts,
            now,
            tuple(line.states.items()),
            line.revision,
            line.known,
            where,
        )


def _exact_text(text: str) -> str:
    """Return a number with a fraction or an exponent as plain text, with every digit."""
    value = Decimal(text)
    if len(text) > MAX_DIGITS or abs(value.adjusted()) > MAX_DIGITS:
        message = f"the number {text[:30]}… is too long"
        raise ValueError(message)
    return format(value, "f")


def _error_text(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error)
