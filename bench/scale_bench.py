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
from portal.terminal.command_frame import Office, office, print_note

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
    """All turns of so many workers; `busy` are the processor seconds a record of each."""

    records: int = 0
    busy: list[float] = field(default_factory=list)
    seconds: float = 0.0
    transactions: int = 0

    def add(self, workers: Sequence[Worked]) -> None:
        """One turn: it lasted from the first that began to the last that ended."""
        records = sum(one.records for one in workers)
        self.records += records
        self.busy.append(sum(one.busy for one in workers) / records)
        self.transactions += sum(one.transactions for one in workers)
        self.seconds += max(w.ended for w in workers) - min(w.began for w in workers)


def measured(records: int, server: str, processors: int) -> dict[str, object]:
    """The figures; without a server all are null, and it is told why."""
    if not server:
        return told(None, None, (), processors, None)
    with shop_bench.database_on(server) as url, shop_bench.bench_shop(url) as shop:
        shop_bench.pause(shop)
        shop.children.end("workers")  # else they would take some of it
        one, two = Turns(), Turns()
        with _workers() as pool, lock_waits(url) as waits:
            _turn(shop, pool, 2, 2 * BATCH, 7_000_001)  # both load the rules
            alone, beside = (_unrelated(pool, many) for many in (1, 2))
            first = 8_000_001
            print_note(f"{TURNS} times {records:,} orders, by one worker and by two …")
            for _ in range(TURNS):
                for many, turns in ((1, one), (2, two)):
                    waits.listening = many == 2
                    turns.add(_turn(shop, pool, many, records, first))
                    first += records
    return told(one, two, waits.seconds(), processors, beside / alone)


def told(
    one: Turns | None,
    two: Turns | None,
    waits: Sequence[float],
    processors: int,
    unrelated: float | None,
) -> dict[str, object]:
    """The figures of the turns; `waits` are the waits of two workers that somebody saw, and
    `unrelated` is what the machine alone makes of two processes.
    """
    reason = None
    if one is None or two is None:
        reason = "no --postgresql"
    elif processors < ENOUGH_PROCESSORS:
        reason = f"{processors} processors: two workers are compared with one on four or more"
    found: dict[str, object] = {
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
    if one is None or two is None:
        return found
    if reason is None:
        rates = [turns.records / turns.seconds for turns in (one, two)]
        found["scale_two_vs_one"] = round(rates[1] / rates[0], 2)
    busy = [median(turns.busy) for turns in (one, two)]
    each = [*waits, *[0.0] * max(0, two.transactions - len(waits))]
    return {
        **found,
        "scale_processor_seconds_two_vs_one": round(busy[1] / busy[0], 3),
        "scale_processor_ms_a_record": round(1000 * busy[0], 3),
        "scale_lock_wait_p95_ms": round(1000 * shop_bench.percentile(each, 95), 2),
        "scale_lock_wait_longest_ms": round(1000 * max(waits, default=0.0), 2),
        "scale_lock_waits": len(waits),
        "scale_transactions": two.transactions,
    }


# ---- workers ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Mine:
    """What a worker process keeps: its office, and where it meets the others."""

    place: Office
    meeting: Barrier
    stack: ExitStack


_mine: _Mine | None = None


@contextmanager
def _workers() -> Iterator[ProcessPoolExecutor]:
    """Two processes that wait for work."""
    spawning = multiprocessing.get_context("spawn")
    meeting = spawning.Barrier(2)
    pool = ProcessPoolExecutor(2, spawning, _begin, (meeting,))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(meeting: Barrier) -> None:
    global _mine  # a process of the pool has no other place to keep it
    stack = ExitStack()
    _mine = _Mine(stack.enter_context(office()), meeting, stack)


def _turn(
    shop: "Shop", pool: ProcessPoolExecutor, many: int, records: int, first: int
) -> list[Worked]:
    """So many orders, judged by so many workers; both are there, one may only look on."""
    receive(shop, orders(shop, records, first))
    given = [(shop.company_id, number < many) for number in range(2)]
    found = [one for one in pool.map(_judge, given) if one.ended > one.began]
    judged = sum(one.records for one in found)
    if judged < records:
        message = f"{judged:,} of {records:,} records were judged"
        raise RuntimeError(message)
    return found


def _unrelated(pool: ProcessPoolExecutor, many: int) -> float:
    """Processor seconds a process for work that shares nothing, the least of some turns."""
    turns = (
        list(pool.map(_draw, [number < many for number in range(2)])) for _ in range(2 * TURNS)
    )
    return min(sum(turn) / many for turn in turns)


def _draw(works: bool) -> float:
    """Draw orders and write them as JSON, or look on; the processor seconds."""
    from bench.command import lines

    assert _mine is not None  # noqa: S101 - _begin ran before
    _mine.meeting.wait()
    began = time.process_time()
    for _ in lines(UNRELATED if works else 0):
        pass
    return time.process_time() - began


def _judge(given: tuple[int, bool]) -> Worked:
    """Judge what is due of a company until nothing is, or look on."""
    from holding.evaluation.evaluate_due import judge_due

    assert _mine is not None  # noqa: S101 - _begin ran before
    company_id, works = given
    place, number = _mine.place, _mine.meeting.wait()
    began, busy, records = time.monotonic(), time.process_time(), 0
    if not works:
        return Worked(0, 0.0, 0, began, began)
    with place.database.overheard() as asked:
        while True:
            done = judge_due(
                place.database, place.clock, company_id=company_id, owner=f"bench-{number}"
            )
            if not done.count:
                break
            records += done.count
    spent = time.process_time() - busy
    return Worked(records, spent, asked.count("COMMIT"), began, time.monotonic())


# ---- locks --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Waits:
    """Waits for locks of a database, as often as they are looked for while somebody listens."""

    listening: bool = False
    _longest: dict[tuple[int, datetime], float] = field(default_factory=dict)

    def see(self, rows: Sequence[tuple[int, datetime]], now: datetime) -> None:
        """Who waits now, and since when."""
        for pid, since in rows if self.listening else ():
            spent = (now - since).total_seconds()
            self._longest[pid, since] = max(spent, self._longest.get((pid, since), 0.0))

    def seconds(self) -> list[float]:
        """How long each of them was seen to last."""
        return sorted(self._longest.values())


@contextmanager
def lock_waits(url: str) -> Iterator[Waits]:
    """Looks for waits every two milliseconds; a shorter one may not be seen. It looks whether or
    not somebody listens, so that it costs one worker what it costs two.
    """
    import psycopg

    found, over = Waits(), threading.Event()

    def look() -> None:
        with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as place:
            while not over.wait(LOOK_SECONDS):
                rows = place.execute(_WAITING.encode()).fetchall()
                for pid, since, now in rows:
                    found.see([(pid, since)], now)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()
