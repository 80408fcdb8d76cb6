"""`python -m workers`: read the options, handle signals, and run the loop or a listener."""

import argparse
import atexit
import faulthandler
import gc
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from holding.platform import backup
from holding.platform.backup import check_version
from holding.platform.settings import Settings, logger, start_logging
from workers.jobs import Bench, bench, listen
from workers.loop import STOP_SECONDS, Stop, Worker

ENVIRONMENT = 3  # the exit code when this machine is not ready for us
NICENESS = 5
"""Where both want a processor, pages and webhooks come first: a worker gets a quarter of it."""
AUTOGROUP = Path("/proc/self/autogroup")
log = logger("clearpost.workers")


def main(arguments: list[str] | None = None) -> int:
    """Start a worker; ends well on SIGTERM, SIGINT and, if asked to, when standard input closes."""
    options = _options(arguments)
    _give_way()
    atexit.register(gc.freeze)  # an end that looks for cycles in all that was loaded takes as long
    stop = Stop()
    if options.watch_parent:
        threading.Thread(target=_watch, daemon=True).start()
    if told := _unready():
        sys.stderr.write(f"error: {told}\n")
        return ENVIRONMENT
    faulthandler.register(signal.SIGVTALRM, chain=True)  # says where it was stuck, then ends
    mine = bench()
    start_logging(for_machines=mine.settings.log_for_machines)
    backup.note_version(mine.database, mine.clock.now())
    url = None if options.no_redis else mine.settings.redis_url
    if url is None and not options.no_redis:
        log.warning("No REDIS_URL: looking for work in the database by turns.")
    if options.listen and url:
        listen(url)
        return 0
    for word in (signal.SIGTERM, signal.SIGINT):
        signal.signal(word, lambda *_: stop.set())
    return _work(mine, stop, url, once=options.once)


def _give_way() -> None:
    """Somebody waits for the answer of a page or a webhook, and nobody by the second for a worker.

    Linux may share processors between sessions first and look at the niceness of a process only
    within its session, so a session that is the worker's own is told, too.
    """
    if os.getpriority(os.PRIO_PROCESS, 0) < NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # not every kernel has it
            AUTOGROUP.write_text(str(NICENESS))


def _work(mine: Bench, stop: Stop, url: str | None, *, once: bool) -> int:
    worker = Worker(mine, stop, url=url)
    worker.drain() if once else worker.run()
    return 0


def _unready() -> str:
    """Why this process cannot work with its settings and its database; empty when it can."""
    try:
        refusal = check_version(Settings.from_env().database_url)
    except ValueError as problem:
        return str(problem)
    return f"{refusal.message}\n  hint: {refusal.hint}" if refusal else ""


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
