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
EMPTY_SECONDS = 2.0  # between two looks at a database without tables
NICENESS = 5
"""Where both want a processor, pages and webhooks come first: a worker gets a quarter of it."""
AUTOGROUP = Path("/proc/self/autogroup")
log = logger("clearpost.workers")


def main(arguments: list[str] | None = None) -> int:
    """Run a worker until SIGTERM, SIGINT or, with --watch-parent, until standard input closes."""
    options = _options(arguments)
    _lower_priority()
    atexit.register(gc.freeze)  # a collection at exit would delay it
    stop = Stop()
    if options.watch_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    problem = _find_problem()
    if problem and not options.once:
        problem = _await_schema(stop, problem)
    if problem:
        sys.stderr.write(f"error: {problem}\n")
        return ENVIRONMENT
    faulthandler.register(signal.SIGVTALRM, chain=True)  # prints the stack, then ends
    workbench = bench()
    start_logging(for_machines=workbench.settings.log_for_machines)
    backup.note_version(workbench.database, workbench.clock.now())
    url = None if options.no_redis else workbench.settings.redis_url
    if url is None and not options.no_redis:
        log.warning("No REDIS_URL: looking for work in the database by turns.")
    if options.listen and url:
        listen(url)
        return 0
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stop.set())
    return _work(workbench, stop, url, run_once=options.once)


def _lower_priority() -> None:
    """Lower the worker's priority: users wait for pages and webhooks, not for a worker.

    Linux may share processors between sessions first and apply a process's niceness only within its
    session. A session of the worker's own is therefore lowered as well.
    """
    if os.getpriority(os.PRIO_PROCESS, 0) < NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # not every kernel has it
            AUTOGROUP.write_text(str(NICENESS))


def _work(workbench: Bench, stop: Stop, url: str | None, *, run_once: bool) -> int:
    worker = Worker(workbench, stop, url=url)
    worker.drain() if run_once else worker.run()
    return 0


def _find_problem() -> str:
    """Return why the settings or the database are unusable; blank if they are fine."""
    try:
        refusal = check_version(Settings.from_env().database_url)
    except ValueError as problem:
        return str(problem)
    return f"{refusal.message}\n  hint: {refusal.hint}" if refusal else ""


def _await_schema(stop: Stop, problem: str) -> str:
    """Wait while the database is empty: a worker may start before `clearpost migrate` has run.

    Return the fault of the database afterwards; blank if it can be used.
    """
    has_logged = False
    while problem and backup.is_empty(Settings.from_env().database_url):
        if not has_logged:
            sys.stderr.write("The database is empty: waiting for `clearpost migrate`.\n")
            has_logged = True
        stop.wait(EMPTY_SECONDS)
        problem = _find_problem()
    return problem


def _options(arguments: list[str] | None) -> Any:
    parser = argparse.ArgumentParser(prog="python -m workers", description=main.__doc__)
    parser.add_argument("--no-redis", action="store_true", help="look for work in the tables only")
    parser.add_argument("--once", action="store_true", help="do what is due now, then end")
    parser.add_argument("--watch-parent", action="store_true", help="end when stdin closes")
    parser.add_argument("--listen", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _end_with_parent() -> None:
    """Send SIGTERM to this process when its parent ends, and exit if that takes too long."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(STOP_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
