"""The installed command, entered in a fork of a process that has loaded it: a start costs little.

Here: one such process for each installed command, and what is started in it. It lies on huge pages,
for a fork copies what says where its pages are, and it hashes passwords in no time, which no
setting of the product can ask for. Every start is a process of its own, with its own folder,
environment and streams, entered as the command's own script enters it. What the product itself
starts is started as ever; only where a test says so its workers are forks, too, which wait beside
it and are its children. Not here: runs whose environment matters to Python itself; those start it
anew (product.py). Nothing of the six packages is imported here.
"""

import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from select import select
from typing import IO, Any

OURS = ("CLEARPOST_", "DATABASE_URL", "REDIS_URL")
PATIENCE = 300
REHEARSAL = Path(__file__).with_name("rehearsal.py")
_DRIVER = """
import contextlib, ctypes, functools, gc, importlib, io, json, os, runpy, select, socket, subprocess
import sys, traceback
from importlib.metadata import entry_points
from pathlib import Path
HUGE, COLLAPSE = 1 << 21, 25  # bytes of a huge page; what asks for them at once
(script,) = entry_points(group="console_scripts", name="clearpost")
main = script.load()
for name in (
    "portal.app", "holding.records.trace", "holding.rulesets.publication",
    "holding.access.people", "rules.testing.runner",
    "workers.jobs", "workers.jobs", "workers.loop", "waitress.server", "psycopg",
    "sandbox.simulators.aiaccount", "sandbox.simulators.autocount",
):
    importlib.import_module(name)
importlib.import_module("sqlalchemy.orm").configure_mappers()
doors = importlib.import_module("holding.access.sessions")
doors._hasher = type(doors._hasher)(time_cost=1, memory_cost=64, parallelism=1)  # of passwords
compiled = importlib.import_module("jinja2").FileSystemBytecodeCache(sys.argv[1])
importlib.import_module("flask").Flask.jinja_options = {"bytecode_cache": compiled}
reading = importlib.import_module("grammar.parsing.parser")
reading.parse.__defaults__ = (functools.cache(reading.parse_declaration),)  # of one text read once
starter = Path(importlib.import_module("portal").__file__).parent / "starters/netshop-aiaccount"
files = {path.name: path.read_text("utf-8") for path in starter.glob("*.rules")}
# grammar and starter are read
importlib.import_module("holding.rulesets.admission").examine(files)
faults = importlib.import_module("connectors.transport.strict_json")

def become(_, words):
    # a command that becomes a module of ours goes on here: it is loaded already
    sys.argv = words[2:]
    runpy.run_module(words[2], run_name="__main__", alter_sys=True)

waiting = []

def ready():
    # a fork that waits for what the product starts next; it ends with the one that keeps it
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if child == 0:
        ours.close()
        raw, streams, _, _ = socket.recv_fds(theirs, 1 << 20, 3)
        if not raw:
            os._exit(0)
        job = json.loads(raw)
        if job["alone"]:
            os.setsid()
        enter(job, streams)
    theirs.close()
    waiting.append((child, ours))

anew = subprocess.Popen._execute_child

def execute(self, args, *rest):
    # a worker is a fork that waits, as long as there is one; all else is started anew
    if not waiting or list(args[:3]) != [sys.executable, "-m", "workers"]:
        return anew(self, args, *rest)
    pipes = rest[9:15]
    self.pid, line = waiting.pop()
    self._child_created = True
    job = {
        "words": args, "code": "become(None, job['words'])", "cwd": os.getcwd(),
        "env": dict(os.environ if rest[5] is None else rest[5]), "alone": rest[20],
        "forks": 0 if "--listen" in args else 1,
    }
    given = [at if pipe == -1 else pipe for at, pipe in enumerate((pipes[0], pipes[3], pipes[5]))]
    socket.send_fds(line, [json.dumps(job).encode()], given)
    line.close()
    self._close_pipe_fds(*pipes)

def enter(job, streams):
    os.execv, subprocess.Popen._execute_child = become, execute
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
    os.closerange(3, 4096)
    sys.stdin, sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.FileIO(place, mode, closefd=False), encoding="utf-8")
        for place, mode in enumerate("rww")
    )
    for _ in range(job["forks"]):
        ready()
    sys.argv = ["clearpost", *job["words"]]
    code = 1
    try:
        faults._PLAN = faults.read_plan(os.environ)  # as if it were loaded only now
        exec(job["code"]) if job["code"] else main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

def begin(line):
    # a start is a fork of this process, which says its number and, later, how it ended
    raw, given, _, _ = socket.recv_fds(line, 1 << 20, 4)
    if not raw:
        os._exit(0)
    child = os.fork()
    if child == 0:
        enter(json.loads(raw), given[:3])
    for stream in given[:3]:
        os.close(stream)
    os.write(given[3], b"%d\\n" % child)
    handle = os.pidfd_open(child)
    running[handle] = (child, given[3])
    ears.register(handle, select.POLLIN)

def ended(handle):
    child, told = running.pop(handle)
    ears.unregister(handle)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(BrokenPipeError):
        os.write(told, b"%d\\n" % code)
    os.close(told)
    os.close(handle)

def on_huge_pages():
    # a fork copies what says where the pages are: of huge ones there are few
    here = ctypes.CDLL(None, use_errno=True).madvise
    here.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for at in Path("/proc/self/maps").read_text().splitlines():
        place, rights, *rest = at.split()
        if rights.startswith("rw") and (len(rest) < 4 or rest[3] == "[heap]"):
            first, last = (int(end, 16) for end in place.split("-"))
            first, last = (first + HUGE - 1) // HUGE * HUGE, last // HUGE * HUGE
            if first < last:
                here(first, last - first, COLLAPSE)

rehearse = runpy.run_path(sys.argv[2])["rehearse"]
rehearse(main, become, starter)
gc.freeze()
on_huge_pages()

line, running, ears = socket.socket(fileno=0), {}, select.poll()
ears.register(line, select.POLLIN)
while True:
    for handle, _ in ears.poll():
        ended(handle) if handle in running else begin(line)
"""


@dataclass
class Started:
    """A process that was started; of subprocess.Popen what the tests use."""

    pid: int
    stdin: IO[str]
    stdout: IO[str]
    _told: IO[bytes]
    returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, once it has ended."""
        if self.returncode is None and self._has_ended(0):
            self.returncode = int(self._told.readline())
        return self.returncode

    def wait(self, timeout: float) -> int:
        """The exit code, as soon as it ends; negative when a signal ended it."""
        self._has_ended(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Let go of its streams."""
        for stream in (self.stdin, self.stdout, self._told):
            stream.close()

    def _has_ended(self, seconds: float) -> bool:
        return self.returncode is not None or bool(select([self._told], [], [], seconds)[0])


def fits(env: Mapping[str, str]) -> bool:
    """Whether these settings are ours alone, and none of Python's."""
    return all(name.startswith(OURS) for name in env)


def start(
    command: Path,
    words: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    notes: IO[str],
    forks: int = 0,
) -> Started:
    """A run of the command that goes on; `notes` gets its standard error, and so many of the
    workers that it starts are forks.
    """
    (stdin, typed), (heard, stdout) = os.pipe(), os.pipe()
    job = {**_job(words, cwd, env), "forks": forks}
    pid, told = _enter(command, job, (stdin, stdout, notes.fileno()))
    os.close(stdin)
    os.close(stdout)
    return Started(pid, os.fdopen(typed, "w"), os.fdopen(heard), told)


def run(
    command: Path,
    words: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    said: str = "",
    code: str = "",
    forks: int = 0,
    patience: float = PATIENCE,
) -> subprocess.CompletedProcess[str]:
    """What one run of the command came to; its exit code is negative when a signal ended it.

    With `code`, this is what Python runs there instead of the command.
    """
    job = {**_job(words, cwd, env), "code": code, "forks": forks}
    with (
        tempfile.TemporaryFile("w+") as stdin,
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
    ):
        stdin.write(said)
        stdin.seek(0)
        pid, told = _enter(command, job, tuple(one.fileno() for one in (stdin, out, err)))
        with told:
            if not select([told], [], [], patience)[0]:
                os.kill(pid, signal.SIGKILL)
            ended = int(told.readline())
        for one in (out, err):
            one.seek(0)
        return subprocess.CompletedProcess([command, *words], ended, out.read(), err.read())


def _job(words: Sequence[str], cwd: Path, env: Mapping[str, str]) -> dict[str, Any]:
    return {"words": list(words), "cwd": str(cwd), "env": dict(env), "code": "", "forks": 0}


def _enter(
    command: Path, job: Mapping[str, Any], streams: tuple[int, ...]
) -> tuple[int, IO[bytes]]:
    """The number of the process that does the job, and what will tell its exit code."""
    told, tells = os.pipe()
    socket.send_fds(_driver(command), [json.dumps(job).encode()], [*streams, tells])
    os.close(tells)
    heard = os.fdopen(told, "rb", buffering=0)
    return int(heard.readline()), heard


@cache
def _driver(command: Path) -> socket.socket:
    """The line to a process that has loaded the command; it ends when the line closes with us."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # with it the tree of the tests would be loaded instead of what is installed
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with theirs:
        subprocess.Popen(
            [str(command.with_name("python")), "-c", _DRIVER, str(command.parents[1]), REHEARSAL],
            stdin=theirs.fileno(),
            text=True,
            cwd="/",
            env=env,
        )
    return ours
