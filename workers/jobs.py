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
from holding.db.database import UNAVAILABLE, Database, open_database
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
    """The resources of this process."""

    settings: Settings
    database: Database
    clock: DatabaseClock
    desk: Desk
    owner: str


@cache
def bench() -> Bench:
    """Open the settings, the database and the desk once; exit if the key file is missing."""
    settings = Settings.from_env()
    database = open_database(settings.database_url)
    clock = DatabaseClock(database, MachineClock(settings.home))
    owner = f"{socket.gethostname()}:{os.getpid()}"
    desk = open_desk(database, clock, owner=owner, settings=settings)
    if isinstance(desk, Refusal):
        raise SystemExit(f"{desk.message} {desk.hint}")
    return Bench(settings, database, clock, desk, owner)


def forget(workbench: Bench) -> None:
    """Drop all caches: the database may have been restored or changed while it was away."""
    world.forget()
    shadows.forget_worlds()
    workbench.desk.forget()


def evaluate(company_id: int) -> int:
    """Judge a batch of due records; ring again while there are more, and for records now ready to
    push.
    """
    processes.clear_bell(company_id, "evaluate")
    workbench = bench()
    judged = judge_due(
        workbench.database,
        workbench.clock,
        company_id=company_id,
        owner=workbench.owner,
        limit=BATCH,
        lease_seconds=workbench.settings.lease_seconds,
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
    """Make the kernel end this process if it computes for too long.

    As after any crash, other workers take the records; a record that does it three times is held.
    """
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def push(company_id: int) -> int:
    """Send and look up for a few seconds; ring again while there is more, and for records to judge
    again.
    """
    processes.clear_bell(company_id, "push")
    workbench = bench()
    pushed = push_due(
        workbench.database,
        workbench.clock,
        company_id=company_id,
        owner=workbench.owner,
        desk=workbench.desk,
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
    """Pull the changes of the company's sources; ring for new records, and while there are more
    pages.
    """
    processes.clear_bell(company_id, "pull")
    workbench = bench()
    pulled = pull_due(
        workbench.database,
        workbench.clock,
        company_id=company_id,
        owner=workbench.owner,
        http=workbench.desk.http,
        keys=workbench.desk.keys,
        lease_seconds=workbench.settings.lease_seconds,
    )
    if pulled.new:
        call(company_id, "evaluate")
    if pulled.more:
        call(company_id, "pull")
    return pulled.pages


def lists(company_id: int) -> int:
    """Read the lists of the company's targets; ring again while there is more."""
    processes.clear_bell(company_id, "lists")
    workbench = bench()
    turn = read_due(
        workbench.database,
        workbench.clock,
        company_id=company_id,
        owner=workbench.owner,
        http=workbench.desk.http,
        keys=workbench.desk.keys,
        lease_seconds=workbench.settings.lease_seconds,
    )
    if turn.more:
        call(company_id, "lists")
    return turn.pages


def shadow(company_id: int) -> int:
    """Judge some records by a change's rules without effect; ring again while there are more."""
    processes.clear_bell(company_id, "shadow")
    workbench = bench()
    judged = shadow_turns.take_turn(workbench.database, workbench.clock, company_id)
    if judged:
        call(company_id, "shadow")
    return judged


def backtest(company_id: int) -> int:
    """Judge some stored records by a change's rules for a backtest; ring again while there are
    more.
    """
    processes.clear_bell(company_id, "backtest")
    workbench = bench()
    more = backtest_turns.take_turn(workbench.database, workbench.clock, company_id)
    if more:
        call(company_id, "backtest")
    return more


def upload(company_id: int) -> int:
    """Check or import a part of an uploaded file; ring for its records."""
    processes.clear_bell(company_id, "upload")
    workbench = bench()
    worked = work_due(
        workbench.database,
        workbench.clock,
        company_id=company_id,
        owner=workbench.owner,
        lease_seconds=workbench.settings.lease_seconds,
        ring=partial(call, company_id, "evaluate"),
    )
    if worked.more:
        call(company_id, "upload")
    return worked.steps


def notify(company_id: int) -> int:
    """Send a message that is due; ring again while there may be more."""
    processes.clear_bell(company_id, "notify")
    workbench = bench()
    tools = Tools(workbench.desk.http, workbench.desk.keys, workbench.settings.mail)
    sent = send_due(
        workbench.database, workbench.clock, company_id, owner=workbench.owner, tools=tools
    )
    if sent:
        call(company_id, "notify")
    return sent


def safely(work: Callable[..., object], *arguments: object) -> int:
    """Run the work and log any exception, so that the worker continues. Return 1 if it did
    something.
    """
    try:
        return int(bool(work(*arguments)))
    except UNAVAILABLE as error:  # an outage is one line; the next claim waits until it ends
        log.warning(
            "No database for a piece of work; what was claimed comes back when its lease ends.",
            work=work.__name__,
            why=str(error.orig),
        )
        return 0
    except Exception:
        log.exception(
            "Work failed; what was claimed comes back when its lease ends.", work=work.__name__
        )
        return 0


def call(company_id: int, kind: str) -> None:
    """Notify the workers of due work of a kind. If a notification is lost, the next sweep finds the
    work.
    """
    processes.ring(company_id, kind)


def listen(url: str) -> None:
    """Answer bells until a stop is requested, or until this process has run its share of jobs."""
    connection = Redis.from_url(url, socket_connect_timeout=2)
    queue = processes.queue(connection)
    worker = Listener([queue], connection=connection, serializer=JSONSerializer)
    try:
        worker.work(logging_level="WARNING", max_jobs=RECYCLED_AFTER)
        if not worker.is_stop_requested:  # a bell that cannot be read would end every listener
            processes.clear_all_bells(queue)
    except RedisError as error:
        log.warning("Redis is gone.", why=str(error))  # our parent works alone until it is back


class Listener(SimpleWorker):
    """Answers Clearpost's own bells and discards any other job in the queue."""

    @property
    def is_stop_requested(self) -> bool:
        """Whether it ended because a stop was requested."""
        return bool(self._stop_requested)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run one of our jobs; discard any other job."""
        if not _is_own_job(job):
            log.warning("Thrown away: a job that is no bell of ours.")
            queue.intermediate_queue.remove(job.id)
            job.delete()
            return
        super().execute_job(job, queue)


def _is_own_job(job: Job) -> bool:
    """Check whether the job names a kind of work and a company."""
    try:
        kind = str(job.func_name).removeprefix(processes.WORK)
        arguments = list(job.args or ())
    except DeserializationError:
        return False
    return kind in processes.KINDS and len(arguments) == 1 and type(arguments[0]) is int
