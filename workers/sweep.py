"""What nobody rang for: leases of the dead, daily runs, rules whose time has come, old
snapshots, and whatever is due.

Here: one sweep, made by one process at a time, and the list of what is due. Not here: how often
(workers/loop.py).
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

from holding.access.actors import SYSTEM
from holding.access.sessions import forget_ended
from holding.connections import open_signals as raising
from holding.connections.channel import test_connection, to_refresh
from holding.db import leases
from holding.db.refusal import Refusal
from holding.evaluation.batch import due_companies, sweep_expired
from holding.holds import folding
from holding.holds import folding as passing_days
from holding.holds.assignments import wake_rested
from holding.intake import pulls as pull_turns
from holding.intake.pulls import arrange
from holding.mappings import list_turns
from holding.operations import planning, sending
from holding.operations.pruning import remove_bodies
from holding.platform import changes as later_wakes
from holding.platform import events as anchors
from holding.platform import events as chain
from holding.platform import processes as heartbeats
from holding.platform import settings as clock
from holding.platform.settings import logger
from holding.posting.claims import free_the_dead
from holding.posting.runs import close_left_open
from holding.programs import replay as completed_uses
from holding.rulesets.admission import inspect
from holding.rulesets.start_time import due_files, publish_started
from holding.rulesets.target_ways import resume_due
from holding.runs.dispatch import companies_due
from holding.runs.schedules import start_due
from holding.trials import backtest_turns, shadow_turns
from holding.uploads import submit as upload_claims
from holding.uploads.submit import forget_expired
from workers.jobs import Bench

DUTY = "sweeper"
ASK_AGAIN = 60.0
A_DAY = 86_400.0
A_MINUTE = 60.0
LOOKS_FOR_SIGNALS = 5.0
log = logger("clearpost.workers")


class Sweeper:
    """Sweeps for one process; remembers which targets it asked a moment ago."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._asked: dict[int, float] = {}  # by the clock that never jumps
        self._look_at_all = self._note_heads = self._forget_next = float("-inf")
        self._signals_next = float("-inf")
        self._anchors = anchors.Anchors(bench.settings.anchor_file)
        told = bench.settings
        self._longest = timedelta(seconds=2 * (told.lease_seconds + told.answer_seconds))

    def sweep(self) -> bool:
        """Make one sweep, unless another process has this duty now.

        Every step is made, whatever became of those before it; what broke one is raised at the end.
        """
        mine = self._bench
        with mine.database.write() as session:
            now = mine.clock.now()
            until = now + timedelta(seconds=max(1.0, 3 * mine.settings.sweep_seconds))
            if not leases.take(session, DUTY, owner=mine.owner, until=until, now=now):
                return False
            back = clock.notice(session, mine.clock)
        if back:
            log.warning("The clock was set back.", by=clock.length(back))
        with ExitStack() as steps:  # undone from its end: the last one here is made first
            steps.callback(self._refresh, now)
            steps.callback(self._signal, now)
            steps.callback(self._link, now)
            steps.callback(folding.fold_all, self._bench.database)
            steps.callback(passing_days.pass_days, self._bench.database, now)
            steps.callback(later_wakes.wake_later, self._bench.database, now)
            steps.callback(completed_uses.complete, self._bench.database, now)
            steps.callback(self._forget, now)
            steps.callback(self._writing, arrange, now)
            steps.callback(self._writing, list_turns.arrange, now)
            steps.callback(self._writing, forget_expired, now)
            steps.callback(self._writing, start_due, now)
            steps.callback(self._writing, resume_due, now)
            steps.callback(self._start_rules, now)
            steps.callback(self._writing, wake_rested, now)
            steps.callback(self._writing, close_left_open, now)
            steps.callback(sweep_expired, mine.database, now, longest=self._longest)
            steps.callback(self._writing, free_the_dead, now, longest=self._longest)
        return True

    def leave(self) -> None:
        """Raise what has come of the work, link what was told last, let another process sweep."""
        now = self._bench.clock.now()
        self._writing(raising.refresh, now)
        chain.link_due(self._bench.database, now=now, whole=False, after=lambda: self._note(now))
        with self._bench.database.write() as session:
            leases.leave(session, DUTY, owner=self._bench.owner)

    def due(self) -> Sequence[tuple[str, int]]:
        """(kind of work, company) for everything that could be done now; judging comes first."""
        with self._bench.database.read() as session:
            now = self._bench.clock.now()
            judging, pushing = due_companies(session, now), companies_due(session, now)
            pulling = pull_turns.due_companies(session, now)
            uploads = upload_claims.due_companies(session, now)
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

    def _writing(self, step: Callable[..., object], now: datetime, **given: Any) -> None:
        """One step in a transaction of its own."""
        with self._bench.database.write() as session:
            step(session, now, **given)

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
            self._writing(raising.refresh, now)
            self._writing(planning.plan_due_notices, now, root=self._bench.settings.page_root)

    def _link(self, now: datetime) -> None:
        """Link the events of late; once a day, and at first, whatever was left behind too."""
        seconds = self._bench.clock.monotonic()
        whole = seconds >= self._look_at_all
        told = self._bench.database
        chain.link_due(told, now=now, whole=whole, after=lambda: self._note(now))
        if whole:
            self._look_at_all = seconds + A_DAY
        if seconds >= self._note_heads:
            self._note_heads = seconds + anchors.LOOKS.total_seconds() / 2
            self._note(now)

    def _forget(self, now: datetime) -> None:
        """Once a day, and at first: what nobody asks for any more."""
        seconds = self._bench.clock.monotonic()
        if seconds >= self._forget_next:
            self._forget_next = seconds + A_DAY
            self._writing(forget_ended, now)
            self._writing(heartbeats.forget_old, now)
            mine = self._bench
            kept = timedelta(days=mine.settings.body_days)
            remove_bodies(mine.database, now, kept=kept)

    def _note(self, now: datetime) -> None:
        """Note the heads of the chains, in the file and in the log; a file that cannot be written
        stops no work.
        """
        try:
            due = self._anchors.due(self._bench.database, now)
            for one in due:
                head = f"{one.head.seq}:{one.head.hash}"
                log.info("The head of a chain is noted.", company=one.company, head=head)
            self._anchors.add(due)
        except (OSError, ValueError) as problem:
            self._note_heads = self._bench.clock.monotonic() + A_MINUTE
            log.error("The heads of the chains cannot be noted.", why=str(problem))

    def _refresh(self, now: datetime) -> None:
        """Ask targets whose master data is old; one that does not answer is asked less often."""
        mine = self._bench
        with mine.database.read() as session:
            old = to_refresh(session, now)
        for key in old:
            seconds = mine.clock.monotonic()
            if seconds - self._asked.get(key, float("-inf")) < ASK_AGAIN:
                continue
            self._asked[key] = seconds
            report = test_connection(
                mine.database, mine.clock, key, SYSTEM, http=mine.desk.http, keys=mine.desk.keys
            )
            if isinstance(report, Refusal):
                log.warning("A connection cannot be tested.", connection=key, why=report.message)
