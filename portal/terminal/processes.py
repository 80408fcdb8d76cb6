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

from portal.terminal.command_frame import ENVIRONMENT, Office, Stop, print_note, refuse

if TYPE_CHECKING:
    from holding.platform.processes import EmbeddedRedis


STOP_SECONDS = 12
LOOK_SECONDS = 1.0  # between two checks whether a child has died
HOME = str(Path(__file__).resolve().parents[2])


def end_on_signals() -> None:
    """SIGTERM ends this process the way Ctrl-C does: every block is left properly."""
    signal.signal(signal.SIGTERM, _as_interrupt)


def _as_interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def start_queue(place: Office) -> "EmbeddedRedis | None":
    """A Redis of our own unless one is given. Without a program for it the worker looks into the
    database on its own, once a second unless a time is set, which is said here and nowhere else.
    """
    from holding.platform.processes import start_redis

    if os.environ.get("REDIS_URL"):
        return None
    found = start_redis(place.settings.home)
    if found is None:
        print_note(
            "No redis-server or valkey-server here: the worker asks the database each second."
        )
        os.environ.setdefault("CLEARPOST_SWEEP_SECONDS", "1")
        return None
    os.environ["REDIS_URL"] = found.url
    return found


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

    def first_line(self) -> dict[str, object]:
        """What it says of itself on its first line; only of one that was started to be heard."""
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise Stop(f"{self.module} did not start.", code=ENVIRONMENT)
        found: dict[str, object] = json.loads(line)
        return found


class Children:
    """The processes we started. Leaving the block ends them, the youngest first."""

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
        """Run a module of ours; it watches the pipe we hold and ends when that closes."""
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
        """Start the child that runs a module again, whenever it ended unasked."""
        threading.Thread(target=self._keep, args=(module,), daemon=True).start()

    def _keep(self, module: str) -> None:
        while not self._over.wait(LOOK_SECONDS):
            with self._turn:
                for child in [one for one in self._running if one.module == module]:
                    code = child.process.poll()
                    if code is not None and not self._over.is_set():
                        print_note(f"{module} ended unexpectedly ({code}) and is started again.")
                        self.restart(module)

    def end(self, module: str) -> None:
        """End the child that runs a module; it is not started again."""
        with self._turn:
            child = next(one for one in self._running if one.module == module)
            self._running.remove(child)
            child.end()

    def restart(self, module: str) -> None:
        """End the child that runs a module, and start it again with the settings of now."""
        with self._turn:
            old = next(child for child in self._running if child.module == module)
            self._running.remove(old)
            old.end()
            self.start(module, *old.words)


def require_free_port(host: str, port: int) -> None:
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


def run_module(module: str, words: Sequence[str]) -> None:
    """Become a module of ours: its exit code is ours."""
    os.environ["PYTHONPATH"] = HOME
    os.execv(sys.executable, [sys.executable, "-m", module, *words])  # noqa: S606


class Portal:
    """The pages, served from this process until a signal ends it."""

    def __init__(self, place: Office, port: int | None) -> None:
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
        """Answer requests beside what this process does otherwise."""
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
    """A worker with its sweeper, for as long as the block lasts; it listens to the queue when there
    is one. Links that it sends lead to this portal. `kept`: another was started before, and what
    watches over that watches over this.
    """
    os.environ["CLEARPOST_PORT"] = str(portal.port)
    children.start("workers", *([] if os.environ.get("REDIS_URL") else ["--no-redis"]))
    if not kept:
        children.keep("workers")
