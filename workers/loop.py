"""The supervisor loop of a worker: sweeps, heartbeat, listening children, work without Redis."""

import os
import select
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from holding.access.sessions import forget_ended
from holding.connections import open_signals
from holding.connections.channel import refresh_master_data, to_refresh
from holding.db import leases
from holding.db.database import Database
from holding.db.refusal import Refusal
from holding.evaluation.batch import due_companies, sweep_expired
from holding.holds import folding
from holding.holds.assignments import wake_rested
from holding.intake import pulls
from holding.intake.pulls import start_new_pulls
from holding.mappings import list_turns
from holding.operations import planning, sending
from holding.operations.pruning import remove_bodies
from holding.platform import changes, events, processes, row_trail, settings
from holding.platform.backup import version_refusal
from holding.platform.processes import Room
from holding.platform.settings import logger
from holding.posting.claims import release_expired_claims
from holding.posting.lone_failures import repeat_refused_lookups
from holding.posting.runs import close_left_open
from holding.programs import replay
from holding.rulesets.admission import inspect
from holding.rulesets.start_time import due_files, publish_started
from holding.rulesets.target_ways import resume_due
from holding.runs.dispatch import companies_due
from holding.runs.schedules import start_due
from holding.trials import backtest_turns, shadow_turns
from holding.uploads import submit
from holding.uploads.submit import forget_expired
from workers import jobs
from workers.jobs import Bench

IDLE_SECONDS = 0.2

STOP_SECONDS = 8.0

DUTY = "sweeper"

ASK_AGAIN = 60.0

A_DAY = 86_400.0

A_MINUTE = 60.0

LOOKS_FOR_SIGNALS = 5.0

log = logger("clearpost.workers")

EVERY = 10.0  # seconds


class Stop:
    """A stop flag that a signal handler may set.

    `threading.Event` has a lock that the interrupted code may hold, so the handler could wait for
    ever.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._reads, self._writes = os.pipe()
        os.set_blocking(self._writes, False)

    def set(self) -> None:
        """Set the flag."""
        if not self._is_set:
            self._is_set = True
            os.write(self._writes, b".")

    def is_set(self) -> bool:
        """Check whether the flag is set."""
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Wait until the flag is set, but at most these seconds; return whether it is set."""
        select.select([self._reads], [], [], seconds)
        return self._is_set


class Gate:
    """Checks whether the database may be used; logs each change of the reason once.

    `back` runs before work goes on: the database may have been restored from a backup.
    """

    def __init__(self, database: Database, back: Callable[[], None]) -> None:
        self._database = database
        self._back = back
        self._shut_for: str | None = None

    def is_open(self) -> bool:
        """Check the database now."""
        refusal = version_refusal(self._database)
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
        """Process work until the stop flag is set."""
        try:
            while not self._stop.is_set():
                self._turn()
        finally:
            self._end_children()
            self._leave()

    def drain(self) -> None:
        """Process everything that is due now, then return; uses no queue.

        A daily run may wait for records that were just judged, so it sweeps again after work.
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
        """Send a heartbeat, and stop if a person requested that."""
        jobs.safely(self._pulse.beat)
        if self._pulse.stops and not self._stop.is_set():
            log.warning("Asked to stop: what is in hand is finished, and nothing else is taken.")
            self._stop.set()

    def _leave(self) -> None:
        """Release the sweeper's duty and end the heartbeat."""
        jobs.safely(self._sweeper.leave)
        jobs.safely(self._pulse.end)

    def _turn(self) -> None:
        """Run one sweep and process work until the next sweep, unless the database is unusable."""
        seconds = self._bench.settings.sweep_seconds
        if not self._gate.is_open():
            self._end_children()  # they would answer bells
            self._stop.wait(seconds)
            return
        if not self._children or any(child.poll() is None for child in self._children):
            self._beat()  # listeners that end as fast as they start do no work
        jobs.safely(self._sweeper.sweep)
        if self._url is not None and processes.is_reachable(self._url):
            self._keep_children()
            rung = [processes.ring(company_id, kind) for kind, company_id in self._due()]
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
        """Process due work in this process and return how many jobs did something."""
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
        """Return the work that is due; nothing while the database cannot be used."""
        due: list[tuple[str, int]] = []

        def ask() -> None:
            due.extend(self._sweeper.due())

        if self._gate.is_open():
            jobs.safely(ask)
        return due

    def _keep_children(self) -> None:
        """Start listeners up to the configured number; a recycled or killed one is replaced."""
        self._children = [child for child in self._children if child.poll() is None]
        for _ in range(max(1, self._bench.settings.workers) - len(self._children)):
            command = [sys.executable, "-m", "workers", "--listen", "--watch-parent"]
            self._children.append(subprocess.Popen(command, stdin=subprocess.PIPE))

    def _end_children(self) -> None:
        """Terminate the listeners, wait, then kill: uncertain pushes of a killed child are looked
        up.

        If a person requested the stop, a child may finish its current step.
        """
        limits = self._bench.settings
        patience = (
            limits.lease_seconds + limits.answer_seconds if self._pulse.stops else STOP_SECONDS
        )
        for child in self._children:
            child.terminate()
        for child in self._children:
            try:
                child.wait(patience)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children = []


class Sweeper:
    """Sweeps for one process; remembers when it last refreshed each target."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._asked: dict[int, float] = {}  # by the clock that never jumps
        self._look_at_all = self._note_heads = self._forget_next = float("-inf")
        self._signals_next = float("-inf")
        self._anchors = events.Anchors(bench.settings.anchor_file)
        limits = bench.settings
        self._longest = timedelta(seconds=2 * (limits.lease_seconds + limits.answer_seconds))

    def sweep(self) -> bool:
        """Make one sweep, unless another process has this duty now.

        Every step runs even if an earlier step failed; the failure is raised at the end.
        """
        workbench = self._bench
        with workbench.database.write() as session:
            now = workbench.clock.now()
            until = now + timedelta(seconds=max(1.0, 3 * workbench.settings.sweep_seconds))
            if not leases.take(session, DUTY, owner=workbench.owner, until=until, now=now):
                return False
            back = settings.notice_clock_step(session, workbench.clock)
        if back:
            log.warning("The clock was set back.", by=settings.length_text(back))
        with ExitStack() as steps:  # undone from its end: the last one here is made first
            steps.callback(self._refresh, now)
            steps.callback(self._signal, now)
            steps.callback(row_trail.seal_due_rows, workbench.database, now=now)
            steps.callback(self._link, now)
            steps.callback(folding.fold_all, self._bench.database)
            steps.callback(folding.start_new_days, self._bench.database, now)
            steps.callback(changes.wake_marked, self._bench.database, now)
            steps.callback(replay.complete, self._bench.database, now)
            steps.callback(self._forget, now)
            steps.callback(self._writing, start_new_pulls, now)
            steps.callback(self._writing, list_turns.start_readings, now)
            steps.callback(self._writing, forget_expired, now)
            steps.callback(self._writing, start_due, now)
            steps.callback(self._writing, resume_due, now)
            steps.callback(self._start_rules, now)
            steps.callback(self._writing, wake_rested, now)
            steps.callback(self._writing, repeat_refused_lookups, now)
            steps.callback(self._writing, close_left_open, now)
            steps.callback(sweep_expired, workbench.database, now, longest=self._longest)
            steps.callback(self._writing, release_expired_claims, now, longest=self._longest)
        return True

    def leave(self) -> None:
        """Refresh the signals, link the last events, and let another process sweep."""
        now = self._bench.clock.now()
        self._writing(open_signals.refresh_signals, now)
        database = self._bench.database
        events.link_due_events(database, now=now, all_events=False, after=lambda: self._note(now))
        if row_trail.seal_due_rows(database, now=now, at_once=True):
            events.link_due_events(
                database, now=now, all_events=False, after=lambda: self._note(now)
            )
        with self._bench.database.write() as session:
            leases.leave(session, DUTY, owner=self._bench.owner)

    def due(self) -> Sequence[tuple[str, int]]:
        """Return (kind of work, company) for all work that is due, judging first."""
        with self._bench.database.read() as session:
            now = self._bench.clock.now()
            judging, pushing = due_companies(session, now), companies_due(session, now)
            pulling = pulls.due_companies(session, now)
            uploads = submit.due_companies(session, now)
            shadowing = shadow_turns.due_companies(session, now)
            backtesting = backtest_turns.due_companies(session)
            telling = sending.due_companies(session, now)
            reading = list_turns.due_companies(session, now)
        kinds = {
            "evaluate": judging,
            "push": pushing,
            "pull": pulling,
            "upload": uploads,
            "shadow": shadowing,
            "backtest": backtesting,
            "notify": telling,
            "lists": reading,
        }
        return [(kind, key) for kind, keys in kinds.items() for key in keys]

    def _writing(self, step: Callable[..., object], now: datetime, **options: Any) -> None:
        """Run one step in a transaction of its own."""
        with self._bench.database.write() as session:
            step(session, now, **options)

    def _start_rules(self, now: datetime) -> None:
        """Publish a change whose time has come; the next one with the next sweep."""
        with self._bench.database.read() as session:
            files = due_files(session, now)
        if files is None:
            return
        inspect(files)  # kept: their tests run while nobody waits for this transaction
        with self._bench.database.write() as session:
            done = publish_started(session, now)
        if isinstance(done, Refusal):
            log.warning("A change did not come into force at its time.", why=done.message)

    def _signal(self, now: datetime) -> None:
        """Raise and end signals, every few seconds."""
        seconds = self._bench.clock.monotonic()
        if seconds >= self._signals_next:
            self._signals_next = seconds + LOOKS_FOR_SIGNALS
            self._writing(open_signals.refresh_signals, now)
            self._writing(planning.plan_due_notices, now, root=self._bench.settings.page_root)

    def _link(self, now: datetime) -> None:
        """Link recent events; at the start and once a day, link all that were left behind."""
        seconds = self._bench.clock.monotonic()
        is_full = seconds >= self._look_at_all
        database = self._bench.database
        events.link_due_events(database, now=now, all_events=is_full, after=lambda: self._note(now))
        if is_full:
            self._look_at_all = seconds + A_DAY
        if seconds >= self._note_heads:
            self._note_heads = seconds + events.LOOKS.total_seconds() / 2
            self._note(now)

    def _forget(self, now: datetime) -> None:
        """Delete expired sessions, old heartbeats and raw bodies, at the start and once a day."""
        seconds = self._bench.clock.monotonic()
        if seconds >= self._forget_next:
            self._forget_next = seconds + A_DAY
            self._writing(forget_ended, now)
            self._writing(processes.delete_old_heartbeats, now)
            workbench = self._bench
            retention = timedelta(days=workbench.settings.body_days)
            remove_bodies(workbench.database, now, retention=retention)

    def _note(self, now: datetime) -> None:
        """Write the heads of the chains to the anchor file and the log.

        A file that cannot be written stops no other work.
        """
        try:
            anchors = self._anchors.due(self._bench.database, now)
            for anchor in anchors:
                head = f"{anchor.head.seq}:{anchor.head.hash}"
                log.info("The head of a chain is noted.", company=anchor.company, head=head)
            self._anchors.add(anchors)
        except (OSError, ValueError) as problem:
            self._note_heads = self._bench.clock.monotonic() + A_MINUTE
            log.error("The heads of the chains cannot be noted.", why=str(problem))

    def _refresh(self, now: datetime) -> None:
        """Refresh targets whose master data is old; a target that does not answer is tried less
        often.
        """
        workbench = self._bench
        with workbench.database.read() as session:
            old = to_refresh(session, now)
        for key in old:
            seconds = workbench.clock.monotonic()
            if seconds - self._asked.get(key, float("-inf")) < ASK_AGAIN:
                continue
            self._asked[key] = seconds
            report = refresh_master_data(workbench.desk, key)
            if isinstance(report, Refusal):
                log.warning("A connection cannot be tested.", connection=key, why=report.message)


class Pulse:
    """The heartbeat of one process; remembers when the last one was sent."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._started_at = bench.clock.now()
        self._last = float("-inf")
        self.stops = False
        """Whether a person asked it to stop; heard with a sign of life."""

    def beat(self) -> None:
        """Send a heartbeat, unless the last one was sent less than EVERY seconds ago."""
        workbench = self._bench
        seconds = workbench.clock.monotonic()
        if seconds - self._last < EVERY:
            return
        now, room = workbench.clock.now(), Room.here(workbench.settings.home)
        with workbench.database.write() as session:
            processes.beat(
                session,
                workbench.owner,
                started_at=self._started_at,
                now=now,
                next_by=now + self._patience(),
                room=room,
            )
            self.stops = processes.should_stop(session, workbench.owner)
        self._last = seconds

    def end(self) -> None:
        """Record that this worker ended in order."""
        workbench = self._bench
        with workbench.database.write() as session:
            processes.end_heartbeat(session, workbench.owner, workbench.clock.now())

    def _patience(self) -> timedelta:
        """Return how long the next heartbeat may take.

        No step between two heartbeats outlasts a lease and an answer; a turn may also wait for a
        sweep.
        """
        limits = self._bench.settings
        return timedelta(
            seconds=EVERY + limits.lease_seconds + limits.answer_seconds + 3 * limits.sweep_seconds
        )
