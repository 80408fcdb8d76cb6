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
from portal.backtest.record_files import WORLDS, Block, Stored, UnreadableError
from rules.comparison.two_sides import EXAMPLES, Backtest, Bad, Change, Past, Reason, Tally
from rules.comparison.two_sides import RuleSide as Side
from rules.facts import Entry, Facts, Later, Seeds, Subject, TargetState, UnitEntry, World
from rules.outcomes import Document
from rules.program import Program, compile_ruleset
from rules.types.symbol_table import Schemas
from rules.values.cause_keys import fold_key

ALONE = 1 << 21
"""Files up to this size are read in one process: starting others would take longer."""

WAITING = 2
"""So many blocks wait for each process."""

Judged = Generator[tuple[Block, Tally], None, None]


@dataclass(frozen=True, slots=True)
class Rules:
    """One rule set that passed its checks, with the entries that its files bring."""

    ruleset: Ruleset
    hash: str
    seeds: Seeds


@dataclass(frozen=True, slots=True)
class Plan:
    """What to judge by; `now` is the clock of records that say none."""

    old: Rules
    new: Rules
    schemas: Schemas
    worlds: Path | None
    now: datetime


def find_limit(document: Document, own_number: str) -> Reason | None:
    """Return why its target, with its usual settings, could never take a document, or None."""
    from connectors.registry import targets  # rule files alone are checked without these
    from holding.evaluation.target_limits import LIMITS_RULE, limit_of

    system = document.target
    limit = limit_of(targets().get(system), system, {}, document, own_number, "create")
    return Reason(document.number, LIMITS_RULE, None, limit.words) if limit else None


class Desk:
    """One process at work: both programs, ready."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        stored = StoredWorlds() if plan.worlds is None else StoredWorlds.read(plan.worlds)
        old, new = (SideWorlds(r.ruleset, r.seeds, stored) for r in (plan.old, plan.new))
        worlds = (old, old if old.same_as(new) else new)
        sides = zip((plan.old, plan.new), worlds, strict=True)
        self.backtest = Backtest(*(Side(_program(r, plan), w, limit=find_limit) for r, w in sides))
        records = (*plan.old.ruleset.records, *plan.new.ruleset.records)
        self._lines = Lines({r.name: r.source for r in records if r.source}, plan.now)
        self._given: Counter[Change] = Counter()

    def judge(self, block: Block) -> Tally:
        """The tally of one block; blocks come in their order.

        Of a change that it has given enough examples of, later ones are not among the first.
        """
        found = self.backtest.tally(self._lines.read(block.text(), block.file, block.first))
        given = self._given
        found.examples = {c: e for c, e in found.examples.items() if given[c] < EXAMPLES}
        given.update({change: len(pasts) for change, pasts in found.examples.items()})
        return found


_desk: Desk | None = None

KEPT = 16
"""So many worlds are kept ready; records lie in the order of their revisions, or nearly so."""

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
"""States of a posting, as holding knows them."""

Aware = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: records so far, and the share of the files."""

    records: int
    share: float


def _program(rules: Rules, plan: Plan) -> Program:
    return compile_ruleset(rules.ruleset, hash=rules.hash, schemas=plan.schemas)


@dataclass(slots=True)
class Ran:
    """What came out; if somebody interrupted it, of about this share of the files."""

    tally: Tally
    share: float = 0.0
    complete: bool = False


def run(desk: Desk, stored: Stored, *, processes: int, progress: Callable[[Progress], None]) -> Ran:
    """Judge all records of the files; Ctrl-C ends it early, with what was counted by then."""
    ran = Ran(Tally())
    alone = processes == 1 or stored.size <= ALONE
    judged = _here(desk, stored) if alone else _elsewhere(desk.plan, stored, processes)
    try:
        with closing(judged):
            for block, tally in judged:
                ran.tally = ran.tally.plus(tally)
                ran.share = block.share
                progress(Progress(ran.tally.records, ran.share))
        ran.share, ran.complete = 1.0, True
    except KeyboardInterrupt:
        pass
    return ran


def _here(desk: Desk, stored: Stored) -> Judged:
    for block in stored.blocks():
        yield block, desk.judge(block)


def _elsewhere(plan: Plan, stored: Stored, processes: int) -> Judged:
    """The same by several processes, in the same order; few blocks are on their way at a time."""
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin, (plan,))
    waiting: deque[tuple[Block, Future[Tally]]] = deque()
    try:
        for block in stored.blocks():
            light = block.without_text()
            with _interrupts_later():
                waiting.append((light, pool.submit(_judge, light)))
            if len(waiting) > processes * WAITING:
                sent, tally = waiting.popleft()
                yield sent, tally.result()
        while waiting:
            sent, tally = waiting.popleft()
            yield sent, tally.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(plan: Plan) -> None:
    """The beginning of a process: its programs are made once."""
    global _desk  # a process of the pool has no other place to keep it
    _desk = Desk(plan)
    gc.disable()
    gc.freeze()  # programs and tables stay: looking through them again and again frees nothing


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """An interrupt waits for the end of this block; who is started in it never hears of one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _judge(block: Block) -> Tally:
    assert _desk is not None  # noqa: S101 - _begin ran before
    found = _desk.judge(block)
    gc.collect()  # between two blocks, when hardly anything is there to be looked through
    return found


def usable_processes() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class WorldLine(msgspec.Struct, forbid_unknown_fields=True):
    """What a revision changed; null takes an entry or a target away.

    `later` has all entries that count from a day on, wherever they differ from the line above:
    day, table (blank: a unit), key, id, numerator, denominator (0 but for a unit), value.
    """

    revision: int
    maps: dict[str, dict[str, tuple[int, str] | None]] = {}
    units: dict[str, tuple[int, int, int, str] | None] = {}
    targets: dict[str, TargetState | None] = {}
    later: tuple[LaterRow, ...] | None = None


@dataclass(frozen=True, slots=True)
class Stand:
    """All tables and targets at one revision."""

    maps: Mapping[str, Mapping[str, Entry]] = field(default_factory=dict)
    units: Mapping[str, UnitEntry] = field(default_factory=dict)
    targets: Mapping[str, TargetState] = field(default_factory=dict)
    later: tuple[Later, ...] = ()

    def after(self, line: WorldLine) -> "Stand":
        """The stand that a line makes of this one; what it does not name is shared."""
        maps = dict(self.maps)
        for name, rows in line.maps.items():
            made = {key: row and _entry(row) for key, row in rows.items()}
            maps[name] = _changed(maps.get(name, {}), made)
        units = {key: row and _unit(row) for key, row in line.units.items()}
        targets = _changed(self.targets, dict(line.targets))
        later = self.later if line.later is None else tuple(map(_later, line.later))
        return Stand(maps, _changed(self.units, units), targets, later)


def _entry(row: tuple[int, str]) -> Entry:
    number, value = row
    return Entry(id=number, value=value)


def _changed(before: Mapping[str, V], changes: Mapping[str, V | None]) -> Mapping[str, V]:
    if not changes:
        return before
    found = {key: value for key, value in before.items() if key not in changes}
    found.update({key: value for key, value in changes.items() if value is not None})
    return found


def _unit(row: tuple[int, int, int, str]) -> UnitEntry:
    number, num, den, to = row
    return UnitEntry(id=number, num=num, den=den, to=to)


def _later(row: LaterRow) -> Later:
    day, table, key, number, num, den, value = row
    entry = Entry(number, value) if table else UnitEntry(number, num, den, value)
    return Later(day, table, key, entry)


class StoredWorlds:
    """The stands of a company, by revision."""

    def __init__(self, lines: Iterable[WorldLine] = ()) -> None:
        self._lines = tuple(lines)
        self._place = {line.revision: place for place, line in enumerate(self._lines)}
        self._done, self._stand = 0, Stand()

    @staticmethod
    def read(path: Path) -> "StoredWorlds":
        """The worlds of a file; a line that is none raises UnreadableError with its place."""
        decode = msgspec.json.Decoder(WorldLine).decode
        lines = []
        with path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                try:
                    lines.append(decode(text))
                except ValueError as error:
                    raise UnreadableError(f"{path}:{number}: {error}") from error
        return StoredWorlds(lines)

    def at(self, revision: int) -> Stand:
        """The stand at a revision; one that no line tells raises LookupError."""
        place = self._place.get(revision)
        if place is None:
            message = f"revision {revision} stands in no {WORLDS} beside it"
            raise LookupError(message)
        if place < self._done - 1:
            self._done, self._stand = 0, Stand()
        while self._done <= place:
            self._stand = self._stand.after(self._lines[self._done])
            self._done += 1
        return self._stand


class SideWorlds:
    """The worlds of one rule set: what was stored, and on top what publishing it would add."""

    def __init__(self, ruleset: Ruleset, seeds: Seeds, stored: StoredWorlds) -> None:
        self._seeds, self._stored = seeds, stored
        self._match = {table.name: table.match for table in ruleset.maps}
        self._targets = {t.name: TargetState(known=True) for t in ruleset.targets}
        self._own = seeds.world(0, self._targets)
        self._kept: OrderedDict[tuple[int | None, tuple[str, ...] | None], World] = OrderedDict()

    def same_as(self, other: "SideWorlds") -> bool:
        """Whether the worlds of both are the same, so that one may serve for both."""
        mine = (self._seeds, self._match, self._targets, self._stored)
        return mine == (other._seeds, other._match, other._targets, other._stored)

    def __call__(self, past: Past) -> World:
        """The world of one record."""
        if past.revision is None and past.known is None:
            return self._own
        key = (past.revision, past.known)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self._made(*key)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def _made(self, revision: int | None, known: tuple[str, ...] | None) -> World:
        world = self._own if revision is None else self._at(revision)
        if known is None:
            return world
        targets = {n: replace(t, known=n in known) for n, t in world.targets.items()}
        return replace(world, targets=targets)

    def _at(self, revision: int) -> World:
        stand = self._stored.at(revision)
        maps = dict(stand.maps)
        for name, rows in self._seeds.maps.items():
            stored = maps.get(name, {})
            have = {self._folded(name, key) for key in stored}
            fresh = {k: Entry(0, v) for k, v in rows.items() if self._folded(name, k) not in have}
            maps[name] = {**stored, **fresh}
        units = {k: _unit((0, *row)) for k, row in self._seeds.units.items()}
        every = {**units, **stand.units}
        return World.build(revision, maps, every, stand.targets, stand.later)

    def _folded(self, table: str, key: str) -> str:
        return fold_key(key, self._match.get(table, ()))


def _strict(cls: type) -> Any:
    """The fields of a dataclass as a struct that takes no other: a mistyped name is told."""
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


_Facts: Any = _strict(Facts)


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """What stands in a line; only `body` must."""

    body: dict[str, object]
    kind: str | None = None
    source: str | None = None
    version: Annotated[int, msgspec.Meta(ge=1)] = 1
    now: Aware | None = None
    states: dict[str, State] = {}
    revision: int | None = None
    known: tuple[str, ...] | None = None
    facts: _Facts | None = None


class Lines:
    """Reads lines of records whose kinds are known: kind -> source."""

    def __init__(self, sources: Mapping[str, str], now: datetime) -> None:
        self._sources = sources
        self._only = next(iter(sources)) if len(sources) == 1 else None
        self._now = now
        self._decode = msgspec.json.Decoder(Line, float_hook=_exact).decode
        self._values = msgspec.structs.astuple

    def read(self, raw: bytes, file: str, first: int) -> Iterator[Past | Bad]:
        """The records of some whole lines, the first of which has the number `first`."""
        for number, text in enumerate(raw.split(b"\n"), start=first):
            if not text or text.isspace():
                continue
            where = (file, number)
            try:
                yield self._past(text, where)
            except (ValueError, ArithmeticError, RecursionError) as error:
                yield Bad(where, _said(error))

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


def _exact(text: str) -> str:
    """A number with a fraction or an exponent as plain text, every digit kept."""
    value = Decimal(text)
    if len(text) > MAX_DIGITS or abs(value.adjusted()) > MAX_DIGITS:
        message = f"the number {text[:30]}… is too long"
        raise ValueError(message)
    return format(value, "f")


def _said(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error)
