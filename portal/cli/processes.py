"""The child processes of `up` and `demo`: none of them outlives its parent.

Here: starting a child with a pipe that tells it when we are gone, stopping all of them, and asking
whether a port is free. Not here: what the children do.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from portal.cli.frame import ENVIRONMENT, Stop

STOP_SECONDS = 12
HOME = str(Path(__file__).resolve().parents[2])


@dataclass(frozen=True, slots=True)
class Child:
    """A running process, and how it was asked for."""

    module: str
    words: tuple[str, ...]
    process: subprocess.Popen[str]

    def end(self) -> None:
        """Ask it to end, wait, insist."""
        if self.process.stdin:
            self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

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
