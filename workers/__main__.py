"""`python -m workers`: the worker process.

Here: its options, signals and the watch on its parent. Not here: what it does (workers/loop.py).
"""

import argparse
import logging
import os
import signal
import sys
import threading
from typing import Any

from workers.jobs import bench
from workers.listen import listen
from workers.loop import STOP_SECONDS, Worker

log = logging.getLogger("clearpost.workers")


def main(arguments: list[str] | None = None) -> int:
    """Start a worker; ends well on SIGTERM, SIGINT and, if asked to, when standard input closes."""
    options = _options(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    stop = threading.Event()
    if options.watch_parent:
        threading.Thread(target=_watch, daemon=True).start()
    mine = bench()
    url = None if options.no_redis else mine.settings.redis_url
    if options.listen and url:
        listen(url)
        return 0
    for word in (signal.SIGTERM, signal.SIGINT):
        signal.signal(word, lambda *_: stop.set())
    if url is None and not options.once:
        log.warning("No REDIS_URL: looking for work in the database by turns.")
    worker = Worker(mine, stop, url=url)
    worker.drain() if options.once else worker.run()
    return 0


def _options(arguments: list[str] | None) -> Any:
    parser = argparse.ArgumentParser(prog="python -m workers", description=main.__doc__)
    parser.add_argument("--no-redis", action="store_true", help="look for work in the tables only")
    parser.add_argument("--once", action="store_true", help="do what is due now, then end")
    parser.add_argument("--watch-parent", action="store_true", help="end when stdin closes")
    parser.add_argument("--listen", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _watch() -> None:
    """Our parent is gone: end as if told to, and if that takes too long, at once."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(STOP_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
