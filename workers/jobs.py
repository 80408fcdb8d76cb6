"""The jobs of the queue (evaluate, push, pull, …) and the listener that runs them."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial

from redis import Redis, RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.serializers import JSONSerializer

from connectors.transport.http import MachineClock
from holding.connections.channel import Desk
from holding.db.database import Database, open_database
from holding.db.refusal import Refusal
from holding.evaluation.evaluate_due import judge_due
from holding.intake.pulls import pull_due
from holding.mappings.reported_lists import read_due
from holding.operations.sending import Tools, send_due
from holding.platform import processes
from holding.platform.settings import DatabaseClock, Settings, logger
from holding.programs import world
from holding.runs.dispatch import open_desk, push_due
from holding.trials import backtest_turns, shadow_turns, shadows
from holding.uploads.upload_turns import work_due

BATCH = 500

LONGEST = 15.0  # seconds of processor time to work out a batch, which takes less than one

log = logger("clearpost.workers")

RECYCLED_AFTER = 5000  # jobs, so that whatever leaks stays small


@dataclass(frozen=True, slots=True)
class Bench:
    """What this process works with."""

    settings: Settings
    database: Database
    clock: DatabaseClock
    desk: Desk
    owner: str


@cache
def bench() -> Bench:
    """Open everything once; a worker without its key file cannot start."""
    settings = Settings.from_env()
    database = open_database(settings.database_url)
    clock = DatabaseClock(database, MachineClock(settings.home))
    owner = f"{socket.gethostname()}:{os.getpid()}"
    desk = open_desk(database, clock, owner=owner, settings=settings)
    if isinstance(desk, Refusal):
        raise SystemExit(f"{desk.message} {desk.hint}")
    return Bench(settings, database, clock, desk, owner)


def forget(mine: Bench) -> None:
    """What was read and kept in memory may not be what the database has now: it was away, or had
    another schema, and perhaps it was restored.
    """
    world.forget()
    shadows.forget_worlds()
    mine.desk.forget()


def evaluate(company_id: int) -> int:
    """Judge a batch of due records; ring again while there are more, and for what became ready."""
    processes.clear_bell(company_id, "evaluate")
    mine = bench()
    judged = judge_due(
        mine.database,
        mine.clock,
        company_id=company_id,
        owner=mine.owner,
        limit=BATCH,
        lease_seconds=mine.settings.lease_seconds,
        call_help=partial(call, company_id, "evaluate"),
        within_bounds=_ends_when_stuck,
    )
    if judged.woke_push:
        call(company_id, "push")
    if judged.count:
        call(company_id, "evaluate")
    return judged.count


@contextmanager
def _ends_when_stuck() -> Iterator[None]:
    """The kernel ends this process if it computes for too long: like any crash, that leaves the
    records to others, and the one that does it three times is held.
    """
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def push(company_id: int) -> int:
    """Send and look up for a few seconds; ring again while there is more, and for whom it woke."""
    processes.clear_bell(company_id, "push")
    mine = bench()
    pushed = push_due(
        mine.database,
        mine.clock,
        company_id=company_id,
        owner=mine.owner,
        desk=mine.desk,
        call_help=partial(call, company_id, "push"),
    )
    if isinstance(pushed, Refusal):
        log.error("A company cannot push.", company=company_id, why=pushed.message)
        return 0
    if pushed.more:
        call(company_id, "push")
    if pushed.woke:
        call(company_id, "evaluate")
    return pushed.count


def pull(company_id: int) -> int:
    """Ask the company's sources for what changed there; ring for what came, and while there is more
    to ask for.
    """
    processes.clear_bell(company_id, "pull")
    mine = bench()
    pulled = pull_due(
        mine.database,
        mine.clock,
        company_id=company_id,
        owner=mine.owner,
        http=mine.desk.http,
        keys=mine.desk.keys,
        lease_seconds=mine.settings.lease_seconds,
    )
    if pulled.new:
        call(company_id, "evaluate")
    if pulled.more:
        call(company_id, "pull")
    return pulled.pages


def lists(company_id: int) -> int:
    """Read the lists that the company's targets tell; ring again while there is more."""
    processes.clear_bell(company_id, "lists")
    mine = bench()
    told = read_due(
        mine.database,
        mine.clock,
        company_id=company_id,
        owner=mine.owner,
        http=mine.desk.http,
        keys=mine.desk.keys,
        lease_seconds=mine.settings.lease_seconds,
    )
    if told.more:
        call(company_id, "lists")
    return told.pages


def shadow(company_id: int) -> int:
    """Judge some of what was judged by the rules of a change, without effect; ring again while
    there is more.
    """
    processes.clear_bell(company_id, "shadow")
    mine = bench()
    judged = shadow_turns.take_turn(mine.database, mine.clock, company_id)
    if judged:
        call(company_id, "shadow")
    return judged


def backtest(company_id: int) -> int:
    """Judge some of what is stored by the rules of a change, for a backtest; ring again while there
    is more.
    """
    processes.clear_bell(company_id, "backtest")
    mine = bench()
    more = backtest_turns.take_turn(mine.database, mine.clock, company_id)
    if more:
        call(company_id, "backtest")
    return more


def upload(company_id: int) -> int:
    """Check or import a part of a file that somebody uploaded; ring for what came of it."""
    processes.clear_bell(company_id, "upload")
    mine = bench()
    worked = work_due(
        mine.database,
        mine.clock,
        company_id=company_id,
        owner=mine.owner,
        lease_seconds=mine.settings.lease_seconds,
        ring=partial(call, company_id, "evaluate"),
    )
    if worked.more:
        call(company_id, "upload")
    return worked.steps


def notify(company_id: int) -> int:
    """Send a message that is due; ring again while there may be more."""
    processes.clear_bell(company_id, "notify")
    mine = bench()
    tools = Tools(mine.desk.http, mine.desk.keys, mine.settings.mail)
    sent = send_due(mine.database, mine.clock, company_id, owner=mine.owner, tools=tools)
    if sent:
        call(company_id, "notify")
    return sent


def safely(work: Callable[..., object], *given: object) -> int:
    """The door to what may break: whatever happens is written down, the worker goes on."""
    try:
        return int(bool(work(*given)))
    except Exception:
        log.exception(
            "Work failed; what was claimed comes back when its lease ends.", work=work.__name__
        )
        return 0


def call(company_id: int, kind: str) -> None:
    """Ring; what nobody hears is found by the next sweep, or by the loop without Redis."""
    processes.ring(company_id, kind)


def listen(url: str) -> None:
    """Hear bells until told to stop, or until this process has done its share."""
    connection = Redis.from_url(url, socket_connect_timeout=2)
    queue = processes.queue(connection)
    worker = Listener([queue], connection=connection, serializer=JSONSerializer)
    try:
        worker.work(logging_level="WARNING", max_jobs=RECYCLED_AFTER)
        if not worker.told_to_stop:  # a bell that cannot be read would end every listener
            processes.clear_all_bells(queue)
    except RedisError as error:
        log.warning("Redis is gone.", why=str(error))  # our parent works alone until it is back


class Listener(SimpleWorker):
    """Answers our own bells and nothing else that stands in the queue."""

    @property
    def told_to_stop(self) -> bool:
        """Whether it ended because somebody asked it to."""
        return bool(self._stop_requested)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Do what a bell of ours asks; whatever else was put there is thrown away."""
        if not _ours(job):
            log.warning("Thrown away: a job that is no bell of ours.")
            queue.intermediate_queue.remove(job.id)
            job.delete()
            return
        super().execute_job(job, queue)


def _ours(job: Job) -> bool:
    """Whether it names one of our jobs and a company."""
    try:
        kind = str(job.func_name).removeprefix(processes.WORK)
        given = list(job.args or ())
    except DeserializationError:
        return False
    return kind in processes.KINDS and len(given) == 1 and type(given[0]) is int
