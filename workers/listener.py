"""The child that hears the doorbell: a plain RQ SimpleWorker.

Here: its connection, and when it is replaced. Not here: what it does (workers/jobs.py). No retries,
no results, no pickles: everything worth keeping is in the database.
"""

from redis import Redis, RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.serializers import JSONSerializer

from holding.platform import processes as doorbell
from holding.platform.settings import logger

log = logger("clearpost.workers")
RECYCLED_AFTER = 5000  # jobs, so that whatever leaks stays small


def listen(url: str) -> None:
    """Hear bells until told to stop, or until this process has done its share."""
    connection = Redis.from_url(url, socket_connect_timeout=2)
    queue = doorbell.queue(connection)
    worker = Listener([queue], connection=connection, serializer=JSONSerializer)
    try:
        worker.work(logging_level="WARNING", max_jobs=RECYCLED_AFTER)
        if not worker.told_to_stop:  # a bell that cannot be read would end every listener
            doorbell.throw_away(queue)
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
        kind = str(job.func_name).removeprefix(doorbell.WORK)
        given = list(job.args or ())
    except DeserializationError:
        return False
    return kind in doorbell.KINDS and len(given) == 1 and type(given[0]) is int
