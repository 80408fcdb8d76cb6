"""Keep a private Redis server running, and end it when the parent process ends.

This module imports no other module of ours, because it runs as a process of its own beside each
program. It imports only the standard library, so that it starts at once and stays small.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

PAUSE_SECONDS = 0.2


def main(server: str, folder: str, home: str) -> int:
    """Keep `server` running in `folder` until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = start_server(server, Path(folder), Path(home) / "redis.log")
    try:
        while not _parent_gone():
            if child.poll() is not None:
                time.sleep(PAUSE_SECONDS)
                child = start_server(server, Path(folder), Path(home) / "redis.log")
    finally:
        child.kill()
        child.wait()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _parent_gone() -> bool:
    """Wait a moment and check whether the pipe ended; nothing is ever written to it."""
    readable, _, _ = select.select([0], [], [], PAUSE_SECONDS)
    return bool(readable) and not os.read(0, 4096)


def start_server(server: str, folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start the server on a private socket without persistence; its process id is in the file
    `pid`.
    """
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


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
