"""Runs a command, then says how much processor time it took and which processes it left behind.

Here: what `make test` and `make faults` are run under. On Linux whatever loses its parent becomes a
child of this process, so a daemon counts as well, and one that goes on living is found: it is named
and ended, and the command has failed. Elsewhere only the time of what was waited for is told.

    python tools/measured.py COMMAND [ARGUMENT …]
"""

import ctypes
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
GRACE = 10.0
"""Seconds in which what was told to end may end."""
PROC = Path("/proc")


def main(command: list[str]) -> int:
    """The command's own exit code; 1 where it went well and left something behind."""
    adopts = _adopt()
    code = _run(command)
    left = _left_behind() if adopts else []
    for pid, name in left:
        sys.stderr.write(f"Left behind and ended: process {pid}, {name}\n")
        _end(pid)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = used.ru_utime + used.ru_stime
    sys.stdout.write(f"Processor time: {seconds:.1f} s; processes left behind: {len(left)}\n")
    return abs(code) or (1 if left else 0)


def _run(command: list[str]) -> int:
    """Run it to its end; orphans that end meanwhile are waited for at once, as init would."""
    started = subprocess.Popen(command)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == started.pid:
            started.returncode = os.waitstatus_to_exitcode(status)
            return started.returncode


def _adopt() -> bool:
    """Become the parent of every descendant that loses its own; False where that cannot be."""
    if not PROC.joinpath("self/stat").exists():
        return False
    return ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def _left_behind() -> list[tuple[int, str]]:
    """Children that still live when the grace is over, with their command lines."""
    until = time.monotonic() + GRACE
    while children := _children():
        wait = until - time.monotonic()
        if wait <= 0:
            break
        _until_one_ends(children, wait)
    return [(pid, _named(pid)) for pid in children]


def _children() -> list[int]:
    """Our living children; the dead are waited for, so that their time counts."""
    living = []
    for pid in _listed():
        try:
            ended, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue
        if not ended:
            living.append(pid)
    return living


def _listed() -> list[int]:
    tasks = PROC.glob(f"{os.getpid()}/task/*/children")
    return [int(word) for task in tasks for word in task.read_text().split()]


def _until_one_ends(children: list[int], seconds: float) -> None:
    handles = [os.pidfd_open(pid) for pid in children]
    try:
        select.select(handles, [], [], seconds)
    finally:
        for handle in handles:
            os.close(handle)


def _named(pid: int) -> str:
    try:
        words = PROC.joinpath(str(pid), "cmdline").read_bytes().split(b"\0")
    except OSError:
        return "which has just ended"
    return b" ".join(words).decode(errors="replace")[:200].strip() or "without a command line"


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
