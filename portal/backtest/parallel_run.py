"""A backtest over files: blocks of lines go to processes, their tallies are added up.

Here: Plan (all that a process needs), run, which tells its progress and can be interrupted. Not
here: judging and counting (rules/comparison/two_sides.py), what is shown of it (report.py).
"""

import gc
import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

from grammar.nodes import Ruleset
from portal.backtest.record_files import Block, Stored
from portal.backtest.record_lines import Lines
from portal.backtest.record_worlds import SideWorlds, StoredWorlds
from rules.comparison.two_sides import EXAMPLES, Backtest, Change, Tally
from rules.comparison.two_sides import RuleSide as Side
from rules.facts import Seeds
from rules.program import Program, compile_ruleset
from rules.types.symbol_table import Schemas

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


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: records so far, and the share of the files."""

    records: int
    share: float


class Desk:
    """One process at work: both programs, ready."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        stored = StoredWorlds() if plan.worlds is None else StoredWorlds.read(plan.worlds)
        old, new = (SideWorlds(r.ruleset, r.seeds, stored) for r in (plan.old, plan.new))
        worlds = (old, old if old.same_as(new) else new)
        sides = zip((plan.old, plan.new), worlds, strict=True)
        self.backtest = Backtest(*(Side(_program(r, plan), world) for r, world in sides))
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


def usable_processes() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _program(rules: Rules, plan: Plan) -> Program:
    return compile_ruleset(rules.ruleset, hash=rules.hash, schemas=plan.schemas)


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


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """An interrupt waits for the end of this block; who is started in it never hears of one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_desk: Desk | None = None


def _begin(plan: Plan) -> None:
    """The beginning of a process: its programs are made once."""
    global _desk  # a process of the pool has no other place to keep it
    _desk = Desk(plan)
    gc.disable()
    gc.freeze()  # programs and tables stay: looking through them again and again frees nothing


def _judge(block: Block) -> Tally:
    assert _desk is not None  # noqa: S101 - _begin ran before
    found = _desk.judge(block)
    gc.collect()  # between two blocks, when hardly anything is there to be looked through
    return found
