"""Work on what strangers wrote, in a child process that may use so much of the machine and no more.

Here: limiting the process one is in, a child for one piece of work, and a child that is kept for
many; none of them has our secrets, and of our settings only where connectors lie. Not here: what a
child does.
Where the system knows no such limits (Windows has no `resource`), only the time is limited.
"""

import math
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path

try:
    import resource
except ImportError:  # pragma: no cover - Windows
    resource = None  # type: ignore[assignment]

_KEPT = ("PATH", "LANG", "VIRTUAL_ENV", "SYSTEMROOT", "TMPDIR", "CLEARPOST_CONNECTORS")
_HOME = str(Path(__file__).resolve().parents[2])
_OUT_OF_MEMORY = 3


class Ended(Enum):
    """Why a child gave no answer."""

    PROCESSOR = "processor"
    TIME = "time"
    MEMORY = "memory"
    BROKEN = "broken"


def confine(*, memory_bytes: int, cpu_seconds: float) -> None:
    """Limit this process for good: its memory, and the processor time from now on."""
    if resource is None:  # pragma: no cover - Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    _allow(cpu_seconds)


def _allow(cpu_seconds: float) -> None:
    """End this process after so many more seconds of processor time."""
    if resource is None:  # pragma: no cover - Windows
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = math.ceil(used.ru_utime + used.ru_stime + cpu_seconds)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


def run(module: str, words: Sequence[str], given: bytes, seconds: float) -> bytes | None:
    """What a module of ours writes about these bytes; None when it fails or takes too long."""
    try:
        child = subprocess.run(
            [sys.executable, "-m", module, *words],
            input=given,
            capture_output=True,
            timeout=seconds,
            check=False,
            env=_environment(),
        )
    except subprocess.TimeoutExpired:
        return None
    return child.stdout if child.returncode == 0 else None


class Child:
    """A module of ours that runs `serve`, kept for one question after the other."""

    def __init__(self, module: str, *words: str) -> None:
        self._late = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=_environment(),
        )

    def ask(self, question: bytes, seconds: float) -> bytes | Ended:
        """The answer to one line, as one line; a child without one has ended."""
        watch = threading.Timer(seconds, self._give_up)
        watch.start()
        try:
            answer = self._told(question)
        finally:
            watch.cancel()
        return answer.rstrip(b"\n") if answer.endswith(b"\n") else self._why()

    def end(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def _told(self, question: bytes) -> bytes:
        into, out = self._process.stdin, self._process.stdout
        if into is None or out is None:
            return b""
        try:
            into.write(question + b"\n")
            into.flush()
        except OSError:  # it has ended
            return b""
        return out.readline()

    def _give_up(self) -> None:
        self._late = True
        self._process.kill()

    def _why(self) -> Ended:
        code = self._process.wait()
        self.end()
        if self._late:
            return Ended.TIME
        if code == -getattr(signal, "SIGXCPU", 0):
            return Ended.PROCESSOR
        return Ended.MEMORY if code == _OUT_OF_MEMORY else Ended.BROKEN


def serve(answer: Callable[[bytes], bytes], *, memory_bytes: int, cpu_seconds: float) -> None:
    """Answer the lines of standard input, each within these limits; end with whoever asks."""
    confine(memory_bytes=memory_bytes, cpu_seconds=cpu_seconds)
    questions: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(questions,), daemon=True).start()
    while True:
        question = questions.get()
        _allow(cpu_seconds)
        try:
            told = answer(question)
        except MemoryError:
            os._exit(_OUT_OF_MEMORY)
        sys.stdout.buffer.write(told + b"\n")
        sys.stdout.buffer.flush()


def _listen(questions: "queue.SimpleQueue[bytes]") -> None:
    """Hand the questions on; nobody left to ask ends this process, whatever it does meanwhile."""
    for line in sys.stdin.buffer:
        questions.put(line)
    os._exit(0)


def _environment() -> dict[str, str]:
    return {"PYTHONPATH": _HOME, **{name: os.environ[name] for name in _KEPT if name in os.environ}}
