"""From nothing to a running product, and back to nothing."""

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import requests

from tests.acceptance.product import (
    Product,
    address_in,
    alive,
    children_of,
    free_environment,
    until,
)
from tests.installed import ROOT

pytestmark = pytest.mark.slow


def test_H01_a_fresh_clone_serves_the_sign_in_page(tmp_path: Path) -> None:
    clone, notes = tmp_path / "clone", tmp_path / "demo.err"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    env = {**free_environment(), "CLEARPOST_HOME": str(tmp_path / "home")}
    env["PIP_COMPILE"] = "0"  # what runs is compiled then: a quarter of all that is installed
    started = time.monotonic()
    with notes.open("w") as file:
        demo = subprocess.Popen(
            ["make", "demo", "PORT=0", "ARGS="],
            cwd=clone,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=file,
            start_new_session=True,
        )
    try:
        address = until(lambda: _address(demo, notes), "address", 180)
        page = until(lambda: requests.get(f"{address}/signin", timeout=10), "sign-in page")
        assert page.status_code == 200
        assert 'type="password"' in page.text
        assert time.monotonic() - started < 180
        assert time.time() - (clone / ".venv" / ".product-done").stat().st_mtime < 60
        family = children_of(demo.pid)
        commands = [Path(f"/proc/{pid}/cmdline").read_text() for pid in alive(family)]
        for word in ("redis-server", "workers", "simulator"):
            assert any(word in command for command in commands), (word, commands)
        family |= children_of(demo.pid)
        os.kill(demo.pid, signal.SIGTERM)
        demo.wait(timeout=60)
        until(lambda: not alive(family), "end of all children")
    finally:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)


def _address(demo: subprocess.Popen[bytes], notes: Path) -> str:
    assert demo.poll() is None, notes.read_text("utf-8")
    found = re.search(r"http://[\w.]+:\d+", notes.read_text("utf-8"))
    return found[0] if found else ""


def test_killing_up_with_9_leaves_no_child(product: Product) -> None:
    with product.started("up", "--port", "0") as up:
        address = address_in(product.notes("up"))
        assert requests.get(f"{address}/healthz", timeout=10).status_code == 200
        until(lambda: len(children_of(up.pid)) >= 4, "worker, guard and Redis")
        family = children_of(up.pid)
        up.kill()
        until(lambda: not alive(family), "end of all children")


def test_a_worker_that_died_is_started_again(product: Product) -> None:
    with product.started("up", "--port", "0") as up:
        address_in(product.notes("up"))
        first = until(lambda: _worker_of(up.pid), "worker")
        os.kill(first, signal.SIGKILL)
        until(lambda: _worker_of(up.pid) not in (None, first), "another worker")
        assert "workers ended unexpectedly (-9)" in product.notes("up").read_text("utf-8")


def _worker_of(pid: int) -> int | None:
    """The living child that runs the worker, and not one of its listeners."""
    for child in alive(children_of(pid)):
        words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
        if "workers" in words and "--listen" not in words:
            return child
    return None


def test_a_port_in_use_is_told_with_its_number(product: Product) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        refused = product.run("up", "--port", port, code=3)
        assert port in refused.stderr
        assert "--port" in refused.stderr
