"""The child that hears the doorbell: a plain RQ SimpleWorker.

Here: its connection, and when it is replaced. Not here: what it does (workers/jobs.py). No retries,
no results, no pickles: everything worth keeping is in the database.
"""

import logging

from redis import Redis, RedisError
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from holding import doorbell

log = logging.getLogger("clearpost.workers")
RECYCLED_AFTER = 5000  # jobs, so that whatever leaks stays small


def listen(url: str) -> None:
    """Hear bells until told to stop, or until this process has done its share."""
    connection = Redis.from_url(url, socket_connect_timeout=2)
    worker = SimpleWorker(
        [doorbell.queue(connection)], connection=connection, serializer=JSONSerializer
    )
    try:
        worker.work(logging_level="WARNING", max_jobs=RECYCLED_AFTER)
    except RedisError as error:
        log.warning("Redis is gone: %s", error)  # our parent works by itself until it is back
