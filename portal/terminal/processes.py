"""Start, restart and stop the child processes of `up` and `demo`; none outlives its parent."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from portal.terminal.command_frame import ENVIRONMENT, Installation, Stop, print_note, refuse

if TYPE_CHECKING:
    from holding.platform.processes import EmbeddedRedis


STOP_SECONDS = 12
LOOK_SECONDS = 1.0  # between two checks of the children
HOME = str(Path(__file__).resolve().parents[2])


def end_on_signals() -> None:
    """Handle SIGTERM like Ctrl-C, so that every block is left properly."""
    signal.signal(signal.SIGTERM, _as_interrupt)


def _as_interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def start_queue(place: Installation) -> "EmbeddedRedis | None":
    """Start an embedded Redis, unless REDIS_URL is set.

    Without a Redis program, print a note and let the worker read due work from the database once a
    second, unless CLEARPOST_SWEEP_SECONDS is set.
    """
    from holding.platform.processes import start_redis

    if os.environ.get("REDIS_URL"):
        return None
    embedded_redis = start_redis(place.settings.home)
    if embedded_redis is None:
        print_note(
            "No redis-server or valkey-server here: the worker asks the database each second."
        )
        os.environ.setdefault("CLEARPOST_SWEEP_SECONDS", "1")
        return None
    os.environ["REDIS_URL"] = embedded_redis.url
    return embedded_redis


@dataclass(frozen=True, slots=True)
class Child:
    """A running process, and the module and arguments it was started with."""

    module: str
    words: tuple[str, ...]
    process: subprocess.Popen[str]

    def end(self) -> None:
        """Terminate the process, wait, and kill it after STOP_SECONDS."""
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

    def first_line(self) -> dict[str, object]:
        """Return the JSON object on the process's first line; it must be started with `heard`."""
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise Stop(f"{self.module} did not start.", code=ENVIRONMENT)
        report: dict[str, object] = json.loads(line)
        return report


class Children:
    """Manage the processes we started. Leaving the block ends them, the youngest first."""

    def __init__(self) -> None:
        self._running: list[Child] = []
        self._turn = threading.RLock()
        self._over = threading.Event()

    def __enter__(self) -> "Children":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        with self._turn:
            while self._running:
                self._running.pop().end()

    def start(self, module: str, *words: str, heard: bool = False) -> Child:
        """Start a module as a child; it watches the pipe we hold and ends when that closes."""
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words, "--watch-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if heard else subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": HOME},
        )
        child = Child(module, words, process)
        with self._turn:
            self._running.append(child)
        return child

    def keep(self, module: str) -> None:
        """Restart the module's child whenever it ends unexpectedly."""
        threading.Thread(target=self._keep, args=(module,), daemon=True).start()

    def _keep(self, module: str) -> None:
        while not self._over.wait(LOOK_SECONDS):
            with self._turn:
                for child in [child for child in self._running if child.module == module]:
                    code = child.process.poll()
                    if code is not None and not self._over.is_set():
                        print_note(f"{module} ended unexpectedly ({code}) and is started again.")
                        self.restart(module)

    def end(self, module: str) -> None:
        """End the module's child; it is not started again."""
        with self._turn:
            child = next(child for child in self._running if child.module == module)
            self._running.remove(child)
            child.end()

    def restart(self, module: str) -> None:
        """End the module's child, and start it again with the present settings."""
        with self._turn:
            old = next(child for child in self._running if child.module == module)
            self._running.remove(old)
            old.end()
            self.start(module, *old.words)


def require_free_port(host: str, port: int) -> None:
    """Check that the port can be listened on; otherwise end the command with a hint."""
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


def run_module(module: str, words: Sequence[str]) -> None:
    """Replace this process by one of our modules, whose exit code becomes ours."""
    os.environ["PYTHONPATH"] = HOME
    os.execv(sys.executable, [sys.executable, "-m", module, *words])  # noqa: S606


class Portal:
    """Serve the pages from this process until a signal ends it."""

    def __init__(self, place: Installation, port: int | None) -> None:
        from holding.db.refusal import Refusal
        from holding.platform import backup
        from holding.platform.settings import start_logging
        from portal.app import create_app
        from portal.holds.hold_pane import warm_pages
        from portal.web.config import config_of, serve_on

        self.office = place
        config = config_of(place.settings)
        if isinstance(config, Refusal):
            refuse(config, ENVIRONMENT)
        start_logging(for_machines=place.settings.log_for_machines)
        backup.note_version(place.database, place.now)
        host = place.settings.host
        chosen = place.settings.port if port is None else port
        if chosen:
            require_free_port(host, chosen)
        app = create_app(place.database, place.clock, place.settings, config)
        warm_pages(app)
        self._server, self.port = serve_on(app, host, chosen, place.settings.trusted_proxy)
        shown = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - only shown
        self.address = f"http://{shown}:{self.port}"

    def serve(self) -> None:
        """Answer requests until SIGINT or SIGTERM."""
        end_on_signals()
        self._server.run()

    def start(self) -> None:
        """Answer requests in a thread of this process."""
        threading.Thread(target=self._server.run, name="portal", daemon=True).start()

    def wait(self) -> None:
        """Return at SIGINT or SIGTERM."""
        try:
            while True:
                signal.pause()
        except KeyboardInterrupt:
            print_note("Ending …")

    def close(self) -> None:
        """Stop listening."""
        self._server.close()


def start_worker(children: Children, portal: Portal, *, kept: bool = False) -> None:
    """Start a worker with its sweeper for as long as the block lasts.

    It listens to the queue if there is one, and its links lead to this portal. With `kept`, an
    earlier worker's watcher restarts this worker too.
    """
    os.environ["CLEARPOST_PORT"] = str(portal.port)
    children.start("workers", *([] if os.environ.get("REDIS_URL") else ["--no-redis"]))
    if not kept:
        children.keep("workers")
