"""The child processes of `up` and `demo`: none of them outlives its parent.

Here: starting a child with a pipe that tells it when we are gone, stopping all of them, and asking
whether a port is free. Not here: what the children do.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from portal.cli.frame import ENVIRONMENT, Stop

STOP_SECONDS = 12
HOME = str(Path(__file__).resolve().parents[2])


class Children:
    """The processes we started. Leaving the block ends them, the youngest first."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[str]] = []

    def __enter__(self) -> "Children":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._running:
            _end(self._running.pop())

    def start(
        self, module: str, *words: str, env: Mapping[str, str] | None = None, listen: bool = False
    ) -> subprocess.Popen[str]:
        """Run a module of ours; it watches the pipe we hold and ends when that closes."""
        child = subprocess.Popen(
            [sys.executable, "-m", module, *words, "--watch-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if listen else None,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": HOME, **(env or {})},
        )
        self._running.append(child)
        return child


def first_line(child: subprocess.Popen[str], name: str) -> dict[str, object]:
    """What a child says of itself on its first line."""
    line = child.stdout.readline() if child.stdout else ""
    if not line:
        raise Stop(f"{name} did not start.", code=ENVIRONMENT)
    found: dict[str, object] = json.loads(line)
    return found


def free_port(host: str, port: int) -> None:
    """Nothing, if the port can be listened on; else the command ends and says how to go on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise Stop(
                f"Port {port} on {host} cannot be used: {problem.strerror}.",
                f"Choose another one: --port {port + 1 if 1023 < port < 65000 else 8010}",
                ENVIRONMENT,
            ) from problem


def run_module(module: str, words: Sequence[str]) -> int:
    """Become a module of ours: its exit code is ours."""
    os.environ["PYTHONPATH"] = HOME
    os.execv(sys.executable, [sys.executable, "-m", module, *words])  # noqa: S606


def _end(child: subprocess.Popen[str]) -> None:
    if child.stdin:
        child.stdin.close()
    child.terminate()
    try:
        child.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdout:
        child.stdout.close()
