"""A worker: with a queue it rings and keeps listening children, without one it works itself.

Here: the two ways and the change between them when Redis goes or comes; whether it may work now,
since its database is there and has the schema of this program; the word to stop. Not here: the work
(workers/jobs.py), what makes a database fit (holding/platform/backup.py).
"""

import os
import select
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial

from holding.db.database import Database
from holding.platform import processes as doorbell
from holding.platform.backup import unfit
from holding.platform.settings import logger
from workers import jobs
from workers.jobs import Bench
from workers.pulse import Pulse
from workers.sweep import Sweeper

IDLE_SECONDS = 0.2
STOP_SECONDS = 8.0
log = logger("clearpost.workers")


class Stop:
    """Like `threading.Event`, whose lock the very code may hold that a signal interrupts: its
    handler would then wait for itself for ever.
    """

    def __init__(self) -> None:
        self._told = False
        self._reads, self._writes = os.pipe()
        os.set_blocking(self._writes, False)

    def set(self) -> None:
        """Stop, from now on."""
        if not self._told:
            self._told = True
            os.write(self._writes, b".")

    def is_set(self) -> bool:
        """Whether it was told."""
        return self._told

    def wait(self, seconds: float) -> bool:
        """Wait until it is told, but no longer than this; whether it was."""
        select.select([self._reads], [], [], seconds)
        return self._told


class Gate:
    """Of one process; remembers why it is shut, so that a long pause is told once. What has to be
    done before it goes on is `back`: the database may have come back as another.
    """

    def __init__(self, database: Database, back: Callable[[], None]) -> None:
        self._database = database
        self._back = back
        self._shut_for: str | None = None

    def is_open(self) -> bool:
        """Ask now."""
        refusal = unfit(self._database)
        reason = refusal.code if refusal else None
        if reason != self._shut_for:
            if refusal:
                log.error("Paused, nothing is claimed.", why=f"{refusal.message} {refusal.hint}")
            else:
                self._back()
                log.warning("The database is there and fits: going on.")
        self._shut_for = reason
        return reason is None


class Worker:
    """One supervisor: sweeps, rings, and keeps its listening children alive."""

    def __init__(self, bench: Bench, stop: Stop, *, url: str | None) -> None:
        self._bench = bench
        self._stop = stop
        self._url = url
        self._sweeper = Sweeper(bench)
        self._gate = Gate(bench.database, partial(jobs.forget, bench))
        self._pulse = Pulse(bench)
        self._children: list[subprocess.Popen[bytes]] = []

    def run(self) -> None:
        """Work until told to stop."""
        try:
            while not self._stop.is_set():
                self._turn()
        finally:
            self._end_children()
            self._leave()

    def drain(self) -> None:
        """Do everything that is due now, then return; uses no queue.

        What was judged may be what a daily run waited for, so it is swept again after work.
        """
        worked = True
        while worked and not self._stop.is_set():
            self._beat()
            self._sweeper.sweep()
            worked = False
            while not self._stop.is_set() and self._work():
                worked = True
        self._leave()

    def _beat(self) -> None:
        """Give a sign of life, and hear whether a person asked this worker to stop."""
        jobs.safely(self._pulse.beat)
        if self._pulse.stops and not self._stop.is_set():
            log.warning("Asked to stop: what is in hand is finished, and nothing else is taken.")
            self._stop.set()

    def _leave(self) -> None:
        """End in order: nobody waits for this worker, and nobody misses it."""
        jobs.safely(self._sweeper.leave)
        jobs.safely(self._pulse.end)

    def _turn(self) -> None:
        """One sweep and what follows from it until the next, unless the database is not fit."""
        seconds = self._bench.settings.sweep_seconds
        if not self._gate.is_open():
            self._end_children()  # they would answer bells
            self._stop.wait(seconds)
            return
        if not self._children or any(child.poll() is None for child in self._children):
            self._beat()  # listeners that end as fast as they start do no work
        jobs.safely(self._sweeper.sweep)
        if self._url is not None and doorbell.heard(self._url):
            self._keep_children()
            rung = [doorbell.ring(company_id, kind) for kind, company_id in self._due()]
            if all(rung):
                self._stop.wait(seconds)
                return
        else:
            self._end_children()
        until = self._bench.clock.monotonic() + seconds
        while not self._stop.is_set() and self._bench.clock.monotonic() < until:
            if not self._work():
                self._stop.wait(min(IDLE_SECONDS, seconds))

    def _work(self) -> int:
        """Do what is due in this process; how much it was."""
        doing = {
            "evaluate": jobs.evaluate,
            "push": jobs.push,
            "pull": jobs.pull,
            "upload": jobs.upload,
            "shadow": jobs.shadow,
            "backtest": jobs.backtest,
            "notify": jobs.notify,
            "lists": jobs.lists,
        }
        worked = 0
        for kind, company_id in self._due():
            if self._stop.is_set():
                break
            worked += jobs.safely(doing[kind], company_id)
            self._beat()
        return worked

    def _due(self) -> Sequence[tuple[str, int]]:
        """What could be done now; nothing while the database cannot say, or says it otherwise."""
        due: list[tuple[str, int]] = []

        def ask() -> None:
            due.extend(self._sweeper.due())

        if self._gate.is_open():
            jobs.safely(ask)
        return due

    def _keep_children(self) -> None:
        """As many listeners as wanted; one that ended (recycled, killed) is replaced."""
        self._children = [child for child in self._children if child.poll() is None]
        for _ in range(max(1, self._bench.settings.workers) - len(self._children)):
            command = [sys.executable, "-m", "workers", "--listen", "--watch-parent"]
            self._children.append(subprocess.Popen(command, stdin=subprocess.PIPE))

    def _end_children(self) -> None:
        """Ask, wait, then insist: what a killed child leaves behind is looked up. Where a person
        asked this worker to stop, a child may finish what it does, however long a step takes.
        """
        told = self._bench.settings
        patience = told.lease_seconds + told.answer_seconds if self._pulse.stops else STOP_SECONDS
        for child in self._children:
            child.terminate()
        for child in self._children:
            try:
                child.wait(patience)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children = []
