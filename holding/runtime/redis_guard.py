"""A process between us and our Redis server that outlives neither.

Here: starting the server, starting it again when it dies, ending it when the pipe from our parent
closes, whatever ended the parent. Not here: who asks for it (holding/runtime/embedded_redis.py).
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


def _parent_gone() -> bool:
    """Wait a moment for the pipe to end; nobody ever writes to it."""
    readable, _, _ = select.select([0], [], [], PAUSE_SECONDS)
    return bool(readable) and not os.read(0, 4096)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
