"""The word to the queue that work may be due.

Here: ringing after a commit; the only file outside workers/ that knows rq and redis. A bell carries
a company and a kind, no work: a lost, doubled or forged one costs latency only, because the sweep
finds what is due.
"""

import os
from functools import lru_cache

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from connectors.transport import fault_points

QUEUE = "clearpost"
KINDS = ("evaluate", "push", "pull", "upload", "shadow", "backtest", "notify", "lists")
WORK = "workers.jobs."  # and a kind: all that a bell may ask for
STALE_SECONDS = 5  # a bell that nobody answered for so long may be rung again
RING_SECONDS = 0.5  # a page waits for this; a bell that is not heard is found by the sweep
HEARD_SECONDS = 2.0  # a worker gives up its listeners for longer silence only


def ring(company_id: int, kind: str) -> bool:
    """Say that work of this kind may be due; False when nobody could hear it. Never raises."""
    fault_points.point("doorbell.after_commit")
    url = os.environ.get("REDIS_URL")
    if not url:
        return False
    try:
        redis = connect(url)
        if not redis.set(bell(company_id, kind), 1, nx=True, ex=STALE_SECONDS):
            return True
        queue(redis).enqueue_call(
            f"{WORK}{kind}", args=(company_id,), timeout=-1, result_ttl=0, failure_ttl=60
        )
    except (RedisError, OSError):
        return False
    return True


def answer(company_id: int, kind: str) -> None:
    """Take the bell down before the work is claimed, so that a later ring is heard again."""
    url = os.environ.get("REDIS_URL")
    if url:
        try:
            connect(url).delete(bell(company_id, kind))
        except (RedisError, OSError):
            return


def heard(url: str) -> bool:
    """Whether the Redis behind this address answers now."""
    try:
        return bool(connect(url, HEARD_SECONDS).ping())
    except (RedisError, OSError):
        return False


def answers(url: str) -> bool:
    """The same, asked by a page: it waits as long as for a bell."""
    try:
        return bool(connect(url).ping())
    except (RedisError, OSError):
        return False


def bell(company_id: int, kind: str) -> str:
    """The name of the mark that keeps a rung bell from being rung twice."""
    return f"clearpost:bell:{kind}:{company_id}"


def queue(redis: Redis) -> Queue:
    """Our one queue; jobs are JSON, so that a writer to Redis cannot make a worker run code."""
    return Queue(QUEUE, connection=redis, serializer=JSONSerializer)


def silent() -> bool:
    """Whether no bell waits and none is being answered, asked in one moment; for measuring, which
    must know when a shop rests. Raises what Redis raises.
    """
    found = queue(connect(os.environ["REDIS_URL"]))
    asked = found.connection.pipeline(transaction=True)
    asked.llen(found.key)
    asked.llen(found.intermediate_queue_key)
    asked.zcard(found.started_job_registry.key)
    return not any(asked.execute())


def throw_away(found: Queue) -> None:
    """Take all bells away; what is due is rung for again by the next sweep."""
    found.connection.delete(found.key, found.intermediate_queue_key)


@lru_cache(maxsize=4)
def connect(url: str, seconds: float = RING_SECONDS) -> Redis:
    """A client that gives up quickly and never retries: the sweep does that."""
    return Redis.from_url(
        url,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
    )
