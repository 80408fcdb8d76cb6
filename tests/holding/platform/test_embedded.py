"""Our own Redis: private, forgetful, and gone with whoever started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from holding.platform import processes

pytestmark = pytest.mark.skipif(processes.find_server() is None, reason="no redis-server here")

PARENT = """
import sys, time
from pathlib import Path
from holding.platform import processes
server = processes.start_redis(Path(sys.argv[1]))
print(server.pid, server.guard.pid, server.url, flush=True)
time.sleep(60)
"""


def gone(pid: int, seconds: float = 10) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if f"{pid} (redis-server) Z" in _stat(pid):
            return True
        time.sleep(0.02)
    return False


def _stat(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it ended before, or while it was read
        return ""


def test_it_answers_is_private_and_ends(tmp_path: Path) -> None:
    server = processes.start_redis(tmp_path)
    assert server is not None
    assert processes.is_reachable(server.url)
    assert server.folder.stat().st_mode & 0o777 == 0o700
    assert len(server.url) < 100
    pid = server.pid
    server.stop()
    assert gone(pid)
    assert not server.folder.exists()
    assert not processes.is_reachable(server.url)


def test_it_comes_back_empty_when_it_was_killed(tmp_path: Path) -> None:
    server = processes.start_redis(tmp_path)
    assert server is not None
    try:
        pid = server.pid
        os.kill(pid, signal.SIGKILL)
        limit = time.monotonic() + 10
        while not (server.pid != pid and processes.is_reachable(server.url)):
            assert time.monotonic() < limit
            time.sleep(0.02)
    finally:
        server.stop()


def test_it_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid, guard, _ = parent.stdout.readline().split()
    parent.kill()
    parent.communicate()
    assert gone(int(pid))
    assert gone(int(guard))


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
def test_a_program_on_the_path_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    real = processes.find_server()
    assert real is not None
    (tmp_path / name).symlink_to(real)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    server = processes.start_redis(tmp_path)
    assert server is not None
    assert processes.is_reachable(server.url)
    server.stop()


def test_without_a_program_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "find_server", lambda: None)
    assert processes.start_redis(tmp_path) is None
