"""Measure how much a second worker adds on PostgreSQL.

Orders are judged by one worker and by two in alternating rounds; each worker is its own process.
The processor time and the lock waits are measured too. With fewer than four processors a second
worker has no processor of its own: the ratio of the rates is then null, with the reason.
"""

import multiprocessing
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.synchronize import Barrier
from statistics import median
from typing import TYPE_CHECKING

from bench import shop_bench
from bench.shop_bench import BATCH, orders, receive
from portal.terminal.command_frame import Installation, open_installation, print_note

if TYPE_CHECKING:
    from sandbox.demo.command import Shop

TURNS = 5
"""Each figure is of the middle turn: what else a machine does meets some of them."""
UNRELATED = 40_000
"""So many orders are drawn by each process where nothing is shared."""
ENOUGH_PROCESSORS = 4
LOOK_SECONDS = 0.002
_WAITING = (
    "SELECT pid, waitstart, clock_timestamp() FROM pg_locks"
    " WHERE NOT granted AND waitstart IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class Worked:
    """What one worker did: records, seconds of its processor, transactions, and when it worked."""

    records: int
    busy: float
    transactions: int
    began: float
    ended: float


@dataclass(slots=True)
class Turns:
    """All turns with a number of workers; `busy` are the processor seconds per record of each
    turn.
    """

    records: int = 0
    busy: list[float] = field(default_factory=list)
    seconds: float = 0.0
    transactions: int = 0

    def add(self, workers: Sequence[Worked]) -> None:
        """Add one turn, which lasted from the first start to the last end."""
        records = sum(worker.records for worker in workers)
        self.records += records
        self.busy.append(sum(worker.busy for worker in workers) / records)
        self.transactions += sum(worker.transactions for worker in workers)
        self.seconds += max(worker_span.ended for worker_span in workers) - min(
            worker_span.began for worker_span in workers
        )


def measure(records: int, server: str, processors: int) -> dict[str, object]:
    """Return the figures; without a server all are null, with the reason."""
    if not server:
        return summarize(None, None, (), processors, None)
    with shop_bench.temporary_database(server) as url, shop_bench.bench_shop(url) as shop:
        shop_bench.pause(shop)
        shop.children.end("workers")  # else they would take some of it
        single, double = Turns(), Turns()
        with _workers() as pool, lock_waits(url) as waits:
            _run_turn(shop, pool, 2, 2 * BATCH, 7_000_001)  # both load the rules
            seconds_alone, seconds_together = (_unrelated_seconds(pool, count) for count in (1, 2))
            first = 8_000_001
            print_note(f"{TURNS} times {records:,} orders, by one worker and by two …")
            for _ in range(TURNS):
                for count, turns in ((1, single), (2, double)):
                    waits.listening = count == 2
                    turns.add(_run_turn(shop, pool, count, records, first))
                    first += records
    return summarize(single, double, waits.seconds(), processors, seconds_together / seconds_alone)


def summarize(
    single: Turns | None,
    double: Turns | None,
    waits: Sequence[float],
    processors: int,
    unrelated: float | None,
) -> dict[str, object]:
    """Return the figures of the turns.

    `waits` are the observed lock waits of two workers. `unrelated` is the slowdown of two processes
    that share nothing.
    """
    reason = None
    if single is None or double is None:
        reason = "no --postgresql"
    elif processors < ENOUGH_PROCESSORS:
        reason = f"{processors} processors: two workers are compared with one on four or more"
    figures: dict[str, object] = {
        "scale_two_vs_one": None,
        "scale_reason": reason,
        "scale_processor_seconds_two_vs_one": None,
        "scale_unrelated_two_vs_one": None if unrelated is None else round(unrelated, 3),
        "scale_lock_wait_p95_ms": None,
        "scale_lock_wait_longest_ms": None,
        "scale_lock_waits": None,
        "scale_transactions": None,
        "scale_processors": processors,
    }
    if single is None or double is None:
        return figures
    if reason is None:
        rates = [turns.records / turns.seconds for turns in (single, double)]
        figures["scale_two_vs_one"] = round(rates[1] / rates[0], 2)
    busy = [median(turns.busy) for turns in (single, double)]
    wait_seconds = [*waits, *[0.0] * max(0, double.transactions - len(waits))]
    return {
        **figures,
        "scale_processor_seconds_two_vs_one": round(busy[1] / busy[0], 3),
        "scale_processor_ms_a_record": round(1000 * busy[0], 3),
        "scale_lock_wait_p95_ms": round(1000 * shop_bench.percentile(wait_seconds, 95), 2),
        "scale_lock_wait_longest_ms": round(1000 * max(waits, default=0.0), 2),
        "scale_lock_waits": len(waits),
        "scale_transactions": double.transactions,
    }


# ---- workers ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _WorkerState:
    """The state of a worker process: its office, and the barrier where it meets the others."""

    place: Installation
    meeting: Barrier
    stack: ExitStack


_worker_state: _WorkerState | None = None


@contextmanager
def _workers() -> Iterator[ProcessPoolExecutor]:
    """Start two processes that wait for work."""
    spawning = multiprocessing.get_context("spawn")
    meeting = spawning.Barrier(2)
    pool = ProcessPoolExecutor(2, spawning, _begin, (meeting,))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(meeting: Barrier) -> None:
    global _worker_state  # a process of the pool has no other place to keep it
    stack = ExitStack()
    _worker_state = _WorkerState(stack.enter_context(open_installation()), meeting, stack)


def _run_turn(
    shop: "Shop", pool: ProcessPoolExecutor, count: int, records: int, first: int
) -> list[Worked]:
    """Judge these orders with this many workers; both processes exist, one may only look on."""
    receive(shop, orders(shop, records, first))
    tasks = [(shop.company_id, number < count) for number in range(2)]
    results = [result for result in pool.map(_judge, tasks) if result.ended > result.began]
    judged = sum(result.records for result in results)
    if judged < records:
        message = f"{judged:,} of {records:,} records were judged"
        raise RuntimeError(message)
    return results


def _unrelated_seconds(pool: ProcessPoolExecutor, count: int) -> float:
    """Return processor seconds per process for work that shares nothing, the least of some
    turns.
    """
    turns = (
        list(pool.map(_draw, [number < count for number in range(2)])) for _ in range(2 * TURNS)
    )
    return min(sum(turn) / count for turn in turns)


def _draw(works: bool) -> float:
    """Draw orders and write them as JSON, or look on; return the processor seconds."""
    from bench.command import lines

    assert _worker_state is not None  # noqa: S101 - _begin ran before
    _worker_state.meeting.wait()
    began = time.process_time()
    for _ in lines(UNRELATED if works else 0):
        pass
    return time.process_time() - began


def _judge(task: tuple[int, bool]) -> Worked:
    """Judge a company's due records until there are none, or look on."""
    from holding.evaluation.evaluate_due import judge_due

    assert _worker_state is not None  # noqa: S101 - _begin ran before
    company_id, works = task
    place, number = _worker_state.place, _worker_state.meeting.wait()
    began, started_busy, records = time.monotonic(), time.process_time(), 0
    if not works:
        return Worked(0, 0.0, 0, began, began)
    with place.database.overheard() as statements:
        while True:
            judged = judge_due(
                place.database, place.clock, company_id=company_id, owner=f"bench-{number}"
            )
            if not judged.count:
                break
            records += judged.count
    spent = time.process_time() - started_busy
    return Worked(records, spent, statements.count("COMMIT"), began, time.monotonic())


# ---- locks --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Waits:
    """Observed waits for locks of a database; they count only while `listening`."""

    listening: bool = False
    _longest: dict[tuple[int, datetime], float] = field(default_factory=dict)

    def see(self, rows: Sequence[tuple[int, datetime]], now: datetime) -> None:
        """Record which processes wait now, and since when."""
        for pid, since in rows if self.listening else ():
            spent = (now - since).total_seconds()
            self._longest[pid, since] = max(spent, self._longest.get((pid, since), 0.0))

    def seconds(self) -> list[float]:
        """Return the longest observed duration of each wait, sorted."""
        return sorted(self._longest.values())


@contextmanager
def lock_waits(url: str) -> Iterator[Waits]:
    """Poll for lock waits every two milliseconds; a shorter wait may be missed.

    It polls even while not `listening`, so that one worker pays for it as much as two do.
    """
    import psycopg

    waits, stopped = Waits(), threading.Event()

    def look() -> None:
        with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as place:
            while not stopped.wait(LOOK_SECONDS):
                rows = place.execute(_WAITING.encode()).fetchall()
                for pid, since, now in rows:
                    waits.see([(pid, since)], now)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield waits
    finally:
        stopped.set()
        watcher.join()
